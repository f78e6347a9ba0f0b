import { EngineError } from '../../base/errors.ts'
import { ColumnBuilder } from '../../batch/builder.ts'
import { type Column, isDecimal, isNull } from '../../batch/column.ts'
import { rescale } from '../../batch/numeric.ts'
import type { DataType, Datum, Field, Schema } from '../../batch/types.ts'
import { ByteWriter } from '../byte-writer.ts'
import type { RowWriter } from '../encoder.ts'
import { valueWriter } from '../value-writer.ts'

/** Writes a value that is not NULL. */
type AvroWriter = (column: Column, row: number, out: ByteWriter) => void

const TWO_32 = 4294967296
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/

/**
 * The Avro schema of rows: a record of fields that may each be null, which is how SQL's columns are and what lets a field be added or
 * dropped later. Intervals, jsonb and numeric without a scale are strings, for Avro has nothing like them. Throws 42602 for a column
 * whose name Avro does not allow.
 */
export function avroSchemaOf(schema: Schema, name: string): string {
  return JSON.stringify(recordSchema(schema.fields, safeName(name)))
}

function recordSchema(fields: readonly Field[], name: string): object {
  return {
    type: 'record',
    name,
    fields: fields.map(field => {
      if (!NAME.test(field.name)) {
        const hint = 'Give it another with AS: letters, digits and underscores.'
        throw new EngineError('42602', `Avro has no field names like "${field.name}"`, { hint })
      }
      return { name: field.name, type: ['null', typeSchema(field.type, `${name}_${field.name}`)], default: null }
    }),
  }
}

function safeName(text: string): string {
  const name = text.replace(/[^A-Za-z0-9_]/g, '_')
  return NAME.test(name) ? name : `_${name}`
}

function typeSchema(type: DataType, name: string): unknown {
  switch (type.kind) {
    case 'boolean':
      return 'boolean'
    case 'smallint':
    case 'integer':
      return 'int'
    case 'bigint':
      return 'long'
    case 'real':
      return 'float'
    case 'double':
      return 'double'
    case 'bytea':
      return 'bytes'
    case 'date':
      return { type: 'int', logicalType: 'date' }
    case 'time':
      return { type: 'long', logicalType: 'time-micros' }
    case 'timestamp':
      return { type: 'long', logicalType: 'local-timestamp-micros' }
    case 'timestamptz':
      return { type: 'long', logicalType: 'timestamp-micros' }
    case 'uuid':
      return { type: 'string', logicalType: 'uuid' }
    case 'numeric': {
      const { precision, scale = 0 } = type
      return precision === undefined ? 'string' : { type: 'bytes', logicalType: 'decimal', precision, scale }
    }
    case 'array':
      return { type: 'array', items: ['null', typeSchema(type.element, name)] }
    case 'map':
      return { type: 'map', values: ['null', typeSchema(type.value, name)] }
    case 'row':
      return recordSchema(type.fields, name)
    default:
      return 'string'
  }
}

/** Writes rows in the schema that `avroSchemaOf` gives; `prefix` comes before each, and may be set late. */
export function avroRow(schema: Schema, prefix: () => Uint8Array): RowWriter {
  const writers = schema.fields.map(f => avroWriter(f.type))
  return (batch, row, out) => {
    const before = prefix()
    out.raw(before, 0, before.length)
    for (let c = 0; c < writers.length; c++) writeNullable(writers[c], batch.columns[c], row, out)
  }
}

/** A union of null and a type: which of them, then the value. */
function writeNullable(write: AvroWriter, column: Column, row: number, out: ByteWriter): void {
  if (isNull(column, row)) {
    out.byte(0)
    return
  }
  out.byte(2)
  write(column, row, out)
}

