import type { Expr, Name, OrderItem } from '../ast.ts'
import { isBareLabel } from '../keywords.ts'
import type {
  CommonTable,
  GroupBy,
  GroupItem,
  Locking,
  Query,
  Select,
  SelectItem,
  SetOperation,
  TableRef,
  With,
} from '../query.ts'
import { parseOrderBy, parseWindowSpec } from './call.ts'
import { type Cursor, DEPTH_MAX } from './cursor.ts'
import { call, parseExpression } from './expression.ts'
import { parseFrom } from './from.ts'
import { parseQueryOrModify } from './modify.ts'
import { parseTrailingWindow, sessionsOfGroups, takeWindowGroups } from './window-table.ts'

/** Whether a query comes next, also behind parentheses: then it may still turn out to be the beginning of an expression. */
export function startsQuery(cursor: Cursor): boolean {
  let ahead = 0
  let token = cursor.token
  while (token.kind === 'op' && token.text === '(' && ahead <= DEPTH_MAX) token = cursor.peek(++ahead)
  // Too deep either way: parsing it as a query says so.
  if (ahead > DEPTH_MAX) return true
  if (token.kind !== 'word') return false
  const { text } = token
  return (
    text === 'select' ||
    text === 'values' ||
    text === 'with' ||
    (text === 'table' && cursor.peek(ahead + 1).text !== '(')
  )
}

/** A query that begins here; `given` is its WITH when that has been read, and `at` where that began. */
export function parseQuery(cursor: Cursor, given?: With, at = cursor.token.at): Query {
  cursor.enter()
  const tables = given ?? parseWith(cursor)
  const query = parseClauses(cursor, parseUnions(cursor, parseIntersections(cursor, parseOperand(cursor))), tables, at)
  cursor.leave()
  return query
}

/** A query whose first operand has been read. */
export function parseQueryRest(cursor: Cursor, first: Query): Query {
  return parseClauses(cursor, parseUnions(cursor, parseIntersections(cursor, first)), undefined, first.at)
}

/** `(query)`. */
export function parseParenthesizedQuery(cursor: Cursor): Query {
  cursor.expectOp('(')
  const query = parseQuery(cursor)
  cursor.expectOp(')')
  return query
}

/** A query around a body without further clauses. */
export function plainQuery(body: Query['body'], at: number): Query {
  return { kind: 'query', body, orderBy: [], withTies: false, locking: [], at }
}

function parseUnions(cursor: Cursor, first: Query): Query {
  return parseSetOperations(cursor, first, ['union', 'except'], () => parseIntersections(cursor, parseOperand(cursor)))
}

function parseIntersections(cursor: Cursor, first: Query): Query {
  return parseSetOperations(cursor, first, ['intersect'], () => parseOperand(cursor))
}

function parseSetOperations(
  cursor: Cursor,
  first: Query,
  ops: readonly ('union' | 'intersect' | 'except')[],
  operand: () => Query,
): Query {
  const rest: SetOperation['rest'][number][] = []
  while (true) {
    const { at } = cursor.token
    const op = ops.find(word => cursor.accept(word))
    if (op === undefined) break
    const all = cursor.accept('all')
    if (!all) cursor.accept('distinct')
    rest.push({ op, all, query: operand(), at })
  }
  return rest.length === 0 ? first : plainQuery({ kind: 'set-operation', first, rest, at: first.at }, first.at)
}

function parseOperand(cursor: Cursor): Query {
  const { at } = cursor.token
  if (cursor.acceptOp('(')) {
    const query = parseQuery(cursor)
    cursor.expectOp(')')
    return query
  }
  if (cursor.accept('values')) {
    const rows = cursor.list(() => cursor.parenthesized(() => parseExpression(cursor)))
    return plainQuery({ kind: 'values', rows, at }, at)
  }
  if (cursor.accept('table')) {
    cursor.accept('only')
    const name = cursor.qualifiedName('a table')
    const from: TableRef[] = [{ kind: 'table', name, only: false, at }]
    const items: SelectItem[] = [{ expr: { kind: 'star', qualifier: [], at }, at }]
    return plainQuery({ kind: 'select', items, from, windows: [], at }, at)
  }
  if (!cursor.is('select')) cursor.fail('SELECT or VALUES')
  return plainQuery(parseSelect(cursor), at)
}

