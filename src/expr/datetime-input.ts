import { EngineError } from '../base/errors.ts'
import { daysInMonth, daysOfDate, MICROS_PER_DAY, splitMicros } from '../batch/civil.ts'
import type { TextSettings } from './datetime.ts'
import { abbreviatedOffset, type TimeZone, timeZone, utcToLocal } from './time-zone.ts'

/** What was read. `zone`: seconds east of UTC, or a named zone. */
export type DateTimeFields =
  | { readonly kind: 'infinity'; readonly sign: number }
  | {
      readonly kind: 'fields'
      readonly days: number
      readonly ofDay: number
      readonly zone: number | TimeZone | undefined
    }

type Kind = 'date' | 'time' | 'timestamp' | 'timestamptz'

const TYPE_NAMES: Readonly<Record<Kind, string>> = {
  date: 'date',
  time: 'time',
  timestamp: 'timestamp',
  timestamptz: 'timestamp with time zone',
}
const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const WEEKDAY = /^(sun|mon|tue|tues|wed|weds|thu|thur|thurs|fri|sat)(day|nesday|rsday|sday|urday)?$/

// A date by digits, a time of day, an offset, a word, or a number; tried in this order at each place.
const TOKEN =
  /\s*(?:(\d+)([-/.])(\d+|[a-z]+)\2(\d+)|(\d+):(\d+)(?::(\d+)(?:[.,](\d+))?)?|([+-])(\d{1,2})(?::?(\d\d))?(?::?(\d\d))?(?![\d])|([a-z]+(?:\/[a-z_+\-\d/]+)*)\.?|(\d+)(?:\.(\d+))?)\s*,?/iy

interface Draft {
  year?: number
  month?: number
  day?: number
  dayOfYear?: number
  micros?: number
  zone?: number | TimeZone
  bc: boolean
  half?: 'am' | 'pm'
  numbers: string[]
}

/** Reads free-form date and time input. Throws 22007 for a wrong form and 22008 for impossible values. */
export function parseDateTime(text: string, kind: Kind, settings: TextSettings): DateTimeFields {
  const special = parseSpecial(text.trim().toLowerCase(), settings)
  if (special) return special
  const draft: Draft = { bc: false, numbers: [] }
  const wrong = (): EngineError =>
    new EngineError('22007', `invalid input syntax for type ${TYPE_NAMES[kind]}: "${text}"`)
  const range = (): EngineError => new EngineError('22008', `date/time field value out of range: "${text}"`)
  TOKEN.lastIndex = 0
  let end = 0
  while (end < text.trimEnd().length) {
    TOKEN.lastIndex = end
    const match = TOKEN.exec(text)
    if (!match || match[0] === '') throw wrong()
    end = TOKEN.lastIndex
    if (!addToken(draft, match)) throw wrong()
  }
  if (!placeNumbers(draft, kind)) throw wrong()
  return finish(draft, kind, wrong, range)
}

function parseSpecial(word: string, settings: TextSettings): DateTimeFields | undefined {
  if (word === 'infinity' || word === '+infinity') return { kind: 'infinity', sign: 1 }
  if (word === '-infinity') return { kind: 'infinity', sign: -1 }
  if (word === 'epoch') return { kind: 'fields', days: 0, ofDay: 0, zone: 0 }
  if (word === 'allballs') return { kind: 'fields', days: 0, ofDay: 0, zone: 0 }
  const julian = /^j(\d+)$/.exec(word)
  if (julian) return { kind: 'fields', days: Number(julian[1]) - 2_440_588, ofDay: 0, zone: undefined }
  if (settings.nowMicros === undefined) return undefined
  const zone = timeZone(settings.timeZone)
  const now = splitMicros(utcToLocal(zone, Math.floor(settings.nowMicros)))
  if (word === 'now') return { kind: 'fields', ...now, zone }
  const shift = word === 'today' ? 0 : word === 'tomorrow' ? 1 : word === 'yesterday' ? -1 : undefined
  return shift === undefined ? undefined : { kind: 'fields', days: now.days + shift, ofDay: 0, zone }
}

function addToken(draft: Draft, match: RegExpExecArray): boolean {
  const [
    ,
    first,
    ,
    second,
    third,
    hour,
    minute,
    seconds,
    fraction,
    sign,
    offHour,
    offMinute,
    offSecond,
    word,
    digits,
    decimals,
  ] = match
  if (first !== undefined) return addDate(draft, first, second, third)
  if (hour !== undefined) {
    if (draft.micros !== undefined) return false
    draft.micros = timeOfDay(hour, minute, seconds, fraction)
    return true
  }
  if (sign !== undefined) {
    const offset = Number(offHour) * 3600 + Number(offMinute ?? 0) * 60 + Number(offSecond ?? 0)
    draft.zone = sign === '-' ? -offset : offset
    return draft.micros !== undefined || draft.year !== undefined
  }
  if (word !== undefined) return addWord(draft, word)
  if (decimals !== undefined && digits.length === 6) {
    draft.micros = timeOfDay(digits.slice(0, 2), digits.slice(2, 4), digits.slice(4), decimals)
    return true
  }
  if (decimals?.length === 3 && draft.year === undefined) {
    draft.year = yearOf(digits)
    draft.month = 1
    draft.day = 1
    draft.dayOfYear = Number(decimals)
    return true
  }
  if (decimals !== undefined) return false
  draft.numbers.push(digits)
  return true
}

