import { assert } from '../../base/assert.ts'
import { EngineError } from '../../base/errors.ts'
import { isDecimal } from '../../batch/column.ts'
import { decimalToNumber } from '../../batch/numeric.ts'
import type { Datum } from '../../batch/types.ts'
import type { Expr } from '../expr.ts'
import { addIntervals, multiplyInterval, negateInterval } from '../interval.ts'
import type { BagEntry } from './bag.ts'

/** Where in a sorted bag: one fraction, an array of them, or NULL. */
export type Fractions = number | null | readonly (number | null)[]

/** The fraction of a call, which must be constant: its groups' rows have no say in it. */
export function fractionsOf(expr: Expr): Fractions {
  if (expr.kind === 'cast') return fractionsOf(expr.arg)
  if (expr.kind === 'array') return expr.elements.map(element => single(fractionsOf(element)))
  if (expr.kind !== 'literal') throw new EngineError('42P20', 'the fraction of a percentile must be a constant')
  const { value } = expr
  return Array.isArray(value) ? value.map(fraction) : fraction(value)
}

function single(fractions: Fractions): number | null {
  assert(fractions === null || typeof fractions === 'number', 'arrays of fractions have one dimension')
  return fractions
}

function fraction(value: Datum): number | null {
  if (value === null) return null
  const number = isDecimal(value) ? decimalToNumber(value) : Number(value)
  if (number >= 0 && number <= 1) return number
  throw new EngineError('22003', `percentile value ${number} is not between 0 and 1`)
}

/** Applies `at` to each fraction. */
export function forFractions(fractions: Fractions, at: (fraction: number) => Datum): Datum {
  if (fractions === null) return null
  if (typeof fractions === 'number') return at(fractions)
  return fractions.map(f => (f === null ? null : at(f)))
}

/** percentile_cont: interpolated between the two nearest. Value: the entry's last argument. */
export function continuousPercentile(entries: readonly BagEntry[], fraction: number): Datum {
  const position = fraction * (countOf(entries) - 1)
  const low = Math.floor(position)
  return interpolate(valueAt(entries, low), valueAt(entries, Math.ceil(position)), position - low)
}

/** percentile_disc: the first value at or above that share of the rows. */
export function discretePercentile(entries: readonly BagEntry[], fraction: number): Datum {
  return valueAt(entries, Math.max(0, Math.ceil(fraction * countOf(entries)) - 1))
}

/** mode: the most frequent value, of several the first in order. */
export function mostFrequent(entries: readonly BagEntry[]): Datum {
  let best = entries[0]
  for (const entry of entries) if (entry.count > best.count) best = entry
  return best.row[0]
}

function countOf(entries: readonly BagEntry[]): number {
  return entries.reduce((sum, entry) => sum + entry.count, 0)
}

function valueAt(entries: readonly BagEntry[], rank: number): Datum {
  let left = rank
  for (const entry of entries) {
    if (left < entry.count) return entry.row[entry.row.length - 1]
    left -= entry.count
  }
  return assert(false, 'a rank within the bag') ?? null
}

function interpolate(low: Datum, high: Datum, share: number): Datum {
  if (share === 0) return low
  if (typeof low === 'number' && typeof high === 'number') return low === high ? low : low + share * (high - low)
  assert(isInterval(low) && isInterval(high), 'percentile_cont of doubles or intervals')
  return addIntervals(low, multiplyInterval(addIntervals(high, negateInterval(low)), share))
}

function isInterval(value: Datum): value is Extract<Datum, { readonly months: number }> {
  return typeof value === 'object' && value !== null && 'months' in value
}
