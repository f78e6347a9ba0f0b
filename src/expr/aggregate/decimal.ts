import { EngineError } from '../../base/errors.ts'
import type { Decimal } from '../../batch/types.ts'

/** Significant digits a quotient has at least, as in Postgres. */
const SIGNIFICANT_DIGITS = 16

/** a / b for finite a and a whole b > 0, with the scale Postgres gives it, rounded half away from zero. */
export function divideByCount(a: Decimal, b: number): Decimal {
  const scale = Math.max(a.scale, quotientScale(a.unscaled, a.scale, BigInt(b)))
  const divisor = BigInt(b)
  const shifted = a.unscaled * 10n ** BigInt(scale - a.scale)
  let quotient = shifted / divisor
  const rest = shifted % divisor
  if (2n * (rest < 0n ? -rest : rest) >= divisor) quotient += shifted < 0n ? -1n : 1n
  return { unscaled: quotient, scale }
}

/** Postgres' select_div_scale: digits are counted in base 10,000. */
function quotientScale(unscaled: bigint, scale: number, divisor: bigint): number {
  const a = leading(unscaled, scale)
  const b = leading(divisor, 0)
  const weight = a.weight - b.weight - (a.digit <= b.digit ? 1 : 0)
  return Math.min(1000, Math.max(0, SIGNIFICANT_DIGITS - 4 * weight))
}

function leading(unscaled: bigint, scale: number): { weight: number; digit: number } {
  if (unscaled === 0n) return { weight: 0, digit: 0 }
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString()
  const exponent = digits.length - scale - 1
  const weight = Math.floor(exponent / 4)
  const width = exponent - 4 * weight + 1
  return { weight, digit: Number(digits.padEnd(width, '0').slice(0, width)) }
}

/** The error of an aggregate whose result does not fit its type. */
export function bigintOutOfRange(): EngineError {
  return new EngineError('22003', 'bigint out of range', { hint: 'cast the argument to numeric' })
}
