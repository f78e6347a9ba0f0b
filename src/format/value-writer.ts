import { unreachable } from '../base/assert.ts'
import { ColumnBuilder } from '../batch/builder.ts'
import { type Column, encodeUtf8, isDecimal } from '../batch/column.ts'
import { formatInterval } from '../batch/interval.ts'
import { formatDecimal } from '../batch/numeric.ts'
import type { DataType, Datum } from '../batch/types.ts'
import { ByteWriter, fixedText } from './byte-writer.ts'

const LETTER_Y = 121
const TRUE = fixedText('true')
const FALSE = fixedText('false')

/** `json`: a JSON value. `raw`: the text alone, as in CSV fields and record keys. */
export type Spelling = 'json' | 'raw'

/** Writes the value of a row that is not NULL. */
export type ValueWriter = (column: Column, row: number, out: ByteWriter) => void

/** How values of a type are written. The types JSON has no word for are strings there: times in ISO 8601, bytea in Base64, NaN, intervals. */
export function valueWriter(type: DataType, spelling: Spelling): ValueWriter {
  const quote = spelling === 'json' ? 34 : 0
  switch (type.kind) {
    case 'boolean':
      return (column, row, out) => {
        if (column.storage === 'bool') out.fixed(column.values[row] === 1 ? TRUE : FALSE)
      }
    case 'smallint':
    case 'integer':
      return (column, row, out) => {
        if (column.storage === 'int32') out.integer(column.values[row])
      }
    case 'bigint':
      return (column, row, out) => {
        if (column.storage === 'int64') out.int64(column.words[2 * row], column.words[2 * row + 1])
      }
    case 'real':
    case 'double': {
      const real = type.kind === 'real'
      return (column, row, out) => {
        if (column.storage !== 'float64') return
        const value = column.values[row]
        const special = quote !== 0 && !Number.isFinite(value)
        if (special) out.byte(quote)
        if (real) out.real(value)
        else out.double(value)
        if (special) out.byte(quote)
      }
    }
    case 'date':
      return (column, row, out) => {
        if (column.storage !== 'int32') return
        if (quote !== 0) out.byte(quote)
        out.date(column.values[row])
        if (quote !== 0) out.byte(quote)
      }
    case 'time':
    case 'timestamp':
    case 'timestamptz': {
      const zoned = type.kind === 'timestamptz'
      const timeOnly = type.kind === 'time'
      return (column, row, out) => {
        if (column.storage !== 'int64') return
        const low = column.words[2 * row]
        const high = column.words[2 * row + 1]
        if (quote !== 0) out.byte(quote)
        if (timeOnly) out.time(high * 4294967296 + (low >>> 0))
        else out.timestamp(low, high)
        if (zoned && out.bytes[out.at - 1] !== LETTER_Y) out.byte(90) // infinity has no zone
        if (quote !== 0) out.byte(quote)
      }
    }
    case 'jsonb':
      return (column, row, out) => {
        if (column.storage === 'utf8') out.raw(column.bytes, column.starts[row], column.ends[row])
      }
    case 'bytea':
      return (column, row, out) => {
        if (column.storage !== 'utf8') return
        const bytes = column.bytes.subarray(column.starts[row], column.ends[row])
        if (quote !== 0) out.byte(quote)
        out.string(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64'))
        if (quote !== 0) out.byte(quote)
      }
    case 'text':
    case 'varchar':
    case 'uuid':
    case 'unknown':
      return (column, row, out) => {
        if (column.storage !== 'utf8') return
        if (quote !== 0) out.jsonString(column.bytes, column.starts[row], column.ends[row])
        else out.raw(column.bytes, column.starts[row], column.ends[row])
      }
    case 'numeric':
    case 'interval':
      return (column, row, out) => {
        if (column.storage === 'boxed') writeDatum(type, column.values[row], spelling, out)
      }
    case 'array':
    case 'row':
    case 'map':
      // Also inside a CSV field: JSON.
      return (column, row, out) => {
        if (column.storage === 'boxed') writeDatum(type, column.values[row], 'json', out)
      }
    default:
      return unreachable(type)
  }
}

/** A boxed value; for what lies inside arrays, rows and maps. */
export function writeDatum(type: DataType, value: Datum, spelling: Spelling, out: ByteWriter): void {
  if (value === null) {
    out.string('null')
    return
  }
  switch (type.kind) {
    case 'array': {
      const elements = Array.isArray(value) ? value : []
      out.byte(91)
      elements.forEach((element, i) => {
        if (i > 0) out.byte(44)
        writeDatum(type.element, element, 'json', out)
      })
      out.byte(93)
      return
    }
    case 'row': {
      const values = Array.isArray(value) ? value : []
      out.byte(123)
      type.fields.forEach((field, i) => {
        if (i > 0) out.byte(44)
        writeQuoted(field.name, out)
        out.byte(58)
        writeDatum(field.type, values[i] ?? null, 'json', out)
      })
      out.byte(125)
      return
    }
    case 'map': {
      const entries = Array.isArray(value) ? value : []
      const key = new ByteWriter()
      out.byte(123)
      entries.forEach((entry, i) => {
        if (i > 0) out.byte(44)
        key.at = 0
        writeDatum(type.key, entry[0], 'raw', key)
        out.jsonString(key.bytes, 0, key.at)
        out.byte(58)
        writeDatum(type.value, entry[1], 'json', out)
      })
      out.byte(125)
      return
    }
    case 'numeric': {
      if (!isDecimal(value)) return
      const text = formatDecimal(value)
      if (value.special !== undefined && spelling === 'json') writeQuoted(text, out)
      else out.string(text)
      return
    }
    case 'interval': {
      const text = typeof value === 'object' && 'months' in value ? formatInterval(value) : ''
      if (spelling === 'json') writeQuoted(text, out)
      else out.string(text)
      return
    }
    default:
      writeFlat(type, value, spelling, out)
  }
}

function writeQuoted(text: string, out: ByteWriter): void {
  const bytes = encodeUtf8(text)
  out.jsonString(bytes, 0, bytes.length)
}

/** A value of a type with a flat column, by way of a column of one row. */
function writeFlat(type: DataType, value: Datum, spelling: Spelling, out: ByteWriter): void {
  const builder = new ColumnBuilder(type, 1)
  builder.append(value)
  valueWriter(type, spelling)(builder.finish(), 0, out)
}
