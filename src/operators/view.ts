import { assert } from '../base/assert.ts'
import { growInt32, grownCapacity } from '../base/grow.ts'
import { snapshotField } from '../base/snapshot.ts'
import { type Batch, createBatch } from '../batch/batch.ts'
import type { Schema } from '../batch/types.ts'
import type { Emit, Operator, StateSnapshot, Watermark } from '../dataflow/operator.ts'
import { KeyTable } from '../state/key-table.ts'

export interface ViewOptions {
  readonly schema: Schema
  /** Rows whose event time is this far behind the watermark go. Column: a timestamp of the schema. */
  readonly retention?: { readonly column: number; readonly micros: number }
}

/** Rows a batch of contents has at most. */
const CONTENTS_ROWS_MAX = 8192

/**
 * The rows of a materialized view, in memory: a multiset, each distinct row once with its weight. A row is found by all its columns,
 * so adding and taking back need no key. Forwards what it is given, for views on views, sinks and subscriptions.
 */
export class View implements Operator {
  readonly schema: Schema
  readonly #retention: ViewOptions['retention']
  readonly #rows: KeyTable
  #weights = new Int32Array(16)

  constructor({ schema, retention }: ViewOptions) {
    this.schema = schema
    this.#retention = retention
    this.#rows = new KeyTable(schema.fields.map(field => field.type))
  }

  /** Distinct rows. */
  get size(): number {
    return this.#rows.size
  }

  onBatch(batch: Batch, _input: number, emit: Emit): void {
    const rows = this.#rows.assign(batch.columns, batch.rowCount)
    if (this.#rows.high > this.#weights.length) {
      this.#weights = growInt32(this.#weights, grownCapacity(this.#weights.length, this.#rows.high))
    }
    const { weights } = batch
    for (let i = 0; i < batch.rowCount; i++) this.#weights[rows[i]] += weights ? weights[i] : 1
    if (weights) this.#freeEmpty(rows, batch.rowCount, weights)
    emit(batch)
  }

  onWatermark(watermark: Watermark): void {
    if (!this.#retention) return
    const { column, micros } = this.#retention
    const limit = watermark - micros
    if (this.#rows.smallest(column) > limit) return
    for (const row of this.#rows.atMost(column, limit)) this.#free(row)
  }

  /**
   * The rows as of this call, as batches that own their memory; a row of weight n comes n times, by a weights column where n > 1.
   * `columns`: which of them, in that order; default all.
   */
  contents(columns?: readonly number[]): Iterable<Batch> {
    const picked = columns ?? this.schema.fields.map((_, c) => c)
    const schema = { fields: picked.map(c => this.schema.fields[c]) }
    const rows = this.#rows.all()
    const batches: Batch[] = []
    for (let start = 0; start < rows.length; start += CONTENTS_ROWS_MAX) {
      const part = rows.subarray(start, start + CONTENTS_ROWS_MAX)
      const all = this.#rows.keys(part, part.length)
      const weights = Int32Array.from(part, row => this.#weights[row])
      const some = weights.some(weight => weight !== 1)
      batches.push(
        createBatch(
          schema,
          part.length,
          picked.map(c => all[c]),
          some ? weights : undefined,
        ),
      )
    }
    return batches
  }

  snapshot(): StateSnapshot {
    return { rows: this.#rows.snapshot(), weights: this.#weights.slice(0, this.#rows.high) }
  }

  restore(snapshot: StateSnapshot): void {
    this.#rows.restore(snapshotField.nested(snapshot, 'rows'))
    this.#weights = snapshotField.int32(snapshot, 'weights').slice()
    assert(this.#weights.length === this.#rows.high, 'snapshot of a view is cut')
  }

  stateBytes(): number {
    return this.#rows.bytes() + this.#weights.byteLength
  }

  #freeEmpty(rows: Int32Array, rowCount: number, weights: Int32Array): void {
    for (let i = 0; i < rowCount; i++) {
      // A row freed already has no entry to take out again: its id may occur twice in the batch, so mark by a weight nobody has.
      if (weights[i] < 0 && this.#weights[rows[i]] === 0) {
        this.#free(rows[i])
        this.#weights[rows[i]] = FREED
      }
    }
    for (let i = 0; i < rowCount; i++) if (this.#weights[rows[i]] === FREED) this.#weights[rows[i]] = 0
  }

  #free(row: number): void {
    this.#weights[row] = 0
    this.#rows.free(row)
  }
}

const FREED = -2147483648
