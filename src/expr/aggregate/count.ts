import { assert } from '../../base/assert.ts'
import { growFloat64 } from '../../base/grow.ts'
import { type Snapshot, snapshotField } from '../../base/snapshot.ts'
import { type Column, setInt64 } from '../../batch/column.ts'
import type { Accumulator } from './accumulator.ts'
import { isNullRow } from './rows.ts'

/** count(*) and count(x): rows, or rows where x is not NULL. Doubles hold it: exact to 2^53. */
export class Count implements Accumulator {
  #counts = new Float64Array(0)

  reserve(capacity: number): void {
    if (capacity > this.#counts.length) this.#counts = growFloat64(this.#counts, capacity)
  }

  update(groups: Int32Array, rowCount: number, args: readonly Column[], weights: Int32Array | undefined): void {
    const counts = this.#counts
    const arg: Column | undefined = args[0]
    if (arg && (arg.storage === 'boxed' || arg.valid)) {
      for (let i = 0; i < rowCount; i++) if (!isNullRow(arg, i)) counts[groups[i]] += weights ? weights[i] : 1
    } else if (weights) for (let i = 0; i < rowCount; i++) counts[groups[i]] += weights[i]
    else for (let i = 0; i < rowCount; i++) counts[groups[i]]++
  }

  merge(groups: Int32Array, from: Accumulator, fromGroups: Int32Array, count: number): void {
    assert(from instanceof Count, 'merge of another aggregate')
    const other = from.#counts
    for (let i = 0; i < count; i++) this.#counts[groups[i]] += other[fromGroups[i]]
  }

  output(groups: Int32Array, count: number): Column {
    const words = new Int32Array(2 * count)
    for (let i = 0; i < count; i++) setInt64(words, i, this.#counts[groups[i]])
    return { storage: 'int64', words, valid: undefined }
  }

  free(group: number): void {
    this.#counts[group] = 0
  }

  snapshot(high: number): Snapshot {
    return { counts: this.#counts.subarray(0, high) }
  }

  restore(snapshot: Snapshot, high: number): void {
    const counts = snapshotField.float64(snapshot, 'counts')
    assert(counts.length === high, 'snapshot of counts is cut')
    this.#counts = counts.slice()
  }

  bytes(): number {
    return this.#counts.byteLength
  }
}
