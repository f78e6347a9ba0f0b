import { assert, unreachable } from '../base/assert.ts'
import type { Datum, Decimal, Int64 } from './types.ts'

/**
 * The values of one column of a batch, in Arrow's layouts, with two departures that each cost toArrow() one small pass and
 * save every kernel much: validity and booleans are a byte a row (1 = present, 1 = true), not a bit; and text is a start and
 * an end into shared bytes (Arrow's Utf8View idea), so that a decoder points into the record it read, and filter, take and
 * literals copy no text. Values of NULL rows are unspecified. Arrays may be longer than the batch has rows.
 */
export type Column = BoolColumn | Int32Column | Int64Column | Float64Column | Utf8Column | BoxedColumn

/** One byte a row, 1 = present. Undefined: no NULLs. */
export type Validity = Uint8Array | undefined

export interface BoolColumn {
  readonly storage: 'bool'
  readonly values: Uint8Array
  readonly valid: Validity
}
export interface Int32Column {
  readonly storage: 'int32'
  readonly values: Int32Array
  readonly valid: Validity
}
/** Little-endian halves: words[2i] is the low, words[2i + 1] the high 32 bits: Arrow's int64 bytes without BigInt64Array, which is 20 times slower. */
export interface Int64Column {
  readonly storage: 'int64'
  readonly words: Int32Array
  readonly valid: Validity
}
export interface Float64Column {
  readonly storage: 'float64'
  readonly values: Float64Array
  readonly valid: Validity
}
/** Row i is bytes[starts[i] … ends[i]), valid UTF-8 (any bytes for bytea). */
export interface Utf8Column {
  readonly storage: 'utf8'
  readonly starts: Int32Array
  readonly ends: Int32Array
  readonly bytes: Uint8Array
  readonly valid: Validity
}
/** Types without a flat layout (numeric, interval, array, row, map): one Datum a row, null for NULL. `valid` is always undefined. */
export interface BoxedColumn {
  readonly storage: 'boxed'
  readonly values: readonly Datum[]
  readonly valid: undefined
}

const TWO_32 = 4294967296
/** Beyond this magnitude of the high word the value is not a safe integer. */
const HIGH_SAFE = 0x1fffff

// Without ignoreBOM a text that begins with U+FEFF would lose it.
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
const encoder = new TextEncoder()

export function decodeUtf8(bytes: Uint8Array, start: number, end: number): string {
  // Short ASCII is what devices send; String.fromCharCode over a few bytes beats the decoder's call overhead.
  if (end - start < 24) {
    let text = ''
    let i = start
    for (; i < end; i++) {
      const byte = bytes[i]
      if (byte > 127) break
      text += String.fromCharCode(byte)
    }
    if (i === end) return text
  }
  return decoder.decode(bytes.subarray(start, end))
}

export function encodeUtf8(text: string): Uint8Array {
  return encoder.encode(text)
}

/** The 64-bit integer at `row`, canonical (see Int64). */
export function int64At(words: Int32Array, row: number): Int64 {
  const high = words[2 * row + 1]
  const low = words[2 * row] >>> 0
  if (high <= HIGH_SAFE && high > -HIGH_SAFE - 1) return high * TWO_32 + low
  return canonicalInt64((BigInt(high) << 32n) | BigInt(low))
}

/** The same, as a double: exact within ±2^53, rounded beyond. For timestamps, whose sane values are within. */
export function int64AsNumber(words: Int32Array, row: number): number {
  return words[2 * row + 1] * TWO_32 + (words[2 * row] >>> 0)
}

export function setInt64(words: Int32Array, row: number, value: Int64): void {
  if (typeof value === 'number') {
    const high = Math.floor(value / TWO_32)
    words[2 * row] = value - high * TWO_32
    words[2 * row + 1] = high
  } else {
    words[2 * row] = Number(BigInt.asIntN(32, value))
    words[2 * row + 1] = Number(BigInt.asIntN(32, value >> 32n))
  }
}

/** A number where that is exact, else a bigint. */
export function canonicalInt64(value: bigint): Int64 {
  const n = Number(value)
  return Number.isSafeInteger(n) ? n : value
}

export function isNull(column: Column, row: number): boolean {
  if (column.storage === 'boxed') return column.values[row] === null
  return column.valid !== undefined && column.valid[row] === 0
}

