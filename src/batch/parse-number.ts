/**
 * Numbers from text bytes, without a string in between: one piece for casts, record decoders and the wire protocol. Callers trim
 * spaces (`trimStart`, `trimEnd`) and answer the special words (NaN, Infinity) themselves.
 */

import { canonicalInt64, decodeUtf8, setInt64 } from './column.ts'
import { compareDecimals, parseDecimal, rescale } from './numeric.ts'

const ZERO = 48
const DOT = 46
const PLUS = 43
const MINUS = 45
const LOWER_E = 101
const TWO_16 = 65536
/** 2^27 + 1: splits a double into halves of 26 bits (G. Veltkamp). */
const SPLIT = 134217729
const SAFE = Number.MAX_SAFE_INTEGER

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
 * Up to 2^53 a mantissa scaled by at most 10^22 is one correctly rounded operation (W. Clinger); up to 18 digits, which is what
 * programs print of a double, a division in twice the precision nearly always decides; the rest is left to Number().
 */
export function parseDouble(bytes: Uint8Array, start: number, end: number): number | undefined {
  let at = start
  let negative = false
  if (at < end && (bytes[at] === MINUS || bytes[at] === PLUS)) negative = bytes[at++] === MINUS
  // Significant digits: the first nine in `head`, the next nine in `tail`.
  let head = 0
  let tail = 0
  let digits = 0
  let seen = 0
  let point = -1
  for (; at < end; at++) {
    const digit = bytes[at] - ZERO
    if (digit === DOT - ZERO && point < 0) {
      point = at + 1
      continue
    }
    if (digit < 0 || digit > 9) break
    seen++
    if (digits === 0 && digit === 0) continue
    digits++
    if (digits <= 9) head = head * 10 + digit
    else if (digits <= 18) tail = tail * 10 + digit
  }
  if (seen === 0) return undefined
  let exponent = point < 0 ? 0 : point - at
  if (at < end) {
    const scale = parseExponent(bytes, at, end)
    if (scale === undefined) return undefined
    exponent += scale
  }
  const tailScale = digits > 9 ? EXACT_POWERS[Math.min(digits, 18) - 9] : 1
  const mantissa = head * tailScale + tail
  let value: number | undefined
  if (digits > 18 || exponent > 22 || exponent < -22) value = undefined
  else if (mantissa <= SAFE) {
    value = exponent < 0 ? mantissa / EXACT_POWERS[-exponent] : mantissa * EXACT_POWERS[exponent]
  } else if (exponent <= 0) value = divideLong(head, tailScale, tail, EXACT_POWERS[-exponent])
  if (value === undefined) return Number(decodeUtf8(bytes, start, end))
  return negative ? -value : value
}

/**
 * (head · scale + tail) / divisor, correctly rounded; undefined where this cannot tell. head has nine digits, the dividend exceeds 2^53.
 * With the dividend as an exact sum of two doubles, q the nearest double to the quotient and q · divisor an exact sum p + e (Dekker),
 * the rest of the division is exact but for one rounding; if the sum of q and a correction a little larger and a little smaller than
 * the one found is the same double, that is it.
 */
function divideLong(head: number, scale: number, tail: number, divisor: number): number | undefined {
  const upper = Math.floor(head / 32768)
  const high = upper * scale * 32768
  const low = (head - upper * 32768) * scale + tail
  const q = (high + low) / divisor
  const p = q * divisor
  const qHead = SPLIT * q - (SPLIT * q - q)
  const qTail = q - qHead
  const dHead = SPLIT * divisor - (SPLIT * divisor - divisor)
  const dTail = divisor - dHead
  const e = qTail * dTail - (p - qHead * dHead - qTail * dHead - qHead * dTail)
  const correction = (high - p + low - e) / divisor
  const larger = q + correction * (1 + 2 ** -45)
  return larger === q + correction * (1 - 2 ** -45) ? larger : undefined
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
  // Neither a number of a thousand digits nor its exponent is worth reading for 64 bits.
  if (end - start > 400) return 'range'
  const exponent = /[eE][+-]?0*(\d+)$/.exec(decodeUtf8(bytes, start, end))
  if (exponent && exponent[1].length > 3) return 'range'
  const decimal = parseDecimal(decodeUtf8(bytes, start, end))
  if (decimal === undefined || decimal.special !== undefined) return 'malformed'
  const whole = rescale(decimal, 0)
  if (compareDecimals(whole, decimal) !== 0) return 'malformed'
  if (BigInt.asIntN(64, whole.unscaled) !== whole.unscaled) return 'range'
  const value = canonicalInt64(whole.unscaled)
  setInt64(words, row, value)
  return 'ok'
}
