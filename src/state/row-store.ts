import type { Snapshot } from '../base/snapshot.ts'
import { type Batch, createBatch } from '../batch/batch.ts'
import type { Column } from '../batch/column.ts'

/** Rows a batch of contents has at most. */
export const CONTENTS_ROWS_MAX = 8192

/** The rows of a view. */
export interface RowStore {
  add(batch: Batch): void
  /** Rows whose timestamp `column` is at most `limit` go. NULLs stay. */
  expire(column: number, limit: number): void
  /**
   * These columns of the rows there are now. `equals` is what the reader will look for anyhow: rows without it may be left out, and
   * are where that saves looking at them.
   */
  read(columns: readonly number[], equals?: readonly Equals[]): RowReader
  bytes(): number
  snapshot(): Snapshot
  restore(snapshot: Snapshot): void
}

/** The column has this value, which is not NULL: row 0 of `value`. */
export interface Equals {
  readonly column: number
  readonly value: Column
}

/**
 * Rows as of one instant, given out in pieces while their store goes on changing. To be closed when no more is wanted: until then the
 * store keeps for the reader what it overwrites.
 */
export interface RowReader {
  /** Some of the rows, perhaps none; a row that is there n times has weight n. The batch stays as it is, but may share its memory with the store. Undefined: that was all. */
  next(): Batch | undefined
  close(): void
}

/** All rows of a reader, one after another; closes it. */
export function* rowsOf(reader: RowReader): Generator<Batch, void, undefined> {
  try {
    for (let batch = reader.next(); batch; batch = reader.next()) if (batch.rowCount > 0) yield batch
  } finally {
    reader.close()
  }
}

/** Reads batches that do not change. */
export function readBatches(batches: readonly Batch[]): RowReader {
  let at = 0
  return {
    next: () => batches[at++],
    close: () => {
      at = batches.length
    },
  }
}

/** Some columns of a batch, in another order. */
export function pickColumns({ schema, rowCount, columns, weights }: Batch, picks: readonly number[]): Batch {
  const fields = picks.map(c => schema.fields[c])
  return createBatch(
    { fields },
    rowCount,
    picks.map(c => columns[c]),
    weights,
  )
}