/** ORDER BY, LIMIT and the like around a query; each once, also when the query stood in parentheses with its own. */
function parseClauses(cursor: Cursor, query: Query, tables: With | undefined, at: number): Query {
  let orderBy: readonly OrderItem[] = []
  let limit: Expr | undefined
  let offset: Expr | undefined
  let emit: Query['emit']
  let partitionBy: Query['partitionBy']
  let withTies = false
  let limited = false
  const locking: Locking[] = []
  const once = (taken: boolean, clause: string, where: number): void => {
    if (taken) cursor.refuse(`multiple ${clause} clauses not allowed`, where)
  }
  while (true) {
    const { at, text } = cursor.token
    if (text === 'order' && cursor.is('order')) {
      if (limited || offset !== undefined || locking.length > 0) break
      once(orderBy.length > 0 || query.orderBy.length > 0, 'ORDER BY', at)
      orderBy = parseOrderBy(cursor)
    } else if (cursor.accept('limit')) {
      once(limited || query.limit !== undefined, 'LIMIT', at)
      limited = true
      limit = cursor.accept('all') ? undefined : parseExpression(cursor)
      if (cursor.isOp(','))
        cursor.refuse('LIMIT #,# syntax is not supported', cursor.token.at, 'Use separate LIMIT and OFFSET clauses.')
    } else if (cursor.accept('offset')) {
      once(offset !== undefined || query.offset !== undefined, 'OFFSET', at)
      offset = parseExpression(cursor)
      if (!cursor.accept('row')) cursor.accept('rows')
    } else if (cursor.are('fetch', 'first') || cursor.are('fetch', 'next')) {
      once(limited || query.limit !== undefined, 'LIMIT', at)
      limited = true
      const fetched = parseFetchFirst(cursor)
      limit = fetched.limit
      withTies = fetched.withTies
    } else if (cursor.is('for')) {
      if (cursor.peek().text === 'read') {
        cursor.next()
        cursor.next()
        cursor.expect('only')
      } else locking.push(parseLocking(cursor))
    } else if (cursor.is('emit')) {
      cursor.next()
      once(emit !== undefined || query.emit !== undefined, 'EMIT', at)
      emit = parseEmit(cursor)
    } else if (cursor.are('partition', 'by')) {
      cursor.next()
      cursor.next()
      partitionBy = cursor.list(() => parseExpression(cursor))
    } else break
  }
  if (tables !== undefined && query.with !== undefined) cursor.refuse('multiple WITH clauses not allowed', at)
  if (withTies && orderBy.length === 0 && query.orderBy.length === 0)
    cursor.refuse('WITH TIES cannot be specified without ORDER BY clause', at)
  return {
    kind: 'query',
    with: tables ?? query.with,
    body: query.body,
    orderBy: orderBy.length > 0 ? orderBy : query.orderBy,
    limit: limit ?? query.limit,
    withTies: withTies || query.withTies,
    offset: offset ?? query.offset,
    locking: locking.length > 0 ? [...query.locking, ...locking] : query.locking,
    emit: emit ?? query.emit,
    partitionBy: partitionBy ?? query.partitionBy,
    at,
  }
}

function parseFetchFirst(cursor: Cursor): { limit: Expr; withTies: boolean } {
  cursor.next()
  const { at } = cursor.next()
  const implied = cursor.is('row') || cursor.is('rows')
  const limit: Expr = implied ? { kind: 'number', text: '1', at } : parseExpression(cursor)
  cursor.expectOne(['row', 'rows'])
  if (cursor.accept('only')) return { limit, withTies: false }
  cursor.expect('with')
  cursor.expect('ties')
  return { limit, withTies: true }
}

function parseLocking(cursor: Cursor): Locking {
  cursor.expect('for')
  const strength = cursor.acceptAll('no', 'key', 'update')
    ? 'no key update'
    : cursor.acceptAll('key', 'share')
      ? 'key share'
      : cursor.expectOne(['update', 'share'])
  const of: Name[] = cursor.accept('of') ? cursor.list(() => cursor.qualifiedName('a table')) : []
  const wait = cursor.accept('nowait') ? 'nowait' : cursor.acceptAll('skip', 'locked') ? 'skip locked' : undefined
  return { strength, of, wait }
}

function parseEmit(cursor: Cursor): Query['emit'] {
  if (cursor.accept('changes')) return 'changes'
  if (cursor.accept('final')) return 'final'
  if (!cursor.accept('on')) cursor.fail('CHANGES, FINAL or ON WINDOW CLOSE')
  cursor.expect('window')
  cursor.expect('close')
  return 'final'
}

/** WITH …, or nothing. */
export function parseWith(cursor: Cursor): With | undefined {
  if (!cursor.accept('with')) return undefined
  const recursive = cursor.accept('recursive')
  return { recursive, tables: cursor.list(() => parseCommonTable(cursor)) }
}

function parseCommonTable(cursor: Cursor): CommonTable {
  const { at } = cursor.token
  const name = cursor.name()
  const columns = cursor.isOp('(') ? cursor.parenthesized(() => cursor.name('a column')) : []
  cursor.expect('as')
  const not = cursor.are('not', 'materialized')
  if (not) cursor.next()
  const materialized = cursor.accept('materialized') ? !not : undefined
  cursor.expectOp('(')
  const { at: start } = cursor.token
  const parsed = parseQueryOrModify(cursor)
  const query = parsed.kind === 'query' ? parsed : plainQuery({ kind: 'modify', statement: parsed, at: start }, start)
  cursor.expectOp(')')
  return { name, columns, materialized, query, at }
}

