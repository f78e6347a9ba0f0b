import { assert } from '../base/assert.ts'
import { growInt32, grownCapacity } from '../base/grow.ts'
import { type Snapshot, snapshotField } from '../base/snapshot.ts'
import { type Batch, createBatch } from '../batch/batch.ts'
import type { Schema } from '../batch/types.ts'
import { KeyTable } from './key-table.ts'
import { CONTENTS_ROWS_MAX, type RowStore } from './row-store.ts'

/** A weight no row has: marks rows freed while a batch is gone through. */
const FREED = -2147483648

/** Rows as a multiset: each distinct row once, with its weight. A row is found by all its columns, so taking back needs no key. */
export class RowBag implements RowStore {
  readonly #schema: Schema
  readonly #rows: KeyTable
  #weights = new Int32Array(16)

  constructor(schema: Schema) {
    this.#schema = schema
    this.#rows = new KeyTable(schema.fields.map(field => field.type))
  }

  get size(): number {
    return this.#rows.size
  }

  add(batch: Batch): void {
    const { weights, rowCount } = batch
    const rows = this.#rows.assign(batch.columns, rowCount)
    if (this.#rows.high > this.#weights.length) {
      this.#weights = growInt32(this.#weights, grownCapacity(this.#weights.length, this.#rows.high))
    }
    const own = this.#weights
    for (let i = 0; i < rowCount; i++) own[rows[i]] += weights ? weights[i] : 1
    if (!weights) return
    // A row may stand in the batch several times, but goes once.
    for (let i = 0; i < rowCount; i++) {
      if (own[rows[i]] !== 0) continue
      this.#rows.free(rows[i])
      own[rows[i]] = FREED
    }
    for (let i = 0; i < rowCount; i++) if (own[rows[i]] === FREED) own[rows[i]] = 0
  }

  expire(column: number, limit: number): void {
    if (this.#rows.smallest(column) > limit) return
    for (const row of this.#rows.atMost(column, limit)) {
      this.#weights[row] = 0
      this.#rows.free(row)
    }
  }

  contents(columns: readonly number[]): Iterable<Batch> {
    const schema = { fields: columns.map(c => this.#schema.fields[c]) }
    const rows = this.#rows.all().filter(row => this.#weights[row] > 0)
    const batches: Batch[] = []
    for (let start = 0; start < rows.length; start += CONTENTS_ROWS_MAX) {
      const part = rows.subarray(start, start + CONTENTS_ROWS_MAX)
      const weights = part.map(row => this.#weights[row])
      const repeated = weights.some(weight => weight !== 1)
      const taken = this.#rows.keys(part, part.length, columns)
      batches.push(createBatch(schema, part.length, taken, repeated ? weights : undefined))
    }
    return batches
  }

  bytes(): number {
    return this.#rows.bytes() + this.#weights.byteLength
  }

  snapshot(): Snapshot {
    return { rows: this.#rows.snapshot(), weights: this.#weights.subarray(0, this.#rows.high) }
  }

  restore(snapshot: Snapshot): void {
    this.#rows.restore(snapshotField.nested(snapshot, 'rows'))
    this.#weights = snapshotField.int32(snapshot, 'weights').slice()
    assert(this.#weights.length === this.#rows.high, 'snapshot of rows is cut')
  }
}
