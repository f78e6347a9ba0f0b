import type { Expr } from '../ast.ts'
import { keywords } from '../keywords.ts'
import { parseCall } from './call.ts'
import type { Cursor } from './cursor.ts'
import { call, parseExpression, parseQueryOrExpression } from './expression.ts'
import { parseParenthesizedQuery } from './query.ts'
import { parseSpecialCall } from './special-call.ts'
import { isTypeKeyword, parseIntervalFields, parseSimpleType, typeNamed } from './type-name.ts'

/** Functions that are written without parentheses; those with a precision may have them. */
const valueFunctions: ReadonlyMap<string, 'plain' | 'precision'> = new Map([
  ['current_date', 'plain'],
  ['current_time', 'precision'],
  ['current_timestamp', 'precision'],
  ['localtime', 'precision'],
  ['localtimestamp', 'precision'],
  ['current_role', 'plain'],
  ['current_user', 'plain'],
  ['session_user', 'plain'],
  ['system_user', 'plain'],
  ['user', 'plain'],
  ['current_catalog', 'plain'],
  ['current_schema', 'plain'],
])

/** What operators stand between: a constant, a column, a call, something in parentheses. */
export function parsePrimary(cursor: Cursor): Expr {
  const { kind, text, at } = cursor.token
  switch (kind) {
    case 'number':
      cursor.next()
      return { kind: 'number', text: decimal(text), at }
    case 'string':
      cursor.next()
      return { kind: 'string', value: text, at }
    case 'bits':
      cursor.next()
      return { kind: 'bit-string', base: text[0] === 'b' ? 'b' : 'x', digits: text.slice(1), at }
    case 'parameter':
      cursor.next()
      return parseIndirection(cursor, { kind: 'parameter', index: Number(text), at })
    case 'op':
      if (text === '(') return parseParenthesized(cursor)
      return cursor.fail('an expression')
    case 'quoted':
      return parseNamed(cursor)
    case 'word':
      return parseWord(cursor, text, at)
    default:
      return cursor.fail('an expression')
  }
}

function parseWord(cursor: Cursor, word: string, at: number): Expr {
  if (!keywords.has(word)) return parseNamed(cursor)
  const opens = cursor.peek().kind === 'op' && cursor.peek().text === '('
  switch (word) {
    case 'null':
      cursor.next()
      return { kind: 'null', at }
    case 'true':
    case 'false':
      cursor.next()
      return { kind: 'boolean', value: word === 'true', at }
    case 'case':
      return parseCase(cursor)
    case 'array':
      return parseArray(cursor)
    case 'row':
      if (!opens) break
      cursor.next()
      cursor.next()
      if (cursor.acceptOp(')')) return { kind: 'row', fields: [], at }
      return finishRow(cursor, [], at)
    case 'exists': {
      if (!opens) break
      cursor.next()
      return { kind: 'exists', query: parseParenthesizedQuery(cursor), at }
    }
    case 'default':
      cursor.next()
      return { kind: 'default', at }
    // Spark's `window.start` beside GROUP BY window(…).
    case 'window':
      if (cursor.peek().text !== '.' || !/^(start|end)$/.test(cursor.peek(2).text)) break
      cursor.next()
      cursor.next()
      return { kind: 'column', name: [`window_${cursor.next().text}`], at }
  }
  const special = parseSpecialCall(cursor, word, opens)
  if (special !== undefined) return special
  const values = valueFunctions.get(word)
  if (values !== undefined && !(word === 'current_schema' && opens)) {
    cursor.next()
    if (values === 'precision' && cursor.acceptOp('(')) {
      const precision: Expr = { kind: 'number', at: cursor.token.at, text: String(cursor.integer()) }
      cursor.expectOp(')')
      return call(word, [precision], at)
    }
    return call(word, [], at)
  }
  if (isTypeKeyword(cursor)) {
    const start = cursor.position
    const type = parseSimpleType(cursor)
    const interval = word === 'interval'
    // INTERVAL 5 MINUTES, without quotes, is ksqlDB's and Flink's.
    if (cursor.token.kind === 'string' || (interval && cursor.token.kind === 'number')) {
      const literal = cursor.next()
      const arg: Expr = { kind: 'string', value: literal.text, at: literal.at }
      const fields = interval ? parseIntervalFields(cursor, type, literal.kind === 'number') : type
      return { kind: 'cast', arg, type: fields, at }
    }
    cursor.rewind(start)
  }
  return parseNamed(cursor)
}

/** Numbers in other bases, and underscores, become plain decimal digits. */
function decimal(text: string): string {
  if (/^0[xXoObB]/.test(text)) return String(BigInt(text.replaceAll('_', '').toLowerCase()))
  return text.includes('_') ? text.replaceAll('_', '') : text
}

