import type * as ast from '../../../grammar/ast.ts'
import { unreachable } from '../../base/assert.ts'
import { EngineError, notSupported } from '../../base/errors.ts'
import { BIGINT, BOOLEAN, type DataType, INTEGER, NUMERIC, TEXT, typeName, UNKNOWN } from '../../batch/types.ts'
import { canCast } from '../../expr/coerce.ts'
import type { Expr } from '../../expr/expr.ts'
import type { AggregateCollector } from './aggregates.ts'
import { bindCall } from './calls.ts'
import { coerce, coerceBoolean, settle, typed, unify } from './coerce.ts'
import { type BindContext, located } from './context.ts'
import {
  bindBetween,
  bindBinary,
  bindIn,
  bindIsDistinct,
  bindLike,
  bindQuantified,
  bindUnary,
  compare,
  NULL,
} from './operators.ts'
import type { RankCollector } from './ranks.ts'
import { fieldOf, resolveColumn, type Scope } from './scope.ts'
import { bindAny, bindExists, bindScalar, type Subqueries } from './subqueries.ts'
import { dataTypeOf } from './types.ts'

/** Where an expression stands. */
export interface Env {
  readonly context: BindContext
  readonly scope: Scope
  /** For errors: WHERE, GROUP BY … */
  readonly clause: string
  /** Undefined: subqueries are not supported here. */
  readonly subqueries?: Subqueries
  /** Undefined: aggregate functions are not allowed here. */
  readonly aggregates?: AggregateCollector
  readonly insideAggregate?: boolean
  /** Undefined: window functions (OVER) are not allowed here. */
  readonly ranks?: RankCollector
}

/** Chains of operators may be long; what is deeper than this would exhaust the stack of whoever walks it later. */
const DEPTH_MAX = 1000

/** Gives an expression its meaning: names, overloads and casts. Untyped literals keep the type unknown at the top. */
export function bindExpr(node: ast.Expr, env: Env): Expr {
  const { context } = env
  if (++context.depth > DEPTH_MAX) {
    throw new EngineError('54001', 'the expression is too deep', { position: node.at + 1, hint: 'Use IN or an array.' })
  }
  const bound = bindNode(node, env)
  context.depth--
  if (bound.kind === 'column' || bound.kind === 'literal') context.positions.set(bound, node.at + 1)
  return bound
}

/** A condition. */
export function bindBoolean(node: ast.Expr, env: Env, clause: string): Expr {
  return coerceBoolean(bindExpr(node, env), clause, env.context, node.at)
}

function bindNode(node: ast.Expr, env: Env): Expr {
  const { context } = env
  const position = node.at + 1
  switch (node.kind) {
    case 'null':
      return { kind: 'literal', value: null, type: UNKNOWN }
    case 'boolean':
      return { kind: 'literal', value: node.value, type: BOOLEAN }
    case 'number':
      return located(node.at, () => numberLiteral(node.text, context))
    case 'string':
      return { kind: 'literal', value: node.value, type: UNKNOWN }
    case 'bit-string':
      throw notSupported('a bit string', position)
    case 'parameter':
      return context.parameters.use(node.index, position)
    case 'column':
      return resolveColumn(env.scope, node.name, node.at)
    case 'star':
      throw new EngineError('42601', '"*" is not allowed here', { position })
    case 'expand':
      throw notSupported('.* of an expression', position)
    case 'field':
      return bindField(node, env)
    case 'subscript':
      return bindSubscript(node, env)
    case 'slice':
      return bindExpr(sliceCall(node), env)
    case 'unary':
      return bindUnary(node, env)
    case 'binary':
      return bindBinary(node, env)
    case 'and':
    case 'or': {
      const args = node.args.map(arg => bindBoolean(arg, env, node.kind.toUpperCase()))
      return { kind: node.kind, args: args.flatMap(a => (a.kind === node.kind ? a.args : [a])), type: BOOLEAN }
    }
    case 'not':
      return { kind: 'not', arg: bindBoolean(node.arg, env, 'NOT'), type: BOOLEAN }
    case 'is':
      return bindIs(node, env)
    case 'is-distinct':
      return bindIsDistinct(node, env)
    case 'in':
      return bindIn(node, env)
    case 'between':
      return bindBetween(node, env)
    case 'like':
      return bindLike(node, env)
    case 'quantified':
      return bindQuantified(node, env)
    case 'in-query':
      return bindAny(node, node.query, env)
    case 'exists':
      return bindExists(node.query, env, node.at)
    case 'scalar-query':
      return bindScalar(node.query, env, node.at)
    case 'array-query':
      throw notSupported('ARRAY of a subquery', position)
    case 'array':
      return bindArray(node, env)
    case 'row': {
      const fields = node.fields.map(field => settle(bindExpr(field, env), context, field.at))
      const type: DataType = { kind: 'row', fields: fields.map((f, i) => ({ name: `f${i + 1}`, type: f.type })) }
      return { kind: 'row', fields, type }
    }
    case 'case':
      return bindCase(node, env)
    case 'cast':
      return bindCast(node, env)
    case 'collate':
      return bindCollate(node, env)
    case 'call':
      return bindCall(node, env)
    case 'named-argument':
      throw notSupported('a named argument', position)
    case 'default':
      throw new EngineError('42601', 'DEFAULT is not allowed in this context', { position })
    case 'current-of':
      throw notSupported('WHERE CURRENT OF', position)
    default:
      return unreachable(node)
  }
}

