import { notSupported } from '../../base/errors.ts'
import type { Expr } from '../../expr/expr.ts'
import { childrenOf } from '../../expr/walk.ts'
import type { LogicalPlan } from '../logical.ts'
import { isChanging } from '../properties.ts'
import { exprsOf, inputsOf } from '../walk.ts'
import type { BindContext } from './context.ts'

/** Functions whose answer depends on when, or how often, they are asked. */
const MOVING = new Set([
  'now',
  'current_timestamp',
  'transaction_timestamp',
  'statement_timestamp',
  'clock_timestamp',
  'timeofday',
  'localtimestamp',
  'current_date',
  'current_time',
  'localtime',
  'random',
  'gen_random_uuid',
  'proctime',
])

/**
 * A standing query is evaluated once a row, and again when the row is taken back: what depends on the time of that would never
 * cancel out, and a condition on it would have to be looked at again without any row. It may only stamp rows that stay.
 */
export function refuseMovingTime(plan: LogicalPlan, context: BindContext): void {
  const stamps = plan.kind === 'project' && !isChanging(plan.input)
  const call = stamps
    ? undefined
    : exprsOf(plan)
        .map(movingCall)
        .find(c => c !== undefined)
  if (call) {
    const what =
      plan.kind === 'filter'
        ? `a temporal filter (${call.name}() in a standing query)`
        : `${call.name}() over rows that change`
    throw notSupported(
      what,
      context.positions.get(call),
      'Use it in the SELECT list over a source, or compare event times.',
    )
  }
  for (const input of inputsOf(plan)) refuseMovingTime(input, context)
}

function movingCall(expr: Expr): Extract<Expr, { kind: 'call' }> | undefined {
  if (expr.kind === 'call' && MOVING.has(expr.name)) return expr
  for (const child of childrenOf(expr)) {
    const found = movingCall(child)
    if (found) return found
  }
  return undefined
}
