import type { Clock } from '../base/clock.ts'
import { EngineError, toEngineError } from '../base/errors.ts'
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
  /** Times in a row that its thread ran out of memory by it. */
  outOfMemory: number
  /** Ends the present run or wait for good. */
  stop: AbortController
  running: Promise<void>
}

/** Seconds between attempts double from the first to the second of these. */
const RETRY_MS = { first: 1000, most: 60_000 }

/** A job that has run out of memory so often does so again: the first time among others, then alone. */
const OUT_OF_MEMORY_MAX = 3
/** Whoever has run so long has not run out of memory in a row. */
const HEALTHY_MS = 3_600_000

/**
 * Keeps dataflows running on a few hosts: starts them on the least loaded, and when one fails for a reason that waiting may
 * heal, starts it again from its last checkpoint after a growing pause. Others stay as they are. One that made its thread run out of memory
 * gets a thread of its own from then on, for it took its neighbours along.
 */
export class Supervisor {
  #newHost: () => JobHost
  #hostsMax: number
  #clock: Clock
  #log: Logger
  #hosts: JobHost[] = []
  /** Dataflows that have a thread to themselves, also after they were stopped: they were moved there for a reason. */
  #alone = new Set<string>()
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
      host: this.#hostFor(spec.id),
      state: 'starting',
      paused,
      error: undefined,
      retryAtMs: undefined,
      attempts: 0,
      outOfMemory: 0,
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
      if (this.#alone.has(dataflow)) await this.#closeHost(entry.host)
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
    const entries = [...this.#dataflows.values()]
    const taken = new Set(entries.filter(({ spec }) => this.#alone.has(spec.id)).map(({ host }) => host))
    const load = new Map(this.#hosts.filter(host => !taken.has(host)).map(host => [host, 0]))
    for (const { host } of entries) if (load.has(host)) load.set(host, (load.get(host) ?? 0) + 1)
    const [best] = [...load].sort((a, b) => a[1] - b[1])
    if (best !== undefined && (best[1] === 0 || load.size >= this.#hostsMax)) return best[0]
    return this.#addHost()
  }

  #hostFor(dataflow: string): JobHost {
    return this.#alone.has(dataflow) ? this.#addHost() : this.leastLoaded()
  }

  #addHost(): JobHost {
    const host = this.#newHost()
    this.#hosts.push(host)
    // The next start makes another.
    void host.lost?.then(() => {
      this.#hosts = this.#hosts.filter(h => h !== host)
    })
    return host
  }

  async #closeHost(host: JobHost): Promise<void> {
    if (!this.#hosts.includes(host)) return
    this.#hosts = this.#hosts.filter(h => h !== host)
    await host.close()
  }

  async #keepRunning(entry: Supervised, started: boolean): Promise<void> {
    const { signal } = entry.stop
    let runs = started
    while (!signal.aborted) {
      try {
        if (!runs) {
          if (!this.#hosts.includes(entry.host)) entry.host = this.#hostFor(entry.spec.id)
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
          const ranMs = this.#clock.monotonicMs() - sinceMs
          if (ranMs > RETRY_MS.most) entry.attempts = 0
          if (ranMs > HEALTHY_MS) entry.outOfMemory = 0
        })
        // Its bounded sources have ended: it stays, for its views to be read.
        return
      } catch (error) {
        if (signal.aborted) return
        await this.#afterFailure(entry, toEngineError(error))
      }
    }
  }

  async #afterFailure(entry: Supervised, failure: EngineError): Promise<void> {
    const { id } = entry.spec
    // Fails only with its thread.
    const loss = await entry.host.stop(id, { save: false }).catch(() => entry.host.lost)
    let error = failure
    if (loss?.outOfMemory && (loss.dataflow === id || this.#alone.has(id))) {
      this.#alone.add(id)
      error = outOfMemory(failure, ++entry.outOfMemory < OUT_OF_MEMORY_MAX)
    }
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

function outOfMemory(cause: EngineError, retryable: boolean): EngineError {
  return new EngineError('53200', `the job ran out of memory: ${cause.message}`, {
    detail: retryable ? 'it is tried again in a thread of its own' : 'it did so again in a thread of its own',
    hint: 'keep less (narrower columns, shorter windows, retention), or give threads more by --worker-heap; then ALTER JOB … RESUME',
    actor: 'user',
    retryable,
    cause,
  })
}

function stateOf(state: JobState, paused: boolean, live: JobState | undefined): JobState {
  if (state !== 'running') return state
  return live === 'ended' ? 'ended' : paused ? 'paused' : 'running'
}

function nothingKnown(job: string, dataflow: string): JobStatus {
  const none = { rowsIn: 0, rowsLate: 0, rowsBad: 0, epoch: 0, checkpointMs: 0, stateBytes: 0, sources: [] }
  return { job, dataflow, state: 'starting', ...none }
}
