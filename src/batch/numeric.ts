import { EngineError } from '../base/errors.ts'
import { canonicalInt64 } from './column.ts'
import type { Decimal, Int64 } from './types.ts'

/** Exact decimals on bigint, with the result scales that Postgres gives each operation. */

/** The scale Postgres shows at least 16 significant digits with. */
export const MIN_SIGNIFICANT_DIGITS = 16
const MAX_DISPLAY_SCALE = 1000
const MAX_STORED_SCALE = 16383

export const NUMERIC_NAN: Decimal = { unscaled: 0n, scale: 0, special: 'NaN' }
export const NUMERIC_INFINITY: Decimal = { unscaled: 0n, scale: 0, special: 'Infinity' }
export const NUMERIC_MINUS_INFINITY: Decimal = { unscaled: 0n, scale: 0, special: '-Infinity' }

const powers: bigint[] = [1n]
/** 10^n, remembered. */
export function pow10(n: number): bigint {
  if (n > 2000) return 10n ** BigInt(n)
  for (let i = powers.length; i <= n; i++) powers.push(powers[i - 1] * 10n)
  return powers[n]
}

/** An integer as a decimal of scale 0. */
export function decimalOfInt(value: Int64): Decimal {
  return { unscaled: BigInt(value), scale: 0 }
}

const NUMBER = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/

/** Reads Postgres' numeric input, blanks already trimmed. Undefined: not a number. Throws 22003 beyond the format's limits. */
export function parseDecimal(text: string): Decimal | undefined {
  const match = NUMBER.exec(text)
  if (!match || (match[2] === '' && !match[3])) return parseSpecial(text)
  const [, sign, whole, fraction = '', exponent = '0'] = match
  const power = Number(exponent)
  if (Math.abs(power) > 200_000) throw numericOverflow()
  const digits = BigInt(whole + fraction || '0')
  const unscaled = sign === '-' ? -digits : digits
  const scale = fraction.length - power
  if (digits !== 0n && digitCount(digits) - scale > 131_072) throw numericOverflow()
  if (scale > MAX_STORED_SCALE) return rescale({ unscaled, scale }, MAX_STORED_SCALE)
  return scale < 0 ? { unscaled: unscaled * pow10(-scale), scale: 0 } : { unscaled, scale }
}

function parseSpecial(text: string): Decimal | undefined {
  const lower = text.toLowerCase()
  if (lower === 'nan') return NUMERIC_NAN
  if (/^\+?(inf|infinity)$/.test(lower)) return NUMERIC_INFINITY
  return /^-(inf|infinity)$/.test(lower) ? NUMERIC_MINUS_INFINITY : undefined
}

export function formatDecimal({ unscaled, scale, special }: Decimal): string {
  if (special) return special
  if (scale === 0) return unscaled.toString()
  const digits = absolute(unscaled)
    .toString()
    .padStart(scale + 1, '0')
  const at = digits.length - scale
  return `${unscaled < 0n ? '-' : ''}${digits.slice(0, at)}.${digits.slice(at)}`
}

export function numericOverflow(): EngineError {
  return new EngineError('22003', 'value overflows numeric format')
}

function divisionByZero(): EngineError {
  return new EngineError('22012', 'division by zero')
}

export function absolute(value: bigint): bigint {
  return value < 0n ? -value : value
}

/** Decimal digits of a magnitude; 1 for 0. */
export function digitCount(magnitude: bigint): number {
  return absolute(magnitude).toString().length
}

/** Quotient rounded half away from zero. */
export function divideRounded(a: bigint, b: bigint): bigint {
  const quotient = a / b
  const rest = absolute(a % b) * 2n
  if (rest < absolute(b)) return quotient
  return a < 0n !== b < 0n ? quotient - 1n : quotient + 1n
}

/** The value at a given scale, rounded half away from zero when digits go. Scale may be negative: then whole tens are left, at scale 0. */
export function rescale(value: Decimal, scale: number): Decimal {
  if (value.special) return value
  const drop = value.scale - scale
  if (drop === 0) return value
  if (drop < 0) return { unscaled: value.unscaled * pow10(-drop), scale }
  const unscaled = divideRounded(value.unscaled, pow10(drop))
  return scale >= 0 ? { unscaled, scale } : { unscaled: unscaled * pow10(-scale), scale: 0 }
}

/** round(value, scale) of SQL. */
export function roundDecimal(value: Decimal, scale: number): Decimal {
  return rescale(value, Math.max(-2000, Math.min(2000, scale)))
}

