import { type DataType, type SimpleKind, sameType, TEXT } from '../batch/types.ts'

/** Which casts a place allows: function arguments implicit ones, INSERT also assignment, CAST all. Each includes the one before. */
export type CastContext = 'implicit' | 'assignment' | 'explicit'

type Kind = SimpleKind | 'numeric' | 'varchar'

// pg_cast, as far as our types go. Text gets its casts from textual input and output below.
const IMPLICIT: Partial<Record<Kind, readonly Kind[]>> = {
  smallint: ['integer', 'bigint', 'real', 'double', 'numeric'],
  integer: ['bigint', 'real', 'double', 'numeric'],
  bigint: ['real', 'double', 'numeric'],
  numeric: ['real', 'double'],
  real: ['double'],
  date: ['timestamp', 'timestamptz'],
  timestamp: ['timestamptz'],
  time: ['interval'],
  text: ['varchar'],
  varchar: ['text'],
}
const ASSIGNMENT: Partial<Record<Kind, readonly Kind[]>> = {
  integer: ['smallint'],
  bigint: ['smallint', 'integer'],
  real: ['smallint', 'integer', 'bigint', 'numeric'],
  double: ['smallint', 'integer', 'bigint', 'numeric', 'real'],
  numeric: ['smallint', 'integer', 'bigint'],
  timestamp: ['date', 'time'],
  timestamptz: ['date', 'time', 'timestamp'],
  interval: ['time'],
}
const EXPLICIT: Partial<Record<Kind, readonly Kind[]>> = {
  boolean: ['integer'],
  integer: ['boolean'],
  jsonb: ['boolean', 'smallint', 'integer', 'bigint', 'real', 'double', 'numeric'],
}

/** Whether a value of `from` may become `to` there. Lengths and precisions do not matter; `unknown` becomes anything. */
export function canCast(from: DataType, to: DataType, context: CastContext): boolean {
  if (from.kind === 'unknown' || sameType(from, to)) return true
  if (to.kind === 'unknown') return false
  if (from.kind === 'array' && to.kind === 'array') return canCast(from.element, to.element, context)
  if (from.kind === 'map' && to.kind === 'map') {
    return canCast(from.key, to.key, context) && canCast(from.value, to.value, context)
  }
  if (from.kind === 'row' && to.kind === 'row') {
    const { fields } = to
    return from.fields.length === fields.length && from.fields.every((f, i) => canCast(f.type, fields[i].type, context))
  }
  if (isString(to)) return context !== 'implicit' || isString(from)
  if (isString(from)) return context === 'explicit' && to.kind !== 'map'
  if (isNested(from) || isNested(to)) return false
  if (from.kind === to.kind) return true
  if (IMPLICIT[from.kind]?.includes(to.kind)) return true
  if (context === 'implicit') return false
  if (ASSIGNMENT[from.kind]?.includes(to.kind)) return true
  return context === 'explicit' && (EXPLICIT[from.kind]?.includes(to.kind) ?? false)
}

function isNested(type: DataType): type is Extract<DataType, { kind: 'array' | 'row' | 'map' }> {
  return type.kind === 'array' || type.kind === 'row' || type.kind === 'map'
}

function isString(type: DataType): boolean {
  return type.kind === 'text' || type.kind === 'varchar'
}

/** Postgres' type category: N number, S string, D date/time, T span, B boolean, A array, C row, X unknown, P family, U the rest. */
export function category(kind: string): string {
  switch (kind) {
    case 'smallint':
    case 'integer':
    case 'bigint':
    case 'real':
    case 'double':
    case 'numeric':
      return 'N'
    case 'text':
    case 'varchar':
      return 'S'
    case 'date':
    case 'time':
    case 'timestamp':
    case 'timestamptz':
      return 'D'
    case 'interval':
      return 'T'
    case 'boolean':
      return 'B'
    case 'array':
      return 'A'
    case 'row':
      return 'C'
    case 'unknown':
      return 'X'
    case 'any':
    case 'anyelement':
    case 'anyarray':
    case 'anynonarray':
    case 'record':
      return 'P'
    default:
      return 'U'
  }
}

/** The type its category prefers when nothing else decides. */
export function isPreferred(kind: string): boolean {
  return kind === 'double' || kind === 'text' || kind === 'timestamptz' || kind === 'interval' || kind === 'boolean'
}

/**
 * The type that UNION, CASE, COALESCE, VALUES and ARRAY[] give to mixed inputs, as Postgres chooses it: text when all are
 * unknown; else the first known type, replaced by a later one it converts to implicitly, as long as it is not a preferred
 * one. Undefined: they do not match.
 */
export function commonType(types: readonly DataType[]): DataType | undefined {
  const known = types.filter(t => t.kind !== 'unknown')
  if (known.length === 0) return TEXT
  if (known.every(t => sameType(t, known[0]))) return known[0]
  let chosen = known[0]
  for (const type of known.slice(1)) {
    if (type.kind === chosen.kind && chosen.kind !== 'array' && chosen.kind !== 'row' && chosen.kind !== 'map') continue
    if (category(type.kind) !== category(chosen.kind)) return undefined
    if (isPreferred(chosen.kind)) continue
    if (canCast(chosen, type, 'implicit') && !canCast(type, chosen, 'implicit')) chosen = type
  }
  chosen = withoutModifiers(chosen)
  return known.every(t => canCast(t, chosen, 'implicit')) ? chosen : undefined
}

/** The type without length or precision. */
export function withoutModifiers(type: DataType): DataType {
  if (type.kind === 'numeric') return { kind: 'numeric' }
  if (type.kind === 'varchar') return { kind: 'varchar' }
  if (type.kind === 'array') return { kind: 'array', element: withoutModifiers(type.element) }
  return type
}
