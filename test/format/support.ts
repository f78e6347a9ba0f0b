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

/**
 * What becomes of lines given one by one, and what of the same bytes that the decoder cuts itself, `rowsMax` at a time: rows and
 * bad records with their offsets.
 */
export function bothWays(columns: readonly DecodedColumn[], text: string | Uint8Array, rowsMax: number) {
  const bytes = new Uint8Array(Buffer.from(text))
  const one = createDecoder('json', columns)
  one.begin(bytes, 'topic', '0')
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf(10, at)
    const recordEnd = end > at && bytes[end - 1] === 13 ? end - 1 : end
    if (recordEnd > at) one.record(at, recordEnd, at, -1, -1, -1)
    at = end + 1
  }
  const lines = createDecoder('json', columns)
  const batches: ReturnType<typeof contents>[] = []
  for (let at = 0; at < bytes.length; ) {
    lines.begin(bytes, 'topic', '0')
    at = lines.lines?.(at, bytes.length, 0, rowsMax) ?? bytes.length
    batches.push(contents(lines))
  }
  return {
    one: contents(one),
    lines: { rows: batches.flatMap(b => b.rows), bad: batches.flatMap(b => b.bad) },
    batches,
  }
}

function contents(decoder: RecordDecoder) {
  const { batch, bad } = decoder.finish()
  return {
    rows: Array.from({ length: batch.rowCount }, (_, i) => rowAt(batch, i)),
    bad: bad.map(({ offset, reason, raw }) => `${offset} ${reason} ${Buffer.from(raw).toString('latin1')}`),
  }
}
