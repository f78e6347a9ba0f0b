import { assert } from '../../base/assert.ts'
import { EngineError } from '../../base/errors.ts'

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true })
/** Finished bytes up to this size are copied out, so that the writer's memory serves the next answer too. */
const COPY_MAX = 4096

/** Grows bytes at its end, big-endian as the protocol wants. Hot writers use `bytes` and `at` directly, after `reserve`. */
export class ByteWriter {
  bytes: Uint8Array
  at = 0
  #view: DataView

  constructor(capacity = 16 * 1024) {
    this.bytes = new Uint8Array(capacity)
    this.#view = new DataView(this.bytes.buffer)
  }

  /** Makes room for `count` bytes more; `bytes` may be another array afterwards. */
  reserve(count: number): void {
    const needed = this.at + count
    if (needed <= this.bytes.length) return
    const grown = new Uint8Array(Math.max(needed, this.bytes.length * 2))
    grown.set(this.bytes.subarray(0, this.at))
    this.bytes = grown
    this.#view = new DataView(grown.buffer)
  }

  int8(value: number): void {
    this.reserve(1)
    this.bytes[this.at++] = value
  }

  int16(value: number): void {
    this.reserve(2)
    this.#view.setInt16(this.at, value)
    this.at += 2
  }

  int32(value: number): void {
    this.reserve(4)
    this.#view.setInt32(this.at, value)
    this.at += 4
  }

  /** From a little-endian pair of halves. */
  int64(low: number, high: number): void {
    this.reserve(8)
    this.#view.setInt32(this.at, high)
    this.#view.setInt32(this.at + 4, low)
    this.at += 8
  }

  bigint64(value: bigint): void {
    this.reserve(8)
    this.#view.setBigInt64(this.at, value)
    this.at += 8
  }

  float32(value: number): void {
    this.reserve(4)
    this.#view.setFloat32(this.at, value)
    this.at += 4
  }

  float64(value: number): void {
    this.reserve(8)
    this.#view.setFloat64(this.at, value)
    this.at += 8
  }

  /** UTF-8 without a terminator. */
  text(value: string): void {
    this.reserve(value.length * 3)
    // Short ASCII is the rule; a call into the encoder costs more than the loop.
    if (value.length < 24) {
      const { bytes, at } = this
      let i = 0
      for (; i < value.length; i++) {
        const code = value.charCodeAt(i)
        if (code > 127) break
        bytes[at + i] = code
      }
      if (i === value.length) {
        this.at = at + i
        return
      }
    }
    this.at += encoder.encodeInto(value, this.bytes.subarray(this.at)).written
  }

  /** UTF-8 and a zero byte. A zero inside would end it early, so it goes out as U+FFFD. */
  cstring(value: string): void {
    this.text(value.includes('\0') ? value.replaceAll('\0', '\ufffd') : value)
    this.int8(0)
  }

  /** bytes[start … end) of another array. */
  copy(from: Uint8Array, start: number, end: number): void {
    const length = end - start
    this.reserve(length)
    const { bytes, at } = this
    if (length < 32) for (let i = 0; i < length; i++) bytes[at + i] = from[start + i]
    else bytes.set(from.subarray(start, end), at)
    this.at = at + length
  }

  /** Leaves room for a 32-bit length; `endLength(at)` fills it. Returns its place. */
  beginLength(): number {
    this.reserve(4)
    this.at += 4
    return this.at - 4
  }

  /** Fills in the length of what was written after `at`; `own` adds the four bytes of the length itself, as messages count. */
  endLength(at: number, own: 0 | 4): void {
    this.#view.setInt32(at, this.at - at - 4 + own)
  }

  /** What was written; the writer starts anew and no longer touches these bytes. */
  take(): Uint8Array {
    const taken = this.at <= COPY_MAX ? this.bytes.slice(0, this.at) : this.bytes.subarray(0, this.at)
    if (this.at > COPY_MAX) {
      this.bytes = new Uint8Array(Math.min(this.bytes.length, 256 * 1024))
      this.#view = new DataView(this.bytes.buffer)
    }
    this.at = 0
    return taken
  }
}

/** Reads one message's body; running past its end or finding bad UTF-8 is the client's error, not ours. */
export class ByteReader {
  readonly bytes: Uint8Array
  readonly #view: DataView
  #at = 0

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  get remaining(): number {
    return this.bytes.length - this.#at
  }

  int8(): number {
    return this.bytes[this.#advance(1)]
  }

  int16(): number {
    return this.#view.getInt16(this.#advance(2))
  }

  uint16(): number {
    return this.#view.getUint16(this.#advance(2))
  }

  int32(): number {
    return this.#view.getInt32(this.#advance(4))
  }

  uint32(): number {
    return this.#view.getUint32(this.#advance(4))
  }

  int64(): bigint {
    return this.#view.getBigInt64(this.#advance(8))
  }

  float32(): number {
    return this.#view.getFloat32(this.#advance(4))
  }

  float64(): number {
    return this.#view.getFloat64(this.#advance(8))
  }

  take(count: number): Uint8Array {
    const start = this.#advance(count)
    return this.bytes.subarray(start, start + count)
  }

  cstring(): string {
    const end = this.bytes.indexOf(0, this.#at)
    if (end < 0) throw malformed('a string has no end')
    const text = decodeText(this.bytes.subarray(this.#at, end))
    this.#at = end + 1
    return text
  }

  /** The message must end here. */
  end(): void {
    if (this.remaining > 0) throw malformed(`${this.remaining} bytes too many`)
  }

  #advance(count: number): number {
    assert(count >= 0, 'a read goes forward')
    if (count > this.remaining) throw malformed('it ends too early')
    this.#at += count
    return this.#at - count
  }
}

/** UTF-8 to text; 22021 for anything else, zero bytes included, which Postgres has not in text either. */
export function decodeText(bytes: Uint8Array): string {
  if (bytes.includes(0)) throw new EngineError('22021', 'invalid byte sequence for encoding "UTF8": 0x00')
  try {
    return decoder.decode(bytes)
  } catch (cause) {
    throw new EngineError('22021', 'invalid byte sequence for encoding "UTF8"', { cause })
  }
}

/** A message that breaks the protocol. */
export function malformed(what: string): EngineError {
  return new EngineError('08P01', `invalid frontend message: ${what}`, { hint: 'The client broke the protocol.' })
}
