import { assert } from '../base/assert.ts'
import { growBytes, growFloat64, grownCapacity } from '../base/grow.ts'
import { snapshotField } from '../base/snapshot.ts'
import { type Batch, createBatch, takeRows } from '../batch/batch.ts'
import { type Column, takeColumn } from '../batch/column.ts'
import type { Schema } from '../batch/types.ts'
import type { Emit, Operator, SideOutput, StateSnapshot, Watermark } from '../dataflow/operator.ts'
import { AggregateSet } from '../expr/aggregate/set.ts'
import type { AggregateCall, Expr } from '../expr/expr.ts'
import { InstantReader } from '../state/instant-reader.ts'
import { KeyTable } from '../state/key-table.ts'
import type { Equals, RowReader } from '../state/row-store.ts'
import { flagDifferences, pickFromTwo } from './changes.ts'
import { type Compile, type Evaluate, evaluateRows } from './evaluate.ts'
import type { Groups } from './group-rows.ts'
import { splitLate } from './late.ts'

export interface HashAggregateOptions {
  /** Keys, then aggregates. */
  readonly schema: Schema
  readonly keys: readonly Expr[]
  readonly aggregates: readonly AggregateCall[]
  /** Index among `keys` of window_end; see `Aggregate` in the plan. */
  readonly windowEnd?: number
  /** One row a group, when its window has closed or the input has ended (also what bounded reads want). Else every change. */
  readonly final: boolean
  /** The input may take rows back. */
  readonly retractable: boolean
  readonly compile: Compile
  readonly side: SideOutput | undefined
}

/** Closed windows go out in pieces, or those behind them wait. */
const EMIT_ROWS_MAX = 8192

/**
 * GROUP BY: keys → one row a group. Live, each batch emits the groups it changed: the old row with −1, right behind it the new one
 * with +1. A group lives while it has rows and its window is open; of what came in and was taken back nothing is left. Rows of closed
 * windows are late: reported, not aggregated. Without keys there is one group, also over no rows.
 */
export class HashAggregate implements Operator, Groups {
  readonly schema: Schema
  readonly #options: HashAggregateOptions
  readonly #evaluate: Evaluate
  readonly #aggregates: AggregateSet
  readonly #table: KeyTable
  /** Rows a group has; only where they can become none again. */
  #rows: Float64Array<ArrayBuffer> | undefined
  #touched = new Uint8Array(0)
  #watermark: Watermark = Number.NEGATIVE_INFINITY
  readonly #readers = new Set<InstantReader>()
  #keepClosed: Emit | undefined

  constructor(options: HashAggregateOptions) {
    this.schema = options.schema
    this.#options = options
    this.#aggregates = new AggregateSet(options.aggregates, options.retractable)
    this.#evaluate = options.compile([...options.keys, ...this.#aggregates.inputs])
    this.#table = new KeyTable(options.keys.map(key => key.type))
    if (options.retractable && options.keys.length > 0) this.#rows = new Float64Array(0)
    if (options.keys.length === 0) this.#assign([], 1)
  }

