import type { Clock } from '../base/clock.ts'
import { type EngineError, toEngineError } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'
import type { JobHost } from './host.ts'
import type { DataflowSpec, JobSpec, JobState, JobStatus } from './job.ts'

interface Supervised {
  spec: DataflowSpec
  host: JobHost
  state: JobState
  paused: boolean
  error: EngineError | undefined
  retryAtMs: number | undefined
  attempts: number
  /** Ends the present run or wait for good. */
  stop: AbortController
  running: Promise<void>
}

/** Seconds between attempts double from the first to the second of these. */
const RETRY_MS = { first: 1000, most: 60_000 }

/**
 * Keeps dataflows running on a few hosts: starts them on the least loaded, and when one fails for a reason that waiting may
 * heal, starts it again from its last checkpoint after a growing pause. Others stay as they are.
 */
export class Supervisor {
  #newHost: () => JobHost
  #hostsMax: number
  #clock: Clock
  #log: Logger
  #hosts: JobHost[] = []
  #dataflows = new Map<string, Supervised>()

  constructor(options: { newHost: () => JobHost; hostsMax: number; clock: Clock; log: Logger }) {
    this.#newHost = options.newHost
    this.#hostsMax = options.hostsMax
    this.#clock = options.clock
    this.#log = options.log
  }

  /** Starts a dataflow. Throws what its first start throws, and then does not keep it, if `firstMustWork`; else keeps trying. */
  async start(
    spec: DataflowSpec,
    { firstMustWork, paused }: { readonly firstMustWork: boolean; readonly paused: boolean },
  ): Promise<void> {
    const entry: Supervised = {
      spec,
      host: this.leastLoaded(),
      state: 'starting',
      paused,
      error: undefined,
      retryAtMs: undefined,
      attempts: 0,
      stop: new AbortController(),
      running: Promise.resolve(),
    }
    this.#dataflows.set(spec.id, entry)
    if (firstMustWork) {
      try {
        await entry.host.start(spec, { paused })
      } catch (error) {
        this.#dataflows.delete(spec.id)
        throw error
      }
      entry.state = 'running'
    }
    entry.running = this.#keepRunning(entry, firstMustWork)
  }

  async addJob(dataflow: string, job: JobSpec): Promise<void> {
    const entry = this.#dataflows.get(dataflow)
    if (!entry) return
    await entry.host.addJob(dataflow, job)
    entry.spec = { ...entry.spec, jobs: [...entry.spec.jobs, job] }
  }

