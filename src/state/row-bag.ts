import { assert } from '../base/assert.ts'
import { growInt32, grownCapacity } from '../base/grow.ts'
import { type Snapshot, snapshotField } from '../base/snapshot.ts'
import { type Batch, createBatch } from '../batch/batch.ts'
import type { Schema } from '../batch/types.ts'
import { InstantReader } from './instant-reader.ts'
import { KeyTable } from './key-table.ts'
import type { Equals, RowReader, RowStore } from './row-store.ts'

/** A weight no row has: marks rows freed while a batch is gone through. */
const FREED = -2147483648

/** Rows as a multiset: each distinct row once, with its weight. A row is found by all its columns, so taking back needs no key. */
export class RowBag implements RowStore {
  readonly #schema: Schema
  readonly #rows: KeyTable
  #weights = new Int32Array(16)
  readonly #readers = new Set<InstantReader>()

  constructor(schema: Schema) {
    this.#schema = schema
    this.#rows = new KeyTable(schema.fields.map(field => field.type))
  }

  add(batch: Batch): void {
    const { weights, rowCount } = batch
    const rows = this.#rows.assign(batch.columns, rowCount)
    if (this.#rows.high > this.#weights.length) {
      this.#weights = growInt32(this.#weights, grownCapacity(this.#weights.length, this.#rows.high))
    }
    for (const reader of this.#readers) reader.keep(rows.subarray(0, rowCount))
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
    const old = this.#rows.atMost(column, limit)
    for (const reader of this.#readers) reader.keep(old)
    for (const row of old) {
      this.#weights[row] = 0
      this.#rows.free(row)
    }
  }

  read(columns: readonly number[], equals: readonly Equals[] = []): RowReader {
    const schema = { fields: columns.map(c => this.#schema.fields[c]) }
    return new InstantReader({
      table: this.#rows,
      matches: equals.map(({ column, value }) => this.#rows.match(column, value)),
      open: this.#readers,
      rowsOf: found => {
        const rows = found.filter(row => this.#weights[row] > 0)
        const weights = rows.map(row => this.#weights[row])
        const repeated = weights.some(weight => weight !== 1)
        const taken = this.#rows.keys(rows, rows.length, columns)
        return createBatch(schema, rows.length, taken, repeated ? weights : undefined)
      },
    })
  }

  bytes(): number {
    return this.#rows.bytes() + this.#rows.high * 4
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
