import type { Expr } from '../ast.ts'
import type {
  CreateAs,
  CreateConnection,
  CreateRelation,
  CreateSink,
  CreateView,
  Include,
  Statement,
} from '../statements.ts'
import { parseColumns } from './columns.ts'
import type { Cursor } from './cursor.ts'
import { parseExpression } from './expression.ts'
import { parseOptionList, parseWithOptions } from './options.ts'
import { parseParenthesizedQuery, parseQuery } from './query.ts'
import { parseUtility } from './utility.ts'

/** What stands between CREATE and the kind of thing. */
interface Start {
  readonly at: number
  readonly orReplace: boolean
  readonly temporary: boolean
}

/** CREATE … */
export function parseCreate(cursor: Cursor): Statement {
  const { position } = cursor
  const { at } = cursor.expect('create')
  const orReplace = cursor.acceptAll('or', 'replace')
  const temporary = cursor.accept('temporary') || cursor.accept('temp')
  if (!temporary) cursor.accept('unlogged')
  const start = { at, orReplace, temporary }
  if (cursor.accept('connection')) return parseConnection(cursor, start)
  if (cursor.accept('source')) {
    // ksqlDB's CREATE SOURCE STREAM and SOURCE TABLE are streams and tables that are only read.
    const relations = ['stream', 'table'] as const
    const kind = relations.find(word => cursor.is(word) && cursor.isName(cursor.peek()) && cursor.accept(word))
    return parseRelation(cursor, start, kind ?? 'source')
  }
  if (cursor.accept('table')) return parseRelation(cursor, start, 'table')
  if (cursor.accept('stream')) return parseRelation(cursor, start, 'stream')
  if (cursor.accept('sink')) return parseSink(cursor, start)
  cursor.accept('recursive')
  if (cursor.acceptAll('materialized', 'view')) return parseView(cursor, start, true)
  if (cursor.accept('view')) return parseView(cursor, start, false)
  return parseUtility(cursor, position, 'SOURCE, TABLE, STREAM, VIEW, MATERIALIZED VIEW, SINK or CONNECTION')
}

/** IF NOT EXISTS and the name. */
function parseHead(
  cursor: Cursor,
  { at, orReplace }: Start,
): { ifNotExists: boolean; name: readonly string[]; orReplace: boolean; at: number } {
  const ifNotExists = cursor.acceptAll('if', 'not', 'exists')
  return { orReplace, ifNotExists, name: cursor.qualifiedName(), at }
}

function parseConnection(cursor: Cursor, start: Start): CreateConnection {
  const head = parseHead(cursor, start)
  cursor.expect('type')
  const type = cursor.label('kafka, pulsar, mqtt or s3')
  return { kind: 'create-connection', ...head, type: type.toLowerCase(), options: parseWithOptions(cursor) }
}

function parseRelation(cursor: Cursor, start: Start, relation: CreateRelation['relation']): CreateRelation | CreateAs {
  const head = parseHead(cursor, start)
  const { temporary } = start
  if (relation !== 'source' && startsColumnNames(cursor)) {
    const columns = cursor.parenthesized(() => cursor.name('a column'))
    return finishAs(cursor, { ...head, temporary, relation, columns, options: parseWithOptions(cursor) })
  }
  const body = parseColumns(cursor)
  const includes: Include[] = []
  const partitionBy: Expr[] = []
  let options = parseWithOptions(cursor)
  while (true) {
    if (cursor.accept('include')) includes.push(parseInclude(cursor))
    else if (cursor.acceptOp(',') && includes.length > 0) {
      cursor.accept('include')
      includes.push(parseInclude(cursor))
    } else if (cursor.acceptAll('partitioned', 'by') || cursor.acceptAll('partition', 'by')) {
      if (cursor.isOp('(')) partitionBy.push(...cursor.parenthesized(() => parseExpression(cursor)))
      else partitionBy.push(...cursor.list(() => parseExpression(cursor)))
    } else if (cursor.is('with')) options = [...options, ...parseWithOptions(cursor)]
    // Materialize's and RisingWave's ways to say the format behind the columns.
    else if (cursor.is('format')) options = [...options, ...parseFormat(cursor)]
    else break
  }
  const bare = body === undefined && includes.length === 0
  if (relation !== 'source' && bare && cursor.is('as'))
    return finishAs(cursor, { ...head, temporary, relation, columns: [], options })
  const none = { columns: [], primaryKey: [], watermarks: [], constraints: [] }
  return { kind: 'create-relation', ...head, relation, temporary, ...(body ?? none), includes, partitionBy, options }
}

