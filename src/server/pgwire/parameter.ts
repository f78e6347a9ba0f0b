import { EngineError, notSupported } from '../../base/errors.ts'
import { MICROS_PER_DAY } from '../../batch/civil.ts'
import { canonicalInt64 } from '../../batch/column.ts'
import { formatJson, parseJson } from '../../batch/jsonb.ts'
import { elementOidOf, JSON_OID, OID_OID, typeOfOid } from '../../batch/oids.ts'
import type { DataType, Datum, Decimal } from '../../batch/types.ts'
import { checkDate, checkTimestamp, isInfinite, isInfiniteDate, type TextSettings } from '../../expr/datetime.ts'
import { parseDatum } from '../../expr/text.ts'
import { DAYS_TO_2000, MICROS_TO_2000 } from './binary.ts'
import { ByteReader, decodeText } from './bytes.ts'

/** One parameter, not NULL, in the format the client chose. `oid` is what the client declared, or was told. */
export function decodeParameter(
  bytes: Uint8Array,
  format: number,
  type: DataType,
  options: { readonly oid: number; readonly settings: TextSettings },
): Datum {
  if (format === 1) return decodeBinary(bytes, type, options.oid)
  return parseDatum(decodeText(bytes), type, options.settings)
}

/**
 * A parameter in the binary format. `oid` is what the client declared (or was told): `oid` and `json` have forms of their own
 * though their values are carried by other types of ours.
 */
export function decodeBinary(bytes: Uint8Array, type: DataType, oid: number): Datum {
  const reader = new ByteReader(bytes)
  const value = readBinary(reader, type, oid)
  if (reader.remaining > 0) throw badBinary(type)
  return value
}

function readBinary(reader: ByteReader, type: DataType, oid: number): Datum {
  switch (type.kind) {
    case 'boolean':
      return reader.int8() !== 0
    case 'smallint':
      return reader.int16()
    case 'integer':
      return reader.int32()
    case 'bigint':
      return oid === OID_OID ? reader.uint32() : canonicalInt64(reader.int64())
    case 'real':
      return reader.float32()
    case 'double':
      return reader.float64()
    case 'text':
    case 'varchar':
    case 'unknown':
      return decodeText(reader.take(reader.remaining))
    case 'bytea':
      // A copy: the message's bytes go with it.
      return new Uint8Array(reader.take(reader.remaining))
    case 'jsonb':
      if (oid !== JSON_OID && reader.int8() !== 1) throw badBinary(type)
      return formatJson(parseJson(decodeText(reader.take(reader.remaining))))
    case 'uuid':
      return readUuid(reader)
    case 'date':
      return readDate(reader)
    case 'time':
      return readTime(reader)
    case 'timestamp':
    case 'timestamptz':
      return readTimestamp(reader)
    case 'interval': {
      const micros = Number(reader.int64())
      const days = reader.int32()
      return { months: reader.int32(), days, micros }
    }
    case 'numeric':
      return readNumeric(reader)
    case 'array':
      return readArray(reader, oid)
    case 'row':
    case 'map':
      throw notSupported(`a parameter of type ${type.kind} in the binary format`)
    default:
      throw badBinary(type)
  }
}

function badBinary(type: DataType): EngineError {
  return new EngineError('22P03', `incorrect binary data format for type ${type.kind}`)
}

function readUuid(reader: ByteReader): string {
  const hex = Array.from(reader.take(16), byte => byte.toString(16).padStart(2, '0')).join('')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

function readDate(reader: ByteReader): number {
  const days = reader.int32()
  return isInfiniteDate(days) ? days : checkDate(days + DAYS_TO_2000)
}

function readTime(reader: ByteReader): number {
  const micros = Number(reader.int64())
  if (micros < 0 || micros > MICROS_PER_DAY) throw new EngineError('22008', 'time out of range')
  return micros
}

function readTimestamp(reader: ByteReader): Datum {
  const micros = reader.int64()
  if (isInfinite(micros)) return micros
  return checkTimestamp(canonicalInt64(micros + BigInt(MICROS_TO_2000)))
}

function readNumeric(reader: ByteReader): Decimal {
  const count = reader.uint16()
  const weight = reader.int16()
  const sign = reader.uint16()
  const scale = reader.uint16()
  if (sign === 0xc000) return { unscaled: 0n, scale: 0, special: 'NaN' }
  if (sign === 0xd000) return { unscaled: 0n, scale: 0, special: 'Infinity' }
  if (sign === 0xf000) return { unscaled: 0n, scale: 0, special: '-Infinity' }
  let text = ''
  for (let i = 0; i < count; i++) {
    const digit = reader.uint16()
    if (digit > 9999) throw badBinary({ kind: 'numeric' })
    text += String(digit).padStart(4, '0')
  }
  // `text` stands for its digits times 10^exponent; cut or fill it to exactly `scale` decimals.
  const exponent = 4 * (weight - count + 1)
  const missing = exponent + scale
  const digits = missing >= 0 ? text + '0'.repeat(missing) : text.slice(0, Math.max(0, text.length + missing))
  const unscaled = BigInt(digits || '0')
  return { unscaled: sign === 0x4000 ? -unscaled : unscaled, scale }
}

function readArray(reader: ByteReader, arrayOid: number): Datum {
  const dimensionCount = reader.int32()
  reader.int32() // whether there are NULLs: seen anyway
  const elementOid = reader.uint32()
  const element = typeOfOid(elementOid)
  if (dimensionCount < 0 || dimensionCount > 6 || !element) throw badArray()
  if (elementOidOf(arrayOid) !== elementOid)
    throw new EngineError('42804', 'the elements of an array are not of its type')
  const lengths: number[] = []
  for (let i = 0; i < dimensionCount; i++) {
    lengths.push(reader.int32())
    reader.int32() // lower bound: ours always begin at 1
  }
  if (dimensionCount === 0) return []
  const level = (depth: number): Datum[] => {
    const values: Datum[] = []
    // Every element takes four bytes at least, so a wrong length ends with the message.
    for (let i = 0; i < lengths[depth]; i++) {
      if (reader.remaining < 4) throw badArray()
      values.push(depth + 1 < dimensionCount ? level(depth + 1) : readElement(reader, element, elementOid))
    }
    return values
  }
  return level(0)
}

function badArray(): EngineError {
  return new EngineError('22P03', 'incorrect binary data format for an array')
}

function readElement(reader: ByteReader, type: DataType, oid: number): Datum {
  const length = reader.int32()
  if (length === -1) return null
  if (length < 0) throw badBinary(type)
  return decodeBinary(reader.take(length), type, oid)
}