function avroWriter(type: DataType): AvroWriter {
  switch (type.kind) {
    case 'boolean':
      return (column, row, out) => {
        if (column.storage === 'bool') out.byte(column.values[row])
      }
    case 'smallint':
    case 'integer':
    case 'date':
      return (column, row, out) => {
        if (column.storage === 'int32') writeLong(out, column.values[row])
      }
    case 'bigint':
    case 'time':
    case 'timestamp':
    case 'timestamptz':
      return (column, row, out) => {
        if (column.storage !== 'int64') return
        const high = column.words[2 * row + 1]
        const value = high * TWO_32 + (column.words[2 * row] >>> 0)
        if (Math.abs(value) < 2 ** 52) writeLong(out, value)
        else writeBigLong(out, (BigInt(high) << 32n) | BigInt(column.words[2 * row] >>> 0))
      }
    case 'real':
      return floatWriter(4, (view, value) => view.setFloat32(0, value, true))
    case 'double':
      return floatWriter(8, (view, value) => view.setFloat64(0, value, true))
    case 'text':
    case 'varchar':
    case 'unknown':
    case 'uuid':
    case 'bytea':
    case 'jsonb':
      return (column, row, out) => {
        if (column.storage !== 'utf8') return
        const { bytes, starts, ends } = column
        writeLong(out, ends[row] - starts[row])
        out.raw(bytes, starts[row], ends[row])
      }
    case 'numeric':
      return type.precision === undefined ? textWriter(type) : decimalWriter(type.scale ?? 0)
    case 'interval':
      return textWriter(type)
    case 'array':
      return boxedWriter(listWriter(datumWriter(type.element)))
    case 'map': {
      const value = datumWriter(type.value)
      const key = textWriter(type.key)
      return boxedWriter(
        listWriter((entry, out) => {
          if (!Array.isArray(entry)) return
          key(columnOf(type.key, entry[0]), 0, out)
          value(entry[1], out)
        }),
      )
    }
    case 'row': {
      const fields = type.fields.map(f => datumWriter(f.type))
      return boxedWriter((value, out) => {
        for (const [i, write] of fields.entries()) write(Array.isArray(value) ? value[i] : null, out)
      })
    }
  }
}

/** A zigzag varint of a whole number within ±2^52. */
function writeLong(out: ByteWriter, value: number): void {
  out.reserve(10)
  const { bytes } = out
  let left = value < 0 ? -2 * value - 1 : 2 * value
  let { at } = out
  while (left >= 0x10000000) {
    bytes[at++] = (left % 128) | 128
    left = Math.floor(left / 128)
  }
  let small = left | 0
  while (small > 127) {
    bytes[at++] = (small & 127) | 128
    small >>>= 7
  }
  bytes[at++] = small
  out.at = at
}

function writeBigLong(out: ByteWriter, value: bigint): void {
  let left = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n))
  while (left > 127n) {
    out.byte(Number(left & 127n) | 128)
    left >>= 7n
  }
  out.byte(Number(left))
}

function floatWriter(size: number, set: (view: DataView, value: number) => void): AvroWriter {
  const scratch = new Uint8Array(size)
  const view = new DataView(scratch.buffer)
  return (column, row, out) => {
    if (column.storage !== 'float64') return
    set(view, column.values[row])
    out.raw(scratch, 0, size)
  }
}

/** Types that Avro has no word for, in the text that CSV has for them. */
function textWriter(type: DataType): AvroWriter {
  const write = valueWriter(type, 'raw')
  const text = new ByteWriter()
  return (column, row, out) => {
    text.at = 0
    write(column, row, text)
    writeLong(out, text.at)
    out.raw(text.bytes, 0, text.at)
  }
}

function decimalWriter(scale: number): AvroWriter {
  return boxedWriter((value, out) => {
    if (!isDecimal(value)) return
    if (value.special !== undefined) {
      const hint = 'Cast it to text or to double precision.'
      throw new EngineError('22003', `an Avro decimal cannot hold ${value.special}`, { hint })
    }
    const { unscaled } = rescale(value, scale)
    let size = 1
    while (BigInt.asIntN(8 * size, unscaled) !== unscaled) size++
    writeLong(out, size)
    for (let i = size - 1; i >= 0; i--) out.byte(Number((unscaled >> BigInt(8 * i)) & 255n))
  })
}

type DatumWriter = (value: Datum, out: ByteWriter) => void

function boxedWriter(write: DatumWriter): AvroWriter {
  return (column, row, out) => {
    if (column.storage === 'boxed') write(column.values[row], out)
  }
}

/** One block with all items, and the empty block that ends it. */
function listWriter(item: DatumWriter): DatumWriter {
  return (value, out) => {
    if (!Array.isArray(value)) return
    if (value.length > 0) {
      writeLong(out, value.length)
      for (const each of value) item(each, out)
    }
    out.byte(0)
  }
}

/** A value inside another, by way of a column of one row: nested values are rare, and one writer a type is enough. */
function datumWriter(type: DataType): DatumWriter {
  const write = avroWriter(type)
  return (value, out) => writeNullable(write, columnOf(type, value), 0, out)
}

function columnOf(type: DataType, value: Datum): Column {
  const builder = new ColumnBuilder(type, 1)
  builder.append(value)
  return builder.finish()
}
