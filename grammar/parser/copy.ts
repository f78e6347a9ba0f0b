import type { Name } from '../ast.ts'
import type { CopyFrom, CopyTo } from '../commands.ts'
import type { Option } from '../statements.ts'
import type { Cursor } from './cursor.ts'
import { parseSubscribe } from './cursors.ts'
import { parseExpression } from './expression.ts'
import { parseQueryOrModify } from './modify.ts'
import { parseOptionList } from './options.ts'

/** COPY … */
export function parseCopy(cursor: Cursor): CopyTo | CopyFrom {
  const { at } = cursor.expect('copy')
  const binary = cursor.is('binary') && cursor.isName(cursor.peek()) && cursor.accept('binary')
  if (cursor.acceptOp('(')) {
    const from = cursor.is('subscribe') ? parseSubscribe(cursor) : parseQueryOrModify(cursor)
    cursor.expectOp(')')
    cursor.expect('to')
    const file = parseEndpoint(cursor, 'stdout')
    return { kind: 'copy-to', from, file, options: parseCopyOptions(cursor, binary), at }
  }
  const table = cursor.qualifiedName('a table')
  const columns = cursor.isOp('(') ? cursor.parenthesized(() => cursor.name('a column')) : []
  if (cursor.expectOne(['from', 'to']) === 'to') {
    const file = parseEndpoint(cursor, 'stdout')
    return { kind: 'copy-to', from: { table, columns }, file, options: parseCopyOptions(cursor, binary), at }
  }
  return parseCopyFrom(cursor, table, columns, binary, at)
}

function parseCopyFrom(cursor: Cursor, table: Name, columns: readonly string[], binary: boolean, at: number): CopyFrom {
  const file = parseEndpoint(cursor, 'stdin')
  const options = parseCopyOptions(cursor, binary)
  const where = cursor.accept('where') ? parseExpression(cursor) : undefined
  return { kind: 'copy-from', table, columns, file, options, where, at }
}

function parseEndpoint(cursor: Cursor, standard: 'stdin' | 'stdout'): string | undefined {
  if (cursor.accept(standard)) return undefined
  return cursor.string(`${standard.toUpperCase()} or a file's name`)
}

/** Both spellings: `WITH (FORMAT csv, HEADER)` and the old `CSV HEADER DELIMITER ';'`. */
function parseCopyOptions(cursor: Cursor, binary: boolean): Option[] {
  const options: Option[] = binary ? [{ name: 'format', value: 'binary', at: cursor.token.at }] : []
  cursor.accept('with')
  if (cursor.isOp('(')) return [...options, ...parseOptionList(cursor)]
  while (cursor.token.kind === 'word' && !cursor.is('where')) {
    const { at } = cursor.token
    if (cursor.accept('binary')) options.push({ name: 'format', value: 'binary', at })
    else if (cursor.accept('csv')) options.push({ name: 'format', value: 'csv', at })
    else if (cursor.accept('header')) options.push({ name: 'header', value: 'true', at })
    else {
      const name = cursor.expectOne(['delimiter', 'null', 'quote', 'escape', 'encoding'])
      cursor.accept('as')
      options.push({ name, value: cursor.string(), at })
    }
  }
  return options
}
