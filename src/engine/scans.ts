import type { LogicalPlan, Scan } from '../plan/logical.ts'

/** Every scan of a plan, left to right. */
export function scansOf(plan: LogicalPlan): Scan[] {
  if (plan.kind === 'scan') return [plan]
  if (plan.kind === 'union') return plan.inputs.flatMap(scansOf)
  return 'input' in plan ? scansOf(plan.input) : []
}
