import { dateOfDays, MICROS_PER_DAY } from '../../batch/civil.ts'
import { formatFloat } from '../../expr/number-text.ts'
import type { ByteWriter } from './bytes.ts'

/** Numbers and times as ASCII, written straight into bytes. The callers have reserved room. */

const MINUS = 45
const POINT = 46
const ZERO = 48

/** A safe integer. At most 17 bytes. */
export function writeInteger(out: ByteWriter, value: number): void {
  let at = out.at
  if (value < 0) {
    out.bytes[at++] = MINUS
    value = -value
  }
  if (value < 1e9) {
    out.at = putDigits(out.bytes, at, value, digitCount(value))
    return
  }
  const high = Math.floor(value / 1e8)
  if (high < 1e9) at = putDigits(out.bytes, at, high, digitCount(high))
  else {
    out.at = at
    writeInteger(out, high)
    at = out.at
  }
  out.at = putDigits(out.bytes, at, value - high * 1e8, 8)
}

function digitCount(value: number): number {
  if (value < 1e4) return value < 100 ? (value < 10 ? 1 : 2) : value < 1000 ? 3 : 4
  if (value < 1e6) return value < 1e5 ? 5 : 6
  return value < 1e8 ? (value < 1e7 ? 7 : 8) : 9
}

/** Exactly `count` digits of 0 ≤ value < 2³¹, with leading zeros; returns the place after them. */
export function putDigits(bytes: Uint8Array, at: number, value: number, count: number): number {
  let rest = value | 0
  for (let i = at + count - 1; i >= at; i--) {
    const next = (rest / 10) | 0
    bytes[i] = ZERO + rest - next * 10
    rest = next
  }
  return at + count
}

/**
 * A double, shortest digits that read back the same, as Postgres ≥ 12 prints it. What devices send has few decimals:
 * k / 10⁴ of at most 15 digits is correctly rounded, so when it gives the value back its digits are the shortest ones.
 */
export function writeDouble(out: ByteWriter, value: number): void {
  const scaled = Math.round(value * 1e4)
  if (scaled / 1e4 === value && scaled < 9e12 && scaled > -9e12 && !Object.is(value, -0)) {
    const magnitude = Math.abs(scaled)
    const whole = Math.floor(magnitude / 1e4)
    if (scaled < 0) out.bytes[out.at++] = MINUS
    writeInteger(out, whole)
    writeFraction(out, magnitude - whole * 1e4, 4)
  } else out.text(formatFloat(value, 'double'))
}

/** A point and `width` digits without their trailing zeros; nothing for zero. */
function writeFraction(out: ByteWriter, fraction: number, width: number): void {
  if (fraction === 0) return
  let digits = width
  let rest = fraction
  while (rest % 10 === 0) {
    rest = rest / 10
    digits--
  }
  out.bytes[out.at++] = POINT
  out.at = putDigits(out.bytes, out.at, rest, digits)
}

const YEAR_4 = 10_000

/** Days since 1970 as YYYY-MM-DD. At most 20 bytes. Returns whether the year is BC, which is written after the time. */
function writeCivil(out: ByteWriter, days: number): boolean {
  const { year: astronomical, month, day } = dateOfDays(days)
  const year = astronomical > 0 ? astronomical : 1 - astronomical
  const { bytes } = out
  let at = out.at
  if (year < YEAR_4) at = putDigits(bytes, at, year, 4)
  else {
    out.at = at
    writeInteger(out, year)
    at = out.at
  }
  bytes[at++] = MINUS
  at = putDigits(bytes, at, month, 2)
  bytes[at++] = MINUS
  out.at = putDigits(bytes, at, day, 2)
  return astronomical <= 0
}

/** Days since 1970. */
export function writeDate(out: ByteWriter, days: number): void {
  if (writeCivil(out, days)) out.text(' BC')
}

/** Microseconds of a day as HH:MM:SS[.ffffff]. */
export function writeTime(out: ByteWriter, micros: number): void {
  const seconds = Math.floor(micros / 1e6)
  const minutes = (seconds / 60) | 0
  const { bytes } = out
  let at = putDigits(bytes, out.at, (minutes / 60) | 0, 2)
  bytes[at++] = 58
  at = putDigits(bytes, at, minutes % 60, 2)
  bytes[at++] = 58
  out.at = putDigits(bytes, at, seconds % 60, 2)
  writeFraction(out, micros - seconds * 1e6, 6)
}

/** Microseconds since 1970, and with `offsetSeconds` the distance of the zone from UTC. */
export function writeTimestamp(out: ByteWriter, micros: number, offsetSeconds?: number): void {
  const local = offsetSeconds === undefined ? micros : micros + offsetSeconds * 1e6
  const days = Math.floor(local / MICROS_PER_DAY)
  const bc = writeCivil(out, days)
  out.bytes[out.at++] = 32
  writeTime(out, local - days * MICROS_PER_DAY)
  if (offsetSeconds !== undefined) writeOffset(out, offsetSeconds)
  if (bc) out.text(' BC')
}

/** +HH[:MM[:SS]] */
function writeOffset(out: ByteWriter, offsetSeconds: number): void {
  const { bytes } = out
  const magnitude = Math.abs(offsetSeconds)
  bytes[out.at++] = offsetSeconds < 0 ? MINUS : 43
  out.at = putDigits(bytes, out.at, Math.floor(magnitude / 3600), 2)
  if (magnitude % 3600 === 0) return
  bytes[out.at++] = 58
  out.at = putDigits(bytes, out.at, Math.floor(magnitude / 60) % 60, 2)
  if (magnitude % 60 === 0) return
  bytes[out.at++] = 58
  out.at = putDigits(bytes, out.at, magnitude % 60, 2)
}
