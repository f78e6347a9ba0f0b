import { EngineError } from '../base/errors.ts'
import {
  absolute,
  baseTenThousand,
  clampScale,
  compareDecimals,
  decimalOfInt,
  decimalToNumber,
  digitCount,
  divideRounded,
  divideToScale,
  MIN_SIGNIFICANT_DIGITS,
  multiplyDecimals,
  NUMERIC_INFINITY,
  NUMERIC_NAN,
  negateDecimal,
  numericOverflow,
  pow10,
  rescale,
  signOf,
  subtractDecimals,
} from '../batch/numeric.ts'
import type { Decimal } from '../batch/types.ts'

/** Roots, powers and logarithms of exact decimals, with the result scales of Postgres' numeric.c. */

const ONE = decimalOfInt(1)
const ZERO = decimalOfInt(0)
const TEN = decimalOfInt(10)
const RESULT_SCALE_MAX = 2000

function negativeLogarithm(value: Decimal): EngineError | undefined {
  if (signOf(value) < 0) return new EngineError('2201E', 'cannot take logarithm of a negative number')
  return signOf(value) === 0 && !value.special ? new EngineError('2201E', 'cannot take logarithm of zero') : undefined
}

export function sqrtDecimal(value: Decimal): Decimal {
  if (value.special === 'NaN' || value.special === 'Infinity') return value
  if (signOf(value) < 0) throw new EngineError('2201F', 'cannot take square root of a negative number')
  const { weight } = baseTenThousand(value)
  const scale = clampScale(MIN_SIGNIFICANT_DIGITS - (weight * 2 + 1), value.scale)
  // One digit more, then rounded: the root of an integer is never exactly halfway.
  const shift = 2 * (scale + 1) - value.scale
  const radicand = shift >= 0 ? value.unscaled * pow10(shift) : value.unscaled / pow10(-shift)
  return rescale({ unscaled: integerRoot(radicand), scale: scale + 1 }, scale)
}

/** Floor of the square root, by Newton's iteration from above. */
function integerRoot(value: bigint): bigint {
  if (value < 2n) return value
  let root = pow10(Math.ceil(digitCount(value) / 2))
  for (;;) {
    const next = (root + value / root) >> 1n
    if (next >= root) return root
    root = next
  }
}

export function expDecimal(value: Decimal): Decimal {
  if (value.special) return value.special === '-Infinity' ? ZERO : value
  const estimate = Math.max(-RESULT_SCALE_MAX, Math.min(RESULT_SCALE_MAX, decimalToNumber(value) * Math.LOG10E))
  const scale = clampScale(MIN_SIGNIFICANT_DIGITS - Math.trunc(estimate), value.scale)
  return expToScale(value, scale)
}

function expToScale(value: Decimal, scale: number): Decimal {
  const size = decimalToNumber(value)
  if (Math.abs(size) >= RESULT_SCALE_MAX * 3) {
    if (size > 0) throw numericOverflow()
    return { unscaled: 0n, scale }
  }
  // e^x = (e^(x / 2^k))^(2^k), with guard digits for the k squarings and the magnitude of the result.
  const halvings = Math.max(0, Math.ceil(Math.log2(Math.abs(size) + 1)) + 4)
  const working = scale + Math.max(0, Math.ceil(size * Math.LOG10E)) + 12 + halvings
  const one = pow10(working)
  const x = rescale(value, working).unscaled / (1n << BigInt(halvings))
  let sum = one
  let term = one
  for (let n = 1n; term !== 0n; n++) {
    term = (term * x) / one / n
    sum += term
  }
  for (let i = 0; i < halvings; i++) sum = (sum * sum) / one
  return rescale({ unscaled: sum, scale: working }, scale)
}

export function lnDecimal(value: Decimal): Decimal {
  const wrong = negativeLogarithm(value)
  if (wrong) throw wrong
  if (value.special) return value
  return lnToScale(value, clampScale(MIN_SIGNIFICANT_DIGITS - lnWeight(value), value.scale))
}

/** Decimal weight of ln(value), as estimate_ln_dweight. */
function lnWeight(value: Decimal): number {
  const near = decimalToNumber(value)
  if (near >= 0.9 && near <= 1.1) {
    const x = subtractDecimals(value, ONE)
    if (x.unscaled === 0n) return 0
    const { weight, first } = baseTenThousand(x)
    return weight * 4 + Math.trunc(Math.log10(first))
  }
  const exponent = digitCount(value.unscaled) - 1 - value.scale
  const mantissa = Number(`${absolute(value.unscaled)}`.slice(0, 8).replace(/^(\d)/, '$1.'))
  return Math.trunc(Math.log10(Math.abs(Math.log(mantissa) + exponent * Math.LN10)))
}

function lnToScale(value: Decimal, scale: number): Decimal {
  const working = scale + 12
  const one = pow10(working)
  // ln(m · 10^e) = ln m + e · ln 10, with m in [0.3, 3].
  let exponent = digitCount(value.unscaled) - value.scale
  let mantissa = rescale({ unscaled: value.unscaled, scale: value.scale + exponent }, working + 4)
  if (mantissa.unscaled * 10n < 3n * pow10(working + 4)) {
    exponent--
    mantissa = { unscaled: mantissa.unscaled * 10n, scale: mantissa.scale }
  }
  const m = rescale(mantissa, working).unscaled
  let sum = lnNearOne(m, one)
  if (exponent !== 0) sum += BigInt(exponent) * lnTen(working)
  return rescale({ unscaled: sum, scale: working }, scale)
}