  async removeJob(dataflow: string, job: string): Promise<void> {
    const entry = this.#dataflows.get(dataflow)
    if (!entry) return
    entry.spec = { ...entry.spec, jobs: entry.spec.jobs.filter(j => j.name !== job) }
    if (entry.spec.jobs.length === 0) await this.stop(dataflow, { save: false })
    else if (this.#hosts.includes(entry.host)) await entry.host.removeJob(dataflow, job)
  }

  /** Stops reading the sources, or goes on; views stay readable. */
  async setPaused(dataflow: string, paused: boolean): Promise<void> {
    const entry = this.#dataflows.get(dataflow)
    if (!entry) return
    entry.paused = paused
    if (entry.state === 'running') await entry.host.setPaused(dataflow, paused)
  }

  /** Stops it, after a last checkpoint if `save`. */
  async stop(dataflow: string, { save }: { readonly save: boolean }): Promise<void> {
    const entry = this.#dataflows.get(dataflow)
    if (!entry) return
    this.#dataflows.delete(dataflow)
    entry.stop.abort()
    try {
      // With a thread that is gone all has stopped; the last checkpoint is what is left of it.
      if (this.#hosts.includes(entry.host)) await entry.host.stop(dataflow, { save })
    } finally {
      await entry.running
    }
  }

  /** Stops all, each after a last checkpoint if `save`, and closes the hosts. One that cannot be saved goes on from the checkpoint before, next time. */
  async stopAll({ save }: { readonly save: boolean }): Promise<void> {
    const stops = [...this.#dataflows.keys()].map(id => this.stop(id, { save }))
    for (const result of await Promise.allSettled(stops)) {
      if (result.status === 'rejected') this.#log.warn({ error: String(result.reason) }, 'a job could not be saved')
    }
    for (const host of this.#hosts) await host.close()
  }

  /** Where a dataflow runs; undefined when it does not. */
  hostOf(dataflow: string): JobHost | undefined {
    return this.#dataflows.get(dataflow)?.host
  }

  /** Status of every job, those that fail or wait included. */
  async status(): Promise<JobStatus[]> {
    const live = new Map<string, JobStatus>()
    for (const answers of await Promise.allSettled(this.#hosts.map(host => host.status()))) {
      if (answers.status === 'fulfilled') for (const status of answers.value) live.set(status.job, status)
    }
    return [...this.#dataflows.values()].flatMap(({ spec, state, paused, error, retryAtMs }) =>
      spec.jobs.map(job => ({
        ...(live.get(job.name) ?? nothingKnown(job.name, spec.id)),
        state: stateOf(state, paused, live.get(job.name)?.state),
        error: error?.message,
        sqlState: error?.sqlState,
        retryAtMs,
      })),
    )
  }

  /** The host with the fewest dataflows; a new one while there may be more. */
  leastLoaded(): JobHost {
    const load = new Map(this.#hosts.map(host => [host, 0]))
    for (const { host } of this.#dataflows.values()) load.set(host, (load.get(host) ?? 0) + 1)
    const [best] = [...load].sort((a, b) => a[1] - b[1])
    if (best !== undefined && (best[1] === 0 || this.#hosts.length >= this.#hostsMax)) return best[0]
    const host = this.#newHost()
    this.#hosts.push(host)
    // The next start makes another.
    void host.lost?.then(() => {
      this.#hosts = this.#hosts.filter(h => h !== host)
    })
    return host
  }

  async #keepRunning(entry: Supervised, started: boolean): Promise<void> {
    const { signal } = entry.stop
    let runs = started
    while (!signal.aborted) {
      try {
        if (!runs) {
          if (!this.#hosts.includes(entry.host)) entry.host = this.leastLoaded()
          entry.state = 'starting'
          const { paused } = entry
          await entry.host.start(entry.spec, { paused })
          if (entry.paused !== paused) await entry.host.setPaused(entry.spec.id, entry.paused)
        }
        runs = false
        entry.state = 'running'
        entry.error = entry.retryAtMs = undefined
        const sinceMs = this.#clock.monotonicMs()
        await entry.host.done(entry.spec.id).finally(() => {
          if (this.#clock.monotonicMs() - sinceMs > RETRY_MS.most) entry.attempts = 0
        })
        // Its bounded sources have ended: it stays, for its views to be read.
        return
      } catch (error) {
        if (signal.aborted) return
        await this.#afterFailure(entry, toEngineError(error))
      }
    }
  }

  async #afterFailure(entry: Supervised, error: EngineError): Promise<void> {
    // Fails only with its thread.
    await entry.host.stop(entry.spec.id, { save: false }).catch(() => entry.host.lost)
    const { id } = entry.spec
    entry.state = 'failed'
    entry.error = error
    const retry = error.retryable || error.sqlState === 'XX000'
    const pauseMs = Math.min(RETRY_MS.first * 2 ** entry.attempts++, RETRY_MS.most)
    entry.retryAtMs = retry ? this.#clock.nowMs() + pauseMs : undefined
    this.#log.error(
      {
        dataflow: id,
        sqlState: error.sqlState,
        error: error.message,
        retryInMs: retry ? pauseMs : undefined,
        stack: error.stack,
      },
      retry ? 'job failed, will try again' : 'job failed and needs somebody: ALTER JOB … RESUME after mending',
    )
    if (retry) await this.#clock.sleep(pauseMs, entry.stop.signal)
    else
      await new Promise<void>(resolve => entry.stop.signal.addEventListener('abort', () => resolve(), { once: true }))
  }
}

function stateOf(state: JobState, paused: boolean, live: JobState | undefined): JobState {
  if (state !== 'running') return state
  return live === 'ended' ? 'ended' : paused ? 'paused' : 'running'
}

function nothingKnown(job: string, dataflow: string): JobStatus {
  const none = { rowsIn: 0, rowsLate: 0, rowsBad: 0, epoch: 0, checkpointMs: 0, stateBytes: 0, sources: [] }
  return { job, dataflow, state: 'starting', ...none }
}
