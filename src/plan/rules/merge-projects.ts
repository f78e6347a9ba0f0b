import type { Expr } from '../../expr/expr.ts'
import { aggregateExprs, childrenOf, mapAggregate, replaceColumns } from '../../expr/walk.ts'
import type { LogicalPlan } from '../logical.ts'
import { mapInputs } from '../walk.ts'
import { isVolatile } from './volatile.ts'

type Project = Extract<LogicalPlan, { kind: 'project' }>

/**
 * A projection over a projection becomes one, and an aggregate computes what a projection below it did, where no work is done
 * twice by it. A projection that changes nothing goes.
 */
export function mergeProjects(plan: LogicalPlan): LogicalPlan {
  return changesNothing(plan, 'names too') ? mergeProjects(plan.input) : merge(plan)
}

/** Below the top: what columns are called does not matter here. */
function inner(plan: LogicalPlan): LogicalPlan {
  return changesNothing(plan, 'names may differ') ? inner(plan.input) : merge(plan)
}

function merge(original: LogicalPlan): LogicalPlan {
  const plan = mapInputs(original, inner)
  if (plan.kind === 'project' && plan.input.kind === 'project' && mayInline(plan.exprs, plan.input)) {
    const { exprs, input } = plan.input
    return merge({ ...plan, input, exprs: plan.exprs.map(e => substitute(e, exprs)) })
  }
  if (plan.kind === 'aggregate' && plan.input.kind === 'project') {
    const { exprs, input } = plan.input
    if (!mayInline([...plan.keys, ...plan.aggregates.flatMap(aggregateExprs)], plan.input)) return plan
    const keys = plan.keys.map(key => substitute(key, exprs))
    const aggregates = plan.aggregates.map(call => mapAggregate(call, e => substitute(e, exprs)))
    return { ...plan, input, keys, aggregates }
  }
  return plan
}

function changesNothing(plan: LogicalPlan, names: 'names too' | 'names may differ'): plan is Project {
  if (plan.kind !== 'project' || plan.exprs.length !== plan.input.schema.fields.length) return false
  return plan.exprs.every((expr, i) => {
    if (expr.kind !== 'column' || expr.index !== i) return false
    return names === 'names may differ' || plan.schema.fields[i].name === plan.input.schema.fields[i].name
  })
}

function mayInline(uses: readonly Expr[], project: Project): boolean {
  if (project.exprs.some(isVolatile)) return false
  const counts = project.exprs.map(() => 0)
  for (const expr of uses) countColumns(expr, counts)
  return project.exprs.every((expr, i) => counts[i] <= 1 || childrenOf(expr).length === 0)
}

function countColumns(expr: Expr, counts: number[]): void {
  if (expr.kind === 'column') counts[expr.index]++
  for (const child of childrenOf(expr)) countColumns(child, counts)
}

function substitute(expr: Expr, exprs: readonly Expr[]): Expr {
  return replaceColumns(expr, column => exprs[column.index])
}
