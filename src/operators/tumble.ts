import { gcd } from '../base/gcd.ts'
import { type Batch, createBatch } from '../batch/batch.ts'
import { expectStorage, int64AsNumber, setInt64 } from '../batch/column.ts'
import type { Schema } from '../batch/types.ts'
import type { Emit, Operator, SideOutput } from '../dataflow/operator.ts'
import { withWindowTimes } from './window-times.ts'

export interface TumbleOptions {
  /** The input's, then window_start and window_end. */
  readonly schema: Schema
  /** Index of the time column in the input. */
  readonly time: number
  readonly sizeMicros: number
  readonly offsetMicros: number
  /** Where rows without a usable time go. Undefined: they are left out. */
  readonly side: SideOutput | undefined
}

/** Adds to every row the one window [window_start, window_end) of its size that holds the row's time. */
export class Tumble implements Operator {
  readonly schema: Schema
  readonly gridMicros: number
  readonly #options: TumbleOptions

  constructor(options: TumbleOptions) {
    this.schema = options.schema
    this.#options = options
    this.gridMicros = gcd(options.sizeMicros, options.offsetMicros)
  }

  onBatch(input: Batch, _input: number, emit: Emit): void {
    const { time, sizeMicros, offsetMicros, side } = this.#options
    const batch = withWindowTimes(input, time, side)
    const { rowCount } = batch
    if (rowCount === 0) return
    const { words } = expectStorage(batch.columns[time], 'int64')
    const starts = new Int32Array(2 * rowCount)
    const ends = new Int32Array(2 * rowCount)
    windowBounds(words, rowCount, sizeMicros, offsetMicros, starts, ends)
    const bounds = [starts, ends].map(w => ({ storage: 'int64' as const, words: w, valid: undefined }))
    emit(createBatch(this.schema, rowCount, [...batch.columns, ...bounds], batch.weights))
  }
}

function windowBounds(
  words: Int32Array,
  rowCount: number,
  size: number,
  offset: number,
  starts: Int32Array,
  ends: Int32Array,
): void {
  // Neighbours in time share their window, so the division is rare.
  let start = 0
  let end = 0
  let at = -1
  for (let i = 0; i < rowCount; i++) {
    const time = int64AsNumber(words, i)
    if (time >= start && time < end) {
      starts[2 * i] = starts[2 * at]
      starts[2 * i + 1] = starts[2 * at + 1]
      ends[2 * i] = ends[2 * at]
      ends[2 * i + 1] = ends[2 * at + 1]
      continue
    }
    start = Math.floor((time - offset) / size) * size + offset
    end = start + size
    at = i
    setInt64(starts, i, start)
    setInt64(ends, i, end)
  }
}
