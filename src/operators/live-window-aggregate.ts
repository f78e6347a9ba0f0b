import { assert } from '../base/assert.ts'
import type { Batch } from '../batch/batch.ts'
import { type Column, expectStorage, int64AsNumber, setInt64, takeColumn } from '../batch/column.ts'
import { type Schema, TIMESTAMP } from '../batch/types.ts'
import type { Emit, Operator, StateSnapshot, Watermark } from '../dataflow/operator.ts'
import { dependsOnArrival } from '../expr/aggregate/create.ts'
import { AggregateSet } from '../expr/aggregate/set.ts'
import type { Expr } from '../expr/expr.ts'
import { KeyTable } from '../state/key-table.ts'
import type { Equals, RowReader } from '../state/row-store.ts'
import { type Evaluate, evaluateRows } from './evaluate.ts'
import type { Groups } from './group-rows.ts'
import { HashAggregate } from './hash-aggregate.ts'
import { endAfter, gridMicros, inOpenWindows, lastEnd, paneMicros } from './hop-windows.ts'
import { canUsePanes, isWindowColumn, type WindowAggregateOptions } from './window-aggregate.ts'
import { withWindowTimes } from './window-times.ts'

/**
 * GROUP BY over hopping windows that shows every change, open windows included. A batch is first aggregated by itself, by pane and key;
 * what that comes to is merged into each of its windows. So a row costs one step, not size / slide, where a batch has several rows a
 * key. The input only adds rows. Late rows as in `WindowAggregate`.
 */
export class LiveWindowAggregate implements Operator, Groups {
  readonly schema: Schema
  readonly gridMicros: number
  readonly #options: WindowAggregateOptions
  readonly #evaluate: Evaluate
  readonly #otherKeys: readonly Expr[]
  /** The windows' groups, as of an aggregate behind a `Hop`. */
  readonly #windows: HashAggregate
  /** The batch by pane and other keys; both empty between batches. */
  readonly #partKeys: KeyTable
  readonly #parts: AggregateSet
  #watermark: Watermark = Number.NEGATIVE_INFINITY

  /** `windowEnd`: see `HashAggregate`. */
  constructor(options: WindowAggregateOptions & { readonly windowEnd?: number }) {
    assert(canUseParts(options), 'aggregates over the window itself, or by order of arrival, cannot use parts')
    const { schema, keys, aggregates, windowEnd } = options
    this.schema = schema
    this.#options = options
    this.gridMicros = gridMicros(options)
    this.#otherKeys = keys.filter(key => !isWindowColumn(key, options.inputWidth))
    this.#parts = new AggregateSet(aggregates, false)
    this.#partKeys = new KeyTable([TIMESTAMP, ...this.#otherKeys.map(key => key.type)])
    this.#evaluate = options.compile([...this.#otherKeys, ...this.#parts.inputs])
    const compile = (): Evaluate => () => []
    this.#windows = new HashAggregate({
      schema,
      keys,
      aggregates,
      windowEnd,
      final: false,
      retractable: false,
      compile,
      side: undefined,
    })
  }

  onBatch(input: Batch, _input: number, emit: Emit): void {
    const { time, side } = this.#options
    const known = evaluateRows(this.#evaluate, withWindowTimes(input, time, side), side)
    const { batch, columns } = inOpenWindows(this.#options, known.batch, known.columns, time, this.#watermark, side)
    if (batch.rowCount === 0) return
    const { words } = expectStorage(batch.columns[time], 'int64')
    const others = this.#otherKeys.length
    const rowParts = this.#partKeys.assign(
      [this.#panes(words, batch.rowCount), ...columns.slice(0, others)],
      batch.rowCount,
    )
    const parts = this.#partKeys.created.slice()
    this.#parts.reserve(this.#partKeys.high)
    this.#parts.update(rowParts, batch.rowCount, columns.slice(others), undefined)
    this.#mergeIntoWindows(parts, emit)
    for (const part of parts) {
      this.#parts.free(part)
      this.#partKeys.free(part)
    }
  }

  onWatermark(watermark: Watermark, emit: Emit): void {
    this.#watermark = watermark
    this.#windows.onWatermark(watermark, emit)
  }

  read(columns: readonly number[] | undefined, equals: readonly Equals[]): RowReader {
    return this.#windows.read(columns, equals)
  }

  keepClosed(keep: Emit): void {
    this.#windows.keepClosed(keep)
  }

  snapshot(): StateSnapshot {
    return this.#windows.snapshot()
  }

  restore(snapshot: StateSnapshot): void {
    this.#windows.restore(snapshot)
    this.#watermark = this.#windows.watermark
  }

  stateBytes(): number {
    return this.#windows.stateBytes() + this.#parts.bytes(this.#partKeys.high) + this.#partKeys.bytes()
  }

  /** The pane of every row, as a key column. */
  #panes(words: Int32Array, rowCount: number): Column {
    const { offsetMicros } = this.#options
    const width = paneMicros(this.#options)
    const panes = new Int32Array(2 * rowCount)
    let start = Number.NaN
    for (let i = 0; i < rowCount; i++) {
      const time = int64AsNumber(words, i)
      if (!(time >= start && time < start + width))
        start = Math.floor((time - offsetMicros) / width) * width + offsetMicros
      setInt64(panes, i, start)
    }
    return { storage: 'int64', words: panes, valid: undefined }
  }

  /** Each part goes into every open window that its pane is in. */
  #mergeIntoWindows(parts: Int32Array, emit: Emit): void {
    const { sizeMicros, slideMicros, inputWidth, keys } = this.#options
    const [panes, ...others] = this.#partKeys.keys(parts, parts.length)
    const { words } = expectStorage(panes, 'int64')
    const rowsMax = parts.length * Math.ceil(sizeMicros / slideMicros)
    const rows = new Int32Array(rowsMax)
    const starts = new Int32Array(2 * rowsMax)
    const ends = new Int32Array(2 * rowsMax)
    let count = 0
    for (let p = 0; p < parts.length; p++) {
      const pane = int64AsNumber(words, p)
      const last = lastEnd(this.#options, pane)
      const first = Math.max(endAfter(this.#options, pane), endAfter(this.#options, this.#watermark))
      for (let end = first; end <= last; end += slideMicros) {
        rows[count] = p
        setInt64(starts, count, end - sizeMicros)
        setInt64(ends, count, end)
        count++
      }
    }
    const bounds = [starts, ends].map((w): Column => ({ storage: 'int64', words: w, valid: undefined }))
    const columns = keys.map(key =>
      key.kind === 'column' && key.index >= inputWidth
        ? bounds[key.index - inputWidth]
        : takeColumn(others[this.#otherKeys.indexOf(key)], rows, count),
    )
    const fromParts = new Int32Array(count)
    for (let i = 0; i < count; i++) fromParts[i] = parts[rows[i]]
    this.#windows.merge(columns, count, this.#parts, fromParts, emit)
  }
}

/** Whether parts merge to the same wherever batches are cut: where arrival decides, rows must be repeated by `Hop` first. */
export function canUseParts(options: Parameters<typeof canUsePanes>[0]): boolean {
  return canUsePanes(options) && !options.aggregates.some(dependsOnArrival)
}
