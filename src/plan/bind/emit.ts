import type { Query } from '../../../grammar/query.ts'
import { EngineError, notSupported } from '../../base/errors.ts'
import type { Aggregate, LogicalPlan, Rank, Session, Window } from '../logical.ts'
import { closesSessions, closesWindows, eventTimeOf, finalise } from '../properties.ts'
import { inputsOf } from '../walk.ts'
import type { BindContext } from './context.ts'

/** EMIT FINAL: every group appears once, when its window has closed. Refused where a group never closes, with what to do about it. */
export function finalised(plan: LogicalPlan, query: Query, context: BindContext): LogicalPlan {
  const result = finalise(plan)
  if ('plan' in result) return result.plan
  const { open } = result
  if (open.kind === 'scan') {
    throw notSupported(
      `EMIT FINAL over the changing rows of "${open.relation}"`,
      query.at + 1,
      'Use EMIT FINAL where that relation is defined, or leave it out here.',
    )
  }
  if (open.kind === 'join') {
    const hint =
      "Bound their times, as in a.ts BETWEEN b.ts - INTERVAL '10 seconds' AND b.ts, and declare both watermarks."
    throw new EngineError(
      '42P17',
      `EMIT FINAL over ${open.type === 'anti' ? 'NOT EXISTS or NOT IN' : 'an outer join'} needs to know when a row will find no partner any more`,
      {
        position: context.positions.get(open),
        hint,
      },
    )
  }
  throw neverFinal(open, context)
}

function neverFinal(open: Aggregate | Rank | Session, context: BindContext): EngineError {
  if (open.kind === 'rank') {
    return new EngineError('42P17', 'EMIT FINAL needs a window in PARTITION BY, or no place would ever be final', {
      position: context.positions.get(open),
      hint: 'PARTITION BY window_start, window_end; or leave out EMIT FINAL.',
    })
  }
  const window = openWindow(open)
  if (window) {
    const name = window.input.schema.fields[window.time].name
    if (eventTimeOf(window.input).some(t => t.column === window.time)) {
      return new EngineError(
        '42P17',
        `windows of "${name}" overlap the windows they are made of, and would never be final`,
        {
          position: context.positions.get(window),
          hint: 'Use window_end as the time, or a size that is a multiple of the inner one.',
        },
      )
    }
    return new EngineError('42P17', `EMIT FINAL needs a watermark on "${name}", or no window would ever close`, {
      position: context.positions.get(window),
      hint: `Declare it with the source: WATERMARK FOR ${name} AS ${name} - INTERVAL '5 seconds'.`,
    })
  }
  return new EngineError('42P17', 'EMIT FINAL needs a window in GROUP BY, or no group would ever be final', {
    position: context.positions.get(open),
    hint: "GROUP BY window_start, window_end over TUMBLE(source, time_column, INTERVAL '1 minute'); or leave out EMIT FINAL.",
  })
}

/** The first window of it whose time no watermark follows. */
function openWindow(plan: LogicalPlan): Window | Session | undefined {
  if (plan.kind === 'session' && !closesSessions(plan)) return plan
  if (plan.kind === 'window' && !closesWindows(plan.input, plan.time, plan)) return plan
  for (const input of inputsOf(plan)) {
    const found = openWindow(input)
    if (found) return found
  }
  return undefined
}
