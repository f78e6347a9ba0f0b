import type { Position } from '../connector.ts'
import type { StateSnapshot } from '../dataflow/operator.ts'
import type { Aside } from './aside.ts'
import type { BuiltJob, JobSection, JobSpec, JobStatus } from './job.ts'

/** A job in a graph, and how far it is. */
export interface Running {
  readonly spec: JobSpec
  readonly built: BuiltJob
  readonly aside: Aside
  readonly abort: AbortController
  /** Ends the polls that wait now: the job is being paused, or ended. */
  polling: AbortController
  pumps: Promise<void>[]
  ended: Set<string>
  rowsIn: number
  /** Of each source, as of the last tick: what a poll has brought and no tick has seen is not in the state. */
  readonly positions: Map<string, Position>
}

/** What a checkpoint holds, and what is to be done in this order once it is durable. */
export interface PreparedCheckpoint {
  readonly sections: Readonly<Record<string, JobSection>>
  readonly commits: readonly (() => Promise<void>)[]
  readonly acknowledgements: readonly (() => Promise<void> | undefined)[]
}

/** Prepares every sink for `epoch` and gathers what a checkpoint needs; `state` is by node. Subscriptions are not in it. Only between ticks. */
export async function prepareCheckpoint(
  jobs: Iterable<Running>,
  state: Readonly<Record<string, StateSnapshot>>,
  epoch: number,
): Promise<PreparedCheckpoint> {
  const sections: Record<string, JobSection> = {}
  const commits: (() => Promise<void>)[] = []
  const acknowledgements: (() => Promise<void> | undefined)[] = []
  for (const { spec, built, aside, positions } of jobs) {
    if (spec.ephemeral) continue
    const watermarks: Record<string, StateSnapshot> = {}
    for (const { id, source, node } of built.sources) {
      watermarks[id] = node.snapshot()
      const position = positions.get(id)
      if (position) acknowledgements.push(() => source.acknowledge?.(position))
    }
    const sink = built.output?.sink
    const prepared = await sink?.prepare(epoch)
    if (sink && prepared) commits.push(() => sink.commit(prepared))
    sections[spec.name] = {
      positions: Object.fromEntries(positions),
      watermarks,
      operators: Object.fromEntries(Object.entries(state).filter(([node]) => node.startsWith(`${spec.name}/`))),
      prepared,
      asideCount: aside.count,
    }
  }
  return { sections, commits, acknowledgements }
}

/** What the outside may know of it; `shared` is of the whole dataflow. */
export function statusOf(
  { spec, built, aside, rowsIn, ended, positions }: Running,
  shared: Pick<JobStatus, 'dataflow' | 'epoch' | 'checkpointMs' | 'stateBytes'>,
  allEnded: boolean,
): JobStatus {
  return {
    ...shared,
    job: spec.name,
    // A view on views has no source of its own: it ends with the others.
    state: (built.sources.length > 0 ? ended.size === built.sources.length : allEnded) ? 'ended' : 'running',
    rowsIn,
    rowsLate: aside.lateCount,
    rowsBad: aside.badCount,
    sources: built.sources.map(({ id, source, node }) => ({
      source: id,
      watermark: Number.isFinite(node.watermark) ? node.watermark : undefined,
      lag: source.lag?.(),
      position: JSON.stringify(positions.get(id) ?? null),
    })),
  }
}
