import type { Expr } from '../../expr/expr.ts'
import { overloadById } from '../../expr/scalar/registry.ts'
import { someExpr } from '../../expr/walk.ts'

/** True when evaluating it twice, or at another place, may give something else. */
export function isVolatile(expr: Expr): boolean {
  return someExpr(expr, part => part.kind === 'call' && overloadById(part.id).volatility === 'volatile')
}
