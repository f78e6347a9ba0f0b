import { snapshotField } from '../base/snapshot.ts'
import { type Batch, createBatch } from '../batch/batch.ts'
import { expectStorage, int64AsNumber, setInt64 } from '../batch/column.ts'
import type { Schema } from '../batch/types.ts'
import type { Emit, Operator, SideOutput, StateSnapshot, Watermark } from '../dataflow/operator.ts'
import type { Expr } from '../expr/expr.ts'
import { KeyTable } from '../state/key-table.ts'
import { type Move, type SessionPartition, SessionRows } from '../state/session-rows.ts'
import { type Compile, type Evaluate, evaluateRows } from './evaluate.ts'
import { withWindowTimes } from './window-times.ts'

export interface SessionOptions {
  /** The input's, then window_start and window_end. */
  readonly schema: Schema
  /** Of the input. */
  readonly input: Schema
  /** Index of the time column in the input. */
  readonly time: number
  readonly gapMicros: number
  /** Rows that differ in these are never in one session. */
  readonly keys: readonly Expr[]
  /** Rows come out once, when their session has closed. Else at once, and again whenever its bounds move. */
  readonly final: boolean
  readonly compile: Compile
  /** Where late rows and rows without a usable time go. Undefined: they are left out. */
  readonly side: SideOutput | undefined
}

const EMIT_ROWS_MAX = 8192

/**
 * Adds to every row the bounds of its session: rows of one partition belong together while each is less than the gap behind the one
 * before it; window_end is the last row's time plus the gap. A row may lengthen a session or join two, and one that is taken back may
 * part them: the rows concerned are taken back with their old bounds and given with the new.
 *
 * A session is final, and its rows are freed, when the watermark reaches its end, for no row that is still awaited can be in it. A row is
 * late when it would make or be in no session that ends behind the watermark; to take one back at or before the watermark is always late,
 * as what would be left of the session might already have closed.
 */
export class Session implements Operator {
  readonly schema: Schema
  /** Lateness is judged to the microsecond. */
  readonly gridMicros = 1
  readonly #options: SessionOptions
  readonly #evaluate: Evaluate
  readonly #keys: KeyTable
  readonly #rows: SessionRows
  #watermark: Watermark = Number.NEGATIVE_INFINITY

  constructor(options: SessionOptions) {
    this.schema = options.schema
    this.#options = options
    this.#evaluate = options.compile(options.keys)
    this.#keys = new KeyTable(options.keys.map(key => key.type))
    this.#rows = new SessionRows(
      options.input.fields.map(field => field.type),
      options.gapMicros,
    )
  }

  onBatch(input: Batch, _input: number, emit: Emit): void {
    const { time, side, final } = this.#options
    const { batch, columns } = evaluateRows(this.#evaluate, withWindowTimes(input, time, side), side)
    const { rowCount, weights } = batch
    if (rowCount === 0) return
    const numbers = this.#keys.assign(columns, rowCount)
    const { words } = expectStorage(batch.columns[time], 'int64')
    const rows = this.#rows
    const ids = rows.assign(batch.columns, rowCount)
    const touched = new Set<SessionPartition>()
    const late = new Int32Array(rowCount)
    let lateCount = 0
    for (let i = 0; i < rowCount; i++) {
      const partition = rows.partition(numbers[i])
      touched.add(partition)
      const at = int64AsNumber(words, i)
      const weight = weights ? weights[i] : 1
      if (this.#isLate(partition, at, weight)) late[lateCount++] = i
      else rows.add(partition, ids[i], at, weight)
    }
    if (lateCount > 0) side?.late(batch, late, lateCount, this.#watermark)
    const moves = new Moves()
    for (const partition of touched) {
      if (!final) rows.tellMoves(partition, moves.add)
      if (weights) rows.dropEmpty(partition)
    }
    this.#give(moves, emit)
    if (weights || lateCount > 0) rows.free(ids.subarray(0, rowCount))
    for (const partition of touched) this.#freeIfEmpty(partition)
  }

  onWatermark(watermark: Watermark, emit: Emit): void {
    this.#watermark = watermark
    this.#close(watermark, emit)
  }

  onEnd(emit: Emit): void {
    if (this.#options.final) this.#close(Number.POSITIVE_INFINITY, emit)
  }

  snapshot(): StateSnapshot {
    return { watermark: this.#watermark, keys: this.#keys.snapshot(), rows: this.#rows.snapshot() }
  }

  restore(snapshot: StateSnapshot): void {
    this.#watermark = snapshotField.number(snapshot, 'watermark')
    this.#keys.restore(snapshotField.nested(snapshot, 'keys'))
    this.#rows.restore(snapshotField.nested(snapshot, 'rows'))
  }

  stateBytes(): number {
    return this.#keys.bytes() + this.#rows.bytes()
  }

  #isLate(partition: SessionPartition, at: number, weight: number): boolean {
    if (at > this.#watermark) return false
    if (weight < 0) return true
    // Every session that is held is open.
    return at + this.#options.gapMicros <= this.#watermark && !this.#rows.reaches(partition, at)
  }

  /** Rows of closed sessions go; they come out where nothing of them did before. */
  #close(watermark: Watermark, emit: Emit): void {
    const moves = new Moves()
    const partitions = this.#rows.due(watermark)
    const tell: Move = this.#options.final ? moves.add : () => {}
    const closed = partitions.flatMap(partition => this.#rows.takeClosed(partition, watermark, tell))
    this.#give(moves, emit)
    this.#rows.free(closed)
    for (const partition of partitions) this.#freeIfEmpty(partition)
  }

  #freeIfEmpty(partition: SessionPartition): void {
    if (partition.rows.length > 0) return
    this.#rows.forget(partition)
    this.#keys.free(partition.number)
  }

  #give({ rows, starts, ends, weights }: Moves, emit: Emit): void {
    for (let from = 0; from < rows.length; from += EMIT_ROWS_MAX) {
      const count = Math.min(EMIT_ROWS_MAX, rows.length - from)
      const bounds = [starts, ends].map(times => {
        const words = new Int32Array(2 * count)
        for (let i = 0; i < count; i++) setInt64(words, i, times[from + i])
        return { storage: 'int64' as const, words, valid: undefined }
      })
      const columns = this.#rows.columns(Int32Array.from(rows.slice(from, from + count)), count)
      const weight = Int32Array.from(weights.slice(from, from + count))
      emit(createBatch(this.schema, count, [...columns, ...bounds], weight.some(w => w !== 1) ? weight : undefined))
    }
  }
}

/** Rows to give out. */
class Moves {
  readonly rows: number[] = []
  readonly starts: number[] = []
  readonly ends: number[] = []
  readonly weights: number[] = []

  readonly add: Move = (row, start, end, weight) => {
    this.rows.push(row)
    this.starts.push(start)
    this.ends.push(end)
    this.weights.push(weight)
  }
}
