import { assert } from '../base/assert.ts'
import type { Clock } from '../base/clock.ts'
import { EngineError } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'
import { type Batch, batchOfRows, ownedCopy } from '../batch/batch.ts'
import { BYTEA, type Datum, type Schema } from '../batch/types.ts'
import type { Connector, RecordEncoder, Source } from '../connector.ts'
import type { Graph, NodeId } from '../dataflow/graph.ts'
import type { Operator, SideOutput } from '../dataflow/operator.ts'
import { SourceNode } from '../dataflow/source-node.ts'
import { formatDatum } from '../expr/text.ts'
import { fileFormat, withoutRecords } from '../format/files.ts'
import { createDecoder, createEncoder, type DecodedColumn, jsonSchemaOf } from '../format/format.ts'
import { Aside, type AsideRow } from '../jobs/aside.ts'
import { Dataflow, type DataflowContext, type DataflowSettings, defaultSettings } from '../jobs/dataflow.ts'
import { Host, type TurnMark } from '../jobs/host.ts'
import type { BuiltJob, JobSource, JobSpec } from '../jobs/job.ts'
import { openRowLog } from '../log/row-log.ts'
import { Project } from '../operators/project.ts'
import { View } from '../operators/view.ts'
import type { EventTime, Scan } from '../plan/logical.ts'
import { isChanging } from '../plan/properties.ts'
import { Checkpoints } from '../state/checkpoints.ts'
import { rowsOf } from '../state/row-store.ts'
import { openStore, type RemoteState } from '../storage/open-store.ts'
import { CompletingSource, opening } from './agreed-schemas.ts'
import { buildPlan } from './build.ts'
import { ComputedColumns } from './computed-columns.ts'
import { decodeOptions, encodeOptions } from './format-options.ts'
import { groupRows } from './group-rows.ts'
import type { JobDefinition, SinkSpec, SourceSpec } from './objects.ts'
import { parseOptionValues } from './options.ts'
import type { BatchQueue } from './queue.ts'
import { type ReadRequest, runRequest } from './read.ts'
import { writtenColumns } from './source-columns.ts'
import { upsertScan } from './upserts.ts'
import { writingTimes } from './written-rows.ts'

interface PlacedView {
  readonly node: NodeId
  readonly view: View
}

/** A subscription's definition: made and used in one thread, so it may hold the queue itself. */
interface SubscriptionDefinition {
  readonly request: ReadRequest
  readonly queue: BatchQueue
}

/** What a thread that runs dataflows knows: connectors, and which views are in which graph. */
export class Runtime {
  readonly clock: Clock
  #context: DataflowContext
  #connectors: readonly Connector[]
  #log: Logger
  #dataDir: string
  #views = new WeakMap<Graph, Map<string, PlacedView>>()
  #subscriptions = 0

  constructor(options: { connectors: readonly Connector[]; dataDir: string; context: Omit<DataflowContext, 'build'> }) {
    this.clock = options.context.clock
    this.#connectors = options.connectors
    this.#log = options.context.log
    this.#dataDir = options.dataDir
    this.#context = { ...options.context, build: (job, graph, side) => this.#build(job, graph, side) }
  }

  get context(): DataflowContext {
    return this.#context
  }

  view(graph: Graph, relation: string): PlacedView {
    const placed = this.#views.get(graph)?.get(relation)
    assert(placed !== undefined, `${relation} is in this dataflow`)
    return placed
  }

