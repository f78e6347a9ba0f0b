import type { Statement } from '../statements.ts'
import { parseAlter, parseDrop, parseTruncate } from './alter.ts'
import { parseCopy } from './copy.ts'
import { parseCreate } from './create.ts'
import type { Cursor } from './cursor.ts'
import { parseClose, parseDeclare, parseFetch, parseSubscribe } from './cursors.ts'
import { parseQueryOrModify, startsModify } from './modify.ts'
import { startsQuery } from './query.ts'
import {
  parseDeallocate,
  parseDiscard,
  parseExecute,
  parseListen,
  parseLock,
  parseReset,
  parseSet,
} from './settings.ts'
import { parseDescribe, parseExplain, parseShow } from './show.ts'
import { parseTransaction } from './transaction.ts'
import { parseUtility, unknownStatement } from './utility.ts'

/** One statement, up to its semicolon. */
export function parseStatement(cursor: Cursor): Statement {
  cursor.enter()
  const statement = startsModify(cursor) || startsQuery(cursor) ? parseQueryOrModify(cursor) : parseOther(cursor)
  cursor.leave()
  return statement
}

function parseOther(cursor: Cursor): Statement {
  const parse = cursor.token.kind === 'word' ? statements.get(cursor.token.text) : undefined
  return parse === undefined ? unknownStatement(cursor) : parse(cursor)
}

const utility = (cursor: Cursor): Statement => parseUtility(cursor, cursor.position, 'a statement')

const statements: ReadonlyMap<string, (cursor: Cursor) => Statement> = new Map([
  ['create', parseCreate],
  ['show', parseShow],
  ['list', parseShow],
  ['describe', parseDescribe],
  ['desc', parseDescribe],
  ['explain', parseExplain],
  ['alter', parseAlter],
  ['drop', parseDrop],
  ['truncate', parseTruncate],
  ['subscribe', parseSubscribe],
  ['copy', parseCopy],
  ['declare', parseDeclare],
  ['fetch', parseFetch],
  ['move', parseFetch],
  ['close', parseClose],
  ['set', parseSet],
  ['reset', parseReset],
  ['execute', parseExecute],
  ['deallocate', parseDeallocate],
  ['discard', parseDiscard],
  ['listen', parseListen],
  ['unlisten', parseListen],
  ['notify', parseListen],
  ['lock', parseLock],
  ...['begin', 'start', 'commit', 'end', 'rollback', 'abort', 'savepoint', 'release', 'prepare'].map(
    (word): [string, (cursor: Cursor) => Statement] => [word, parseTransaction],
  ),
  ...[
    'vacuum',
    'analyze',
    'analyse',
    'checkpoint',
    'cluster',
    'reindex',
    'comment',
    'grant',
    'revoke',
    'do',
    'call',
  ].map((word): [string, (cursor: Cursor) => Statement] => [word, utility]),
  ...['load', 'security', 'refresh', 'reassign', 'import', 'merge'].map(
    (word): [string, (cursor: Cursor) => Statement] => [word, utility],
  ),
])
