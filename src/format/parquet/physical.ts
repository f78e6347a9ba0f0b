/** SQL values as Parquet's physical ones, where they differ. */
import { formatInterval } from '../../batch/interval.ts'
import { absolute, pow10, rescale } from '../../batch/numeric.ts'
import { BIGINT, BYTEA, type DataType, type Datum, INTEGER, TEXT } from '../../batch/types.ts'
import { decimalShape, type Leaf, PHYSICAL } from './schema.ts'

/** Whether a column of the type is written as it lies in memory. */
export function isWrittenAsIs({ kind }: DataType): boolean {
  return !['numeric', 'uuid', 'interval', 'array', 'row', 'map'].includes(kind)
}

/** The type of what `physicalValue` gives. */
export function physicalType({ type, physical }: Leaf): DataType {
  if (type.kind === 'uuid') return BYTEA
  if (type.kind === 'numeric')
    return physical === PHYSICAL.INT32 ? INTEGER : physical === PHYSICAL.INT64 ? BIGINT : BYTEA
  return isWrittenAsIs(type) ? type : TEXT
}

/** What is written for a value; null also where a leaf cannot hold it: NaN, infinity, and more digits than the numeric's 38. */
export function physicalValue({ type, physical }: Leaf, value: Datum): Datum {
  if (value === null) return null
  switch (type.kind) {
    case 'numeric': {
      if (typeof value !== 'object' || !('unscaled' in value) || value.special !== undefined) return null
      const { precision, scale } = decimalShape(type)
      const { unscaled } = rescale(value, scale)
      if (absolute(unscaled) >= pow10(precision)) return null
      if (physical === PHYSICAL.FIXED) return bigEndian(unscaled)
      return Number.isSafeInteger(Number(unscaled)) ? Number(unscaled) : unscaled
    }
    case 'uuid':
      return typeof value === 'string' ? Buffer.from(value.replaceAll('-', ''), 'hex') : null
    case 'interval':
      return typeof value === 'object' && 'months' in value ? formatInterval(value) : null
    default:
      return value
  }
}

/** 16 bytes, two's complement. */
function bigEndian(value: bigint): Uint8Array {
  const bytes = Buffer.alloc(16)
  bytes.writeBigInt64BE(BigInt.asIntN(64, value >> 64n), 0)
  bytes.writeBigUInt64BE(BigInt.asUintN(64, value), 8)
  return bytes
}
