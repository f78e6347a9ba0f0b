import type { Expr, Name, Quantified } from '../ast.ts'
import type { Query } from '../query.ts'
import type { Cursor } from './cursor.ts'
import { parsePrimary } from './primary.ts'
import { parseQuery, parseQueryRest, startsQuery } from './query.ts'
import { parseTypeName } from './type-name.ts'

/**
 * Binding power, weakest first: gram.y's precedence table. BETWEEN, IN and LIKE share a level; comparisons, they and IS do not
 * associate: `a < b < c` is an error.
 */
const OR = 1
const AND = 2
const NOT = 3
const IS = 4
const COMPARISON = 5
const LIKE = 6
const OPERATOR = 7
const SUM = 8
const PRODUCT = 9
const POWER = 10
const AT = 11
const COLLATE = 12
const SIGN = 13
const CAST = 14

const levels: ReadonlyMap<string, number> = new Map([
  ['<', COMPARISON],
  ['>', COMPARISON],
  ['=', COMPARISON],
  ['<=', COMPARISON],
  ['>=', COMPARISON],
  ['<>', COMPARISON],
  ['+', SUM],
  ['-', SUM],
  ['*', PRODUCT],
  ['/', PRODUCT],
  ['%', PRODUCT],
  ['^', POWER],
  ['::', CAST],
])
const notOperators: ReadonlySet<string> = new Set(['(', ')', '[', ']', ',', ';', '.', ':', ':=', '..', '=>'])

const words: ReadonlyMap<string, number> = new Map([
  ['or', OR],
  ['and', AND],
  ['is', IS],
  ['isnull', IS],
  ['notnull', IS],
  ['between', LIKE],
  ['in', LIKE],
  ['like', LIKE],
  ['ilike', LIKE],
  ['similar', LIKE],
  ['not', LIKE],
  ['operator', OPERATOR],
  ['overlaps', OPERATOR],
  ['at', AT],
  ['collate', COLLATE],
])

/** Any expression. */
export function parseExpression(cursor: Cursor): Expr {
  return parseLevel(cursor, 0, false)
}

/** Postgres' b_expr: without AND, OR, NOT, IN, LIKE, BETWEEN, IS NULL, AT and COLLATE at its top, so that a following word is not taken for one. */
export function parseRestricted(cursor: Cursor): Expr {
  return parseLevel(cursor, 0, true)
}

/** Operators that bind at least as tightly as `least`. Chains of them are a loop. */
function parseLevel(cursor: Cursor, least: number, restricted: boolean): Expr {
  cursor.enter()
  let left = parsePrefix(cursor, restricted)
  let blocked = -1
  while (true) {
    const level = infixLevel(cursor, restricted)
    if (level < 0 || level < least) break
    if (level === blocked) cursor.fail('parentheses: comparisons do not chain')
    blocked = -1
    if (level === AND || level === OR) left = parseJunction(cursor, left, level)
    else if (cursor.token.kind === 'word' && cursor.token.text !== 'operator') {
      const parsed = parseWordOperator(cursor, left, restricted)
      left = parsed.expr
      if (parsed.open) blocked = level
    } else if (level === CAST) {
      const { at } = cursor.next()
      left = { kind: 'cast', arg: left, type: parseTypeName(cursor), at }
    } else {
      const parsed = parseOperator(cursor, left, level, restricted)
      left = parsed
      if (level === COMPARISON && parsed.kind === 'binary') blocked = COMPARISON
    }
  }
  cursor.leave()
  return left
}

function infixLevel(cursor: Cursor, restricted: boolean): number {
  const { kind, text } = cursor.token
  if (kind === 'op') return levels.get(text) ?? (notOperators.has(text) ? -1 : OPERATOR)
  if (kind !== 'word') return -1
  const level = words.get(text)
  if (level === undefined) return -1
  if (restricted && text !== 'operator' && (text !== 'is' || !isDistinctAhead(cursor))) return -1
  if (text === 'operator') return cursor.peek().kind === 'op' && cursor.peek().text === '(' ? OPERATOR : -1
  if (text === 'not') {
    const after = cursor.peek().text
    return after === 'between' || after === 'in' || after === 'like' || after === 'ilike' || after === 'similar'
      ? LIKE
      : -1
  }
  if (text === 'at') return cursor.peek().text === 'time' || cursor.peek().text === 'local' ? AT : -1
  if (text === 'similar') return cursor.peek().text === 'to' ? LIKE : -1
  return level
}

function isDistinctAhead(cursor: Cursor): boolean {
  const after = cursor.peek().text === 'not' ? cursor.peek(2) : cursor.peek()
  return after.text === 'distinct' || after.text === 'document'
}

