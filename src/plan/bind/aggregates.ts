import type * as ast from '../../../grammar/ast.ts'
import { EngineError, notSupported } from '../../base/errors.ts'
import { resolveAggregate, wantsEventTime } from '../../expr/aggregate/resolve.ts'
import type { AggregateCall, Expr, SortKey } from '../../expr/expr.ts'
import { fingerprint, someExpr } from '../../expr/walk.ts'
import type { LogicalPlan } from '../logical.ts'
import { eventTimeOf } from '../properties.ts'
import { coerce, coerceBoolean, settle } from './coerce.ts'
import { located } from './context.ts'
import { bindExpr, type Env } from './expression.ts'
import { isOuter, isSubquery } from './scope.ts'
import { bindSortKey } from './sort-keys.ts'

/**
 * Collects the aggregate calls of a SELECT while its expressions are bound over the ungrouped input. A call stands in them as a
 * column behind the input's columns, until `Grouping.overGroups` moves all of them over the aggregate's output.
 */
export class AggregateCollector {
  readonly calls: AggregateCall[] = []
  /** What first(x) and last(x) go by; undefined: the input has no event time, and they go by arrival. */
  readonly eventTime: Expr | undefined
  #firstColumn: number
  #known = new Map<string, number>()

  constructor(input: LogicalPlan) {
    this.#firstColumn = input.schema.fields.length
    const time = eventTimeOf(input).at(0)
    this.eventTime = time && { kind: 'column', index: time.column, ...input.schema.fields[time.column] }
  }

  /** The column that stands for the call; equal calls share one. */
  add(call: AggregateCall): Expr {
    const key = JSON.stringify([
      call.id,
      call.distinct,
      call.args.map(fingerprint),
      call.filter && fingerprint(call.filter),
      call.orderBy.map(k => [fingerprint(k.expr), k.descending, k.nullsFirst]),
    ])
    let index = this.#known.get(key)
    if (index === undefined) {
      index = this.#firstColumn + this.calls.length
      this.#known.set(key, index)
      this.calls.push(call)
    }
    return { kind: 'column', index, name: call.name, type: call.type }
  }

  /** Whether the expression contains one of the calls. */
  isIn(expr: Expr): boolean {
    return someExpr(
      expr,
      part => part.kind === 'column' && part.index >= this.#firstColumn && !isOuter(part) && !isSubquery(part),
    )
  }
}

/** Binds a call whose name is an aggregate's. */
export function bindAggregate(node: ast.Call, name: string, env: Env): Expr {
  const { context, aggregates } = env
  const position = node.at + 1
  if (env.insideAggregate) {
    throw new EngineError('42803', 'aggregate function calls cannot be nested', { position })
  }
  if (!aggregates) {
    throw new EngineError('42803', `aggregate functions are not allowed in ${env.clause}`, {
      position,
      hint: env.clause === 'WHERE' ? 'Use HAVING to filter by an aggregate.' : undefined,
    })
  }
  if (node.nulls) throw notSupported(`${node.nulls.toUpperCase()} NULLS`, position)
  if (node.variadic) throw notSupported('VARIADIC', position)
  const inner: Env = { ...env, aggregates: undefined, insideAggregate: true, clause: 'an aggregate' }
  const order = node.orderBy.map(item => bindSortKey(item, inner))
  const written = node.args.map(arg => bindExpr(arg, inner))
  const behind = node.withinGroup ? order.map(key => key.expr) : impliedOrder(node, name, aggregates)
  const args = [...written, ...behind]
  const places = node.withinGroup ? [...node.args, ...node.orderBy] : node.args
  const resolved = located(node.at, () =>
    resolveAggregate(
      name,
      args.map(a => a.type),
    ),
  )
  if (!resolved) throw new EngineError('42883', `aggregate ${name} does not exist`, { position })
  const cast = args.map((arg, i) => {
    const to = resolved.argTypes[i]
    const { at } = places.at(i) ?? node
    return to.kind === 'unknown' ? settle(arg, context, at) : coerce(arg, to, 'implicit', context, at)
  })
  // What DISTINCT already put in order by itself must be asked for in terms of the arguments, as in Postgres.
  if (
    node.distinct &&
    !node.withinGroup &&
    order.some(key => !cast.some(arg => fingerprint(arg) === fingerprint(key.expr)))
  ) {
    throw new EngineError('42P10', 'in an aggregate with DISTINCT, ORDER BY expressions must appear in argument list', {
      position,
    })
  }
  const filter = node.filter && coerceBoolean(bindExpr(node.filter, inner), 'FILTER', context, node.filter.at)
  return aggregates.add({
    id: resolved.id,
    name,
    args: cast,
    distinct: node.distinct,
    ...(filter && { filter }),
    orderBy: node.withinGroup ? descending(order, cast.slice(written.length)) : order,
    type: resolved.type,
  })
}

/** first(x) is the value at the earliest event time: rows may arrive in another order. An ORDER BY of its own says otherwise. */
function impliedOrder(node: ast.Call, name: string, { eventTime }: AggregateCollector): readonly Expr[] {
  const implied = node.args.length === 1 && node.orderBy.length === 0 && wantsEventTime(name)
  return implied && eventTime ? [eventTime] : []
}

/** WITHIN GROUP's keys are arguments; the order matters only where it goes down. */
function descending(keys: readonly SortKey[], exprs: readonly Expr[]): readonly SortKey[] {
  return keys.some(k => k.descending) ? keys.map((key, i) => ({ ...key, expr: exprs[i] })) : []
}
