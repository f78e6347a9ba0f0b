import type { Close, DeclareCursor, Fetch, Subscribe } from '../commands.ts'
import type { Cursor } from './cursor.ts'
import { parseOptionList, parseWithOptions } from './options.ts'
import { parseParenthesizedQuery, parseQuery } from './query.ts'

/** SUBSCRIBE [TO] v | (query) [WITH (…)]. */
export function parseSubscribe(cursor: Cursor): Subscribe {
  const { at } = cursor.expect('subscribe')
  cursor.accept('to')
  const from = cursor.isOp('(')
    ? parseParenthesizedQuery(cursor)
    : cursor.qualifiedName('a view or a query in parentheses')
  const options = cursor.isOp('(') ? parseOptionList(cursor) : parseWithOptions(cursor)
  return { kind: 'subscribe', from, options, at }
}

/** DECLARE name [BINARY] [SCROLL] CURSOR [WITH HOLD] FOR query. */
export function parseDeclare(cursor: Cursor): DeclareCursor {
  const { at } = cursor.expect('declare')
  const name = cursor.name('a cursor')
  let binary = false
  let insensitive = false
  let scroll: boolean | undefined
  while (!cursor.is('cursor')) {
    if (cursor.accept('binary')) binary = true
    else if (cursor.accept('insensitive')) insensitive = true
    else if (cursor.accept('asensitive')) insensitive = false
    else if (cursor.acceptAll('no', 'scroll')) scroll = false
    else if (cursor.accept('scroll')) scroll = true
    // RisingWave's SUBSCRIPTION CURSOR.
    else if (!cursor.accept('subscription')) cursor.fail('CURSOR')
  }
  cursor.next()
  const hold = cursor.acceptAll('with', 'hold')
  if (!hold) cursor.acceptAll('without', 'hold')
  cursor.expect('for')
  const query = cursor.is('subscribe') ? parseSubscribe(cursor) : parseQuery(cursor)
  return { kind: 'declare-cursor', name, binary, scroll, insensitive, hold, query, at }
}

/** FETCH and MOVE in all their directions. */
export function parseFetch(cursor: Cursor): Fetch {
  const { at, text } = cursor.next()
  const { direction, count } = parseDirection(cursor)
  if (!cursor.accept('from')) cursor.accept('in')
  const name = cursor.name('a cursor')
  return { kind: 'fetch', move: text === 'move', cursor: name, direction, count, options: parseWithOptions(cursor), at }
}

type Direction = Pick<Fetch, 'direction' | 'count'>

function parseDirection(cursor: Cursor): Direction {
  const forward = (count?: number): Direction => ({ direction: 'forward', count })
  if (isCount(cursor)) return forward(cursor.signedInteger())
  // Each of the words may also be the cursor's name: `FETCH next`.
  const after = cursor.peek()
  const last = after.kind === 'end' || (after.kind === 'op' && after.text === ';') || after.text === 'with'
  if (last || cursor.token.kind !== 'word') return forward(1)
  if (cursor.accept('next')) return forward(1)
  if (cursor.accept('prior')) return { direction: 'backward', count: 1 }
  if (cursor.accept('first')) return { direction: 'absolute', count: 1 }
  if (cursor.accept('last')) return { direction: 'absolute', count: -1 }
  if (cursor.accept('absolute')) return { direction: 'absolute', count: cursor.signedInteger() }
  if (cursor.accept('relative')) return { direction: 'relative', count: cursor.signedInteger() }
  if (cursor.accept('all')) return forward()
  const word = (['forward', 'backward'] as const).find(word => cursor.accept(word))
  if (word === undefined) return forward(1)
  if (cursor.accept('all')) return { direction: word }
  return { direction: word, count: isCount(cursor) ? cursor.signedInteger() : 1 }
}

function isCount(cursor: Cursor): boolean {
  return cursor.token.kind === 'number' || cursor.isOp('-') || cursor.isOp('+')
}

/** CLOSE name | ALL. */
export function parseClose(cursor: Cursor): Close {
  const { at } = cursor.expect('close')
  return { kind: 'close', cursor: cursor.accept('all') ? undefined : cursor.name('a cursor'), at }
}
