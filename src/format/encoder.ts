import type { Batch } from '../batch/batch.ts'
import { encodeUtf8, isNull } from '../batch/column.ts'
import type { Schema } from '../batch/types.ts'
import type { EncodedRecords, RecordEncoder, RecordHeader } from '../connector.ts'
import { ByteWriter, type Fixed, fixedText } from './byte-writer.ts'
import { type ValueWriter, valueWriter } from './value-writer.ts'

const NULL = fixedText('null')

/** Writes the row'th row of a batch. */
export type RowWriter = (batch: Batch, row: number, out: ByteWriter) => void

/** An object with the fields of the schema, in its order; NULL as null. */
export function jsonRow(schema: Schema, columns: readonly number[] = schema.fields.map((_, i) => i)): RowWriter {
  const prefixes: Fixed[] = []
  const writers: ValueWriter[] = []
  for (const [i, column] of columns.entries()) {
    const { name, type } = schema.fields[column]
    prefixes.push(fixedText(`${i === 0 ? '{' : ','}${JSON.stringify(name)}:`))
    writers.push(valueWriter(type, 'json'))
  }
  const empty = columns.length === 0
  return (batch, row, out) => {
    if (empty) out.byte(123)
    for (let i = 0; i < columns.length; i++) {
      out.fixed(prefixes[i])
      const column = batch.columns[columns[i]]
      if (isNull(column, row)) out.fixed(NULL)
      else writers[i](column, row, out)
    }
    out.byte(125)
  }
}

/** The bare text of one column; nothing for NULL. */
export function rawRow(schema: Schema, column: number): RowWriter {
  const { type } = schema.fields[column]
  const write = valueWriter(type, 'raw')
  return (batch, row, out) => {
    const from = batch.columns[column]
    if (isNull(from, row)) return
    // Bytes stay bytes: Base64 is for where only text can stand.
    if (type.kind === 'bytea' && from.storage === 'utf8') out.raw(from.bytes, from.starts[row], from.ends[row])
    else write(from, row, out)
  }
}

/** Fields by RFC 4180: quoted where they hold the delimiter, a quote, a line end, or would read as NULL. */
export function csvRow(schema: Schema, delimiter: number): RowWriter {
  const writers = schema.fields.map(f => valueWriter(f.type, 'raw'))
  const field = new ByteWriter()
  return (batch, row, out) => {
    for (let c = 0; c < writers.length; c++) {
      if (c > 0) out.byte(delimiter)
      const column = batch.columns[c]
      if (isNull(column, row)) continue
      field.at = 0
      writers[c](column, row, field)
      writeField(field, delimiter, out)
    }
  }
}

/** One field of a CSV record. */
export function writeField(field: ByteWriter, delimiter: number, out: ByteWriter): void {
  const { bytes, at: length } = field
  let quote = length === 0
  for (let i = 0; i < length && !quote; i++) {
    const byte = bytes[i]
    quote = byte === delimiter || byte === 34 || byte === 10 || byte === 13
  }
  if (!quote) {
    out.raw(bytes, 0, length)
    return
  }
  out.byte(34)
  let from = 0
  for (let i = 0; i < length; i++) {
    if (bytes[i] !== 34) continue
    out.raw(bytes, from, i + 1)
    from = i
  }
  out.raw(bytes, from, length)
  out.byte(34)
}

/**
 * `append`: each row is a record; a row of weight n, n records; a row taken back is our caller's mistake. `upsert`: the last state of
 * each key; a key that is gone is a record without value. `debezium`: {"before":…,"after":…,"op":"c" or "d"}, additions and removals.
 */
export type Envelope = 'append' | 'upsert' | 'debezium'

const TAKEN_BACK = fixedText('{"before":')
const TAKEN_BACK_END = fixedText(',"after":null,"op":"d"}')
const ADDED = fixedText('{"before":null,"after":')
const ADDED_END = fixedText(',"op":"c"}')

/** Turns batches into records with a row writer for values and one for keys. Its buffers are reused from batch to batch. */
export class RowEncoder implements RecordEncoder {
  readonly header: Uint8Array | undefined
  readonly terminator: Uint8Array = encodeUtf8('\n')
  readonly #value: RowWriter
  readonly #key: RowWriter | undefined
  readonly #envelope: Envelope
  readonly #time: ((batch: Batch, row: number) => number) | undefined
  readonly #headersOf: ((batch: Batch, row: number) => readonly RecordHeader[]) | undefined
  #times = new Float64Array(0)
  #headers: (readonly RecordHeader[])[] = []
  readonly #values = new ByteWriter()
  readonly #keys = new ByteWriter()
  #offsets = new Int32Array(1024)
  #keyOffsets = new Int32Array(1024)
  #count = 0

