import { assert, unreachable } from '../../base/assert.ts'
import type { Schema } from '../../batch/types.ts'
import type { Expr } from '../../expr/expr.ts'
import { aggregateExprs, collectColumns, mapAggregate, mapSortKeys, replaceColumns } from '../../expr/walk.ts'
import type { Aggregate, EventTime, Join, LogicalPlan, Scan } from '../logical.ts'

/** Leaves out every column that nothing above reads, down to the scan: a field no query needs is not decoded. */
export function pruneColumns(plan: LogicalPlan): LogicalPlan {
  return exactly(plan, allColumns(plan.schema))
}

/** A plan without some columns of another, and where the others went: `at[old]` is the new index. */
interface Pruned {
  readonly plan: LogicalPlan
  readonly at: readonly (number | undefined)[]
}

/** Keeps at least `needed`; what a node must have anyway may stay. */
function prune(plan: LogicalPlan, needed: ReadonlySet<number>): Pruned {
  switch (plan.kind) {
    case 'scan':
      return pruneScan(plan, needed)
    case 'values': {
      const kept = keep(plan.schema, needed)
      const rows = plan.rows.map(row => kept.columns.map(c => row[c]))
      return { plan: { ...plan, rows, schema: kept.schema }, at: kept.at }
    }
    case 'filter': {
      const { plan: input, at } = prune(plan.input, union(needed, columnsOf([plan.predicate])))
      return { plan: { ...plan, input, predicate: moved(at)(plan.predicate), schema: input.schema }, at }
    }
    case 'project': {
      const kept = keep(plan.schema, needed)
      const exprs = kept.columns.map(c => plan.exprs[c])
      const { plan: input, at } = prune(plan.input, columnsOf(exprs))
      return { plan: { ...plan, input, exprs: exprs.map(moved(at)), schema: kept.schema }, at: kept.at }
    }
    case 'window': {
      const width = plan.input.schema.fields.length
      const inputNeeds = new Set([...needed].filter(c => c < width)).add(plan.time)
      const { plan: input, at } = prune(plan.input, inputNeeds)
      const newWidth = input.schema.fields.length
      const schema = { fields: [...input.schema.fields, ...plan.schema.fields.slice(width)] }
      return {
        plan: { ...plan, input, time: indexAt(at, plan.time), schema },
        at: [...at, newWidth, newWidth + 1],
      }
    }
    case 'session': {
      const width = plan.input.schema.fields.length
      const reads = union(columnsOf(plan.keys), new Set([...needed].filter(c => c < width)).add(plan.time))
      const { plan: input, at } = prune(plan.input, reads)
      const newWidth = input.schema.fields.length
      const schema = { fields: [...input.schema.fields, ...plan.schema.fields.slice(width)] }
      const keys = plan.keys.map(moved(at))
      return {
        plan: { ...plan, input, time: indexAt(at, plan.time), keys, schema },
        at: [...at, newWidth, newWidth + 1],
      }
    }
    case 'rank': {
      const width = plan.input.schema.fields.length
      const reads = columnsOf([...plan.keys, ...plan.order.map(key => key.expr)])
      const { plan: input, at } = prune(plan.input, union(reads, new Set([...needed].filter(c => c < width))))
      const shown = plan.shown && needed.has(width)
      const rank = shown ? [plan.schema.fields[width]] : []
      const keys = plan.keys.map(moved(at))
      const order = mapSortKeys(plan.order, moved(at))
      const schema = { fields: [...input.schema.fields, ...rank] }
      return {
        plan: { ...plan, input, keys, order, shown, schema },
        at: [...at, shown ? input.schema.fields.length : undefined],
      }
    }
    case 'aggregate':
      return pruneAggregate(plan, needed)
    case 'union': {
      const kept = keep(plan.schema, needed)
      const inputs = plan.inputs.map(input => exactly(input, kept.columns))
      return { plan: { ...plan, inputs, schema: kept.schema }, at: kept.at }
    }
    case 'repeat': {
      const { plan: input, at } = prune(plan.input, union(needed, new Set([plan.count])))
      return { plan: { ...plan, input, count: indexAt(at, plan.count), schema: input.schema }, at }
    }
    case 'join':
      return pruneJoin(plan, needed)
    case 'sort': {
      const { plan: input, at } = prune(plan.input, union(needed, columnsOf(plan.keys.map(key => key.expr))))
      return { plan: { ...plan, input, keys: mapSortKeys(plan.keys, moved(at)), schema: input.schema }, at }
    }
    default:
      return unreachable(plan)
  }
}

