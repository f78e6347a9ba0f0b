import { unreachable } from '../base/assert.ts'
import {
  BIGINT,
  BOOLEAN,
  BYTEA,
  DATE,
  type DataType,
  DOUBLE,
  INTEGER,
  INTERVAL,
  JSONB,
  NUMERIC,
  REAL,
  SMALLINT,
  TEXT,
  TIME,
  TIMESTAMP,
  TIMESTAMPTZ,
  UUID,
  VARCHAR,
} from './types.ts'

/** Our types under the object identifiers that every Postgres driver has built in (pg_type.dat). */

interface WireType {
  readonly type: DataType
  readonly oid: number
  readonly arrayOid: number
  /** typlen: bytes of the fixed form, −1 when the length varies. */
  readonly size: number
}

const WIRE_TYPES: readonly WireType[] = [
  { type: BOOLEAN, oid: 16, arrayOid: 1000, size: 1 },
  { type: BYTEA, oid: 17, arrayOid: 1001, size: -1 },
  { type: BIGINT, oid: 20, arrayOid: 1016, size: 8 },
  { type: SMALLINT, oid: 21, arrayOid: 1005, size: 2 },
  { type: INTEGER, oid: 23, arrayOid: 1007, size: 4 },
  { type: TEXT, oid: 25, arrayOid: 1009, size: -1 },
  { type: REAL, oid: 700, arrayOid: 1021, size: 4 },
  { type: DOUBLE, oid: 701, arrayOid: 1022, size: 8 },
  { type: VARCHAR, oid: 1043, arrayOid: 1015, size: -1 },
  { type: DATE, oid: 1082, arrayOid: 1182, size: 4 },
  { type: TIME, oid: 1083, arrayOid: 1183, size: 8 },
  { type: TIMESTAMP, oid: 1114, arrayOid: 1115, size: 8 },
  { type: TIMESTAMPTZ, oid: 1184, arrayOid: 1185, size: 8 },
  { type: INTERVAL, oid: 1186, arrayOid: 1187, size: 16 },
  { type: NUMERIC, oid: 1700, arrayOid: 1231, size: -1 },
  { type: UUID, oid: 2950, arrayOid: 2951, size: 16 },
  { type: JSONB, oid: 3802, arrayOid: 3807, size: -1 },
]

/** Types that drivers declare for parameters, or catalogs have, and the one of ours that carries their values. */
const ALIASES: readonly WireType[] = [
  { type: TEXT, oid: 18, arrayOid: 1002, size: 1 }, // "char"
  { type: TEXT, oid: 19, arrayOid: 1003, size: 64 }, // name
  { type: BIGINT, oid: 26, arrayOid: 1028, size: 4 }, // oid
  { type: JSONB, oid: 114, arrayOid: 199, size: -1 }, // json
  { type: TEXT, oid: 1042, arrayOid: 1014, size: -1 }, // bpchar
]

export const OID_OID = 26
export const JSON_OID = 114
const RECORD_OID = 2249
const RECORD_ARRAY_OID = 2287
const JSONB_OID = 3802

const byKind = new Map(WIRE_TYPES.map(w => [w.type.kind, w]))
const scalarByOid = new Map([...WIRE_TYPES, ...ALIASES].map(w => [w.oid, w]))
const elementByArrayOid = new Map([...WIRE_TYPES, ...ALIASES].map(w => [w.arrayOid, w]))

/** The object identifier a value of this type goes out under. */
export function oidOf(type: DataType): number {
  switch (type.kind) {
    case 'array':
      return arrayOidOf(type.element)
    case 'row':
      return RECORD_OID
    case 'map':
      return JSONB_OID
    case 'unknown':
      return 25
    default:
      return wireType(type).oid
  }
}

function arrayOidOf(element: DataType): number {
  // Postgres has one array type for all dimensions.
  if (element.kind === 'array') return arrayOidOf(element.element)
  if (element.kind === 'row') return RECORD_ARRAY_OID
  if (element.kind === 'map') return 3807
  return element.kind === 'unknown' ? 1009 : wireType(element).arrayOid
}

export function sizeOf(type: DataType): number {
  if (type.kind === 'array' || type.kind === 'row' || type.kind === 'map' || type.kind === 'unknown') return -1
  return wireType(type).size
}

/** Length or precision as Postgres packs it, −1 when there is none. */
export function typmodOf(type: DataType): number {
  if (type.kind === 'varchar' && type.length !== undefined) return type.length + 4
  if (type.kind === 'numeric' && type.precision !== undefined) return ((type.precision << 16) | (type.scale ?? 0)) + 4
  return -1
}

/** Our type for an identifier, or undefined for those we have no type for. 0 and `unknown` mean: infer. */
export function typeOfOid(oid: number): DataType | undefined {
  const scalar = scalarByOid.get(oid)
  if (scalar) return scalar.type
  const element = elementByArrayOid.get(oid)
  return element && { kind: 'array', element: element.type }
}

/** Identifier of the elements of an array type. */
export function elementOidOf(arrayOid: number): number | undefined {
  return elementByArrayOid.get(arrayOid)?.oid
}

function wireType(type: DataType): WireType {
  return byKind.get(type.kind) ?? unreachable(type as never) // every kind but the four handled above is in the table
}
