/** Bytes that a decoder makes itself: unescaped text, text of buffers that are no longer current. Forgotten with each batch. */
export class Arena {
  bytes = new Uint8Array(1024)
  end = 0

  /** Room for `count` more bytes at `end`. May replace `bytes`. */
  reserve(count: number): void {
    if (this.end + count <= this.bytes.length) return
    const bytes = new Uint8Array(Math.max(this.bytes.length * 2, this.end + count))
    bytes.set(this.bytes.subarray(0, this.end))
    this.bytes = bytes
  }

  /** Copies bytes[start … end); answers where it lies now. */
  copy(bytes: Uint8Array, start: number, end: number): number {
    const length = end - start
    this.reserve(length)
    const at = this.end
    if (length < 48) for (let i = 0; i < length; i++) this.bytes[at + i] = bytes[start + i]
    else this.bytes.set(bytes.subarray(start, end), at)
    this.end = at + length
    return at
  }
}
