import type * as ast from '../../../grammar/ast.ts'
import { assert } from '../../base/assert.ts'
import { EngineError, notSupported } from '../../base/errors.ts'
import { BOOLEAN, type DataType, type Datum, INTEGER, storageOf, typeName, UNKNOWN } from '../../batch/types.ts'
import { commonType } from '../../expr/coerce.ts'
import type { Expr } from '../../expr/expr.ts'
import { resolveFunction, resolveOperator } from '../../expr/resolve.ts'
import { coerce } from './coerce.ts'
import { located } from './context.ts'
import { bindExpr, type Env, numberLiteral } from './expression.ts'
import { bindAny } from './subqueries.ts'

/** `- x`, `~ x` … A minus before digits is part of the number, so that the smallest integer is one. */
export function bindUnary(node: ast.Unary, env: Env): Expr {
  refuseSchema(node)
  const { arg } = node
  if (arg.kind === 'number' && (node.op === '-' || node.op === '+')) {
    const text = node.op === '-' ? `-${arg.text}` : arg.text
    return located(node.at, () => numberLiteral(text, env.context))
  }
  return operator(node.op, [bindExpr(arg, env)], env, node.at)
}

/** Every infix operator. */
export function bindBinary(node: ast.Binary, env: Env): Expr {
  refuseSchema(node)
  const left = bindExpr(node.left, env)
  const right = bindExpr(node.right, env)
  return compare(node.op, left, right, env, node.at)
}

/** `left op right`; of rows field by field where both are written out. */
export function compare(op: string, left: Expr, right: Expr, env: Env, at: number): Expr {
  if (left.kind === 'row' && right.kind === 'row') return compareRows(op, left.fields, right.fields, env, at)
  return operator(op, [left, right], env, at)
}

/** A call of the operator's overload for these operands. */
export function operator(op: string, args: readonly Expr[], env: Env, at: number): Expr {
  const types = args.map(a => a.type)
  const resolved = located(at, () => resolveOperator(op, types))
  if (!resolved) {
    const call =
      types.length === 1 ? `${op} ${typeName(types[0])}` : `${typeName(types[0])} ${op} ${typeName(types[1])}`
    throw new EngineError('42883', `operator does not exist: ${call}`, { position: at + 1 })
  }
  const cast = args.map((arg, i) => coerce(arg, resolved.argTypes[i], 'implicit', env.context, at))
  return { kind: 'call', id: resolved.id, name: op, args: cast, type: resolved.type }
}

/** A call of a function of the library by its name, for constructs that stand for one. */
function libraryCall(name: string, args: readonly Expr[], env: Env, at: number): Expr {
  const resolved = located(at, () =>
    resolveFunction(
      name,
      args.map(a => a.type),
    ),
  )
  if (!resolved) throw notSupported(name, at + 1)
  const cast = args.map((arg, i) => coerce(arg, resolved.argTypes[i], 'implicit', env.context, at))
  return { kind: 'call', id: resolved.id, name, args: cast, type: resolved.type }
}

/** `a BETWEEN low AND high` is `a >= low AND a <= high`; SYMMETRIC tries both ways round. */
export function bindBetween(node: ast.Between, env: Env): Expr {
  const arg = bindExpr(node.arg, env)
  const low = bindExpr(node.low, env)
  const high = bindExpr(node.high, env)
  const within = (from: Expr, to: Expr): Expr => {
    const args = [compare('>=', arg, from, env, node.at), compare('<=', arg, to, env, node.at)]
    return { kind: 'and', args, type: BOOLEAN }
  }
  const test: Expr = node.symmetric
    ? { kind: 'or', args: [within(low, high), within(high, low)], type: BOOLEAN }
    : within(low, high)
  return node.negated ? negation(test) : test
}

/** LIKE and ILIKE are operators; with ESCAPE, and SIMILAR TO, functions of the library. */
export function bindLike(node: ast.Like, env: Env): Expr {
  const arg = bindExpr(node.arg, env)
  const pattern = bindExpr(node.pattern, env)
  const mark = node.escape && bindExpr(node.escape, env)
  if (node.op !== 'similar to' && !mark) {
    const op = node.op === 'like' ? '~~' : '~~*'
    return operator(node.negated ? `!${op}` : op, [arg, pattern], env, node.at)
  }
  const name = node.op === 'similar to' ? 'similar_to' : node.op
  const test = libraryCall(name, mark ? [arg, pattern, mark] : [arg, pattern], env, node.at)
  return node.negated ? negation(test) : test
}

