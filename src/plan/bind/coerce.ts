import { EngineError } from '../../base/errors.ts'
import { BOOLEAN, type DataType, sameType, TEXT, typeName } from '../../batch/types.ts'
import { castFunction } from '../../expr/cast.ts'
import { type CastContext, canCast, commonType } from '../../expr/coerce.ts'
import type { Expr } from '../../expr/expr.ts'
import { type BindContext, located } from './context.ts'

/**
 * The expression as a value of type `to`. An untyped literal becomes a constant of the type, a parameter of unknown type takes it;
 * else there is a cast, where this place allows it. 42804 or 42846 otherwise, at `at`.
 */
export function coerce(expr: Expr, to: DataType, allowed: CastContext, context: BindContext, at: number): Expr {
  const from = expr.type
  if (sameType(from, to)) return expr
  if (expr.kind === 'parameter' && from.kind === 'unknown') return context.parameters.infer(expr.index, to, at + 1)
  if (expr.kind === 'literal' && from.kind === 'unknown') {
    return located((context.positions.get(expr) ?? at + 1) - 1, () => typed(expr, to, context))
  }
  if (from.kind === 'row' && to.kind === 'row' && expr.kind === 'row' && expr.fields.length === to.fields.length) {
    const fields = expr.fields.map((field, i) => coerce(field, to.fields[i].type, allowed, context, at))
    return { kind: 'row', fields, type: to }
  }
  if (
    expr.kind === 'array' &&
    to.kind === 'array' &&
    allowed === 'explicit' &&
    expr.elements.every(e => e.kind !== 'array')
  ) {
    const { element } = to
    return { kind: 'array', elements: expr.elements.map(e => coerce(e, element, allowed, context, at)), type: to }
  }
  if (canCast(from, to, allowed)) return { kind: 'cast', arg: expr, type: to }
  if (allowed === 'explicit') {
    throw new EngineError('42846', `cannot cast type ${typeName(from)} to ${typeName(to)}`, { position: at + 1 })
  }
  throw mismatch(`expected ${typeName(to)}, not ${typeName(from)}`, at)
}

/** A boolean for WHERE, AND and the like; `clause` names the place. */
export function coerceBoolean(expr: Expr, clause: string, context: BindContext, at: number): Expr {
  if (!canCast(expr.type, BOOLEAN, 'implicit')) {
    throw mismatch(`argument of ${clause} must be type boolean, not type ${typeName(expr.type)}`, at)
  }
  return coerce(expr, BOOLEAN, 'implicit', context, at)
}

/** Several expressions brought to the type that CASE, COALESCE, VALUES … give them; `what` names the construct. */
export function unify(exprs: readonly Expr[], what: string, context: BindContext, at: readonly number[]): Expr[] {
  const type = unifiedType(
    exprs.map(e => e.type),
    what,
    at,
  )
  return exprs.map((expr, i) => coerce(expr, type, 'implicit', context, at[i]))
}

/** That type; 42804 when there is none. */
export function unifiedType(types: readonly DataType[], what: string, at: readonly number[]): DataType {
  const common = commonType(types)
  if (common) return common
  const first = types.findIndex(t => t.kind !== 'unknown')
  const other = types.findIndex((t, i) => i > first && t.kind !== 'unknown' && !commonType([types[first], t]))
  const culprit = other < 0 ? types.length - 1 : other
  throw mismatch(
    `${what} types ${typeName(types[first])} and ${typeName(types[culprit])} cannot be matched`,
    at[culprit],
  )
}

/** What was left without a type is text, as in a SELECT list. */
export function settle(expr: Expr, context: BindContext, at: number): Expr {
  return expr.type.kind === 'unknown' ? coerce(expr, TEXT, 'implicit', context, at) : expr
}

/** A constant as a constant of another type, with the cast's errors. */
export function typed(expr: Extract<Expr, { kind: 'literal' }>, to: DataType, context: BindContext): Expr {
  if (expr.value === null) return { kind: 'literal', value: null, type: to }
  const cast = castFunction(expr.type, to)
  // The value is of the literal's type, which the cast was made for.
  return { kind: 'literal', value: cast(expr.value as never, context.evaluation), type: to }
}

function mismatch(message: string, at: number): EngineError {
  return new EngineError('42804', message, { position: at + 1, hint: 'You might need to add an explicit cast.' })
}
