import { type Batch, createBatch, takeRows } from '../batch/batch.ts'
import { expectStorage, int64AsNumber } from '../batch/column.ts'
import type { Schema } from '../batch/types.ts'
import type { Emit, Operator } from '../dataflow/operator.ts'

export interface RepeatOptions {
  readonly schema: Schema
  /** Index of the column, of type bigint, that says how often a row is there. */
  readonly count: number
  /** Each as a row of its own, for whoever knows no weights: rows are not taken back then. Else one row of that weight. */
  readonly apart: boolean
}

/** So many rows go out at a time where they go apart. */
const ROWS_MAX = 4096

/** Gives each row as often as its count says; zero, less or NULL: not at all. */
export class Repeat implements Operator {
  readonly schema: Schema
  readonly #count: number
  readonly #apart: boolean

  constructor({ schema, count, apart }: RepeatOptions) {
    this.schema = schema
    this.#count = count
    this.#apart = apart
  }

  onBatch(batch: Batch, _input: number, emit: Emit): void {
    const { words, valid } = expectStorage(batch.columns[this.#count], 'int64')
    const timesOf = (row: number): number => (valid?.[row] === 0 ? 0 : Math.max(0, int64AsNumber(words, row)))
    if (this.#apart) this.#emitApart(batch, timesOf, emit)
    else this.#emitWeights(batch, timesOf, emit)
  }

  #emitWeights(batch: Batch, timesOf: (row: number) => number, emit: Emit): void {
    const { rowCount, columns, weights } = batch
    const all = new Int32Array(rowCount)
    for (let i = 0; i < rowCount; i++) all[i] = timesOf(i) * (weights ? weights[i] : 1)
    const rows = Int32Array.from(all.keys()).filter(i => all[i] !== 0)
    if (rows.length > 0) emit(takeRows(createBatch(this.schema, rowCount, columns, all), rows, rows.length))
  }

  #emitApart(batch: Batch, timesOf: (row: number) => number, emit: Emit): void {
    const rows = new Int32Array(ROWS_MAX)
    let count = 0
    const flush = (): void => {
      if (count > 0) emit(takeRows(batch, rows, count))
      count = 0
    }
    for (let i = 0; i < batch.rowCount; i++) {
      for (let n = timesOf(i); n > 0; n--) {
        rows[count++] = i
        if (count === ROWS_MAX) flush()
      }
    }
    flush()
  }
}
