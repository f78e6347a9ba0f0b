import { unreachable } from '../../base/assert.ts'
import { notSupported } from '../../base/errors.ts'
import { type Column, expectStorage, setInt64 } from '../../batch/column.ts'
import { oidOf } from '../../batch/oids.ts'
import type { DataType, Datum, Decimal, Int64, Interval } from '../../batch/types.ts'
import { DATE_INFINITY, DATE_MINUS_INFINITY, isInfinite } from '../../expr/datetime.ts'
import type { ByteWriter } from './bytes.ts'
import type { CellWriter } from './cells.ts'
import { mapJson } from './text.ts'

/** The binary format: what Postgres' send functions produce. Times count from 2000-01-01. */

export const DAYS_TO_2000 = 10_957
export const MICROS_TO_2000 = DAYS_TO_2000 * 86_400_000_000
const MICROS_TO_2000_BIG = BigInt(MICROS_TO_2000)
const JSONB_VERSION = 1
/** Instants inside a map are printed for no session in particular. */
const UTC = { timeZone: 'UTC' }
/** Halves of MICROS_TO_2000, for 64-bit subtraction without bigints. */
const MICROS_TO_2000_LOW = MICROS_TO_2000 % 2 ** 32
const MICROS_TO_2000_HIGH = Math.floor(MICROS_TO_2000 / 2 ** 32)

/** Writes the values of a column in binary. */
export function binaryCells(column: Column, type: DataType): CellWriter {
  switch (type.kind) {
    case 'boolean': {
      const { values } = expectStorage(column, 'bool')
      return (out, row) => out.int8(values[row])
    }
    case 'smallint': {
      const { values } = expectStorage(column, 'int32')
      return (out, row) => out.int16(values[row])
    }
    case 'integer': {
      const { values } = expectStorage(column, 'int32')
      return (out, row) => out.int32(values[row])
    }
    case 'date': {
      const { values } = expectStorage(column, 'int32')
      return (out, row) => out.int32(daysSince2000(values[row]))
    }
    case 'bigint':
    case 'time': {
      const { words } = expectStorage(column, 'int64')
      return (out, row) => out.int64(words[2 * row], words[2 * row + 1])
    }
    case 'timestamp':
    case 'timestamptz':
      return timestamps(expectStorage(column, 'int64').words)
    case 'real': {
      const { values } = expectStorage(column, 'float64')
      return (out, row) => out.float32(values[row])
    }
    case 'double': {
      const { values } = expectStorage(column, 'float64')
      return (out, row) => out.float64(values[row])
    }
    case 'text':
    case 'varchar':
    case 'bytea':
    case 'unknown': {
      const { starts, ends, bytes } = expectStorage(column, 'utf8')
      return (out, row) => out.copy(bytes, starts[row], ends[row])
    }
    case 'jsonb': {
      const { starts, ends, bytes } = expectStorage(column, 'utf8')
      return (out, row) => {
        out.int8(JSONB_VERSION)
        out.copy(bytes, starts[row], ends[row])
      }
    }
    case 'uuid': {
      const { starts, bytes } = expectStorage(column, 'utf8')
      return (out, row) => writeUuid(out, bytes, starts[row])
    }
    case 'numeric':
    case 'interval':
    case 'array':
    case 'row':
    case 'map': {
      const { values } = expectStorage(column, 'boxed')
      return (out, row) => writeBinary(out, values[row], type)
    }
    default:
      return unreachable(type)
  }
}

/** The last and the first day stand for ±infinity in both countings. */
function daysSince2000(days: number): number {
  return days === DATE_INFINITY || days === DATE_MINUS_INFINITY ? days : days - DAYS_TO_2000
}

function timestamps(words: Int32Array): CellWriter {
  return (out, row) => {
    const low = words[2 * row] >>> 0
    const high = words[2 * row + 1]
    if ((high === 0x7fffffff && low === 0xffffffff) || (high === -0x80000000 && low === 0)) out.int64(low, high)
    else {
      const difference = low - MICROS_TO_2000_LOW
      out.int64(difference, high - MICROS_TO_2000_HIGH - (difference < 0 ? 1 : 0))
    }
  }
}

/** 36 characters xxxxxxxx-xxxx-… to 16 bytes. */
function writeUuid(out: ByteWriter, text: Uint8Array, start: number): void {
  out.reserve(16)
  let high = -1
  for (let i = start; i < start + 36; i++) {
    const byte = text[i]
    if (byte === 45) continue
    const digit = byte < 58 ? byte - 48 : (byte | 32) - 87
    if (high < 0) high = digit
    else {
      out.bytes[out.at++] = (high << 4) | digit
      high = -1
    }
  }
}

const encoder = new TextEncoder()
const pair = new Int32Array(2)