/** A number as Postgres reads it: integer, bigint or numeric, the first that holds it. `text` may begin with a minus. */
export function numberLiteral(text: string, context: BindContext): Expr {
  if (/^-?\d+$/.test(text)) {
    const value = BigInt(text)
    if (value >= -(2n ** 31n) && value < 2n ** 31n) return { kind: 'literal', value: Number(value), type: INTEGER }
    if (value >= -(2n ** 63n) && value < 2n ** 63n) {
      return typed({ kind: 'literal', value: text, type: UNKNOWN }, BIGINT, context)
    }
  }
  return typed({ kind: 'literal', value: text, type: UNKNOWN }, NUMERIC, context)
}

function bindCollate(node: Extract<ast.Expr, { kind: 'collate' }>, env: Env): Expr {
  const collation = node.collation[node.collation.length - 1]
  const position = node.at + 1
  if (!BYTE_ORDER.has(collation)) {
    throw notSupported(`collation "${collation}"`, position, 'Text is ordered by bytes: collation "C".')
  }
  const arg = bindExpr(node.arg, env)
  if (canCast(arg.type, TEXT, 'implicit')) return coerce(arg, TEXT, 'implicit', env.context, node.arg.at)
  throw new EngineError('42804', `collations are not supported by type ${typeName(arg.type)}`, { position })
}

/** Collations that order text as we do. */
const BYTE_ORDER = new Set(['C', 'POSIX', 'ucs_basic', 'default'])

function bindField(node: Extract<ast.Expr, { kind: 'field' }>, env: Env): Expr {
  const arg = bindExpr(node.arg, env)
  const field = fieldOf(arg, node.name)
  if (field) return field
  const { type } = arg
  const hint =
    type.kind === 'row'
      ? `There is ${type.fields.map(f => f.name).join(', ')}.`
      : type.kind === 'jsonb'
        ? `Write -> '${node.name}' or ->> '${node.name}'.`
        : undefined
  throw new EngineError('42703', `column "${node.name}" not found in data type ${typeName(type)}`, {
    position: node.at + 1,
    hint,
  })
}

function bindSubscript(node: Extract<ast.Expr, { kind: 'subscript' }>, env: Env): Expr {
  const { context } = env
  const arg = bindExpr(node.arg, env)
  const { type } = arg
  const index = bindExpr(node.index, env)
  if (type.kind === 'array') {
    const at = coerce(index, INTEGER, 'assignment', context, node.index.at)
    return { kind: 'subscript', arg, index: at, type: type.element }
  }
  if (type.kind === 'map') {
    return {
      kind: 'subscript',
      arg,
      index: coerce(index, type.key, 'implicit', context, node.index.at),
      type: type.value,
    }
  }
  if (type.kind === 'jsonb') return compare('->', arg, index, env, node.at)
  throw new EngineError('42804', `cannot subscript type ${typeName(type)} because it does not support subscripting`, {
    position: node.at + 1,
  })
}

