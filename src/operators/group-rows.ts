import { type Snapshot, snapshotField } from '../base/snapshot.ts'
import type { Batch } from '../batch/batch.ts'
import type { Schema } from '../batch/types.ts'
import type { Emit, SideOutput } from '../dataflow/operator.ts'
import { AppendOnlyRows, rowsAfter } from '../state/append-only-rows.ts'
import { type Equals, pickColumns, type RowReader, type RowStore } from '../state/row-store.ts'

/** An aggregate whose groups can be read as rows. */
export interface Groups {
  /** The present rows: those that may change still. See `RowStore.read`; columns as it emits them, undefined: all. */
  read(columns: readonly number[] | undefined, equals: readonly Equals[]): RowReader
  /** Rows of windows that close go there when they are given up: they stay as they are from then on. */
  keepClosed(keep: Emit): void
}

/** A step that makes of each row one row or none, by that row alone. */
export interface RowStep {
  /** The rows made of a batch; those that fail go to `side`. */
  rows(batch: Batch, side: SideOutput | undefined): Batch
  /** The input's column that this one is a plain copy of. Left out: every column is, of the one with its number. */
  inputColumn?(column: number): number | undefined
}

/** What failed was told when it was emitted. */
const told: SideOutput = { late: () => undefined, bad: () => undefined }

/**
 * The rows of a view on an aggregate, perhaps with HAVING and computed columns behind it. What can still change is in the
 * aggregate's groups, and is not kept a second time: it is made of them when somebody reads. What cannot is kept as columns, in order
 * of closing.
 */
export class GroupRows implements RowStore {
  readonly #groups: Groups
  readonly #steps: readonly RowStep[]
  readonly #closed: AppendOnlyRows
  /** Rows at or before it have gone. */
  #expired: { readonly column: number; readonly limit: number } | undefined

  /** `schema` is that of the last step. */
  constructor(schema: Schema, groups: Groups, steps: readonly RowStep[]) {
    this.#groups = groups
    this.#steps = steps
    this.#closed = new AppendOnlyRows(schema)
    groups.keepClosed(batch => {
      const rows = this.#present(throughSteps(steps, batch))
      if (rows.rowCount > 0) this.#closed.add(rows)
    })
  }

  /** The groups have seen it already. */
  add(): void {}

  expire(column: number, limit: number): void {
    this.#closed.expire(column, limit)
    this.#expired = { column, limit }
  }

  read(columns: readonly number[], equals: readonly Equals[] = []): RowReader {
    const closed = this.#closed.read(columns)
    const open = this.#readGroups(columns, equals)
    return {
      next: () => closed.next() ?? open.next(),
      close: () => {
        closed.close()
        open.close()
      },
    }
  }

  bytes(): number {
    return this.#closed.bytes()
  }

  snapshot(): Snapshot {
    return { closed: this.#closed.snapshot(), expired: this.#expired ?? {} }
  }

  restore(snapshot: Snapshot): void {
    this.#closed.restore(snapshotField.nested(snapshot, 'closed'))
    const expired = snapshotField.nested(snapshot, 'expired')
    if (!('limit' in expired)) return
    this.#expired = {
      column: snapshotField.number(expired, 'column'),
      limit: snapshotField.number(expired, 'limit'),
    }
  }

  /** No more is computed than the reader wants: a count of rows needs none of their columns. */
  #readGroups(columns: readonly number[], equals: readonly Equals[]): RowReader {
    const found = equals.flatMap(({ column, value }) => {
      const origin = origins(this.#steps, [column])
      return origin ? [{ column: origin[0], value }] : []
    })
    const hasFilter = this.#expired !== undefined || this.#steps.some(step => !step.inputColumn)
    const plain = hasFilter ? undefined : origins(this.#steps, columns)
    if (plain) return this.#groups.read(plain, found)
    const all = this.#groups.read(undefined, found)
    return {
      next: () => {
        const batch = all.next()
        return batch && pickColumns(this.#present(throughSteps(this.#steps, batch)), columns)
      },
      close: () => all.close(),
    }
  }

  #present(rows: Batch): Batch {
    return this.#expired ? rowsAfter(rows, this.#expired.column, this.#expired.limit) : rows
  }
}

function throughSteps(steps: readonly RowStep[], batch: Batch): Batch {
  return steps.reduce((rows, step) => step.rows(rows, told), batch)
}

/** The aggregate's columns that these are plain copies of; undefined when one of them is computed. */
function origins(steps: readonly RowStep[], columns: readonly number[]): readonly number[] | undefined {
  const found: number[] = []
  for (const column of columns) {
    let at: number | undefined = column
    for (const step of steps.toReversed()) at = at === undefined || !step.inputColumn ? at : step.inputColumn(at)
    if (at === undefined) return undefined
    found.push(at)
  }
  return found
}
