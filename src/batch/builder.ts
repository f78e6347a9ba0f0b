import { unreachable } from '../base/assert.ts'
import { type Column, encodeUtf8, setInt64 } from './column.ts'
import { type DataType, type Datum, type Int64, type Storage, storageOf } from './types.ts'

/**
 * Grows one column by appending. Hot decoders and operators use the typed append of the storage they know
 * (`appendNumber`, `appendInt64`, `appendBytes`); `append` takes any Datum of the column's type.
 */
export class ColumnBuilder {
  readonly storage: Storage
  #count = 0
  #capacity: number
  #valid: Uint8Array | undefined
  #bools = new Uint8Array(0)
  #int32 = new Int32Array(0)
  #float64 = new Float64Array(0)
  #starts = new Int32Array(0)
  #ends = new Int32Array(0)
  #bytes = new Uint8Array(0)
  #byteCount = 0
  #boxed: Datum[] = []

  constructor(type: DataType, capacity = 64) {
    this.storage = storageOf(type)
    this.#capacity = Math.max(8, capacity)
    this.#resize(this.#capacity)
  }

  get count(): number {
    return this.#count
  }

  append(value: Datum): void {
    if (value === null) this.appendNull()
    else if (this.storage === 'utf8') this.#appendText(value)
    else if (this.storage === 'boxed') this.#boxed[this.#next()] = value
    else if (this.storage === 'int64') this.appendInt64(value as Int64)
    else this.appendNumber(Number(value))
  }

  appendNull(): void {
    const row = this.#next()
    if (this.storage === 'boxed') {
      this.#boxed[row] = null
      return
    }
    if (this.storage === 'utf8') this.#starts[row] = this.#ends[row] = 0
    this.#valid ??= new Uint8Array(this.#capacity).fill(1)
    this.#valid[row] = 0
  }

  /** For bool (0 or 1), int32 and float64. */
  appendNumber(value: number): void {
    const row = this.#next()
    if (this.storage === 'float64') this.#float64[row] = value
    else if (this.storage === 'int32') this.#int32[row] = value
    else this.#bools[row] = value
  }

  appendInt64(value: Int64): void {
    const row = this.#next()
    setInt64(this.#int32, row, value)
  }

  /** Copies bytes[start … end) as one utf8 value. */
  appendBytes(bytes: Uint8Array, start: number, end: number): void {
    const row = this.#next()
    const length = end - start
    if (this.#byteCount + length > this.#bytes.length) this.#growBytes(length)
    const at = this.#byteCount
    if (length < 32) for (let i = 0; i < length; i++) this.#bytes[at + i] = bytes[start + i]
    else this.#bytes.set(bytes.subarray(start, end), at)
    this.#byteCount = at + length
    this.#starts[row] = at
    this.#ends[row] = at + length
  }

  /** The column so far. The builder must not be used afterwards. */
  finish(): Column {
    const valid = this.#valid
    switch (this.storage) {
      case 'bool':
        return { storage: 'bool', values: this.#bools, valid }
      case 'int32':
        return { storage: 'int32', values: this.#int32, valid }
      case 'int64':
        return { storage: 'int64', words: this.#int32, valid }
      case 'float64':
        return { storage: 'float64', values: this.#float64, valid }
      case 'utf8':
        return { storage: 'utf8', starts: this.#starts, ends: this.#ends, bytes: this.#bytes, valid }
      case 'boxed':
        return { storage: 'boxed', values: this.#boxed, valid: undefined }
      default:
        return unreachable(this.storage)
    }
  }

  #appendText(value: Datum): void {
    const bytes = value instanceof Uint8Array ? value : encodeUtf8(String(value))
    this.appendBytes(bytes, 0, bytes.length)
  }

  #next(): number {
    if (this.#count === this.#capacity) this.#resize(this.#capacity * 2)
    return this.#count++
  }

  #resize(capacity: number): void {
    this.#capacity = capacity
    if (this.#valid) {
      const valid = new Uint8Array(capacity).fill(1)
      valid.set(this.#valid)
      this.#valid = valid
    }
    if (this.storage === 'bool') this.#bools = grown(this.#bools, new Uint8Array(capacity))
    else if (this.storage === 'int32') this.#int32 = grown(this.#int32, new Int32Array(capacity))
    else if (this.storage === 'int64') this.#int32 = grown(this.#int32, new Int32Array(2 * capacity))
    else if (this.storage === 'float64') this.#float64 = grown(this.#float64, new Float64Array(capacity))
    else if (this.storage === 'utf8') {
      this.#starts = grown(this.#starts, new Int32Array(capacity))
      this.#ends = grown(this.#ends, new Int32Array(capacity))
    }
  }

  #growBytes(more: number): void {
    const size = Math.max(256, this.#bytes.length * 2, this.#byteCount + more)
    this.#bytes = grown(this.#bytes, new Uint8Array(size))
  }
}

function grown<T extends { set(from: T): void }>(from: T, to: T): T {
  to.set(from)
  return to
}