function parsePrefix(cursor: Cursor, restricted: boolean): Expr {
  const { kind, text, at } = cursor.token
  if (kind === 'word') {
    if (text === 'not' && !restricted) {
      cursor.next()
      return { kind: 'not', arg: parseLevel(cursor, NOT, restricted), at }
    }
    if (text === 'operator' && cursor.peek().kind === 'op' && cursor.peek().text === '(') {
      const { op, schema } = parseQualifiedOperator(cursor)
      return { kind: 'unary', op, schema, arg: parseLevel(cursor, OPERATOR + 1, restricted), at }
    }
  } else if (kind === 'op') {
    if (text === '+' || text === '-') {
      cursor.next()
      return { kind: 'unary', op: text, schema: [], arg: parseLevel(cursor, SIGN, restricted), at }
    }
    if (!levels.has(text) && !notOperators.has(text)) {
      cursor.next()
      return { kind: 'unary', op: text, schema: [], arg: parseLevel(cursor, OPERATOR + 1, restricted), at }
    }
  }
  return parsePrimary(cursor)
}

/** `a AND b AND c` is one node, however long. */
function parseJunction(cursor: Cursor, left: Expr, level: number): Expr {
  const kind = level === AND ? 'and' : 'or'
  const { at } = cursor.token
  const args = left.kind === kind ? [...left.args] : [left]
  while (cursor.accept(kind)) args.push(parseLevel(cursor, level + 1, false))
  return { kind, args, at: left.kind === kind ? left.at : at }
}

function parseOperator(cursor: Cursor, left: Expr, level: number, restricted: boolean): Expr {
  const { at } = cursor.token
  const { op, schema } = parseAnyOperator(cursor)
  if (!restricted && isQuantifier(cursor)) return parseQuantified(cursor, left, op, schema, at)
  return { kind: 'binary', op, schema, left, right: parseLevel(cursor, level + 1, restricted), at }
}

function isQuantifier(cursor: Cursor): boolean {
  return cursor.is('any') || cursor.is('all') || cursor.is('some')
}

function parseQuantified(cursor: Cursor, left: Expr, op: string, schema: Name, at: number): Quantified {
  const quantifier = cursor.next().text === 'all' ? 'all' : 'any'
  cursor.expectOp('(')
  const right = parseQueryOrExpression(cursor)
  cursor.expectOp(')')
  return { kind: 'quantified', op, schema, quantifier, left, right, at }
}

/** Behind an opening parenthesis: a query, or an expression, which may itself begin with one, as `(SELECT 1) + 1`. */
export function parseQueryOrExpression(cursor: Cursor): Query | Expr {
  if (!startsQuery(cursor)) return parseExpression(cursor)
  if (!cursor.isOp('(')) return parseQuery(cursor)
  const expr = parseExpression(cursor)
  return expr.kind === 'scalar-query' ? parseQueryRest(cursor, expr.query) : expr
}

/** An operator in any spelling, also OPERATOR(schema.op). */
export function parseAnyOperator(cursor: Cursor): { readonly op: string; readonly schema: Name } {
  if (cursor.is('operator')) return parseQualifiedOperator(cursor)
  if (cursor.token.kind !== 'op' || notOperators.has(cursor.token.text)) cursor.fail('an operator')
  return { op: cursor.next().text, schema: [] }
}

function parseQualifiedOperator(cursor: Cursor): { readonly op: string; readonly schema: Name } {
  cursor.expect('operator')
  cursor.expectOp('(')
  const schema: string[] = []
  while (cursor.isName()) {
    schema.push(cursor.name())
    cursor.expectOp('.')
  }
  const { text, kind } = cursor.token
  if (kind !== 'op' || notOperators.has(text)) cursor.fail('an operator')
  cursor.next()
  cursor.expectOp(')')
  return { op: text, schema }
}

