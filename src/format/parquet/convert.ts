/** Values of a file as SQL has them, and as a declaration wants them. */
import { EngineError } from '../../base/errors.ts'
import { ColumnBuilder } from '../../batch/builder.ts'
import { type Column, datumAt, decodeUtf8 } from '../../batch/column.ts'
import { canonicalJson } from '../../batch/jsonb.ts'
import { decimalOfInt, decimalOfNumber, rescale } from '../../batch/numeric.ts'
import { type DataType, type Datum, type Decimal, sameType, storageOf, typeName } from '../../batch/types.ts'
import type { FileColumn } from './footer.ts'
import { type Leaf, PHYSICAL } from './schema.ts'

const MICROS_PER_DAY = 86_400_000_000
const JULIAN_1970 = 2_440_588

/** A column as `readValues` gives it, in the storage of the leaf's SQL type. */
export function sqlValues(leaf: Leaf, column: Column, count: number): Column {
  const { type, physical } = leaf
  const value = toSql(leaf)
  if (value === undefined) return column.storage === storageOf(type) ? column : widened(leaf, column, count)
  const builder = new ColumnBuilder(type, count)
  for (let i = 0; i < count; i++)
    builder.append(value(datumAt(column, i, physical >= PHYSICAL.BYTES || physical === PHYSICAL.INT96)))
  return builder.finish()
}

/** Undefined: a value is already what SQL has. */
function toSql({ type, physical, unit = 1, fixedBytes }: Leaf): ((value: Datum) => Datum) | undefined {
  switch (type.kind) {
    case 'numeric': {
      const scale = type.scale ?? 0
      if (physical === PHYSICAL.BYTES || physical === PHYSICAL.FIXED) return value => decimalOfBytes(value, scale)
      const unsigned = physical === PHYSICAL.INT64 && type.precision === 20
      return value => {
        const unscaled = BigInt(Number.isInteger(value) ? (value as number) : (value as bigint)) // of an integer's storage
        return { unscaled: unsigned ? BigInt.asUintN(64, unscaled) : unscaled, scale }
      }
    }
    case 'uuid':
      return value => (value instanceof Uint8Array ? uuidOf(value) : null)
    case 'interval':
      return value => (value instanceof Uint8Array && fixedBytes === 12 ? intervalOf(value) : null)
    case 'time':
    case 'timestamp':
    case 'timestamptz':
      if (physical === PHYSICAL.INT96) return value => (value instanceof Uint8Array ? int96(value) : null)
      if (unit === 1) return undefined
      return value => (Number.isInteger(value) ? Math.floor((value as number) * unit) : BigInt(value as bigint) / 1000n) // nanoseconds beyond 2^53
    case 'bigint':
      return physical === PHYSICAL.INT32 ? value => (typeof value === 'number' ? value >>> 0 : value) : undefined
    case 'jsonb':
      return value => canonical(value instanceof Uint8Array ? decodeUtf8(value, 0, value.length) : value)
    default:
      return undefined
  }
}

/** TIME of milliseconds lies in 32 bits, and the like. */
function widened({ type }: Leaf, column: Column, count: number): Column {
  const builder = new ColumnBuilder(type, count)
  for (let i = 0; i < count; i++) builder.append(datumAt(column, i))
  return builder.finish()
}

function canonical(value: Datum): Datum {
  return typeof value === 'string' ? (canonicalJson(value) ?? null) : null
}

function decimalOfBytes(value: Datum, scale: number): Decimal | null {
  if (!(value instanceof Uint8Array) || value.length === 0) return null
  let unscaled = 0n
  for (const byte of value) unscaled = (unscaled << 8n) | BigInt(byte)
  return { unscaled: BigInt.asIntN(8 * value.length, unscaled), scale }
}

