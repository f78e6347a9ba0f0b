import { assert, unreachable } from '../../base/assert.ts'
import { type Column, expectStorage, int64AsNumber, int64At } from '../../batch/column.ts'
import type { DataType, Datum } from '../../batch/types.ts'
import {
  DATE_INFINITY,
  DATE_MINUS_INFINITY,
  formatTimestamp,
  formatTimestamptz,
  type TextSettings,
} from '../../expr/datetime.ts'
import { formatFloat } from '../../expr/number-text.ts'
import { formatDatum } from '../../expr/text.ts'
import { type TimeZone, timeZone } from '../../expr/time-zone.ts'
import type { CellWriter } from './cells.ts'
import { writeDate, writeDouble, writeInteger, writeTime, writeTimestamp } from './digits.ts'

/** The text format: what Postgres' output functions print. */

/** Room for any number or time this file writes without asking again. */
const FIXED_MAX = 48
/** Years 1684 to 2255: beyond, and for the infinities, a double is not exact. */
const EXACT_MICROS = Number.MAX_SAFE_INTEGER
const HEX = new TextEncoder().encode('0123456789abcdef')

type MapType = Extract<DataType, { kind: 'map' }>

/** Writes the values of a column as text. */
export function textCells(column: Column, type: DataType, settings: TextSettings): CellWriter {
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
      return timestamps(expectStorage(column, 'int64').words, timeZone(settings.timeZone))
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
      return boxed(expectStorage(column, 'boxed').values, type, settings)
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
  return (out, row) => out.text(formatFloat(values[row], 'real'))
}

function dates(values: Int32Array): CellWriter {
  return (out, row) => {
    out.reserve(FIXED_MAX)
    const days = values[row]
    if (days === DATE_INFINITY) out.text('infinity')
    else if (days === DATE_MINUS_INFINITY) out.text('-infinity')
    else writeDate(out, days)
  }
}

function times(words: Int32Array): CellWriter {
  return (out, row) => {
    out.reserve(FIXED_MAX)
    writeTime(out, int64AsNumber(words, row))
  }
}

function timestamps(words: Int32Array, zone: TimeZone | undefined): CellWriter {
  return (out, row) => {
    out.reserve(FIXED_MAX)
    const micros = int64AsNumber(words, row)
    if (micros > EXACT_MICROS || micros < -EXACT_MICROS) {
      const exact = int64At(words, row)
      out.text(zone ? formatTimestamptz(exact, zone) : formatTimestamp(exact))
    } else writeTimestamp(out, micros, zone?.offsetAt(Math.floor(micros / 1e6)))
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

function boxed(values: readonly Datum[], type: DataType, settings: TextSettings): CellWriter {
  if (type.kind === 'map') return (out, row) => out.text(mapJson(values[row], type, settings))
  return (out, row) => out.text(formatDatum(values[row], type, settings))
}

/** A map as the JSON object that clients see it as. */
export function mapJson(entries: Datum, type: MapType, settings: TextSettings): string {
  const pairs = listOf(entries).map(entry => {
    const [key, value] = listOf(entry)
    return `${JSON.stringify(formatDatum(key, type.key, settings))}: ${jsonOf(value, type.value, settings)}`
  })
  return `{${pairs.join(', ')}}`
}

function jsonOf(value: Datum, type: DataType, settings: TextSettings): string {
  if (value === null) return 'null'
  if (type.kind === 'map') return mapJson(value, type, settings)
  if (type.kind === 'array')
    return `[${listOf(value)
      .map(v => jsonOf(v, type.element, settings))
      .join(', ')}]`
  const text = formatDatum(value, type, settings)
  if (type.kind === 'boolean') return value === true ? 'true' : 'false'
  const plain = type.kind === 'jsonb' || (NUMBERS.has(type.kind) && /\d$/.test(text))
  return plain ? text : JSON.stringify(text)
}

const NUMBERS = new Set(['smallint', 'integer', 'bigint', 'real', 'double', 'numeric'])

function listOf(value: Datum): readonly Datum[] {
  assert(Array.isArray(value), 'a map is a list of pairs')
  return value
}
