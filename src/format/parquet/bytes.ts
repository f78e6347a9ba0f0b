import { growBytes } from '../../base/grow.ts'

/** Bytes that grow at their end. */
export class Bytes {
  bytes: Uint8Array<ArrayBuffer>
  at = 0

  constructor(capacity = 1024) {
    this.bytes = new Uint8Array(capacity)
  }

  /** Makes room for `more` bytes, so that a loop may write `bytes` itself. */
  reserve(more: number): void {
    if (this.at + more > this.bytes.length) {
      this.bytes = growBytes(this.bytes, Math.max(2 * this.bytes.length, this.at + more))
    }
  }

  byte(value: number): void {
    this.reserve(1)
    this.bytes[this.at++] = value
  }

  u32(value: number): void {
    this.reserve(4)
    for (let i = 0; i < 4; i++) this.bytes[this.at++] = value >>> (8 * i)
  }

  append(from: Uint8Array): void {
    this.reserve(from.length)
    this.bytes.set(from, this.at)
    this.at += from.length
  }

  /** A non-negative safe integer, seven bits a byte. */
  varint(value: number): void {
    this.reserve(10)
    let rest = value
    for (; rest > 0x7fffffff; rest = Math.floor(rest / 128)) this.bytes[this.at++] = (rest % 128) | 128
    for (; rest > 127; rest >>>= 7) this.bytes[this.at++] = (rest & 127) | 128
    this.bytes[this.at++] = rest
  }

  /** A safe integer with its sign in the lowest bit; magnitudes below 2^52. */
  zigzag(value: number): void {
    this.varint(value < 0 ? -2 * value - 1 : 2 * value)
  }

  take(): Uint8Array<ArrayBuffer> {
    return this.bytes.subarray(0, this.at)
  }
}