  /** A dataflow that lives with its reader: nothing of it is stored. */
  newDataflow(id: string): Dataflow {
    return new Dataflow(id, { ...this.#context, checkpoints: undefined })
  }

  subscriptionName(): string {
    return `subscription-${++this.#subscriptions}`
  }

  /** `session`: see SourceContext. */
  openSource(
    spec: SourceSpec,
    scan: Pick<Scan, 'columns'>,
    { job, bounded, session }: { readonly job: string; readonly bounded: boolean; readonly session?: string },
  ): Source {
    const connector = this.#connector(spec.connector)
    const declared = writtenColumns(spec).map(c => spec.columns[c].name)
    const open = (columns: readonly DecodedColumn[]): Source => {
      const filesOnly = spec.format === 'parquet'
      const decoder = filesOnly
        ? withoutRecords(columns)
        : createDecoder(spec.format, columns, decodeOptions(spec.formatOptions, declared))
      const source = connector.source?.({
        options: parseOptionValues(connector, spec.options),
        decoder,
        columns,
        filesOnly,
        bounded,
        session,
        ...this.#common(job),
      })
      assert(source !== undefined, `${connector.name} reads`)
      return spec.formatOptions.schemaRegistry === undefined
        ? source
        : new CompletingSource(source, decoder, { clock: this.clock, log: this.#log })
    }
    if (!scan.columns.some(c => spec.computed?.exprs[c])) return open(scan.columns.map(c => spec.columns[c]))
    return new ComputedColumns({
      spec,
      columns: scan.columns,
      open,
      nowMs: () => this.clock.nowMs(),
      describe: rowAsJson,
    })
  }

  openSink(spec: SinkSpec, schema: Schema, job: string) {
    const connector = this.#connector(spec.connector)
    const encoding = encodeOptions(spec.formatOptions)
    const filesOnly = spec.format === 'parquet'
    const encoder = filesOnly
      ? noRecords
      : writingTimes(schema, spec.timeFormats ?? [], written =>
          createEncoder(spec.format, written, {
            ...encoding,
            key: spec.key,
            timestamp: spec.timestamp,
            headers: spec.headers,
            envelope: spec.envelope,
          }),
        )
    const sink = connector.sink?.({
      options: parseOptionValues(connector, spec.options),
      encoder,
      files: compression => fileFormat(spec.format, encoding, compression),
      filesOnly,
      schema,
      jsonSchema: spec.format === 'json' ? jsonSchemaOf(schema, spec) : undefined,
      instance: spec.instance,
      ...this.#common(job),
    })
    assert(sink !== undefined, `${connector.name} writes`)
    return opening(sink, encoder)
  }

  #common(job: string) {
    return { clock: this.clock, log: this.#log, job: job.replace(/^public\./, ''), dataDir: this.#dataDir }
  }

  #connector(name: string): Connector {
    const connector = this.#connectors.find(c => c.name === name)
    assert(connector !== undefined, `connector ${name} is known`)
    return connector
  }

  #build(job: JobSpec, graph: Graph, side: SideOutput): BuiltJob {
    const subscription = job.ephemeral ? (job.definition as SubscriptionDefinition) : undefined // made by runChanges
    const definition = subscription ? undefined : (job.definition as JobDefinition) // made by definitions.ts
    const { plan, sources: specs, timeZone } = subscription?.request ?? (job.definition as JobDefinition)
    const nodes: NodeId[] = []
    const operators: Operator[] = []
    const sources: JobSource[] = []
    const primers: (() => void)[] = []
    const readers: NodeId[] = []
    const constants: NodeId[] = []
    let count = 0
    const name = (): string => `${job.name}/${count++}`
    const add = (operator: Operator, inputs: readonly NodeId[]): NodeId => {
      const node = graph.add(operator, inputs, name())
      nodes.push(node)
      operators.push(operator)
      return node
    }
    const input = (schema: Schema): NodeId => {
      const node = graph.addInput(schema, name())
      nodes.push(node)
      return node
    }
    const skipSnapshot = subscription !== undefined && !subscription.request.snapshot
    const scanView = (scan: Scan): NodeId => {
      const { node, view } = this.view(graph, scan.relation)
      const reader = graph.addHeld(pickColumns(view.schema, scan.columns), node, name())
      nodes.push(reader)
      readers.push(reader)
      if (!skipSnapshot) primers.push(() => deliverAll(graph, reader, rowsOf(view.read())))
      return reader
    }
    const scanSource = (scan: Scan): NodeId => {
      const spec = specs[scan.relation]
      const upsert = upsertScan(spec, scan, { final: false, side })
      const node = input(upsert?.decoded ?? scan.schema)
      const { watermark } = scan
      const { idleTimeoutMs, maxFutureMs } = spec
      const id = `${scan.relation.replace(/^public\./, '')}${sources.length === 0 ? '' : `#${sources.length + 1}`}`
      const nth = sources.length === 0 ? [] : [String(sources.length + 1)]
      const session = definition && [job.name.replace(/^public\./, ''), ...nth, definition.instance].join('-')
      sources.push({
        id,
        source: this.openSource(spec, upsert ?? scan, { job: job.name, bounded: false, session }),
        node: new SourceNode({
          graph,
          input: node,
          watermark: watermark && { ...watermark, idleTimeoutMs, maxFutureMicros: maxFutureMs * 1000 },
          side,
        }),
        deadLetters: this.#deadLetters(spec, job.name),
      })
      if (!upsert) return node
      const rows = add(upsert.operator, [node])
      return upsert.hasMore ? add(firstColumns(upsert.operator.schema, scan.schema), [rows]) : rows
    }
    const given = (scan: Scan): NodeId => {
      const node = input(scan.schema)
      const batches = subscription?.request.given[scan.relation] ?? []
      primers.push(() => {
        for (const batch of batches)
          graph.push(node, { ...batch, columns: scan.columns.map(c => batch.columns[c]), schema: scan.schema })
      })
      constants.push(node)
      return node
    }
    const root = buildPlan(plan, {
      add,
      bounded: false,
      evalContext: () => ({ nowMicros: Math.floor(this.clock.nowMs() * 1000), timeZone }),
      side,
      constant: batch => {
        const node = input(batch.schema)
        primers.push(() => graph.push(node, batch))
        constants.push(node)
        return node
      },
      scan: scan => {
        if (scan.relationKind === 'source') return scanSource(scan)
        return subscription?.request.given[scan.relation] ? given(scan) : scanView(scan)
      },
    })
    const begin = (fresh: boolean): void => {
      if (fresh) for (const primer of primers) primer()
      for (const reader of readers) graph.release(reader)
      // Nothing more comes from them, so beside a live input they must not hold windows open.
      for (const node of constants) graph.advance(node, Number.POSITIVE_INFINITY)
    }
    if (definition?.kind === 'view') {
      const view = new View({
        schema: plan.schema,
        appendOnly: !isChanging(plan),
        rows: groupRows(plan, operators, definition.retentionMs !== undefined),
        retention: retention(definition),
      })
      this.#place(graph, job.name, { node: add(view, [root]), view })
      return { sources, nodes, begin, end: () => this.#views.get(graph)?.delete(job.name) }
    }
    const output = new Output(plan.schema)
    add(output, [root])
    const sink = subscription?.queue ?? (definition?.sink && this.openSink(definition.sink, plan.schema, job.name))
    assert(sink !== undefined, 'a job without a view has a sink')
    return { sources, nodes, begin, output: { sink, take: () => output.take() } }
  }

  /** Writes undecodable records, as they came, to the source's dead_letter_topic: at least once. */
  #deadLetters(spec: SourceSpec, job: string): JobSource['deadLetters'] {
    const topic = spec.deadLetterTopic
    if (topic === undefined) return undefined
    return async records => {
      const rows = records.map(r => [r.raw])
      await produce(
        { ...spec, options: { ...spec.options, topic }, format: 'bytes' },
        batchOfRows({ fields: [{ name: 'raw', type: BYTEA }] }, rows),
        {
          connectors: this.#connectors,
          dataDir: this.#dataDir,
          clock: this.clock,
          log: this.#log,
          job,
        },
      )
    }
  }

  #place(graph: Graph, name: string, placed: PlacedView): void {
    const views = this.#views.get(graph) ?? new Map<string, PlacedView>()
    this.#views.set(graph, views.set(name, placed))
  }
}

function retention(definition: JobDefinition): { column: number; micros: number } | undefined {
  if (definition.retentionMs === undefined) return undefined
  const [eventTime]: readonly EventTime[] = definition.eventTime ?? []
  assert(eventTime !== undefined, 'retention has an event time')
  return { column: eventTime.column, micros: definition.retentionMs * 1000 }
}

/** Some columns of the input, in another order. */
export function pickColumns(schema: Schema, columns: readonly number[]): Project {
  const exprs = columns.map(c => ({ kind: 'column' as const, index: c, ...schema.fields[c] }))
  return new Project({
    schema: { fields: columns.map(c => schema.fields[c]) },
    exprs,
    compile: () => batch => columns.map(c => batch.columns[c]),
    side: undefined,
  })
}

/** The columns that come first in what is given. */
export function firstColumns(from: Schema, wanted: Schema): Project {
  return pickColumns(from, [...wanted.fields.keys()])
}

function deliverAll(graph: Graph, node: NodeId, batches: Iterable<Batch>): void {
  for (const batch of batches) graph.deliver(node, 0, batch)
}

/** Keeps a tick's rows for the sink, which writes them after it. */
class Output implements Operator {
  readonly schema: Schema
  #batches: Batch[] = []