/** `name`, `a.b.c`, `t.*`, `f(…)`, `type 'literal'`. */
function parseNamed(cursor: Cursor): Expr {
  const first = cursor.token
  if (!cursor.isName() && !cursor.isFunction()) cursor.fail('an expression')
  const { at } = cursor.next()
  const name = [first.text]
  while (cursor.isOp('.')) {
    if (name.length === 1 && !cursor.isName(first)) cursor.fail('"("')
    cursor.next()
    if (cursor.acceptOp('*')) return { kind: 'star', qualifier: name, at }
    name.push(cursor.label())
  }
  const callable = name.length > 1 ? cursor.isName(first) : cursor.isFunction(first)
  if (callable && cursor.token.kind === 'string') {
    const arg: Expr = { kind: 'string', value: cursor.token.text, at: cursor.next().at }
    return { kind: 'cast', arg, type: typeNamed(first.kind === 'word' || name.length > 1, name, [], at), at }
  }
  if (callable && cursor.isOp('(')) {
    const parsed = parseCall(cursor, name, at)
    if (cursor.token.kind !== 'string' || parsed.args.length === 0) return parsed
    // `timestamptz(3) '2026-01-01'`
    const modifiers = parsed.args.map(arg =>
      arg.kind === 'number' ? Number(arg.text) : cursor.fail('end of the call'),
    )
    const arg: Expr = { kind: 'string', value: cursor.token.text, at: cursor.next().at }
    return { kind: 'cast', arg, type: typeNamed(first.kind === 'word' || name.length > 1, name, modifiers, at), at }
  }
  if (!cursor.isName(first)) cursor.fail('"("')
  return parseIndirection(cursor, { kind: 'column', name, at })
}

/** `[i]`, `[i:j]`, `.field` and `.*` behind a value. */
function parseIndirection(cursor: Cursor, arg: Expr): Expr {
  let expr = arg
  while (true) {
    const { at } = cursor.token
    if (cursor.acceptOp('[')) {
      const lower = cursor.isOp(':') ? undefined : parseExpression(cursor)
      if (cursor.acceptOp(':')) {
        const upper = cursor.isOp(']') ? undefined : parseExpression(cursor)
        expr = { kind: 'slice', arg: expr, lower, upper, at }
      } else if (lower === undefined) cursor.fail('an expression')
      else expr = { kind: 'subscript', arg: expr, index: lower, at }
      cursor.expectOp(']')
    } else if (cursor.acceptOp('.')) {
      if (cursor.acceptOp('*')) return { kind: 'expand', arg: expr, at }
      expr = { kind: 'field', arg: expr, name: cursor.label(), at }
    } else return expr
  }
}

/** `(expr)`, `(a, b)`, `(SELECT …)`. */
function parseParenthesized(cursor: Cursor): Expr {
  const { at } = cursor.next()
  const first = parseQueryOrExpression(cursor)
  const expr: Expr = first.kind === 'query' ? { kind: 'scalar-query', query: first, at } : first
  if (cursor.isOp(',')) {
    cursor.next()
    return finishRow(cursor, [expr], at)
  }
  cursor.expectOp(')')
  return parseIndirection(cursor, expr)
}

function finishRow(cursor: Cursor, first: readonly Expr[], at: number): Expr {
  const fields = [...first, ...cursor.list(() => parseExpression(cursor))]
  cursor.expectOp(')')
  return { kind: 'row', fields, at }
}

function parseCase(cursor: Cursor): Expr {
  const { at } = cursor.next()
  const operand = cursor.is('when') ? undefined : parseExpression(cursor)
  const branches: { when: Expr; then: Expr }[] = []
  while (cursor.accept('when')) {
    const when = parseExpression(cursor)
    cursor.expect('then')
    branches.push({ when, then: parseExpression(cursor) })
  }
  if (branches.length === 0) cursor.fail('WHEN')
  const otherwise = cursor.accept('else') ? parseExpression(cursor) : undefined
  cursor.expect('end')
  return { kind: 'case', operand, branches, otherwise, at }
}

/** `ARRAY[…]`, where inner brackets are arrays too, and `ARRAY(SELECT …)`. */
function parseArray(cursor: Cursor): Expr {
  const { at } = cursor.next()
  if (cursor.isOp('(')) return { kind: 'array-query', query: parseParenthesizedQuery(cursor), at }
  return parseArrayElements(cursor, at)
}

function parseArrayElements(cursor: Cursor, at: number): Expr {
  cursor.expectOp('[')
  cursor.enter()
  const nested = cursor.isOp('[')
  const element = (): Expr => (nested ? parseArrayElements(cursor, cursor.token.at) : parseExpression(cursor))
  const elements = cursor.isOp(']') ? [] : cursor.list(element)
  cursor.expectOp(']')
  cursor.leave()
  return { kind: 'array', elements, at }
}
