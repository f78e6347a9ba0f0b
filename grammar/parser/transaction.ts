import type { Prepare, Transaction } from '../commands.ts'
import type { Cursor } from './cursor.ts'
import { parsePrepare } from './settings.ts'

/** BEGIN, COMMIT, ROLLBACK, savepoints and their synonyms; PREPARE TRANSACTION among them. */
export function parseTransaction(cursor: Cursor): Transaction | Prepare {
  if (cursor.is('prepare') && cursor.peek().text !== 'transaction') return parsePrepare(cursor)
  const { at, text } = cursor.next()
  const made = (
    action: Transaction['action'],
    name?: string,
    modes: readonly string[] = [],
    chain = false,
  ): Transaction => ({
    kind: 'transaction',
    action,
    name,
    modes,
    chain,
    at,
  })
  switch (text) {
    case 'start':
      cursor.expect('transaction')
      return made('begin', undefined, parseModes(cursor, true))
    case 'begin':
      acceptWork(cursor)
      return made('begin', undefined, parseModes(cursor, true))
    case 'commit':
    case 'end':
      if (text === 'commit' && cursor.accept('prepared')) return made('commit prepared', cursor.string())
      acceptWork(cursor)
      return made('commit', undefined, [], parseChain(cursor))
    case 'savepoint':
      return made('savepoint', cursor.name('a savepoint'))
    case 'release':
      if (cursor.peek().kind !== 'end' && cursor.peek().text !== ';') cursor.accept('savepoint')
      return made('release', cursor.name('a savepoint'))
    case 'prepare':
      cursor.expect('transaction')
      return made('prepare', cursor.string())
    default: {
      if (text === 'rollback' && cursor.accept('prepared')) return made('rollback prepared', cursor.string())
      acceptWork(cursor)
      if (text === 'abort' || !cursor.accept('to')) return made('rollback', undefined, [], parseChain(cursor))
      if (cursor.peek().kind !== 'end' && cursor.peek().text !== ';') cursor.accept('savepoint')
      return made('rollback to', cursor.name('a savepoint'))
    }
  }
}

function acceptWork(cursor: Cursor): void {
  if (!cursor.accept('work')) cursor.accept('transaction')
}

function parseChain(cursor: Cursor): boolean {
  if (!cursor.accept('and')) return false
  const no = cursor.accept('no')
  cursor.expect('chain')
  return !no
}

/** `ISOLATION LEVEL …`, `READ ONLY` …, with or without commas; none only where `optional`. */
export function parseModes(cursor: Cursor, optional = false): string[] {
  const modes: string[] = []
  while (true) {
    const mode = parseMode(cursor)
    if (mode !== undefined) modes.push(mode)
    else if (modes.length > 0 || optional) return modes
    else cursor.fail('ISOLATION LEVEL, READ ONLY, READ WRITE or DEFERRABLE')
    if (cursor.acceptOp(',') && !/^(isolation|read|deferrable|not)$/.test(cursor.token.text))
      cursor.fail('a transaction mode')
  }
}

function parseMode(cursor: Cursor): string | undefined {
  if (cursor.acceptAll('isolation', 'level')) {
    if (cursor.accept('serializable')) return 'isolation level serializable'
    if (cursor.acceptAll('repeatable', 'read')) return 'isolation level repeatable read'
    cursor.expect('read')
    return `isolation level read ${cursor.expectOne(['committed', 'uncommitted'])}`
  }
  if (cursor.accept('read')) return `read ${cursor.expectOne(['only', 'write'])}`
  if (cursor.acceptAll('not', 'deferrable')) return 'not deferrable'
  return cursor.accept('deferrable') ? 'deferrable' : undefined
}
