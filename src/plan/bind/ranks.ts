import type * as ast from '../../../grammar/ast.ts'
import { EngineError, notSupported } from '../../base/errors.ts'
import { BIGINT } from '../../batch/types.ts'
import type { Expr, SortKey } from '../../expr/expr.ts'
import { fingerprint, mapSortKeys, replaceColumns } from '../../expr/walk.ts'
import type { LogicalPlan, Rank } from '../logical.ts'
import { settle } from './coerce.ts'
import type { BindContext } from './context.ts'
import { bindExpr, type Env } from './expression.ts'
import { isRank, numberOf, rankColumn } from './scope.ts'
import { bindSortKey } from './sort-keys.ts'

const RANKING = ['row_number', 'rank', 'dense_rank'] as const

/** True for ROW_NUMBER, RANK and DENSE_RANK, which need OVER. */
export function isRanking(name: string): name is Rank['function'] {
  return RANKING.some(known => known === name)
}

type RankCall = Pick<Rank, 'function' | 'keys' | 'order'> & { readonly at: number }

/** Collects the window functions of a SELECT while its expressions are bound; they are computed behind its groups and HAVING. */
export class RankCollector {
  readonly #calls: RankCall[] = []

  /** The column that stands for the call; equal calls share one. */
  add(call: RankCall): Expr {
    const key = keyOf(call)
    const known = this.#calls.findIndex(other => keyOf(other) === key)
    const place = known < 0 ? this.#calls.push(call) - 1 : known
    return rankColumn(place, call.function, BIGINT)
  }

  /** The plan with a rank behind its columns for each call, whose expressions `overGroups` moves to the plan; and what puts them in place. */
  over(
    input: LogicalPlan,
    overGroups: (expr: Expr) => Expr,
    context: BindContext,
  ): { readonly plan: LogicalPlan; readonly place: (expr: Expr) => Expr } {
    const width = input.schema.fields.length
    let plan = input
    for (const { at, ...call } of this.#calls) {
      const fields = [...plan.schema.fields, { name: call.function, type: BIGINT }]
      const keys = call.keys.map(overGroups)
      const order = mapSortKeys(call.order, overGroups)
      plan = { kind: 'rank', input: plan, ...call, keys, order, shown: true, final: false, schema: { fields } }
      context.positions.set(plan, at + 1)
    }
    const place = (expr: Expr): Expr =>
      replaceColumns(expr, column => (isRank(column) ? { ...column, index: width + numberOf(column) } : column))
    return { plan, place: this.#calls.length === 0 ? expr => expr : place }
  }
}

/** Binds a call with OVER. */
export function bindRank(node: ast.Call, name: string, env: Env): Expr {
  const { context, ranks } = env
  const position = node.at + 1
  if (!isRanking(name) || node.args.length > 0 || node.star) {
    throw notSupported(`${name}(…) OVER`, position, 'ROW_NUMBER, RANK and DENSE_RANK are; or GROUP BY a window.')
  }
  if (!ranks) {
    throw new EngineError('42P20', `window functions are not allowed in ${env.clause}`, {
      position,
      hint: 'Give it a name in a subquery: SELECT * FROM (SELECT *, row_number() OVER (…) AS n FROM t) AS q WHERE n <= 3.',
    })
  }
  if (node.filter)
    throw new EngineError('0A000', 'FILTER is not implemented for non-aggregate window functions', { position })
  const { over } = node
  if (over === undefined || typeof over === 'string' || over.base !== undefined) throw notSupported('WINDOW', position)
  // A frame changes nothing of a rank.
  const inner: Env = { ...env, clause: 'window definitions', ranks: undefined, subqueries: undefined }
  const keys = over.partitionBy.map(key => settle(bindExpr(key, inner), context, key.at))
  const order = over.orderBy.map((item): SortKey => bindSortKey(item, inner))
  return ranks.add({ function: name, keys, order, at: node.at })
}

function keyOf(call: RankCall): string {
  const order = call.order.map(k => [fingerprint(k.expr), k.descending, k.nullsFirst])
  return JSON.stringify([call.function, call.keys.map(fingerprint), order])
}
