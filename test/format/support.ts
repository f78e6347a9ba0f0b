import { rowAt } from '../../src/batch/batch.ts'
import type { DataType, Datum } from '../../src/batch/types.ts'
import type { RecordDecoder } from '../../src/connector.ts'
import { createDecoder, type DecodedColumn, type DecodeOptions, type FormatName } from '../../src/format/format.ts'

/** `column('t', 'double')`. */
export function column(
  name: string,
  type: DataType['kind'] | DataType,
  more: Partial<DecodedColumn> = {},
): DecodedColumn {
  const full = typeof type === 'string' ? ({ kind: type } as DataType) : type
  return { name, type: full, ...more }
}

/** Gives each record to the decoder, all in one buffer. */
export function feed(decoder: RecordDecoder, records: readonly (string | Uint8Array)[], partition = '0'): void {
  const parts = records.map(r => (typeof r === 'string' ? Buffer.from(r) : Buffer.from(r)))
  const bytes = Buffer.concat(parts)
  decoder.begin(bytes, 'topic', partition)
  let at = 0
  parts.forEach((part, i) => {
    decoder.record(at, at + part.length, i, -1, -1, -1)
    at += part.length
  })
}

export function decode(
  format: FormatName,
  columns: readonly DecodedColumn[],
  records: readonly (string | Uint8Array)[],
  options?: DecodeOptions,
): { rows: Datum[][]; reasons: string[] } {
  const decoder = createDecoder(format, columns, options)
  feed(decoder, records)
  return finish(decoder)
}

export function finish(decoder: RecordDecoder): { rows: Datum[][]; reasons: string[] } {
  const { batch, bad } = decoder.finish()
  return {
    rows: Array.from({ length: batch.rowCount }, (_, i) => rowAt(batch, i)),
    reasons: bad.map(b => b.reason),
  }
}
