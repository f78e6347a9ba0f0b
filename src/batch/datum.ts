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
