import { EngineError } from '../base/errors.ts'
import { canonicalInt64 } from '../batch/column.ts'
import type { Int64 } from '../batch/types.ts'

/**
 * Checked arithmetic on the integer types. Doubles while that is exact, bigint beyond: the first branch is what V8 inlines and
 * keeps unboxed as long as no large value has been seen.
 */
const MAX = Number.MAX_SAFE_INTEGER

/** The least and greatest bigint: also −infinity and infinity of timestamps. */
export const INT64_MIN = -(1n << 63n)
export const INT64_MAX = (1n << 63n) - 1n

export function outOfRange(type: string): EngineError {
  return new EngineError('22003', `${type} out of range`)
}

export function divisionByZero(): EngineError {
  return new EngineError('22012', 'division by zero')
}

/** Canonical, or 22003 outside 64 bits. */
export function checkedInt64(value: bigint): Int64 {
  if (value > INT64_MAX || value < INT64_MIN) throw outOfRange('bigint')
  return canonicalInt64(value)
}

export function add64(a: Int64, b: Int64): Int64 {
  if (typeof a === 'number' && typeof b === 'number') {
    const sum = a + b
    if (sum <= MAX && sum >= -MAX) return sum
  }
  return checkedInt64(BigInt(a) + BigInt(b))
}

export function subtract64(a: Int64, b: Int64): Int64 {
  if (typeof a === 'number' && typeof b === 'number') {
    const difference = a - b
    if (difference <= MAX && difference >= -MAX) return difference
  }
  return checkedInt64(BigInt(a) - BigInt(b))
}

export function multiply64(a: Int64, b: Int64): Int64 {
  if (typeof a === 'number' && typeof b === 'number') {
    const product = a * b
    // + 0 turns a negative zero into zero.
    if (product <= MAX && product >= -MAX) return product + 0
  }
  return checkedInt64(BigInt(a) * BigInt(b))
}

export function divide64(a: Int64, b: Int64): Int64 {
  if (b === 0) throw divisionByZero()
  if (typeof a === 'number' && typeof b === 'number')
    return Math.trunc(a / b) + 0 === a / b ? a / b + 0 : truncated(a, b)
  return checkedInt64(BigInt(a) / BigInt(b))
}

// The double quotient of two safe integers may round up to the next whole number; the remainder is exact.
function truncated(a: number, b: number): number {
  return (a - (a % b)) / b + 0
}

export function modulo64(a: Int64, b: Int64): Int64 {
  if (b === 0) throw divisionByZero()
  if (typeof a === 'number' && typeof b === 'number') return (a % b) + 0
  return canonicalInt64(BigInt(a) % BigInt(b))
}

export function negate64(a: Int64): Int64 {
  return typeof a === 'number' ? 0 - a : checkedInt64(-a)
}

export function add32(a: number, b: number): number {
  const sum = a + b
  if (sum !== (sum | 0)) throw outOfRange('integer')
  return sum
}

export function subtract32(a: number, b: number): number {
  const difference = a - b
  if (difference !== (difference | 0)) throw outOfRange('integer')
  return difference
}

export function multiply32(a: number, b: number): number {
  const product = a * b
  if (product > 2147483647 || product < -2147483648) throw outOfRange('integer')
  return product | 0
}

export function divide32(a: number, b: number): number {
  if (b === 0) throw divisionByZero()
  if (b === -1) return subtract32(0, a)
  return (a / b) | 0
}

export function modulo32(a: number, b: number): number {
  if (b === 0) throw divisionByZero()
  return (a % b) | 0
}

/** Passes a smallint result through, or 22003. */
export function check16(value: number): number {
  if (value > 32767 || value < -32768) throw outOfRange('smallint')
  return value
}

/** Passes an integer result through, or 22003. */
export function check32(value: number): number {
  if (value > 2147483647 || value < -2147483648) throw outOfRange('integer')
  return value
}

/** Rounds half to even, as Postgres casts doubles to integers. */
export function roundHalfEven(value: number): number {
  const floor = Math.floor(value)
  const rest = value - floor
  if (rest !== 0.5) return rest < 0.5 ? floor : floor + 1
  return floor % 2 === 0 ? floor : floor + 1
}

/** A double as bigint of SQL: rounded half to even; 22003 outside 64 bits. */
export function int64OfNumber(value: number): Int64 {
  const rounded = roundHalfEven(value) + 0
  if (Number.isSafeInteger(rounded)) return rounded
  if (!(rounded >= -(2 ** 63) && rounded < 2 ** 63)) throw outOfRange('bigint')
  return canonicalInt64(BigInt(rounded))
}

/** Instants and spans: the same as add64 with the error of timestamps. */
export function addMicros(a: Int64, b: Int64): Int64 {
  if (typeof a === 'number' && typeof b === 'number') {
    const sum = a + b
    if (sum <= MAX && sum >= -MAX) return sum
  }
  const sum = BigInt(a) + BigInt(b)
  if (sum >= INT64_MAX || sum <= INT64_MIN) throw new EngineError('22008', 'timestamp out of range')
  return canonicalInt64(sum)
}
