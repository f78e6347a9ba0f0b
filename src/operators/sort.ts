import { unreachable } from '../base/assert.ts'
import { type Batch, createBatch, ownedCopy, takeRows } from '../batch/batch.ts'
import { type Column, datumAt, isNull } from '../batch/column.ts'
import { concatBatches } from '../batch/concat.ts'
import type { DataType, Datum, Schema } from '../batch/types.ts'
import type { Emit, Operator } from '../dataflow/operator.ts'
import { comparisonOf } from '../expr/compare.ts'
import type { SortKey } from '../expr/expr.ts'
import type { Compile, Evaluate } from './evaluate.ts'

export interface SortOptions {
  readonly schema: Schema
  /** May be empty: then the order is that of arrival. */
  readonly keys: readonly SortKey[]
  /** Undefined: all. */
  readonly limit?: number
  readonly offset: number
  readonly compile: Compile
}

const EMIT_ROWS_MAX = 8192
/** With a limit, how many rows wait before those that cannot come out any more are dropped. */
const PRUNE_ROWS_MIN = 16384

/**
 * ORDER BY, LIMIT and OFFSET of bounded reads: emits at the end. Rows with equal keys keep their order of arrival. With a limit at most
 * a few times as many rows are held as can come out.
 */
export class Sort implements Operator {
  readonly schema: Schema
  readonly #options: SortOptions
  readonly #evaluate: Evaluate
  /** Rows so far with their key columns behind them. */
  #batches: Batch[] = []
  #rowCount = 0

  constructor(options: SortOptions) {
    this.schema = options.schema
    this.#options = options
    this.#evaluate = options.compile(options.keys.map(key => key.expr))
  }

  get full(): boolean {
    const { keys, limit, offset } = this.#options
    return limit === 0 || (limit !== undefined && keys.length === 0 && this.#rowCount >= limit + offset)
  }

  onBatch(input: Batch): void {
    if (this.full) return
    const batch = repeatWeights(input)
    const { limit, offset } = this.#options
    const columns = [...batch.columns, ...this.#evaluate(batch)]
    this.#batches.push(ownedCopy(createBatch(this.#heldSchema(), batch.rowCount, columns)))
    this.#rowCount += batch.rowCount
    if (limit !== undefined && this.#rowCount > Math.max(PRUNE_ROWS_MIN, 2 * (limit + offset)))
      this.#prune(limit + offset)
  }

  onEnd(emit: Emit): void {
    const { limit, offset } = this.#options
    const { all, order } = this.#ordered()
    const end = limit === undefined ? order.length : Math.min(order.length, offset + limit)
    const rows = createBatch(this.schema, all.rowCount, all.columns.slice(0, this.schema.fields.length))
    for (let start = offset; start < end; start += EMIT_ROWS_MAX) {
      const part = order.subarray(start, Math.min(start + EMIT_ROWS_MAX, end))
      emit(takeRows(rows, part, part.length))
    }
    this.#batches = []
    this.#rowCount = 0
  }

  stateBytes(): number {
    return this.#rowCount * this.schema.fields.length * 12
  }

  #heldSchema(): Schema {
    return { fields: [...this.schema.fields, ...this.#options.keys.map(key => ({ name: '', type: key.expr.type }))] }
  }

  #prune(rowsMax: number): void {
    const { all, order } = this.#ordered()
    this.#batches = [ownedCopy(takeRows(all, order, Math.min(rowsMax, order.length)))]
    this.#rowCount = this.#batches[0].rowCount
  }

  #ordered(): { all: Batch; order: Int32Array } {
    const schema = this.#heldSchema()
    if (this.#batches.length === 0)
      return { all: createBatch(schema, 0, emptyColumns(schema)), order: new Int32Array(0) }
    const all = concatBatches(schema, this.#batches)
    const order = Int32Array.from({ length: all.rowCount }, (_, row) => row)
    const { keys } = this.#options
    const first = this.schema.fields.length
    const comparisons = keys.map((key, k) => compareRows(all.columns[first + k], key))
    if (keys.length > 0) {
      order.sort((a, b) => {
        for (const compare of comparisons) {
          const sign = compare(a, b)
          if (sign !== 0) return sign
        }
        return a - b
      })
    }
    return { all, order }
  }
}

function emptyColumns(schema: Schema): Column[] {
  return schema.fields.map(() => ({ storage: 'boxed', values: [], valid: undefined }))
}

/** A row of weight n as n rows. Rows taken back do not occur in what a bounded read sorts: its inputs are complete. */
function repeatWeights(batch: Batch): Batch {
  const { weights, rowCount } = batch
  if (!weights) return batch
  const rows: number[] = []
  for (let i = 0; i < rowCount; i++) for (let n = 0; n < weights[i]; n++) rows.push(i)
  return { ...takeRows(batch, Int32Array.from(rows), rows.length), weights: undefined }
}

type CompareRows = (a: number, b: number) => number

function compareRows(column: Column, { expr, descending, nullsFirst }: SortKey): CompareRows {
  const ascending = compareValues(column, expr.type)
  const ordered: CompareRows = descending ? (a, b) => ascending(b, a) : ascending
  if (column.storage !== 'boxed' && !column.valid) return ordered
  return (a, b) => {
    const aNull = isNull(column, a)
    const bNull = isNull(column, b)
    if (!aNull && !bNull) return ordered(a, b)
    if (aNull && bNull) return 0
    return aNull === nullsFirst ? -1 : 1
  }
}

/** By storage where that gives SQL's order, so that nothing is boxed. */
function compareValues(column: Column, type: DataType): CompareRows {
  switch (column.storage) {
    case 'bool':
    case 'int32': {
      const { values } = column
      return (a, b) => values[a] - values[b]
    }
    case 'int64': {
      const { words } = column
      return (a, b) => words[2 * a + 1] - words[2 * b + 1] || (words[2 * a] >>> 0) - (words[2 * b] >>> 0)
    }
    case 'float64': {
      const { values } = column
      return (a, b) =>
        values[a] < values[b]
          ? -1
          : values[a] > values[b]
            ? 1
            : Number(Number.isNaN(values[a])) - Number(Number.isNaN(values[b]))
    }
    case 'utf8': {
      if (type.kind === 'jsonb') return compareBoxed(column, type)
      const { starts, ends, bytes } = column
      return (a, b) => compareBytes(bytes, starts[a], ends[a], starts[b], ends[b])
    }
    case 'boxed':
      return compareBoxed(column, type)
    default:
      return unreachable(column)
  }
}

function compareBoxed(column: Column, type: DataType): CompareRows {
  const compare = comparisonOf(type) as (a: Datum, b: Datum) => number // given values of the type only
  return (a, b) => compare(datumAt(column, a), datumAt(column, b))
}

function compareBytes(bytes: Uint8Array, aStart: number, aEnd: number, bStart: number, bEnd: number): number {
  const length = Math.min(aEnd - aStart, bEnd - bStart)
  for (let i = 0; i < length; i++) {
    const order = bytes[aStart + i] - bytes[bStart + i]
    if (order !== 0) return order
  }
  return aEnd - aStart - (bEnd - bStart)
}
