import type { Name, TypeName } from '../ast.ts'
import type { Cursor } from './cursor.ts'

/** Other spellings of types, under ours. */
const aliases: ReadonlyMap<string, string> = new Map([
  ['int', 'integer'],
  ['int2', 'smallint'],
  ['int4', 'integer'],
  ['int8', 'bigint'],
  ['float4', 'real'],
  ['float8', 'double'],
  ['bool', 'boolean'],
  ['dec', 'numeric'],
  ['decimal', 'numeric'],
  ['string', 'text'],
  ['bytes', 'bytea'],
  ['timestamp_ltz', 'timestamptz'],
  ['bpchar', 'char'],
])

/** Type names that are keywords of Postgres with a syntax of their own, so that `word 'literal'` may follow. */
const typeKeywords: ReadonlySet<string> = new Set(
  'bigint bit boolean char character dec decimal float int integer interval json national nchar numeric real smallint time timestamp varchar double'.split(
    ' ',
  ),
)

/** The type's one spelling; `foldable` when unquoted. */
export function typeNamed(foldable: boolean, name: Name, modifiers: readonly number[], at: number): TypeName {
  const system = name.length === 2 && name[0] === 'pg_catalog'
  const last = name[name.length - 1]
  // Postgres' type "char" is not CHAR.
  if (!foldable || (name.length > 1 && !system) || (system && last === 'char'))
    return { kind: 'named', name, modifiers, at }
  return { kind: 'named', name: [aliases.get(last) ?? last], modifiers, at }
}

/** Whether an unquoted word means another type than its own name says. */
export function isTypeAlias(word: string): boolean {
  return aliases.has(word) || word === 'float' || word === 'character' || word === 'national' || word === 'nchar'
}

/** Whether a type with its own syntax comes next. */
export function isTypeKeyword(cursor: Cursor): boolean {
  const { text } = cursor.token
  if (!typeKeywords.has(text)) return false
  if (text === 'national') return /^char(acter)?$/.test(cursor.peek().text)
  return text !== 'double' || cursor.peek().text === 'precision'
}

/** A type, with array bounds. */
export function parseTypeName(cursor: Cursor): TypeName {
  cursor.accept('setof')
  cursor.enter()
  let type = parseElementType(cursor)
  while (true) {
    const { at } = cursor.token
    if (cursor.accept('array')) {
      if (!cursor.isOp('[')) type = { kind: 'array', element: type, at }
      else type = { kind: 'array', element: type, length: parseBound(cursor, true), at }
    } else if (cursor.isOp('[')) type = { kind: 'array', element: type, length: parseBound(cursor), at }
    else break
  }
  cursor.leave()
  return type
}

function parseBound(cursor: Cursor, needed = false): number | undefined {
  cursor.expectOp('[')
  const length = !needed && cursor.isOp(']') ? undefined : cursor.integer()
  cursor.expectOp(']')
  return length
}

function parseElementType(cursor: Cursor): TypeName {
  const { at, kind, text } = cursor.token
  const after = cursor.peek().kind === 'op' ? cursor.peek().text : ''
  if (kind === 'word' && after === '<' && (text === 'array' || text === 'map')) {
    cursor.next()
    cursor.next()
    const first = parseTypeName(cursor)
    if (text === 'array') {
      cursor.expectOpStart('>')
      return { kind: 'array', element: first, at }
    }
    cursor.expectOp(',')
    const value = parseTypeName(cursor)
    cursor.expectOpStart('>')
    return { kind: 'map', key: first, value, at }
  }
  if (kind === 'word' && (text === 'row' || text === 'struct') && (after === '<' || after === '(')) {
    cursor.next()
    cursor.next()
    const fields = cursor.list(() => parseField(cursor))
    if (after === '(') cursor.expectOp(')')
    else cursor.expectOpStart('>')
    return { kind: 'row', fields, at }
  }
  const type = parseSimpleType(cursor)
  return type.kind === 'named' && type.name[0] === 'interval' && cursor.isName()
    ? parseIntervalFields(cursor, type)
    : type
}

/** `name type`, `name: type`, and Flink's NOT NULL and NULL behind it. */
function parseField(cursor: Cursor): { name: string; type: TypeName; at: number } {
  const { at } = cursor.token
  const name = cursor.label()
  cursor.acceptOp(':')
  const type = parseTypeName(cursor)
  if (!cursor.accept('null')) cursor.acceptAll('not', 'null')
  return { name, type, at }
}

