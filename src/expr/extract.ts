import { EngineError } from '../base/errors.ts'
import { dateOfDays, daysOfDate, isoWeek, isoWeekStart, joinMicros, splitMicros, weekday } from '../batch/civil.ts'
import { NUMERIC_INFINITY, NUMERIC_MINUS_INFINITY } from '../batch/numeric.ts'
import { type DataType, type Decimal, type Int64, type Interval, typeName } from '../batch/types.ts'
import { isInfinite } from './datetime.ts'

/** extract and date_trunc. Fields have Postgres' names, singular or plural. */

/** Julian day of 1970-01-01. */
const JULIAN_EPOCH = 2_440_588

function whole(value: number): Decimal {
  return { unscaled: BigInt(value), scale: 0 }
}

function scaled(micros: Int64, scale: number): Decimal {
  return { unscaled: BigInt(micros), scale }
}

const ALIASES: Readonly<Record<string, string>> = {
  y: 'year',
  yr: 'year',
  mon: 'month',
  d: 'day',
  h: 'hour',
  hr: 'hour',
  m: 'minute',
  min: 'minute',
  s: 'second',
  sec: 'second',
  ms: 'milliseconds',
  msec: 'milliseconds',
  millisecond: 'milliseconds',
  us: 'microseconds',
  usec: 'microseconds',
  microsecond: 'microseconds',
  w: 'week',
  c: 'century',
  cent: 'century',
  centurie: 'century',
  millennia: 'millennium',
  mil: 'millennium',
  qtr: 'quarter',
}

/** The one spelling of a field's name. */
export function fieldName(field: string): string {
  const lower = field.toLowerCase()
  if (Object.hasOwn(ALIASES, lower)) return ALIASES[lower]
  if (lower === 'milliseconds' || lower === 'microseconds' || lower === 'timezone_hours') return lower
  const singular = lower.replace(/s$/, '')
  return Object.hasOwn(ALIASES, singular) ? ALIASES[singular] : singular
}

function unknownField(field: string, type: DataType, supported: boolean): EngineError {
  return supported
    ? new EngineError('0A000', `unit "${field}" not supported for type ${typeName(type)}`)
    : new EngineError('22023', `unit "${field}" not recognized for type ${typeName(type)}`)
}

const KNOWN = new Set(
  'century day decade dow doy epoch hour isodow isoyear julian microseconds millennium milliseconds minute month quarter second timezone timezone_hour timezone_minute week year'.split(
    ' ',
  ),
)

/** A field of a date or of a timestamp in local time. `offset` (seconds) and `epochMicros` are those of a timestamptz. */
export function extractFromTimestamp(
  wanted: string,
  local: Int64,
  type: DataType,
  offset: number | undefined,
  epochMicros: Int64,
): Decimal | null {
  const field = fieldName(wanted)
  if (!KNOWN.has(field)) throw unknownField(wanted.toLowerCase(), type, false)
  if (isInfinite(local)) return ofInfinity(field, local)
  const { days, ofDay } = splitMicros(local)
  if (field === 'epoch') return type.kind === 'date' ? whole(days * 86_400) : scaled(epochMicros, 6)
  if (field === 'julian') {
    return type.kind === 'date' ? whole(days + JULIAN_EPOCH) : julian(days, ofDay)
  }
  if (field.startsWith('timezone')) {
    if (offset === undefined) throw unknownField(wanted.toLowerCase(), type, true)
    const part = field === 'timezone' ? offset : field === 'timezone_hour' ? offset / 3600 : (offset % 3600) / 60
    return whole(Math.trunc(part))
  }
  const time = type.kind === 'date' ? undefined : fieldOfTime(field, ofDay)
  if (time) return time
  if (type.kind === 'date' && TIME_FIELDS.has(field)) throw unknownField(wanted.toLowerCase(), type, true)
  return whole(fieldOfDate(field, days))
}

function julian(days: number, ofDay: number): Decimal {
  const micros = BigInt(days + JULIAN_EPOCH) * 86_400_000_000n + BigInt(ofDay)
  // Postgres adds a quotient of numerics: an exact day has none.
  if (ofDay === 0) return whole(days + JULIAN_EPOCH)
  const unscaled = (micros * 10n ** 20n * 2n + 86_400_000_000n) / (2n * 86_400_000_000n)
  return { unscaled, scale: 20 }
}

const TIME_FIELDS = new Set(['hour', 'minute', 'second', 'milliseconds', 'microseconds'])

function fieldOfTime(field: string, ofDay: number): Decimal | undefined {
  const inMinute = ofDay % 60_000_000
  switch (field) {
    case 'hour':
      return whole(Math.floor(ofDay / 3_600_000_000))
    case 'minute':
      return whole(Math.floor(ofDay / 60_000_000) % 60)
    case 'second':
      return scaled(inMinute, 6)
    case 'milliseconds':
      return scaled(inMinute, 3)
    case 'microseconds':
      return whole(inMinute)
    default:
      return undefined
  }
}

