import { EngineError } from '../base/errors.ts'
import { canonicalInt64 } from '../batch/column.ts'
import type { Int64 } from '../batch/types.ts'
import { INT64_MAX, INT64_MIN } from './int64.ts'

const LIMITS = { smallint: 32767, integer: 2147483647 }

/** Reads an integer, blanks around it allowed. Throws 22P02 or 22003. */
export function parseInteger(text: string, type: 'smallint' | 'integer' | 'bigint'): Int64 {
  const digits = text.trim()
  if (!/^[+-]?\d+$/.test(digits)) throw new EngineError('22P02', `invalid input syntax for type ${type}: "${text}"`)
  const value = digits.length < 16 ? Number(digits) + 0 : canonicalInt64(BigInt(digits.replace('+', '')))
  const fits =
    type === 'bigint' ? value <= INT64_MAX && value >= INT64_MIN : value <= LIMITS[type] && value >= -LIMITS[type] - 1
  if (!fits) throw new EngineError('22003', `value "${text}" is out of range for type ${type}`)
  return value
}

export function parseFloat8(text: string): number {
  return parseFloating(text, 'double precision')
}

export function parseFloat4(text: string): number {
  const value = parseFloating(text, 'real')
  const single = Math.fround(value)
  if ((!Number.isFinite(single) && Number.isFinite(value)) || (single === 0 && value !== 0)) {
    throw new EngineError('22003', `"${text.trim()}" is out of range for type real`)
  }
  return single
}

function parseFloating(text: string, type: string): number {
  const trimmed = text.trim()
  if (/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(trimmed)) {
    const value = Number(trimmed)
    const lost = value === 0 && /[1-9]/.test(trimmed.replace(/[eE].*/, ''))
    if (!Number.isFinite(value) || lost) throw new EngineError('22003', `"${trimmed}" is out of range for type ${type}`)
    return value
  }
  const word = trimmed.toLowerCase()
  if (word === 'nan') return Number.NaN
  if (/^\+?inf(inity)?$/.test(word)) return Number.POSITIVE_INFINITY
  if (/^-inf(inity)?$/.test(word)) return Number.NEGATIVE_INFINITY
  throw new EngineError('22P02', `invalid input syntax for type ${type}: "${text}"`)
}

/** The shortest text that reads back as the same value, with an exponent where Postgres has one: 1e+20, 1e-05. */
export function formatFloat(value: number, type: 'real' | 'double'): string {
  if (Object.is(value, -0)) return '-0'
  if (!Number.isFinite(value) || value === 0) return String(value)
  const shortest = type === 'double' ? value.toExponential() : shortestSingle(value)
  const at = shortest.indexOf('e')
  const exponent = Number(shortest.slice(at + 1))
  const negative = shortest[0] === '-'
  const digits = shortest.slice(negative ? 1 : 0, at).replace('.', '')
  const sign = negative ? '-' : ''
  if (exponent < -4 || exponent >= (type === 'double' ? 15 : 6)) {
    const mantissa = digits.length > 1 ? `${digits[0]}.${digits.slice(1)}` : digits
    return `${sign}${mantissa}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`
  }
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`
  if (digits.length <= exponent + 1) return sign + digits.padEnd(exponent + 1, '0')
  return `${sign}${digits.slice(0, exponent + 1)}.${digits.slice(exponent + 1)}`
}

function shortestSingle(value: number): string {
  for (let digits = 0; digits < 9; digits++) {
    const text = value.toExponential(digits)
    if (Math.fround(Number(text)) === value) return text
  }
  return value.toExponential()
}