function parseSelect(cursor: Cursor): Select {
  const { at } = cursor.expect('select')
  let distinct: Select['distinct']
  if (cursor.accept('distinct')) {
    distinct = { on: cursor.accept('on') ? cursor.parenthesized(() => parseExpression(cursor)) : [] }
  } else cursor.accept('all')
  const items = endsItems(cursor) ? [] : cursor.list(() => parseSelectItem(cursor))
  if (items.length === 0 && distinct !== undefined) cursor.fail('an expression')
  const into = cursor.accept('into') ? parseInto(cursor) : undefined
  let from: readonly TableRef[] = cursor.accept('from') ? parseFrom(cursor) : []
  const ksql = parseTrailingWindow(cursor, from)
  if (ksql !== undefined) from = [ksql]
  let where = cursor.accept('where') ? parseExpression(cursor) : undefined
  let groupBy = parseGroupBy(cursor)
  if (ksql?.function === 'session') {
    from = [sessionsOfGroups(ksql, where, groupBy)]
    where = undefined
  }
  const grouped = takeWindowGroups(cursor, from, groupBy, ksql !== undefined)
  from = grouped.from
  groupBy = grouped.groupBy
  const having = cursor.accept('having') ? parseExpression(cursor) : undefined
  const windows = cursor.accept('window')
    ? cursor.list(() => {
        const { at } = cursor.token
        const name = cursor.name('a window')
        cursor.expect('as')
        return { name, spec: parseWindowSpec(cursor), at }
      })
    : []
  return { kind: 'select', distinct, items, into, from, where, groupBy, having, windows, at }
}

const afterItems: ReadonlySet<string> = new Set(
  'from into where group having window union intersect except order limit offset fetch for'.split(' '),
)

/** `SELECT FROM t` has no columns. */
function endsItems(cursor: Cursor): boolean {
  const { kind, text } = cursor.token
  return (
    kind === 'end' ||
    (kind === 'op' && (text === ';' || text === ')')) ||
    (kind === 'word' && afterItems.has(text) && cursor.peek().text !== '.')
  )
}

/** An output column; also of RETURNING. */
export function parseSelectItem(cursor: Cursor): SelectItem {
  const { at } = cursor.token
  if (cursor.acceptOp('*')) return { expr: { kind: 'star', qualifier: [], at }, at }
  const expr = parseExpression(cursor)
  if (cursor.accept('as')) return { expr, alias: cursor.label(), at }
  const { kind, text } = cursor.token
  if (kind === 'quoted' || (kind === 'word' && isBareLabel(text) && !cursor.are('emit', 'changes')))
    return { expr, alias: cursor.next().text, at }
  return { expr, at }
}

function parseInto(cursor: Cursor): Name {
  if (!cursor.accept('temporary') && !cursor.accept('temp')) cursor.accept('unlogged')
  cursor.accept('table')
  return cursor.qualifiedName('a table')
}

function parseGroupBy(cursor: Cursor): GroupBy | undefined {
  if (!cursor.accept('group')) return undefined
  cursor.expect('by')
  const distinct = cursor.accept('distinct')
  if (!distinct) cursor.accept('all')
  return { distinct, items: cursor.list(() => parseGroupItem(cursor)) }
}

function parseGroupItem(cursor: Cursor): GroupItem {
  const { at, kind, text } = cursor.token
  const after = cursor.peek()
  if (kind === 'op' && text === '(' && after.kind === 'op' && after.text === ')') {
    cursor.next()
    cursor.next()
    return { kind: 'empty' }
  }
  const opens = after.kind === 'op' && after.text === '('
  if (opens && (cursor.is('rollup') || cursor.is('cube'))) {
    cursor.next()
    const exprs = cursor.parenthesized(() => parseExpression(cursor))
    return { kind: text === 'cube' ? 'cube' : 'rollup', exprs, at }
  }
  if (cursor.acceptAll('grouping', 'sets')) {
    cursor.enter()
    const items = cursor.parenthesized(() => parseGroupItem(cursor))
    cursor.leave()
    return { kind: 'sets', items, at }
  }
  // Spark's `window(ts, '5 minutes')`: window is reserved, so no expression begins with it.
  if (opens && cursor.is('window')) {
    cursor.next()
    return {
      kind: 'expr',
      expr: call(
        'window',
        cursor.parenthesized(() => parseExpression(cursor)),
        at,
      ),
    }
  }
  return { kind: 'expr', expr: parseExpression(cursor) }
}
