import { assert } from '../base/assert.ts'
import { type Batch, batchOfRows, ownedCopy } from '../batch/batch.ts'
import { BYTEA, type Schema } from '../batch/types.ts'
import type { Graph, NodeId } from '../dataflow/graph.ts'
import type { Operator, SideOutput } from '../dataflow/operator.ts'
import { SourceNode } from '../dataflow/source-node.ts'
import type { BuiltJob, JobSource, JobSpec } from '../jobs/job.ts'
import { firstColumns, projectColumns } from '../operators/project.ts'
import { View } from '../operators/view.ts'
import type { EventTime, Scan } from '../plan/logical.ts'
import { isChanging } from '../plan/properties.ts'
import { rowsOf } from '../state/row-store.ts'
import { buildPlan } from './build.ts'
import { openSink, openSource, produce } from './endpoints.ts'
import { groupRows } from './group-rows.ts'
import type { JobDefinition, SourceSpec } from './objects.ts'
import type { BatchQueue } from './queue.ts'
import type { ReadRequest } from './read.ts'
import type { Runtime } from './runtime.ts'
import { upsertScan } from './upserts.ts'

/** A subscription's definition: made and used in one thread, so it may hold the queue itself. */
interface SubscriptionDefinition {
  readonly request: ReadRequest
  readonly queue: BatchQueue
}

/**
 * Adds a job to a dataflow's graph: its sources and operators, and the view or the output behind them. Nothing moves before `begin`.
 */
export function buildJob(job: JobSpec, graph: Graph, side: SideOutput, runtime: Runtime): BuiltJob {
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
    const { node, view } = runtime.view(graph, scan.relation)
    const reader = graph.addHeld(projectColumns(view.schema, scan.columns), node, name())
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
      source: openSource(spec, upsert ?? scan, { job: job.name, bounded: false, session }, runtime),
      node: new SourceNode({
        graph,
        input: node,
        watermark: watermark && { ...watermark, idleTimeoutMs, maxFutureMicros: maxFutureMs * 1000 },
        side,
      }),
      deadLetters: deadLetters(spec, job.name, runtime),
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
    evalContext: () => ({ nowMicros: Math.floor(runtime.clock.nowMs() * 1000), timeZone }),
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
    runtime.place(graph, job.name, { node: add(view, [root]), view })
    return { sources, nodes, begin, end: () => runtime.remove(graph, job.name) }
  }
  const output = new Output(plan.schema)
  add(output, [root])
  const sink = subscription?.queue ?? (definition?.sink && openSink(definition.sink, plan.schema, job.name, runtime))
  assert(sink !== undefined, 'a job without a view has a sink')
  return { sources, nodes, begin, output: { sink, take: () => output.take() } }
}

/** Writes undecodable records, as they came, to the source's dead_letter_topic: at least once. */
function deadLetters(spec: SourceSpec, job: string, runtime: Runtime): JobSource['deadLetters'] {
  const topic = spec.deadLetterTopic
  if (topic === undefined) return undefined
  const target = { ...spec, options: { ...spec.options, topic }, format: 'bytes' as const }
  return async records => {
    const rows = records.map(r => [r.raw])
    await produce(target, batchOfRows({ fields: [{ name: 'raw', type: BYTEA }] }, rows), runtime, job)
  }
}

function retention(definition: JobDefinition): { column: number; micros: number } | undefined {
  if (definition.retentionMs === undefined) return undefined
  const [eventTime]: readonly EventTime[] = definition.eventTime ?? []
  assert(eventTime !== undefined, 'retention has an event time')
  return { column: eventTime.column, micros: definition.retentionMs * 1000 }
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
