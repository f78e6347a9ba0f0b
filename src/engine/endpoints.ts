import { assert } from '../base/assert.ts'
import type { Clock } from '../base/clock.ts'
import { EngineError } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'
import type { Batch } from '../batch/batch.ts'
import type { Schema } from '../batch/types.ts'
import type { Connector, RecordEncoder, Sink, Source } from '../connector.ts'
import { fileFormat, withoutRecords } from '../format/files.ts'
import { createDecoder, createEncoder, type DecodedColumn, jsonSchemaOf } from '../format/format.ts'
import type { Scan } from '../plan/logical.ts'
import { CompletingSource, opening } from './agreed-schemas.ts'
import { ComputedColumns } from './computed-columns.ts'
import { decodeOptions, encodeOptions } from './format-options.ts'
import type { SinkSpec, SourceSpec } from './objects.ts'
import { parseOptionValues } from './options.ts'
import { writtenColumns } from './source-columns.ts'
import { writingTimes } from './written-rows.ts'

/** What sources and sinks are opened with. */
export interface Surroundings {
  readonly connectors: readonly Connector[]
  readonly dataDir: string
  readonly clock: Clock
  readonly log: Logger
}

export interface SourceUse {
  readonly job: string
  /** Ends with what is there now. */
  readonly bounded: boolean
  /** See SourceContext. */
  readonly session?: string
}

/** A source of a topic's columns, generated ones among them; not yet open. */
export function openSource(
  spec: SourceSpec,
  { columns }: Pick<Scan, 'columns'>,
  { job, bounded, session }: SourceUse,
  surroundings: Surroundings,
): Source {
  const { clock, log } = surroundings
  const connector = connectorOf(spec, surroundings)
  const declared = writtenColumns(spec).map(c => spec.columns[c].name)
  const open = (decoded: readonly DecodedColumn[]): Source => {
    const filesOnly = spec.format === 'parquet'
    const decoder = filesOnly
      ? withoutRecords(decoded)
      : createDecoder(spec.format, decoded, decodeOptions(spec.formatOptions, declared))
    const options = parseOptionValues(connector, spec.options)
    const common = commonContext(job, surroundings)
    const source = connector.source?.({ ...common, options, decoder, columns: decoded, filesOnly, bounded, session })
    assert(source !== undefined, `${connector.name} reads`)
    if (spec.formatOptions.schemaRegistry === undefined) return source
    return new CompletingSource(source, decoder, { clock, log })
  }
  if (!columns.some(c => spec.computed?.exprs[c])) return open(columns.map(c => spec.columns[c]))
  return new ComputedColumns({ spec, columns, open, nowMs: () => clock.nowMs() })
}

/** A sink for rows of `schema`; not yet open. Without an instance nothing may be committed under its name. */
export function openSink(
  spec: Omit<SinkSpec, 'instance'> & Partial<Pick<SinkSpec, 'instance'>>,
  schema: Schema,
  job: string,
  surroundings: Surroundings,
): Sink {
  const connector = connectorOf(spec, surroundings)
  const { format, key, timestamp, headers, envelope, instance } = spec
  const encoding = encodeOptions(spec.formatOptions)
  const filesOnly = format === 'parquet'
  const encoder = filesOnly
    ? noRecords
    : writingTimes(schema, spec.timeFormats ?? [], written =>
        createEncoder(format, written, { ...encoding, key, timestamp, headers, envelope }),
      )
  const sink = connector.sink?.({
    ...commonContext(job, surroundings),
    options: parseOptionValues(connector, spec.options),
    encoder,
    files: compression => fileFormat(format, encoding, compression),
    filesOnly,
    upsert: spec.envelope === 'upsert',
    schema,
    jsonSchema: format === 'json' ? jsonSchemaOf(schema, spec) : undefined,
    instance,
  })
  assert(sink !== undefined, `${connector.name} writes`)
  return opening(sink, encoder)
}

/**
 * Writes rows to a topic through a sink of their own, once, without a transaction; with a key rows taken back are deletions. Resolves when
 * they are durable and visible. Throws 0A000 for a connector that only reads.
 */
export async function produce(
  spec: Pick<SourceSpec, 'connector' | 'options' | 'format' | 'formatOptions'> &
    Partial<Pick<SinkSpec, 'key' | 'timeFormats'>>,
  batch: Batch,
  surroundings: Surroundings,
  job = 'insert',
): Promise<void> {
  const connector = connectorOf(spec, surroundings)
  if (!connector.sink) throw new EngineError('0A000', `connector "${spec.connector}" can only read`)
  const { connector: name, format, formatOptions, timeFormats, key = [] } = spec
  const chooses = connector.options.some(o => o.name === 'delivery')
  const options = chooses ? { ...spec.options, delivery: 'at_least_once' } : spec.options
  const envelope = key.length > 0 ? 'upsert' : 'append'
  const target = { connector: name, options, format, formatOptions, timeFormats, key, envelope } as const
  const sink = openSink(target, batch.schema, job, surroundings)
  try {
    await sink.open(undefined)
    await sink.write(batch)
    sink.sourcesEnded?.()
    const prepared = await sink.prepare(1)
    if (prepared) await sink.commit(prepared)
  } finally {
    await sink.close()
  }
}

function connectorOf(spec: Pick<SourceSpec, 'connector'>, { connectors }: Surroundings): Connector {
  const connector = connectors.find(c => c.name === spec.connector)
  assert(connector !== undefined, `connector ${spec.connector} is known`)
  return connector
}

function commonContext(job: string, { clock, log, dataDir }: Surroundings) {
  return { clock, log, dataDir, job: job.replace(/^public\./, '') }
}

/** The encoder of a format that has none. */
const noRecords: RecordEncoder = {
  terminator: new Uint8Array(0),
  encode: () => {
    throw new Error('the format has no records')
  },
}
