import { EngineError } from '../base/errors.ts'
import type { Datum } from '../batch/types.ts'
import type { Expr } from '../expr/expr.ts'
import { mapChildren } from '../expr/walk.ts'
import type { LogicalPlan } from './logical.ts'
import { mapExprs, mapInputs } from './walk.ts'

/** The plan with every parameter replaced by its value, `$1` by the first. */
export function substituteParameters(plan: LogicalPlan, values: readonly Datum[]): LogicalPlan {
  const inputs = mapInputs(plan, input => substituteParameters(input, values))
  return mapExprs(inputs, expr => substituteInExpr(expr, values))
}

/** The same for one expression. */
export function substituteInExpr(expr: Expr, values: readonly Datum[]): Expr {
  if (expr.kind !== 'parameter') return mapChildren(expr, child => substituteInExpr(child, values))
  const value = values[expr.index - 1]
  if (value === undefined) throw new EngineError('08P01', `parameter $${expr.index} has no value`)
  return { kind: 'literal', value, type: expr.type }
}
