import { type Interval, sameType } from '../batch/types.ts'
import type { Expr } from '../expr/expr.ts'
import { collectColumns, replaceColumns } from '../expr/walk.ts'
import type { EventTime, Join, LogicalPlan } from './logical.ts'
import { eventTimeOf, isChanging } from './properties.ts'
import { conjuncts } from './rules/push-predicates.ts'
import { inputsOf } from './walk.ts'

/** The condition of a join, taken apart. */
export interface JoinKeys {
  /** Equal for every pair, one by one, NULLs never; over the left's columns and over the right's. */
  readonly leftKeys: readonly Expr[]
  readonly rightKeys: readonly Expr[]
  /** What else must be TRUE, over the left's columns and the right's behind them. */
  readonly residual: readonly Expr[]
}

/** How long rows of one side are needed: once the watermark reaches the value of a timestamp column and this, no partner can come. */
export interface Lifetime {
  readonly column: number
  readonly keepMicros: number
}

/** Rows are late when the watermark has reached the value of a timestamp column and this. */
export interface Lateness {
  readonly column: number
  readonly slackMicros: number
}

export interface JoinTimes {
  /** Undefined: for ever. */
  readonly left: Lifetime | undefined
  readonly right: Lifetime | undefined
  /** Rows that are late by any of these are left out: rows that they would have met may be gone. */
  readonly leftLate: readonly Lateness[]
  readonly rightLate: readonly Lateness[]
  /** The watermark behind the join stays behind the one before it by this much. */
  readonly delayMicros: number
  readonly eventTime: readonly EventTime[]
}

/** Which terms of ON are equalities between the sides: rows are found by these. */
export function joinKeys({ on, left }: Join): JoinKeys {
  const width = left.schema.fields.length
  const leftKeys: Expr[] = []
  const rightKeys: Expr[] = []
  const residual: Expr[] = []
  for (const term of conjuncts(on)) {
    const pair = sides(term, width)
    if (pair && pair.op === '=' && sameType(pair.left.type, pair.right.type)) {
      leftKeys.push(pair.left)
      rightKeys.push(pair.right)
    } else if (!(term.kind === 'literal' && term.value === true)) residual.push(term)
  }
  return { leftKeys, rightKeys, residual }
}

/**
 * From the bounds that ON sets between the event times of both sides, low ≤ l − r ≤ high: how long each row may still find a partner. A time
 * t with slack s (the size of a window whose start it is, else 0) is awaited only beyond W − s. So a left row is done when every r that is
 * still awaited is too late for it, W − s(r) ≥ l − low, and a right row when W − s(l) ≥ r + high.
 */
export function joinTimes(join: Join): JoinTimes {
  const bounds = boundsOf(join)
  const lefts: TimedLifetime[] = []
  const rights: TimedLifetime[] = []
  const leftLate: Lateness[] = []
  const rightLate: Lateness[] = []
  for (const l of eventTimeOf(join.left)) {
    for (const r of eventTimeOf(join.right)) {
      const { low, high } = between(bounds, l.column, r.column)
      const [bounded, unbounded] = [low > Number.NEGATIVE_INFINITY, high === Number.POSITIVE_INFINITY]
      if (bounded) lefts.push({ time: l, column: l.column, keepMicros: slackOf(r) - low })
      if (!unbounded) rights.push({ time: r, column: r.column, keepMicros: slackOf(l) + high })
      if (!bounded && unbounded) continue
      leftLate.push({ column: l.column, slackMicros: slackOf(l) })
      rightLate.push({ column: r.column, slackMicros: slackOf(r) })
    }
  }
  lefts.sort(soonestFirst)
  rights.sort(soonestFirst)
  // A row without a partner is known by the side's one lifetime alone.
  const inner = join.type === 'inner'
  const fromLeft = join.type === 'right' || join.type === 'full' ? [] : inner ? lefts : lefts.slice(0, 1)
  const fromRight = inner ? rights : join.type === 'right' ? rights.slice(0, 1) : []
  const width = join.left.schema.fields.length
  const eventTime: EventTime[] = []
  for (const { time } of fromLeft) tell(eventTime, time)
  for (const { time } of fromRight) tell(eventTime, { ...time, column: time.column + width })
  const delayMicros = Math.max(0, ...[...fromLeft, ...fromRight].map(reach))
  return { left: plain(lefts.at(0)), right: plain(rights.at(0)), leftLate, rightLate, delayMicros, eventTime }
}

/** The sources and append-only views whose rows joins of the plan never forget; rows of other inputs are as many as those have. */
export function endlessSides(plan: LogicalPlan): string[] {
  const own =
    plan.kind !== 'join'
      ? []
      : (['left', 'right'] as const).flatMap(side =>
          joinTimes(plan)[side] === undefined && !isChanging(plan[side]) ? scannedBy(plan[side]) : [],
        )
  return [...new Set([...own, ...inputsOf(plan).flatMap(endlessSides)])]
}

function scannedBy(plan: LogicalPlan): string[] {
  return plan.kind === 'scan' ? [plan.relation.replace(/^public\./, '')] : inputsOf(plan).flatMap(scannedBy)
}

interface TimedLifetime extends Lifetime {
  readonly time: EventTime
}