function fieldOfDate(field: string, days: number): number {
  const { year, month, day } = dateOfDays(days)
  switch (field) {
    case 'year':
      return year > 0 ? year : year - 1
    case 'month':
      return month
    case 'day':
      return day
    case 'quarter':
      return Math.ceil(month / 3)
    case 'week':
      return isoWeek(days).week
    case 'isoyear': {
      const { year: iso } = isoWeek(days)
      return iso > 0 ? iso : iso - 1
    }
    case 'dow':
      return weekday(days)
    case 'isodow':
      return weekday(days) === 0 ? 7 : weekday(days)
    case 'doy':
      return days - daysOfDate(year, 1, 1) + 1
    case 'decade':
      return Math.floor(year / 10)
    case 'century':
      return year > 0 ? Math.ceil(year / 100) : -Math.floor((100 - year) / 100)
    default:
      return year > 0 ? Math.ceil(year / 1000) : -Math.floor((1000 - year) / 1000)
  }
}

// Fields that grow without end are infinite too; those that come round have no value.
function ofInfinity(field: string, value: Int64): Decimal | null {
  const grows = ['year', 'decade', 'century', 'millennium', 'julian', 'isoyear', 'epoch'].includes(field)
  if (!grows) return null
  return value > 0 ? NUMERIC_INFINITY : NUMERIC_MINUS_INFINITY
}

/** A field of a time of day. */
export function extractFromTime(wanted: string, micros: number): Decimal {
  const type: DataType = { kind: 'time' }
  const field = fieldName(wanted)
  if (field === 'epoch') return scaled(micros, 6)
  const value = fieldOfTime(field, micros)
  if (!value) throw unknownField(wanted.toLowerCase(), type, KNOWN.has(field))
  return value
}

/** A field of an interval; each part answers for itself. */
export function extractFromInterval(wanted: string, { months, days, micros }: Interval): Decimal {
  const type: DataType = { kind: 'interval' }
  const field = fieldName(wanted)
  const years = Math.trunc(months / 12)
  switch (field) {
    case 'hour':
      return whole(Math.trunc(micros / 3_600_000_000))
    case 'minute':
      return whole(Math.trunc(micros / 60_000_000) % 60)
    case 'second':
      return scaled(micros % 60_000_000, 6)
    case 'milliseconds':
      return scaled(micros % 60_000_000, 3)
    case 'microseconds':
      return whole(micros % 60_000_000)
    case 'day':
      return whole(days)
    case 'month':
      return whole(months % 12)
    case 'quarter':
      return whole(Math.trunc((months % 12) / 3) + 1)
    case 'year':
      return whole(years)
    case 'decade':
      return whole(Math.trunc(years / 10))
    case 'century':
      return whole(Math.trunc(years / 100))
    case 'millennium':
      return whole(Math.trunc(years / 1000))
    case 'epoch': {
      // A year is 365.25 days here, a month 30.
      const seconds = BigInt(years) * 31_557_600n + BigInt(months % 12) * 2_592_000n + BigInt(days) * 86_400n
      return { unscaled: seconds * 1_000_000n + BigInt(micros), scale: 6 }
    }
    default:
      throw unknownField(wanted.toLowerCase(), type, KNOWN.has(field))
  }
}

/** The wall time cut to a field's start. */
export function truncateTimestamp(wanted: string, local: Int64, type: DataType): Int64 {
  const field = fieldName(wanted)
  if (isInfinite(local)) return local
  const { days, ofDay } = splitMicros(local)
  const cut = (unit: number): Int64 => joinMicros(days, Math.floor(ofDay / unit) * unit)
  const { year, month } = dateOfDays(days)
  const yearStart = (size: number, first: number): Int64 =>
    joinMicros(daysOfDate(Math.floor((year - first) / size) * size + first, 1, 1), 0)
  switch (field) {
    case 'microseconds':
      return local
    case 'milliseconds':
      return cut(1000)
    case 'second':
      return cut(1_000_000)
    case 'minute':
      return cut(60_000_000)
    case 'hour':
      return cut(3_600_000_000)
    case 'day':
      return joinMicros(days, 0)
    case 'week':
      return joinMicros(isoWeekStart(days), 0)
    case 'month':
      return joinMicros(daysOfDate(year, month, 1), 0)
    case 'quarter':
      return joinMicros(daysOfDate(year, month - ((month - 1) % 3), 1), 0)
    case 'year':
      return yearStart(1, 0)
    case 'decade':
      return yearStart(10, 0)
    case 'century':
      return yearStart(100, 1)
    case 'millennium':
      return yearStart(1000, 1)
    default:
      throw unknownField(wanted.toLowerCase(), type, KNOWN.has(field))
  }
}

/** The interval cut to a field: what is smaller goes. */
export function truncateInterval(wanted: string, { months, days, micros }: Interval): Interval {
  const field = fieldName(wanted)
  const toMonths = (size: number): Interval => ({ months: Math.trunc(months / size) * size + 0, days: 0, micros: 0 })
  const toMicros = (size: number): Interval => ({ months, days, micros: Math.trunc(micros / size) * size + 0 })
  switch (field) {
    case 'microseconds':
      return { months, days, micros }
    case 'milliseconds':
      return toMicros(1000)
    case 'second':
      return toMicros(1_000_000)
    case 'minute':
      return toMicros(60_000_000)
    case 'hour':
      return toMicros(3_600_000_000)
    case 'day':
      return { months, days, micros: 0 }
    case 'month':
      return toMonths(1)
    case 'quarter':
      return toMonths(3)
    case 'year':
      return toMonths(12)
    case 'decade':
      return toMonths(120)
    case 'century':
      return toMonths(1200)
    case 'millennium':
      return toMonths(12_000)
    default:
      throw unknownField(wanted.toLowerCase(), { kind: 'interval' }, field === 'week')
  }
}
