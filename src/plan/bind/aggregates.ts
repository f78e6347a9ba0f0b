import type * as ast from '../../../grammar/ast.ts'
import { EngineError, notSupported } from '../../base/errors.ts'
import { resolveAggregate } from '../../expr/aggregate/resolve.ts'
import type { AggregateCall, Expr, SortKey } from '../../expr/expr.ts'
import { fingerprint, someExpr } from '../../expr/walk.ts'
import { coerce, coerceBoolean, settle } from './coerce.ts'
import { located } from './context.ts'
import { bindExpr, type Env } from './expression.ts'
import { bindSortKey } from './sort-keys.ts'

/**
 * Collects the aggregate calls of a SELECT while its expressions are bound over the ungrouped input. A call stands in them as a
 * column behind the input's columns, until `Grouping.overGroups` moves all of them over the aggregate's output.
 */
export class AggregateCollector {
  readonly calls: AggregateCall[] = []
  #firstColumn: number
  #known = new Map<string, number>()

  /** `inputWidth`: how many columns the ungrouped input has. */
  constructor(inputWidth: number) {
    this.#firstColumn = inputWidth
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
    return someExpr(expr, part => part.kind === 'column' && part.index >= this.#firstColumn)
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
  const args = node.withinGroup ? [...written, ...order.map(key => key.expr)] : written
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
    return to.kind === 'unknown'
      ? settle(arg, context, places[i].at)
      : coerce(arg, to, 'implicit', context, places[i].at)
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

/** WITHIN GROUP's keys are arguments; the order matters only where it goes down. */
function descending(keys: readonly SortKey[], exprs: readonly Expr[]): readonly SortKey[] {
  return keys.some(k => k.descending) ? keys.map((key, i) => ({ ...key, expr: exprs[i] })) : []
}
