import type { Name } from '../ast.ts'
import type { Describe, Explain, Option, Show } from '../statements.ts'
import type { Cursor } from './cursor.ts'
import { parseOptionList } from './options.ts'
import { parseStatement } from './statement.ts'

/** Lists that SHOW knows; every other word is a setting. */
const lists: ReadonlySet<string> = new Set(
  `tables sources sinks views streams topics jobs connections schemas databases functions queries indexes roles objects clusters
  types properties variables partitions subscriptions cursors secrets catalogs`.split(/\s+/),
)

/** Several words under their one-word names. */
const settings: readonly (readonly [readonly [string, ...string[]], string])[] = [
  [['time', 'zone'], 'timezone'],
  [['transaction', 'isolation', 'level'], 'transaction_isolation'],
  [['session', 'authorization'], 'session_authorization'],
]

/** SHOW …, which ksqlDB also spells LIST. */
export function parseShow(cursor: Cursor): Show {
  const { at } = cursor.token
  cursor.expectOne(['show', 'list'])
  const show = (what: string, name: Name = [], object?: string): Show => {
    const from =
      what !== 'setting' && (cursor.accept('from') || cursor.accept('in')) ? cursor.qualifiedName('a schema') : []
    const like = what !== 'setting' && cursor.accept('like') ? cursor.string() : undefined
    return { kind: 'show', what, object, name, from, like, at }
  }
  if (cursor.accept('all')) return show('all')
  for (const [words, name] of settings) if (cursor.acceptAll(...words)) return show('setting', [name])
  if (cursor.acceptAll('materialized', 'views')) return show('materialized views')
  if (cursor.is('create') && cursor.peek().kind === 'word') {
    cursor.next()
    const object = cursor.acceptAll('materialized', 'view')
      ? 'materialized view'
      : cursor.label('VIEW, TABLE or SOURCE')
    return show('create', cursor.qualifiedName(), object)
  }
  if (cursor.is('columns') && /^(from|in)$/.test(cursor.peek().text)) {
    cursor.next()
    cursor.next()
    return show('columns', cursor.qualifiedName('a relation'))
  }
  if (!cursor.isName()) cursor.fail('a setting, ALL, TABLES, SOURCES, VIEWS, JOBS …')
  const word = cursor.token
  if (word.kind === 'word' && lists.has(word.text)) {
    cursor.next()
    return show(word.text)
  }
  return show(
    'setting',
    cursor.qualifiedName('a setting').map(part => part.toLowerCase()),
  )
}

/** DESCRIBE [EXTENDED] name. */
export function parseDescribe(cursor: Cursor): Describe {
  const { at } = cursor.next()
  const extended = cursor.is('extended') && cursor.isName(cursor.peek()) && cursor.accept('extended')
  if (!extended) cursor.acceptAll('materialized', 'view')
  const object = /^(table|view|source|sink|stream|connection)$/.test(cursor.token.text) && cursor.isName(cursor.peek())
  if (object) cursor.next()
  return { kind: 'describe', name: cursor.qualifiedName('a relation'), extended, at }
}

/** EXPLAIN [ANALYZE] [VERBOSE] | (options) statement. */
export function parseExplain(cursor: Cursor): Explain {
  const { at } = cursor.next()
  let analyze = cursor.accept('analyze') || cursor.accept('analyse')
  let verbose = cursor.accept('verbose')
  const options: Option[] = []
  if (cursor.isOp('(') && isOptionList(cursor)) {
    for (const option of parseOptionList(cursor)) {
      if (option.name === 'analyze' || option.name === 'analyse') analyze = isTrue(option)
      else if (option.name === 'verbose') verbose = isTrue(option)
      else options.push(option)
    }
  }
  // Materialize's and Flink's EXPLAIN PLAN FOR.
  if (cursor.acceptAll('plan', 'for')) options.push({ name: 'plan', value: 'true', at })
  return { kind: 'explain', analyze, verbose, options, statement: parseStatement(cursor), at }
}

function isOptionList(cursor: Cursor): boolean {
  return (
    cursor.peek().kind === 'quoted' ||
    (cursor.peek().kind === 'word' && !/^(select|values|with|table)$/.test(cursor.peek().text))
  )
}

function isTrue({ value }: Option): boolean {
  return /^(true|on|1)$/i.test(value)
}
