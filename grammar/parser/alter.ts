import type { Name } from '../ast.ts'
import type { Alter, AlterJob, Drop, ObjectKind, Statement, Truncate } from '../statements.ts'
import { parseColumn } from './columns.ts'
import type { Cursor } from './cursor.ts'
import { parseOptionList } from './options.ts'
import { parseUtility } from './utility.ts'

const objects: readonly ObjectKind[] = [
  ...([
    'connection',
    'source',
    'table',
    'stream',
    'view',
    'sink',
    'topic',
    'job',
    'schema',
    'database',
    'role',
  ] as const),
  ...(['index', 'sequence', 'type', 'function', 'extension'] as const),
]

function parseObject(cursor: Cursor): ObjectKind | undefined {
  if (cursor.acceptAll('materialized', 'view')) return 'materialized view'
  if (cursor.acceptAll('materialized', 'source') || cursor.acceptAll('foreign', 'table')) return 'table'
  return objects.find(word => cursor.accept(word))
}

/** ALTER … */
export function parseAlter(cursor: Cursor): Statement {
  const { position } = cursor
  const { at } = cursor.expect('alter')
  const object = parseObject(cursor)
  if (object === undefined) return parseUtility(cursor, position, 'TABLE, SOURCE, VIEW, SINK, JOB …')
  const ifExists = cursor.acceptAll('if', 'exists')
  const name = cursor.qualifiedName()
  if (object === 'job') return parseJobAction(cursor, name, at)
  return { kind: 'alter', object, ifExists, name, action: parseAction(cursor), at }
}

function parseJobAction(cursor: Cursor, name: Name, at: number): AlterJob {
  return { kind: 'alter-job', name, action: cursor.expectOne(['pause', 'resume']), at }
}

function parseAction(cursor: Cursor): Alter['action'] {
  const { at } = cursor.token
  if (cursor.accept('rename')) {
    if (cursor.accept('to')) return { kind: 'rename', to: cursor.name() }
    cursor.accept('column')
    const column = cursor.name('TO or a column')
    cursor.expect('to')
    return { kind: 'rename-column', column, to: cursor.name('a column') }
  }
  if (cursor.is('set') && cursor.peek().text === '(') {
    cursor.next()
    return { kind: 'set', options: parseOptionList(cursor) }
  }
  if (cursor.is('reset') && cursor.peek().text === '(') {
    cursor.next()
    return { kind: 'reset', names: cursor.parenthesized(() => cursor.label('an option')) }
  }
  if (cursor.is('add') && !/^(constraint|primary|unique|check|foreign|exclude)$/.test(cursor.peek().text)) {
    cursor.next()
    cursor.accept('column')
    const ifNotExists = cursor.acceptAll('if', 'not', 'exists')
    return { kind: 'add-column', column: parseColumn(cursor, () => undefined, []), ifNotExists }
  }
  if (cursor.is('drop') && cursor.peek().text !== 'constraint') {
    cursor.next()
    cursor.accept('column')
    const ifExists = cursor.acceptAll('if', 'exists')
    const column = cursor.name('a column')
    return { kind: 'drop-column', column, ifExists, cascade: parseBehaviour(cursor) }
  }
  if (cursor.token.kind !== 'word') cursor.fail('RENAME, SET, ADD COLUMN or DROP COLUMN')
  while (!cursor.atEnd && !cursor.isOp(';')) cursor.next()
  return { kind: 'other', text: cursor.sql.slice(at, cursor.end) }
}

/** CASCADE, or RESTRICT, which is the default. */
function parseBehaviour(cursor: Cursor): boolean {
  if (cursor.accept('cascade')) return true
  cursor.accept('restrict')
  return false
}

/** DROP kind [IF EXISTS] name, … [CASCADE]. */
export function parseDrop(cursor: Cursor): Statement {
  const { position } = cursor
  const { at } = cursor.expect('drop')
  const object = parseObject(cursor)
  if (object === undefined)
    return parseUtility(
      cursor,
      position,
      'SOURCE, TABLE, STREAM, VIEW, MATERIALIZED VIEW, SINK, CONNECTION, TOPIC or JOB',
    )
  const ifExists = cursor.acceptAll('if', 'exists')
  const names: Drop['names'] = cursor.list(() => {
    const { at } = cursor.token
    const name = cursor.qualifiedName()
    if (object === 'function' && cursor.isOp('('))
      while (!cursor.acceptOp(')')) cursor.atEnd ? cursor.fail('")"') : cursor.next()
    return { name, at }
  })
  return { kind: 'drop', object, ifExists, names, cascade: parseBehaviour(cursor), at }
}

/** TRUNCATE [TABLE] name, … */
export function parseTruncate(cursor: Cursor): Truncate {
  const { at } = cursor.expect('truncate')
  cursor.accept('table')
  const names = cursor.list(() => {
    cursor.accept('only')
    const name = cursor.qualifiedName('a table')
    cursor.acceptOp('*')
    return name
  })
  if (!cursor.acceptAll('restart', 'identity')) cursor.acceptAll('continue', 'identity')
  return { kind: 'truncate', names, cascade: parseBehaviour(cursor), at }
}