/** Never NULL: equal, or both NULL. */
export function bindIsDistinct(node: Extract<ast.Expr, { kind: 'is-distinct' }>, env: Env): Expr {
  const left = bindExpr(node.left, env)
  const right = bindExpr(node.right, env)
  const isNull = (arg: Expr): Expr => ({ kind: 'is', test: 'null', negated: false, arg, type: BOOLEAN })
  const equal = compare('=', left, right, env, node.at)
  // The operands as the comparison takes them: literals have their type there.
  const [a, b] = equal.kind === 'call' ? equal.args : [left, right]
  const same: Expr = {
    kind: 'or',
    args: [
      { kind: 'is', test: 'true', negated: false, arg: equal, type: BOOLEAN },
      { kind: 'and', args: [isNull(a), isNull(b)], type: BOOLEAN },
    ],
    type: BOOLEAN,
  }
  return node.negated ? same : negation(same)
}

/** `arg IN (…)`: constants become one test, the others one comparison each. */
export function bindIn(node: Extract<ast.Expr, { kind: 'in' }>, env: Env): Expr {
  const arg = bindExpr(node.arg, env)
  const list = node.list.map(item => bindExpr(item, env))
  return membership(arg, list, node.negated, env, node.at)
}

/** `op ANY (array)` and `op ALL (array)` where the array's elements are known now. */
export function bindQuantified(node: ast.Quantified, env: Env): Expr {
  const { quantifier, right, op } = node
  const position = node.at + 1
  if (right.kind === 'query') return bindAny(node, right, env)
  const left = bindExpr(node.left, env)
  const written = bindExpr(right, env)
  const untyped = written.kind === 'parameter' && written.type.kind === 'unknown' && left.type.kind !== 'unknown'
  const array = untyped
    ? coerce(written, { kind: 'array', element: left.type }, 'implicit', env.context, right.at)
    : written
  const elements = arrayElements(array, left.type, env, right.at)
  const same = (op === '=' && quantifier === 'any') || (op === '<>' && quantifier === 'all')
  if (!elements && same && array.type.kind === 'array') return isElement(left, array, quantifier, env, node.at)
  if (!elements) throw notSupported(`${op} ${quantifier.toUpperCase()} of an array that is not a constant`, position)
  if (op === '=' && quantifier === 'any') return membership(left, elements, false, env, node.at)
  if (op === '<>' && quantifier === 'all') return membership(left, elements, true, env, node.at)
  const args = elements.map(element => compare(op, left, element, env, node.at))
  if (args.length === 0) return { kind: 'literal', value: quantifier === 'all', type: BOOLEAN }
  return args.length === 1 ? args[0] : { kind: quantifier === 'any' ? 'or' : 'and', args, type: BOOLEAN }
}

/** x = ANY (array), x <> ALL (array), with the NULLs of a chain of OR. */
function isElement(left: Expr, right: Expr, quantifier: ast.Quantified['quantifier'], env: Env, at: number): Expr {
  const { context } = env
  assert(right.type.kind === 'array', 'the right side is an array')
  const element = commonType([left.type, right.type.element]) ?? right.type.element
  const value = coerce(left, element, 'implicit', context, at)
  const array = coerce(right, { kind: 'array', element }, 'implicit', context, at)
  const call = (name: string, args: readonly Expr[], type: DataType): Expr => {
    const resolved = resolveFunction(
      name,
      args.map(a => a.type),
    )
    assert(resolved !== undefined, `${name} takes arrays`)
    return { kind: 'call', id: resolved.id, name, args, type }
  }
  const is = (arg: Expr, negated: boolean): Expr => ({ kind: 'is', test: 'null', negated, arg, type: BOOLEAN })
  const truth = (answer: boolean | null): Expr => ({ kind: 'literal', value: answer, type: BOOLEAN })
  const found = (item: Expr): Expr => is(call('array_position', [array, item], INTEGER), true)
  const none: Expr = { kind: 'literal', value: null, type: element }
  const zero: Expr = { kind: 'literal', value: 0, type: INTEGER }
  const empty = compare('=', call('cardinality', [array], INTEGER), zero, env, at)
  const any = quantifier === 'any'
  return {
    kind: 'case',
    branches: [
      { when: is(array, false), then: truth(null) },
      { when: empty, then: truth(!any) },
      { when: is(value, false), then: truth(null) },
      { when: found(value), then: truth(any) },
      { when: found(none), then: truth(null) },
    ],
    otherwise: truth(!any),
    type: BOOLEAN,
  }
}