// Out-of-range parts come out as NaN and are reported together at the end.
function timeOfDay(hour: string, minute: string, seconds = '0', fraction = ''): number {
  const h = Number(hour)
  const m = Number(minute)
  const s = Number(seconds)
  const micros = Math.round(Number(`0.${fraction || '0'}`) * 1_000_000)
  const total = (h * 3600 + m * 60 + s) * 1_000_000 + micros
  return m > 59 || s > 60 || total > MICROS_PER_DAY ? Number.NaN : total
}

function addDate(draft: Draft, first: string, second: string, third: string): boolean {
  if (draft.day !== undefined) return false
  if (/[a-z]/i.test(second)) {
    const month = MONTHS.indexOf(second.slice(0, 3).toLowerCase()) + 1
    if (month === 0) return false
    draft.month = month
    const yearFirst = first.length > 2
    draft.year = yearOf(yearFirst ? first : third)
    draft.day = Number(yearFirst ? third : first)
    return true
  }
  const yearFirst = first.length > 2
  draft.year = yearOf(yearFirst ? first : third)
  draft.month = Number(yearFirst ? second : first)
  draft.day = Number(yearFirst ? third : second)
  return true
}

function yearOf(digits: string): number {
  const year = Number(digits)
  if (digits.length > 2) return year
  return year < 70 ? 2000 + year : 1900 + year
}

function addWord(draft: Draft, word: string): boolean {
  const lower = word.toLowerCase()
  if (lower === 'am' || lower === 'pm') {
    draft.half = lower
    return draft.micros !== undefined
  }
  if (lower === 'bc' || lower === 'ad') {
    draft.bc = lower === 'bc'
    return true
  }
  if (lower === 't' || lower === 'at' || WEEKDAY.test(lower)) return true
  const month = lower.length >= 3 ? MONTHS.indexOf(lower.slice(0, 3)) + 1 : 0
  if (
    month > 0 &&
    'january february march april may june july august september october november december sept'.includes(lower)
  ) {
    draft.month = month
    return true
  }
  const offset = abbreviatedOffset(lower)
  if (offset !== undefined) {
    draft.zone = offset
    return true
  }
  if (!word.includes('/')) return false
  draft.zone = timeZone(word)
  return true
}

/** Gives bare numbers their meaning: YYYYMMDD, HHMMSS after it, or day and year around a month's name. */
function placeNumbers(draft: Draft, kind: Kind): boolean {
  for (const digits of draft.numbers) {
    if (kind === 'time' && draft.micros === undefined && (digits.length === 6 || digits.length === 4)) {
      draft.micros = timeOfDay(digits.slice(0, 2), digits.slice(2, 4), digits.slice(4) || '0')
    } else if (draft.month === undefined && (digits.length === 8 || digits.length === 6)) {
      const at = digits.length - 4
      draft.year = yearOf(digits.slice(0, at))
      draft.month = Number(digits.slice(at, at + 2))
      draft.day = Number(digits.slice(at + 2))
    } else if (
      draft.day !== undefined &&
      draft.year !== undefined &&
      draft.micros === undefined &&
      digits.length === 6
    ) {
      draft.micros = timeOfDay(digits.slice(0, 2), digits.slice(2, 4), digits.slice(4))
    } else if (draft.month === undefined) return false
    else if (draft.day === undefined && digits.length <= 2) draft.day = Number(digits)
    else if (draft.year === undefined) draft.year = yearOf(digits)
    else return false
  }
  return true
}

function finish(draft: Draft, kind: Kind, wrong: () => EngineError, range: () => EngineError): DateTimeFields {
  const { month, day, half, zone } = draft
  let micros = draft.micros ?? 0
  if (kind === 'time' && draft.micros === undefined) throw wrong()
  if (Number.isNaN(micros)) throw range()
  if (half) {
    const hour = Math.floor(micros / 3_600_000_000)
    if (hour > 12) throw range()
    if (half === 'am' && hour === 12) micros -= MICROS_PER_DAY / 2
    if (half === 'pm' && hour < 12) micros += MICROS_PER_DAY / 2
  }
  if (kind === 'time' && draft.year === undefined) return { kind: 'fields', days: 0, ofDay: micros, zone }
  if (draft.year === undefined || month === undefined || day === undefined) throw wrong()
  if (draft.bc && draft.year === 0) throw range()
  const year = draft.bc ? 1 - draft.year : draft.year
  if (!draft.bc && year === 0) throw range()
  if (month < 1 || month > 12 || day < 1 || day > 31 || day > daysInMonth(year, month)) throw range()
  const days = daysOfDate(year, month, day) + (draft.dayOfYear ?? 1) - 1
  return { kind: 'fields', days, ofDay: micros, zone }
}
