import type { Deallocate, Discard, Execute, Listen, Lock, Prepare, ResetParameter, SetParameter } from '../commands.ts'
import type { Cursor } from './cursor.ts'
import { parseExpression } from './expression.ts'
import { parseOptionValue } from './options.ts'
import { parseStatement } from './statement.ts'
import { parseModes } from './transaction.ts'
import { parseTypeName } from './type-name.ts'

/** SET … */
export function parseSet(cursor: Cursor): SetParameter {
  const { at } = cursor.expect('set')
  const set = (
    name: string,
    values: readonly string[] | undefined,
    scope: SetParameter['scope'] = 'session',
  ): SetParameter => ({
    kind: 'set',
    scope,
    name,
    values,
    at,
  })
  if (cursor.acceptAll('session', 'characteristics', 'as', 'transaction'))
    return set('session_characteristics', parseModes(cursor))
  if (cursor.acceptAll('session', 'authorization')) return set('session_authorization', parseValues(cursor))
  const scope = cursor.is('local') && isSettingAhead(cursor) && cursor.accept('local') ? 'local' : 'session'
  if (scope === 'session' && cursor.is('session') && isSettingAhead(cursor)) cursor.next()
  if (cursor.is('transaction') && !isAssigned(cursor)) {
    cursor.next()
    if (cursor.accept('snapshot')) return set('transaction_snapshot', [cursor.string()])
    return set('transaction', parseModes(cursor), scope)
  }
  if (cursor.acceptAll('time', 'zone')) {
    if (cursor.accept('local')) return set('timezone', undefined, scope)
    // INTERVAL '+02:00' HOUR TO MINUTE: the offset says it all.
    if (cursor.is('interval') && cursor.peek().kind === 'string') {
      cursor.next()
      const offset = cursor.next().text
      if (cursor.accept('hour') && cursor.accept('to')) cursor.expect('minute')
      return set('timezone', [offset], scope)
    }
    return set('timezone', parseValues(cursor), scope)
  }
  if (cursor.acceptAll('session', 'authorization')) return set('session_authorization', parseValues(cursor), scope)
  for (const [word, name] of [
    ['names', 'client_encoding'],
    ['schema', 'search_path'],
    ['role', 'role'],
  ] as const) {
    if (!cursor.is(word) || isAssigned(cursor)) continue
    cursor.next()
    return set(name, cursor.atEnd || cursor.isOp(';') ? undefined : parseValues(cursor), scope)
  }
  if (cursor.acceptAll('constraints')) return set('constraints', parseWords(cursor), scope)
  // ksqlDB's SET 'auto.offset.reset' = 'earliest'.
  const name =
    cursor.token.kind === 'string' ? cursor.next().text : cursor.qualifiedName('a setting').join('.').toLowerCase()
  if (!cursor.acceptOp('=') && !cursor.accept('to')) cursor.fail('TO or "="')
  return set(name, parseValues(cursor), scope)
}

function isAssigned(cursor: Cursor): boolean {
  const { text } = cursor.peek()
  return text === '=' || text === 'to' || text === '.'
}

function isSettingAhead(cursor: Cursor): boolean {
  return cursor.isName(cursor.peek()) && cursor.peek().text !== 'to'
}

/** Values, or undefined for DEFAULT. */
function parseValues(cursor: Cursor): string[] | undefined {
  if (cursor.accept('default')) return undefined
  return cursor.list(() => {
    if (cursor.isOp('(') || cursor.isOp('*')) cursor.fail('a value')
    return parseOptionValue(cursor)
  })
}

function parseWords(cursor: Cursor): string[] {
  const words: string[] = []
  while (cursor.token.kind === 'word' || cursor.isOp(',')) words.push(cursor.next().text)
  return words.filter(word => word !== ',')
}

/** RESET name | ALL. */
export function parseReset(cursor: Cursor): ResetParameter {
  const { at } = cursor.expect('reset')
  if (cursor.accept('all')) return { kind: 'reset', at }
  if (cursor.acceptAll('time', 'zone')) return { kind: 'reset', name: 'timezone', at }
  if (cursor.acceptAll('transaction', 'isolation', 'level')) return { kind: 'reset', name: 'transaction_isolation', at }
  if (cursor.acceptAll('session', 'authorization')) return { kind: 'reset', name: 'session_authorization', at }
  return { kind: 'reset', name: cursor.qualifiedName('a setting').join('.').toLowerCase(), at }
}

/** PREPARE name [(types)] AS statement. */
export function parsePrepare(cursor: Cursor): Prepare {
  const { at } = cursor.expect('prepare')
  const name = cursor.name()
  const types = cursor.isOp('(') ? cursor.parenthesized(() => parseTypeName(cursor)) : []
  cursor.expect('as')
  return { kind: 'prepare', name, types, statement: parseStatement(cursor), at }
}

/** EXECUTE name [(values)]. */
export function parseExecute(cursor: Cursor): Execute {
  const { at } = cursor.expect('execute')
  const name = cursor.name()
  return {
    kind: 'execute',
    name,
    args: cursor.isOp('(') ? cursor.parenthesized(() => parseExpression(cursor)) : [],
    at,
  }
}

/** DEALLOCATE [PREPARE] name | ALL. */
export function parseDeallocate(cursor: Cursor): Deallocate {
  const { at } = cursor.expect('deallocate')
  if (cursor.is('prepare') && !cursor.peek().text.startsWith(';') && cursor.peek().kind !== 'end') cursor.next()
  return { kind: 'deallocate', name: cursor.accept('all') ? undefined : cursor.name(), at }
}

/** DISCARD ALL | PLANS | SEQUENCES | TEMP. */
export function parseDiscard(cursor: Cursor): Discard {
  const { at } = cursor.expect('discard')
  const what = cursor.expectOne(['all', 'plans', 'sequences', 'temp', 'temporary'])
  return { kind: 'discard', what: what === 'temporary' ? 'temp' : what, at }
}

/** LISTEN, UNLISTEN and NOTIFY. */
export function parseListen(cursor: Cursor): Listen {
  const { at } = cursor.token
  const kind = cursor.expectOne(['listen', 'unlisten', 'notify'])
  if (kind === 'unlisten' && cursor.acceptOp('*')) return { kind, at }
  const channel = cursor.name('a channel')
  const payload = kind === 'notify' && cursor.acceptOp(',') ? cursor.string() : undefined
  return { kind, channel, payload, at }
}

/** LOCK [TABLE] t, … [IN mode MODE] [NOWAIT]. */
export function parseLock(cursor: Cursor): Lock {
  const { at } = cursor.expect('lock')
  cursor.accept('table')
  const tables = cursor.list(() => {
    cursor.accept('only')
    const name = cursor.qualifiedName('a table')
    cursor.acceptOp('*')
    return name
  })
  let mode: string | undefined
  if (cursor.accept('in')) {
    const words: string[] = []
    while (!cursor.is('mode')) words.push(cursor.expectOne(['access', 'row', 'share', 'update', 'exclusive']))
    if (words.length === 0) cursor.fail('a lock mode')
    cursor.next()
    mode = words.join(' ')
  }
  return { kind: 'lock', tables, mode, nowait: cursor.accept('nowait'), at }
}
