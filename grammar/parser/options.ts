import type { Option } from '../statements.ts'
import type { Cursor } from './cursor.ts'

/** `WITH (name = value, …)`, or nothing. */
export function parseWithOptions(cursor: Cursor): Option[] {
  return cursor.accept('with') ? parseOptionList(cursor) : []
}

/** `(name = value, …)`; the sign may be missing, as in COPY's and EXPLAIN's, and the value, which is then `true`. */
export function parseOptionList(cursor: Cursor): Option[] {
  cursor.expectOp('(')
  if (cursor.acceptOp(')')) return []
  const options = cursor.list(() => parseOption(cursor))
  cursor.expectOp(')')
  return options
}

function parseOption(cursor: Cursor): Option {
  const { at } = cursor.token
  const name = parseOptionName(cursor)
  if (!cursor.acceptOp('=')) cursor.acceptOp('=>')
  return { name, value: cursor.isOp(',') || cursor.isOp(')') ? 'true' : parseOptionValue(cursor), at }
}

/** `a`, `properties.bootstrap.server`, `'scan.startup.mode'`. */
function parseOptionName(cursor: Cursor): string {
  if (cursor.token.kind === 'string') return cursor.next().text
  let name = cursor.label('an option')
  while (cursor.acceptOp('.')) name += `.${cursor.label('the rest of the name')}`
  return name
}

/** A string, number, word or INTERVAL '…', as text. */
export function parseOptionValue(cursor: Cursor): string {
  const { kind, text } = cursor.token
  if (kind === 'word' && text === 'interval' && cursor.peek().kind === 'string') {
    cursor.next()
    const amount = cursor.next().text
    return cursor.token.kind === 'word' ? `${amount} ${cursor.next().text}` : amount
  }
  if (kind === 'op' && (text === '-' || text === '+')) {
    cursor.next()
    if (cursor.token.kind !== 'number') cursor.fail('a number')
    return `${text === '-' ? '-' : ''}${cursor.next().text}`
  }
  if (kind === 'op' && text === '*') return cursor.next().text
  if (kind === 'op' && text === '(') return cursor.parenthesized(() => parseOptionValue(cursor)).join(', ')
  if (kind !== 'string' && kind !== 'number' && kind !== 'word' && kind !== 'quoted') cursor.fail('a value')
  return cursor.next().text
}
