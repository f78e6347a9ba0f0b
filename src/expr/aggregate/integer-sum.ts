import { assert } from '../../base/assert.ts'
import { EngineError } from '../../base/errors.ts'
import { growFloat64 } from '../../base/grow.ts'
import { type Snapshot, snapshotField } from '../../base/snapshot.ts'
import { type Column, canonicalInt64, int64At, setInt64 } from '../../batch/column.ts'
import { decimalOfInt, divideDecimals } from '../../batch/numeric.ts'
import type { Datum } from '../../batch/types.ts'
import type { Accumulator } from './accumulator.ts'

/** What becomes of the sum: itself, as bigint or numeric, or divided by the count of values. */
export type IntegerSumResult = 'bigint' | 'numeric' | 'average'

const UNIT = 2 ** 52
const UNIT_BIG = 1n << 52n
const HIGH_SAFE = 2 ** 20

/**
 * sum and avg of integers, exact: the sum is high · 2^52 + low, both whole doubles, |low| ≤ 2^52 between rows, so that adding a
 * value of at most that size stays within 2^53. The high half exists only once something has overflowed.
 */
export class IntegerSum implements Accumulator {
  readonly #result: IntegerSumResult
  #low = new Float64Array(0)
  #high: Float64Array<ArrayBuffer> | undefined
  #counts = new Float64Array(0)

  constructor(result: IntegerSumResult) {
    this.#result = result
  }

  reserve(capacity: number): void {
    if (capacity <= this.#low.length) return
    this.#low = growFloat64(this.#low, capacity)
    this.#counts = growFloat64(this.#counts, capacity)
    if (this.#high) this.#high = growFloat64(this.#high, capacity)
  }

  update(groups: Int32Array, rowCount: number, args: readonly Column[], weights: Int32Array | undefined): void {
    const arg = args[0]
    if (arg.storage === 'int32') this.#updateInt32(groups, rowCount, arg.values, arg.valid, weights)
    else if (arg.storage === 'int64') this.#updateInt64(groups, rowCount, arg.words, arg.valid, weights)
    else assert(false, `sum of integers over ${arg.storage}`)
  }

  merge(groups: Int32Array, from: Accumulator, fromGroups: Int32Array, count: number): void {
    assert(from instanceof IntegerSum, 'merge of another aggregate')
    for (let i = 0; i < count; i++) {
      const source = fromGroups[i]
      if (from.#high && from.#high[source] !== 0) this.#addHigh(groups[i], from.#high[source])
      this.#add(groups[i], from.#low[source])
      this.#counts[groups[i]] += from.#counts[source]
    }
  }

  output(groups: Int32Array, count: number): Column {
    const valid = new Uint8Array(count)
    for (let i = 0; i < count; i++) valid[i] = this.#counts[groups[i]] === 0 ? 0 : 1
    if (this.#result === 'bigint') return this.#outputBigint(groups, count, valid)
    const values: Datum[] = new Array(count)
    for (let i = 0; i < count; i++) {
      const sum = { unscaled: this.#total(groups[i]), scale: 0 }
      const finished =
        this.#result === 'numeric' || valid[i] === 0 ? sum : divideDecimals(sum, decimalOfInt(this.#counts[groups[i]]))
      values[i] = valid[i] === 0 ? null : finished
    }
    return { storage: 'boxed', values, valid: undefined }
  }

  free(group: number): void {
    this.#low[group] = 0
    this.#counts[group] = 0
    if (this.#high) this.#high[group] = 0
  }

  snapshot(high: number): Snapshot {
    return {
      low: this.#low.subarray(0, high),
      high: this.#high ? this.#high.subarray(0, high) : new Float64Array(0),
      counts: this.#counts.subarray(0, high),
    }
  }

  restore(snapshot: Snapshot, high: number): void {
    this.#low = snapshotField.float64(snapshot, 'low').slice()
    this.#counts = snapshotField.float64(snapshot, 'counts').slice()
    const upper = snapshotField.float64(snapshot, 'high')
    this.#high = upper.length > 0 ? upper.slice() : undefined
    assert(this.#low.length === high && this.#counts.length === high, 'snapshot of sums is cut')
  }

  bytes(): number {
    return this.#low.byteLength + this.#counts.byteLength + (this.#high?.byteLength ?? 0)
  }

  #updateInt32(
    groups: Int32Array,
    rowCount: number,
    values: Int32Array,
    valid: Uint8Array | undefined,
    weights: Int32Array | undefined,
  ): void {
    const low = this.#low
    const counts = this.#counts
    for (let i = 0; i < rowCount; i++) {
      if (valid && valid[i] === 0) continue
      const group = groups[i]
      const weight = weights ? weights[i] : 1
      // |value · weight| ≤ 2^62 could round; beyond 2^52 take the exact way.
      const added = values[i] * weight
      if (added > UNIT || added < -UNIT) {
        this.#addBig(group, BigInt(values[i]) * BigInt(weight))
      } else {
        const sum = low[group] + added
        low[group] = sum
        if (sum > UNIT || sum < -UNIT) this.#carry(group)
      }
      counts[group] += weight
    }
  }

  #updateInt64(
    groups: Int32Array,
    rowCount: number,
    words: Int32Array,
    valid: Uint8Array | undefined,
    weights: Int32Array | undefined,
  ): void {
    const low = this.#low
    const counts = this.#counts
    for (let i = 0; i < rowCount; i++) {
      if (valid && valid[i] === 0) continue
      const group = groups[i]
      const weight = weights ? weights[i] : 1
      const upper = words[2 * i + 1]
      if (upper >= HIGH_SAFE || upper < -HIGH_SAFE || (weight !== 1 && weight !== -1)) {
        this.#addBig(group, BigInt(int64At(words, i)) * BigInt(weight))
      } else {
        const sum = low[group] + weight * (upper * 4294967296 + (words[2 * i] >>> 0))
        low[group] = sum
        if (sum > UNIT || sum < -UNIT) this.#carry(group)
      }
      counts[group] += weight
    }
  }

  #add(group: number, value: number): void {
    const sum = this.#low[group] + value
    this.#low[group] = sum
    if (sum > UNIT || sum < -UNIT) this.#carry(group)
  }

  #addBig(group: number, value: bigint): void {
    this.#addHigh(group, Number(value / UNIT_BIG))
    this.#add(group, Number(value % UNIT_BIG))
  }

  #carry(group: number): void {
    const units = Math.trunc(this.#low[group] / UNIT)
    this.#low[group] -= units * UNIT
    this.#addHigh(group, units)
  }

  #addHigh(group: number, units: number): void {
    this.#high ??= new Float64Array(this.#low.length)
    this.#high[group] += units
  }

  #total(group: number): bigint {
    return BigInt(this.#low[group]) + (this.#high ? BigInt(this.#high[group]) * UNIT_BIG : 0n)
  }

  #outputBigint(groups: Int32Array, count: number, valid: Uint8Array): Column {
    const words = new Int32Array(2 * count)
    for (let i = 0; i < count; i++) {
      const group = groups[i]
      if (!this.#high || this.#high[group] === 0) setInt64(words, i, this.#low[group])
      else {
        const total = this.#total(group)
        if (BigInt.asIntN(64, total) !== total) throw outOfRange()
        setInt64(words, i, canonicalInt64(total))
      }
    }
    return { storage: 'int64', words, valid: valid.includes(0) ? valid : undefined }
  }
}

function outOfRange(): EngineError {
  return new EngineError('22003', 'bigint out of range', { hint: 'cast the argument to numeric' })
}
