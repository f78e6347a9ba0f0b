import { EngineError } from '../base/errors.ts'
import { formatTime, MICROS_PER_DAY } from './civil.ts'
import type { Interval } from './types.ts'

/** Postgres' intervals: months, days and microseconds kept apart, because days and months differ in length. */

type Part = 'months' | 'days' | 'micros'

const UNITS: Readonly<Record<string, readonly [Part, number]>> = {
  microsecond: ['micros', 1],
  us: ['micros', 1],
  usec: ['micros', 1],
  millisecond: ['micros', 1000],
  ms: ['micros', 1000],
  msec: ['micros', 1000],
  second: ['micros', 1e6],
  sec: ['micros', 1e6],
  s: ['micros', 1e6],
  minute: ['micros', 6e7],
  min: ['micros', 6e7],
  m: ['micros', 6e7],
  hour: ['micros', 3.6e9],
  hr: ['micros', 3.6e9],
  h: ['micros', 3.6e9],
  day: ['days', 1],
  d: ['days', 1],
  week: ['days', 7],
  w: ['days', 7],
  month: ['months', 1],
  mon: ['months', 1],
  year: ['months', 12],
  yr: ['months', 12],
  y: ['months', 12],
  decade: ['months', 120],
  dec: ['months', 120],
  century: ['months', 1200],
  centurie: ['months', 1200],
  cent: ['months', 1200],
  c: ['months', 1200],
  millennium: ['months', 12_000],
  millennia: ['months', 12_000],
  mil: ['months', 12_000],
}

/** The unit an interval's word means, plural or not: its part and how many of it. Undefined: no such unit. */
export function intervalUnit(word: string): readonly [Part, number] | undefined {
  const lower = word.toLowerCase()
  if (Object.hasOwn(UNITS, lower)) return UNITS[lower]
  const singular = lower.replace(/s$/, '')
  return Object.hasOwn(UNITS, singular) ? UNITS[singular] : undefined
}

interface Sum {
  months: number
  days: number
  micros: number
}

/** Adds `amount` of a unit; a fraction of months becomes days of 30 to the month, a fraction of days becomes time. */
function addUnit(sum: Sum, amount: number, [part, factor]: readonly [Part, number]): void {
  const total = Number((amount * factor).toPrecision(15))
  if (part === 'micros') {
    sum.micros += Math.round(total)
    return
  }
  const whole = Math.trunc(total)
  const rest = Number((total - whole).toFixed(12))
  sum[part] += whole
  if (rest === 0) return
  if (part === 'days') sum.micros += Math.round(rest * MICROS_PER_DAY)
  else if (factor > 1) sum.months += Math.round(rest)
  else {
    const days = Number((rest * 30).toFixed(9))
    sum.days += Math.trunc(days)
    sum.micros += Math.round((days - Math.trunc(days)) * MICROS_PER_DAY)
  }
}

const TOKEN =
  /\s*(?:([+-]?)(\d+):(\d+)(?::(\d+(?:\.\d*)?)|(\.\d+))?|([+-]?)(\d+)-(\d+)(?![\d:])|([+-]?\d*\.?\d+(?:e[+-]?\d+)?|[+-]?\d+\.)\s*([a-z]+)?|(@|ago))\s*/iy

/** Reads Postgres' forms, ISO 8601 durations and SQL's `1-2 3 4:05:06`. Throws 22007, or 22015 when out of range. */
export function parseInterval(text: string): Interval {
  const wrong = (): EngineError => new EngineError('22007', `invalid input syntax for type interval: "${text}"`)
  if (/^\s*P/i.test(text)) return parseIso(text.trim().toUpperCase(), wrong)
  const sum: Sum = { months: 0, days: 0, micros: 0 }
  let ago = false
  let end = 0
  const length = text.trimEnd().length
  if (length === 0) throw wrong()
  while (end < length) {
    TOKEN.lastIndex = end
    const match = TOKEN.exec(text)
    if (!match || ago) throw wrong()
    end = TOKEN.lastIndex
    ago = match[11]?.toLowerCase() === 'ago'
    if (!addToken(sum, match, end >= length)) throw wrong()
  }
  return checked(ago ? { months: 0 - sum.months, days: 0 - sum.days, micros: 0 - sum.micros } : sum, text)
}

function addToken(sum: Sum, match: RegExpExecArray, last: boolean): boolean {
  const [, timeSign, hour, minute, seconds, fraction, ymSign, years, months, amount, unit] = match
  if (hour !== undefined) {
    if (Number(minute) > 59 || Number(seconds ?? 0) > 60) return false
    // `m:s.f` when only two parts carry a fraction.
    // Whole seconds and the fraction apart: together they lose microseconds beyond a few hundred years.
    const whole = fraction ? Number(hour) * 60 + Number(minute) : Number(hour) * 3600 + Number(minute) * 60
    const micros = whole * 1_000_000 + Math.round(Number(fraction ?? seconds ?? 0) * 1e6)
    sum.micros += timeSign === '-' ? -micros : micros
    return true
  }
  if (years !== undefined) {
    const total = Number(years) * 12 + Number(months)
    sum.months += ymSign === '-' ? -total : total
    return true
  }
  if (amount === undefined) return true
  // A bare number means days before a time of day, seconds at the end.
  const found = unit === undefined ? UNITS[last ? 's' : 'd'] : intervalUnit(unit)
  if (!found) return false
  addUnit(sum, Number(amount), found)
  return true
}

function parseIso(text: string, wrong: () => EngineError): Interval {
  const match =
    /^P(?:(-?[\d.]+)Y)?(?:(-?[\d.]+)M)?(?:(-?[\d.]+)W)?(?:(-?[\d.]+)D)?(?:T(?:(-?[\d.]+)H)?(?:(-?[\d.]+)M)?(?:(-?[\d.]+)S)?)?$/.exec(
      text,
    )
  if (!match || text === 'P' || text.endsWith('T')) throw wrong()
  const sum: Sum = { months: 0, days: 0, micros: 0 }
  const units = ['year', 'month', 'week', 'day', 'hour', 'minute', 'second']
  units.forEach((unit, i) => {
    if (match[i + 1] === undefined) return
    const amount = Number(match[i + 1])
    if (Number.isNaN(amount)) throw wrong()
    addUnit(sum, amount, UNITS[unit])
  })
  return checked(sum, text)
}

function checked(sum: Sum, text: string): Interval {
  const fits = Math.abs(sum.months) < 2 ** 31 && Math.abs(sum.days) < 2 ** 31 && Number.isSafeInteger(sum.micros)
  if (!fits) throw new EngineError('22015', `interval field value out of range: "${text}"`)
  return { months: sum.months + 0, days: sum.days + 0, micros: sum.micros + 0 }
}

/** The 'postgres' style: `1 year 2 mons -3 days +04:05:06.7`. */
export function formatInterval({ months, days, micros }: Interval): string {
  const parts: string[] = []
  let negative = false
  const add = (value: number, unit: string): void => {
    if (value === 0) return
    parts.push(`${negative && value > 0 ? '+' : ''}${value} ${unit}${value === 1 ? '' : 's'}`)
    negative = value < 0
  }
  add(Math.trunc(months / 12), 'year')
  add(months % 12, 'mon')
  add(days, 'day')
  if (micros !== 0 || parts.length === 0) {
    const sign = micros < 0 ? '-' : negative ? '+' : ''
    parts.push(sign + formatTime(Math.abs(micros)))
  }
  return parts.join(' ')
}
