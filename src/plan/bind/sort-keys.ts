import type { OrderItem } from '../../../grammar/ast.ts'
import { EngineError, notSupported } from '../../base/errors.ts'
import { typeName } from '../../batch/types.ts'
import type { Expr, SortKey } from '../../expr/expr.ts'
import { settle } from './coerce.ts'
import { bindExpr, type Env } from './expression.ts'

/** ORDER BY inside a call: names and expressions, no ordinals. */
export function bindSortKey(item: OrderItem, env: Env): SortKey {
  return sortKey(item, settle(bindExpr(item.expr, env), env.context, item.at))
}

/** The order an item asks for of an expression: NULLs are above everything unless it says otherwise. */
export function sortKey(item: OrderItem, expr: Expr): SortKey {
  const { using } = item
  if (using !== undefined && using !== '<' && using !== '>') {
    throw notSupported(`ORDER BY … USING ${using}`, item.at + 1, 'USING < and USING > are')
  }
  if (expr.type.kind === 'map') {
    throw new EngineError('42883', `could not identify an ordering operator for type ${typeName(expr.type)}`, {
      position: item.at + 1,
    })
  }
  const descending = item.descending || using === '>'
  const nullsFirst = item.nulls ? item.nulls === 'first' : descending
  return { expr, descending, nullsFirst }
}
