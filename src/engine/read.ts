import { assert } from '../base/assert.ts'
import { type Batch, createBatch, ownedCopy, takeRows } from '../batch/batch.ts'
import { setInt64 } from '../batch/column.ts'
import { BIGINT, TIMESTAMPTZ } from '../batch/types.ts'
import type { Source } from '../connector.ts'
import { Graph, type NodeId } from '../dataflow/graph.ts'
import type { Operator } from '../dataflow/operator.ts'
import type { Dataflow } from '../jobs/dataflow.ts'
import { firstColumns } from '../operators/project.ts'
import type { LogicalPlan, Scan } from '../plan/logical.ts'
import { pickColumns, type RowReader, readBatches, rowsOf } from '../state/row-store.ts'
import { buildPlan } from './build.ts'
import { openSource } from './endpoints.ts'
import type { SourceSpec } from './objects.ts'
import { BatchQueue } from './queue.ts'
import type { Runtime } from './runtime.ts'
import { soughtValues } from './sought-values.ts'
import { upsertScan } from './upserts.ts'

/** A read (bounded), a subscription, or the plain contents of a view, as plain data for the thread that runs it. */
export type ReadRequest = {
  readonly kind: 'read' | 'changes'
  readonly plan: LogicalPlan
  readonly sources: Readonly<Record<string, SourceSpec>>
  /** Rows of relations that live elsewhere: system views, views of other dataflows. */
  readonly given: Readonly<Record<string, readonly Batch[]>>
  /** Changes: present rows first. */
  readonly snapshot: boolean
  /** Changes: with time and weight as the first two columns; else rows that are added only. */
  readonly differences: boolean
  readonly nowMicros: number
  readonly timeZone: string
}

export interface ContentsRequest {
  readonly kind: 'contents'
  readonly relation: string
}

export function contentsOf(relation: string): ContentsRequest {
  return { kind: 'contents', relation }
}

/** What a subscription may have waiting between its dataflow and its reader. */
const QUEUE_LIMITS = { rowsMax: 100_000, bytesMax: 32 * 1024 * 1024 }

/** How long a read may keep its thread to itself: the jobs there go on in between. */
const BUSY_MS_MAX = 5

/** Answers any request in the thread where `dataflow` runs. */
export function runRequest(
  request: unknown,
  dataflow: Dataflow | undefined,
  runtime: Runtime,
  signal: AbortSignal,
): AsyncIterable<Batch> {
  const asked = request as ReadRequest | ContentsRequest // sent by Engine.read
  if (asked.kind === 'contents') return contents(asked.relation, dataflow, runtime)
  return asked.kind === 'changes'
    ? runChanges(asked, dataflow, runtime, signal)
    : runRead(asked, dataflow, runtime, signal)
}

async function* contents(relation: string, dataflow: Dataflow | undefined, runtime: Runtime): AsyncGenerator<Batch> {
  assert(dataflow !== undefined, 'contents are asked of a dataflow')
  // Sending a batch to another thread takes its memory away from here.
  for (const batch of rowsOf(runtime.view(dataflow.graph, relation).view.read())) yield ownedCopy(batch)
}

/** Opens a relation whose rows are taken as they are needed. */
export type OpenRows = (relation: string) => AsyncIterable<Batch>

/** A plan without views and topics; `open` gives the rows of what it reads. */
export function readPlan(request: ReadRequest, open: OpenRows, signal: AbortSignal): AsyncIterable<Batch> {
  return runRead(request, undefined, undefined, signal, open)
}

/** Takes what comes out of a read. */
class Collect implements Operator {
  readonly schema
  #batches: Batch[] = []

  constructor(schema: LogicalPlan['schema']) {
    this.schema = schema
  }

  onBatch(batch: Batch): void {
    this.#batches.push(ownedCopy(batch))
  }

  take(): Batch[] {
    const batches = this.#batches
    this.#batches = []
    return batches
  }
}

/**
 * A bounded dataflow: contents of views as of this call, topics from their beginning to their present end. The same operators as a
 * standing job, each aggregate giving its answer once, at the end.
 */
