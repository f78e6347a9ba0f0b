import { notSupported } from '../base/errors.ts'
import { type Batch, createBatch } from '../batch/batch.ts'
import { type Column, canonicalInt64, int64At, setInt64 } from '../batch/column.ts'
import { BIGINT, type Field, type Schema } from '../batch/types.ts'
import type { RecordEncoder } from '../connector.ts'
import type { SourceObject } from './objects.ts'
import { writtenColumns } from './source-columns.ts'

/** Rows as records of a source's topic: the columns of a record's value, and how each time is written (undefined: as text). */
export interface WrittenSpec {
  readonly fields: readonly Field[]
  readonly timeFormats: readonly (string | undefined)[]
  /** Of the record's key; none: records without keys. */
  readonly key: readonly number[]
}

/** How a source's own records look. Throws 0A000 when a column lies deeper in them than a row can say. */
export function writtenSpec({ spec, shortName }: SourceObject): WrittenSpec {
  const written = writtenColumns(spec)
  const columns = written.map(i => spec.columns[i])
  const nested = columns.find(c => c.path !== undefined && c.path !== `$.${c.name}`)
  if (nested)
    throw notSupported(`INSERT into "${shortName}", whose column "${nested.name}" is read from ${nested.path}`)
  return {
    fields: columns.map(({ name, type }) => ({ name, type })),
    timeFormats: columns.map(c => (epochUnit(c.timeFormat) === undefined ? undefined : c.timeFormat)),
    key: (spec.upsertKey ?? []).map(k => written.indexOf(k)),
  }
}

/** An encoder of rows of `schema` that writes times as the numbers their source declares to read; `create` makes it for what it gets then. */
export function writingTimes(
  schema: Schema,
  timeFormats: WrittenSpec['timeFormats'],
  create: (schema: Schema) => RecordEncoder,
): RecordEncoder {
  if (timeFormats.every(f => f === undefined)) return create(schema)
  const fields = schema.fields.map((field, c) => (timeFormats[c] ? { name: field.name, type: BIGINT } : field))
  const encoder = create({ fields })
  const { header, terminator } = encoder
  return {
    header,
    terminator,
    open: () => encoder.open?.() ?? Promise.resolve(),
    encode: batch => encoder.encode(inNumbers(batch, fields, timeFormats)),
  }
}

function inNumbers(batch: Batch, fields: readonly Field[], timeFormats: WrittenSpec['timeFormats']): Batch {
  const { rowCount, weights } = batch
  const columns = batch.columns.map((column, c) => inUnits(column, epochUnit(timeFormats[c])))
  return createBatch({ fields }, rowCount, columns, weights)
}

/** Microseconds in one unit of a declared time format; undefined when it is text. */
function epochUnit(timeFormat: string | undefined): number | undefined {
  return { epoch_s: 1e6, epoch_ms: 1000, epoch_us: 1, epoch_ns: 0.001 }[timeFormat ?? '']
}

function inUnits(column: Column, unit: number | undefined): Column {
  if (unit === undefined || column.storage !== 'int64') return column
  const words = column.words.slice()
  for (let i = 0; i < words.length / 2; i++) {
    const micros = BigInt(int64At(column.words, i))
    setInt64(words, i, canonicalInt64(unit < 1 ? micros * 1000n : micros / BigInt(unit)))
  }
  return { storage: 'int64', words, valid: column.valid }
}
