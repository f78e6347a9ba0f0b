import { assert } from '../base/assert.ts'
import { ColumnBuilder } from './builder.ts'
import { type Column, datumAt, sliceColumn, takeColumn, takeInt32 } from './column.ts'
import type { Datum, Schema } from './types.ts'

/**
 * Rows as columns, and a change: a row with weight +n is added n times, with −n taken back n times. No weights: all +1.
 * Read-only once made. Its memory may belong to whoever made it (a source's read buffer): a batch is good until the call that
 * received it returns; who keeps rows longer copies them.
 */
export interface Batch {
  readonly schema: Schema
  readonly rowCount: number
  readonly columns: readonly Column[]
  readonly weights: Int32Array | undefined
}

export function createBatch(schema: Schema, rowCount: number, columns: readonly Column[], weights?: Int32Array): Batch {
  assert(columns.length === schema.fields.length, `${columns.length} columns for ${schema.fields.length} fields`)
  return { schema, rowCount, columns, weights }
}

/** The rows named by `rows[0 … count)`, weights with them. */
export function takeRows(batch: Batch, rows: Int32Array, count: number): Batch {
  const columns = batch.columns.map(c => takeColumn(c, rows, count))
  return createBatch(batch.schema, count, columns, batch.weights && takeInt32(batch.weights, rows, count))
}

/** Rows [start, end); shares memory. */
export function sliceBatch(batch: Batch, start: number, end: number): Batch {
  if (start === 0 && end === batch.rowCount) return batch
  const columns = batch.columns.map(c => sliceColumn(c, start, end))
  return createBatch(batch.schema, end - start, columns, batch.weights?.subarray(start, end))
}

/** A batch from boxed rows: for tests, INSERT … VALUES and small results. */
export function batchOfRows(schema: Schema, rows: readonly (readonly Datum[])[], weights?: readonly number[]): Batch {
  const columns = schema.fields.map((field, c) => {
    const builder = new ColumnBuilder(field.type, rows.length)
    for (const row of rows) builder.append(row[c])
    return builder.finish()
  })
  return createBatch(schema, rows.length, columns, weights && Int32Array.from(weights))
}

/** One row, boxed. Not for hot loops. */
export function rowAt(batch: Batch, row: number): Datum[] {
  return batch.columns.map((column, c) => datumAt(column, row, batch.schema.fields[c].type.kind === 'bytea'))
}

/** A batch that owns its memory: text bytes copied and compacted, arrays cut to length. For keeping, and for transfer to another thread. */
export function ownedCopy(batch: Batch): Batch {
  const { rowCount } = batch
  const columns = batch.columns.map((column): Column => {
    if (column.storage === 'utf8') return compactText(column, rowCount)
    if (column.storage === 'boxed')
      return { storage: 'boxed', values: column.values.slice(0, rowCount), valid: undefined }
    const valid = column.valid?.slice(0, rowCount)
    if (column.storage === 'int64') return { storage: 'int64', words: column.words.slice(0, 2 * rowCount), valid }
    if (column.storage === 'float64') return { storage: 'float64', values: column.values.slice(0, rowCount), valid }
    if (column.storage === 'int32') return { storage: 'int32', values: column.values.slice(0, rowCount), valid }
    return { storage: 'bool', values: column.values.slice(0, rowCount), valid }
  })
  return createBatch(batch.schema, rowCount, columns, batch.weights?.slice(0, rowCount))
}

function compactText(column: Extract<Column, { storage: 'utf8' }>, rowCount: number): Column {
  const { starts, ends, bytes } = column
  const valid = column.valid?.slice(0, rowCount)
  let total = 0
  for (let i = 0; i < rowCount; i++) if (!valid || valid[i]) total += ends[i] - starts[i]
  const to = new Uint8Array(total)
  const toStarts = new Int32Array(rowCount)
  const toEnds = new Int32Array(rowCount)
  let at = 0
  for (let i = 0; i < rowCount; i++) {
    toStarts[i] = at
    if (!valid || valid[i]) for (let j = starts[i]; j < ends[i]; j++) to[at++] = bytes[j]
    toEnds[i] = at
  }
  return { storage: 'utf8', starts: toStarts, ends: toEnds, bytes: to, valid }
}

/** The buffers of an owned batch, for the transfer list of postMessage. */
export function buffersOf(batch: Batch): ArrayBuffer[] {
  const buffers = new Set<ArrayBuffer>()
  const add = (array: { buffer: ArrayBufferLike } | undefined): void => {
    if (array && array.buffer instanceof ArrayBuffer) buffers.add(array.buffer)
  }
  add(batch.weights)
  for (const column of batch.columns) {
    add(column.valid)
    if (column.storage === 'utf8') {
      add(column.starts)
      add(column.ends)
      add(column.bytes)
    } else if (column.storage === 'int64') add(column.words)
    else if (column.storage !== 'boxed') add(column.values)
  }
  return [...buffers]
}
