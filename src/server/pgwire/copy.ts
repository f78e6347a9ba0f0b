import type { Schema } from '../../batch/types.ts'
import type { TextSettings } from '../../expr/datetime.ts'
import { ByteWriter } from './bytes.ts'
import { validityOf } from './cells.ts'
import type { BindRows } from './row-stream.ts'
import { textCells } from './text.ts'

/** COPY … TO STDOUT: a CopyData message a row, in Postgres' text or CSV format with the default delimiters. */

export type CopyFormat = 'text' | 'csv'

const COPY_DATA = 100
const BACKSLASH = 92
const NEWLINE = 10
const QUOTE = 34

/** Letters after a backslash for 8 … 13: \b \t \n \v \f \r. */
const CONTROL_LETTERS = new TextEncoder().encode('btnvfr')

/** The rows of a COPY. */
export function copyRows(schema: Schema, format: CopyFormat, settings: TextSettings): BindRows {
  const scratch = new ByteWriter(256)
  const separator = format === 'csv' ? 44 : 9
  return batch => {
    const cells = batch.columns.map((column, c) => textCells(column, schema.fields[c].type, settings))
    const valids = batch.columns.map(column => validityOf(column, batch.rowCount))
    return (out, start, end, bytesMax) => {
      let row = start
      do {
        out.int8(COPY_DATA)
        const at = out.beginLength()
        for (let c = 0; c < cells.length; c++) {
          if (c > 0) out.int8(separator)
          const valid = valids[c]
          if (valid !== undefined && valid[row] === 0) {
            if (format === 'text') out.text('\\N')
            continue
          }
          scratch.at = 0
          cells[c](scratch, row)
          appendValue(out, scratch, format, cells.length === 1)
        }
        out.int8(NEWLINE)
        out.endLength(at, 4)
        row++
      } while (row < end && out.at < bytesMax)
      return row
    }
  }
}

/** The line of column names. */
export function writeCopyHeader(out: ByteWriter, schema: Schema, format: CopyFormat): void {
  const scratch = new ByteWriter(64)
  out.int8(COPY_DATA)
  const at = out.beginLength()
  for (const [c, field] of schema.fields.entries()) {
    if (c > 0) out.int8(format === 'csv' ? 44 : 9)
    scratch.at = 0
    scratch.text(field.name)
    appendValue(out, scratch, format, schema.fields.length === 1)
  }
  out.int8(NEWLINE)
  out.endLength(at, 4)
}

function appendValue(out: ByteWriter, value: ByteWriter, format: CopyFormat, alone: boolean): void {
  out.reserve(2 * value.at + 2)
  if (format === 'text') appendEscaped(out, value.bytes, value.at)
  else if (needsQuotes(value.bytes, value.at, alone)) appendQuoted(out, value.bytes, value.at)
  else out.copy(value.bytes, 0, value.at)
}

function appendEscaped(out: ByteWriter, value: Uint8Array, length: number): void {
  const { bytes } = out
  let at = out.at
  for (let i = 0; i < length; i++) {
    const byte = value[i]
    if (byte >= 8 && byte <= 13) {
      bytes[at++] = BACKSLASH
      bytes[at++] = CONTROL_LETTERS[byte - 8]
    } else {
      if (byte === BACKSLASH) bytes[at++] = BACKSLASH
      bytes[at++] = byte
    }
  }
  out.at = at
}

/** Empty (which unquoted is NULL), a delimiter, quote or line end inside, or a lone `\.`, which ends the data. */
function needsQuotes(value: Uint8Array, length: number, alone: boolean): boolean {
  if (length === 0) return true
  if (alone && length === 2 && value[0] === BACKSLASH && value[1] === 46) return true
  for (let i = 0; i < length; i++) {
    const byte = value[i]
    if (byte === 44 || byte === QUOTE || byte === NEWLINE || byte === 13) return true
  }
  return false
}

function appendQuoted(out: ByteWriter, value: Uint8Array, length: number): void {
  const { bytes } = out
  let at = out.at
  bytes[at++] = QUOTE
  for (let i = 0; i < length; i++) {
    if (value[i] === QUOTE) bytes[at++] = QUOTE
    bytes[at++] = value[i]
  }
  bytes[at++] = QUOTE
  out.at = at
}
