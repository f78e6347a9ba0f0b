/** The proleptic Gregorian calendar as arithmetic, after Howard Hinnant's "chrono-compatible low-level date algorithms". */

import { canonicalInt64 } from './column.ts'
import type { Int64 } from './types.ts'

export const MICROS_PER_SECOND = 1_000_000
export const MICROS_PER_MINUTE = 60_000_000
export const MICROS_PER_HOUR = 3_600_000_000
export const MICROS_PER_DAY = 86_400_000_000

export interface CivilDate {
  readonly year: number
  /** 1 … 12. */
  readonly month: number
  readonly day: number
}

/** Days since 1970-01-01. `month` 1 … 12; year 0 is 1 BC. */
export function daysOfDate(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year
  const era = Math.floor(y / 400)
  const yearOfEra = y - era * 400
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear
  return era * 146_097 + dayOfEra - 719_468
}

export function dateOfDays(days: number): CivilDate {
  const z = days + 719_468
  const era = Math.floor(z / 146_097)
  const dayOfEra = z - era * 146_097
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  )
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const shifted = Math.floor((5 * dayOfYear + 2) / 153)
  const day = dayOfYear - Math.floor((153 * shifted + 2) / 5) + 1
  const month = shifted < 10 ? shifted + 3 : shifted - 9
  return { year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day }
}

export function isLeapYear(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
}

export function daysInMonth(year: number, month: number): number {
  if (month === 2) return isLeapYear(year) ? 29 : 28
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31
}

/** 0 Sunday … 6 Saturday. */
export function weekday(days: number): number {
  return (((days + 4) % 7) + 7) % 7
}

/** Monday of the ISO week with this day. */
export function isoWeekStart(days: number): number {
  return days - ((weekday(days) + 6) % 7)
}

/** ISO 8601 week and the year it belongs to. */
export function isoWeek(days: number): { readonly year: number; readonly week: number } {
  const thursday = isoWeekStart(days) + 3
  const { year } = dateOfDays(thursday)
  return { year, week: Math.floor((thursday - daysOfDate(year, 1, 1)) / 7) + 1 }
}

/** Days and microseconds of the day of an instant without zone. Exact also beyond 2^53. */
export function splitMicros(micros: Int64): { readonly days: number; readonly ofDay: number } {
  if (typeof micros === 'number') {
    const days = Math.floor(micros / MICROS_PER_DAY)
    return { days, ofDay: micros - days * MICROS_PER_DAY }
  }
  const day = BigInt(MICROS_PER_DAY)
  const ofDay = ((micros % day) + day) % day
  return { days: Number((micros - ofDay) / day), ofDay: Number(ofDay) }
}

/** The inverse; `ofDay` may lie outside a day. */
export function joinMicros(days: number, ofDay: number): Int64 {
  const micros = days * MICROS_PER_DAY + ofDay
  if (micros <= Number.MAX_SAFE_INTEGER && micros >= -Number.MAX_SAFE_INTEGER) return micros
  return canonicalInt64(BigInt(days) * BigInt(MICROS_PER_DAY) + BigInt(ofDay))
}

/** `HH:MM:SS[.ffffff]`, zeros at the end of the fraction dropped. Hours may exceed 24. */
export function formatTime(micros: number): string {
  const hours = Math.floor(micros / MICROS_PER_HOUR)
  const minutes = Math.floor(micros / MICROS_PER_MINUTE) % 60
  const seconds = Math.floor(micros / 1_000_000) % 60
  const fraction = micros % 1_000_000
  const tail = fraction === 0 ? '' : `.${String(fraction).padStart(6, '0').replace(/0+$/, '')}`
  return `${pad2(hours)}:${pad2(minutes)}:${pad2(seconds)}${tail}`
}

const pad2 = (n: number): string => (n < 10 ? `0${n}` : `${n}`)
