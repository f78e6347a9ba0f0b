import { type Batch, createBatch } from '../batch/batch.ts'
import type { Schema } from '../batch/types.ts'
import type { Emit, Operator, SideOutput } from '../dataflow/operator.ts'
import type { Expr } from '../expr/expr.ts'
import { type Compile, type Evaluate, evaluateRows } from './evaluate.ts'
import type { RowStep } from './group-rows.ts'

export interface ProjectOptions {
  readonly schema: Schema
  readonly exprs: readonly Expr[]
  readonly compile: Compile
  /** Where rows go that an expression fails on. Undefined: the error stands. */
  readonly side: SideOutput | undefined
}

/** Computes its columns from the input's, row by row. A row that fails leaves the query and goes where bad rows go. */
export class Project implements Operator, RowStep {
  readonly schema: Schema
  readonly #exprs: readonly Expr[]
  readonly #evaluate: Evaluate
  readonly #side: SideOutput | undefined

  constructor({ schema, exprs, compile, side }: ProjectOptions) {
    this.schema = schema
    this.#exprs = exprs
    this.#evaluate = compile(exprs)
    this.#side = side
  }

  onBatch(input: Batch, _input: number, emit: Emit): void {
    const computed = this.rows(input, this.#side)
    if (computed.rowCount > 0) emit(computed)
  }

  rows(input: Batch, side: SideOutput | undefined): Batch {
    const { batch, columns } = evaluateRows(this.#evaluate, input, side)
    return createBatch(this.schema, batch.rowCount, columns, batch.weights)
  }

  inputColumn(column: number): number | undefined {
    const expr = this.#exprs[column]
    return expr.kind === 'column' ? expr.index : undefined
  }
}

/** Some columns of the input, in another order. */
export function projectColumns(schema: Schema, columns: readonly number[]): Project {
  const exprs = columns.map(c => ({ kind: 'column' as const, index: c, ...schema.fields[c] }))
  return new Project({
    schema: { fields: columns.map(c => schema.fields[c]) },
    exprs,
    compile: () => batch => columns.map(c => batch.columns[c]),
    side: undefined,
  })
}

/** The columns that come first in what is given. */
export function firstColumns(from: Schema, wanted: Schema): Project {
  return projectColumns(from, [...wanted.fields.keys()])
}
