import type { Expr as AstExpr } from '../../../grammar/ast.ts'
import type { WindowTable } from '../../../grammar/query.ts'
import { EngineError, notSupported } from '../../base/errors.ts'
import { type DataType, INTERVAL, type Interval, typeName } from '../../batch/types.ts'
import type { Expr } from '../../expr/expr.ts'
import { fold } from '../../expr/fold.ts'
import { intervalMicros } from '../../expr/interval.ts'
import type { LogicalPlan } from '../logical.ts'
import { eventTimeOf } from '../properties.ts'
import { coerce, settle } from './coerce.ts'
import { type BindContext, located } from './context.ts'
import { bindExpr } from './expression.ts'
import { bindTable, named, type QueryEnv, type Relational } from './from.ts'
import { EMPTY_SCOPE, type ScopeColumn } from './scope.ts'

/** TUMBLE, HOP, CUMULATE and SESSION: the input with window_start and window_end behind its columns. */
export function bindWindow(node: WindowTable, env: QueryEnv): Relational {
  const { context } = env
  const position = node.at + 1
  if (node.grace && microsOf(node.grace, 'GRACE PERIOD', context) !== 0) {
    throw notSupported('GRACE PERIOD', node.grace.at + 1, 'The WATERMARK of the source says how late rows may be.')
  }
  if (node.retention)
    throw notSupported('RETENTION of a window', node.retention.at + 1, "WITH (retention = '…') is, for views.")
  const input = bindTable(node.input, env)
  const { plan, time, type } = timeColumn(node, input, context)
  if (node.function === 'session') return bindSession(node, input, { plan, time, type }, context)
  const sizeMicros = positiveMicros(node.size, 'the size of a window', node.at, context)
  const cumulates = node.function === 'cumulate'
  const slide = cumulates ? 'the step of a window' : 'the slide of a window'
  const slideMicros = node.slide ? positiveMicros(node.slide, slide, node.at, context) : sizeMicros
  if (cumulates && sizeMicros % slideMicros !== 0) {
    throw new EngineError('22023', 'the size of a cumulating window must be a multiple of its step', {
      position: (node.slide?.at ?? node.at) + 1,
      hint: 'The step comes first: CUMULATE(t, ts, step, size).',
    })
  }
  if (slideMicros > sizeMicros) {
    throw new EngineError('22023', 'the slide of a window must not be longer than its size', {
      position: (node.slide?.at ?? node.at) + 1,
      hint: 'The slide comes first: HOP(t, ts, slide, size).',
    })
  }
  const offsetMicros = node.offset ? microsOf(node.offset, 'the offset of a window', context) : 0
  const width = plan.schema.fields.length
  const window: LogicalPlan = {
    kind: 'window',
    input: plan,
    function: node.function,
    time,
    sizeMicros,
    slideMicros,
    offsetMicros,
    schema: { fields: [...plan.schema.fields, { name: 'window_start', type }, { name: 'window_end', type }] },
  }
  context.positions.set(window, position)
  return { plan: window, scope: { columns: windowColumns(node, input, width, type) } }
}

function bindSession(
  node: WindowTable,
  input: Relational,
  { plan, time, type }: TimeColumn,
  context: BindContext,
): Relational {
  for (const [part, name] of [
    [node.size, 'size'],
    [node.slide, 'slide'],
    [node.offset, 'offset'],
  ] as const) {
    if (part) throw new EngineError('42601', `a session has no ${name}`, { position: part.at + 1 })
  }
  const gapMicros = positiveMicros(node.gap, 'the gap of a session', node.at, context)
  const env = { context, scope: input.scope, clause: 'PARTITION BY' }
  const keys = node.partitionBy.map(key => settle(bindExpr(key, env), context, key.at))
  const schema = { fields: [...plan.schema.fields, { name: 'window_start', type }, { name: 'window_end', type }] }
  const session: LogicalPlan = { kind: 'session', input: plan, time, gapMicros, keys, final: false, schema }
  context.positions.set(session, node.at + 1)
  return { plan: session, scope: { columns: windowColumns(node, input, plan.schema.fields.length, type) } }
}