function uuidOf(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes).toString('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}

function intervalOf(bytes: Uint8Array): Datum {
  const view = new DataView(bytes.buffer, bytes.byteOffset, 12)
  return { months: view.getUint32(0, true), days: view.getUint32(4, true), micros: view.getUint32(8, true) * 1000 }
}

/** Nanoseconds of the day, then the Julian day. */
function int96(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, 12)
  const micros = Number(view.getBigUint64(0, true) / 1000n)
  return (view.getUint32(8, true) - JULIAN_1970) * MICROS_PER_DAY + micros
}

/** The column as a declaration wants it; what does not fit is NULL. Throws 42804 where the types have nothing to do with one another. */
export function convertColumn(column: Column, count: number, { name, type: from }: FileColumn, to: DataType): Column {
  const convert = conversion(from, to)
  if (convert === 'same') return column
  if (convert === undefined) {
    throw new EngineError(
      '42804',
      `column "${name}" of the file is ${typeName(from)}, and declared as ${typeName(to)}`,
      {
        hint: `Declare it as ${typeName(from)}, and cast in the query.`,
      },
    )
  }
  const builder = new ColumnBuilder(to, count)
  const bytea = from.kind === 'bytea'
  for (let i = 0; i < count; i++) {
    const value = datumAt(column, i, bytea)
    builder.append(value === null ? null : convert(value))
  }
  return builder.finish()
}

const INTEGERS: Readonly<Record<string, number | undefined>> = { smallint: 2 ** 15, integer: 2 ** 31, bigint: 2 ** 63 }
const FLOATS = new Set(['real', 'double'])
const TEXTS = new Set(['text', 'varchar', 'unknown'])
const TIMES = new Set(['timestamp', 'timestamptz'])

function conversion(from: DataType, to: DataType): ((value: Datum) => Datum) | 'same' | undefined {
  const limit = INTEGERS[to.kind]
  if (limit !== undefined && INTEGERS[from.kind] !== undefined) {
    return value =>
      typeof value === 'number' && value >= -limit && value < limit ? value : limit === 2 ** 63 ? value : null
  }
  if (FLOATS.has(to.kind)) {
    if (FLOATS.has(from.kind)) return to.kind === 'double' ? 'same' : value => Math.fround(Number(value))
    if (INTEGERS[from.kind] !== undefined) return value => Number(value)
    if (from.kind === 'numeric') return value => (isDecimal(value) ? Number(value.unscaled) / 10 ** value.scale : null)
  }
  if (to.kind === 'numeric') {
    const scaled = (value: Decimal): Decimal => (to.scale === undefined ? value : rescale(value, to.scale))
    if (from.kind === 'numeric') return value => (isDecimal(value) ? scaled(value) : null)
    if (INTEGERS[from.kind] !== undefined) return value => scaled(decimalOfInt(value as number | bigint)) // of an integer's storage
    if (FLOATS.has(from.kind)) return value => scaled(decimalOfNumber(Number(value), 15))
  }
  if (TIMES.has(from.kind) && TIMES.has(to.kind)) return 'same' // both are microseconds of UTC
  if (from.kind === 'date' && TIMES.has(to.kind)) return value => Number(value) * MICROS_PER_DAY
  if (TEXTS.has(to.kind) && (TEXTS.has(from.kind) || ['uuid', 'jsonb', 'bytea'].includes(from.kind))) return 'same'
  if (to.kind === 'bytea' && TEXTS.has(from.kind)) return 'same'
  if (to.kind === 'jsonb' && TEXTS.has(from.kind)) return canonical
  if (to.kind === 'array' && from.kind === 'array') {
    const element = sameType(from.element, to.element) ? 'same' : conversion(from.element, to.element)
    if (typeof element !== 'function') return element
    return value => (Array.isArray(value) ? value.map(each => (each === null ? null : element(each))) : null)
  }
  return from.kind === to.kind && storageOf(from) !== 'boxed' ? 'same' : undefined
}

function isDecimal(value: Datum): value is Decimal {
  return typeof value === 'object' && value !== null && 'unscaled' in value
}
