import type { Expr, TypeName } from '../ast.ts'
import type { ColumnDef, CreateRelation } from '../statements.ts'
import type { Cursor } from './cursor.ts'
import { parseExpression, parseRestricted } from './expression.ts'
import { parseTypeName } from './type-name.ts'

type Body = Pick<CreateRelation, 'columns' | 'primaryKey' | 'watermarks' | 'constraints'>
type Constraint = CreateRelation['constraints'][number]

/** The parenthesised columns, watermarks and constraints of a relation; undefined when there are none. */
export function parseColumns(cursor: Cursor): Body | undefined {
  if (!cursor.isOp('(')) return undefined
  const columns: ColumnDef[] = []
  const watermarks: CreateRelation['watermarks'][number][] = []
  const constraints: Constraint[] = []
  let primaryKey: string[] = []
  cursor.next()
  if (cursor.acceptOp(')')) return { columns, primaryKey, watermarks, constraints }
  do {
    const { at } = cursor.token
    if (cursor.acceptAll('watermark', 'for')) {
      const column = cursor.name('a column')
      cursor.expect('as')
      watermarks.push({ column, expr: parseExpression(cursor), at })
      continue
    }
    const named = cursor.accept('constraint') ? cursor.name('a constraint') : undefined
    if (cursor.acceptAll('primary', 'key')) {
      if (primaryKey.length > 0) cursor.refuse('multiple primary keys are not allowed', at)
      primaryKey = cursor.parenthesized(() => cursor.name('a column'))
      cursor.acceptAll('not', 'enforced')
    } else if (named !== undefined || isConstraint(cursor)) constraints.push(parseConstraint(cursor, at))
    else columns.push(parseColumn(cursor, primary, constraints))
  } while (cursor.acceptOp(','))
  cursor.expectOp(')')
  return { columns, primaryKey, watermarks, constraints }

  function primary(name: string, at: number): void {
    if (primaryKey.length > 0) cursor.refuse('multiple primary keys are not allowed', at)
    primaryKey = [name]
  }
}

function isConstraint(cursor: Cursor): boolean {
  return ['check', 'unique', 'foreign', 'like', 'exclude'].some(word => cursor.is(word)) && cursor.token.kind === 'word'
}

/** Anything up to the comma or parenthesis that ends it, as text. */
function parseConstraint(cursor: Cursor, at: number): Constraint {
  skipBalanced(cursor)
  return { text: cursor.sql.slice(at, cursor.end), at }
}

function skipBalanced(cursor: Cursor): void {
  let depth = 0
  while (cursor.token.kind !== 'end') {
    const { kind, text } = cursor.token
    if (kind === 'op' && depth === 0 && (text === ',' || text === ')' || text === ';')) return
    if (kind === 'op') depth += text === '(' ? 1 : text === ')' ? -1 : 0
    cursor.next()
  }
}

/** One column; also of ALTER TABLE … ADD COLUMN. */
export function parseColumn(
  cursor: Cursor,
  primary: (name: string, at: number) => void,
  constraints: Constraint[],
): ColumnDef {
  const { at } = cursor.token
  const name = cursor.name('a column')
  // Flink's computed column has no type of its own: the expression's is taken.
  const computed = cursor.is('as')
  const type: TypeName = computed ? { kind: 'named', name: ['unknown'], modifiers: [], at } : parseTypeName(cursor)
  let path: string | undefined
  let format: string | undefined
  let notNull = false
  let fallback: Expr | undefined
  let generated: Expr | undefined
  let metadata: ColumnDef['metadata']
  while (true) {
    const { at: here } = cursor.token
    const named = cursor.accept('constraint') ? cursor.name('a constraint') : undefined
    if (cursor.accept('path')) path = cursor.string("a path such as '$.a.b'")
    else if (cursor.accept('format'))
      format = cursor.token.kind === 'string' ? cursor.next().text : cursor.label('a format')
    else if (cursor.acceptAll('not', 'null')) notNull = true
    else if (cursor.accept('null')) notNull = false
    else if (cursor.accept('default')) fallback = parseRestricted(cursor)
    else if (cursor.acceptAll('primary', 'key')) {
      primary(name, here)
      cursor.acceptAll('not', 'enforced')
    } else if (cursor.accept('generated')) generated = parseGenerated(cursor)
    else if (cursor.accept('as')) {
      generated = parseExpression(cursor)
    } else if (cursor.accept('metadata')) {
      metadata = { from: 'metadata', name: cursor.accept('from') ? cursor.string() : undefined }
      cursor.accept('virtual')
    } else if (cursor.accept('key')) metadata = { from: 'key' }
    else if (cursor.accept('headers')) metadata = { from: 'headers' }
    else if (cursor.accept('header'))
      metadata = { from: 'headers', name: cursor.parenthesized(() => cursor.string())[0] }
    else if (cursor.accept('collate')) cursor.qualifiedName('a collation')
    else if (named !== undefined || cursor.is('check') || cursor.is('unique') || cursor.is('references')) {
      constraints.push(parseColumnConstraint(cursor, here))
    } else break
  }
  return { name, type, path, format, notNull, default: fallback, generated, metadata, at }
}

/** UNIQUE, CHECK (…) or REFERENCES t (…) of one column. */
function parseColumnConstraint(cursor: Cursor, at: number): Constraint {
  const word = cursor.expectOne(['unique', 'check', 'references'])
  if (word === 'references') skipBalanced(cursor)
  else if (word === 'check') cursor.parenthesized(() => parseExpression(cursor))
  return { text: cursor.sql.slice(at, cursor.end), at }
}

/** `ALWAYS AS (expr) STORED`. */
function parseGenerated(cursor: Cursor): Expr {
  cursor.expect('always')
  cursor.expect('as')
  const [expr] = cursor.parenthesized(() => parseExpression(cursor))
  if (!cursor.accept('stored')) cursor.accept('virtual')
  return expr
}
