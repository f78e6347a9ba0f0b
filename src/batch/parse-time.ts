/** Dates and times in ISO 8601 and Postgres' spelling of it, from text bytes: one piece for casts and record decoders. */

import { daysInMonth, daysOfDate, MICROS_PER_DAY } from './civil.ts'
import { canonicalInt64 } from './column.ts'
import type { Int64 } from './types.ts'

const SECONDS_PER_DAY = 86_400
/** Postgres' range of timestamps: 4714-11-24 BC to 294276-12-31 AD. Days since 1970-01-01. */
const DAY_MIN = -2440588
const DAY_MAX = 106_751_990

/**
 * `2026-02-03`, `2026-02-03T04:05`, `2026-02-03 04:05:06.789123+05:30`, `…Z`: what was read last, in fields, because a hot loop
 * allocates nothing. Up to nine digits of fraction (rounded to microseconds); a year of four to six digits, `BC` after it all.
 */
export class TimeReader {
  /** Days since 1970-01-01 of the date as written. */
  days = 0
  /** Microseconds since midnight as written; up to 24:00:00 and 23:59:60. */
  micros = 0
  hasTime = false
  /** East of UTC. Undefined: no zone was written. */
  offsetSeconds: number | undefined = undefined

  /** Reads exactly bytes[start … end). False: malformed, or no such day or time. */
  read(bytes: Uint8Array, start: number, end: number): boolean {
    this.micros = 0
    this.hasTime = false
    this.offsetSeconds = undefined
    // ISO 8601 writes years beyond 0 … 9999 with a sign; there is a year 0 then.
    const signed = bytes[start] === 43 || bytes[start] === 45
    const first = signed ? start + 1 : start
    let at = first
    let year = 0
    while (at < end && isDigit(bytes[at])) year = year * 10 + (bytes[at++] - 48)
    const yearDigits = at - first
    if (yearDigits < 4 || yearDigits > 6 || end - at < 6 || bytes[at] !== 45 || bytes[at + 3] !== 45) return false
    const month = twoDigits(bytes, at + 1)
    const day = twoDigits(bytes, at + 4)
    at += 6
    if (signed) year = bytes[start] === 45 ? 0 - year : year
    else if (end - at >= 3 && (bytes[end - 1] | 32) === 99 && (bytes[end - 2] | 32) === 98 && bytes[end - 3] === 32) {
      if (year === 0) return false
      year = 1 - year
      end -= 3
    } else if (year === 0) return false
    if (month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) return false
    this.days = daysOfDate(year, month, day)
    if (this.days < DAY_MIN || this.days > DAY_MAX) return false
    if (at === end) return true
    const separator = bytes[at]
    if (separator === 84 || separator === 116 || separator === 32) return this.#readTime(bytes, at + 1, end)
    return this.#readZone(bytes, at, end)
  }

  /** Reads `04:05`, `04:05:06.789` with an optional zone. */
  readTime(bytes: Uint8Array, start: number, end: number): boolean {
    this.days = 0
    this.offsetSeconds = undefined
    return this.#readTime(bytes, start, end)
  }

  #readTime(bytes: Uint8Array, at: number, end: number): boolean {
    if (end - at < 5 || bytes[at + 2] !== 58) return false
    const hour = twoDigits(bytes, at)
    const minute = twoDigits(bytes, at + 3)
    let second = 0
    let fraction = 0
    at += 5
    if (at < end && bytes[at] === 58) {
      if (end - at < 3) return false
      second = twoDigits(bytes, at + 1)
      at += 3
      if (at < end && (bytes[at] === 46 || bytes[at] === 44)) {
        const first = ++at
        let value = 0
        let scale = 1_000_000
        for (; at < end && isDigit(bytes[at]); at++) {
          if (at - first >= 9) continue
          value = value * 10 + (bytes[at] - 48)
          scale /= 10
        }
        if (at === first) return false
        fraction = scale >= 1 ? value * Math.round(scale) : Math.round(value * scale)
      }
    }
    if (hour < 0 || minute < 0 || second < 0 || hour > 24 || minute > 59 || second > 60) return false
    this.micros = ((hour * 60 + minute) * 60 + second) * 1_000_000 + fraction
    this.hasTime = true
    if (this.micros > MICROS_PER_DAY) return false
    return at === end || this.#readZone(bytes, at, end)
  }

  /** `Z`, `+05`, `-0530`, `+05:30`, `+05:30:15`, perhaps after a space; `UTC`. */
  #readZone(bytes: Uint8Array, at: number, end: number): boolean {
    if (bytes[at] === 32) at++
    const sign = bytes[at]
    if ((sign | 32) === 122 && at + 1 === end) {
      this.offsetSeconds = 0
      return true
    }
    if (end - at === 3 && (sign | 32) === 117 && (bytes[at + 1] | 32) === 116 && (bytes[at + 2] | 32) === 99) {
      this.offsetSeconds = 0
      return true
    }
    if ((sign !== 43 && sign !== 45) || end - at < 3) return false
    let seconds = twoDigits(bytes, ++at) * 3600
    if (seconds < 0 || seconds > 15 * 3600) return false
    at += 2
    let unit = 60
    while (at < end) {
      if (bytes[at] === 58) at++
      if (unit === 0 || end - at < 2) return false
      const part = twoDigits(bytes, at)
      if (part < 0 || part > 59) return false
      seconds += part * unit
      unit = unit === 60 ? 1 : 0
      at += 2
    }
    this.offsetSeconds = sign === 45 ? -seconds : seconds
    return true
  }

  /**
   * Seconds and microseconds as an instant. `zoned`: the zone counts (timestamptz; none written: UTC); else it is ignored, as
   * Postgres does for a timestamp. Microseconds since 1970.
   */
  instant(zoned: boolean): Int64 {
    const offset = zoned && this.offsetSeconds !== undefined ? this.offsetSeconds : 0
    const seconds = this.days * SECONDS_PER_DAY - offset
    const micros = seconds * 1_000_000 + this.micros
    if (Number.isSafeInteger(micros)) return micros
    return canonicalInt64(BigInt(seconds) * 1_000_000n + BigInt(this.micros))
  }
}

