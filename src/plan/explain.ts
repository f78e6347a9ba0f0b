import { unreachable } from '../base/assert.ts'
import { formatInterval } from '../batch/interval.ts'
import type { AggregateCall, Expr, SortKey } from '../expr/expr.ts'
import { printExpr } from '../expr/print.ts'
import { joinKeys, joinTimes } from './join-times.ts'
import type { Aggregate, Join, LogicalPlan, Rank, Scan, Session, Window } from './logical.ts'
import { closesSessions, isChanging, windowEndKey } from './properties.ts'
import { inputsOf } from './walk.ts'

/** The plan as EXPLAIN shows it: a line a node, indented below what reads it, with its properties under it. */
export function explain(plan: LogicalPlan): string[] {
  return lines(plan, '', '')
}

function lines(plan: LogicalPlan, arrow: string, indent: string): string[] {
  const { title, details } = describe(plan)
  const below = arrow === '' ? '  ' : `${indent}      `
  return [
    `${arrow}${title}`,
    ...details.map(detail => `${below}${detail}`),
    ...inputsOf(plan).flatMap(input => lines(input, `${below}->  `, below)),
  ]
}

interface Description {
  readonly title: string
  readonly details: readonly string[]
}

function describe(plan: LogicalPlan): Description {
  switch (plan.kind) {
    case 'scan':
      return describeScan(plan)
    case 'values':
      return describeValues(plan.rows)
    case 'filter':
      return { title: 'Filter', details: [`Condition: ${printExpr(plan.predicate)}`] }
    case 'project': {
      const outputs = plan.exprs.map((expr, i) => output(expr, plan.schema.fields[i].name))
      return { title: 'Project', details: [`Output: ${outputs.join(', ')}`] }
    }
    case 'window':
      return describeWindow(plan)
    case 'session':
      return describeSession(plan)
    case 'rank':
      return describeRank(plan)
    case 'aggregate':
      return describeAggregate(plan)
    case 'repeat':
      return { title: 'Repeat', details: [`Times: ${plan.schema.fields[plan.count].name}`] }
    case 'union':
      return { title: 'Union All', details: [] }
    case 'join':
      return describeJoin(plan)
    case 'sort': {
      const keys = plan.keys.length > 0 ? [`Sort Key: ${plan.keys.map(printKey).join(', ')}`] : []
      const limit = plan.limit ? [`Limit: ${printExpr(plan.limit)}`] : []
      const offset = plan.offset ? [`Offset: ${printExpr(plan.offset)}`] : []
      return { title: plan.keys.length > 0 ? 'Sort' : 'Limit', details: [...keys, ...limit, ...offset] }
    }
    default:
      return unreachable(plan)
  }
}

function describeScan(scan: Scan): Description {
  const { fields } = scan.schema
  const details = [`Columns: ${fields.length > 0 ? fields.map(f => f.name).join(', ') : 'none'}`]
  if (scan.watermark) {
    const { column, delayMicros } = scan.watermark
    const delay = delayMicros === 0 ? '' : ` - ${duration(delayMicros)}`
    details.push(`Watermark: ${fields[column].name}${delay}`)
  }
  if (scan.predicate) details.push(`Filter: ${printExpr(scan.predicate)}`)
  return { title: `Scan on ${scan.relation} (${scan.relationKind}${scan.changing ? ', changing' : ''})`, details }
}

function describeValues(rows: readonly (readonly Expr[])[]): Description {
  if (rows.length === 0) return { title: 'No Rows', details: [] }
  if (rows.length === 1 && rows[0].length === 0) return { title: 'One Row', details: [] }
  const shown = rows.slice(0, 5).map(row => `(${row.map(printExpr).join(', ')})`)
  return { title: `Values (${rows.length} rows)`, details: rows.length > 5 ? [...shown, '…'] : shown }
}

function describeWindow(window: Window): Description {
  const { sizeMicros, slideMicros, offsetMicros } = window
  const details = [`Time: ${window.input.schema.fields[window.time].name}`, `Size: ${duration(sizeMicros)}`]
  if (window.function === 'hop') details.push(`Slide: ${duration(slideMicros)}`)
  if (window.function === 'cumulate') details.push(`Step: ${duration(slideMicros)}`)
  if (offsetMicros !== 0) details.push(`Offset: ${duration(offsetMicros)}`)
  return { title: { tumble: 'Tumble', hop: 'Hop', cumulate: 'Cumulate' }[window.function], details }
}

function describeSession(plan: Session): Description {
  const keys = plan.keys.length > 0 ? [`Partition Key: ${plan.keys.map(printExpr).join(', ')}`] : []
  const time = plan.input.schema.fields[plan.time].name
  const held = closesSessions(plan) ? 'until the watermark reaches window_end' : 'for ever'
  const details = [...keys, `Time: ${time}`, `Gap: ${duration(plan.gapMicros)}`, `Holds: rows ${held}`]
  return { title: plan.final ? 'Session (final)' : 'Session', details }
}

