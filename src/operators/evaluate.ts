import { assert } from '../base/assert.ts'
import { EngineError } from '../base/errors.ts'
import { type Batch, sliceBatch, takeRows } from '../batch/batch.ts'
import type { Column } from '../batch/column.ts'
import type { Schema } from '../batch/types.ts'
import type { SideOutput } from '../dataflow/operator.ts'
import { compileProjection } from '../expr/compile.ts'
import type { EvalContext, Expr } from '../expr/expr.ts'

/** Computes columns of a batch. Throws EngineError when the expression fails on a row. */
export type Evaluate = (batch: Batch) => readonly Column[]

/** Makes expressions over one input runnable; bound to that input's schema (`compilerFor`). Given to operators, so that time and time zone come from whoever builds the dataflow. */
export type Compile = (exprs: readonly Expr[]) => Evaluate

/** Generated loops over batches of `schema`; `context` is asked once a batch. */
export function compilerFor(schema: Schema, context: () => EvalContext): Compile {
  return exprs => {
    const project = compileProjection(exprs, schema)
    return batch => project(batch, context())
  }
}

/** For expressions that are all plain columns: no work at all. */
export const compileColumnReferences: Compile = exprs => {
  const indices = exprs.map(expr => {
    assert(expr.kind === 'column', 'only column references')
    return expr.index
  })
  return batch => indices.map(index => batch.columns[index])
}

/**
 * Evaluates, and where that fails finds the rows it fails on by halving: each goes to `side` as a bad row, the others remain. Without
 * `side`, as in reads, the error stands. `batch` in the answer has just the rows that the columns have.
 */
export function evaluateRows(
  evaluate: Evaluate,
  batch: Batch,
  side: SideOutput | undefined,
): { readonly batch: Batch; readonly columns: readonly Column[] } {
  if (!side) return { batch, columns: evaluate(batch) }
  try {
    return { batch, columns: evaluate(batch) }
  } catch (error) {
    if (!(error instanceof EngineError)) throw error
  }
  const rows = new Int32Array(batch.rowCount)
  const count = keepGoodRows(evaluate, batch, 0, batch.rowCount, side, rows, 0)
  const good = takeRows(batch, rows, count)
  return { batch: good, columns: evaluate(good) }
}

/** Writes the rows of [start, end) that evaluate to rows[count …); answers the new count. */
function keepGoodRows(
  evaluate: Evaluate,
  batch: Batch,
  start: number,
  end: number,
  side: SideOutput,
  rows: Int32Array,
  count: number,
): number {
  if (start === end) return count
  try {
    evaluate(sliceBatch(batch, start, end))
    for (let row = start; row < end; row++) rows[count++] = row
    return count
  } catch (error) {
    if (!(error instanceof EngineError)) throw error
    if (end - start === 1) {
      side.bad(batch, start, error.message)
      return count
    }
  }
  const middle = (start + end) >>> 1
  const upTo = keepGoodRows(evaluate, batch, start, middle, side, rows, count)
  return keepGoodRows(evaluate, batch, middle, end, side, rows, upTo)
}