/** How far behind the watermark a row may still come out. */
function reach({ keepMicros, time }: TimedLifetime): number {
  return keepMicros - slackOf(time)
}

/** Of equal ones ends come before starts: what groups by them knows when it is final. */
function soonestFirst(a: TimedLifetime, b: TimedLifetime): number {
  const rank = ({ time }: TimedLifetime): number => ['end', 'time', 'start'].indexOf(time.kind)
  return reach(a) - reach(b) || rank(a) - rank(b)
}

function tell(told: EventTime[], time: EventTime): void {
  if (!told.some(t => t.column === time.column && t.kind === time.kind)) told.push(time)
}

function plain(found: TimedLifetime | undefined): Lifetime | undefined {
  return found && { column: found.column, keepMicros: found.keepMicros }
}

function slackOf(time: EventTime): number {
  return time.kind === 'start' ? time.window.sizeMicros : 0
}

/** low ≤ left column − right column ≤ high. */
interface Bound {
  readonly left: number
  readonly right: number
  readonly low: number
  readonly high: number
}

function between(bounds: readonly Bound[], left: number, right: number): { low: number; high: number } {
  let low = Number.NEGATIVE_INFINITY
  let high = Number.POSITIVE_INFINITY
  for (const bound of bounds) {
    if (bound.left !== left || bound.right !== right) continue
    low = Math.max(low, bound.low)
    high = Math.min(high, bound.high)
  }
  return { low, high }
}

function boundsOf({ on, left }: Join): Bound[] {
  const width = left.schema.fields.length
  return conjuncts(on).flatMap((term): Bound[] => {
    const pair = sides(term, width)
    const l = pair && shifted(pair.left)
    const r = pair && shifted(pair.right)
    if (!pair || !l || !r) return []
    // l + a op r + b, where a and b are known but for the length of months and days: l − r op b − a.
    const low = pair.op === '<' || pair.op === '<=' ? Number.NEGATIVE_INFINITY : r.low - l.high
    const high = pair.op === '>' || pair.op === '>=' ? Number.POSITIVE_INFINITY : r.high - l.low
    return [{ left: l.column, right: r.column, low, high }]
  })
}

const FLIPPED: Readonly<Record<string, string>> = { '=': '=', '<': '>', '<=': '>=', '>': '<', '>=': '<=' }

/** A comparison between an expression over the left alone and one over the right alone, each over its own columns. */
function sides(term: Expr, width: number): { op: string; left: Expr; right: Expr } | undefined {
  if (term.kind !== 'call' || term.args.length !== 2 || !Object.hasOwn(FLIPPED, term.name)) return undefined
  const [first, second] = term.args
  const [a, b] = [sideOf(first, width), sideOf(second, width)]
  if (a === undefined || b === undefined || a === b) return undefined
  const [left, right] = a === 'left' ? [first, second] : [second, first]
  const own = replaceColumns(right, column => ({ ...column, index: column.index - width }))
  return { op: a === 'left' ? term.name : FLIPPED[term.name], left, right: own }
}

function sideOf(expr: Expr, width: number): 'left' | 'right' | undefined {
  const columns = new Set<number>()
  collectColumns(expr, columns)
  const reads = [...columns]
  if (reads.length === 0) return undefined
  if (reads.every(c => c < width)) return 'left'
  return reads.every(c => c >= width) ? 'right' : undefined
}

/** A timestamp column plus or minus constant intervals. */
function shifted(expr: Expr): { column: number; low: number; high: number } | undefined {
  if (expr.kind === 'column') return { column: expr.index, low: 0, high: 0 }
  // timestamp and timestamptz lie at most a day apart.
  if (expr.kind === 'cast' && /^timestamp/.test(expr.type.kind) && /^timestamp/.test(expr.arg.type.kind)) {
    const inner = shifted(expr.arg)
    return inner && { ...inner, low: inner.low - DAY, high: inner.high + DAY }
  }
  if (expr.kind !== 'call' || (expr.name !== '+' && expr.name !== '-') || expr.args.length !== 2) return undefined
  const [first, second] = expr.args
  const swapped = expr.name === '+' && first.kind === 'literal'
  const inner = shifted(swapped ? second : first)
  const amount = lengthOf(swapped ? first : second)
  if (!inner || !amount) return undefined
  const [low, high] = expr.name === '+' ? [amount.low, amount.high] : [-amount.high, -amount.low]
  return { column: inner.column, low: inner.low + low, high: inner.high + high }
}

const DAY = 86_400_000_000
const HOUR = 3_600_000_000

/** What an interval may come to: a day has 23 to 25 hours, a month 28 to 31 days. */
function lengthOf(expr: Expr): { low: number; high: number } | undefined {
  if (expr.kind !== 'literal' || expr.type.kind !== 'interval' || expr.value === null) return undefined
  const { months, days, micros } = expr.value as Interval // a literal of type interval
  const slack = days === 0 && months === 0 ? 0 : HOUR
  const least = (n: number, short: number, long: number): number => n * (n < 0 ? long : short)
  const most = (n: number, short: number, long: number): number => n * (n < 0 ? short : long)
  return {
    low: micros + days * DAY + least(months, 28, 31) * DAY - slack,
    high: micros + days * DAY + most(months, 28, 31) * DAY + slack,
  }
}
