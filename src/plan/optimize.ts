import type { EvalContext } from '../expr/expr.ts'
import type { LogicalPlan } from './logical.ts'
import { foldConstants } from './rules/fold-constants.ts'
import { mergeProjects } from './rules/merge-projects.ts'
import { pruneColumns } from './rules/prune-columns.ts'
import { pushPredicates } from './rules/push-predicates.ts'

/**
 * The same result by less work: constants computed, rows dropped and columns left out as early as possible. `context`: of a
 * statement that runs once, so that its now() is a constant too.
 */
export function optimize(plan: LogicalPlan, context?: EvalContext): LogicalPlan {
  const folded = foldConstants(plan, context)
  const early = foldConstants(pushPredicates(folded), context)
  // Pruning leaves projections that only reorder; merging makes columns unread.
  return mergeProjects(pruneColumns(mergeProjects(early)))
}
