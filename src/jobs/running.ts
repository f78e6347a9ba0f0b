import type { Logger } from '../base/log.ts'
import type { Position } from '../connector.ts'
import type { Aside } from './aside.ts'
import type { BuiltJob, JobSpec, JobStatus } from './job.ts'

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
  /** Rows of each source that a poll has brought and that wait for their tick: nobody can see them yet. */
  readonly polledRows: Map<string, number>
}

/** Milliseconds until its sink wants a checkpoint though nothing new came. */
export function sinkDueMs({ built }: Running): number {
  return built.output?.sink.dueInMs?.() ?? Number.POSITIVE_INFINITY
}

/** Writes what a tick left for the job's sink, and what it put aside. True when the sink got something. */
export async function drain({ spec, built: { output }, aside }: Running): Promise<boolean> {
  const batches = output?.take() ?? []
  for (const batch of batches) await output?.sink.write(batch)
  if (spec.ephemeral) aside.forget()
  else await aside.flushWhenDue()
  return batches.length > 0 && !spec.ephemeral
}

/** Closes its sources and its sink; what was not committed never becomes visible. */
export async function closeJob({ built, spec }: Running, log: Logger): Promise<void> {
  const closing = [...built.sources.map(s => s.source.close()), built.output?.sink.close()]
  for (const result of await Promise.allSettled(closing)) {
    if (result.status === 'rejected')
      log.warn({ job: spec.name, error: String(result.reason) }, 'could not close cleanly')
  }
}

/** What the outside may know of it; `shared` is of the whole dataflow. */
export function statusOf(
  { spec, built, aside, rowsIn, ended, positions, polledRows }: Running,
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
    sources: built.sources.map(({ id, source, node }) => {
      const lag = source.lag?.()
      return {
        source: id,
        watermark: Number.isFinite(node.watermark) ? node.watermark : undefined,
        lag: lag === undefined ? undefined : lag + (polledRows.get(id) ?? 0),
        position: JSON.stringify(positions.get(id) ?? null),
      }
    }),
  }
}