  onStart(emit: Emit): void {
    if (this.#options.keys.length > 0 || this.#options.final) return
    emit(createBatch(this.schema, 1, this.#aggregates.output(Int32Array.of(0), 1)))
  }

  onBatch(input: Batch, _input: number, emit: Emit): void {
    const { keys, side, final } = this.#options
    const known = evaluateRows(this.#evaluate, input, side)
    const { batch, columns } = this.#withoutLate(known.batch, known.columns)
    if (batch.rowCount === 0) return
    const groups = this.#assign(columns.slice(0, keys.length), batch.rowCount)
    const inputs = columns.slice(keys.length)
    if (final) this.#accumulate(groups, batch, inputs)
    else this.#emitChanges(groups, batch.rowCount, () => this.#accumulate(groups, batch, inputs), emit)
  }

  /** What is aggregated already: `parts` of groups partGroups[i] go to the groups of these keys. For live aggregates that are not retractable. */
  merge(keys: readonly Column[], rowCount: number, parts: AggregateSet, partGroups: Int32Array, emit: Emit): void {
    assert(!this.#options.final && !this.#rows, 'merge is for live aggregates over additions')
    if (rowCount === 0) return
    const groups = this.#assign(keys, rowCount)
    this.#emitChanges(groups, rowCount, () => this.#aggregates.merge(groups, parts, partGroups, rowCount), emit)
  }

  get watermark(): Watermark {
    return this.#watermark
  }

  onWatermark(watermark: Watermark, emit: Emit): void {
    this.#watermark = watermark
    const { windowEnd, final } = this.#options
    if (windowEnd === undefined || this.#table.smallest(windowEnd) > watermark) return
    const closed = this.#table.atMost(windowEnd, watermark)
    if (final) this.#emitRows(closed, emit)
    if (this.#keepClosed) this.#emitRows(closed, this.#keepClosed)
    this.#keepForReaders(closed)
    this.#free(closed)
  }

  onEnd(emit: Emit): void {
    if (!this.#options.final) return
    const { windowEnd } = this.#options
    if (windowEnd !== undefined) this.onWatermark(Number.POSITIVE_INFINITY, emit)
    // Without a window, or where window_end is NULL.
    const groups = this.#table.all()
    this.#emitRows(groups, emit)
    if (this.#options.keys.length > 0) this.#free(groups)
  }

  read(columns: readonly number[] | undefined, equals: readonly Equals[]): RowReader {
    const keyCount = this.#options.keys.length
    return new InstantReader({
      table: this.#table,
      matches: equals
        .filter(({ column }) => column < keyCount)
        .map(({ column, value }) => this.#table.match(column, value)),
      rowsOf: groups => this.#rowsOf(this.#withRows(groups), columns),
      open: this.#readers,
    })
  }

  keepClosed(keep: Emit): void {
    this.#keepClosed = keep
  }

  snapshot(): StateSnapshot {
    const { high } = this.#table
    return {
      watermark: this.#watermark,
      table: this.#table.snapshot(),
      aggregates: this.#aggregates.snapshot(high),
      rows: this.#rows ? this.#rows.subarray(0, high) : new Float64Array(0),
    }
  }

  restore(snapshot: StateSnapshot): void {
    this.#watermark = snapshotField.number(snapshot, 'watermark')
    this.#table.restore(snapshotField.nested(snapshot, 'table'))
    const { high } = this.#table
    this.#aggregates.restore(snapshotField.nested(snapshot, 'aggregates'), high)
    const rows = snapshotField.float64(snapshot, 'rows')
    assert(rows.length === (this.#rows ? high : 0), 'snapshot of another aggregate')
    if (this.#rows) this.#rows = rows.slice()
    this.#reserve(high)
  }

  stateBytes(): number {
    const { high } = this.#table
    return this.#table.bytes() + this.#aggregates.bytes(high) + high * (this.#rows ? 9 : 1)
  }

  #withoutLate(batch: Batch, columns: readonly Column[]): { batch: Batch; columns: readonly Column[] } {
    const { windowEnd, side } = this.#options
    if (windowEnd === undefined || this.#watermark === Number.NEGATIVE_INFINITY) return { batch, columns }
    const split = splitLate(columns[windowEnd], batch.rowCount, this.#watermark)
    if (!split) return { batch, columns }
    side?.late(batch, split.late, split.late.length, this.#watermark)
    const count = split.open.length
    return { batch: takeRows(batch, split.open, count), columns: columns.map(c => takeColumn(c, split.open, count)) }
  }

  #assign(keys: readonly Column[], rowCount: number): Int32Array {
    const groups = this.#table.assign(keys, rowCount)
    this.#reserve(this.#table.high)
    return groups
  }

  #reserve(high: number): void {
    this.#aggregates.reserve(high)
    if (this.#touched.length >= high) return
    const capacity = grownCapacity(this.#touched.length, high)
    this.#touched = growBytes(this.#touched, capacity)
    if (this.#rows) this.#rows = growFloat64(this.#rows, capacity)
  }

  #accumulate(groups: Int32Array, batch: Batch, inputs: readonly Column[]): void {
    this.#aggregates.update(groups, batch.rowCount, inputs, batch.weights)
    const rows = this.#rows
    if (!rows) return
    const { rowCount, weights } = batch
    for (let i = 0; i < rowCount; i++) rows[groups[i]] += weights ? weights[i] : 1
    if (this.#options.final) this.#free(this.#emptied(this.#touchedGroups(groups, rowCount)))
  }

  /** Takes in rows of these groups by `accumulate`, and emits what that changed. */
  #emitChanges(groups: Int32Array, rowCount: number, accumulate: () => void, emit: Emit): void {
    const touched = this.#touchedGroups(groups, rowCount)
    const before = touched.length - this.#table.created.length
    this.#keepForReaders(touched.subarray(0, before))
    const wasThere = this.#visible(touched, before)
    const keys = this.#table.keys(touched, touched.length)
    const old = this.#aggregates.output(touched, before)
    accumulate()
    const now = this.#aggregates.output(touched, touched.length)
    const isThere = this.#visible(touched, touched.length)
    const changed = new Uint8Array(touched.length)
    for (let c = 0; c < old.length; c++) flagDifferences(old[c], now[c], before, changed)
    const picks = new Int32Array(before + touched.length)
    const weights = new Int32Array(before + touched.length)
    let count = 0
    for (let i = 0; i < touched.length; i++) {
      const had = i < before && (!wasThere || wasThere[i] === 1)
      const has = !isThere || isThere[i] === 1
      if (had && has && changed[i] === 0) continue
      if (had) {
        weights[count] = -1
        picks[count++] = i
      }
      if (has) {
        weights[count] = 1
        picks[count++] = before + i
      }
    }
    if (count > 0) {
      const values = now.map((column, c) => pickFromTwo(old[c], before, column, picks, count))
      for (let i = 0; i < count; i++) if (picks[i] >= before) picks[i] -= before
      const columns = [...keys.map(column => takeColumn(column, picks, count)), ...values]
      emit(createBatch(this.schema, count, columns, weights.subarray(0, count)))
    }
    if (this.#rows) this.#free(this.#emptied(touched))
  }

  /** Groups of the batch, each once: those that were there before it, then those it made. */
  #touchedGroups(groups: Int32Array, rowCount: number): Int32Array {
    const flags = this.#touched
    const { created } = this.#table
    for (const group of created) flags[group] = 1
    const touched = new Int32Array(Math.min(rowCount, this.#table.high))
    const count = collectUnflagged(groups, rowCount, flags, touched)
    touched.set(created, count)
    const all = touched.subarray(0, count + created.length)
    for (let i = 0; i < all.length; i++) flags[all[i]] = 0
    return all
  }

  /** Which of the groups have rows. Undefined: all. */
  #visible(groups: Int32Array, count: number): Uint8Array | undefined {
    const rows = this.#rows
    if (!rows) return undefined
    const visible = new Uint8Array(count)
    for (let i = 0; i < count; i++) visible[i] = rows[groups[i]] > 0 ? 1 : 0
    return visible
  }

  #emptied(groups: Int32Array): Int32Array {
    const rows = this.#rows
    assert(rows !== undefined, 'rows are counted')
    return groups.filter(group => rows[group] === 0)
  }

  #emitRows(closed: Int32Array, emit: Emit): void {
    const groups = this.#withRows(closed)
    for (let start = 0; start < groups.length; start += EMIT_ROWS_MAX) {
      emit(this.#rowsOf(groups.subarray(start, start + EMIT_ROWS_MAX)))
    }
  }

  #withRows(groups: Int32Array): Int32Array {
    const rows = this.#rows
    return rows ? groups.filter(group => rows[group] > 0) : groups
  }

  /** These columns of the groups' rows, as they are now. */
  #rowsOf(groups: Int32Array, columns: readonly number[] = [...this.schema.fields.keys()]): Batch {
    const keyCount = this.#options.keys.length
    const keyPicks = columns.filter(c => c < keyCount)
    const valuePicks = columns.filter(c => c >= keyCount)
    const keys = this.#table.keys(groups, groups.length, keyPicks)
    const values = this.#aggregates.output(
      groups,
      groups.length,
      valuePicks.map(c => c - keyCount),
    )
    const taken = columns.map(c => (c < keyCount ? keys[keyPicks.indexOf(c)] : values[valuePicks.indexOf(c)]))
    return createBatch({ fields: columns.map(c => this.schema.fields[c]) }, groups.length, taken)
  }

  #keepForReaders(groups: Int32Array): void {
    for (const reader of this.#readers) reader.keep(groups)
  }

  #free(groups: Int32Array): void {
    for (const group of groups) {
      this.#aggregates.free(group)
      this.#table.free(group)
      if (this.#rows) this.#rows[group] = 0
    }
  }
}

function collectUnflagged(groups: Int32Array, rowCount: number, flags: Uint8Array, to: Int32Array): number {
  let count = 0
  for (let i = 0; i < rowCount; i++) {
    const group = groups[i]
    if (flags[group] !== 0) continue
    flags[group] = 1
    to[count++] = group
  }
  return count
}