function arrayElements(array: Expr, element: DataType, env: Env, at: number): readonly Expr[] | undefined {
  if (array.kind === 'array') return array.elements
  if (array.kind !== 'literal') return undefined
  const value =
    array.type.kind === 'unknown' ? coerce(array, { kind: 'array', element }, 'implicit', env.context, at) : array
  if (value.kind !== 'literal' || value.type.kind !== 'array' || !Array.isArray(value.value)) return undefined
  const { type } = value
  return value.value.map((datum: Datum): Expr => ({ kind: 'literal', value: datum, type: type.element }))
}

function membership(arg: Expr, list: readonly Expr[], negated: boolean, env: Env, at: number): Expr {
  const op = negated ? '<>' : '='
  const tests: Expr[] = []
  const type = arg.kind === 'row' ? undefined : commonType([arg.type, ...list.map(e => e.type)])
  const values: Datum[] = []
  const tested = type && coerce(arg, type, 'implicit', env.context, at)
  for (const item of list) {
    const constant = type && item.kind === 'literal' ? coerce(item, type, 'implicit', env.context, at) : item
    if (type && isSimple(type) && constant.kind === 'literal' && constant.value !== null) values.push(constant.value)
    else tests.push(compare(op, tested ?? arg, constant, env, at))
  }
  if (values.length === 1 && type) {
    tests.unshift(compare(op, tested ?? arg, { kind: 'literal', value: values[0], type }, env, at))
  } else if (values.length > 0 && tested) {
    tests.unshift({ kind: 'in', arg: tested, values: [...new Set(values)], negated, type: BOOLEAN })
  }
  if (tests.length === 0) return { kind: 'literal', value: negated, type: BOOLEAN }
  return tests.length === 1 ? tests[0] : { kind: negated ? 'and' : 'or', args: tests, type: BOOLEAN }
}

/** Values of which a set can be made. */
function isSimple(type: DataType): boolean {
  return storageOf(type) !== 'boxed' && type.kind !== 'bytea' && type.kind !== 'jsonb'
}

function compareRows(op: string, left: readonly Expr[], right: readonly Expr[], env: Env, at: number): Expr {
  if (left.length !== right.length) {
    throw new EngineError('42601', 'unequal number of entries in row expressions', { position: at + 1 })
  }
  const pairs = (by: string): Expr[] => left.map((l, i) => compare(by, l, right[i], env, at))
  switch (op) {
    case '=':
      return conjunction('and', pairs('='))
    case '<>':
      return conjunction('or', pairs('<>'))
    case '<':
    case '>':
    case '<=':
    case '>=': {
      // (a, b) < (c, d) is a < c OR a = c AND b < d.
      const strict = pairs(op[0])
      const equal = pairs('=')
      const last = pairs(op)
      const branches = left.map((_, i) => {
        const decides = i === left.length - 1 ? last[i] : strict[i]
        return conjunction('and', [...equal.slice(0, i), decides])
      })
      return conjunction('or', branches)
    }
    default:
      throw notSupported(`operator ${op} between rows`, at + 1)
  }
}

function conjunction(kind: 'and' | 'or', args: readonly Expr[]): Expr {
  return args.length === 1 ? args[0] : { kind, args, type: BOOLEAN }
}

function negation(arg: Expr): Expr {
  return { kind: 'not', arg, type: BOOLEAN }
}

function refuseSchema(node: ast.Unary | ast.Binary): void {
  if (node.schema.length > 0 && node.schema.join('.') !== 'pg_catalog') {
    throw new EngineError('42883', `operator does not exist: ${node.schema.join('.')}.${node.op}`, {
      position: node.at + 1,
    })
  }
}

/** An untyped NULL. */
export const NULL: Expr = { kind: 'literal', value: null, type: UNKNOWN }