/** `list[2:3]` as the function that means it; a bound that is left out is the end. */
function sliceCall({ arg, lower, upper, at }: ast.Slice): ast.Call {
  const bound = (text: string): ast.Expr => ({ kind: 'number', text, at })
  const args = [arg, lower ?? bound('1'), upper ?? bound('2147483647')]
  const plain = { star: false, distinct: false, variadic: false, orderBy: [], withinGroup: false }
  return { kind: 'call', name: ['array_slice'], args, ...plain, at }
}

function bindIs(node: Extract<ast.Expr, { kind: 'is' }>, env: Env): Expr {
  const { test, negated } = node
  switch (test) {
    case 'null': {
      const arg = settle(bindExpr(node.arg, env), env.context, node.arg.at)
      if (arg.kind !== 'row' || arg.fields.length === 0) return { kind: 'is', test, negated, arg, type: BOOLEAN }
      // A row is NULL when all its fields are, and NOT NULL when none is.
      const tests = arg.fields.map((field): Expr => ({ kind: 'is', test, negated, arg: field, type: BOOLEAN }))
      return tests.length === 1 ? tests[0] : { kind: 'and', args: tests, type: BOOLEAN }
    }
    case 'true':
    case 'false':
    case 'unknown': {
      const arg = bindBoolean(node.arg, env, `IS ${test.toUpperCase()}`)
      return { kind: 'is', test: test === 'unknown' ? 'null' : test, negated, arg, type: BOOLEAN }
    }
    case 'json':
    case 'document':
    case 'normalized':
      throw notSupported(`IS ${test.toUpperCase()}`, node.at + 1)
    default:
      return unreachable(test)
  }
}

function bindArray(node: Extract<ast.Expr, { kind: 'array' }>, env: Env): Expr {
  if (node.elements.length === 0) {
    throw new EngineError('42P18', 'cannot determine type of empty array', {
      position: node.at + 1,
      hint: 'Explicitly cast to the desired type, for example ARRAY[]::integer[].',
    })
  }
  const bound = node.elements.map(element => bindExpr(element, env))
  const elements = unify(
    bound,
    'ARRAY',
    env.context,
    node.elements.map(e => e.at),
  )
  return { kind: 'array', elements, type: { kind: 'array', element: elements[0].type } }
}

function bindCase(node: ast.Case, env: Env): Expr {
  const { context } = env
  const operand = node.operand && bindExpr(node.operand, env)
  const whens = node.branches.map(branch => {
    if (!operand) return bindBoolean(branch.when, env, 'CASE/WHEN')
    return compare('=', operand, bindExpr(branch.when, env), env, branch.when.at)
  })
  // ELSE comes first where the type is chosen, as in Postgres.
  const results: Expr[] = [node.otherwise ? bindExpr(node.otherwise, env) : NULL]
  for (const branch of node.branches) results.push(bindExpr(branch.then, env))
  const places = [node.otherwise?.at ?? node.at, ...node.branches.map(b => b.then.at)]
  const [otherwise, ...thens] = unify(results, 'CASE', context, places)
  const branches = whens.map((when, i) => ({ when, then: thens[i] }))
  return { kind: 'case', branches, otherwise, type: otherwise.type }
}

function bindCast(node: Extract<ast.Expr, { kind: 'cast' }>, env: Env): Expr {
  const to = dataTypeOf(node.type)
  const { arg } = node
  if (arg.kind === 'array' && arg.elements.length === 0 && to.kind === 'array') {
    return { kind: 'array', elements: [], type: to }
  }
  const value = coerce(bindExpr(arg, env), to, 'explicit', env.context, node.at)
  const { type } = node
  if (type.kind === 'named' && type.fields !== undefined && value.kind === 'literal') {
    return located(node.at, () => restrictInterval(arg, value, type.fields ?? '', env.context))
  }
  return value
}

/** INTERVAL '5' MINUTE: a bare number counts the last field that is named. */
function restrictInterval(arg: ast.Expr, value: Expr, fields: string, context: BindContext): Expr {
  if (arg.kind !== 'string' || !/^\s*[-+]?\d+(\.\d+)?\s*$/.test(arg.value)) return value
  const unit = fields.split(' ').at(-1)
  return typed({ kind: 'literal', value: `${arg.value} ${unit}`, type: UNKNOWN }, value.type, context)
}
