import { assert } from '../base/assert.ts'
import { EngineError } from '../base/errors.ts'
import { type DataType, type Field, type Schema, typeName } from '../batch/types.ts'
import type { RecordDecoder, RecordEncoder } from '../connector.ts'
import { Arena } from './arena.ts'
import { avroRow, avroSchemaOf } from './avro/encode.ts'
import { AvroReader } from './avro/reader.ts'
import { type RegistryOptions, SchemaRegistry } from './avro/registry.ts'
import { type AvroType, dataTypeOfAvro, parseAvroSchema } from './avro/schema.ts'
import { headersOfRow, timeOfRow } from './beside-values.ts'
import { ByteWriter } from './byte-writer.ts'
import { CsvReader, delimiterByte } from './csv-reader.ts'
import { csvRow, type Envelope, jsonRow, RowEncoder, rawRow, writeField } from './encoder.ts'
import { JsonDecoder } from './json-decoder.ts'
import { pathTree } from './json-path.ts'
import { KeyReader } from './key-reader.ts'
import { type Metadata, RowDecoder, type ValueReader } from './row-decoder.ts'
import { Slot } from './slot.ts'
import { TextReader } from './text-reader.ts'
import { parseTimeFormat } from './time-format.ts'
import { WholeReader } from './whole-reader.ts'

/** The formats a topic or file may be in. Parquet is for files only, see files.ts: it has no records. */
export type FormatName = 'json' | 'csv' | 'avro' | 'text' | 'bytes' | 'parquet'

/** A column to decode, in the order of the scan's output. Only these are looked at: what a query does not need costs nothing. */
export interface DecodedColumn {
  readonly name: string
  readonly type: DataType
  /** JSON: `$.a.b[0]`. Without one: the top-level key of the column's name; an exact key wins over one in another case. CSV: name of the header field. */
  readonly path?: string
  /** See parseTimeFormat. None: ISO 8601, or milliseconds since 1970 as a whole number, or seconds as one with a fraction. */
  readonly timeFormat?: string
  /** Filled from the record instead of its value: an INCLUDE column. */
  readonly metadata?: Metadata
  /** The record's key says it, where it has one; else the value does. */
  readonly fromKey?: boolean
  /** JSON: another place where the value may be. */
  readonly orPath?: string
  /** No query sees it. */
  readonly hidden?: boolean
}

/** How to read; each format knows its own. */
export interface DecodeOptions {
  /** CSV: one character or byte between fields; default a comma. */
  readonly delimiter?: string
  /** CSV: names of all columns that come from values, as declared, for headers and positions; default those asked for. */
  readonly declared?: readonly string[]
  /** CSV: `true`: the first record of each partition names the fields. `auto`: it does if it holds a column's name. Default `auto`. */
  readonly header?: 'true' | 'false' | 'auto'
  /** CSV: an unquoted field of this text is NULL; default the empty one. */
  readonly nullText?: string
  /** Avro: one of the two. */
  readonly registry?: RegistryOptions
  readonly avroSchema?: string
}

/** A decoder for one partition at a time. Throws EngineError for columns the format cannot give. */
export function createDecoder(
  format: FormatName,
  columns: readonly DecodedColumn[],
  options: DecodeOptions = {},
): RecordDecoder {
  const arena = new Arena()
  const texts = new TextReader(arena)
  const slots = columns.map((c, i) => new Slot(i, c.name, c.type, parseTimeFormat(c.timeFormat)))
  const metadata = columns.flatMap((c, i) =>
    c.metadata === undefined ? [] : [{ slot: slots[i], metadata: c.metadata }],
  )
  for (const { slot, metadata: what } of metadata) checkMetadata(slot, what)
  const values = columns.flatMap((c, i) => (c.metadata === undefined ? [{ ...c, slot: slots[i] }] : []))
  const reader = (): ValueReader => {
    switch (format) {
      case 'json': {
        const { root, loose } = pathTree(
          values.flatMap(({ slot, path, orPath }) => [{ slot, path }, ...(orPath ? [{ slot, path: orPath }] : [])]),
        )
        return new JsonDecoder(
          root,
          loose,
          values.map(v => v.slot),
          texts,
          arena,
        )
      }
      case 'csv':
        return csvReader(values, options, texts, arena)
      case 'avro': {
        const { root, loose } = pathTree(values.map(({ slot, path }) => ({ slot, path })))
        return new AvroReader({ root, loose, texts, arena, schemas: avroSchemas(options) })
      }
      case 'text':
      case 'bytes':
        return new WholeReader(
          format,
          values.map(v => v.slot),
          texts,
        )
      case 'parquet':
        throw noRecords(format)
    }
  }
  const framing = format === 'csv' ? { mode: format, delimiter: delimiterByte(options.delimiter ?? ',') } : undefined
  const keySlots = columns.flatMap((c, i) => (c.fromKey ? [slots[i]] : []))
  const keyReader = keySlots.length > 0 ? new KeyReader(keySlots, texts, arena) : undefined
  return new RowDecoder({ slots, metadata, reader: reader(), keyReader, texts, arena, framing })
}