/** trunc(value, scale) of SQL. */
export function truncDecimal(value: Decimal, places: number): Decimal {
  const scale = Math.max(-2000, Math.min(2000, places))
  if (value.special) return value
  if (value.scale <= scale) return rescale(value, scale)
  const unscaled = value.unscaled / pow10(value.scale - scale)
  return scale >= 0 ? { unscaled, scale } : { unscaled: unscaled * pow10(-scale), scale: 0 }
}

export function floorDecimal(value: Decimal): Decimal {
  const whole = truncDecimal(value, 0)
  return compareDecimals(whole, value) > 0 ? { unscaled: whole.unscaled - 1n, scale: 0 } : whole
}

export function ceilDecimal(value: Decimal): Decimal {
  const whole = truncDecimal(value, 0)
  return compareDecimals(whole, value) < 0 ? { unscaled: whole.unscaled + 1n, scale: 0 } : whole
}

/** −1, 0 or 1; NaN equals NaN and is greater than everything. */
export function compareDecimals(a: Decimal, b: Decimal): number {
  if (a.special || b.special) return Math.sign(rank(a) - rank(b))
  const scale = Math.max(a.scale, b.scale)
  const left = a.scale === scale ? a.unscaled : a.unscaled * pow10(scale - a.scale)
  const right = b.scale === scale ? b.unscaled : b.unscaled * pow10(scale - b.scale)
  return left < right ? -1 : left > right ? 1 : 0
}

function rank({ special }: Decimal): number {
  if (special === undefined) return 0
  return special === 'NaN' ? 2 : special === 'Infinity' ? 1 : -1
}

/** −1, 0 or 1 (NaN: 0). */
export function signOf({ unscaled, special }: Decimal): number {
  if (special) return special === 'Infinity' ? 1 : special === 'NaN' ? 0 : -1
  return unscaled < 0n ? -1 : unscaled > 0n ? 1 : 0
}

export function negateDecimal(value: Decimal): Decimal {
  if (value.special) return value.special === 'NaN' ? value : infinity(-signOf(value))
  return { unscaled: -value.unscaled, scale: value.scale }
}

export function absDecimal(value: Decimal): Decimal {
  return signOf(value) < 0 ? negateDecimal(value) : value
}

function infinity(sign: number): Decimal {
  return sign === 0 ? NUMERIC_NAN : sign > 0 ? NUMERIC_INFINITY : NUMERIC_MINUS_INFINITY
}

export function addDecimals(a: Decimal, b: Decimal): Decimal {
  if (a.special || b.special) {
    if (a.special === 'NaN' || b.special === 'NaN') return NUMERIC_NAN
    if (a.special && b.special) return a.special === b.special ? a : NUMERIC_NAN
    return a.special ? a : b
  }
  if (a.scale === b.scale) return { unscaled: a.unscaled + b.unscaled, scale: a.scale }
  const scale = Math.max(a.scale, b.scale)
  return { unscaled: rescale(a, scale).unscaled + rescale(b, scale).unscaled, scale }
}

export function subtractDecimals(a: Decimal, b: Decimal): Decimal {
  return addDecimals(a, negateDecimal(b))
}

export function multiplyDecimals(a: Decimal, b: Decimal): Decimal {
  if (a.special || b.special) {
    if (a.special === 'NaN' || b.special === 'NaN') return NUMERIC_NAN
    return infinity(signOf(a) * signOf(b))
  }
  const product = { unscaled: a.unscaled * b.unscaled, scale: a.scale + b.scale }
  return product.scale > MAX_STORED_SCALE ? rescale(product, MAX_STORED_SCALE) : product
}

/** Division with Postgres' select_div_scale: about 16 significant digits, at least the scale of either side. */
export function divideDecimals(a: Decimal, b: Decimal): Decimal {
  if (a.special === 'NaN' || b.special === 'NaN') return NUMERIC_NAN
  if (a.special) {
    if (b.special) return NUMERIC_NAN
    if (b.unscaled === 0n) throw divisionByZero()
    return infinity(signOf(a) * signOf(b))
  }
  if (b.special) return { unscaled: 0n, scale: 0 }
  if (b.unscaled === 0n) throw divisionByZero()
  return divideToScale(a, b, divisionScale(a, b))
}

