import type { Operator } from '../dataflow/operator.ts'
import { Filter } from '../operators/filter.ts'
import { GroupRows, type RowStep } from '../operators/group-rows.ts'
import { HashAggregate } from '../operators/hash-aggregate.ts'
import { LiveWindowAggregate } from '../operators/live-window-aggregate.ts'
import { Project } from '../operators/project.ts'
import type { LogicalPlan } from '../plan/logical.ts'
import { isVolatile } from '../plan/rules/volatile.ts'

/**
 * The rows of a view, where they can be made of the groups of an aggregate at any time; undefined where the view must keep them.
 * `operators` are those of the plan, each behind its inputs, so an aggregate and what follows it row by row come last. `retention`:
 * rows are to go by age, which groups without a window never do.
 */
export function groupRows(
  plan: LogicalPlan,
  operators: readonly Operator[],
  retention: boolean,
): GroupRows | undefined {
  if (!isOfGroups(plan, retention)) return undefined
  const steps: (RowStep & Operator)[] = []
  for (const operator of operators.toReversed()) {
    if (operator instanceof HashAggregate || operator instanceof LiveWindowAggregate) {
      return new GroupRows(plan.schema, operator, steps)
    }
    if (!(operator instanceof Filter || operator instanceof Project)) return undefined
    steps.unshift(operator)
  }
  return undefined
}

function isOfGroups(plan: LogicalPlan, retention: boolean): boolean {
  switch (plan.kind) {
    case 'filter':
      return !isVolatile(plan.predicate) && isOfGroups(plan.input, retention)
    case 'project':
      return !plan.exprs.some(isVolatile) && isOfGroups(plan.input, retention)
    case 'aggregate':
      return !plan.final && (plan.windowEnd !== undefined || !retention)
    default:
      return false
  }
}
