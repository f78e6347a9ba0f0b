import { type Batch, takeRows } from '../batch/batch.ts'
import { type Column, expectStorage } from '../batch/column.ts'
import type { Schema } from '../batch/types.ts'
import type { Emit, Operator, SideOutput } from '../dataflow/operator.ts'
import type { Expr } from '../expr/expr.ts'
import { type Compile, type Evaluate, evaluateRows } from './evaluate.ts'
import type { RowStep } from './group-rows.ts'

export interface FilterOptions {
  readonly schema: Schema
  readonly predicate: Expr
  readonly compile: Compile
  /** Where rows go that the predicate fails on. Undefined: the error stands. */
  readonly side: SideOutput | undefined
}

/** Keeps the rows where the predicate is TRUE; drops FALSE and NULL. */
export class Filter implements Operator, RowStep {
  readonly schema: Schema
  readonly #evaluate: Evaluate
  readonly #side: SideOutput | undefined

  constructor({ schema, predicate, compile, side }: FilterOptions) {
    this.schema = schema
    this.#evaluate = compile([predicate])
    this.#side = side
  }

  onBatch(input: Batch, _input: number, emit: Emit): void {
    const kept = this.rows(input, this.#side)
    if (kept.rowCount > 0) emit(kept)
  }

  rows(input: Batch, side: SideOutput | undefined): Batch {
    const { batch, columns } = evaluateRows(this.#evaluate, input, side)
    const rows = new Int32Array(batch.rowCount)
    const count = selectTrue(columns[0], batch.rowCount, rows)
    return count === batch.rowCount ? batch : takeRows(batch, rows, count)
  }
}

/** Writes the rows that are TRUE to `rows`; answers how many. */
export function selectTrue(condition: Column, rowCount: number, rows: Int32Array): number {
  const { values, valid } = expectStorage(condition, 'bool')
  let count = 0
  // Branch-free: the store is harmless where the row is not kept.
  if (valid) {
    for (let i = 0; i < rowCount; i++) {
      rows[count] = i
      count += values[i] & valid[i]
    }
  } else {
    for (let i = 0; i < rowCount; i++) {
      rows[count] = i
      count += values[i]
    }
  }
  return count
}
