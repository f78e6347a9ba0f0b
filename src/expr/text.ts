import { assert, unreachable } from '../base/assert.ts'
import { EngineError } from '../base/errors.ts'
import { formatTime } from '../batch/civil.ts'
import { isDecimal } from '../batch/column.ts'
import { formatInterval, parseInterval } from '../batch/interval.ts'
import { formatJson, parseJson } from '../batch/jsonb.ts'
import { fitDecimal, formatDecimal, parseDecimal } from '../batch/numeric.ts'
import { type DataType, type Datum, typeName } from '../batch/types.ts'
import { formatDate, formatTimestamp, formatTimestamptz, parseDateTimeText, type TextSettings } from './datetime.ts'
import { formatFloat, parseFloat4, parseFloat8, parseInteger } from './number-text.ts'
import { formatArray, formatRow, parseArray, parseRow } from './text-nested.ts'
import { timeZone } from './time-zone.ts'

/** The text that Postgres prints for a value that is not NULL. */
export function formatDatum(value: Datum, type: DataType, settings: TextSettings): string {
  switch (type.kind) {
    case 'boolean':
      return value === true ? 't' : 'f'
    case 'smallint':
    case 'integer':
    case 'bigint':
      return String(value)
    case 'real':
    case 'double':
      return formatFloat(numberIn(value), type.kind)
    case 'numeric':
      assert(isDecimal(value), 'a numeric value is a Decimal')
      return formatDecimal(value)
    case 'text':
    case 'varchar':
    case 'uuid':
    case 'jsonb':
    case 'unknown':
      return String(value)
    case 'bytea':
      assert(value instanceof Uint8Array, 'a bytea value is bytes')
      return `\\x${Buffer.from(value.buffer, value.byteOffset, value.length).toString('hex')}`
    case 'date':
      return formatDate(numberIn(value))
    case 'time':
      return formatTime(numberIn(value))
    case 'timestamp':
      return formatTimestamp(int64In(value))
    case 'timestamptz':
      return formatTimestamptz(int64In(value), timeZone(settings.timeZone))
    case 'interval':
      assert(typeof value === 'object' && value !== null && 'months' in value, 'an interval value is an Interval')
      return formatInterval(value)
    case 'array':
      return formatArray(listIn(value), type.element, settings)
    case 'row':
      return formatRow(listIn(value), type, settings)
    case 'map':
      return formatMap(listIn(value), type, settings)
    default:
      return unreachable(type)
  }
}

function numberIn(value: Datum): number {
  assert(typeof value === 'number', 'the value is a number')
  return value
}

function int64In(value: Datum): number | bigint {
  assert(typeof value === 'number' || typeof value === 'bigint', 'the value is a 64-bit integer')
  return value
}

function listIn(value: Datum): readonly Datum[] {
  assert(Array.isArray(value), 'the value is a list')
  return value
}

function formatMap(
  entries: readonly Datum[],
  type: Extract<DataType, { kind: 'map' }>,
  settings: TextSettings,
): string {
  const pairs = entries.map(entry => {
    const [key, value] = listIn(entry)
    const text = value === null ? 'NULL' : formatDatum(value, type.value, settings)
    return `${formatDatum(key, type.key, settings)}=${text}`
  })
  return `{${pairs.join(', ')}}`
}

/** Reads what `formatDatum` writes and everything else Postgres accepts. Throws 22P02, 22007, 22008 or 22003. */
export function parseDatum(text: string, type: DataType, settings: TextSettings): Datum {
  switch (type.kind) {
    case 'boolean':
      return parseBoolean(text)
    case 'smallint':
    case 'integer':
    case 'bigint':
      return parseInteger(text, type.kind)
    case 'real':
      return parseFloat4(text)
    case 'double':
      return parseFloat8(text)
    case 'numeric': {
      const value = parseDecimal(text.trim())
      if (!value) throw invalidText(type, text)
      return fitDecimal(value, type.precision, type.scale)
    }
    case 'varchar':
      return fitVarchar(text, type.length, false)
    case 'text':
    case 'unknown':
      return text
    case 'uuid':
      return parseUuid(text)
    case 'jsonb':
      return formatJson(parseJson(text))
    case 'bytea':
      return parseBytea(text)
    case 'date':
    case 'time':
    case 'timestamp':
    case 'timestamptz':
      return parseDateTimeText(text, type.kind, settings)
    case 'interval':
      return parseInterval(text)
    case 'array':
      return parseArray(text, type.element, settings)
    case 'row':
      return parseRow(text, type, settings)
    case 'map':
      throw new EngineError('0A000', `text cannot be read as ${typeName(type)}`)
    default:
      return unreachable(type)
  }
}

/** 22P02: `invalid input syntax for type integer: "x"`. */
export function invalidText(type: DataType, text: string): EngineError {
  const name = type.kind === 'numeric' ? 'numeric' : typeName(type)
  return new EngineError('22P02', `invalid input syntax for type ${name}: "${text}"`)
}

const TRUE_WORDS = ['t', 'tr', 'tru', 'true', 'y', 'ye', 'yes', 'on', '1']
const FALSE_WORDS = ['f', 'fa', 'fal', 'fals', 'false', 'n', 'no', 'of', 'off', '0']

function parseBoolean(text: string): boolean {
  const word = text.trim().toLowerCase()
  if (TRUE_WORDS.includes(word)) return true
  if (FALSE_WORDS.includes(word)) return false
  throw new EngineError('22P02', `invalid input syntax for type boolean: "${text}"`)
}

function parseUuid(text: string): string {
  const digits = text.replace(/^\{(.*)\}$/, '$1').toLowerCase()
  if (!/^[\da-f]{4}(-?[\da-f]{4}){7}$/.test(digits)) {
    throw new EngineError('22P02', `invalid input syntax for type uuid: "${text}"`)
  }
  const hex = digits.replaceAll('-', '')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

function parseBytea(text: string): Uint8Array {
  if (text.startsWith('\\x')) return hexBytes(text.slice(2).replace(/\s/g, ''))
  const out: number[] = []
  const bytes = Buffer.from(text)
  for (let i = 0; i < bytes.length; i++) {
    if (bytes[i] !== 92) out.push(bytes[i])
    else if (bytes[i + 1] === 92) out.push(bytes[++i])
    else {
      const octal = /^[0-3][0-7][0-7]/.exec(bytes.toString('latin1', i + 1, i + 4))?.[0]
      if (!octal) throw new EngineError('22P02', 'invalid input syntax for type bytea')
      out.push(Number.parseInt(octal, 8))
      i += 3
    }
  }
  return Uint8Array.from(out)
}

/** Bytes of hexadecimal digits. Throws 22023. */
export function hexBytes(hex: string): Uint8Array {
  const wrong = /[^\da-fA-F]/.exec(hex)
  if (wrong) throw new EngineError('22023', `invalid hexadecimal digit: "${wrong[0]}"`)
  if (hex.length % 2 !== 0) throw new EngineError('22023', 'invalid hexadecimal data: odd number of digits')
  return Uint8Array.from(Buffer.from(hex, 'hex'))
}

/** The text within varchar(length): blanks at the end go; more than that is 22001, or is cut by an explicit cast. */
export function fitVarchar(text: string, length: number | undefined, cut: boolean): string {
  if (length === undefined || text.length <= length) return text
  const points = [...text]
  if (points.length <= length) return text
  const head = points.slice(0, length).join('')
  if (!cut && points.slice(length).some(c => c !== ' ')) {
    throw new EngineError('22001', `value too long for type character varying(${length})`)
  }
  return head
}
