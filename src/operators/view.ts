import type { Batch } from '../batch/batch.ts'
import type { Schema } from '../batch/types.ts'
import type { Emit, Operator, StateSnapshot, Watermark } from '../dataflow/operator.ts'
import { AppendOnlyRows } from '../state/append-only-rows.ts'
import { RowBag } from '../state/row-bag.ts'
import type { Equals, RowReader, RowStore } from '../state/row-store.ts'

export interface ViewOptions {
  readonly schema: Schema
  /** No row is ever taken back, so rows need not be found again. Default: they may be. */
  readonly appendOnly?: boolean
  /** Where its rows are kept, if neither of these two. */
  readonly rows?: RowStore
  /** Rows whose event time, a timestamp column of the schema, is this far behind the watermark go. */
  readonly retention?: { readonly column: number; readonly micros: number }
}

/** Old rows go in sweeps, when the watermark has come on by this part of the retention: each sweep looks at every row. */
const SWEEP_PART = 64

/**
 * The rows of a materialized view, in memory. Forwards what it is given, for views on views, sinks and subscriptions; rows that go
 * by retention are not taken back from those, as they are no change of the answer.
 */
export class View implements Operator {
  readonly schema: Schema
  readonly #retention: ViewOptions['retention']
  readonly #rows: RowStore
  #sweptTo: Watermark = Number.NEGATIVE_INFINITY

  constructor({ schema, appendOnly = false, rows, retention }: ViewOptions) {
    this.schema = schema
    this.#retention = retention
    this.#rows = rows ?? (appendOnly ? new AppendOnlyRows(schema) : new RowBag(schema))
  }

  onBatch(batch: Batch, _input: number, emit: Emit): void {
    this.#rows.add(batch)
    emit(batch)
  }

  onWatermark(watermark: Watermark): void {
    if (!this.#retention) return
    const { column, micros } = this.#retention
    if (watermark - this.#sweptTo < micros / SWEEP_PART) return
    this.#sweptTo = watermark
    this.#rows.expire(column, watermark - micros)
  }

  /** The rows as of this call; `columns`: which of them, in that order, default all. See `RowStore.read`. */
  read(columns: readonly number[] = [...this.schema.fields.keys()], equals: readonly Equals[] = []): RowReader {
    return this.#rows.read(columns, equals)
  }

  snapshot(): StateSnapshot {
    return this.#rows.snapshot()
  }

  restore(snapshot: StateSnapshot): void {
    this.#rows.restore(snapshot)
  }

  stateBytes(): number {
    return this.#rows.bytes()
  }
}
