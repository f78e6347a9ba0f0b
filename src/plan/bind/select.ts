import type { Expr as AstExpr, OrderItem } from '../../../grammar/ast.ts'
import type { GroupBy, Select } from '../../../grammar/query.ts'
import { EngineError, notSupported } from '../../base/errors.ts'
import type { Expr, SortKey } from '../../expr/expr.ts'
import { fingerprint, someExpr } from '../../expr/walk.ts'
import type { LogicalPlan } from '../logical.ts'
import { AggregateCollector } from './aggregates.ts'
import { settle } from './coerce.ts'
import { bindBoolean, bindExpr, type Env } from './expression.ts'
import { bindFrom, type QueryEnv } from './from.ts'
import { distinctRows, Grouping } from './grouping.ts'
import { columnName } from './names.ts'
import { RankCollector } from './ranks.ts'
import { columnExpr, isSubquery, type Scope, starColumns, tryResolve } from './scope.ts'
import { sortKey } from './sort-keys.ts'
import { Subqueries } from './subqueries.ts'

/** A bound SELECT: `width` columns it was asked for, then some that only the order needs. */
export interface BoundSelect {
  readonly plan: LogicalPlan
  readonly width: number
  readonly sortKeys: readonly SortKey[]
}

/** A column of the SELECT list, over the ungrouped input. */
interface Item {
  readonly expr: Expr
  readonly name: string
  readonly at: number
}

/** Binds a SELECT with the ORDER BY behind it. `keepUnknown`: untyped columns stay so, for a UNION or INSERT to decide. */
export function bindSelect(
  node: Select,
  orderBy: readonly OrderItem[],
  env: QueryEnv,
  keepUnknown: boolean,
): BoundSelect {
  const { context } = env
  refuse(node)
  const from = bindFrom(node.from, env)
  const scope: Scope = { ...from.scope, outer: env.outer }
  const subqueries = new Subqueries(env, scope)
  let plan = from.plan
  if (node.where) {
    plan = subqueries.filter(plan, bindBoolean(node.where, { context, scope, clause: 'WHERE', subqueries }, 'WHERE'))
  }
  const aggregates = new AggregateCollector(plan)
  const ranks = new RankCollector()
  const inner: Env = { context, scope, clause: 'SELECT', subqueries, aggregates }
  const bound = selectItems(node, { ...inner, ranks })
  const keep = keepUnknown && !node.distinct && orderBy.length === 0
  const items = keep ? bound : bound.map(item => ({ ...item, expr: settle(item.expr, context, item.at) }))
  const keys = node.groupBy ? groupKeys(node.groupBy, items, aggregates, { context, scope, clause: 'GROUP BY' }) : []
  const having = node.having && bindBoolean(node.having, { ...inner, clause: 'HAVING' }, 'HAVING')
  const order = orderBy.map(item => orderExpr(item, items, { ...inner, ranks, clause: 'ORDER BY' }))
  const outputs = [...items, ...order.filter(o => typeof o !== 'number')]
  let exprs: readonly Expr[] = outputs.map(item => item.expr)
  let outer = (expr: Expr): Expr => expr
  if (node.groupBy || having || aggregates.calls.length > 0) {
    const name = (expr: Expr): string => nameOf(expr, items)
    const position = node.groupBy ? groupPosition(node.groupBy, node.at) : node.at + 1
    const grouping = new Grouping(plan, keys, aggregates, context, { name, position })
    const overGroups = (expr: Expr): Expr => grouping.overGroups(expr)
    exprs = exprs.map(overGroups)
    plan = having ? subqueries.filter(grouping.plan, overGroups(having), overGroups) : grouping.plan
    outer = overGroups
  }
  const ranked = ranks.over(plan, outer, context)
  const joined = subqueries.joined(ranked.plan, exprs.map(ranked.place), outer)
  plan = project(
    joined.plan,
    outputs.map(({ name }, i) => ({ name, expr: joined.exprs[i] })),
  )
  let hidden = items.length
  const sortKeys = orderBy.map((item, i) => {
    const place = order[i]
    const index = typeof place === 'number' ? place : hidden++
    return sortKey(item, { kind: 'column', index, ...plan.schema.fields[index] })
  })
  if (node.distinct) {
    const extra = order.find(o => typeof o !== 'number')
    if (extra) {
      throw new EngineError('42P10', 'for SELECT DISTINCT, ORDER BY expressions must appear in select list', {
        position: extra.at + 1,
      })
    }
    plan = distinctRows(plan, context, node.at + 1)
  }
  return { plan, width: items.length, sortKeys }
}

/** A filter over a plan. */
export function filter(input: LogicalPlan, predicate: Expr): LogicalPlan {
  return { kind: 'filter', input, predicate, schema: input.schema }
}

/** A projection to named expressions. */
export function project(
  input: LogicalPlan,
  items: readonly { readonly expr: Expr; readonly name: string }[],
): LogicalPlan {
  const fields = items.map(({ name, expr }) => ({ name, type: expr.type }))
  return { kind: 'project', input, exprs: items.map(item => item.expr), schema: { fields } }
}

/** The number of an ordinal, `ORDER BY 2`. Undefined: something else stands there. */
function ordinal(node: AstExpr, count: number, clause: string): number | undefined {
  if (node.kind !== 'number') {
    if (node.kind !== 'string' && node.kind !== 'null' && node.kind !== 'boolean') return undefined
    throw new EngineError('42601', `non-integer constant in ${clause}`, { position: node.at + 1 })
  }
  const number = Number(node.text)
  if (Number.isInteger(number) && number >= 1 && number <= count) return number - 1
  const message = Number.isInteger(number)
    ? `${clause} position ${node.text} is not in select list`
    : `non-integer constant in ${clause}`
  throw new EngineError(Number.isInteger(number) ? '42P10' : '42601', message, { position: node.at + 1 })
}

