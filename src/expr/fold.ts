import { EngineError } from '../base/errors.ts'
import { BOOLEAN, type DataType, type Datum, sameType } from '../batch/types.ts'
import { castFunction } from './cast.ts'
import { comparisonOf } from './compare.ts'
import type { EvalContext, Expr } from './expr.ts'
import { functionOf } from './scalar/overload.ts'
import { overloadById } from './scalar/registry.ts'
import { mapChildren } from './walk.ts'

/**
 * The same expression with constant parts computed and conditions simplified. What fails (1/0) stays, to fail when it runs.
 * Without a context only what no session setting can change is computed; with one also now() and time zones, for statements
 * that run once.
 */
export function fold(expr: Expr, context?: EvalContext): Expr {
  const folded = mapChildren(expr, child => fold(child, context))
  try {
    return simplify(folded, context)
  } catch (error) {
    if (error instanceof EngineError) return folded
    throw error
  }
}

const NO_SESSION: EvalContext = { nowMicros: Number.NaN, timeZone: 'UTC' }

function simplify(expr: Expr, context: EvalContext | undefined): Expr {
  switch (expr.kind) {
    case 'call':
      return simplifyCall(expr, context)
    case 'and':
    case 'or':
      return simplifyLogical(expr.args, expr.kind)
    case 'not':
      return negate(expr.arg) ?? expr
    case 'is':
      return simplifyIs(expr)
    case 'in':
      if (expr.arg.kind !== 'literal') return expr
      if (expr.arg.value === null) return literal(null, BOOLEAN)
      return literal(contains(expr.values, expr.arg.value, expr.arg.type) !== expr.negated, BOOLEAN)
    case 'case':
      return simplifyCase(expr)
    case 'coalesce':
      return simplifyCoalesce(expr.args, expr.type)
    case 'cast':
      return simplifyCast(expr.arg, expr.type, context)
    case 'array':
      return constants(expr.elements, expr.type) ?? expr
    case 'row':
      return constants(expr.fields, expr.type) ?? expr
    case 'field':
      return expr.arg.kind === 'row' ? expr.arg.fields[expr.index] : expr
    default:
      return expr
  }
}

function literal(value: Datum, type: DataType): Expr {
  return { kind: 'literal', value, type }
}

function isConstant(expr: Expr, value?: Datum): expr is Extract<Expr, { kind: 'literal' }> {
  return expr.kind === 'literal' && (value === undefined || expr.value === value)
}

function simplifyCall(expr: Extract<Expr, { kind: 'call' }>, context: EvalContext | undefined): Expr {
  const overload = overloadById(expr.id)
  const { args, type } = expr
  if (overload.strict && args.some(arg => isConstant(arg, null))) return literal(null, type)
  if (overload.volatility === 'volatile' || (overload.volatility === 'stable' && !context)) return expr
  const values: Datum[] = []
  for (const arg of args) {
    if (arg.kind !== 'literal') return expr
    values.push(arg.value)
  }
  return literal(callOnce(expr, values, context ?? NO_SESSION), type)
}

/** Runs one call on given values. */
function callOnce(expr: Extract<Expr, { kind: 'call' }>, values: readonly Datum[], context: EvalContext): Datum {
  const overload = overloadById(expr.id)
  const types = expr.args.map(a => a.type)
  const run = functionOf(overload, types, expr.type) as (...args: unknown[]) => Datum // types were checked at binding
  const fixed = overload.variadic ? overload.args.length - 1 : values.length
  const rest = overload.variadic ? [values.slice(fixed)] : []
  return run(...values.slice(0, fixed), ...rest, context)
}

function simplifyLogical(args: readonly Expr[], kind: 'and' | 'or'): Expr {
  const neutral = kind === 'and'
  const flat = args.flatMap(arg => (arg.kind === kind ? arg.args : [arg]))
  const kept = flat.filter(arg => !isConstant(arg, neutral))
  const decisive = kept.find(arg => isConstant(arg, !neutral))
  if (decisive) return decisive
  if (kept.length === 0) return literal(neutral, BOOLEAN)
  return kept.length === 1 ? kept[0] : { kind, args: kept, type: BOOLEAN }
}

const OPPOSITE: Readonly<Record<string, string>> = { '=': '<>', '<>': '=', '<': '>=', '>=': '<', '>': '<=', '<=': '>' }

/** NOT arg, written without NOT where that is shorter; every order here is total, so NOT a < b is a >= b. */
function negate(arg: Expr): Expr | undefined {
  if (isConstant(arg)) return literal(arg.value === null ? null : arg.value !== true, BOOLEAN)
  if (arg.kind === 'not') return arg.arg
  if (arg.kind === 'is' || arg.kind === 'in') return { ...arg, negated: !arg.negated }
  if (arg.kind === 'call' && Object.hasOwn(OPPOSITE, arg.name)) {
    const name = OPPOSITE[arg.name]
    return { ...arg, name, id: arg.id.replace(arg.name, name) }
  }
  return undefined
}

function simplifyIs(expr: Extract<Expr, { kind: 'is' }>): Expr {
  if (!isConstant(expr.arg)) return expr
  const { value } = expr.arg
  const holds = expr.test === 'null' ? value === null : value === (expr.test === 'true')
  return literal(holds !== expr.negated, BOOLEAN)
}

function contains(values: readonly Datum[], value: Datum, type: DataType): boolean {
  const compare = comparisonOf(type) as (a: Datum, b: Datum) => number // values are of this type
  return values.some(v => compare(v, value) === 0)
}

function simplifyCase(expr: Extract<Expr, { kind: 'case' }>): Expr {
  const possible = expr.branches.filter(b => !isConstant(b.when) || b.when.value === true)
  const certain = possible.findIndex(b => isConstant(b.when))
  const branches = certain < 0 ? possible : possible.slice(0, certain)
  const otherwise = certain < 0 ? expr.otherwise : possible[certain].then
  return branches.length === 0 ? otherwise : { ...expr, branches, otherwise }
}

function simplifyCoalesce(args: readonly Expr[], type: DataType): Expr {
  const possible = args.filter(arg => !isConstant(arg, null))
  const certain = possible.findIndex(arg => isConstant(arg))
  const kept = certain < 0 ? possible : possible.slice(0, certain + 1)
  if (kept.length === 0) return literal(null, type)
  return kept.length === 1 ? kept[0] : { kind: 'coalesce', args: kept, type }
}

function simplifyCast(arg: Expr, type: DataType, context: EvalContext | undefined): Expr {
  if (sameType(arg.type, type)) return arg
  if (arg.kind !== 'literal') return { kind: 'cast', arg, type }
  if (arg.value === null) return literal(null, type)
  if (!context && dependsOnSession(arg.type, type)) return { kind: 'cast', arg, type }
  const cast = castFunction(arg.type, type) as (value: Datum, context: EvalContext) => Datum // the literal is of its type
  return literal(cast(arg.value, context ?? NO_SESSION), type)
}

/** Whether a cast looks at the session's time zone or clock. */
function dependsOnSession(from: DataType, to: DataType): boolean {
  if (from.kind === 'timestamptz' || to.kind === 'timestamptz') return true
  if (from.kind === 'array' && to.kind === 'array') return dependsOnSession(from.element, to.element)
  return from.kind === 'row' || to.kind === 'row'
}

function constants(items: readonly Expr[], type: DataType): Expr | undefined {
  const values: Datum[] = []
  for (const item of items) {
    if (item.kind !== 'literal') return undefined
    values.push(item.value)
  }
  return literal(values, type)
}
