import { EngineError } from '../base/errors.ts'
import { dateOfDays, daysOfDate, formatTime, joinMicros, MICROS_PER_DAY, splitMicros } from '../batch/civil.ts'
import type { Int64 } from '../batch/types.ts'
import { parseDateTime } from './datetime-input.ts'
import { addMicros, INT64_MAX, INT64_MIN } from './int64.ts'
import { localToUtc, type TimeZone, timeZone, utcToLocal } from './time-zone.ts'

/** Dates and times as text, the ISO style of Postgres; and their limits. */

/** infinity and −infinity of dates. */
export const DATE_INFINITY = 2147483647
export const DATE_MINUS_INFINITY = -2147483648

/** Julian day 0, the first day Postgres knows, and the last day of a timestamp. */
const FIRST_DAY = -2440588
const LAST_TIMESTAMP_DAY = 106_751_991
const LAST_DATE = 2_145_031_948

/** What text input and output depend on. An EvalContext is one. */
export interface TextSettings {
  /** Session time zone, IANA name. */
  readonly timeZone: string
  /** For 'now' and 'today'. Absent: these are refused. */
  readonly nowMicros?: number
}

export function isInfinite(micros: Int64): boolean {
  return micros === INT64_MAX || micros === INT64_MIN
}

export function isInfiniteDate(days: number): boolean {
  return days === DATE_INFINITY || days === DATE_MINUS_INFINITY
}

/** 22008 unless the instant is one that Postgres can hold. */
export function checkTimestamp(micros: Int64): Int64 {
  if (typeof micros === 'bigint' && !isInfinite(micros)) {
    const { days } = splitMicros(micros)
    if (days < FIRST_DAY || days > LAST_TIMESTAMP_DAY) throw new EngineError('22008', 'timestamp out of range')
  }
  return micros
}

/** 22008 unless the date is one that Postgres can hold. */
export function checkDate(days: number): number {
  if (!isInfiniteDate(days) && !(days >= FIRST_DAY && days <= LAST_DATE))
    throw new EngineError('22008', 'date out of range')
  return days
}

export function dateToTimestamp(days: number): Int64 {
  if (isInfiniteDate(days)) return days > 0 ? INT64_MAX : INT64_MIN
  if (days > LAST_TIMESTAMP_DAY) throw new EngineError('22008', 'date out of range for timestamp')
  return joinMicros(days, 0)
}

export function timestampToDate(micros: Int64): number {
  if (isInfinite(micros)) return micros > 0 ? DATE_INFINITY : DATE_MINUS_INFINITY
  return splitMicros(micros).days
}

/** Local wall time of `zone` to the instant; infinities stay. */
export function toInstant(local: Int64, zone: TimeZone): Int64 {
  return isInfinite(local) ? local : localToUtc(zone, local)
}

/** An instant to the wall time of `zone`; infinities stay. */
export function toLocal(instant: Int64, zone: TimeZone): Int64 {
  return isInfinite(instant) ? instant : utcToLocal(zone, instant)
}

const pad2 = (n: number): string => (n < 10 ? `0${n}` : `${n}`)

export function formatDate(days: number): string {
  if (isInfiniteDate(days)) return days > 0 ? 'infinity' : '-infinity'
  const { year, month, day } = dateOfDays(days)
  const shown = year > 0 ? year : 1 - year
  return `${String(shown).padStart(4, '0')}-${pad2(month)}-${pad2(day)}${year > 0 ? '' : ' BC'}`
}

export function formatTimestamp(micros: Int64): string {
  return formatLocal(micros, '')
}

export function formatTimestamptz(micros: Int64, zone: TimeZone): string {
  if (isInfinite(micros)) return formatLocal(micros, '')
  const offset = zone.offsetAt(Math.floor(Number(micros) / 1_000_000))
  return formatLocal(addMicros(micros, offset * 1_000_000), formatOffset(offset))
}

function formatLocal(micros: Int64, suffix: string): string {
  if (isInfinite(micros)) return micros > 0 ? 'infinity' : '-infinity'
  const { days, ofDay } = splitMicros(micros)
  const date = formatDate(days)
  const time = formatTime(ofDay)
  return date.endsWith(' BC') ? `${date.slice(0, -3)} ${time}${suffix} BC` : `${date} ${time}${suffix}`
}

/** `+00`, `-03:30`, with seconds where there are some. */
export function formatOffset(offset: number): string {
  const seconds = Math.abs(offset)
  const minutes = Math.floor(seconds / 60) % 60
  let text = (offset < 0 ? '-' : '+') + pad2(Math.floor(seconds / 3600))
  if (seconds % 3600 !== 0) text += `:${pad2(minutes)}`
  if (seconds % 60 !== 0) text += `:${pad2(seconds % 60)}`
  return text
}

type Kind = 'date' | 'time' | 'timestamp' | 'timestamptz'

/** Reads a date, time or timestamp as Postgres does (order year-month-day, else month/day/year). Throws 22007 or 22008. */
export function parseDateTimeText(text: string, kind: Kind, settings: TextSettings): Int64 {
  const fast = kind === 'time' ? undefined : parseIso(text)
  if (fast !== undefined) {
    if (kind === 'timestamp') return fast
    if (kind === 'date') return Math.floor(fast / MICROS_PER_DAY)
    return localToUtc(timeZone(settings.timeZone), fast)
  }
  const fields = parseDateTime(text, kind, settings)
  if (fields.kind === 'infinity') {
    if (kind === 'date') return fields.sign > 0 ? DATE_INFINITY : DATE_MINUS_INFINITY
    return fields.sign > 0 ? INT64_MAX : INT64_MIN
  }
  if (kind === 'time') return fields.ofDay
  if (kind === 'date') return checkDate(fields.days)
  const local = joinMicros(fields.days, fields.ofDay)
  if (kind === 'timestamp') return checkTimestamp(local)
  const instant =
    fields.zone === undefined
      ? localToUtc(timeZone(settings.timeZone), local)
      : typeof fields.zone === 'number'
        ? addMicros(local, -fields.zone * 1_000_000)
        : localToUtc(fields.zone, local)
  return checkTimestamp(instant)
}

/** `YYYY-MM-DD[ HH:MM[:SS[.ffffff]]]` with sane values and no zone, which is nearly all input. Undefined: look closer. */
function parseIso(text: string): number | undefined {
  const match = /^(\d{4})-(\d\d)-(\d\d)(?:[ T](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,6}))?)?)?$/.exec(text)
  if (!match) return undefined
  const [, year, month, day, hour = '0', minute = '0', second = '0', fraction = ''] = match
  const y = Number(year)
  const m = Number(month)
  const d = Number(day)
  const h = Number(hour)
  const min = Number(minute)
  const s = Number(second)
  // Outside these years microseconds are not exact in a double.
  if (y < 1700 || y > 2200 || m < 1 || m > 12 || d < 1 || d > 28 || h > 23 || min > 59 || s > 59) return undefined
  const micros = Number(fraction.padEnd(6, '0'))
  return daysOfDate(y, m, d) * MICROS_PER_DAY + (h * 3600 + min * 60 + s) * 1_000_000 + micros
}
