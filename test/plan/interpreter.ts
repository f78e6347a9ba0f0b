import { type Batch, batchOfRows } from '../../src/batch/batch.ts'
import { datumAt } from '../../src/batch/column.ts'
import type { Datum, Schema } from '../../src/batch/types.ts'
import { compileProjection } from '../../src/expr/compile.ts'
import type { AggregateCall, Expr } from '../../src/expr/expr.ts'
import type { Aggregate, Join, LogicalPlan, Rank, Session, Window } from '../../src/plan/logical.ts'

export type Row = readonly Datum[]

/** What a plan means, row by row and without any care for speed: the oracle of the rules. Sorts keep no order. */
export function interpret(plan: LogicalPlan, tables: ReadonlyMap<string, readonly Row[]>): Row[] {
  const input = (of: LogicalPlan): Row[] => interpret(of, tables)
  switch (plan.kind) {
    case 'scan': {
      const rows = (tables.get(plan.relation) ?? []).map(row => plan.columns.map(c => row[c]))
      return plan.predicate ? filter(rows, plan.predicate, plan.schema) : rows
    }
    case 'values':
      return plan.rows.flatMap(row => evaluate([[]], row, { fields: [] }))
    case 'filter':
      return filter(input(plan.input), plan.predicate, plan.input.schema)
    case 'project':
      return evaluate(input(plan.input), plan.exprs, plan.input.schema)
    case 'union':
      return plan.inputs.flatMap(input)
    case 'window':
      return input(plan.input).flatMap(row => windows(plan, row))
    case 'rank':
      return ranked(plan, input(plan.input))
    case 'session':
      return sessions(plan, input(plan.input))
    case 'aggregate':
      return aggregate(plan, input(plan.input))
    case 'sort':
      return input(plan.input)
    case 'repeat':
      return input(plan.input).flatMap(row => Array.from({ length: Math.max(0, Number(row[plan.count])) }, () => row))
    case 'join':
      return join(plan, input(plan.left), input(plan.right))
  }
}

function evaluate(rows: readonly Row[], exprs: readonly Expr[], schema: Schema): Row[] {
  const batch: Batch = batchOfRows(schema, rows)
  const columns = compileProjection(exprs, schema)(batch, { nowMicros: 0, timeZone: 'UTC' })
  return rows.map((_, r) => columns.map(column => datumAt(column, r, false)))
}

function filter(rows: readonly Row[], predicate: Expr, schema: Schema): Row[] {
  const truth = evaluate(rows, [predicate], schema)
  return rows.filter((_, r) => truth[r][0] === true)
}

function join(plan: Join, left: readonly Row[], right: readonly Row[]): Row[] {
  const schema = { fields: [...plan.left.schema.fields, ...plan.right.schema.fields] }
  const pairs = left.flatMap((l, i) => right.map((r, j) => ({ i, j, row: [...l, ...r] })))
  const truth = evaluate(
    pairs.map(p => p.row),
    [plan.on],
    schema,
  )
  const matching = pairs.filter((_, p) => truth[p][0] === true)
  const nulls = (of: LogicalPlan): Row => of.schema.fields.map(() => null)
  const partnered = new Set(matching.map(m => m.i))
  const met = new Set(matching.map(m => m.j))
  const lone = left.filter((_, i) => !partnered.has(i)).map((l): Row => [...l, ...nulls(plan.right)])
  const loneRight = right.filter((_, j) => !met.has(j)).map((r): Row => [...nulls(plan.left), ...r])
  if (plan.type === 'semi') return left.filter((_, i) => partnered.has(i))
  if (plan.type === 'anti') return left.filter((_, i) => !partnered.has(i))
  return [
    ...matching.map((m): Row => m.row),
    ...(plan.type === 'left' || plan.type === 'full' ? lone : []),
    ...(plan.type === 'right' || plan.type === 'full' ? loneRight : []),
  ]
}

function windows(plan: Window, row: Row): Row[] {
  const time = row[plan.time]
  if (time === null) return []
  const { sizeMicros, slideMicros, offsetMicros } = plan
  const found: Row[] = []
  const last = Math.floor((Number(time) - offsetMicros) / slideMicros) * slideMicros + offsetMicros
  for (let start = last; start + sizeMicros > Number(time); start -= slideMicros) {
    found.push([...row, start, start + sizeMicros])
  }
  return found
}

/** Of numbers and text without NULL in the order, as the tests have them. */
function ranked(plan: Rank, rows: readonly Row[]): Row[] {
  const { schema } = plan.input
  const keys = evaluate(rows, plan.keys, schema).map(key => JSON.stringify(key))
  const order = evaluate(
    rows,
    plan.order.map(key => key.expr),
    schema,
  )
  const sign = (a: Datum, b: Datum): number => (a === b ? 0 : a === null ? 1 : b === null || a < b ? -1 : 1)
  const compare = (a: number, b: number): number => {
    for (const [k, { descending }] of plan.order.entries()) {
      const found = sign(order[a][k], order[b][k])
      if (found !== 0) return descending ? -found : found
    }
    return 0
  }
  return [...rows.keys()].flatMap(r => {
    const before = [...rows.keys()].filter(o => keys[o] === keys[r] && compare(o, r) < 0)
    const rank =
      1 + (plan.function === 'dense_rank' ? new Set(before.map(o => JSON.stringify(order[o]))).size : before.length)
    if (plan.rankMax !== undefined && rank > plan.rankMax) return []
    return [plan.shown ? [...rows[r], rank] : rows[r]]
  })
}

function sessions(plan: Session, rows: readonly Row[]): Row[] {
  const keys = evaluate(rows, plan.keys, plan.input.schema).map(key => JSON.stringify(key))
  const time = (r: number): number => Number(rows[r][plan.time])
  const order = [...rows.keys()].filter(r => rows[r][plan.time] !== null).sort((a, b) => time(a) - time(b))
  return order.map(r => {
    const own = order.filter(o => keys[o] === keys[r]).map(time)
    let [start, last] = [time(r), time(r)]
    for (const t of own.toReversed()) if (t < start && start - t < plan.gapMicros) start = t
    for (const t of own) if (t > last && t - last < plan.gapMicros) last = t
    return [...rows[r], start, last + plan.gapMicros]
  })
}

function aggregate(plan: Aggregate, rows: readonly Row[]): Row[] {
  const { schema } = plan.input
  const keys = evaluate(rows, plan.keys, schema)
  const groups = new Map<string, { key: Row; rows: Row[] }>()
  if (plan.keys.length === 0) groups.set('[]', { key: [], rows: [] })
  for (const [r, key] of keys.entries()) {
    const text = JSON.stringify(key)
    const group = groups.get(text)
    if (group) group.rows.push(rows[r])
    else groups.set(text, { key, rows: [rows[r]] })
  }
  return [...groups.values()].map(({ key, rows }) => [
    ...key,
    ...plan.aggregates.map(call => reduce(call, rows, schema)),
  ])
}

/** count, sum, min and max of numbers. */
function reduce(call: AggregateCall, rows: readonly Row[], schema: Schema): Datum {
  const kept = call.filter ? filter(rows, call.filter, schema) : rows
  if (call.args.length === 0) return kept.length
  const values = evaluate(kept, call.args, schema)
    .map(row => row[0])
    .filter(value => value !== null)
    .map(Number)
  const used = call.distinct ? [...new Set(values)] : values
  if (call.name === 'count') return used.length
  if (used.length === 0) return null
  if (call.name === 'sum') return used.reduce((a, b) => a + b, 0)
  return call.name === 'max' ? Math.max(...used) : Math.min(...used)
}
