import type { Expr, TypeName } from '../ast.ts'
import type { Alias, Join, TableRef, TableSample } from '../query.ts'
import type { Cursor } from './cursor.ts'
import { parseExpression } from './expression.ts'
import { parsePrimary } from './primary.ts'
import { parseParenthesizedQuery, parseQuery, parseQueryRest, startsQuery } from './query.ts'
import { parseTypeName } from './type-name.ts'
import { parseDuration, parseWindowTable, startsWindowTable } from './window-table.ts'

/** The list behind FROM. */
export function parseFrom(cursor: Cursor): TableRef[] {
  return cursor.list(() => parseTableRef(cursor))
}

/** A table with what is joined to it. */
export function parseTableRef(cursor: Cursor): TableRef {
  cursor.enter()
  const ref = parseJoins(cursor, parseTablePrimary(cursor))
  cursor.leave()
  return ref
}

function parseJoins(cursor: Cursor, first: TableRef): TableRef {
  let left = first
  while (true) {
    const { at } = cursor.token
    const start = parseJoinStart(cursor)
    if (start === undefined) return left
    const { type, natural, asof } = start
    if (type === 'cross' || natural) {
      left = { kind: 'join', type, natural, asof, left, right: parseTablePrimary(cursor), at }
      continue
    }
    // `a JOIN b JOIN c ON … ON …`: the right side takes the joins that come before our ON.
    const right = parseTableRef(cursor)
    const within = cursor.accept('within') ? parseWithin(cursor) : undefined
    if (cursor.accept('on'))
      left = { kind: 'join', type, natural, asof, left, right, within, on: parseExpression(cursor), at }
    else {
      if (!cursor.accept('using')) cursor.fail('ON or USING')
      const columns = cursor.parenthesized(() => cursor.name('a column'))
      const using: Join['using'] = { columns, alias: cursor.accept('as') ? cursor.name() : undefined }
      left = { kind: 'join', type, natural, asof, left, right, within, using, at }
    }
  }
}

function parseJoinStart(cursor: Cursor): { type: Join['type']; natural: boolean; asof: boolean } | undefined {
  if (cursor.token.kind !== 'word') return undefined
  if (cursor.acceptAll('cross', 'join')) return { type: 'cross', natural: false, asof: false }
  const asof = startsAsof(cursor)
  if (asof) cursor.next()
  const natural = cursor.accept('natural')
  if (cursor.accept('join')) return { type: 'inner', natural, asof }
  const type = (['inner', 'left', 'right', 'full'] as const).find(word => cursor.accept(word))
  if (type === undefined) return natural || asof ? cursor.fail('JOIN') : undefined
  if (type !== 'inner') cursor.accept('outer')
  cursor.expect('join')
  return { type, natural, asof }
}

function startsAsof(cursor: Cursor): boolean {
  if (!cursor.is('asof')) return false
  const after = cursor.peek().text
  return after === 'join' || after === 'left' || after === 'inner'
}

/** ksqlDB: `1 HOUR` or `(1 HOUR, 2 HOURS)`, of which the larger, the second, is kept; GRACE PERIOD is read over. */
function parseWithin(cursor: Cursor): Expr {
  const within = cursor.isOp('(') ? cursor.parenthesized(() => parseDuration(cursor)) : [parseDuration(cursor)]
  if (cursor.acceptAll('grace', 'period')) parseDuration(cursor)
  return within[within.length - 1]
}

/** One table, function, subquery or joined tables in parentheses. */
export function parseTablePrimary(cursor: Cursor): TableRef {
  cursor.enter()
  const ref = parseAnyTable(cursor)
  cursor.leave()
  return ref
}

function parseAnyTable(cursor: Cursor): TableRef {
  const { at } = cursor.token
  if (cursor.isOp('(')) return parseParenthesized(cursor)
  const lateral = cursor.accept('lateral')
  if (lateral && cursor.isOp('(')) {
    const query = parseParenthesizedQuery(cursor)
    return { kind: 'subquery', query, lateral, alias: parseAlias(cursor), at }
  }
  // Flink's TABLE(function).
  if (cursor.is('table') && cursor.peek().text === '(') {
    cursor.next()
    cursor.next()
    const inner = parseFunction(cursor, lateral, at)
    cursor.expectOp(')')
    const alias = parseAlias(cursor, inner.kind === 'table-function')
    return alias === undefined ? inner : { ...inner, alias }
  }
  if (startsFunction(cursor)) {
    const ref = parseFunction(cursor, lateral, at)
    if (ref.kind !== 'table-function') return { ...ref, alias: parseAlias(cursor) }
    const ordinality = cursor.acceptAll('with', 'ordinality')
    return { ...ref, ordinality, alias: parseAlias(cursor, true) }
  }
  if (lateral) cursor.fail('a function or a subquery')
  return parseTable(cursor)
}

function startsFunction(cursor: Cursor): boolean {
  if (cursor.are('rows', 'from')) return true
  if (!cursor.isName())
    return cursor.token.kind === 'word' && cursor.token.text !== 'only' && cursor.token.text !== 'select'
  let ahead = 1
  while (cursor.peek(ahead).kind === 'op' && cursor.peek(ahead).text === '.') ahead += 2
  return cursor.peek(ahead).kind === 'op' && cursor.peek(ahead).text === '('
}

