/**
 * Numbers from text bytes, without a string in between: one piece for casts, record decoders and the wire protocol. Callers trim
 * spaces (`trimStart`, `trimEnd`) and answer the special words (NaN, Infinity) themselves.
 */

import { decodeUtf8, setInt64 } from './column.ts'
import type { Decimal, Int64 } from './types.ts'

const ZERO = 48
const DOT = 46
const PLUS = 43
const MINUS = 45
const LOWER_E = 101
const TWO_16 = 65536
const SAFE = Number.MAX_SAFE_INTEGER
/** Postgres' limits of numeric: digits before and after the point. */
const WHOLE_DIGITS_MAX = 131072
const SCALE_MAX = 16383

/** 10^0 … 10^22: the powers of ten that a double holds exactly. */
export const EXACT_POWERS: Float64Array = Float64Array.from({ length: 23 }, (_, i) => Number(`1e${i}`))

/** First byte at or after `start` that is no white space. */
export function trimStart(bytes: Uint8Array, start: number, end: number): number {
  while (start < end && isSpace(bytes[start])) start++
  return start
}

/** One past the last byte before `end` that is no white space. */
export function trimEnd(bytes: Uint8Array, start: number, end: number): number {
  while (end > start && isSpace(bytes[end - 1])) end--
  return end
}

function isSpace(byte: number): boolean {
  return byte === 32 || (byte >= 9 && byte <= 13)
}

/**
 * The double nearest to a decimal such as `-12.5e3`, `.5` or `5.`; undefined when it is none. Beyond the range it is ±Infinity.
 * W. Clinger's fast path: a mantissa within 2^53 scaled by at most 10^22 is one correctly rounded operation; else Number().
 */
export function parseDouble(bytes: Uint8Array, start: number, end: number): number | undefined {
  let at = start
  let negative = false
  if (at < end && (bytes[at] === MINUS || bytes[at] === PLUS)) negative = bytes[at++] === MINUS
  let mantissa = 0
  const first = at
  while (at < end && isDigit(bytes[at])) mantissa = mantissa * 10 + (bytes[at++] - ZERO)
  let digits = at - first
  let exponent = 0
  if (at < end && bytes[at] === DOT) {
    const fraction = ++at
    while (at < end && isDigit(bytes[at])) mantissa = mantissa * 10 + (bytes[at++] - ZERO)
    exponent = fraction - at
    digits += at - fraction
  }
  if (digits === 0) return undefined
  if (at < end) {
    const scale = parseExponent(bytes, at, end)
    if (scale === undefined) return undefined
    exponent += scale
  }
  let value: number
  if (mantissa > SAFE || exponent > 22 || exponent < -22) return Number(decodeUtf8(bytes, start, end))
  else if (exponent < 0) value = mantissa / EXACT_POWERS[-exponent]
  else value = mantissa * EXACT_POWERS[exponent]
  return negative ? -value : value
}

/** `e-12` at `at`, to the very end; its value, kept within ±999999. */
function parseExponent(bytes: Uint8Array, at: number, end: number): number | undefined {
  if ((bytes[at] | 32) !== LOWER_E) return undefined
  at++
  let negative = false
  if (at < end && (bytes[at] === MINUS || bytes[at] === PLUS)) negative = bytes[at++] === MINUS
  if (at === end) return undefined
  let value = 0
  for (; at < end; at++) {
    const digit = bytes[at] - ZERO
    if (digit < 0 || digit > 9) return undefined
    if (value < 99999) value = value * 10 + digit
  }
  return negative ? -value : value
}

/**
 * A 64-bit integer in decimal digits, exactly, into words[2·row] (low half) and words[2·row + 1] (high half).
 * `malformed`: no plain integer; `range`: beyond 64 bits. Then nothing is written.
 */
export function parseInt64Into(
  bytes: Uint8Array,
  start: number,
  end: number,
  words: Int32Array,
  row: number,
): 'ok' | 'malformed' | 'range' {
  let at = start
  let negative = false
  if (at < end && (bytes[at] === MINUS || bytes[at] === PLUS)) negative = bytes[at++] === MINUS
  if (at === end) return 'malformed'
  while (at < end - 1 && bytes[at] === ZERO) at++
  const digits = end - at
  // value = head · 10^9 + tail, head within 10^10, so every product below is exact in a double.
  const tailStart = digits > 9 ? end - 9 : at
  let head = 0
  for (let i = at; i < tailStart; i++) {
    const digit = bytes[i] - ZERO
    if (digit < 0 || digit > 9) return 'malformed'
    head = head * 10 + digit
  }
  let tail = 0
  for (let i = tailStart; i < end; i++) {
    const digit = bytes[i] - ZERO
    if (digit < 0 || digit > 9) return 'malformed'
    tail = tail * 10 + digit
  }
  if (digits > 19) return 'range'
  const small = (head % TWO_16) * 1e9 + tail
  const upper = Math.floor(head / TWO_16) * 1e9 + Math.floor(small / TWO_16)
  let high = Math.floor(upper / TWO_16)
  let low = ((upper % TWO_16) * TWO_16 + (small % TWO_16)) | 0
  if (high > 0x7fffffff && !(negative && high === 0x80000000 && low === 0)) return 'range'
  if (negative) {
    high = low === 0 ? -high : ~high
    low = -low | 0
  }
  words[2 * row] = low
  words[2 * row + 1] = high
  return 'ok'
}

