import { assert, unreachable } from '../../base/assert.ts'
import { type Snapshot, snapshotField } from '../../base/snapshot.ts'
import { type Column, datumAt, isDecimal } from '../../batch/column.ts'
import {
  decimalOfInt,
  divideDecimals,
  multiplyDecimals,
  NUMERIC_INFINITY,
  NUMERIC_MINUS_INFINITY,
  NUMERIC_NAN,
  pow10,
  roundDecimal,
  subtractDecimals,
} from '../../batch/numeric.ts'
import type { Datum, Decimal } from '../../batch/types.ts'
import { sqrtDecimal } from '../numeric-math.ts'
import type { Accumulator } from './accumulator.ts'
import type { MomentResult } from './float-moments.ts'

/** What becomes of the sums. */
export type DecimalResult = 'sum' | 'average' | MomentResult

interface Sums {
  /** Per scale of the values: how many, their sum and the sum of their squares, unscaled. The largest scale present is the result's. */
  readonly byScale: Map<number, { count: number; sum: bigint; squares: bigint }>
  nan: number
  positive: number
  negative: number
}

/**
 * sum, avg, variance and stddev of numeric, and the latter two of integers: exact sums, so that rows taken back leave no trace, not even
 * in the scale of the result.
 */
export class DecimalMoments implements Accumulator {
  readonly #result: DecimalResult
  #sums: (Sums | undefined)[] = []

  constructor(result: DecimalResult) {
    this.#result = result
  }

  reserve(): void {}

  update(groups: Int32Array, rowCount: number, args: readonly Column[], weights: Int32Array | undefined): void {
    const [arg] = args
    for (let i = 0; i < rowCount; i++) {
      const value = datumAt(arg, i)
      if (value === null) continue
      this.#add(groups[i], toDecimal(value), weights ? weights[i] : 1)
    }
  }

  merge(groups: Int32Array, from: Accumulator, fromGroups: Int32Array, count: number): void {
    assert(from instanceof DecimalMoments, 'merge of another aggregate')
    for (let i = 0; i < count; i++) {
      const source = from.#sums[fromGroups[i]]
      if (!source) continue
      const sums = this.#of(groups[i])
      for (const [scale, part] of source.byScale) addPart(sums, scale, part.count, part.sum, part.squares)
      sums.nan += source.nan
      sums.positive += source.positive
      sums.negative += source.negative
    }
  }

  output(groups: Int32Array, count: number): Column {
    const values: Datum[] = new Array(count)
    for (let i = 0; i < count; i++) {
      const sums = this.#sums[groups[i]]
      values[i] = sums ? finish(sums, this.#result) : null
    }
    return { storage: 'boxed', values, valid: undefined }
  }

  free(group: number): void {
    this.#sums[group] = undefined
  }

  snapshot(high: number): Snapshot {
    return {
      sums: Array.from({ length: high }, (_, group) => {
        const sums = this.#sums[group]
        return sums ? { ...sums, byScale: [...sums.byScale].map(([scale, part]) => [scale, { ...part }]) } : null
      }),
    }
  }

  restore(snapshot: Snapshot, high: number): void {
    const sums = snapshotField.array(snapshot, 'sums')
    assert(sums.length === high, 'snapshot of sums is cut')
    this.#sums = sums.map(value => {
      if (value === null) return undefined
      const stored = value as Sums // as snapshot() wrote it; byScale is its list of entries
      return { ...stored, byScale: new Map(stored.byScale) }
    })
  }

  bytes(): number {
    return this.#sums.reduce((sum, sums) => sum + 8 + (sums ? 200 : 0), 0)
  }

  #of(group: number): Sums {
    const known = this.#sums[group]
    if (known) return known
    const sums = { byScale: new Map(), nan: 0, positive: 0, negative: 0 }
    this.#sums[group] = sums
    return sums
  }

  #add(group: number, { unscaled, scale, special }: Decimal, weight: number): void {
    const sums = this.#of(group)
    if (special === undefined) {
      const times = BigInt(weight)
      addPart(sums, scale, weight, unscaled * times, unscaled * unscaled * times)
    } else if (special === 'NaN') sums.nan += weight
    else if (special === 'Infinity') sums.positive += weight
    else sums.negative += weight
  }
}

function toDecimal(value: Datum): Decimal {
  if (typeof value === 'number' || typeof value === 'bigint') return decimalOfInt(value)
  assert(isDecimal(value), 'a number or a decimal')
  return value
}

function addPart(sums: Sums, scale: number, count: number, sum: bigint, squares: bigint): void {
  const part = sums.byScale.get(scale) ?? { count: 0, sum: 0n, squares: 0n }
  part.count += count
  part.sum += sum
  part.squares += squares
  if (part.count === 0 && part.sum === 0n && part.squares === 0n) sums.byScale.delete(scale)
  else sums.byScale.set(scale, part)
}

function finish(sums: Sums, result: DecimalResult): Datum {
  let count = sums.nan + sums.positive + sums.negative
  const special = count > 0
  let scale = 0
  for (const [partScale, part] of sums.byScale) {
    count += part.count
    scale = Math.max(scale, partScale)
  }
  if (count <= 0) return null
  const isMoment = typeof result === 'object'
  if (isMoment && result.sample && count === 1) return null
  if (special) return isMoment ? NUMERIC_NAN : specialSum(sums)
  let unscaled = 0n
  let squares = 0n
  for (const [partScale, part] of sums.byScale) {
    const factor = pow10(scale - partScale)
    unscaled += part.sum * factor
    squares += part.squares * factor * factor
  }
  const sum = { unscaled, scale }
  if (result === 'sum') return sum
  if (result === 'average') return divideDecimals(sum, decimalOfInt(count))
  if (typeof result === 'object') return moment(count, sum, { unscaled: squares, scale: 2 * scale }, result)
  return unreachable(result)
}

function specialSum({ nan, positive, negative }: Sums): Decimal {
  if (nan > 0 || (positive > 0 && negative > 0)) return NUMERIC_NAN
  return positive > 0 ? NUMERIC_INFINITY : NUMERIC_MINUS_INFINITY
}

/** (n Σx² − (Σx)²) / (n (n − 1)), or n² below for the population; as Postgres rounds it. */
function moment(count: number, sum: Decimal, squares: Decimal, { sample, root }: MomentResult): Decimal {
  const n = decimalOfInt(count)
  const numerator = subtractDecimals(multiplyDecimals(n, squares), multiplyDecimals(sum, sum))
  if (numerator.unscaled <= 0n) return decimalOfInt(0)
  const variance = divideDecimals(numerator, multiplyDecimals(n, decimalOfInt(sample ? count - 1 : count)))
  return root ? roundDecimal(sqrtDecimal(variance), variance.scale) : variance
}
