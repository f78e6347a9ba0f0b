import { assert } from '../base/assert.ts'
import { type Snapshot, snapshotField } from '../base/snapshot.ts'
import { type Batch, buffersOf, createBatch, ownedCopy, sliceBatch, takeRows } from '../batch/batch.ts'
import { type Column, expectStorage, int64AsNumber } from '../batch/column.ts'
import { concatBatches } from '../batch/concat.ts'
import { type Schema, storageOf } from '../batch/types.ts'
import { CONTENTS_ROWS_MAX, pickColumns, type RowReader, type RowStore, readBatches } from './row-store.ts'

/** Small batches are joined until a segment has about this many rows. */
const SEGMENT_ROWS = CONTENTS_ROWS_MAX

/** Rows that are never taken back, in order of arrival: column segments that never change once made, so that reads share them. */
export class AppendOnlyRows implements RowStore {
  readonly #schema: Schema
  #segments: Batch[] = []
  /** Not yet a full segment. */
  #tail: Batch[] = []
  #tailRows = 0

  constructor(schema: Schema) {
    this.#schema = schema
  }

  add(batch: Batch): void {
    if (batch.weights?.some(weight => weight <= 0)) assert(false, 'rows of an append-only view are not taken back')
    for (let start = 0; start < batch.rowCount; start += SEGMENT_ROWS) {
      this.#tail.push(ownedCopy(sliceBatch(batch, start, Math.min(start + SEGMENT_ROWS, batch.rowCount))))
    }
    this.#tailRows += batch.rowCount
    if (this.#tailRows >= SEGMENT_ROWS) this.#seal()
  }

  expire(column: number, limit: number): void {
    this.#seal()
    this.#segments = this.#segments.flatMap(segment => {
      const kept = rowsAfter(segment, column, limit)
      if (kept === segment) return [segment]
      return kept.rowCount === 0 ? [] : [ownedCopy(kept)]
    })
  }

  read(columns: readonly number[]): RowReader {
    this.#seal()
    return readBatches(this.#segments.map(segment => pickColumns(segment, columns)))
  }

  bytes(): number {
    let sum = 0
    for (const batch of [...this.#segments, ...this.#tail]) {
      for (const buffer of buffersOf(batch)) sum += buffer.byteLength
      for (const column of batch.columns) if (column.storage === 'boxed') sum += batch.rowCount * 64
    }
    return sum
  }

  snapshot(): Snapshot {
    this.#seal()
    return { segments: this.#segments.map(({ rowCount, columns, weights }) => ({ rowCount, columns, weights })) }
  }

  restore(snapshot: Snapshot): void {
    this.#segments = snapshotField
      .nestedArray(snapshot, 'segments')
      .map(segment => restoreSegment(this.#schema, segment))
    this.#tail = []
    this.#tailRows = 0
  }

  /** Joins the tail to one segment; with a short last segment too, so that reads in between do not leave many small ones. */
  #seal(): void {
    if (this.#tailRows === 0) return
    const last = this.#segments.at(-1)
    if (last && last.rowCount + this.#tailRows <= SEGMENT_ROWS) {
      this.#segments.pop()
      this.#tail.unshift(last)
    }
    if (this.#tail.length === 1) this.#segments.push(this.#tail[0])
    else {
      const joined = concatBatches(this.#schema, this.#tail)
      for (let start = 0; start < joined.rowCount; start += SEGMENT_ROWS) {
        const part = sliceBatch(joined, start, Math.min(start + SEGMENT_ROWS, joined.rowCount))
        this.#segments.push(part === joined ? joined : ownedCopy(part))
      }
    }
    this.#tail = []
    this.#tailRows = 0
  }
}

/** The rows whose timestamp `column` is above `limit` or NULL. */
export function rowsAfter(segment: Batch, column: number, limit: number): Batch {
  const { words, valid } = expectStorage(segment.columns[column], 'int64')
  const rows = new Int32Array(segment.rowCount)
  let count = 0
  for (let i = 0; i < segment.rowCount; i++) {
    if (int64AsNumber(words, i) > limit || valid?.[i] === 0) rows[count++] = i
  }
  return count === segment.rowCount ? segment : takeRows(segment, rows, count)
}

function restoreSegment(schema: Schema, segment: Snapshot): Batch {
  const rowCount = snapshotField.number(segment, 'rowCount')
  const columns = snapshotField.nestedArray(segment, 'columns').map((column, c) => {
    assert(column.storage === storageOf(schema.fields[c].type), `column ${c} of a snapshot has another type`)
    return column as unknown as Column // as snapshot() wrote it, of this storage by the assert
  })
  const { weights } = segment
  return createBatch(schema, rowCount, columns, weights instanceof Int32Array ? weights : undefined)
}