/** The pruned plan with just these columns, in this order. */
function exactly(plan: LogicalPlan, columns: readonly number[]): LogicalPlan {
  const { plan: pruned, at } = prune(plan, new Set(columns))
  const wanted = columns.map(c => indexAt(at, c))
  if (wanted.length === pruned.schema.fields.length && wanted.every((w, i) => w === i)) return pruned
  const exprs = wanted.map((index): Expr => ({ kind: 'column', index, ...pruned.schema.fields[index] }))
  return { kind: 'project', input: pruned, exprs, schema: { fields: columns.map(c => plan.schema.fields[c]) } }
}

function pruneScan(scan: Scan, needed: ReadonlySet<number>): Pruned {
  const { columns, schema, at } = keep(
    scan.schema,
    scan.predicate ? union(needed, columnsOf([scan.predicate])) : needed,
  )
  const { watermark, eventTime, uniqueKey, predicate, ...rest } = scan
  // Whoever closes windows reads the time column, through the window at least: a watermark nobody reads is not needed.
  const time = watermark && at[watermark.column]
  const key = uniqueKey?.map(c => at[c])
  return {
    plan: {
      ...rest,
      columns: columns.map(c => scan.columns[c]),
      ...(predicate && { predicate: moved(at)(predicate) }),
      ...(watermark && time !== undefined && { watermark: { ...watermark, column: time } }),
      ...(eventTime && { eventTime: eventTime.flatMap(t => movedTime(t, at)) }),
      ...(key?.every(c => c !== undefined) && { uniqueKey: key }),
      schema,
    },
    at,
  }
}

function pruneJoin(plan: Join, needed: ReadonlySet<number>): Pruned {
  const width = plan.left.schema.fields.length
  const reads = [...union(needed, columnsOf([plan.on]))]
  const left = prune(plan.left, new Set(reads.filter(c => c < width)))
  const right = prune(plan.right, new Set(reads.filter(c => c >= width).map(c => c - width)))
  const newWidth = left.plan.schema.fields.length
  const at = [...left.at, ...right.at.map(index => (index === undefined ? undefined : index + newWidth))]
  const both = { fields: [...left.plan.schema.fields, ...right.plan.schema.fields] }
  const one = plan.type === 'semi' || plan.type === 'anti'
  const schema = one ? left.plan.schema : both
  const on = moved(at)(plan.on)
  return { plan: { ...plan, left: left.plan, right: right.plan, on, schema }, at: one ? left.at : at }
}

/** Keys all stay, for they make the groups; aggregates nobody reads go. */
function pruneAggregate(plan: Aggregate, needed: ReadonlySet<number>): Pruned {
  const keyCount = plan.keys.length
  const kept = keep(plan.schema, union(needed, new Set(plan.keys.keys())))
  const calls = kept.columns.slice(keyCount).map(c => plan.aggregates[c - keyCount])
  const { plan: input, at } = prune(plan.input, columnsOf([...plan.keys, ...calls.flatMap(aggregateExprs)]))
  const move = moved(at)
  const keys = plan.keys.map(move)
  const aggregates = calls.map(call => mapAggregate(call, move))
  return { plan: { ...plan, input, keys, aggregates, schema: kept.schema }, at: kept.at }
}

function keep(schema: Schema, needed: ReadonlySet<number>): { columns: number[]; schema: Schema; at: Pruned['at'] } {
  const columns = allColumns(schema).filter(c => needed.has(c))
  const at: (number | undefined)[] = schema.fields.map(() => undefined)
  for (const [index, column] of columns.entries()) at[column] = index
  return { columns, schema: { fields: columns.map(c => schema.fields[c]) }, at }
}

function columnsOf(exprs: readonly Expr[]): Set<number> {
  const columns = new Set<number>()
  for (const expr of exprs) collectColumns(expr, columns)
  return columns
}

function moved(at: Pruned['at']): (expr: Expr) => Expr {
  return expr => replaceColumns(expr, column => ({ ...column, index: indexAt(at, column.index) }))
}

function movedTime(time: EventTime, at: Pruned['at']): EventTime[] {
  const column = at[time.column]
  return column === undefined ? [] : [{ ...time, column }]
}

function indexAt(at: Pruned['at'], column: number): number {
  const index = at[column]
  assert(index !== undefined, `column ${column} was pruned and is read`)
  return index
}

function union(a: ReadonlySet<number>, b: ReadonlySet<number>): ReadonlySet<number> {
  return new Set([...a, ...b])
}

function allColumns(schema: Schema): number[] {
  return schema.fields.map((_, i) => i)
}
