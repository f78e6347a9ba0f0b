import { EngineError } from '../base/errors.ts'
import { dateOfDays, daysInMonth, daysOfDate, joinMicros, MICROS_PER_DAY, splitMicros } from '../batch/civil.ts'
import type { Int64, Interval } from '../batch/types.ts'
import { addMicros } from './int64.ts'

/** Arithmetic of intervals; their text is in batch/interval.ts. */

const MICROS_PER_MONTH = 30 * MICROS_PER_DAY

export function addIntervals(a: Interval, b: Interval): Interval {
  return intervalOf(a.months + b.months, a.days + b.days, a.micros + b.micros)
}

export function negateInterval(a: Interval): Interval {
  return intervalOf(-a.months, -a.days, -a.micros)
}

/** An interval of whole parts, checked: 22008 when one does not fit. */
export function intervalOf(months: number, days: number, micros: number): Interval {
  const fits = Math.abs(months) < 2 ** 31 && Math.abs(days) < 2 ** 31 && Number.isSafeInteger(micros)
  if (!fits) throw new EngineError('22008', 'interval out of range')
  return { months: months + 0, days: days + 0, micros: micros + 0 }
}

/** Fractions flow down: of months into days of 30, of days into time. */
export function multiplyInterval(a: Interval, factor: number): Interval {
  if (!Number.isFinite(factor)) throw new EngineError('22008', 'interval out of range')
  return scaleInterval(a, part => part * factor)
}

export function divideInterval(a: Interval, divisor: number): Interval {
  if (divisor === 0) throw new EngineError('22012', 'division by zero')
  return scaleInterval(a, part => part / divisor)
}

function scaleInterval(a: Interval, scale: (part: number) => number): Interval {
  const months = Math.trunc(scale(a.months))
  const days = Math.trunc(scale(a.days))
  let monthRest = roundTo6((scale(a.months) - months) * 30)
  let secondRest = roundTo6((scale(a.days) - days + monthRest - Math.trunc(monthRest)) * 86_400)
  monthRest = Math.trunc(monthRest)
  if (Math.abs(secondRest) >= 86_400) {
    monthRest += Math.trunc(secondRest / 86_400)
    secondRest -= Math.trunc(secondRest / 86_400) * 86_400
  }
  return intervalOf(months, days + monthRest, Math.round(scale(a.micros) + secondRest * 1e6))
}

function roundTo6(value: number): number {
  return Math.round(value * 1e6) / 1e6
}

/** −1, 0 or 1, a month counting as 30 days and a day as 24 hours. */
export function compareIntervals(a: Interval, b: Interval): number {
  const days = (a.months - b.months) * 30 + a.days - b.days
  const difference = BigInt(days) * BigInt(MICROS_PER_DAY) + BigInt(a.micros) - BigInt(b.micros)
  return difference < 0n ? -1 : difference > 0n ? 1 : 0
}

/** The length in microseconds at 30 days a month, as comparisons count it. */
export function intervalMicros({ months, days, micros }: Interval): number {
  return months * MICROS_PER_MONTH + days * MICROS_PER_DAY + micros
}

/** A wall time moved by an interval: months first (the day cut to the month's length), then days, then time. */
export function addToTimestamp(local: Int64, { months, days, micros }: Interval): Int64 {
  return addMicros(addDaysAndMonths(local, months, days), micros)
}

/** The first two steps of it, for instants, whose days are counted in local time. */
export function addDaysAndMonths(local: Int64, months: number, days: number): Int64 {
  if (months === 0 && days === 0) return local
  const at = splitMicros(local)
  let day = at.days
  if (months !== 0) {
    const date = dateOfDays(day)
    const total = date.year * 12 + date.month - 1 + months
    const year = Math.floor(total / 12)
    const month = total - year * 12 + 1
    day = daysOfDate(year, month, Math.min(date.day, daysInMonth(year, month)))
  }
  return joinMicros(day + days, at.ofDay)
}
