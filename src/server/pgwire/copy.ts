import type { Schema } from '../../batch/types.ts'
import type { CopyFormat } from '../../engine/copy-options.ts'
import type { TextSettings } from '../../expr/datetime.ts'
import { binaryCells } from './binary.ts'
import { ByteWriter } from './bytes.ts'
import { validityOf, writeRows } from './cells.ts'
import type { BindRows } from './row-stream.ts'
import { textCells } from './text.ts'

/** COPY … TO STDOUT: a CopyData message a row, in Postgres' text, CSV or binary format. */

type Delimited = Exclude<CopyFormat, { kind: 'binary' }>

const COPY_DATA = 100
const BACKSLASH = 92
const NEWLINE = 10

/** Letters after a backslash for 8 … 13: \b \t \n \v \f \r. */
const CONTROL_LETTERS = new TextEncoder().encode('btnvfr')

const SIGNATURE = Uint8Array.from([...'PGCOPY\n\xff\r\n\0'].map(c => c.charCodeAt(0)))

/** The rows of a COPY. */
export function copyRows(schema: Schema, format: CopyFormat, settings: TextSettings): BindRows {
  if (format.kind === 'binary') return binaryRows(schema)
  const append = valueWriter(format, schema)
  const delimiter = format.delimiter.charCodeAt(0)
  const scratch = new ByteWriter(256)
  return batch => {
    const cells = batch.columns.map((column, c) => textCells(column, schema.fields[c].type, settings))
    const valids = batch.columns.map(column => validityOf(column, batch.rowCount))
    return (out, start, end, bytesMax) => {
      let row = start
      do {
        out.int8(COPY_DATA)
        const at = out.beginLength()
        for (let c = 0; c < cells.length; c++) {
          if (c > 0) out.int8(delimiter)
          const valid = valids[c]
          if (valid !== undefined && valid[row] === 0) {
            out.text(format.nullText)
            continue
          }
          scratch.at = 0
          cells[c](scratch, row)
          append(out, scratch, c)
        }
        out.int8(NEWLINE)
        out.endLength(at, 4)
        row++
      } while (row < end && out.at < bytesMax)
      return row
    }
  }
}

/** What comes before the rows: the line of column names, or the signature of the binary format. */
export function writeCopyHeader(out: ByteWriter, schema: Schema, format: CopyFormat): void {
  if (format.kind !== 'binary' && format.header === false) return
  out.int8(COPY_DATA)
  const at = out.beginLength()
  if (format.kind === 'binary') {
    out.copy(SIGNATURE, 0, SIGNATURE.length)
    out.int32(0) // no flags
    out.int32(0) // no more of a header
  } else {
    const append = valueWriter({ ...format, forceQuote: [] }, schema)
    const scratch = new ByteWriter(64)
    for (const [c, field] of schema.fields.entries()) {
      if (c > 0) out.text(format.delimiter)
      scratch.at = 0
      scratch.text(field.name)
      append(out, scratch, c)
    }
    out.int8(NEWLINE)
  }
  out.endLength(at, 4)
}

/** What comes after the rows. */
export function writeCopyTrailer(out: ByteWriter, format: CopyFormat): void {
  if (format.kind !== 'binary') return
  out.int8(COPY_DATA)
  const at = out.beginLength()
  out.int16(-1)
  out.endLength(at, 4)
}

function binaryRows(schema: Schema): BindRows {
  return batch => {
    const cells = batch.columns.map((column, c) => binaryCells(column, schema.fields[c].type))
    const rows = { cells, valids: batch.columns.map(column => validityOf(column, batch.rowCount)) }
    return (out, start, end, bytesMax) => writeRows(out, COPY_DATA, rows, start, end, bytesMax)
  }
}

type ValueWriter = (out: ByteWriter, value: ByteWriter, column: number) => void

function valueWriter(format: Delimited, schema: Schema): ValueWriter {
  const delimiter = format.delimiter.charCodeAt(0)
  if (format.kind === 'text') return (out, value) => appendEscaped(out, value.bytes, value.at, delimiter)
  const { forceQuote } = format
  const quote = format.quote.charCodeAt(0)
  const escaping = format.escape.charCodeAt(0)
  const nullText = new TextEncoder().encode(format.nullText)
  const forced = schema.fields.map(f => forceQuote === 'all' || forceQuote.includes(f.name))
  const alone = schema.fields.length === 1
  return (out, value, column) => {
    const { bytes, at: length } = value
    const quoted =
      forced[column] ||
      equal(bytes, length, nullText) ||
      (alone && length === 2 && bytes[0] === BACKSLASH && bytes[1] === 46) || // a lone \. ends the data
      hasSpecial(bytes, length, delimiter, quote)
    if (quoted) appendQuoted(out, bytes, length, { quote, escaping })
    else {
      out.reserve(length)
      out.copy(bytes, 0, length)
    }
  }
}

function appendEscaped(out: ByteWriter, value: Uint8Array, length: number, delimiter: number): void {
  out.reserve(2 * length)
  const { bytes } = out
  let at = out.at
  for (let i = 0; i < length; i++) {
    const byte = value[i]
    if (byte >= 8 && byte <= 13 && byte !== delimiter) {
      bytes[at++] = BACKSLASH
      bytes[at++] = CONTROL_LETTERS[byte - 8]
    } else if (byte === 9) {
      bytes[at++] = BACKSLASH
      bytes[at++] = CONTROL_LETTERS[1]
    } else {
      if (byte === BACKSLASH || byte === delimiter) bytes[at++] = BACKSLASH
      bytes[at++] = byte
    }
  }
  out.at = at
}

function equal(value: Uint8Array, length: number, other: Uint8Array): boolean {
  if (length !== other.length) return false
  for (let i = 0; i < length; i++) if (value[i] !== other[i]) return false
  return true
}

function hasSpecial(value: Uint8Array, length: number, delimiter: number, quote: number): boolean {
  for (let i = 0; i < length; i++) {
    const byte = value[i]
    if (byte === delimiter || byte === quote || byte === NEWLINE || byte === 13) return true
  }
  return false
}

function appendQuoted(
  out: ByteWriter,
  value: Uint8Array,
  length: number,
  { quote, escaping }: { readonly quote: number; readonly escaping: number },
): void {
  out.reserve(2 * length + 2)
  const { bytes } = out
  let at = out.at
  bytes[at++] = quote
  for (let i = 0; i < length; i++) {
    if (value[i] === quote || value[i] === escaping) bytes[at++] = escaping
    bytes[at++] = value[i]
  }
  bytes[at++] = quote
  out.at = at
}
