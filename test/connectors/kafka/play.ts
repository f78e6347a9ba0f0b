/** Sources and sinks of the connector over plain strings, as the tests play them. */

import { kafka } from '../../../connectors/kafka/kafka.ts'
import { systemClock } from '../../../src/base/clock.ts'
import { type Logger, silentLogger } from '../../../src/base/log.ts'
import { type Batch, batchOfRows, rowAt } from '../../../src/batch/batch.ts'
import { BIGINT, type Schema, TEXT } from '../../../src/batch/types.ts'
import type {
  OptionValues,
  Position,
  RecordDecoder,
  RecordEncoder,
  RecordHeader,
  Sink,
  Source,
} from '../../../src/connector.ts'

const rowSchema: Schema = {
  fields: [
    { name: 'topic', type: TEXT },
    { name: 'partition', type: TEXT },
    { name: 'offset', type: BIGINT },
    { name: 'timestamp', type: BIGINT },
    { name: 'key', type: TEXT },
    { name: 'value', type: TEXT },
    { name: 'headers', type: TEXT },
  ],
}

export interface Row {
  readonly topic: string
  readonly partition: string
  readonly offset: number
  readonly timestamp: number
  readonly key: string | null
  readonly value: string | null
  readonly headers: string
}

function textDecoder(): RecordDecoder {
  let rows: (string | number | null)[][] = []
  let bytes: Uint8Array = new Uint8Array(0)
  let [topic, partition] = ['', '']
  const text = (start: number, end: number): string | null =>
    start < 0 ? null : Buffer.from(bytes.subarray(start, end)).toString()
  return {
    wantsHeaders: true,
    get rowCount() {
      return rows.length
    },
    begin: (from, inTopic, inPartition) => {
      bytes = from
      topic = inTopic
      partition = inPartition
    },
    record: (start, end, offset, timestamp, keyStart, keyEnd) => {
      rows.push([topic, partition, Number(offset), timestamp, text(keyStart, keyEnd), text(start, end), ''])
    },
    reject: () => {
      throw new Error('Kafka rejects no record')
    },
    headers: (headers: readonly RecordHeader[]) => {
      rows[rows.length - 1][6] = headers.map(h => `${h.key}=${h.value && Buffer.from(h.value)}`).join(',')
    },
    finish: () => {
      const batch = batchOfRows(rowSchema, rows)
      rows = []
      return { batch, bad: [] }
    },
  }
}

/** Options as a statement gives them, parsed by the connector's own declarations, defaults included. */
export function parseOptions(texts: Readonly<Record<string, string>>): OptionValues {
  const known = new Set(kafka.options.map(o => o.name))
  for (const name of Object.keys(texts)) if (!known.has(name)) throw new Error(`no option ${name}`)
  const values: Record<string, unknown> = {}
  for (const option of kafka.options) {
    const text = texts[option.name] ?? option.default
    if (text !== undefined) values[option.name] = option.parse(text)
  }
  return values
}

export function createSource(
  options: Readonly<Record<string, string>>,
  { bounded = false, job = 'test', log = silentLogger as Logger, clock = systemClock } = {},
): Source {
  const context = { options: parseOptions(options), clock, log, job, dataDir: '/nonexistent' }
  return kafka.source!({ ...context, decoder: textDecoder(), bounded })
}

export function rowsOf(batch: Batch): Row[] {
  return Array.from({ length: batch.rowCount }, (_, i) => {
    const values = rowAt(batch, i)
    return Object.fromEntries(rowSchema.fields.map((field, c) => [field.name, values[c]])) as unknown as Row
  })
}

const never = new AbortController().signal

/** Polls until the source ends or `enough` says so. */
export async function readUntil(
  source: Source,
  enough: (rows: readonly Row[]) => boolean,
  rowsMax = 1000,
): Promise<Row[]> {
  const rows: Row[] = []
  while (!enough(rows)) {
    const polled = await source.poll(rowsMax, never)
    if (polled.kind === 'end') return rows
    if (polled.kind === 'rows') rows.push(...rowsOf(polled.batch))
  }
  return rows
}

/** Everything in the topic now, from a position or from where the options say. */
export async function readAll(
  options: Readonly<Record<string, string>>,
  position?: Position,
  rowsMax = 1000,
): Promise<Row[]> {
  const source = createSource(options, { bounded: true })
  try {
    await source.open(position)
    return await readUntil(source, () => false, rowsMax)
  } finally {
    await source.close()
  }
}

export function values(rows: readonly Row[]): (string | null)[] {
  return rows.map(row => row.value)
}

const pairSchema: Schema = {
  fields: [
    { name: 'key', type: TEXT },
    { name: 'value', type: TEXT },
  ],
}

/** Rows of key (null: none in the whole batch) and value (null: taken back), for sinks made by `createSink`. */
export function pairs(rows: readonly (readonly [string | null, string | null])[]): Batch {
  return batchOfRows(pairSchema, rows)
}

function pairEncoder(): RecordEncoder {
  const join = (texts: readonly (string | null)[]): { bytes: Uint8Array; offsets: Int32Array } => {
    const parts = texts.map(t => Buffer.from(t ?? ''))
    const offsets = new Int32Array(parts.length + 1)
    for (let i = 0; i < parts.length; i++) offsets[i + 1] = offsets[i] + parts[i].length
    return { bytes: new Uint8Array(Buffer.concat(parts)), offsets }
  }
  return {
    terminator: new Uint8Array(0),
    encode: batch => {
      const rows = Array.from({ length: batch.rowCount }, (_, i) => rowAt(batch, i) as (string | null)[])
      const value = join(rows.map(r => r[1]))
      const keyed = rows.some(r => r[0] !== null)
      const key = join(rows.map(r => r[0]))
      return {
        count: rows.length,
        bytes: value.bytes,
        offsets: value.offsets,
        deleted: rows.some(r => r[1] === null) ? Uint8Array.from(rows, r => (r[1] === null ? 1 : 0)) : undefined,
        keyBytes: keyed ? key.bytes : undefined,
        keyOffsets: keyed ? key.offsets : undefined,
      }
    },
  }
}

export function createSink(
  options: Readonly<Record<string, string>>,
  { job = 'test', log = silentLogger as Logger, instance = undefined as string | undefined } = {},
): Sink {
  const context = { options: parseOptions(options), clock: systemClock, log, job, dataDir: '/nonexistent' }
  return kafka.sink!({ ...context, instance, encoder: pairEncoder() })
}
