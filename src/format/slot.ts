import { type Column, datumAt, decodeUtf8, setInt64 } from '../batch/column.ts'
import { type DataType, type Datum, type Field, type Int64, type Storage, storageOf } from '../batch/types.ts'
import type { TimeFormat } from './time-format.ts'

/**
 * One column while a decoder fills it, row by row at an index. One class for all storages, so that every decoder's call sites see one
 * shape; only the array of its storage is used. Its memory is reused by the next batch.
 */
export class Slot {
  readonly name: string
  readonly type: DataType
  readonly storage: Storage
  readonly time: TimeFormat
  /** Index among the decoder's columns. */
  readonly index: number
  /** For the parts of nested types: of an array its element; of a row its fields; of a map key and value. One row each. */
  readonly children: readonly Slot[]
  bools = new Uint8Array(0)
  /** int32, and the halves of int64. */
  ints = new Int32Array(0)
  doubles = new Float64Array(0)
  /** A start below zero is the complement of a start in the arena. */
  starts = new Int32Array(0)
  ends = new Int32Array(0)
  boxed: Datum[] = []
  /** All 1 while `nulls` is false. */
  valid = new Uint8Array(0)
  nulls = false

  constructor(index: number, name: string, type: DataType, time: TimeFormat) {
    this.index = index
    this.name = name
    this.type = type
    this.storage = storageOf(type)
    this.time = time
    const parts: readonly Field[] =
      type.kind === 'array'
        ? [{ name, type: type.element }]
        : type.kind === 'row'
          ? type.fields
          : type.kind === 'map'
            ? [
                { name, type: type.key },
                { name, type: type.value },
              ]
            : []
    this.children = parts.map(part => {
      const child = new Slot(index, part.name, part.type, time)
      child.resize(1)
      return child
    })
  }

  /** The value at a row, boxed. */
  datum(row: number, recordBytes: Uint8Array, arenaBytes: Uint8Array): Datum {
    if (this.storage !== 'utf8') return datumAt(this.column(recordBytes), row)
    if (this.valid[row] === 0) return null
    const inArena = this.starts[row] < 0
    const start = inArena ? ~this.starts[row] : this.starts[row]
    const bytes = inArena ? arenaBytes : recordBytes
    const end = this.ends[row]
    return this.type.kind === 'bytea' ? bytes.slice(start, end) : decodeUtf8(bytes, start, end)
  }

  setNull(row: number): void {
    if (this.storage === 'boxed') {
      this.boxed[row] = null
      return
    }
    if (this.storage === 'utf8') this.starts[row] = this.ends[row] = 0
    this.nulls = true
    this.valid[row] = 0
  }

  setBool(row: number, value: boolean): void {
    this.valid[row] = 1
    this.bools[row] = value ? 1 : 0
  }

  setInt32(row: number, value: number): void {
    this.valid[row] = 1
    this.ints[row] = value
  }

  setInt64(row: number, value: Int64): void {
    this.valid[row] = 1
    setInt64(this.ints, row, value)
  }

  setDouble(row: number, value: number): void {
    this.valid[row] = 1
    this.doubles[row] = value
  }

  /** Bytes [start … end) of the record's buffer, or of the arena when start is a complement. */
  setText(row: number, start: number, end: number): void {
    this.valid[row] = 1
    this.starts[row] = start
    this.ends[row] = end
  }

  resize(capacity: number): void {
    if (this.storage === 'boxed') return
    const valid = new Uint8Array(capacity).fill(1)
    valid.set(this.valid)
    this.valid = valid
    if (this.storage === 'bool') this.bools = grow(this.bools, new Uint8Array(capacity))
    else if (this.storage === 'int32') this.ints = grow(this.ints, new Int32Array(capacity))
    else if (this.storage === 'int64') this.ints = grow(this.ints, new Int32Array(2 * capacity))
    else if (this.storage === 'float64') this.doubles = grow(this.doubles, new Float64Array(capacity))
    else {
      this.starts = grow(this.starts, new Int32Array(capacity))
      this.ends = grow(this.ends, new Int32Array(capacity))
    }
  }

  /** Forgets the rows; keeps the memory. */
  clear(): void {
    if (this.nulls) this.valid.fill(1)
    this.nulls = false
    this.boxed = []
  }

  column(textBytes: Uint8Array): Column {
    const valid = this.nulls ? this.valid : undefined
    switch (this.storage) {
      case 'bool':
        return { storage: 'bool', values: this.bools, valid }
      case 'int32':
        return { storage: 'int32', values: this.ints, valid }
      case 'int64':
        return { storage: 'int64', words: this.ints, valid }
      case 'float64':
        return { storage: 'float64', values: this.doubles, valid }
      case 'utf8':
        return { storage: 'utf8', starts: this.starts, ends: this.ends, bytes: textBytes, valid }
      case 'boxed':
        return { storage: 'boxed', values: this.boxed, valid: undefined }
    }
  }
}

function grow<T extends { set(from: T): void }>(from: T, to: T): T {
  to.set(from)
  return to
}
