import type { Snapshot } from '../base/snapshot.ts'
import type { Batch } from '../batch/batch.ts'

/** Rows a batch of contents has at most. */
export const CONTENTS_ROWS_MAX = 8192

/** The rows of a view. */
export interface RowStore {
  /** Distinct rows, or rows where they are not told apart. */
  readonly size: number
  add(batch: Batch): void
  /** Rows whose timestamp `column` is at most `limit` go. NULLs stay. */
  expire(column: number, limit: number): void
  /** These columns of the rows there are now, in batches that own their memory and stay as they are. */
  contents(columns: readonly number[]): Iterable<Batch>
  bytes(): number
  snapshot(): Snapshot
  restore(snapshot: Snapshot): void
}
