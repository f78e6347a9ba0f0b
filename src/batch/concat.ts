import { assert, unreachable } from '../base/assert.ts'
import { type Batch, createBatch } from './batch.ts'
import { type Column, expectStorage, type Validity } from './column.ts'
import type { Schema } from './types.ts'

/** Batches of one schema as one that owns its memory, in order. */
export function concatBatches(schema: Schema, batches: readonly Batch[]): Batch {
  const counts = batches.map(batch => batch.rowCount)
  const rowCount = counts.reduce((sum, count) => sum + count, 0)
  const columns = schema.fields.map((_, c) =>
    concatColumns(
      batches.map(batch => batch.columns[c]),
      counts,
    ),
  )
  if (!batches.some(batch => batch.weights)) return createBatch(schema, rowCount, columns)
  const weights = new Int32Array(rowCount).fill(1)
  let at = 0
  for (const batch of batches) {
    if (batch.weights) weights.set(batch.weights.subarray(0, batch.rowCount), at)
    at += batch.rowCount
  }
  return createBatch(schema, rowCount, columns, weights)
}

/** Columns of one storage as one that owns its memory; of each its first counts[i] rows. */
export function concatColumns(columns: readonly Column[], counts: readonly number[]): Column {
  assert(columns.length > 0, 'at least one column')
  const rowCount = counts.reduce((sum, count) => sum + count, 0)
  const [{ storage }] = columns
  const valid = concatValidity(columns, counts, rowCount)
  const each = (visit: (column: Column, at: number, count: number) => void): void => {
    let at = 0
    columns.forEach((column, i) => {
      visit(column, at, counts[i])
      at += counts[i]
    })
  }
  switch (storage) {
    case 'boxed':
      return {
        storage,
        values: columns.flatMap((column, i) => expectStorage(column, 'boxed').values.slice(0, counts[i])),
        valid: undefined,
      }
    case 'bool': {
      const values = new Uint8Array(rowCount)
      each((column, at, count) => values.set(expectStorage(column, 'bool').values.subarray(0, count), at))
      return { storage, values, valid }
    }
    case 'int32': {
      const values = new Int32Array(rowCount)
      each((column, at, count) => values.set(expectStorage(column, 'int32').values.subarray(0, count), at))
      return { storage, values, valid }
    }
    case 'int64': {
      const words = new Int32Array(2 * rowCount)
      each((column, at, count) => words.set(expectStorage(column, 'int64').words.subarray(0, 2 * count), 2 * at))
      return { storage, words, valid }
    }
    case 'float64': {
      const values = new Float64Array(rowCount)
      each((column, at, count) => values.set(expectStorage(column, 'float64').values.subarray(0, count), at))
      return { storage, values, valid }
    }
    case 'utf8':
      return concatText(columns, counts, rowCount, valid)
    default:
      return unreachable(storage)
  }
}

function concatValidity(columns: readonly Column[], counts: readonly number[], rowCount: number): Validity {
  if (!columns.some(column => column.valid)) return undefined
  const valid = new Uint8Array(rowCount).fill(1)
  let at = 0
  columns.forEach((column, i) => {
    if (column.valid) valid.set(column.valid.subarray(0, counts[i]), at)
    at += counts[i]
  })
  return valid
}

function concatText(columns: readonly Column[], counts: readonly number[], rowCount: number, valid: Validity): Column {
  const starts = new Int32Array(rowCount)
  const ends = new Int32Array(rowCount)
  let total = 0
  columns.forEach((column, c) => {
    const text = expectStorage(column, 'utf8')
    for (let i = 0; i < counts[c]; i++) if (text.valid?.[i] !== 0) total += text.ends[i] - text.starts[i]
  })
  const bytes = new Uint8Array(total)
  let row = 0
  let at = 0
  columns.forEach((column, c) => {
    const text = expectStorage(column, 'utf8')
    for (let i = 0; i < counts[c]; i++, row++) {
      starts[row] = at
      if (text.valid?.[i] !== 0) for (let j = text.starts[i]; j < text.ends[i]; j++) bytes[at++] = text.bytes[j]
      ends[row] = at
    }
  })
  return { storage: 'utf8', starts, ends, bytes, valid }
}