/** What words say. `open`: it ends in an operand, so that another of the same level may not follow. */
function parseWordOperator(cursor: Cursor, left: Expr, restricted: boolean): { expr: Expr; open: boolean } {
  const { at } = cursor.token
  const negated = cursor.accept('not')
  const word = cursor.next().text
  switch (word) {
    case 'isnull':
    case 'notnull':
      return { expr: { kind: 'is', test: 'null', negated: word === 'notnull', arg: left, at }, open: false }
    case 'is':
      return parseIs(cursor, left, at, restricted)
    case 'between': {
      const symmetric = cursor.accept('symmetric')
      if (!symmetric) cursor.accept('asymmetric')
      const low = parseRestricted(cursor)
      cursor.expect('and')
      const high = parseLevel(cursor, LIKE + 1, false)
      return { expr: { kind: 'between', arg: left, low, high, symmetric, negated, at }, open: true }
    }
    case 'in':
      return { expr: parseIn(cursor, left, negated, at), open: false }
    case 'like':
    case 'ilike':
    case 'similar':
      return parseLike(cursor, left, word, negated, at)
    case 'overlaps': {
      const right = parseLevel(cursor, OPERATOR + 1, false)
      if (left.kind !== 'row' || right.kind !== 'row') return cursor.refuse('OVERLAPS needs two rows of two values', at)
      if (left.fields.length !== 2) cursor.refuse('wrong number of parameters on left side of OVERLAPS expression', at)
      if (right.fields.length !== 2)
        cursor.refuse('wrong number of parameters on right side of OVERLAPS expression', at)
      return { expr: call('overlaps', [...left.fields, ...right.fields], at), open: false }
    }
    case 'at': {
      if (cursor.accept('local')) return { expr: call('timezone', [left], at), open: false }
      cursor.expect('time')
      cursor.expect('zone')
      return { expr: call('timezone', [parseLevel(cursor, AT + 1, false), left], at), open: false }
    }
    case 'collate':
      return { expr: { kind: 'collate', arg: left, collation: cursor.qualifiedName('a collation'), at }, open: false }
    default:
      return cursor.fail('an operator')
  }
}

/** A call of an ordinary function. */
export function call(name: string, args: readonly Expr[], at: number): Expr {
  const none = { star: false, distinct: false, variadic: false, orderBy: [], withinGroup: false }
  return { kind: 'call', name: [name], args, ...none, at }
}

function parseIs(cursor: Cursor, arg: Expr, at: number, restricted: boolean): { expr: Expr; open: boolean } {
  const negated = cursor.accept('not')
  if (cursor.accept('distinct')) {
    cursor.expect('from')
    const right = parseLevel(cursor, IS + 1, restricted)
    return { expr: { kind: 'is-distinct', negated, left: arg, right, at }, open: true }
  }
  if (restricted) {
    cursor.expect('document')
    return { expr: { kind: 'is', test: 'document', negated, arg, at }, open: false }
  }
  if (cursor.accept('json')) {
    if (!cursor.accept('value') && !cursor.accept('object') && !cursor.accept('array')) cursor.accept('scalar')
    if (cursor.accept('with') || cursor.accept('without')) {
      cursor.expect('unique')
      cursor.accept('keys')
    }
    return { expr: { kind: 'is', test: 'json', negated, arg, at }, open: false }
  }
  for (const form of ['nfc', 'nfd', 'nfkc', 'nfkd']) {
    if (!cursor.are(form, 'normalized')) continue
    cursor.next()
    break
  }
  const test = cursor.expectOne(['null', 'true', 'false', 'unknown', 'document', 'normalized'])
  return { expr: { kind: 'is', test, negated, arg, at }, open: false }
}

function parseIn(cursor: Cursor, arg: Expr, negated: boolean, at: number): Expr {
  cursor.expectOp('(')
  const first = parseQueryOrExpression(cursor)
  if (first.kind === 'query' && cursor.acceptOp(')')) return { kind: 'in-query', arg, query: first, negated, at }
  // `IN ((SELECT 1), 2)` is a list after all.
  const list: Expr[] = [first.kind === 'query' ? { kind: 'scalar-query', query: first, at: first.at } : first]
  while (cursor.acceptOp(',')) list.push(parseExpression(cursor))
  cursor.expectOp(')')
  return { kind: 'in', arg, list, negated, at }
}

function parseLike(
  cursor: Cursor,
  arg: Expr,
  word: 'like' | 'ilike' | 'similar',
  negated: boolean,
  at: number,
): { expr: Expr; open: boolean } {
  if (word === 'similar') cursor.expect('to')
  else if (isQuantifier(cursor)) {
    const op = `${negated ? '!' : ''}~~${word === 'ilike' ? '*' : ''}`
    return { expr: parseQuantified(cursor, arg, op, [], at), open: false }
  }
  const pattern = parseLevel(cursor, LIKE + 1, false)
  const escapedBy = cursor.accept('escape') ? parseLevel(cursor, LIKE + 1, false) : undefined
  const op = word === 'similar' ? 'similar to' : word
  return { expr: { kind: 'like', op, arg, pattern, escape: escapedBy, negated, at }, open: true }
}

/** How tightly an infix operator binds. Named with a schema, all bind alike. */
export function binaryLevel(op: string, schema: Name): number {
  return schema.length > 0 ? OPERATOR : (levels.get(op) ?? OPERATOR)
}