/** A type without array bounds. */
export function parseSimpleType(cursor: Cursor): TypeName {
  const { at, kind, text } = cursor.token
  if (kind === 'quoted' || !isTypeKeyword(cursor)) return parseNamedType(cursor)
  cursor.next()
  const named = (name: string, modifiers: readonly number[] = []): TypeName => ({
    kind: 'named',
    name: [name],
    modifiers,
    at,
  })
  switch (text) {
    case 'double':
      cursor.next()
      return named('double')
    case 'float': {
      const [digits] = parseModifiers(cursor)
      if (digits !== undefined && (digits < 1 || digits > 53))
        cursor.refuse(`precision for type float must be between 1 and 53 bits`, at)
      return named(digits !== undefined && digits <= 24 ? 'real' : 'double')
    }
    case 'national':
      if (!cursor.accept('char')) cursor.expect('character')
      return named(cursor.accept('varying') ? 'varchar' : 'char', parseModifiers(cursor))
    case 'char':
    case 'character':
    case 'nchar':
      return named(cursor.accept('varying') ? 'varchar' : 'char', parseModifiers(cursor))
    case 'bit':
      return named(cursor.accept('varying') ? 'varbit' : 'bit', parseModifiers(cursor))
    case 'time':
    case 'timestamp': {
      const modifiers = parseModifiers(cursor)
      const zoned = cursor.are('with', 'time') || cursor.are('with', 'local')
      if (zoned || cursor.are('without', 'time')) {
        cursor.next()
        cursor.accept('local')
        cursor.expect('time')
        cursor.expect('zone')
      }
      return named(zoned ? `${text}tz` : text, modifiers)
    }
    case 'integer':
    case 'int':
    case 'smallint':
    case 'bigint':
    case 'real':
    case 'boolean':
    case 'json':
      return named(aliases.get(text) ?? text)
    default:
      return named(aliases.get(text) ?? text, parseModifiers(cursor))
  }
}

function parseNamedType(cursor: Cursor): TypeName {
  const { at } = cursor.token
  const word = cursor.token.kind === 'word'
  if (!cursor.isFunction() && !(cursor.isName() && cursor.peek().text === '.')) cursor.fail('a type')
  const name = [cursor.next().text]
  while (cursor.acceptOp('.')) name.push(cursor.label())
  const modifiers = parseModifiers(cursor)
  const zoned = word && name[0] === 'timestamp_ltz'
  return typeNamed(word || name.length > 1, zoned ? ['timestamptz'] : name, modifiers, at)
}

function parseModifiers(cursor: Cursor): number[] {
  return cursor.isOp('(') ? cursor.parenthesized(() => cursor.signedInteger()) : []
}

const fieldNames = ['year', 'month', 'day', 'hour', 'minute', 'second'] as const
const fieldEnds: Readonly<Record<string, readonly string[]>> = {
  year: ['month'],
  day: ['hour', 'minute', 'second'],
  hour: ['minute', 'second'],
  minute: ['second'],
}
/** Of other dialects: plurals, and units that Postgres has only inside the string. */
const otherFields: Readonly<Record<string, string>> = { millisecond: 'millisecond', week: 'week', quarter: 'quarter' }

/** `MINUTE`, `DAY TO SECOND(3)` behind INTERVAL '…'. Plurals (aliases to Postgres, units to all others), weeks and milliseconds too; `needed` when the literal has no unit of its own. */
export function parseIntervalFields(cursor: Cursor, type: TypeName, needed = false): TypeName {
  if (type.kind !== 'named') return type
  const { text, kind } = cursor.token
  const singular = text.endsWith('s') ? text.slice(0, -1) : text
  const known = kind === 'word' && (fieldNames.some(name => name === singular) || singular in otherFields)
  if (!known && needed) cursor.fail('MINUTE, HOUR, DAY or another unit')
  if (!known) return type
  cursor.next()
  let fields = singular
  const ends = fieldEnds[singular] ?? []
  if (ends.length > 0 && cursor.accept('to')) fields += ` to ${cursor.expectOne(ends)}`
  const modifiers = fields.endsWith('second') && cursor.isOp('(') ? parseModifiers(cursor) : type.modifiers
  return { ...type, modifiers, fields }
}

/** Whether a type's own name is a keyword that may stand bare where a type is wanted. */
export function isTypeKeywordName(name: string): boolean {
  return typeKeywords.has(name) || name === 'varbit'
}