function isDigit(byte: number): boolean {
  return byte >= 48 && byte <= 57
}

function twoDigits(bytes: Uint8Array, at: number): number {
  const tens = bytes[at] - 48
  const ones = bytes[at + 1] - 48
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : -1000
}

/** What a count since 1970-01-01 UTC counts. */
export type EpochUnit = 's' | 'ms' | 'us' | 'ns'

const MICRO_DIGITS: Readonly<Record<EpochUnit, number>> = { s: 6, ms: 3, us: 0, ns: -3 }

/** A decimal count of `unit` since 1970 as microseconds, exact from the digits, half away from zero. Undefined: no number or out of range. */
export function epochMicros(bytes: Uint8Array, start: number, end: number, unit: EpochUnit): Int64 | undefined {
  if (unit === 'ns') return epochNanos(bytes, start, end)
  let at = start
  const negative = bytes[at] === 45
  if (negative || bytes[at] === 43) at++
  let value = 0
  let shift = MICRO_DIGITS[unit]
  let digits = 0
  let afterPoint = false
  let rounding = -1
  for (; at < end; at++) {
    const digit = bytes[at] - 48
    if (digit === -2 && !afterPoint) {
      afterPoint = true
      continue
    }
    if (digit < 0 || digit > 9) return undefined
    digits++
    if (afterPoint && shift <= 0) {
      if (rounding < 0) rounding = digit
      continue
    }
    value = value * 10 + digit
    if (afterPoint) shift--
  }
  if (digits === 0) return undefined
  while (shift > 0) {
    value *= 10
    shift--
  }
  if (value > Number.MAX_SAFE_INTEGER) return bigEpoch(bytes, start, end, unit)
  if (rounding >= 5) value++
  return negative ? 0 - value : value
}

/** Nanoseconds have too many digits for a double: all but the last three are read, the third last rounds. */
function epochNanos(bytes: Uint8Array, start: number, end: number): Int64 | undefined {
  let wholeEnd = start
  while (wholeEnd < end && bytes[wholeEnd] !== 46) wholeEnd++
  for (let i = wholeEnd + 1; i < end; i++) if (!isDigit(bytes[i])) return undefined
  const negative = bytes[start] === 45
  const first = negative || bytes[start] === 43 ? start + 1 : start
  if (wholeEnd === first) return undefined
  let value = 0
  for (let i = first; i < wholeEnd; i++) {
    if (!isDigit(bytes[i])) return undefined
    if (i < wholeEnd - 3) value = value * 10 + (bytes[i] - 48)
  }
  if (value > Number.MAX_SAFE_INTEGER) return undefined
  if (wholeEnd - first >= 3 && bytes[wholeEnd - 3] >= 53) value++
  return negative ? 0 - value : value
}

/** The same for what is too long for a double. */
function bigEpoch(bytes: Uint8Array, start: number, end: number, unit: EpochUnit): Int64 | undefined {
  let text = ''
  for (let i = start; i < end; i++) text += String.fromCharCode(bytes[i])
  const negative = text[0] === '-'
  const [whole, fraction = ''] = text.replace(/^[+-]/, '').split('.')
  const places = MICRO_DIGITS[unit]
  const padded = `${fraction}000000`.slice(0, places)
  const value = BigInt(`${whole}${padded}`) + (fraction.length > places && fraction.charCodeAt(places) >= 53 ? 1n : 0n)
  if (value > 9_223_371_331_200_000_000n) return undefined
  return canonicalInt64(negative ? -value : value)
}
