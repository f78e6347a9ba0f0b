/**
 * Protocol buffers on the wire, as much as Pulsar's dozen commands need: field numbers instead of a compiled schema. Hot paths
 * read fields in place, without an object a message, which no general library does; that and one dependency less is why.
 */

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** Walks the fields of one message: call `next` until it gives 0. */
export class ProtoReader {
  bytes: Uint8Array
  at: number
  #end: number
  /** Of a numeric field. −1 for what does not fit a safe integer: Pulsar writes "none" as 2^64 − 1. */
  value = 0
  /** A field of bytes, text or a message lies at bytes[start … end). */
  start = 0
  end = 0

  constructor(bytes: Uint8Array, at = 0, end = bytes.length) {
    this.bytes = bytes
    this.at = at
    this.#end = end
  }

  /** Goes on with another message. */
  reset(bytes: Uint8Array, at: number, end: number): void {
    this.bytes = bytes
    this.at = at
    this.#end = end
  }

  /** The next field's number, its content in `value` or `start` and `end`; 0 at the end. */
  next(): number {
    if (this.at >= this.#end) return 0
    const tag = this.#varint()
    const type = tag & 7
    if (type === 0) this.value = this.#varint()
    else if (type === 2) {
      const length = this.#varint()
      this.start = this.at
      this.at += length
      this.end = this.at
    } else if (type === 1 || type === 5) this.at += type === 1 ? 8 : 4
    else throw new RangeError(`a field of wire type ${type}`)
    if (this.at > this.#end || tag < 8) throw new RangeError('a message that ends inside a field')
    return tag >>> 3
  }

  get text(): string {
    return decoder.decode(this.bytes.subarray(this.start, this.end))
  }

  /** The field just read, as a message. */
  message(): ProtoReader {
    return new ProtoReader(this.bytes, this.start, this.end)
  }

  #varint(): number {
    const { bytes } = this
    let byte = bytes[this.at++]
    if (byte < 128) return byte
    let value = byte & 127
    for (let scale = 128; ; scale *= 128) {
      byte = bytes[this.at++]
      value += (byte & 127) * scale
      if (byte < 128) return value > Number.MAX_SAFE_INTEGER ? -1 : value
      if (byte === undefined || scale > 2 ** 63) throw new RangeError('a number that does not end')
    }
  }
}

/** Writes the fields of one message. */
export class ProtoWriter {
  #bytes = new Uint8Array(128)
  #at = 0

  /** −1 is written as 2^64 − 1. */
  number(field: number, value: number | bigint): this {
    this.#varint(field * 8)
    this.#varint(value === -1 ? 0xffff_ffff_ffff_ffffn : value)
    return this
  }

  flag(field: number, value: boolean): this {
    return this.number(field, value ? 1 : 0)
  }

  text(field: number, value: string): this {
    return this.data(field, encoder.encode(value))
  }

  data(field: number, value: Uint8Array): this {
    this.#varint(field * 8 + 2)
    this.#varint(value.length)
    this.#room(value.length)
    this.#bytes.set(value, this.#at)
    this.#at += value.length
    return this
  }

  message(field: number, write: (writer: ProtoWriter) => void): this {
    const inner = new ProtoWriter()
    write(inner)
    return this.data(field, inner.finish())
  }

  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#at)
  }

  #varint(value: number | bigint): void {
    this.#room(10)
    if (typeof value === 'number' && value <= 0x7fffffff) {
      let small = value
      for (; small > 127; small >>>= 7) this.#bytes[this.#at++] = (small & 127) | 128
      this.#bytes[this.#at++] = small
      return
    }
    let rest = BigInt(value)
    for (; rest > 127n; rest >>= 7n) this.#bytes[this.#at++] = Number(rest & 127n) | 128
    this.#bytes[this.#at++] = Number(rest)
  }

  #room(count: number): void {
    if (this.#at + count <= this.#bytes.length) return
    const bytes = new Uint8Array(2 * (this.#at + count))
    bytes.set(this.#bytes.subarray(0, this.#at))
    this.#bytes = bytes
  }
}
