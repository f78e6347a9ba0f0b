import type { Snapshot } from '../base/snapshot.ts'
import type { Column } from '../batch/column.ts'

/**
 * Values of one key column as ids, so that rows compare as integers. Id 0 is NULL and needs no counting. A value lives while
 * someone retains its id; `encode` gives ids of values seen for the first time, which the caller must retain before the next call
 * that releases or encodes.
 */
export interface Dictionary {
  /** Writes the id of row i to to[i · stride + at]. */
  encode(column: Column, rowCount: number, to: Int32Array, stride: number, at: number): void
  /** The id of row 0, which is not NULL; −1, which no value has, when nobody holds such a value. */
  find(column: Column): number
  /** The values of ids words[i · stride + at], as a column that owns its memory. */
  decode(words: Int32Array, count: number, stride: number, at: number): Column
  retain(id: number): void
  release(id: number): void
  bytes(): number
  snapshot(): Snapshot
  restore(snapshot: Snapshot): void
}
