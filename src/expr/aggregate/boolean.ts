import { assert } from '../../base/assert.ts'
import { growFloat64 } from '../../base/grow.ts'
import { type Snapshot, snapshotField } from '../../base/snapshot.ts'
import { type Column, expectStorage } from '../../batch/column.ts'
import type { Accumulator } from './accumulator.ts'

/** bool_and (every) and bool_or: how many were true and how many false. */
export class BooleanAggregate implements Accumulator {
  readonly #and: boolean
  /** False ones at 2 · group, true ones behind. */
  #counts = new Float64Array(0)

  constructor(and: boolean) {
    this.#and = and
  }

  reserve(capacity: number): void {
    if (2 * capacity > this.#counts.length) this.#counts = growFloat64(this.#counts, 2 * capacity)
  }

  update(groups: Int32Array, rowCount: number, args: readonly Column[], weights: Int32Array | undefined): void {
    const { values, valid } = expectStorage(args[0], 'bool')
    for (let i = 0; i < rowCount; i++) {
      if (valid && valid[i] === 0) continue
      this.#counts[2 * groups[i] + values[i]] += weights ? weights[i] : 1
    }
  }

  merge(groups: Int32Array, from: Accumulator, fromGroups: Int32Array, count: number): void {
    assert(from instanceof BooleanAggregate, 'merge of another aggregate')
    for (let i = 0; i < count; i++) {
      this.#counts[2 * groups[i]] += from.#counts[2 * fromGroups[i]]
      this.#counts[2 * groups[i] + 1] += from.#counts[2 * fromGroups[i] + 1]
    }
  }

  output(groups: Int32Array, count: number): Column {
    const values = new Uint8Array(count)
    const valid = new Uint8Array(count)
    for (let i = 0; i < count; i++) {
      const anyFalse = this.#counts[2 * groups[i]] > 0
      const anyTrue = this.#counts[2 * groups[i] + 1] > 0
      values[i] = (this.#and ? !anyFalse : anyTrue) ? 1 : 0
      valid[i] = anyFalse || anyTrue ? 1 : 0
    }
    return { storage: 'bool', values, valid: valid.includes(0) ? valid : undefined }
  }

  free(group: number): void {
    this.#counts.fill(0, 2 * group, 2 * group + 2)
  }

  snapshot(high: number): Snapshot {
    return { counts: this.#counts.slice(0, 2 * high) }
  }

  restore(snapshot: Snapshot, high: number): void {
    this.#counts = snapshotField.float64(snapshot, 'counts').slice()
    assert(this.#counts.length === 2 * high, 'snapshot of counts is cut')
  }

  bytes(): number {
    return this.#counts.byteLength
  }
}