function avroSchemas({ registry, avroSchema }: DecodeOptions): SchemaRegistry | AvroType {
  if (registry !== undefined) return new SchemaRegistry(registry)
  if (avroSchema !== undefined) return parseAvroSchema(avroSchema)
  throw new EngineError('22023', 'format avro needs to know the schema of its records', {
    hint: 'Name the registry, schema_registry = \'http://host:8081\', or give the schema, avro_schema = \'{"type": "record", …}\'.',
  })
}

/**
 * The columns that Avro records have: by the newest schema of their subject, or by the schema given. Undefined: the registry does not know
 * the subject. Throws EngineError when it cannot be asked, or has no Avro.
 */
export async function describeAvro(
  options: Pick<DecodeOptions, 'registry' | 'avroSchema'> & Pick<EncodeOptions, 'schemaSubject'>,
): Promise<readonly Field[] | undefined> {
  const { registry, schemaSubject } = options
  let type: AvroType
  if (registry === undefined || schemaSubject === undefined) {
    const given = avroSchemas({ avroSchema: options.avroSchema })
    assert('kind' in given, 'without a registry there is the schema given')
    type = given
  } else {
    const found = await new SchemaRegistry(registry).latest(schemaSubject)
    if (found === undefined) return undefined
    type = parseAvroSchema(found.schema, found.references)
  }
  const sql = dataTypeOfAvro(type)
  if (type.kind !== 'record') return [{ name: 'value', type: sql }]
  return type.fields.map(field => ({ name: field.name, type: dataTypeOfAvro(field.type) }))
}

function csvReader(
  values: readonly (DecodedColumn & { readonly slot: Slot })[],
  options: DecodeOptions,
  texts: TextReader,
  arena: Arena,
): CsvReader {
  const declared = options.declared ?? values.map(v => v.name)
  const columns = values.map(({ slot, name, path }) => ({
    slot,
    field: path ?? name,
    position: declared.indexOf(name),
  }))
  const { delimiter = ',', header = 'auto', nullText = '' } = options
  const names = [...declared, ...columns.map(c => c.field)]
  return new CsvReader(columns, { delimiter, header, nullText, names }, texts, arena)
}

/** The types an INCLUDE column may have; the first is its own. */
const METADATA_TYPES: Readonly<Record<Metadata, readonly string[]>> = {
  key: ['text', 'bytea'],
  partition: ['integer', 'text', 'varchar'],
  offset: ['bigint'],
  timestamp: ['timestamptz', 'timestamp', 'bigint'],
  headers: ['jsonb', 'map'],
  topic: ['text', 'varchar'],
  message_id: ['text', 'varchar'],
  producer_name: ['text', 'varchar'],
  publish_time: ['timestamptz', 'timestamp'],
  event_time: ['timestamptz', 'timestamp'],
  deleted: ['boolean'],
}

function checkMetadata(slot: Slot, metadata: Metadata): void {
  const types = METADATA_TYPES[metadata]
  if (metadata === 'key' || types.includes(slot.type.kind)) return
  const message = `column "${slot.name}" holds the record's ${metadata}, which cannot be ${typeName(slot.type)}`
  throw new EngineError('42804', message, { hint: `Declare it as ${types.join(' or ')}.` })
}

/** How to write. */
export interface EncodeOptions {
  /** Columns of the record's key. None: records without keys. */
  readonly key?: readonly number[]
  /** `raw`: the text of the one key column, the default for one; NULL is empty. `json`: an object, the default for several. */
  readonly keyFormat?: 'raw' | 'json'
  /** CSV: a first line with the names; default true. Files only: it is the encoder's `header`. */
  readonly header?: boolean
  /** CSV: default a comma. */
  readonly delimiter?: string
  readonly envelope?: Envelope
  /** Column that tells when a record happened. */
  readonly timestamp?: number
  /** Column that holds a record's headers; JSON leaves it out of the value. */
  readonly headers?: number
  /** Avro: the registry, and the subject under which the schema of the rows is registered. */
  readonly registry?: RegistryOptions
  readonly schemaSubject?: string
}

