/** How much of a packet that is too large is kept: its topic, its id, and something to recognise it by. */
const HEAD_BYTES = 68 << 10

/** Takes packets. The body is bytes[at … end), the receiver's to keep; `cut` bytes more were dropped because the packet was too large. */
export type OnPacket = (first: number, bytes: Uint8Array, at: number, end: number, cut: number) => void

/**
 * Cuts what a socket brings into packets. Nothing is copied but packets that several pieces hold; a packet above `bytesMax`
 * comes with its beginning only, so that memory stays bounded and the connection goes on.
 */
export class Framing {
  readonly #onPacket: OnPacket
  readonly #bytesMax: number
  #pieces: Uint8Array[] = []
  #waiting = 0
  /** The packet under way cannot be taken before so many bytes wait. */
  #need = 0
  /** Bytes to be dropped: the rest of a packet that was too large. */
  #skip = 0

  constructor(bytesMax: number, onPacket: OnPacket) {
    this.#bytesMax = bytesMax
    this.#onPacket = onPacket
  }

  /** Throws RangeError for what is no MQTT. */
  push(piece: Uint8Array): void {
    for (let at = 0; at < piece.length; ) {
      if (this.#skip > 0) {
        const dropped = Math.min(this.#skip, piece.length - at)
        this.#skip -= dropped
        at += dropped
      } else if (this.#waiting > 0) {
        const more = piece.subarray(at, at + this.#need - this.#waiting)
        this.#keep(more)
        at += more.length
        if (this.#waiting < this.#need) return
        const joined = join(this.#pieces, this.#waiting)
        this.#pieces = []
        this.#waiting = 0
        const left = this.#takeAll(joined)
        if (left < joined.length) this.#keep(joined.subarray(left))
      } else {
        const rest = at === 0 ? piece : piece.subarray(at)
        const left = this.#takeAll(rest)
        if (left < rest.length) this.#keep(rest.subarray(left))
        return
      }
    }
  }

  #keep(bytes: Uint8Array): void {
    this.#pieces.push(bytes)
    this.#waiting += bytes.length
  }

  /** Answers where the first packet begins that is not complete. */
  #takeAll(bytes: Uint8Array): number {
    const end = bytes.length
    for (let at = 0; at < end; ) {
      let length = 0
      let body = at + 1
      for (let shift = 0; ; shift += 7) {
        if (shift > 21) throw new RangeError('a packet without a length')
        if (body === end) {
          this.#need = end - at + 1
          return at
        }
        const byte = bytes[body++]
        length |= (byte & 127) << shift
        if (byte < 128) break
      }
      const kept = length > this.#bytesMax ? Math.min(length, HEAD_BYTES) : length
      if (body + kept > end) {
        this.#need = body + kept - at
        return at
      }
      this.#onPacket(bytes[at], bytes, body, body + kept, length - kept)
      const next = body + length
      this.#skip = Math.max(0, next - end)
      at = Math.min(next, end)
    }
    return end
  }
}

function join(pieces: readonly Uint8Array[], length: number): Uint8Array {
  const joined = new Uint8Array(length)
  let at = 0
  for (const piece of pieces) {
    joined.set(piece, at)
    at += piece.length
  }
  return joined
}
