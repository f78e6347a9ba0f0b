import { assert } from '../../base/assert.ts'
import { growFloat64, growInt32 } from '../../base/grow.ts'
import { type Snapshot, snapshotField } from '../../base/snapshot.ts'
import { type Column, expectStorage } from '../../batch/column.ts'
import type { Accumulator } from './accumulator.ts'

/** What a count of four bytes holds. */
const COUNT_MAX = 2 ** 31 - 1

/** What becomes of the sum: itself, itself rounded to a real, or divided by the count of values. */
export type FloatSumResult = 'double' | 'real' | 'average'

/**
 * sum and avg of real and double precision by Neumaier's compensated summation: sum + rest carries about 106 bits, so that the
 * order of rows, batches and panes, and rows taken back again, leave no trace beyond the last bit of the result. Infinities and NaN
 * are counted, not added: added they could not be taken back.
 */
export class FloatSum implements Accumulator {
  readonly #result: FloatSumResult
  #sums = new Float64Array(0)
  #rests = new Float64Array(0)
  /** Four bytes a group, and doubles once a group might have more values than that holds. */
  #counts: Int32Array<ArrayBuffer> | Float64Array<ArrayBuffer> = new Int32Array(0)
  /** No count is farther from zero than this. */
  #countBound = 0
  /** NaN, Infinity, −Infinity: how many, three a group. Only once one has been seen. */
  #specials: Float64Array<ArrayBuffer> | undefined

  constructor(result: FloatSumResult) {
    this.#result = result
  }

  reserve(capacity: number): void {
    if (capacity <= this.#sums.length) return
    this.#sums = growFloat64(this.#sums, capacity)
    this.#rests = growFloat64(this.#rests, capacity)
    this.#counts =
      this.#counts instanceof Int32Array ? growInt32(this.#counts, capacity) : growFloat64(this.#counts, capacity)
    if (this.#specials) this.#specials = growFloat64(this.#specials, 3 * capacity)
  }

  update(groups: Int32Array, rowCount: number, args: readonly Column[], weights: Int32Array | undefined): void {
    const { values, valid } = expectStorage(args[0], 'float64')
    this.#expectCounts(weights ? sumOfSizes(weights, rowCount) : rowCount)
    const sums = this.#sums
    const rests = this.#rests
    const counts = this.#counts
    for (let i = 0; i < rowCount; i++) {
      if (valid && valid[i] === 0) continue
      const group = groups[i]
      const weight = weights ? weights[i] : 1
      const value = values[i] * weight
      counts[group] += weight
      // False for NaN and both infinities.
      if (value - value === 0) {
        const sum = sums[group]
        const next = sum + value
        rests[group] += (sum < 0 ? -sum : sum) >= (value < 0 ? -value : value) ? sum - next + value : value - next + sum
        sums[group] = next
      } else this.#countSpecial(group, values[i], weight)
    }
  }

  merge(groups: Int32Array, from: Accumulator, fromGroups: Int32Array, count: number): void {
    assert(from instanceof FloatSum, 'merge of another aggregate')
    let added = 0
    for (let i = 0; i < count; i++) added += Math.abs(from.#counts[fromGroups[i]])
    this.#expectCounts(added)
    for (let i = 0; i < count; i++) {
      const group = groups[i]
      const source = fromGroups[i]
      const sum = this.#sums[group]
      const value = from.#sums[source]
      const next = sum + value
      this.#rests[group] +=
        (Math.abs(sum) >= Math.abs(value) ? sum - next + value : value - next + sum) + from.#rests[source]
      this.#sums[group] = next
      this.#counts[group] += from.#counts[source]
      if (!from.#specials) continue
      this.#specials ??= new Float64Array(3 * this.#sums.length)
      for (let k = 0; k < 3; k++) this.#specials[3 * group + k] += from.#specials[3 * source + k]
    }
  }

  output(groups: Int32Array, count: number): Column {
    const values = new Float64Array(count)
    let valid: Uint8Array | undefined
    for (let i = 0; i < count; i++) {
      const group = groups[i]
      const rows = this.#counts[group]
      if (rows === 0) {
        valid ??= new Uint8Array(count).fill(1)
        valid[i] = 0
        continue
      }
      const sum = this.#total(group)
      values[i] = this.#result === 'average' ? sum / rows : this.#result === 'real' ? Math.fround(sum) : sum
    }
    return { storage: 'float64', values, valid }
  }

  free(group: number): void {
    this.#sums[group] = 0
    this.#rests[group] = 0
    this.#counts[group] = 0
    this.#specials?.fill(0, 3 * group, 3 * group + 3)
  }

  snapshot(high: number): Snapshot {
    return {
      sums: this.#sums.subarray(0, high),
      rests: this.#rests.subarray(0, high),
      counts: this.#counts.subarray(0, high),
      countBound: this.#countBound,
      specials: this.#specials ? this.#specials.subarray(0, 3 * high) : new Float64Array(0),
    }
  }

  restore(snapshot: Snapshot, high: number): void {
    this.#sums = snapshotField.float64(snapshot, 'sums').slice()
    this.#rests = snapshotField.float64(snapshot, 'rests').slice()
    this.#countBound = snapshotField.number(snapshot, 'countBound')
    this.#counts =
      snapshot.counts instanceof Int32Array
        ? snapshot.counts.slice()
        : snapshotField.float64(snapshot, 'counts').slice()
    const specials = snapshotField.float64(snapshot, 'specials')
    this.#specials = specials.length > 0 ? specials.slice() : undefined
    assert(this.#sums.length === high && this.#rests.length === high, 'snapshot of sums is cut')
  }

  bytes(): number {
    return 2 * this.#sums.byteLength + this.#counts.byteLength + (this.#specials?.byteLength ?? 0)
  }

  /** So much may be added to any count now. */
  #expectCounts(added: number): void {
    this.#countBound += added
    if (this.#countBound <= COUNT_MAX || this.#counts instanceof Float64Array) return
    const largest = this.#counts.reduce((bound, count) => Math.max(bound, Math.abs(count)), 0)
    this.#countBound = largest + added
    if (this.#countBound > COUNT_MAX / 2) this.#counts = Float64Array.from(this.#counts)
  }

  #countSpecial(group: number, value: number, weight: number): void {
    this.#specials ??= new Float64Array(3 * this.#sums.length)
    this.#specials[3 * group + (Number.isNaN(value) ? 0 : value > 0 ? 1 : 2)] += weight
  }

  #total(group: number): number {
    const finite = this.#sums[group] + this.#rests[group]
    if (!this.#specials) return finite
    const at = 3 * group
    const [nan, positive, negative] = [this.#specials[at], this.#specials[at + 1], this.#specials[at + 2]]
    if (nan !== 0 || (positive !== 0 && negative !== 0)) return Number.NaN
    if (positive !== 0) return Number.POSITIVE_INFINITY
    return negative !== 0 ? Number.NEGATIVE_INFINITY : finite
  }
}

function sumOfSizes(weights: Int32Array, rowCount: number): number {
  let sum = 0
  for (let i = 0; i < rowCount; i++) sum += Math.abs(weights[i])
  return sum
}
