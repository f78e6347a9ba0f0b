import { type Batch, createBatch } from '../batch/batch.ts'
import type { Schema } from '../batch/types.ts'
import type { Emit, Operator, SideOutput } from '../dataflow/operator.ts'
import type { Expr } from '../expr/expr.ts'
import { type Compile, type Evaluate, evaluateRows } from './evaluate.ts'

export interface ProjectOptions {
  readonly schema: Schema
  readonly exprs: readonly Expr[]
  readonly compile: Compile
  /** Where rows go that an expression fails on. Undefined: the error stands. */
  readonly side: SideOutput | undefined
}

/** Computes its columns from the input's, row by row. A row that fails leaves the query and goes where bad rows go. */
export class Project implements Operator {
  readonly schema: Schema
  readonly #evaluate: Evaluate
  readonly #side: SideOutput | undefined

  constructor({ schema, exprs, compile, side }: ProjectOptions) {
    this.schema = schema
    this.#evaluate = compile(exprs)
    this.#side = side
  }

  onBatch(input: Batch, _input: number, emit: Emit): void {
    const { batch, columns } = evaluateRows(this.#evaluate, input, this.#side)
    if (batch.rowCount > 0) emit(createBatch(this.schema, batch.rowCount, columns, batch.weights))
  }
}