function describeRank(plan: Rank): Description {
  const keys = plan.keys.length > 0 ? [`Partition Key: ${plan.keys.map(printExpr).join(', ')}`] : []
  const order = plan.order.length > 0 ? [`Order: ${plan.order.map(printKey).join(', ')}`] : []
  const end = windowEndKey(plan.input, plan.keys)
  const which = plan.rankMax === undefined || isChanging(plan.input) ? 'all rows' : `rows up to ${plan.rankMax}`
  const until = end === undefined ? 'for ever' : `until the watermark reaches ${printExpr(plan.keys[end])}`
  const names = { row_number: 'Row Number', rank: 'Rank', dense_rank: 'Dense Rank' }
  const top = plan.rankMax === undefined ? '' : ` up to ${plan.rankMax}`
  const details = [...keys, ...order, `Holds: ${which} of a partition ${until}`]
  return { title: `${names[plan.function]}${top}${plan.final ? ' (final)' : ''}`, details }
}

const JOINS: Readonly<Record<Join['type'], string>> = {
  inner: 'Join',
  left: 'Left Join',
  right: 'Right Join',
  full: 'Full Join',
  semi: 'Semi Join',
  anti: 'Anti Join',
}

function describeJoin(plan: Join): Description {
  const times = joinTimes(plan)
  const { leftKeys } = joinKeys(plan)
  const held = (side: 'left' | 'right'): string => {
    const time = times[side]
    if (time === undefined) return `${side} rows for ever`
    const { name } = plan[side].schema.fields[time.column]
    return `${side} rows until the watermark reaches ${name}${time.keepMicros === 0 ? '' : ` + ${duration(time.keepMicros)}`}`
  }
  const everything = plan.on.kind === 'literal' && plan.on.value === true
  const details = [
    everything ? 'Condition: none, every pair' : `Condition: ${printExpr(plan.on)}`,
    `Holds: ${held('left')}, ${held('right')}`,
  ]
  if (leftKeys.length === 0 && !everything) details.push('No equality in the condition: every pair is looked at')
  return { title: plan.final && plan.type !== 'inner' ? `${JOINS[plan.type]} (final)` : JOINS[plan.type], details }
}

function describeAggregate(plan: Aggregate): Description {
  const details: string[] = []
  if (plan.keys.length > 0) details.push(`Group Key: ${plan.keys.map(printExpr).join(', ')}`)
  if (plan.aggregates.length > 0) {
    const names = plan.schema.fields.slice(plan.keys.length)
    const calls = plan.aggregates.map((call, i) => named(printAggregate(call), names[i].name, call.name))
    details.push(`Aggregates: ${calls.join(', ')}`)
  }
  if (plan.windowEnd !== undefined) {
    const end = plan.schema.fields[plan.windowEnd].name
    details.push(`${plan.final ? 'Emitted once' : 'Forgotten'} when the watermark reaches ${end}`)
  }
  const title = plan.aggregates.length === 0 ? 'Distinct' : plan.keys.length === 0 ? 'Aggregate' : 'Group Aggregate'
  return { title: plan.final ? `${title} (final)` : title, details }
}

function printAggregate(call: AggregateCall): string {
  const filter = call.filter ? ` FILTER (WHERE ${printExpr(call.filter)})` : ''
  return `${printCall(call)}${filter}`
}

/** Aggregates whose last argument is what WITHIN GROUP orders. */
const ORDERED_SET = new Set(['percentile_cont', 'percentile_disc', 'mode'])

function printCall({ name, args, distinct, orderBy }: AggregateCall): string {
  const printed = args.map(printExpr)
  if (ORDERED_SET.has(name)) {
    const order = orderBy.length > 0 ? orderBy.map(printKey) : printed.slice(-1)
    return `${name}(${printed.slice(0, -1).join(', ')}) WITHIN GROUP (ORDER BY ${order.join(', ')})`
  }
  const star = args.length === 0 && name === 'count' ? '*' : ''
  const order = orderBy.length > 0 ? ` ORDER BY ${orderBy.map(printKey).join(', ')}` : ''
  return `${name}(${distinct ? 'DISTINCT ' : ''}${star}${printed.join(', ')}${order})`
}

function printKey({ expr, descending, nullsFirst }: SortKey): string {
  const nulls = nullsFirst === descending ? '' : nullsFirst ? ' NULLS FIRST' : ' NULLS LAST'
  return `${printExpr(expr)}${descending ? ' DESC' : ''}${nulls}`
}

function output(expr: Expr, name: string): string {
  return named(printExpr(expr), name, expr.kind === 'column' ? expr.name : undefined)
}

function named(text: string, name: string, own: string | undefined): string {
  return name === own || name === '?column?' ? text : `${text} AS ${name}`
}

function duration(micros: number): string {
  return formatInterval({ months: 0, days: 0, micros })
}