/** One value, boxed. Bytea comes as text here unless `bytea` is said. Not for hot loops. */
export function datumAt(column: Column, row: number, bytea = false): Datum {
  if (isNull(column, row)) return null
  switch (column.storage) {
    case 'bool':
      return column.values[row] === 1
    case 'int32':
    case 'float64':
      return column.values[row]
    case 'int64':
      return int64At(column.words, row)
    case 'utf8':
      return bytea
        ? column.bytes.slice(column.starts[row], column.ends[row])
        : decodeUtf8(column.bytes, column.starts[row], column.ends[row])
    case 'boxed':
      return column.values[row]
    default:
      return unreachable(column)
  }
}

/** The rows named by `rows[0 … count)`, in that order. Copies fixed-width values; text bytes stay shared. */
export function takeColumn(column: Column, rows: Int32Array, count: number): Column {
  if (column.storage === 'boxed') {
    const values: Datum[] = new Array(count)
    for (let i = 0; i < count; i++) values[i] = column.values[rows[i]]
    return { storage: 'boxed', values, valid: undefined }
  }
  const valid = column.valid && takeBytes(column.valid, rows, count)
  switch (column.storage) {
    case 'bool':
      return { storage: 'bool', values: takeBytes(column.values, rows, count), valid }
    case 'int32':
      return { storage: 'int32', values: takeInt32(column.values, rows, count), valid }
    case 'float64':
      return { storage: 'float64', values: takeFloat64(column.values, rows, count), valid }
    case 'int64':
      return { storage: 'int64', words: takeWords(column.words, rows, count), valid }
    case 'utf8':
      return {
        storage: 'utf8',
        starts: takeInt32(column.starts, rows, count),
        ends: takeInt32(column.ends, rows, count),
        bytes: column.bytes,
        valid,
      }
    default:
      return unreachable(column)
  }
}

// One copy a typed-array type: a shared kernel turns megamorphic and is 30 times slower.
function takeBytes(from: Uint8Array, rows: Int32Array, count: number): Uint8Array {
  const to = new Uint8Array(count)
  for (let i = 0; i < count; i++) to[i] = from[rows[i]]
  return to
}
export function takeInt32(from: Int32Array, rows: Int32Array, count: number): Int32Array {
  const to = new Int32Array(count)
  for (let i = 0; i < count; i++) to[i] = from[rows[i]]
  return to
}
function takeFloat64(from: Float64Array, rows: Int32Array, count: number): Float64Array {
  const to = new Float64Array(count)
  for (let i = 0; i < count; i++) to[i] = from[rows[i]]
  return to
}
function takeWords(from: Int32Array, rows: Int32Array, count: number): Int32Array {
  const to = new Int32Array(2 * count)
  for (let i = 0; i < count; i++) {
    const row = rows[i]
    to[2 * i] = from[2 * row]
    to[2 * i + 1] = from[2 * row + 1]
  }
  return to
}

/** Rows [start, end) of a column; shares memory. */
export function sliceColumn(column: Column, start: number, end: number): Column {
  const valid = column.valid?.subarray(start, end)
  switch (column.storage) {
    case 'bool':
      return { storage: 'bool', values: column.values.subarray(start, end), valid }
    case 'int32':
      return { storage: 'int32', values: column.values.subarray(start, end), valid }
    case 'float64':
      return { storage: 'float64', values: column.values.subarray(start, end), valid }
    case 'int64':
      return { storage: 'int64', words: column.words.subarray(2 * start, 2 * end), valid }
    case 'utf8': {
      const { starts, ends, bytes } = column
      return { storage: 'utf8', starts: starts.subarray(start, end), ends: ends.subarray(start, end), bytes, valid }
    }
    case 'boxed':
      return { storage: 'boxed', values: column.values.slice(start, end), valid: undefined }
    default:
      return unreachable(column)
  }
}

export function isDecimal(value: Datum): value is Decimal {
  return typeof value === 'object' && value !== null && 'unscaled' in value
}

/** Narrows a column to the storage its type promises. */
export function expectStorage<S extends Column['storage']>(
  column: Column,
  storage: S,
): Extract<Column, { storage: S }> {
  assert(column.storage === storage, `column is ${column.storage}, not ${storage}`)
  return column as Extract<Column, { storage: S }> // checked by the assert
}