/** One boxed value, not NULL; for arrays' elements, rows' fields and the types that lie boxed in columns. */
function writeBinary(out: ByteWriter, value: Datum, type: DataType): void {
  // The casts are by the table at `Datum`: a value of the type has that form.
  switch (type.kind) {
    case 'boolean':
      out.int8(value === true ? 1 : 0)
      break
    case 'smallint':
      out.int16(value as number)
      break
    case 'integer':
      out.int32(value as number)
      break
    case 'date':
      out.int32(daysSince2000(value as number))
      break
    case 'bigint':
    case 'time':
      setInt64(pair, 0, value as Int64)
      out.int64(pair[0], pair[1])
      break
    case 'timestamp':
    case 'timestamptz':
      writeTimestamp(out, value as Int64)
      break
    case 'real':
      out.float32(value as number)
      break
    case 'double':
      out.float64(value as number)
      break
    case 'text':
    case 'varchar':
    case 'unknown':
      out.text(value as string)
      break
    case 'jsonb':
      out.int8(JSONB_VERSION)
      out.text(value as string)
      break
    case 'uuid':
      writeUuid(out, encoder.encode(value as string), 0)
      break
    case 'bytea': {
      const bytes = value as Uint8Array
      out.copy(bytes, 0, bytes.length)
      break
    }
    case 'numeric':
      writeNumeric(out, value as Decimal)
      break
    case 'interval': {
      const { months, days, micros } = value as Interval
      out.bigint64(BigInt(micros))
      out.int32(days)
      out.int32(months)
      break
    }
    case 'array':
      writeArray(out, value as readonly Datum[], type.element)
      break
    case 'row':
      writeRow(
        out,
        value as readonly Datum[],
        type.fields.map(f => f.type),
      )
      break
    case 'map':
      out.int8(JSONB_VERSION)
      out.text(mapJson(value, type, UTC))
      break
    default:
      unreachable(type)
  }
}

function writeTimestamp(out: ByteWriter, micros: Int64): void {
  out.bigint64(isInfinite(micros) ? BigInt(micros) : BigInt(micros) - MICROS_TO_2000_BIG)
}

function writeElement(out: ByteWriter, value: Datum, type: DataType): void {
  if (value === null) {
    out.int32(-1)
    return
  }
  const at = out.beginLength()
  writeBinary(out, value, type)
  out.endLength(at, 0)
}

const SPECIAL_SIGN = { NaN: 0xc000, Infinity: 0xd000, '-Infinity': 0xf000 } as const

/** Digits in base 10,000 with the weight of the first; trailing zero digits left out. */
function writeNumeric(out: ByteWriter, value: Decimal): void {
  if (value.special) {
    out.int16(0)
    out.int16(0)
    out.int16(SPECIAL_SIGN[value.special])
    out.int16(0)
    return
  }
  const { unscaled, scale } = value
  const text = String(unscaled < 0n ? -unscaled : unscaled)
  // Pad on both sides so that the decimal point falls between digits of base 10,000.
  const fractionPad = (4 - (scale % 4)) % 4
  const padded = text + '0'.repeat(fractionPad)
  const aligned = padded.padStart(Math.ceil(padded.length / 4) * 4, '0')
  const digits: number[] = []
  for (let i = 0; i < aligned.length; i += 4) digits.push(Number(aligned.slice(i, i + 4)))
  let weight = digits.length - (scale + fractionPad) / 4 - 1
  while (digits.length > 0 && digits[0] === 0) {
    digits.shift()
    weight--
  }
  while (digits.length > 0 && digits[digits.length - 1] === 0) digits.pop()
  out.int16(digits.length)
  out.int16(digits.length === 0 ? 0 : weight)
  out.int16(unscaled < 0n ? 0x4000 : 0)
  out.int16(scale)
  for (const digit of digits) out.int16(digit)
}

/** Postgres' arrays are rectangular; one of ours that is not cannot be said in binary. */
function writeArray(out: ByteWriter, values: readonly Datum[], element: DataType): void {
  const lengths: number[] = []
  let leaf: DataType = { kind: 'array', element }
  for (let level: Datum = values; leaf.kind === 'array'; leaf = leaf.element) {
    if (!Array.isArray(level)) break
    if (level.length > 0) lengths.push(level.length)
    level = level[0] ?? null
  }
  while (leaf.kind === 'array') leaf = leaf.element
  const leaves: Datum[] = []
  collectLeaves(values, lengths, 0, leaves)
  out.int32(leaves.length === 0 ? 0 : lengths.length)
  out.int32(leaves.includes(null) ? 1 : 0)
  out.int32(oidOf(leaf))
  if (leaves.length === 0) return
  for (const length of lengths) {
    out.int32(length)
    out.int32(1)
  }
  for (const value of leaves) writeElement(out, value, leaf)
}

function collectLeaves(values: readonly Datum[], lengths: readonly number[], depth: number, leaves: Datum[]): void {
  if (values.length !== (lengths[depth] ?? 0))
    throw notSupported('an array of arrays of different lengths in the binary format')
  for (const value of values) {
    if (depth === lengths.length - 1) leaves.push(value)
    else if (Array.isArray(value)) collectLeaves(value, lengths, depth + 1, leaves)
    else throw notSupported('an array with a NULL among its arrays in the binary format')
  }
}

function writeRow(out: ByteWriter, values: readonly Datum[], types: readonly DataType[]): void {
  out.int32(types.length)
  for (const [i, type] of types.entries()) {
    out.int32(oidOf(type))
    writeElement(out, values[i], type)
  }
}