/** ln m = 2 · artanh((m − 1) / (m + 1)), after square roots that bring m near 1. */
function lnNearOne(m: bigint, one: bigint): bigint {
  let x = m
  let doublings = 1n
  for (let i = 0; i < 6; i++) {
    x = integerRoot(x * one)
    doublings *= 2n
  }
  const z = ((x - one) * one) / (x + one)
  const square = (z * z) / one
  let term = z
  let sum = z
  for (let n = 3n; term !== 0n; n += 2n) {
    term = (term * square) / one
    sum += term / n
  }
  return sum * 2n * doublings
}

let lnTenKnown = { scale: -1, value: 0n }
function lnTen(scale: number): bigint {
  if (lnTenKnown.scale < scale) {
    const working = scale + 20
    const root = integerRoot(integerRoot(10n * pow10(working * 4)) * pow10(working * 2)) / pow10(working)
    lnTenKnown = { scale: working, value: 4n * lnNearOne(root, pow10(working)) }
  }
  return lnTenKnown.value / pow10(lnTenKnown.scale - scale)
}

/** log10(value). */
export function log10Decimal(value: Decimal): Decimal {
  return logDecimals(TEN, value)
}

/** log(base, value). */
export function logDecimals(base: Decimal, value: Decimal): Decimal {
  const wrong = negativeLogarithm(base) ?? negativeLogarithm(value)
  if (wrong) throw wrong
  if (base.special === 'NaN' || value.special === 'NaN') return NUMERIC_NAN
  if (value.special) return base.special ? NUMERIC_NAN : NUMERIC_INFINITY
  if (base.special) return ZERO
  const baseWeight = lnWeight(base)
  const valueWeight = lnWeight(value)
  const scale = clampScale(MIN_SIGNIFICANT_DIGITS - (valueWeight - baseWeight), base.scale, value.scale)
  const working = scale + 16 + Math.max(0, -baseWeight, valueWeight - baseWeight)
  const divisor = lnToScale(base, working)
  if (divisor.unscaled === 0n) throw new EngineError('22012', 'division by zero')
  return divideToScale(lnToScale(value, working), divisor, scale)
}

export function powerDecimals(base: Decimal, exponent: Decimal): Decimal {
  if (base.special || exponent.special) return specialPower(base, exponent)
  const sign = signOf(base)
  if (sign === 0 && signOf(exponent) < 0) {
    throw new EngineError('2201F', 'zero raised to a negative power is undefined')
  }
  const whole = exponent.unscaled % pow10(exponent.scale) === 0n
  const integer = whole ? exponent.unscaled / pow10(exponent.scale) : undefined
  if (sign < 0 && integer === undefined) {
    throw new EngineError('2201F', 'a negative number raised to a non-integer power yields a complex result')
  }
  if (integer !== undefined && absolute(integer) < 2n ** 31n) return integerPower(base, Number(integer), exponent.scale)
  if (sign === 0) return { unscaled: 0n, scale: MIN_SIGNIFICANT_DIGITS }
  const logarithm = lnToScale(base, Math.max(0, 8 - lnWeight(base)))
  const size = decimalToNumber(multiplyDecimals(logarithm, exponent))
  if (size > RESULT_SCALE_MAX * 3.01) throw numericOverflow()
  if (size < -RESULT_SCALE_MAX * 3.01) return { unscaled: 0n, scale: 1000 }
  const digits = Math.trunc(size * Math.LOG10E)
  const scale = clampScale(MIN_SIGNIFICANT_DIGITS - digits, base.scale, exponent.scale)
  const working = scale + Math.max(0, digits) + exponent.scale + 12
  const product = multiplyDecimals(lnToScale(base, working), exponent)
  return expToScale(rescale(product, working), scale)
}

function specialPower(base: Decimal, exponent: Decimal): Decimal {
  if (exponent.special === undefined && exponent.unscaled === 0n) return ONE
  if (base.special === undefined && compareDecimals(base, ONE) === 0) return ONE
  if (base.special === 'NaN' || exponent.special === 'NaN') return NUMERIC_NAN
  const result = decimalToNumber(base) ** decimalToNumber(exponent)
  if (Number.isNaN(result)) return ONE
  if (result === 0) return ZERO
  return result > 0 ? NUMERIC_INFINITY : negateDecimal(NUMERIC_INFINITY)
}

function integerPower(base: Decimal, exponent: number, exponentScale: number): Decimal {
  if (base.unscaled === 0n) {
    return exponent === 0
      ? rescale(ONE, MIN_SIGNIFICANT_DIGITS)
      : { unscaled: 0n, scale: clampScale(MIN_SIGNIFICANT_DIGITS, base.scale, exponentScale) }
  }
  const leading = `${absolute(base.unscaled)}`
  const weight = Math.log10(Number(`0.${leading.slice(0, 17)}`)) + leading.length - base.scale
  const estimate = exponent * weight
  if (estimate > 131_072) throw numericOverflow()
  if (estimate < -RESULT_SCALE_MAX) return { unscaled: 0n, scale: 1000 }
  const scale = clampScale(MIN_SIGNIFICANT_DIGITS, base.scale, exponentScale)
  const n = Math.abs(exponent)
  const exactDigits = digitCount(base.unscaled) * n
  const power = exactDigits < 20_000 ? base.unscaled ** BigInt(n) : undefined
  if (power === undefined) {
    // Too long to carry all digits: keep what the scale needs.
    const working = scale + Math.max(0, Math.ceil(estimate)) + 20
    return rescale(
      expToScale(multiplyDecimals(lnToScale(absPart(base), working), decimalOfInt(exponent)), scale),
      scale,
    )
  }
  if (exponent >= 0) return rescale({ unscaled: power, scale: base.scale * n }, scale)
  return { unscaled: divideRounded(pow10(scale + base.scale * n), power), scale }
}

function absPart(base: Decimal): Decimal {
  return { unscaled: absolute(base.unscaled), scale: base.scale }
}