  constructor(parts: {
    readonly value: RowWriter
    readonly key: RowWriter | undefined
    readonly envelope: Envelope
    readonly header: Uint8Array | undefined
    readonly time?: (batch: Batch, row: number) => number
    readonly headers?: (batch: Batch, row: number) => readonly RecordHeader[]
  }) {
    this.#time = parts.time
    this.#headersOf = parts.headers
    this.#value = parts.value
    this.#key = parts.key
    this.#envelope = parts.envelope
    this.header = parts.header
  }

  encode(batch: Batch): EncodedRecords {
    this.#values.at = this.#keys.at = this.#count = 0
    this.#headers = []
    const { weights, rowCount } = batch
    let deleted: Uint8Array | undefined
    if (weights === undefined) for (let row = 0; row < rowCount; row++) this.#add(batch, row)
    else if (this.#envelope === 'upsert') deleted = this.#upsert(batch, weights)
    else {
      for (let row = 0; row < rowCount; row++) {
        for (let n = Math.abs(weights[row]); n > 0; n--) this.#add(batch, row, weights[row] < 0)
      }
    }
    return {
      count: this.#count,
      bytes: this.#values.bytes,
      offsets: this.#offsets,
      deleted,
      keyBytes: this.#key && this.#keys.bytes,
      keyOffsets: this.#key && this.#keyOffsets,
      timesMs: this.#time && this.#times,
      headers: this.#headersOf && this.#headers,
    }
  }

  #add(batch: Batch, row: number, takenBack = false): void {
    const out = this.#values
    if (this.#envelope === 'debezium') {
      if (takenBack) out.fixed(TAKEN_BACK)
      else out.fixed(ADDED)
      this.#value(batch, row, out)
      if (takenBack) out.fixed(TAKEN_BACK_END)
      else out.fixed(ADDED_END)
    } else this.#value(batch, row, out)
    this.#end(batch, row)
  }

  #end(batch: Batch, row: number): void {
    const next = ++this.#count
    if (next >= this.#offsets.length) {
      this.#offsets = doubled(this.#offsets)
      this.#keyOffsets = doubled(this.#keyOffsets)
    }
    this.#offsets[next] = this.#values.at
    if (this.#time !== undefined) this.#setTime(next - 1, this.#time(batch, row))
    if (this.#headersOf !== undefined) this.#headers.push(this.#headersOf(batch, row))
    if (this.#key === undefined) return
    this.#key(batch, row, this.#keys)
    this.#keyOffsets[next] = this.#keys.at
  }

  #setTime(record: number, timeMs: number): void {
    if (record >= this.#times.length) {
      const times = new Float64Array(this.#offsets.length)
      times.set(this.#times)
      this.#times = times
    }
    this.#times[record] = timeMs
  }

  /** One record a key: its row that is added and not taken back again, else a deletion if anything was taken back. */
  #upsert(batch: Batch, weights: Int32Array): Uint8Array | undefined {
    const scratch = new ByteWriter()
    const textOf = (write: RowWriter, row: number): string => {
      scratch.at = 0
      write(batch, row, scratch)
      return Buffer.from(scratch.bytes.buffer, 0, scratch.at).toString('latin1')
    }
    const keys = new Map<string, Map<string, { row: number; weight: number }>>()
    for (let row = 0; row < batch.rowCount; row++) {
      const key = this.#key ? textOf(this.#key, row) : ''
      const values = keys.get(key) ?? new Map<string, { row: number; weight: number }>()
      const value = textOf(this.#value, row)
      const weight = (values.get(value)?.weight ?? 0) + weights[row]
      values.delete(value) // so that the last added comes last
      values.set(value, { row, weight })
      keys.set(key, values)
    }
    const deleted = new Uint8Array(keys.size)
    for (const values of keys.values()) {
      const changes = [...values.values()].filter(v => v.weight !== 0)
      const added = changes.findLast(v => v.weight > 0)
      if (added !== undefined) this.#add(batch, added.row)
      else if (changes.length > 0) {
        deleted[this.#count] = 1
        this.#end(batch, changes[0].row)
      }
    }
    return deleted.includes(1) ? deleted : undefined
  }
}

function doubled(from: Int32Array): Int32Array<ArrayBuffer> {
  const to = new Int32Array(2 * from.length)
  to.set(from)
  return to
}
