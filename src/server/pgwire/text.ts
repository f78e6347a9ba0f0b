import { unreachable } from '../../base/assert.ts'
import { type Column, expectStorage, int64AsNumber, int64At } from '../../batch/column.ts'
import type { DataType, Datum } from '../../batch/types.ts'
import type { CellWriter } from './cells.ts'
import { realText, writeDate, writeDouble, writeInteger, writeTime, writeTimestamp } from './digits.ts'

/** The text format: what Postgres' output functions print. */

/** Room for any number or time this file writes without asking again. */
const FIXED_MAX = 48
/** ±2⁶³ are infinite timestamps; as doubles everything near them is. */
const INFINITE_MICROS = 9.2e18
const INFINITE_DAYS = 2_147_483_647
const HEX = new TextEncoder().encode('0123456789abcdef')

/** Seconds that a zone is ahead of UTC at an instant, in microseconds since 1970. */
export type ZoneOffset = (micros: number) => number

/** Writes the values of a column as text. */
export function textCells(column: Column, type: DataType, zone: ZoneOffset): CellWriter {
  switch (type.kind) {
    case 'boolean':
      return booleans(expectStorage(column, 'bool').values)
    case 'smallint':
    case 'integer':
      return integers(expectStorage(column, 'int32').values)
    case 'bigint':
      return bigints(expectStorage(column, 'int64').words)
    case 'double':
      return doubles(expectStorage(column, 'float64').values)
    case 'real':
      return reals(expectStorage(column, 'float64').values)
    case 'date':
      return dates(expectStorage(column, 'int32').values)
    case 'time':
      return times(expectStorage(column, 'int64').words)
    case 'timestamp':
      return timestamps(expectStorage(column, 'int64').words, undefined)
    case 'timestamptz':
      return timestamps(expectStorage(column, 'int64').words, zone)
    case 'text':
    case 'varchar':
    case 'uuid':
    case 'jsonb':
    case 'unknown':
      return texts(expectStorage(column, 'utf8'))
    case 'bytea':
      return byteas(expectStorage(column, 'utf8'))
    case 'numeric':
    case 'interval':
    case 'array':
    case 'row':
    case 'map':
      return boxed(expectStorage(column, 'boxed').values, type)
    default:
      return unreachable(type)
  }
}

function booleans(values: Uint8Array): CellWriter {
  return (out, row) => out.int8(values[row] === 1 ? 116 : 102)
}

function integers(values: Int32Array): CellWriter {
  return (out, row) => {
    out.reserve(FIXED_MAX)
    writeInteger(out, values[row])
  }
}

function bigints(words: Int32Array): CellWriter {
  return (out, row) => {
    out.reserve(FIXED_MAX)
    const value = int64At(words, row)
    if (typeof value === 'number') writeInteger(out, value)
    else out.text(String(value))
  }
}

function doubles(values: Float64Array): CellWriter {
  return (out, row) => {
    out.reserve(FIXED_MAX)
    writeDouble(out, values[row])
  }
}

function reals(values: Float64Array): CellWriter {
  return (out, row) => out.text(realText(values[row]))
}

function dates(values: Int32Array): CellWriter {
  return (out, row) => {
    out.reserve(FIXED_MAX)
    const days = values[row]
    if (days >= INFINITE_DAYS) out.text('infinity')
    else if (days < -INFINITE_DAYS) out.text('-infinity')
    else writeDate(out, days)
  }
}

function times(words: Int32Array): CellWriter {
  return (out, row) => {
    out.reserve(FIXED_MAX)
    writeTime(out, int64AsNumber(words, row))
  }
}

function timestamps(words: Int32Array, zone: ZoneOffset | undefined): CellWriter {
  return (out, row) => {
    out.reserve(FIXED_MAX)
    const micros = int64AsNumber(words, row)
    if (micros > INFINITE_MICROS) out.text('infinity')
    else if (micros < -INFINITE_MICROS) out.text('-infinity')
    else writeTimestamp(out, micros, zone?.(micros))
  }
}

function texts(column: Extract<Column, { storage: 'utf8' }>): CellWriter {
  const { starts, ends, bytes } = column
  return (out, row) => out.copy(bytes, starts[row], ends[row])
}

/** bytea_output = hex. */
function byteas(column: Extract<Column, { storage: 'utf8' }>): CellWriter {
  const { starts, ends, bytes } = column
  return (out, row) => {
    out.reserve(2 + 2 * (ends[row] - starts[row]))
    const to = out.bytes
    let at = out.at
    to[at++] = 92
    to[at++] = 120
    for (let i = starts[row]; i < ends[row]; i++) {
      to[at++] = HEX[bytes[i] >> 4]
      to[at++] = HEX[bytes[i] & 15]
    }
    out.at = at
  }
}

function boxed(values: readonly Datum[], type: DataType): CellWriter {
  return (out, row) => out.text(formatRare(values[row], type))
}

function formatRare(value: Datum, _type: DataType): string {
  if (typeof value === 'object' && value !== null && 'unscaled' in value) {
    if (value.special) return value.special
    const digits = String(value.unscaled < 0n ? -value.unscaled : value.unscaled).padStart(value.scale + 1, '0')
    const sign = value.unscaled < 0n ? '-' : ''
    if (value.scale === 0) return sign + digits
    return `${sign}${digits.slice(0, -value.scale)}.${digits.slice(-value.scale)}`
  }
  return JSON.stringify(value)
}

/** Writes the zero-offset of UTC. */
export const utc: ZoneOffset = () => 0
