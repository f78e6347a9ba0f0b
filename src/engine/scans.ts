import type { LogicalPlan, Scan } from '../plan/logical.ts'
import { inputsOf } from '../plan/walk.ts'

/** Every scan of a plan, left to right. */
export function scansOf(plan: LogicalPlan): Scan[] {
  return plan.kind === 'scan' ? [plan] : inputsOf(plan).flatMap(scansOf)
}
