import { nearest } from '../../src/base/errors.ts'
import type { Statement } from '../statements.ts'
import type { Cursor } from './cursor.ts'

/** Statements of Postgres that are known by their first words only. The longest that fits is the tag. */
const commands = new Set([
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
    'load',
  ],
  ...['security label', 'refresh materialized view', 'reassign owned', 'import foreign schema', 'merge', 'alter'],
  ...[
    'create schema',
    'create database',
    'create role',
    'create user',
    'create group',
    'create index',
    'create unique index',
  ],
  ...['create function', 'create procedure', 'create aggregate', 'create operator', 'create type', 'create domain'],
  ...['create sequence', 'create extension', 'create trigger', 'create rule', 'create policy', 'create cast'],
  ...['create collation', 'create language', 'create server', 'create foreign table', 'create publication'],
  ...['create subscription', 'create tablespace', 'create statistics', 'create event trigger', 'create topic'],
  ...[
    'create cluster',
    'create secret',
    'drop owned',
    'create access method',
    'create text search',
    'create conversion',
  ],
])

/** Reads the statement that began at token `start` to its end as text. Fails with `expected` when it is not known. */
export function parseUtility(cursor: Cursor, start: number, expected: string): Statement {
  const here = cursor.position
  cursor.rewind(start)
  const words: string[] = []
  for (let ahead = 0; ahead < 8 && cursor.peek(ahead).kind === 'word'; ahead++) {
    const { text } = cursor.peek(ahead)
    if (ahead > 0 && text === 'or' && cursor.peek(ahead + 1).text === 'replace') ahead++
    else if (!/^(temporary|temp|unlogged|recursive)$/.test(text)) words.push(text)
  }
  const command = [3, 2, 1].map(count => words.slice(0, count).join(' ')).find(text => commands.has(text))
  if (command === undefined) {
    cursor.rewind(here)
    return cursor.fail(expected)
  }
  const { at } = cursor.token
  while (cursor.token.kind !== 'end' && !cursor.isOp(';')) cursor.next()
  return { kind: 'utility', command, text: cursor.sql.slice(at, cursor.end), at }
}

/** First words of statements, for hints. */
export const firstWords = [
  ...[
    'select',
    'values',
    'table',
    'with',
    'create',
    'insert',
    'update',
    'delete',
    'show',
    'describe',
    'explain',
    'alter',
  ],
  ...[
    'drop',
    'truncate',
    'subscribe',
    'copy',
    'declare',
    'fetch',
    'move',
    'close',
    'set',
    'reset',
    'begin',
    'start',
    'commit',
  ],
  ...[
    'end',
    'rollback',
    'abort',
    'savepoint',
    'release',
    'prepare',
    'execute',
    'deallocate',
    'discard',
    'listen',
    'unlisten',
  ],
  ...['notify', 'lock', 'vacuum', 'analyze', 'grant', 'revoke', 'comment'],
]

/** 42601 for a first word that begins no statement, with the nearest ones that do. */
export function unknownStatement(cursor: Cursor): never {
  const { kind, text, at, end } = cursor.token
  if (kind !== 'word') return cursor.fail('a statement')
  const near = nearest(text, firstWords).map(word => word.toUpperCase())
  const hint =
    near.length > 0 ? `Perhaps you meant ${near.join(' or ')}.` : 'Statements begin with SELECT, CREATE, INSERT, SHOW …'
  return cursor.refuse(`syntax error at or near "${cursor.sql.slice(at, end)}", expected a statement`, at, hint)
}
