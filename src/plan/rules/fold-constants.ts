import type { EvalContext } from '../../expr/expr.ts'
import { fold } from '../../expr/fold.ts'
import type { LogicalPlan } from '../logical.ts'
import { mapExprs, mapInputs } from '../walk.ts'

/**
 * Computes what is constant. With a context also what depends on the statement's time and time zone: for reads, which run once. A
 * filter that lets everything through goes; one that lets nothing through leaves no rows.
 */
export function foldConstants(plan: LogicalPlan, context?: EvalContext): LogicalPlan {
  const folded = mapExprs(
    mapInputs(plan, input => foldConstants(input, context)),
    expr => fold(expr, context),
  )
  if (folded.kind !== 'filter' || folded.predicate.kind !== 'literal') return folded
  if (folded.predicate.value === true) return folded.input
  return { kind: 'values', rows: [], schema: folded.schema }
}
