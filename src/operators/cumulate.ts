import { gcd } from '../base/gcd.ts'
import { type Batch, createBatch, sliceBatch, takeRows } from '../batch/batch.ts'
import { expectStorage, int64AsNumber, setInt64 } from '../batch/column.ts'
import type { Schema } from '../batch/types.ts'
import type { Emit, Operator, SideOutput } from '../dataflow/operator.ts'
import { withWindowTimes } from './window-times.ts'

export interface CumulateOptions {
  /** The input's, then window_start and window_end. */
  readonly schema: Schema
  /** Index of the time column in the input. */
  readonly time: number
  /** Of the largest window; a multiple of the step. */
  readonly sizeMicros: number
  readonly stepMicros: number
  readonly offsetMicros: number
  /** Where rows without a usable time go. Undefined: they are left out. */
  readonly side: SideOutput | undefined
}

/** Rows out at a time, about. */
const ROWS_OUT = 16384

/**
 * Repeats every row once a window it is in: windows begin at every multiple of the size, plus the offset, and each start has one window
 * a step, [start, start + step), [start, start + 2 · step) … [start, start + size). The shortest comes first.
 */
export class Cumulate implements Operator {
  readonly schema: Schema
  readonly gridMicros: number
  readonly #options: CumulateOptions

  constructor(options: CumulateOptions) {
    this.schema = options.schema
    this.#options = options
    this.gridMicros = gcd(options.stepMicros, options.offsetMicros)
  }

  onBatch(input: Batch, _input: number, emit: Emit): void {
    const { time, side, sizeMicros, stepMicros } = this.#options
    const batch = withWindowTimes(input, time, side)
    const rowsIn = Math.max(1, Math.floor((ROWS_OUT * stepMicros) / sizeMicros))
    for (let start = 0; start < batch.rowCount; start += rowsIn) {
      this.#expand(sliceBatch(batch, start, Math.min(start + rowsIn, batch.rowCount)), emit)
    }
  }

  #expand(batch: Batch, emit: Emit): void {
    const { time, sizeMicros, stepMicros, offsetMicros } = this.#options
    const { words } = expectStorage(batch.columns[time], 'int64')
    const rowsMax = batch.rowCount * (sizeMicros / stepMicros)
    const rows = new Int32Array(rowsMax)
    const starts = new Int32Array(2 * rowsMax)
    const ends = new Int32Array(2 * rowsMax)
    let count = 0
    for (let i = 0; i < batch.rowCount; i++) {
      const at = int64AsNumber(words, i)
      const start = Math.floor((at - offsetMicros) / sizeMicros) * sizeMicros + offsetMicros
      const first = start + (Math.floor((at - start) / stepMicros) + 1) * stepMicros
      for (let end = first; end <= start + sizeMicros; end += stepMicros) {
        rows[count] = i
        setInt64(starts, count, start)
        setInt64(ends, count, end)
        count++
      }
    }
    const repeated = takeRows(batch, rows, count)
    const bounds = [starts, ends].map(w => ({ storage: 'int64' as const, words: w, valid: undefined }))
    emit(createBatch(this.schema, count, [...repeated.columns, ...bounds], repeated.weights))
  }
}