function parseFunction(cursor: Cursor, lateral: boolean, at: number): TableRef {
  if (startsWindowTable(cursor)) return parseWindowTable(cursor)
  if (cursor.acceptAll('rows', 'from')) {
    const calls = cursor.parenthesized(() => parseFunctionCall(cursor))
    return { kind: 'table-function', calls, ordinality: false, lateral, at }
  }
  return { kind: 'table-function', calls: [parseFunctionCall(cursor)], ordinality: false, lateral, at }
}

function parseFunctionCall(cursor: Cursor): Expr {
  const { position } = cursor
  const expr = parsePrimary(cursor)
  if (expr.kind !== 'call' && expr.kind !== 'cast') cursor.fail('a table', position)
  return expr
}

function parseTable(cursor: Cursor): TableRef {
  const { at } = cursor.token
  const only = cursor.accept('only')
  const inside = only && cursor.acceptOp('(')
  const name = cursor.qualifiedName('a table')
  if (inside) cursor.expectOp(')')
  else if (!only) cursor.acceptOp('*')
  let asOf = parseAsOf(cursor)
  const alias = parseAlias(cursor)
  asOf ??= parseAsOf(cursor)
  return { kind: 'table', name, only, alias, asOf, sample: parseSample(cursor), at }
}

function parseAsOf(cursor: Cursor): Expr | undefined {
  if (!cursor.are('for', 'system_time')) return undefined
  cursor.next()
  cursor.next()
  cursor.expect('as')
  cursor.expect('of')
  return parseExpression(cursor)
}

function parseSample(cursor: Cursor): TableSample | undefined {
  if (!cursor.accept('tablesample')) return undefined
  const method = cursor.name('a sampling method')
  const args = cursor.parenthesized(() => parseExpression(cursor))
  const seed = cursor.accept('repeatable') ? cursor.parenthesized(() => parseExpression(cursor))[0] : undefined
  return { method, args, seed }
}

/** `(SELECT …) a`, `(a JOIN b) c`; what stands in the parentheses may begin with parentheses of either kind. */
function parseParenthesized(cursor: Cursor): TableRef {
  const { at } = cursor.expectOp('(')
  cursor.enter()
  const ref = parseInside(cursor, at)
  cursor.expectOp(')')
  cursor.leave()
  const alias = parseAlias(cursor)
  return alias === undefined ? ref : { ...ref, alias }
}

function parseInside(cursor: Cursor, at: number): TableRef {
  if (startsQuery(cursor) && !cursor.isOp('('))
    return { kind: 'subquery', query: parseQuery(cursor), lateral: false, at }
  const { position } = cursor
  const first = parseTablePrimary(cursor)
  if (position < cursor.position && first.kind === 'subquery' && first.alias === undefined && !first.lateral) {
    if (!cursor.isOp(')') && !startsJoin(cursor)) return { ...first, query: parseQueryRest(cursor, first.query), at }
    if (cursor.isOp(')')) return { ...first, at }
  }
  const ref = parseJoins(cursor, first)
  if (ref.kind !== 'join') cursor.fail('JOIN')
  return ref
}

function startsJoin(cursor: Cursor): boolean {
  return /^(cross|natural|join|inner|left|right|full|asof)$/.test(cursor.token.text)
}

/** `AS a (b, c)`, or nothing. Functions may have column definitions: `AS (b int)`. */
export function parseAlias(cursor: Cursor, definitions = false): Alias | undefined {
  const as = cursor.accept('as')
  if (as && definitions && cursor.isOp('(')) return parseColumns(cursor, undefined, true)
  if (!as && !isImplicitAlias(cursor)) return undefined
  return parseColumns(cursor, cursor.name('an alias'), definitions)
}

function parseColumns(cursor: Cursor, name: string | undefined, definitions: boolean): Alias {
  if (!cursor.isOp('(')) return { name, columns: [] }
  const columns: string[] = []
  const types: TypeName[] = []
  cursor.parenthesized(() => {
    columns.push(cursor.name('a column'))
    const typed = definitions && (types.length > 0 || columns.length === 1) && !cursor.isOp(',') && !cursor.isOp(')')
    if (typed) types.push(parseTypeName(cursor))
    else if (types.length > 0 || name === undefined) cursor.fail('a type')
  })
  return types.length > 0 ? { name, columns, types } : { name, columns }
}

/** Words of ours that begin a clause are aliases only where that clause does not follow. */
function isImplicitAlias(cursor: Cursor): boolean {
  if (!cursor.isName()) return false
  if (cursor.token.kind === 'quoted') return true
  const after = cursor.peek()
  switch (cursor.token.text) {
    case 'emit':
      return after.text !== 'changes' && after.text !== 'final' && after.text !== 'on'
    case 'asof':
      return !startsAsof(cursor)
    case 'within':
      return after.kind !== 'number' && after.text !== '(' && after.text !== 'interval'
    case 'partition':
      return after.text !== 'by'
    default:
      return true
  }
}