/** `(a, b) AS SELECT`: names only. */
function startsColumnNames(cursor: Cursor): boolean {
  if (!cursor.isOp('(')) return false
  let ahead = 1
  while (cursor.isName(cursor.peek(ahead)) && cursor.peek(ahead + 1).text === ',') ahead += 2
  if (!cursor.isName(cursor.peek(ahead)) || cursor.peek(ahead + 1).text !== ')') return false
  const after = cursor.peek(ahead + 2).text
  return after === 'as' || after === 'with'
}

function finishAs(cursor: Cursor, created: Omit<CreateAs, 'kind' | 'query' | 'withData'>): CreateAs {
  cursor.expect('as')
  const query = parseQuery(cursor)
  const no = cursor.acceptAll('with', 'no', 'data')
  if (!no) cursor.acceptAll('with', 'data')
  return { kind: 'create-as', ...created, query, withData: !no }
}

function parseInclude(cursor: Cursor): Include {
  const { at } = cursor.token
  const common = ['key', 'partition', 'offset', 'timestamp', 'headers', 'header', 'topic', 'payload'] as const
  const word = cursor.expectOne([...common, 'message_id', 'publish_time', 'event_time', 'producer_name'])
  const header = cursor.token.kind === 'string' ? cursor.next().text : undefined
  const as = cursor.accept('as') ? cursor.name('a column') : undefined
  return { what: word === 'header' ? 'headers' : word, header, as, at }
}

/** `FORMAT PLAIN ENCODE JSON (…)`, `FORMAT JSON`: the option `format`. */
function parseFormat(cursor: Cursor): CreateRelation['options'][number][] {
  const { at } = cursor.next()
  const first = cursor.label('a format')
  const value = cursor.accept('encode') ? cursor.label('an encoding') : first
  const format = { name: 'format', value: first === 'debezium' ? first : value, at }
  return cursor.isOp('(') ? [format, ...parseOptionList(cursor)] : [format]
}

function parseView(cursor: Cursor, start: Start, materialized: boolean): CreateView {
  const head = parseHead(cursor, start)
  const columns = cursor.isOp('(') ? cursor.parenthesized(() => cursor.name('a column')) : []
  let options = parseWithOptions(cursor)
  cursor.expect('as')
  const query = parseQuery(cursor)
  const checked = cursor.acceptAll('with', 'check', 'option') || cursor.acceptAll('with', 'local', 'check', 'option')
  const filled = checked || cursor.acceptAll('with', 'no', 'data') || cursor.acceptAll('with', 'data')
  if (!filled) options = [...options, ...parseWithOptions(cursor)]
  return { kind: 'create-view', ...head, materialized, temporary: start.temporary, columns, options, query }
}

function parseSink(cursor: Cursor, start: Start): CreateSink {
  const head = parseHead(cursor, start)
  const before = parseWithOptions(cursor)
  let from: CreateSink['from']
  if (cursor.accept('from')) from = cursor.isOp('(') ? parseParenthesizedQuery(cursor) : cursor.qualifiedName('a view')
  else {
    if (!cursor.accept('as')) cursor.fail('FROM or AS')
    from = parseQuery(cursor)
  }
  // Materialize's INTO CONNECTION … is not read: the connection is an option here.
  return { kind: 'create-sink', ...head, from, options: [...before, ...parseWithOptions(cursor)] }
}
