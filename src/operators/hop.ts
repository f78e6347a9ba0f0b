import { type Batch, createBatch, sliceBatch, takeRows } from '../batch/batch.ts'
import { expectStorage, int64AsNumber, setInt64 } from '../batch/column.ts'
import type { Schema } from '../batch/types.ts'
import type { Emit, Operator, SideOutput } from '../dataflow/operator.ts'
import { gridMicros } from './hop-windows.ts'
import { withWindowTimes } from './window-times.ts'

export interface HopOptions {
  /** The input's, then window_start and window_end. */
  readonly schema: Schema
  /** Index of the time column in the input. */
  readonly time: number
  readonly sizeMicros: number
  readonly slideMicros: number
  readonly offsetMicros: number
  /** Where rows without a usable time go. Undefined: they are left out. */
  readonly side: SideOutput | undefined
}

/** Rows out at a time, about: a long window with a short slide repeats each row many times. */
const ROWS_OUT = 16384

/**
 * Repeats every row once a window it is in: windows [start, start + size) begin at every multiple of the slide, plus the offset. With
 * a slide longer than the size some rows are in none. Aggregates over windows do better by panes; see `WindowAggregate`.
 */
export class Hop implements Operator {
  readonly schema: Schema
  readonly gridMicros: number
  readonly #options: HopOptions

  constructor(options: HopOptions) {
    this.schema = options.schema
    this.#options = options
    this.gridMicros = gridMicros(options)
  }

  onBatch(input: Batch, _input: number, emit: Emit): void {
    const { time, side, sizeMicros, slideMicros } = this.#options
    const batch = withWindowTimes(input, time, side)
    const rowsIn = Math.max(1, Math.floor(ROWS_OUT / Math.ceil(sizeMicros / slideMicros)))
    for (let start = 0; start < batch.rowCount; start += rowsIn) {
      this.#expand(sliceBatch(batch, start, Math.min(start + rowsIn, batch.rowCount)), emit)
    }
  }

  #expand(batch: Batch, emit: Emit): void {
    const { time, sizeMicros, slideMicros, offsetMicros } = this.#options
    const { words } = expectStorage(batch.columns[time], 'int64')
    const rowsMax = batch.rowCount * Math.ceil(sizeMicros / slideMicros)
    const rows = new Int32Array(rowsMax)
    const starts = new Int32Array(2 * rowsMax)
    const ends = new Int32Array(2 * rowsMax)
    let count = 0
    for (let i = 0; i < batch.rowCount; i++) {
      const at = int64AsNumber(words, i)
      const last = Math.floor((at - offsetMicros) / slideMicros) * slideMicros + offsetMicros
      // The first start after at − size, so that the earliest window comes first.
      const behind = Math.ceil((last - at + sizeMicros) / slideMicros) - 1
      for (let start = last - behind * slideMicros; start <= last; start += slideMicros) {
        rows[count] = i
        setInt64(starts, count, start)
        setInt64(ends, count, start + sizeMicros)
        count++
      }
    }
    if (count === 0) return
    const repeated = takeRows(batch, rows, count)
    const bounds = [starts, ends].map(w => ({ storage: 'int64' as const, words: w, valid: undefined }))
    emit(createBatch(this.schema, count, [...repeated.columns, ...bounds], repeated.weights))
  }
}
