import type { Batch } from '../../src/batch/batch.ts'
import { batchOfRows } from '../../src/batch/batch.ts'
import { datumAt, decodeUtf8 } from '../../src/batch/column.ts'
import { BIGINT, type Datum, type Schema, TEXT } from '../../src/batch/types.ts'
import type { BadRecord, EncodedRecords, RecordDecoder, RecordEncoder, RecordHeader } from '../../src/connector.ts'

/** Rows of what a connector hands over, undecoded: for tests of connectors without formats. */
export const TEXT_RECORDS: Schema = {
  fields: [
    { name: 'key', type: TEXT },
    { name: 'value', type: TEXT },
    { name: 'offset', type: BIGINT },
    { name: 'timestamp_ms', type: BIGINT },
    { name: 'headers', type: TEXT },
  ],
}

/** Takes values as they are; one that begins with `!` is a bad record. */
export function textDecoder(): RecordDecoder {
  let rows: Datum[][] = []
  let bad: BadRecord[] = []
  let bytes: Uint8Array = new Uint8Array(0)
  let partition = ''
  const text = (start: number, end: number): string | null => (start < 0 ? null : decodeUtf8(bytes, start, end))
  return {
    wantsHeaders: true,
    get rowCount() {
      return rows.length
    },
    begin(given, _topic, from) {
      bytes = given
      partition = from
    },
    record(start, end, offset, timestampMs, keyStart, keyEnd) {
      if (start >= 0 && bytes[start] === 33) {
        bad.push({ partition, offset, reason: 'begins with !', raw: bytes.slice(start, end) })
        return
      }
      rows.push([text(keyStart, keyEnd), text(start, end), offset, timestampMs, null])
    },
    reject(start, end, offset, reason) {
      bad.push({ partition, offset, reason, raw: bytes.slice(start, end) })
    },
    headers(headers: readonly RecordHeader[]) {
      const row = rows[rows.length - 1]
      row[4] = headers.map(h => `${h.key}=${h.value && Buffer.from(h.value).toString()}`).join(',')
    },
    finish() {
      const done = { batch: batchOfRows(TEXT_RECORDS, rows), bad }
      rows = []
      bad = []
      return done
    },
  }
}

/** Column `value`, with the column `key` as key, of TEXT_RECORDS; a NULL value is a deletion. */
export function textEncoder(options: { readonly header?: string } = {}): RecordEncoder {
  const columns = (batch: Batch, c: number): { bytes: Uint8Array; offsets: Int32Array } => {
    const parts = Array.from({ length: batch.rowCount }, (_, i) =>
      Buffer.from(String(datumAt(batch.columns[c], i) ?? '')),
    )
    const offsets = new Int32Array(parts.length + 1)
    parts.forEach((part, i) => {
      offsets[i + 1] = offsets[i] + part.length
    })
    return { bytes: Buffer.concat(parts), offsets }
  }
  return {
    header: options.header === undefined ? undefined : Buffer.from(options.header),
    terminator: Buffer.from('\n'),
    encode(batch): EncodedRecords {
      const values = columns(batch, 1)
      const keys = columns(batch, 0)
      const keyed = datumAt(batch.columns[0], 0) !== null
      const deleted = Uint8Array.from({ length: batch.rowCount }, (_, i) =>
        datumAt(batch.columns[1], i) === null ? 1 : 0,
      )
      return {
        count: batch.rowCount,
        ...values,
        deleted: deleted.includes(1) ? deleted : undefined,
        keyBytes: keyed ? keys.bytes : undefined,
        keyOffsets: keyed ? keys.offsets : undefined,
      }
    },
  }
}

/** A batch for a sink under test: `value`, or [key, value]. */
export function textBatch(values: readonly (string | readonly [string, string | null])[]): Batch {
  const rows = values.map(v => (typeof v === 'string' ? [null, v, 0, 0, null] : [v[0], v[1], 0, 0, null]))
  return batchOfRows(TEXT_RECORDS, rows)
}