/**
 * An exact decimal: `12.50` keeps its scale 2; `1.5e3` is 1500. Undefined: no number, or beyond Postgres' limits of numeric
 * (131072 digits before the point, 16383 after).
 */
export function parseDecimal(bytes: Uint8Array, start: number, end: number): Decimal | undefined {
  let at = start
  let sign = ''
  if (at < end && (bytes[at] === MINUS || bytes[at] === PLUS)) sign = bytes[at++] === MINUS ? '-' : ''
  const whole = at
  while (at < end && isDigit(bytes[at])) at++
  let digits = decodeUtf8(bytes, whole, at)
  let scale = 0
  if (at < end && bytes[at] === DOT) {
    const fraction = ++at
    while (at < end && isDigit(bytes[at])) at++
    scale = at - fraction
    digits += decodeUtf8(bytes, fraction, at)
  }
  if (digits === '') return undefined
  if (at < end) {
    const exponent = parseExponent(bytes, at, end)
    if (exponent === undefined) return undefined
    scale -= exponent
  }
  if (scale > SCALE_MAX || digits.length - scale > WHOLE_DIGITS_MAX) return undefined
  if (scale < 0) {
    digits += '0'.repeat(-scale)
    scale = 0
  }
  return { unscaled: BigInt(sign + digits), scale }
}

function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= ZERO + 9
}

/** The decimal as a whole number when it is one within 64 bits; undefined else. `409.0` is 409. */
export function decimalToInt64(decimal: Decimal): Int64 | undefined {
  if (decimal.special !== undefined) return undefined
  let value = decimal.unscaled
  if (decimal.scale > 0) {
    const unit = 10n ** BigInt(decimal.scale)
    if (value % unit !== 0n) return undefined
    value /= unit
  }
  if (BigInt.asIntN(64, value) !== value) return undefined
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}

/** Like parseInt64Into, and also takes `409.0` and `4.09e2`. */
export function parseWholeInto(
  bytes: Uint8Array,
  start: number,
  end: number,
  words: Int32Array,
  row: number,
): 'ok' | 'malformed' | 'range' {
  const verdict = parseInt64Into(bytes, start, end, words, row)
  if (verdict !== 'malformed') return verdict
  const decimal = parseDecimal(bytes, start, end)
  if (decimal === undefined) return 'malformed'
  const value = decimalToInt64(decimal)
  if (value === undefined)
    return decimal.scale > 0 && decimal.unscaled % 10n ** BigInt(decimal.scale) !== 0n ? 'malformed' : 'range'
  setInt64(words, row, value)
  return 'ok'
}

/** The value in numeric(precision, scale): rounded half away from zero; undefined when it has too many digits before the point. */
export function fitDecimal(value: Decimal, precision: number, scale: number): Decimal | undefined {
  if (value.special !== undefined) return value.special === 'NaN' ? value : undefined
  let { unscaled } = value
  if (value.scale < scale) unscaled *= 10n ** BigInt(scale - value.scale)
  else if (value.scale > scale) {
    const unit = 10n ** BigInt(value.scale - scale)
    unscaled = (unscaled + (unscaled < 0n ? -unit : unit) / 2n) / unit
  }
  const limit = 10n ** BigInt(precision)
  return unscaled < limit && unscaled > -limit ? { unscaled, scale } : undefined
}

/** Decimal digits, never an exponent: `12.50`, `-0.001`. */
export function decimalText(value: Decimal): string {
  if (value.special !== undefined) return value.special
  const negative = value.unscaled < 0n
  const digits = (negative ? -value.unscaled : value.unscaled).toString().padStart(value.scale + 1, '0')
  const point = digits.length - value.scale
  const text = value.scale === 0 ? digits : `${digits.slice(0, point)}.${digits.slice(point)}`
  return negative ? `-${text}` : text
}