/** The input's columns keep their names, unless the window has an alias. Windows of windows: the newest bounds are meant. */
function windowColumns(node: WindowTable, input: Relational, width: number, type: DataType): ScopeColumn[] {
  const alias = node.alias?.name
  const table = alias === undefined ? (input.scope.columns.at(0)?.table ?? []) : [alias]
  const bounds = ['window_start', 'window_end']
  const columns = input.scope.columns.map(column => ({
    ...column,
    ...(alias !== undefined && { table }),
    hidden: column.hidden || bounds.includes(column.name),
  }))
  for (const [i, name] of bounds.entries()) columns.push({ table, name, type, index: width + i, hidden: false })
  const renamed = node.alias?.columns ?? []
  if (renamed.length === 0) return columns
  const visible = columns.filter(c => !c.hidden)
  const schema = { fields: visible.map(({ name, type }) => ({ name, type })) }
  const { columns: names } = named({ kind: 'values', rows: [], schema }, table, node.alias, node.at).scope
  return visible.map((column, i) => ({ ...column, name: names[i].name }))
}

interface TimeColumn {
  readonly plan: LogicalPlan
  readonly time: number
  readonly type: DataType
}

function timeColumn(node: WindowTable, { plan, scope }: Relational, context: BindContext): TimeColumn {
  if (!node.time) return declaredTime(node, plan)
  const expr = bindExpr(node.time, { context, scope, clause: `the time of ${node.function.toUpperCase()}` })
  const { type } = expr
  if (type.kind !== 'timestamp' && type.kind !== 'timestamptz') {
    throw new EngineError('42804', `the time of a window must be a timestamp, not ${typeName(type)}`, {
      position: node.time.at + 1,
      hint: 'Cast it, use to_timestamp(seconds), or declare the column timestamptz.',
    })
  }
  if (expr.kind === 'column') return { plan, time: expr.index, type }
  // A computed time becomes a column of its own behind the others; no name refers to it.
  const time = plan.schema.fields.length
  const columns = plan.schema.fields.map((field, index): Expr => ({ kind: 'column', index, ...field }))
  const schema = { fields: [...plan.schema.fields, { name: 'window_time', type }] }
  return { plan: { kind: 'project', input: plan, exprs: [...columns, expr], schema }, time, type }
}

function declaredTime(node: WindowTable, plan: LogicalPlan): TimeColumn {
  const time = eventTimeOf(plan).at(0)
  if (!time) {
    throw new EngineError('42P17', 'the window names no time column, and its input has no event time', {
      position: node.at + 1,
      hint: 'Declare WATERMARK FOR on the source, or use TUMBLE(source, time_column, size).',
    })
  }
  return { plan, time: time.column, type: plan.schema.fields[time.column].type }
}

function positiveMicros(node: AstExpr | undefined, what: string, at: number, context: BindContext): number {
  if (!node) throw new EngineError('42601', `${what} is missing`, { position: at + 1 })
  const micros = microsOf(node, what, context)
  if (micros > 0) return micros
  throw new EngineError('22023', `${what} must be longer than nothing`, { position: node.at + 1 })
}

/** A constant interval of a fixed length, in microseconds; a day has 24 hours. */
export function microsOf(node: AstExpr, what: string, context: BindContext): number {
  const position = node.at + 1
  const bound = coerce(
    bindExpr(node, { context, scope: EMPTY_SCOPE, clause: what }),
    INTERVAL,
    'implicit',
    context,
    node.at,
  )
  const constant = located(node.at, () => fold(bound, context.evaluation))
  if (constant.kind !== 'literal') throw new EngineError('22023', `${what} must be a constant`, { position })
  const interval = constant.value as Interval | null // coerced to interval above
  if (interval === null) throw new EngineError('22004', `${what} must not be NULL`, { position })
  if (interval.months !== 0) {
    throw new EngineError('22023', `${what} must have a fixed length`, {
      position,
      hint: 'Months and years differ in length: give days.',
    })
  }
  return intervalMicros(interval)
}
