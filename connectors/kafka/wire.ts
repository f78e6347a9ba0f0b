/** Kafka's primitive types as bytes: https://kafka.apache.org/protocol#protocol_types. Big-endian; "compact" lengths are unsigned varints plus one. */
import { assert } from '../../src/base/assert.ts'

const TWO_32 = 4294967296
const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** Reads the fields of one response in order. 64-bit integers come as numbers: offsets, ids and times stay far below 2^53. */
export class Reader {
  at: number
  readonly bytes: Uint8Array
  readonly #end: number
  readonly #view: DataView

  constructor(bytes: Uint8Array, at = 0, end = bytes.length) {
    this.bytes = bytes
    this.at = at
    this.#end = end
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  get left(): number {
    return this.#end - this.at
  }

  int8(): number {
    return this.#view.getInt8(this.#skip(1))
  }

  int16(): number {
    return this.#view.getInt16(this.#skip(2))
  }

  int32(): number {
    return this.#view.getInt32(this.#skip(4))
  }

  int64(): number {
    const at = this.#skip(8)
    return this.#view.getInt32(at) * TWO_32 + this.#view.getUint32(at + 4)
  }

  bool(): boolean {
    return this.int8() !== 0
  }

  uvarint(): number {
    let value = 0
    for (let scale = 1; ; scale *= 128) {
      const byte = this.#view.getUint8(this.#skip(1))
      value += (byte & 127) * scale
      if (byte < 128) return value
    }
  }

  /** A string with a 16-bit length, as the oldest requests have it; null for −1. */
  string(): string | null {
    return this.#text(this.int16())
  }

  compactString(): string {
    return this.compactNullableString() ?? ''
  }

  compactNullableString(): string | null {
    return this.#text(this.uvarint() - 1)
  }

  /** Bytes of the response itself, not a copy; null for none. */
  compactBytes(): Uint8Array | null {
    const length = this.uvarint() - 1
    if (length < 0) return null
    const at = this.#skip(length)
    return this.bytes.subarray(at, at + length)
  }

  compactArray<T>(item: () => T): T[] {
    return this.#items(this.uvarint() - 1, item)
  }

  array<T>(item: () => T): T[] {
    return this.#items(this.int32(), item)
  }

  /** Skips the tagged fields that end every structure of a flexible version; gives those somebody wants to `take`. */
  tags(take?: (tag: number) => void): void {
    for (let count = this.uvarint(); count > 0; count--) {
      const tag = this.uvarint()
      const end = this.uvarint() + this.at
      if (take) take(tag)
      this.at = end
    }
  }

  #items<T>(count: number, item: () => T): T[] {
    const items: T[] = []
    for (let i = 0; i < count; i++) items.push(item())
    return items
  }

  #text(length: number): string | null {
    if (length < 0) return null
    const at = this.#skip(length)
    return decoder.decode(this.bytes.subarray(at, at + length))
  }

  #skip(count: number): number {
    const at = this.at
    if (at + count > this.#end) throw new RangeError('a Kafka response ends before its last field')
    this.at = at + count
    return at
  }
}

/** Writes the fields of one request. Large byte arrays are referred to, not copied: they must stay as they are until the answer. */
export class Writer {
  #bytes = new Uint8Array(512)
  #view = new DataView(this.#bytes.buffer)
  #at = 0
  #start = 0
  readonly #chunks: Uint8Array[] = []
  #chunkBytes = 0

  get length(): number {
    return this.#chunkBytes + this.#at - this.#start
  }

  /** Everything written, in order, to be sent without joining. */
  finish(): readonly Uint8Array[] {
    this.#cut()
    return this.#chunks
  }

  int8(value: number): this {
    const at = this.#room(1)
    this.#view.setInt8(at, value)
    return this
  }

  int16(value: number): this {
    const at = this.#room(2)
    this.#view.setInt16(at, value)
    return this
  }

  int32(value: number): this {
    const at = this.#room(4)
    this.#view.setInt32(at, value)
    return this
  }

  int64(value: number): this {
    assert(Number.isSafeInteger(value), `${value} is no safe integer`)
    const at = this.#room(8)
    const high = Math.floor(value / TWO_32)
    this.#view.setInt32(at, high)
    this.#view.setUint32(at + 4, value - high * TWO_32)
    return this
  }

  bool(value: boolean): this {
    return this.int8(value ? 1 : 0)
  }

  uvarint(value: number): this {
    let rest = value
    for (; rest > 127; rest = Math.floor(rest / 128)) this.#byte((rest & 127) | 128)
    return this.#byte(rest)
  }

  string(value: string | null): this {
    if (value === null) return this.int16(-1)
    const bytes = encoder.encode(value)
    return this.int16(bytes.length).#copy(bytes)
  }

  compactString(value: string | null): this {
    if (value === null) return this.uvarint(0)
    const bytes = encoder.encode(value)
    return this.uvarint(bytes.length + 1).#copy(bytes)
  }

  /** Parts that together are one byte field. */
  compactBytes(...parts: readonly Uint8Array[]): this {
    let length = 0
    for (const part of parts) length += part.length
    this.uvarint(length + 1)
    for (const part of parts) this.#refer(part)
    return this
  }

  compactArray<T>(items: readonly T[], write: (item: T) => void): this {
    this.uvarint(items.length + 1)
    for (const item of items) write(item)
    return this
  }

  /** No tagged fields. */
  tags(): this {
    return this.int8(0)
  }

  #byte(value: number): this {
    const at = this.#room(1)
    this.#bytes[at] = value
    return this
  }

  #copy(bytes: Uint8Array): this {
    const at = this.#room(bytes.length)
    this.#bytes.set(bytes, at)
    return this
  }

  #refer(bytes: Uint8Array): void {
    if (bytes.length < 1024) {
      this.#copy(bytes)
      return
    }
    this.#cut()
    this.#chunks.push(bytes)
    this.#chunkBytes += bytes.length
  }

  #cut(): void {
    if (this.#at === this.#start) return
    this.#chunks.push(this.#bytes.subarray(this.#start, this.#at))
    this.#chunkBytes += this.#at - this.#start
    this.#start = this.#at
  }

  /** Where to write: to be asked before `#bytes` or `#view` is looked at, which it may replace. */
  #room(count: number): number {
    const at = this.#at
    if (at + count > this.#bytes.length) {
      const bytes = new Uint8Array(2 * (at + count))
      bytes.set(this.#bytes.subarray(0, at))
      // Chunks already cut keep the old memory, which is never written again.
      this.#bytes = bytes
      this.#view = new DataView(bytes.buffer)
    }
    this.#at = at + count
    return at
  }
}
