import { assert } from '../base/assert.ts'
import type { Clock } from '../base/clock.ts'
import type { Logger } from '../base/log.ts'
import type { Connector } from '../connector.ts'
import type { Graph, NodeId } from '../dataflow/graph.ts'
import { Aside, type AsideRow } from '../jobs/aside.ts'
import { Dataflow, type DataflowContext, type DataflowSettings, defaultSettings } from '../jobs/dataflow.ts'
import { Host, type TurnMark } from '../jobs/host.ts'
import { openRowLog } from '../log/row-log.ts'
import type { View } from '../operators/view.ts'
import { Checkpoints } from '../state/checkpoints.ts'
import { openStore, type RemoteState } from '../storage/open-store.ts'
import { buildJob } from './build-job.ts'
import type { Surroundings } from './endpoints.ts'
import { runRequest } from './read.ts'
import { rowAsJson } from './row-as-json.ts'

interface PlacedView {
  readonly node: NodeId
  readonly view: View
}

/** What a thread that runs dataflows knows: connectors, and which views are in which graph. */
export class Runtime implements Surroundings {
  readonly connectors: readonly Connector[]
  readonly dataDir: string
  readonly clock: Clock
  readonly log: Logger
  #context: DataflowContext
  #views = new WeakMap<Graph, Map<string, PlacedView>>()
  #subscriptions = 0

  constructor(options: { connectors: readonly Connector[]; dataDir: string; context: Omit<DataflowContext, 'build'> }) {
    this.connectors = options.connectors
    this.dataDir = options.dataDir
    this.clock = options.context.clock
    this.log = options.context.log
    this.#context = { ...options.context, build: (job, graph, side) => buildJob(job, graph, side, this) }
  }

  get context(): DataflowContext {
    return this.#context
  }

  /** A view of a dataflow of this thread. */
  view(graph: Graph, relation: string): PlacedView {
    const placed = this.#views.get(graph)?.get(relation)
    assert(placed !== undefined, `${relation} is in this dataflow`)
    return placed
  }

  place(graph: Graph, relation: string, placed: PlacedView): void {
    const views = this.#views.get(graph) ?? new Map<string, PlacedView>()
    this.#views.set(graph, views.set(relation, placed))
  }

  remove(graph: Graph, relation: string): void {
    this.#views.get(graph)?.delete(relation)
  }

  /** A dataflow that lives with its reader: nothing of it is stored. */
  newDataflow(id: string): Dataflow {
    return new Dataflow(id, { ...this.#context, checkpoints: undefined })
  }

  subscriptionName(): string {
    return `subscription-${++this.#subscriptions}`
  }
}

/** Rows kept of each job in tidemark.late_rows and tidemark.bad_rows together: enough to see what is wrong, little enough to forget. */
export const ASIDE_ROWS_MAX = 10_000

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
