import type { Datum, Decimal, Interval } from './types.ts'

const MICROS_PER_DAY = 86_400_000_000n

/** A text that is equal for exactly the values SQL calls equal (numeric 1.0 and 1.00, −0 and 0, NaN and NaN, 1 day and 24 hours). */
export function datumKey(value: Datum): string {
  if (value === null) return 'n'
  switch (typeof value) {
    case 'string':
      return `s${value.length}:${value}`
    case 'number':
      return value === 0 ? '0' : `${value}`
    case 'bigint':
      return `${value}`
    case 'boolean':
      return value ? 't' : 'f'
    default:
      if (value instanceof Uint8Array) return `x${value.join(',')}`
      if ('unscaled' in value) return decimalKey(value)
      if ('months' in value) return `i${intervalMicros(value)}`
      return `[${value.map(datumKey).join(' ')}]`
  }
}

function decimalKey(value: Decimal): string {
  if (value.special) return `d${value.special}`
  let { unscaled, scale } = value
  if (unscaled === 0n) return 'd0'
  for (; scale > 0 && unscaled % 10n === 0n; scale--) unscaled /= 10n
  return `d${unscaled}e${scale}`
}

/** An interval as Postgres compares it: months of 30 days, days of 24 hours. */
export function intervalMicros(value: Interval): bigint {
  return (BigInt(value.months) * 30n + BigInt(value.days)) * MICROS_PER_DAY + BigInt(value.micros)
}

/**
 * Total order of two values of the same type, as ORDER BY has it: NaN above all numbers, text by its UTF-8 bytes, arrays by
 * elements; NULL (also inside arrays) is the largest. Negative, zero or positive.
 */
export function compareDatum(a: Datum, b: Datum): number {
  if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1
  if (typeof a === 'number' || typeof a === 'bigint') return compareNumbers(a, b as number | bigint) // of the same type
  if (typeof a === 'string') return compareText(a, b as string)
  if (typeof a === 'boolean') return Number(a) - Number(b)
  if (a instanceof Uint8Array) return compareBytes(a, b as Uint8Array)
  if ('unscaled' in a) return compareDecimals(a, b as Decimal)
  if ('months' in a) return compareBigints(intervalMicros(a), intervalMicros(b as Interval))
  return compareArrays(a, b as readonly Datum[])
}

function compareNumbers(a: number | bigint, b: number | bigint): number {
  if (a < b) return -1
  if (a > b) return 1
  return Number(Number.isNaN(a)) - Number(Number.isNaN(b))
}

function compareBigints(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** By code point, which is the order of UTF-8 bytes; JavaScript's own order differs where surrogates meet U+E000 … U+FFFF. */
function compareText(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(i)
    if (x !== y) return surrogatesLast(x) - surrogatesLast(y)
  }
  return a.length - b.length
}

function surrogatesLast(unit: number): number {
  return unit >= 0xd800 && unit < 0xe000 ? unit + 0x10000 : unit
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return a[i] - b[i]
  return a.length - b.length
}

function compareArrays(a: readonly Datum[], b: readonly Datum[]): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const order = compareDatum(a[i], b[i])
    if (order !== 0) return order
  }
  return a.length - b.length
}

const specialRank = { '-Infinity': -1, Infinity: 1, NaN: 2 }

function compareDecimals(a: Decimal, b: Decimal): number {
  if (a.special || b.special) return (a.special ? specialRank[a.special] : 0) - (b.special ? specialRank[b.special] : 0)
  const scale = Math.max(a.scale, b.scale)
  return compareBigints(a.unscaled * 10n ** BigInt(scale - a.scale), b.unscaled * 10n ** BigInt(scale - b.scale))
}