  constructor(schema: Schema) {
    this.schema = schema
  }

  onBatch(batch: Batch): void {
    this.#batches.push(ownedCopy(batch))
  }

  take(): readonly Batch[] {
    const batches = this.#batches
    if (batches.length > 0) this.#batches = []
    return batches
  }
}

/** Rows kept of each job in tidemark.late_rows and tidemark.bad_rows together: enough to see what is wrong, little enough to forget. */
export const ASIDE_ROWS_MAX = 10_000

/**
 * Writes rows to a topic through a sink of their own, once, without a transaction; with a key rows taken back are deletions. Resolves when
 * they are durable and visible.
 */
export async function produce(
  spec: Pick<SourceSpec, 'connector' | 'options' | 'format' | 'formatOptions'> &
    Pick<SinkSpec, 'timeFormats'> &
    Partial<Pick<SinkSpec, 'key'>>,
  batch: Batch,
  environment: {
    readonly connectors: readonly Connector[]
    readonly dataDir: string
    readonly clock: Clock
    readonly log: Logger
    readonly job?: string
  },
): Promise<void> {
  const { connectors, dataDir, clock, log, job = 'insert' } = environment
  const connector = connectors.find(c => c.name === spec.connector)
  if (!connector?.sink) throw new EngineError('0A000', `connector "${spec.connector}" can only read`)
  const known = connector.options.map(o => o.name)
  const options = known.includes('delivery') ? { ...spec.options, delivery: 'at_least_once' } : spec.options
  const key = spec.key ?? []
  const keyed = { key, envelope: key.length > 0 ? ('upsert' as const) : ('append' as const) }
  const encoding = { ...encodeOptions(spec.formatOptions), ...keyed }
  const filesOnly = spec.format === 'parquet'
  const encoder = filesOnly
    ? noRecords
    : writingTimes(batch.schema, spec.timeFormats ?? [], written => createEncoder(spec.format, written, encoding))
  const sink = connector.sink({
    options: parseOptionValues(connector, options),
    encoder,
    files: compression => fileFormat(spec.format, encoding, compression),
    filesOnly,
    jsonSchema: spec.format === 'json' ? batch.schema : undefined,
    ...{ clock, log, job, dataDir },
  })
  try {
    await encoder.open?.()
    await sink.open(undefined)
    await sink.write(batch)
    sink.sourcesEnded?.()
    const prepared = await sink.prepare(1)
    if (prepared) await sink.commit(prepared)
  } finally {
    await sink.close()
  }
}

/** The encoder of a format that has none. */
const noRecords: RecordEncoder = {
  terminator: new Uint8Array(0),
  encode: () => {
    throw new Error('the format has no records')
  },
}

/** A row as JSON text, for people: {"device_id":"d1","ts":"2026-01-01 00:00:00+00"}. */
function rowAsJson(names: readonly string[], row: readonly Datum[], batch: Batch): string {
  const values = row.map((value, c) =>
    value === null ? null : formatDatum(value, batch.schema.fields[c].type, { timeZone: 'UTC' }),
  )
  return JSON.stringify(Object.fromEntries(names.map((name, i) => [name, values[i]])))
}

/** A host of jobs in this thread. */
export function createHost(options: {
  readonly connectors: readonly Connector[]
  readonly dataDir: string
  readonly remote?: RemoteState
  readonly clock: Clock
  readonly log: Logger
  readonly settings?: Partial<DataflowSettings>
  readonly mark?: TurnMark
}): Host {
  const { connectors, dataDir, clock, log } = options
  const store = openStore(dataDir, options.remote)
  const aside = openRowLog<AsideRow>(dataDir, 'aside', ASIDE_ROWS_MAX)
  const context = {
    clock,
    log,
    checkpoints: (dataflow: string) => new Checkpoints(store, dataflow, log),
    aside: (job: string) => new Aside(job, aside, clock, rowAsJson),
    settings: { ...defaultSettings, ...options.settings },
  }
  const runtime = new Runtime({ connectors, dataDir, context })
  return new Host({
    ...runtime.context,
    read: (request, dataflow, signal) => runRequest(request, dataflow, runtime, signal),
    close: () => aside.close(),
    mark: options.mark,
  })
}