/** An encoder of rows of `schema`. Throws EngineError for options the format cannot do. */
export function createEncoder(format: FormatName, schema: Schema, options: EncodeOptions = {}): RecordEncoder {
  const { key = [], envelope = 'append' } = options
  if (envelope === 'upsert' && key.length === 0) {
    throw new EngineError('22023', 'an upsert topic needs a key', {
      hint: "Name its columns, as in key = 'device_id'.",
    })
  }
  if (envelope === 'debezium' && format !== 'json') {
    throw new EngineError('22023', 'envelope debezium needs format json')
  }
  const keyFormat = options.keyFormat ?? (key.length === 1 ? 'raw' : 'json')
  if (keyFormat === 'raw' && key.length > 1) {
    throw new EngineError('22023', 'a raw key is one column', { hint: "Use key_format = 'json' for several." })
  }
  const keyRow = key.length === 0 ? undefined : keyFormat === 'raw' ? rawRow(schema, key[0]) : jsonRow(schema, key)
  const time = options.timestamp === undefined ? undefined : timeOfRow(schema, options.timestamp)
  const headers = options.headers === undefined ? undefined : headersOfRow(schema, options.headers)
  const base = { key: keyRow, envelope, header: undefined, time, headers }
  switch (format) {
    case 'json':
      return new RowEncoder({ ...base, value: jsonRow(schema, jsonColumns(schema, options.headers)) })
    case 'csv': {
      const delimiter = delimiterByte(options.delimiter ?? ',')
      const header = options.header === false ? undefined : headerLine(schema, delimiter)
      return new RowEncoder({ ...base, value: csvRow(schema, delimiter), header })
    }
    case 'avro':
      return avroEncoder(schema, options, base)
    case 'text':
    case 'bytes': {
      const beside = [...key, options.timestamp, options.headers]
      const columns = schema.fields.flatMap((_, i) => (beside.includes(i) ? [] : [i]))
      if (columns.length !== 1) {
        const hint = 'Use format json or csv for several.'
        throw new EngineError('42804', `format ${format} writes one column besides key, timestamp and headers`, {
          hint,
        })
      }
      return new RowEncoder({ ...base, value: rawRow(schema, columns[0]) })
    }
    case 'parquet':
      throw noRecords(format)
  }
}

function noRecords(format: FormatName): EngineError {
  return new EngineError('0A000', `format ${format} has files, and no records`)
}

/** What a JSON value holds of rows of `schema`. */
export function jsonSchemaOf(schema: Schema, { headers }: Pick<EncodeOptions, 'headers'>): Schema {
  return { fields: jsonColumns(schema, headers).map(c => schema.fields[c]) }
}

function jsonColumns(schema: Schema, headers: number | undefined): number[] {
  return schema.fields.flatMap((_, c) => (c === headers ? [] : [c]))
}

/** `open` registers the schema; records then begin with its id. */
function avroEncoder(
  schema: Schema,
  { registry, schemaSubject }: EncodeOptions,
  base: Omit<ConstructorParameters<typeof RowEncoder>[0], 'value'>,
): RecordEncoder {
  if (registry === undefined || schemaSubject === undefined) {
    throw new EngineError('22023', 'format avro writes with a schema registry, so that readers find the schema', {
      hint: "Name it: schema_registry = 'http://host:8081'.",
    })
  }
  const text = avroSchemaOf(schema, schemaSubject.replace(/-value$/, ''))
  let prefix: Uint8Array = new Uint8Array(0)
  const rows = new RowEncoder({ ...base, value: avroRow(schema, () => prefix) })
  const open = async (): Promise<void> => {
    const id = await new SchemaRegistry(registry).register(schemaSubject, text)
    prefix = new Uint8Array(5)
    new DataView(prefix.buffer).setUint32(1, id)
  }
  return { terminator: rows.terminator, encode: batch => rows.encode(batch), open }
}

function headerLine(schema: Schema, delimiter: number): Uint8Array {
  const out = new ByteWriter()
  schema.fields.forEach(({ name }, i) => {
    if (i > 0) out.byte(delimiter)
    const field = new ByteWriter()
    field.string(name)
    writeField(field, delimiter, out)
  })
  out.byte(10)
  return out.bytes.slice(0, out.at)
}
