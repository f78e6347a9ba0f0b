import type { Expr } from '../ast.ts'
import type { Cursor } from './cursor.ts'
import { call, parseExpression, parseRestricted } from './expression.ts'
import { parseTypeName } from './type-name.ts'

/** Functions with a syntax of their own, or undefined when `word` is none. `opens`: a parenthesis follows it. */
export function parseSpecialCall(cursor: Cursor, word: string, opens: boolean): Expr | undefined {
  const { at } = cursor.token
  if (word === 'collation') {
    if (cursor.peek().text !== 'for') return undefined
    cursor.next()
    cursor.next()
    return call(
      'pg_collation_for',
      inParentheses(cursor, () => [parseExpression(cursor)]),
      at,
    )
  }
  const parse = opens ? special.get(word) : undefined
  if (parse === undefined) return undefined
  cursor.next()
  cursor.expectOp('(')
  const expr = parse(cursor, word, at)
  cursor.expectOp(')')
  return expr
}

function inParentheses<T>(cursor: Cursor, parse: () => T): T {
  cursor.expectOp('(')
  const result = parse()
  cursor.expectOp(')')
  return result
}

type Parse = (cursor: Cursor, word: string, at: number) => Expr

/** Just arguments, under the word as the name. */
const plain: Parse = (cursor, word, at) =>
  call(
    word,
    cursor.list(() => parseExpression(cursor)),
    at,
  )

const cast: Parse = (cursor, _word, at) => {
  const arg = parseExpression(cursor)
  cursor.expect('as')
  return { kind: 'cast', arg, type: parseTypeName(cursor), at }
}

const extract: Parse = (cursor, word, at) => {
  const field = cursor.token
  if (field.kind !== 'word' && field.kind !== 'quoted' && field.kind !== 'string') cursor.fail('a field such as YEAR')
  cursor.next()
  cursor.expect('from')
  return call(word, [{ kind: 'string', value: field.text, at: field.at }, parseExpression(cursor)], at)
}

const position: Parse = (cursor, word, at) => {
  const needle = parseRestricted(cursor)
  cursor.expect('in')
  return call(word, [parseRestricted(cursor), needle], at)
}

const substring: Parse = (cursor, word, at) => {
  if (cursor.isOp(')')) return call(word, [], at)
  const arg = parseExpression(cursor)
  if (cursor.accept('similar')) {
    const pattern = parseExpression(cursor)
    cursor.expect('escape')
    return call(word, [arg, pattern, parseExpression(cursor)], at)
  }
  if (cursor.accept('from')) {
    const from = parseExpression(cursor)
    return call(word, cursor.accept('for') ? [arg, from, parseExpression(cursor)] : [arg, from], at)
  }
  if (cursor.accept('for')) {
    const length = parseExpression(cursor)
    const from: Expr = cursor.accept('from') ? parseExpression(cursor) : { kind: 'number', text: '1', at: length.at }
    return call(word, [arg, from, length], at)
  }
  return call(word, moreArguments(cursor, arg), at)
}

const overlay: Parse = (cursor, word, at) => {
  if (cursor.isOp(')')) return call(word, [], at)
  const arg = parseExpression(cursor)
  if (!cursor.accept('placing')) return call(word, moreArguments(cursor, arg), at)
  const replacement = parseExpression(cursor)
  cursor.expect('from')
  const args = [arg, replacement, parseExpression(cursor)]
  if (cursor.accept('for')) args.push(parseExpression(cursor))
  return call(word, args, at)
}

const trim: Parse = (cursor, _word, at) => {
  const side = cursor.accept('leading') ? 'ltrim' : cursor.accept('trailing') ? 'rtrim' : 'btrim'
  if (side === 'btrim') cursor.accept('both')
  if (cursor.accept('from'))
    return call(
      side,
      cursor.list(() => parseExpression(cursor)),
      at,
    )
  const first = parseExpression(cursor)
  if (!cursor.accept('from')) return call(side, moreArguments(cursor, first), at)
  return call(side, [...cursor.list(() => parseExpression(cursor)), first], at)
}

const treat: Parse = (cursor, _word, at) => cast(cursor, 'cast', at)

const nullif: Parse = (cursor, word, at) => {
  const left = parseExpression(cursor)
  cursor.expectOp(',')
  return call(word, [left, parseExpression(cursor)], at)
}

const normalize: Parse = (cursor, word, at) => {
  const arg = parseExpression(cursor)
  if (!cursor.acceptOp(',')) return call(word, [arg], at)
  // A name is a form, a string what we print it as.
  const form = cursor.token.kind === 'string' ? cursor.token : undefined
  const text = form === undefined ? cursor.expectOne(['nfc', 'nfd', 'nfkc', 'nfkd']) : cursor.next().text
  return call(word, [arg, { kind: 'string', value: text, at }], at)
}

/** SQL/JSON constructors and queries: arguments in any of their separators; their ON NULL, ON EMPTY and RETURNING clauses are the planner's to miss. */
const json: Parse = (cursor, word, at) => {
  const args: Expr[] = []
  if (!cursor.isOp(')')) {
    do args.push(parseExpression(cursor))
    while (cursor.acceptOp(',') || cursor.acceptOp(':') || cursor.accept('value'))
  }
  return call(word, args, at)
}

const special: ReadonlyMap<string, Parse> = new Map([
  ['cast', cast],
  ['treat', treat],
  ['extract', extract],
  ['position', position],
  ['substring', substring],
  ['overlay', overlay],
  ['trim', trim],
  ['coalesce', plain],
  ['greatest', plain],
  ['least', plain],
  ['grouping', plain],
  ['xmlconcat', plain],
  ['nullif', nullif],
  ['normalize', normalize],
  ...[
    'json_object',
    'json_array',
    'json_value',
    'json_query',
    'json_exists',
    'json_scalar',
    'json_serialize',
    'json',
  ].map((name): [string, Parse] => [name, json]),
])

function moreArguments(cursor: Cursor, first: Expr): Expr[] {
  const args = [first]
  while (cursor.acceptOp(',')) args.push(parseExpression(cursor))
  return args
}
