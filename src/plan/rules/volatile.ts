import type { Expr } from '../../expr/expr.ts'
import { someExpr } from '../../expr/walk.ts'

const VOLATILE = new Set(['random', 'gen_random_uuid', 'clock_timestamp', 'timeofday', 'setseed', 'pg_sleep'])

/** True when evaluating it twice, or at another place, may give something else. */
export function isVolatile(expr: Expr): boolean {
  return someExpr(expr, part => part.kind === 'call' && VOLATILE.has(part.name))
}
