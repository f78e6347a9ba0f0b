import { unreachable } from '../base/assert.ts'

/** SQL types, named and meant as in Postgres. `unknown` is the type of an untyped NULL, string literal or parameter. */
export type DataType =
  | { readonly kind: SimpleKind }
  | { readonly kind: 'numeric'; readonly precision?: number; readonly scale?: number }
  | { readonly kind: 'varchar'; readonly length?: number }
  | { readonly kind: 'array'; readonly element: DataType }
  | { readonly kind: 'row'; readonly fields: readonly Field[] }
  | { readonly kind: 'map'; readonly key: DataType; readonly value: DataType }

export type SimpleKind =
  | 'boolean'
  | 'smallint'
  | 'integer'
  | 'bigint'
  | 'real'
  | 'double'
  | 'text'
  | 'bytea'
  | 'date'
  | 'time'
  | 'timestamp'
  | 'timestamptz'
  | 'interval'
  | 'uuid'
  | 'jsonb'
  | 'unknown'

export interface Field {
  readonly name: string
  readonly type: DataType
}

/** Columns of a batch, in order. Names may repeat. */
export interface Schema {
  readonly fields: readonly Field[]
}

/**
 * One SQL value outside a column. `null` is SQL NULL.
 * boolean → boolean · smallint, integer, date (days since 1970) → number · bigint, time, timestamp, timestamptz
 * (microseconds) → Int64 · real, double → number · text, varchar, uuid, jsonb (canonical text) → string ·
 * bytea → Uint8Array · numeric → Decimal · interval → Interval · array, row → Datum[] · map → [Datum, Datum][]
 */
export type Datum = null | boolean | number | bigint | string | Uint8Array | Decimal | Interval | readonly Datum[]

/** A 64-bit integer: a number when it is a safe integer, else a bigint. Canonical, so `===`, `<` and Map keys work on a mix. */
export type Int64 = number | bigint

/** An exact decimal: unscaled · 10^−scale. `scale` ≥ 0 is the display scale too, as in Postgres. */
export interface Decimal {
  readonly unscaled: bigint
  readonly scale: number
  /** For the values no digits can write. */
  readonly special?: 'NaN' | 'Infinity' | '-Infinity'
}

/** Postgres' three-part interval. `micros` is an Int64 in practice far inside the safe range. */
export interface Interval {
  readonly months: number
  readonly days: number
  readonly micros: number
}

export const BOOLEAN: DataType = { kind: 'boolean' }
export const SMALLINT: DataType = { kind: 'smallint' }
export const INTEGER: DataType = { kind: 'integer' }
export const BIGINT: DataType = { kind: 'bigint' }
export const REAL: DataType = { kind: 'real' }
export const DOUBLE: DataType = { kind: 'double' }
export const NUMERIC: DataType = { kind: 'numeric' }
export const TEXT: DataType = { kind: 'text' }
export const VARCHAR: DataType = { kind: 'varchar' }
export const BYTEA: DataType = { kind: 'bytea' }
export const DATE: DataType = { kind: 'date' }
export const TIME: DataType = { kind: 'time' }
export const TIMESTAMP: DataType = { kind: 'timestamp' }
export const TIMESTAMPTZ: DataType = { kind: 'timestamptz' }
export const INTERVAL: DataType = { kind: 'interval' }
export const UUID: DataType = { kind: 'uuid' }
export const JSONB: DataType = { kind: 'jsonb' }
export const UNKNOWN: DataType = { kind: 'unknown' }

/** How a type lies in memory; see `Column`. */
export type Storage = 'bool' | 'int32' | 'int64' | 'float64' | 'utf8' | 'boxed'

export function storageOf(type: DataType): Storage {
  switch (type.kind) {
    case 'boolean':
      return 'bool'
    case 'smallint':
    case 'integer':
    case 'date':
      return 'int32'
    case 'bigint':
    case 'time':
    case 'timestamp':
    case 'timestamptz':
      return 'int64'
    case 'real':
    case 'double':
      return 'float64'
    case 'text':
    case 'varchar':
    case 'bytea':
    case 'uuid':
    case 'jsonb':
    case 'unknown':
      return 'utf8'
    case 'numeric':
    case 'interval':
    case 'array':
    case 'row':
    case 'map':
      return 'boxed'
    default:
      return unreachable(type)
  }
}

/** Same type, typmods (length, precision) included; names of row fields too. */
export function sameType(a: DataType, b: DataType): boolean {
  if (a.kind !== b.kind) return false
  if (a.kind === 'numeric' && b.kind === 'numeric') return a.precision === b.precision && a.scale === b.scale
  if (a.kind === 'varchar' && b.kind === 'varchar') return a.length === b.length
  if (a.kind === 'array' && b.kind === 'array') return sameType(a.element, b.element)
  if (a.kind === 'map' && b.kind === 'map') return sameType(a.key, b.key) && sameType(a.value, b.value)
  if (a.kind === 'row' && b.kind === 'row') {
    return (
      a.fields.length === b.fields.length &&
      a.fields.every((f, i) => f.name === b.fields[i].name && sameType(f.type, b.fields[i].type))
    )
  }
  return true
}

/** The type as Postgres' format_type prints it: `double precision`, `numeric(10,2)`, `text[]`. */
export function typeName(type: DataType): string {
  switch (type.kind) {
    case 'double':
      return 'double precision'
    case 'time':
      return 'time without time zone'
    case 'timestamp':
      return 'timestamp without time zone'
    case 'timestamptz':
      return 'timestamp with time zone'
    case 'varchar':
      return type.length === undefined ? 'character varying' : `character varying(${type.length})`
    case 'numeric':
      return type.precision === undefined ? 'numeric' : `numeric(${type.precision},${type.scale ?? 0})`
    case 'array':
      return `${typeName(type.element)}[]`
    case 'row':
      return `row(${type.fields.map(f => `${f.name} ${typeName(f.type)}`).join(', ')})`
    case 'map':
      return `map(${typeName(type.key)}, ${typeName(type.value)})`
    default:
      return type.kind
  }
}
