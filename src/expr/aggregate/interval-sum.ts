import { assert } from '../../base/assert.ts'
import { growFloat64 } from '../../base/grow.ts'
import { type Snapshot, snapshotField } from '../../base/snapshot.ts'
import { type Column, expectStorage } from '../../batch/column.ts'
import type { Datum } from '../../batch/types.ts'
import { divideInterval } from '../interval.ts'
import type { Accumulator } from './accumulator.ts'

/** Months, days, microseconds and how many, of one group. */
const WIDTH = 4

/** sum and avg of intervals: each part by itself. */
export class IntervalSum implements Accumulator {
  readonly #average: boolean
  #sums = new Float64Array(0)

  constructor(average: boolean) {
    this.#average = average
  }

  reserve(capacity: number): void {
    if (WIDTH * capacity > this.#sums.length) this.#sums = growFloat64(this.#sums, WIDTH * capacity)
  }

  update(groups: Int32Array, rowCount: number, args: readonly Column[], weights: Int32Array | undefined): void {
    const { values } = expectStorage(args[0], 'boxed')
    for (let i = 0; i < rowCount; i++) {
      const value = values[i]
      if (value === null) continue
      assert(typeof value === 'object' && 'months' in value, 'an interval')
      const weight = weights ? weights[i] : 1
      const at = WIDTH * groups[i]
      this.#sums[at] += value.months * weight
      this.#sums[at + 1] += value.days * weight
      this.#sums[at + 2] += value.micros * weight
      this.#sums[at + 3] += weight
    }
  }

  merge(groups: Int32Array, from: Accumulator, fromGroups: Int32Array, count: number): void {
    assert(from instanceof IntervalSum, 'merge of another aggregate')
    for (let i = 0; i < count; i++) {
      for (let k = 0; k < WIDTH; k++) this.#sums[WIDTH * groups[i] + k] += from.#sums[WIDTH * fromGroups[i] + k]
    }
  }

  output(groups: Int32Array, count: number): Column {
    const values: Datum[] = new Array(count)
    for (let i = 0; i < count; i++) {
      const at = WIDTH * groups[i]
      const sum = { months: this.#sums[at], days: this.#sums[at + 1], micros: this.#sums[at + 2] }
      const rows = this.#sums[at + 3]
      values[i] = rows === 0 ? null : this.#average ? divideInterval(sum, rows) : sum
    }
    return { storage: 'boxed', values, valid: undefined }
  }

  free(group: number): void {
    this.#sums.fill(0, WIDTH * group, WIDTH * (group + 1))
  }

  snapshot(high: number): Snapshot {
    return { sums: this.#sums.slice(0, WIDTH * high) }
  }

  restore(snapshot: Snapshot, high: number): void {
    this.#sums = snapshotField.float64(snapshot, 'sums').slice()
    assert(this.#sums.length === WIDTH * high, 'snapshot of sums is cut')
  }

  bytes(): number {
    return this.#sums.byteLength
  }
}