/** The output column that a bare name means, as ORDER BY and GROUP BY may say. */
function outputNamed(node: AstExpr, items: readonly Item[], clause: string): number | undefined {
  if (node.kind !== 'column' || node.name.length !== 1) return undefined
  const [name] = node.name
  const index = items.findIndex(item => item.name === name)
  if (index < 0) return undefined
  const text = fingerprint(items[index].expr)
  if (items.some(item => item.name === name && fingerprint(item.expr) !== text)) {
    throw new EngineError('42702', `${clause} "${name}" is ambiguous`, { position: node.at + 1 })
  }
  return index
}

/** Where an ORDER BY of a set operation points to: names and ordinals of its columns only. */
export function outputColumn(item: OrderItem, plan: LogicalPlan): number {
  const items = plan.schema.fields.map(
    (field, index): Item => ({ expr: { kind: 'column', index, ...field }, name: field.name, at: 0 }),
  )
  const index = ordinal(item.expr, items.length, 'ORDER BY') ?? outputNamed(item.expr, items, 'ORDER BY')
  if (index !== undefined) return index
  throw new EngineError('0A000', 'invalid UNION/INTERSECT/EXCEPT ORDER BY clause', {
    position: item.at + 1,
    detail: 'Only result column names can be used, not expressions or functions.',
    hint: 'Put the query into a subquery in FROM.',
  })
}

/** An output column's index, or an expression over the input that becomes a hidden column. */
function orderExpr(item: OrderItem, items: readonly Item[], env: Env): number | Item {
  const index = ordinal(item.expr, items.length, 'ORDER BY') ?? outputNamed(item.expr, items, 'ORDER BY')
  if (index !== undefined) return index
  const expr = settle(bindExpr(item.expr, env), env.context, item.at)
  const text = fingerprint(expr)
  const same = items.findIndex(i => fingerprint(i.expr) === text)
  return same < 0 ? { expr, name: columnName(item.expr), at: item.at } : same
}

function selectItems(node: Select, env: Env): Item[] {
  return node.items.flatMap((item): Item[] => {
    const { expr, alias, at } = item
    if (expr.kind === 'star') {
      return starColumns(env.scope, expr.qualifier, expr.at).map(column => {
        const reference = columnExpr(column)
        env.context.positions.set(reference, at + 1)
        return { expr: reference, name: column.name, at }
      })
    }
    if (expr.kind === 'expand') return expandRow(expr.arg, env)
    return [{ expr: bindExpr(expr, env), name: alias ?? columnName(expr), at }]
  })
}

function expandRow(node: AstExpr, env: Env): Item[] {
  const arg = bindExpr(node, env)
  const { type } = arg
  if (type.kind !== 'row')
    throw new EngineError('42809', 'only a row value has fields to expand', { position: node.at + 1 })
  return type.fields.map((field, index) => ({
    expr: arg.kind === 'row' ? arg.fields[index] : { kind: 'field', arg, index, type: field.type },
    name: field.name,
    at: node.at,
  }))
}

function groupKeys(groupBy: GroupBy, items: readonly Item[], aggregates: AggregateCollector, env: Env): Expr[] {
  return groupBy.items.flatMap((item): Expr[] => {
    if (item.kind === 'empty') return []
    if (item.kind !== 'expr') {
      throw notSupported(item.kind === 'sets' ? 'GROUPING SETS' : item.kind.toUpperCase(), item.at + 1)
    }
    const node = item.expr
    const index = ordinal(node, items.length, 'GROUP BY') ?? aliasIndex(node, items, env.scope)
    const key = index === undefined ? settle(bindExpr(node, env), env.context, node.at) : items[index].expr
    if (someExpr(key, isSubquery))
      throw notSupported('GROUP BY of a subquery', node.at + 1, 'Name it in a query in FROM.')
    if (!aggregates.isIn(key)) return key.kind === 'row' && node.kind === 'row' ? [...key.fields] : [key]
    const position = env.context.positions.get(key) ?? node.at + 1
    throw new EngineError('42803', 'aggregate functions are not allowed in GROUP BY', { position })
  })
}

// A bare name is an input column first, then an output column.
function aliasIndex(node: AstExpr, items: readonly Item[], scope: Scope): number | undefined {
  if (node.kind !== 'column' || tryResolve(scope, node.name, node.at)) return undefined
  return outputNamed(node, items, 'GROUP BY')
}

function nameOf(expr: Expr, items: readonly Item[]): string {
  const text = fingerprint(expr)
  const item = items.find(i => fingerprint(i.expr) === text)
  if (item) return item.name
  return expr.kind === 'column' || expr.kind === 'call' ? expr.name : '?column?'
}

function groupPosition(groupBy: GroupBy, at: number): number {
  const [first] = groupBy.items
  return (first?.kind === 'expr' ? first.expr.at : at) + 1
}

function refuse(node: Select): void {
  if (node.into) throw notSupported('SELECT INTO', node.at + 1, 'CREATE MATERIALIZED VIEW … AS SELECT is.')
  if (node.distinct && node.distinct.on.length > 0) throw notSupported('DISTINCT ON', node.distinct.on[0].at + 1)
  if (node.windows.length > 0) throw notSupported('WINDOW', node.windows[0].at + 1)
}
