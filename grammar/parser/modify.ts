import type { Expr, Name } from '../ast.ts'
import type { Query, With } from '../query.ts'
import type { Assignment, Delete, Insert, OnConflict, ReturningItem, Update } from '../statements.ts'
import type { Cursor } from './cursor.ts'
import { parseExpression } from './expression.ts'
import { parseFrom } from './from.ts'
import { parseQuery, parseSelectItem, parseWith } from './query.ts'

/** A query, or INSERT, UPDATE or DELETE; each perhaps behind WITH. */
export function parseQueryOrModify(cursor: Cursor): Query | Insert | Update | Delete {
  cursor.enter()
  const { at } = cursor.token
  const tables = parseWith(cursor)
  const parsed = startsModify(cursor) ? parseModification(cursor, tables) : parseQuery(cursor, tables, at)
  cursor.leave()
  return parsed
}

/** Whether a change to a table comes next, without WITH. */
export function startsModify(cursor: Cursor): boolean {
  return cursor.is('insert') || cursor.is('update') || cursor.is('delete')
}

function parseModification(cursor: Cursor, tables: With | undefined): Insert | Update | Delete {
  if (cursor.is('insert')) return parseInsert(cursor, tables)
  return cursor.is('update') ? parseUpdate(cursor, tables) : parseDelete(cursor, tables)
}

function parseInsert(cursor: Cursor, tables: With | undefined): Insert {
  const { at } = cursor.expect('insert')
  cursor.expect('into')
  const table = cursor.qualifiedName('a table')
  const alias = cursor.accept('as') ? cursor.name() : undefined
  const columns = startsColumns(cursor) ? cursor.parenthesized(() => parseColumnName(cursor)) : []
  let overriding: Insert['overriding']
  if (cursor.accept('overriding')) {
    overriding = cursor.expectOne<'system' | 'user'>(['system', 'user'])
    cursor.expect('value')
  }
  let query: Query | undefined
  if (!cursor.acceptAll('default', 'values')) {
    if (!cursor.isOp('(') && !/^(select|values|with|table)$/.test(cursor.token.text)) cursor.fail('VALUES or SELECT')
    query = parseQuery(cursor)
  }
  const onConflict = parseOnConflict(cursor)
  const returning = parseReturning(cursor)
  return { kind: 'insert', with: tables, table, alias, columns, query, overriding, onConflict, returning, at }
}

/** `(a, b)` before the rows, not a query in parentheses. */
function startsColumns(cursor: Cursor): boolean {
  if (!cursor.isOp('(')) return false
  const { kind, text } = cursor.peek()
  return cursor.isName(cursor.peek()) && !(kind === 'word' && text === 'values' && cursor.peek(2).text === '(')
}

function parseColumnName(cursor: Cursor): Insert['columns'][number] {
  const { at } = cursor.token
  return { name: cursor.name('a column'), at }
}

function parseOnConflict(cursor: Cursor): OnConflict | undefined {
  const { at } = cursor.token
  if (!cursor.acceptAll('on', 'conflict')) return undefined
  let target: Expr[] = []
  let targetWhere: Expr | undefined
  let constraint: string | undefined
  if (cursor.isOp('(')) {
    target = cursor.parenthesized(() => parseExpression(cursor))
    if (cursor.accept('where')) targetWhere = parseExpression(cursor)
  } else if (cursor.acceptAll('on', 'constraint')) constraint = cursor.name('a constraint')
  cursor.expect('do')
  if (cursor.accept('nothing')) return { target, targetWhere, constraint, set: [], at }
  if (!cursor.accept('update')) cursor.fail('NOTHING or UPDATE')
  const set = parseSet(cursor)
  const where = cursor.accept('where') ? parseExpression(cursor) : undefined
  return { target, targetWhere, constraint, set, where, at }
}

function parseSet(cursor: Cursor): Assignment[] {
  cursor.expect('set')
  return cursor.list(() => {
    const { at } = cursor.token
    const targets = cursor.isOp('(') ? cursor.parenthesized(() => parseTarget(cursor)) : [parseTarget(cursor)]
    const multiple = cursor.peek(-1).text === ')'
    cursor.expectOp('=')
    const value = parseExpression(cursor)
    if (multiple && value.kind !== 'row' && value.kind !== 'scalar-query' && targets.length > 1)
      cursor.refuse('source for a multiple-column UPDATE item must be a sub-SELECT or ROW() expression', value.at)
    return { targets, value, at }
  })
}

/** A column, perhaps with `[i]` or `.field` behind it. */
function parseTarget(cursor: Cursor): Expr {
  const { at } = cursor.token
  let target: Expr = { kind: 'column', name: [cursor.name('a column')], at }
  while (cursor.isOp('.') || cursor.isOp('[')) {
    const { at } = cursor.token
    if (cursor.acceptOp('.')) target = { kind: 'field', arg: target, name: cursor.label(), at }
    else {
      cursor.next()
      target = { kind: 'subscript', arg: target, index: parseExpression(cursor), at }
      cursor.expectOp(']')
    }
  }
  return target
}

function parseReturning(cursor: Cursor): ReturningItem[] {
  return cursor.accept('returning') ? cursor.list(() => parseSelectItem(cursor)) : []
}

function parseTargetTable(cursor: Cursor): { table: Name; only: boolean; alias?: string } {
  const only = cursor.accept('only')
  const inside = only && cursor.acceptOp('(')
  const table = cursor.qualifiedName('a table')
  if (inside) cursor.expectOp(')')
  else cursor.acceptOp('*')
  const alias = cursor.accept('as') || (cursor.isName() && !cursor.is('set')) ? cursor.name('an alias') : undefined
  return { table, only, alias }
}

function parseUpdate(cursor: Cursor, tables: With | undefined): Update {
  const { at } = cursor.expect('update')
  const target = parseTargetTable(cursor)
  const set = parseSet(cursor)
  const from = cursor.accept('from') ? parseFrom(cursor) : []
  const where = parseWhere(cursor)
  return { kind: 'update', with: tables, ...target, set, from, where, returning: parseReturning(cursor), at }
}

function parseDelete(cursor: Cursor, tables: With | undefined): Delete {
  const { at } = cursor.expect('delete')
  cursor.expect('from')
  const target = parseTargetTable(cursor)
  const using = cursor.accept('using') ? parseFrom(cursor) : []
  const where = parseWhere(cursor)
  return { kind: 'delete', with: tables, ...target, using, where, returning: parseReturning(cursor), at }
}

function parseWhere(cursor: Cursor): Expr | undefined {
  if (!cursor.accept('where')) return undefined
  const { at } = cursor.token
  if (!cursor.are('current', 'of')) return parseExpression(cursor)
  cursor.next()
  cursor.next()
  return { kind: 'current-of', cursor: cursor.name('a cursor'), at }
}