async function* runRead(
  request: ReadRequest,
  dataflow: Dataflow | undefined,
  runtime: Runtime | undefined,
  signal: AbortSignal,
  openRows?: OpenRows,
): AsyncGenerator<Batch> {
  const graph = new Graph()
  const rows: { node: NodeId; reader: RowReader }[] = []
  const opened: { node: NodeId; scan: Scan; batches: AsyncIterable<Batch> }[] = []
  const topics: { node: NodeId; open: () => Source }[] = []
  const output = new Collect(request.plan.schema)
  const root = buildPlan(request.plan, {
    add: (operator, inputs) => graph.add(operator, inputs),
    bounded: true,
    evalContext: () => request,
    side: undefined,
    constant: batch => {
      const node = graph.addInput(batch.schema)
      rows.push({ node, reader: readBatches([batch]) })
      return node
    },
    scan: scan => {
      const spec = request.sources[scan.relation]
      const upsert = spec && upsertScan(spec, scan, { final: true, side: undefined })
      const node = graph.addInput(upsert?.decoded ?? scan.schema)
      const given = request.given[scan.relation]
      if (given) rows.push({ node, reader: readBatches(given.map(b => pickColumns(b, scan.columns))) })
      else if (openRows) opened.push({ node, scan, batches: openRows(scan.relation) })
      else if (spec)
        topics.push({
          node,
          open: () => openSource(spec, upsert ?? scan, { job: 'read', bounded: true }, expectRuntime(runtime)),
        })
      else {
        assert(dataflow !== undefined, `${scan.relation} is read where it lives`)
        const { view } = expectRuntime(runtime).view(dataflow.graph, scan.relation)
        rows.push({ node, reader: view.read(scan.columns, soughtValues(scan)) })
      }
      if (!upsert) return node
      const newest = graph.add(upsert.operator, [node])
      return upsert.hasMore ? graph.add(firstColumns(upsert.operator.schema, scan.schema), [newest]) : newest
    },
  })
  graph.add(output, [root])
  graph.start()
  try {
    let busySince = runtime?.clock.monotonicMs() ?? 0
    for (const { node, reader } of rows) {
      for (let batch = reader.next(); batch && !graph.isFull(node); batch = reader.next()) {
        if (signal.aborted) return
        graph.push(node, batch)
        yield* positive(output.take())
        if (runtime && runtime.clock.monotonicMs() - busySince > BUSY_MS_MAX) {
          await runtime.clock.sleep(0)
          busySince = runtime.clock.monotonicMs()
        }
      }
      reader.close()
      graph.end(node)
      yield* positive(output.take())
    }
  } finally {
    for (const { reader } of rows) reader.close()
  }
  for (const { node, scan, batches } of opened) {
    for await (const batch of batches) {
      if (signal.aborted) return
      graph.push(node, pickColumns(batch, scan.columns))
      yield* positive(output.take())
      if (graph.isFull(node)) break
    }
    graph.end(node)
    yield* positive(output.take())
  }
  for (const { node, open } of topics) {
    const source = open()
    try {
      await source.open(undefined)
      for (;;) {
        const polled = await source.poll(8192, signal)
        if (signal.aborted) return
        if (polled.kind === 'end') break
        if (polled.kind === 'rows' && polled.batch.rowCount > 0) graph.push(node, polled.batch)
        yield* positive(output.take())
        if (graph.isFull(node)) break
        await expectRuntime(runtime).clock.sleep(0)
      }
    } finally {
      await source.close()
    }
    graph.end(node)
    yield* positive(output.take())
  }
}

function expectRuntime(runtime: Runtime | undefined): Runtime {
  assert(runtime !== undefined, 'topics and views are read in a host')
  return runtime
}

/** Changes as they happen: a job of its own, in the dataflow of the views it reads or by itself, that ends with its reader. */
async function* runChanges(
  request: ReadRequest,
  dataflow: Dataflow | undefined,
  runtime: Runtime,
  signal: AbortSignal,
): AsyncGenerator<Batch> {
  // Alone, the reader's pace is the job's; among others it must not hold them up, so one that falls behind is let go.
  const queue = new BatchQueue(dataflow === undefined ? 'wait' : 'fail')
  const job = { name: runtime.subscriptionName(), definition: { request, queue }, ephemeral: true }
  const home = dataflow ?? runtime.newDataflow(job.name)
  signal.addEventListener('abort', () => queue.end(), { once: true })
  if (dataflow) await dataflow.addJob(job)
  else {
    await home.start({ id: job.name, jobs: [job], mergedFrom: [] })
    home.done.then(
      () => queue.end(),
      error => queue.fail(error),
    )
  }
  const leave = (): Promise<void> => (dataflow ? dataflow.removeJob(job.name) : home.close(false))
  queue.limit(QUEUE_LIMITS)
  // A reader that is stuck may not ask for the next batch for days: its job ends now.
  const left = queue.ended.then(leave)
  left.catch(() => {}) // told below
  try {
    for await (const batch of queue) {
      if (request.differences) yield withDifferences(batch, runtime.clock.nowMs())
      else yield* positive([batch])
    }
  } finally {
    queue.end()
    await left
  }
}

/** Without rows taken back, and a row of weight n n times: what a reader of rows expects. */
function* positive(batches: readonly Batch[]): Generator<Batch> {
  for (const batch of batches) {
    const { weights, rowCount } = batch
    if (!weights) {
      if (rowCount > 0) yield batch
      continue
    }
    let total = 0
    for (let i = 0; i < rowCount; i++) total += Math.max(0, weights[i])
    const rows = new Int32Array(total)
    let at = 0
    for (let i = 0; i < rowCount; i++) for (let n = 0; n < weights[i]; n++) rows[at++] = i
    if (total > 0) yield { ...ownedCopy(takeRows(batch, rows, total)), weights: undefined }
  }
}

function withDifferences(batch: Batch, nowMs: number): Batch {
  const { rowCount, weights } = batch
  const times = new Int32Array(2 * rowCount)
  const differences = new Int32Array(2 * rowCount)
  const micros = Math.floor(nowMs * 1000)
  for (let i = 0; i < rowCount; i++) {
    setInt64(times, i, micros)
    setInt64(differences, i, weights ? weights[i] : 1)
  }
  const fields = [
    { name: 'tidemark_timestamp', type: TIMESTAMPTZ },
    { name: 'tidemark_diff', type: BIGINT },
    ...batch.schema.fields,
  ]
  const columns = [
    { storage: 'int64' as const, words: times, valid: undefined },
    { storage: 'int64' as const, words: differences, valid: undefined },
    ...batch.columns,
  ]
  return createBatch({ fields }, rowCount, columns)
}
