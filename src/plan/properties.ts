import { unreachable } from '../base/assert.ts'
import type { Expr } from '../expr/expr.ts'
import { fingerprint } from '../expr/walk.ts'
import { joinTimes } from './join-times.ts'
import type { Aggregate, EventTime, Join, LogicalPlan, Rank, Scan, Session, Window, WindowShape } from './logical.ts'

/** Facts about what a plan puts out, each derived from the plan alone. */

/** The output columns that still tell event time: where windows and EMIT FINAL can stand on. */
export function eventTimeOf(plan: LogicalPlan): readonly EventTime[] {
  switch (plan.kind) {
    case 'scan':
      return scanEventTime(plan)
    case 'values':
      return []
    case 'filter':
    case 'sort':
    case 'repeat':
      return eventTimeOf(plan.input)
    case 'project':
      return throughExprs(eventTimeOf(plan.input), plan.exprs)
    case 'aggregate':
      return throughExprs(eventTimeOf(plan.input), plan.keys)
    case 'window':
      return [...eventTimeOf(plan.input), ...windowEventTime(plan)]
    case 'rank': {
      // Places change while rows come; only what tells partitions apart stays as late as it was.
      const keys = plan.keys.flatMap(key => (key.kind === 'column' ? [key.index] : []))
      return eventTimeOf(plan.input).filter(time => keys.includes(time.column))
    }
    case 'session':
      // Rows come again while their session is open, so their own times are behind the watermark.
      return closesSessions(plan) ? [{ kind: 'end', column: plan.schema.fields.length - 1 }] : []
    case 'union': {
      const [first, ...others] = plan.inputs.map(eventTimeOf)
      return first.filter(time => others.every(other => other.some(o => sameEventTime(o, time))))
    }
    case 'join':
      return joinTimes(plan).eventTime
    default:
      return unreachable(plan)
  }
}

/** True when rows may be taken back. */
export function isChanging(plan: LogicalPlan): boolean {
  switch (plan.kind) {
    case 'scan':
      return plan.changing
    case 'values':
      return false
    case 'filter':
    case 'project':
    case 'window':
    case 'sort':
    case 'repeat':
      return isChanging(plan.input)
    case 'aggregate':
      // Groups without aggregates (DISTINCT) appear once and stay.
      return !plan.final && (plan.aggregates.length > 0 || isChanging(plan.input))
    case 'rank':
    case 'session':
      return !plan.final || isChanging(plan.input)
    case 'union':
      return plan.inputs.some(isChanging)
    case 'join': {
      const inputs = isChanging(plan.left) || isChanging(plan.right)
      return inputs || (!plan.final && plan.type !== 'inner' && plan.type !== 'semi')
    }
    default:
      return unreachable(plan)
  }
}

/** Output columns that no two rows share; none of them: there is one row at most. Undefined: not known. */
export function uniqueKeyOf(plan: LogicalPlan): readonly number[] | undefined {
  switch (plan.kind) {
    case 'scan':
      return plan.uniqueKey
    case 'values':
      return plan.rows.length <= 1 ? [] : undefined
    case 'rank': {
      const columns = plan.keys.map(key => (key.kind === 'column' ? key.index : -1))
      const numbered = plan.function === 'row_number' && !columns.includes(-1)
      if (numbered && plan.rankMax === 1) return columns
      if (numbered && plan.shown) return [...columns, plan.schema.fields.length - 1]
      return uniqueKeyOf(plan.input)
    }
    case 'filter':
    case 'session':
      return uniqueKeyOf(plan.input)
    case 'sort': {
      const { limit } = plan
      const atMostOne = limit?.kind === 'literal' && limit.value !== null && Number(limit.value) <= 1
      return atMostOne ? [] : uniqueKeyOf(plan.input)
    }
    case 'repeat':
      return undefined
    case 'project':
      return keyThroughProject(uniqueKeyOf(plan.input), plan.exprs)
    case 'aggregate': {
      const implied = impliedEnd(plan)
      return [...plan.keys.keys()].filter(i => i !== implied)
    }
    case 'window': {
      const key = uniqueKeyOf(plan.input)
      const start = plan.input.schema.fields.length
      if (plan.function === 'cumulate') return key && [...key, start + 1]
      return key && (plan.function === 'hop' ? [...key, start] : key)
    }
    case 'union':
      return plan.inputs.length === 1 ? uniqueKeyOf(plan.inputs[0]) : undefined
    case 'join': {
      const left = uniqueKeyOf(plan.left)
      if (plan.type === 'semi' || plan.type === 'anti') return left
      const right = uniqueKeyOf(plan.right)
      const width = plan.left.schema.fields.length
      return left && right && [...left, ...right.map(c => c + width)]
    }
    default:
      return unreachable(plan)
  }
}

/** Which key of a GROUP BY is the end of a window that the watermark closes; see `Aggregate.windowEnd`. */
export function windowEndKey(input: LogicalPlan, keys: readonly Expr[]): number | undefined {
  const ends = throughExprs(eventTimeOf(input), keys).filter(time => time.kind === 'end')
  return ends.at(0)?.column
}

/** True when the watermark that comes with `input` says when windows of this shape over column `time` are complete. */
export function closesWindows(input: LogicalPlan, time: number, shape: Omit<WindowShape, 'sizeMicros'>): boolean {
  return eventTimeOf(input).some(t => {
    if (t.column !== time) return false
    if (t.kind !== 'start') return true
    // Starts run ahead of the watermark by a window's size. That is safe only where every inner window lies in one outer pane.
    const { sizeMicros, slideMicros, offsetMicros } = t.window
    return (
      sizeMicros === slideMicros &&
      shape.slideMicros % slideMicros === 0 &&
      (shape.offsetMicros - offsetMicros) % slideMicros === 0
    )
  })
}

