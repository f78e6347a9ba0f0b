import type { Statement } from '../statements.ts'
import { parseCreate } from './create.ts'
import type { Cursor } from './cursor.ts'
import { parseModify } from './modify.ts'
import { parseQuery, startsQuery } from './query.ts'
import { parseUtility, unknownStatement } from './utility.ts'

/** One statement, up to its semicolon. */
export function parseStatement(cursor: Cursor): Statement {
  const modify = parseModify(cursor)
  if (modify !== undefined) return modify
  if (startsQuery(cursor)) return parseQuery(cursor)
  const parse = cursor.token.kind === 'word' ? statements.get(cursor.token.text) : undefined
  return parse === undefined ? unknownStatement(cursor) : parse(cursor)
}

const utility = (cursor: Cursor): Statement => parseUtility(cursor, cursor.position, 'a statement')

const statements: ReadonlyMap<string, (cursor: Cursor) => Statement> = new Map([
  ['create', parseCreate],
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
