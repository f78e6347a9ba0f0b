import { assert } from '../../base/assert.ts'
import { growFloat64 } from '../../base/grow.ts'
import { type Snapshot, snapshotField } from '../../base/snapshot.ts'
import { type Column, expectStorage } from '../../batch/column.ts'
import type { Accumulator } from './accumulator.ts'

/** Which moment: of the sample (divided by n − 1) or of the population (by n), and whether its root. */
export interface MomentResult {
  readonly sample: boolean
  readonly root: boolean
}

/**
 * Variance and standard deviation of doubles by Welford's update: count, mean and the sum of squared distances from it, which does
 * not cancel where sum and sum of squares would. Taking back is the same step backwards; a group left with one value or none starts
 * clean. NaN and infinities make the result NaN for as long as they are there.
 */
export class FloatMoments implements Accumulator {
  readonly #result: MomentResult
  #counts = new Float64Array(0)
  #means = new Float64Array(0)
  #squares = new Float64Array(0)
  /** How many values are not finite. */
  #specials = new Float64Array(0)

  constructor(result: MomentResult) {
    this.#result = result
  }

  reserve(capacity: number): void {
    if (capacity <= this.#counts.length) return
    this.#counts = growFloat64(this.#counts, capacity)
    this.#means = growFloat64(this.#means, capacity)
    this.#squares = growFloat64(this.#squares, capacity)
    this.#specials = growFloat64(this.#specials, capacity)
  }

  update(groups: Int32Array, rowCount: number, args: readonly Column[], weights: Int32Array | undefined): void {
    const { values, valid } = expectStorage(args[0], 'float64')
    for (let i = 0; i < rowCount; i++) {
      if (valid && valid[i] === 0) continue
      const weight = weights ? weights[i] : 1
      if (Number.isFinite(values[i])) this.#add(groups[i], weight, values[i], 0)
      else this.#specials[groups[i]] += weight
    }
  }

  merge(groups: Int32Array, from: Accumulator, fromGroups: Int32Array, count: number): void {
    assert(from instanceof FloatMoments, 'merge of another aggregate')
    for (let i = 0; i < count; i++) {
      const source = fromGroups[i]
      this.#add(groups[i], from.#counts[source], from.#means[source], from.#squares[source])
      this.#specials[groups[i]] += from.#specials[source]
    }
  }

  output(groups: Int32Array, count: number): Column {
    const values = new Float64Array(count)
    const valid = new Uint8Array(count)
    for (let i = 0; i < count; i++) {
      const group = groups[i]
      const finite = this.#counts[group]
      const divisor = finite + this.#specials[group] - (this.#result.sample ? 1 : 0)
      if (divisor <= 0) continue
      valid[i] = 1
      const variance = this.#specials[group] !== 0 ? Number.NaN : Math.max(0, this.#squares[group]) / divisor
      values[i] = this.#result.root ? Math.sqrt(variance) : variance
    }
    return { storage: 'float64', values, valid: valid.includes(0) ? valid : undefined }
  }

  free(group: number): void {
    this.#counts[group] = 0
    this.#means[group] = 0
    this.#squares[group] = 0
    this.#specials[group] = 0
  }

  snapshot(high: number): Snapshot {
    return {
      counts: this.#counts.slice(0, high),
      means: this.#means.slice(0, high),
      squares: this.#squares.slice(0, high),
      specials: this.#specials.slice(0, high),
    }
  }

  restore(snapshot: Snapshot, high: number): void {
    this.#counts = snapshotField.float64(snapshot, 'counts').slice()
    this.#means = snapshotField.float64(snapshot, 'means').slice()
    this.#squares = snapshotField.float64(snapshot, 'squares').slice()
    this.#specials = snapshotField.float64(snapshot, 'specials').slice()
    assert(this.#counts.length === high, 'snapshot of moments is cut')
  }

  bytes(): number {
    return 4 * this.#counts.byteLength
  }

  /** Joins `count` values (negative: takes them out) of this mean and sum of squared distances; Chan's formula. */
  #add(group: number, count: number, mean: number, squares: number): void {
    const before = this.#counts[group]
    const after = before + count
    this.#counts[group] = after
    if (after === 0) {
      this.#means[group] = 0
      this.#squares[group] = 0
      return
    }
    const distance = mean - this.#means[group]
    this.#means[group] += (distance * count) / after
    this.#squares[group] =
      after === 1 ? 0 : this.#squares[group] + squares + (distance * distance * before * count) / after
  }
}