/** True when the watermark that comes with the input says when a session is complete. Of windows' starts it says so late. */
export function closesSessions({ input, time }: Session): boolean {
  return eventTimeOf(input).some(t => t.column === time && t.kind !== 'start')
}

/** EMIT FINAL for a whole query: the outermost aggregates put out a row when it is final. Undefined where something in it never is. */
export function finalise(
  plan: LogicalPlan,
): { readonly plan: LogicalPlan } | { readonly open: Aggregate | Scan | Session | Rank | Join } {
  switch (plan.kind) {
    case 'scan':
      return plan.changing ? { open: plan } : { plan }
    case 'values':
      return { plan }
    case 'aggregate': {
      if (plan.windowEnd === undefined) return { open: plan }
      const inner = finalise(plan.input)
      return { plan: { ...plan, input: 'plan' in inner ? inner.plan : plan.input, final: true } }
    }
    case 'filter':
    case 'project':
    case 'window':
    case 'sort':
    case 'repeat': {
      const inner = finalise(plan.input)
      return 'plan' in inner ? { plan: { ...plan, input: inner.plan } } : inner
    }
    case 'rank': {
      if (windowEndKey(plan.input, plan.keys) === undefined) return { open: plan }
      const inner = finalise(plan.input)
      return 'plan' in inner ? { plan: { ...plan, input: inner.plan, final: true } } : inner
    }
    case 'session': {
      if (!closesSessions(plan)) return { open: plan }
      const inner = finalise(plan.input)
      return 'plan' in inner ? { plan: { ...plan, input: inner.plan, final: true } } : inner
    }
    case 'union': {
      const inputs: LogicalPlan[] = []
      for (const input of plan.inputs) {
        const inner = finalise(input)
        if ('open' in inner) return inner
        inputs.push(inner.plan)
      }
      return { plan: { ...plan, inputs } }
    }
    case 'join': {
      const left = finalise(plan.left)
      if ('open' in left) return left
      const right = finalise(plan.right)
      if ('open' in right) return right
      const final: Join = { ...plan, left: left.plan, right: right.plan, final: true }
      const times = joinTimes(final)
      const waits = (preserving: readonly string[], side: 'left' | 'right'): boolean =>
        preserving.includes(plan.type) && times[side] === undefined
      if (waits(['left', 'full', 'anti'], 'left') || waits(['right', 'full'], 'right')) return { open: plan }
      return { plan: final }
    }
    default:
      return unreachable(plan)
  }
}

/** Index of window_end in the output of a window, perhaps filtered, where it follows from window_start, the column before it, and the keys. */
export function windowEndColumn(plan: LogicalPlan, keys: readonly Expr[]): number | undefined {
  if (plan.kind === 'filter') return windowEndColumn(plan.input, keys)
  if (plan.kind === 'session') {
    const grouped = new Set(keys.map(fingerprint))
    return plan.keys.every(key => grouped.has(fingerprint(key))) ? plan.schema.fields.length - 1 : undefined
  }
  return plan.kind === 'window' && plan.function !== 'cumulate' ? plan.schema.fields.length - 1 : undefined
}

/** Which key follows from another: a window's end from its start. */
function impliedEnd({ input, keys }: Aggregate): number | undefined {
  const end = windowEndColumn(input, keys)
  if (end === undefined) return undefined
  const at = (column: number): number => keys.findIndex(k => k.kind === 'column' && k.index === column)
  return at(end) >= 0 && at(end - 1) >= 0 ? at(end) : undefined
}

function scanEventTime(scan: Scan): readonly EventTime[] {
  const own: EventTime[] = scan.watermark ? [{ kind: 'time', column: scan.watermark.column }] : []
  return scan.eventTime ? [...own, ...scan.eventTime] : own
}

function windowEventTime(window: Window): readonly EventTime[] {
  if (!closesWindows(window.input, window.time, window)) return []
  const start = window.input.schema.fields.length
  const { sizeMicros, offsetMicros } = window
  // Starts of cumulating windows are those of tumbling ones of the largest size, and go on being awaited as long.
  const slideMicros = window.function === 'cumulate' ? sizeMicros : window.slideMicros
  return [
    { kind: 'start', column: start, window: { sizeMicros, slideMicros, offsetMicros } },
    { kind: 'end', column: start + 1 },
  ]
}

function throughExprs(times: readonly EventTime[], exprs: readonly Expr[]): readonly EventTime[] {
  return exprs.flatMap((expr, column) => {
    if (expr.kind !== 'column') return []
    const time = times.find(t => t.column === expr.index)
    return time ? [{ ...time, column }] : []
  })
}

function keyThroughProject(key: readonly number[] | undefined, exprs: readonly Expr[]): readonly number[] | undefined {
  const outputs = key?.map(column => exprs.findIndex(e => e.kind === 'column' && e.index === column))
  return outputs?.includes(-1) ? undefined : outputs
}

function sameEventTime(a: EventTime, b: EventTime): boolean {
  if (a.column !== b.column || a.kind !== b.kind) return false
  if (a.kind !== 'start' || b.kind !== 'start') return true
  return (
    a.window.sizeMicros === b.window.sizeMicros &&
    a.window.slideMicros === b.window.slideMicros &&
    a.window.offsetMicros === b.window.offsetMicros
  )
}