/** a / b at exactly `scale` digits, rounded half away from zero. b is not zero. */
export function divideToScale(a: Decimal, b: Decimal, scale: number): Decimal {
  const shift = scale - a.scale + b.scale
  const unscaled =
    shift >= 0
      ? divideRounded(a.unscaled * pow10(shift), b.unscaled)
      : divideRounded(a.unscaled, b.unscaled * pow10(-shift))
  return { unscaled, scale }
}

/** Weight and first digit of a value in base 10,000, the units in which Postgres chooses scales. */
export function baseTenThousand({ unscaled, scale }: Decimal): { weight: number; first: number } {
  if (unscaled === 0n) return { weight: 0, first: 0 }
  const digits = absolute(unscaled).toString()
  const exponent = digits.length - 1 - scale
  const weight = Math.floor(exponent / 4)
  const leading = exponent - 4 * weight + 1
  return { weight, first: Number(digits.slice(0, leading).padEnd(leading, '0')) }
}

function divisionScale(a: Decimal, b: Decimal): number {
  const left = baseTenThousand(a)
  const right = baseTenThousand(b)
  let weight = left.weight - right.weight
  if (left.first <= right.first) weight--
  return clampScale(MIN_SIGNIFICANT_DIGITS - weight * 4, a.scale, b.scale)
}

/** A wanted result scale, not below the inputs' and within Postgres' display limits. */
export function clampScale(wanted: number, ...atLeast: number[]): number {
  return Math.min(MAX_DISPLAY_SCALE, Math.max(0, wanted, ...atLeast))
}

/** Remainder with the sign of the dividend. */
export function moduloDecimals(a: Decimal, b: Decimal): Decimal {
  if (a.special === 'NaN' || b.special === 'NaN') return NUMERIC_NAN
  if (a.special) {
    if (!b.special && b.unscaled === 0n) throw divisionByZero()
    return NUMERIC_NAN
  }
  if (b.special) return a
  if (b.unscaled === 0n) throw divisionByZero()
  const scale = Math.max(a.scale, b.scale)
  return { unscaled: rescale(a, scale).unscaled % rescale(b, scale).unscaled, scale }
}

/** Nearest double. */
export function decimalToNumber(value: Decimal): number {
  if (value.special) return Number(value.special)
  if (value.scale === 0) return Number(value.unscaled)
  return Number(formatDecimal(value))
}

/** A double as Postgres casts it: 15 significant digits (6 for real). */
export function decimalOfNumber(value: number, digits: 15 | 6): Decimal {
  if (Number.isNaN(value)) return NUMERIC_NAN
  if (!Number.isFinite(value)) return infinity(value)
  const parsed = parseDecimal(value.toPrecision(digits))
  return parsed ? trimTrailingZeros(parsed) : NUMERIC_NAN
}

/** Drops zeros after the point. */
export function trimTrailingZeros(value: Decimal): Decimal {
  let { unscaled, scale } = value
  if (value.special) return value
  while (scale > 0 && unscaled % 10n === 0n) {
    unscaled /= 10n
    scale--
  }
  return { unscaled, scale }
}

/** Rounded to an integer of the given type; 22003 outside its range. */
export function decimalToInt(value: Decimal, type: 'smallint' | 'integer' | 'bigint'): Int64 {
  if (value.special) {
    const what = value.special === 'NaN' ? 'NaN' : 'infinity'
    throw new EngineError('0A000', `cannot convert ${what} to ${type}`)
  }
  const { unscaled } = rescale(value, 0)
  const limit = type === 'bigint' ? 1n << 63n : type === 'integer' ? 1n << 31n : 1n << 15n
  if (unscaled >= limit || unscaled < -limit) throw new EngineError('22003', `${type} out of range`)
  return canonicalInt64(unscaled)
}

/** The value within numeric(precision, scale): rounded, or 22003. */
export function fitDecimal(value: Decimal, precision: number | undefined, scale = 0): Decimal {
  if (precision === undefined || value.special === 'NaN') return value
  const limit = precision - scale
  const fitted = rescale(value, scale)
  if (value.special || absolute(fitted.unscaled) >= pow10(precision)) {
    throw new EngineError('22003', 'numeric field overflow', {
      detail: value.special
        ? `A field with precision ${precision}, scale ${scale} cannot hold an infinite value.`
        : `A field with precision ${precision}, scale ${scale} must round to an absolute value less than ${limit === 0 ? '1' : `10^${limit}`}.`,
    })
  }
  return fitted
}
