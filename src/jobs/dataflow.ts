import { assert } from '../base/assert.ts'
import type { Clock } from '../base/clock.ts'
import { EngineError, toEngineError } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'
import type { Polled } from '../connector.ts'
import { Graph } from '../dataflow/graph.ts'
import type { Checkpoints } from '../state/checkpoints.ts'
import { Alarm } from './alarm.ts'
import type { Aside } from './aside.ts'
import { Checkpointer } from './checkpointer.ts'
import type { BuildJob, DataflowSpec, JobSection, JobSource, JobSpec, JobStatus } from './job.ts'
import { pump } from './pump.ts'
import { latestState } from './recovery.ts'
import { closeJob, drain, type Running, sinkDueMs, statusOf } from './running.ts'

/** Everything a dataflow needs from around it. */
export interface DataflowContext {
  readonly clock: Clock
  readonly log: Logger
  readonly build: BuildJob
  /** Undefined: nothing is saved (subscriptions, `tidemark run` over bounded input). */
  readonly checkpoints: ((dataflow: string) => Checkpoints) | undefined
  readonly aside: (job: string) => Aside
  readonly settings: DataflowSettings
  /** A turn of it begins. */
  readonly onTurn?: () => void
}

export interface DataflowSettings {
  /** Time between checkpoints when there is something to save, milliseconds. Stretched so that saving takes at most a tenth of the time. */
  readonly checkpointIntervalMs: number
  /** Rows a poll may bring: a tick of this many takes a few milliseconds, which is how long a read may wait. */
  readonly rowsMax: number
  /** The longest a dataflow sleeps, milliseconds: so late it notices that somebody has set the wall clock, which idle watermarks follow. */
  readonly sleepMsMax: number
}

export const defaultSettings: DataflowSettings = { checkpointIntervalMs: 1000, rowsMax: 8192, sleepMsMax: 5000 }

/**
 * Runs one graph: polls its sources, pushes what they bring, writes sinks, takes checkpoints. A tick (one batch through the
 * whole graph) runs to completion, and ticks, sink writes and checkpoints take turns; so whoever looks between two awaits
 * sees every view at the same instant, and a checkpoint between ticks is a consistent cut: the turn is the barrier.
 */
export class Dataflow {
  readonly graph = new Graph()
  readonly id: string
  #context: DataflowContext
  #jobs = new Map<string, Running>()
  #turns: Promise<unknown> = Promise.resolve()
  #checkpointer: Checkpointer
  #alarm: Alarm
  /** A watermark has moved by time alone, and nothing came of it: worth saving at the end, but no checkpoint of its own. */
  #timePassed = false
  #running = false
  #paused: Promise<void> | undefined
  #resume = (): void => {}
  #stop = new AbortController()
  /** What stopped it. From then on no turn begins: its state may be that of half a tick, which no checkpoint must hold. */
  #failure: EngineError | undefined
  #failed = (_error: EngineError): void => {}
  #resolveStarted = (): void => {}
  /** Resolves when every job is built and restored, so that its views can be read; and with `done`, should that come first. */
  readonly started: Promise<void>
  /** Rejects with the first error that stops the dataflow; resolves when every source has ended or after `close`. */
  readonly done: Promise<void>
  #resolveDone = (): void => {}

  constructor(id: string, context: DataflowContext) {
    this.id = id
    this.#context = context
    const { clock, log, settings } = context
    this.#checkpointer = new Checkpointer({
      dataflow: id,
      checkpoints: context.checkpoints?.(id),
      clock,
      log,
      intervalMs: settings.checkpointIntervalMs,
      graph: this.graph,
      jobs: this.#jobs,
      onFailure: error => this.#fail(error),
      onSaved: () => this.#alarm.set(this.#checkpointer.dueMs),
    })
    this.#alarm = new Alarm({
      clock,
      signal: this.#stop.signal,
      sleepMsMax: settings.sleepMsMax,
      ring: () => this.#onAlarm(),
    })
    this.done = new Promise((resolve, reject) => {
      this.#resolveDone = resolve
      this.#failed = reject
    })
    this.done.catch(() => {}) // whoever awaits it hears of it
    const started = new Promise<void>(resolve => {
      this.#resolveStarted = resolve
    })
    // Here, once: a race that every read begins with `done` would stay with that for as long as the dataflow runs.
    this.started = Promise.race([started, this.done])
    this.started.catch(() => {}) // likewise
  }

  /** Builds all jobs, restores the latest complete checkpoint, finishes its commits, opens the sources and runs. */
  async start(spec: DataflowSpec): Promise<void> {
    try {
      await this.#turn(() => this.#start(spec))
    } catch (error) {
      this.#fail(error)
      throw error
    }
  }

  async #start(spec: DataflowSpec): Promise<void> {
    const saved = this.#context.checkpoints && (await latestState(spec, this.#context.checkpoints))
    this.#checkpointer.restored(saved?.epoch ?? 0)
    // Jobs younger than the checkpoint come last, and build on restored ones.
    const restored = spec.jobs.filter(job => saved?.sections[job.name])
    for (const job of restored) this.#build(job, saved?.sections[job.name])
    if (saved) this.graph.restore(Object.assign({}, ...restored.map(job => saved.sections[job.name].operators)))
    for (const job of spec.jobs) {
      if (this.#stop.signal.aborted) throw new EngineError('57P01', 'the job was stopped while it started')
      if (!this.#jobs.has(job.name)) this.#build(job, undefined)
      await this.#open(job.name, saved?.sections[job.name])
    }
    // Where it begins is a promise too: 'latest' must not mean a later one after a crash.
    if (!saved?.own) await this.#checkpointer.takeNow()
    this.#checkpointer.begin()
    this.#running = true
    this.#alarm.set(0)
    // Not before every sink is open: rows of one job reach the sinks of those that build on it.
    for (const job of this.#jobs.values()) this.#run(job)
    this.#resolveStarted()
    await this.#maybeEnded()
  }

  /** Adds a job to the running graph; its views start with the present contents of those they build on. */
  async addJob(spec: JobSpec): Promise<void> {
    await this.#turn(async () => {
      this.#build(spec, undefined)
      try {
        await this.#open(spec.name, undefined)
      } catch (error) {
        await this.#remove(spec.name)
        throw error
      }
      this.#run(this.#job(spec.name))
      if (!spec.ephemeral) await this.#checkpointer.takeNow()
      this.#alarm.set(0)
    })
  }

  /** Ends a job and removes its operators. Its state is gone with the next checkpoint. */
  async removeJob(name: string): Promise<void> {
    const job = this.#jobs.get(name)
    if (!job) return
    job.abort.abort()
    await Promise.all(job.pumps)
    if (this.#failure) return // `close` ends what is left of it
    await this.#turn(async () => {
      await this.#remove(name)
      if (!job.spec.ephemeral) await this.#checkpointer.takeNow()
    })
  }

  /** Stops polling sources, or goes on. What was polled is still finished; views stay readable, watermarks stand still. */
  setPaused(paused: boolean): void {
    if (!paused) {
      const nowMs = this.#context.clock.nowMs()
      for (const job of this.#jobs.values()) for (const { node } of job.built.sources) node.resume(nowMs)
      for (const job of this.#jobs.values()) job.polling = new AbortController()
      this.#paused = undefined
      this.#resume()
      this.#alarm.set(0)
    } else if (this.#paused === undefined) {
      this.#paused = new Promise(resolve => {
        this.#resume = resolve
      })
      for (const job of this.#jobs.values()) job.polling.abort()
    }
  }

  /** Stops after a last checkpoint, if `save`. Without it, what was not committed never becomes visible. Throws when saving fails, after all is closed. */
  async close(save: boolean): Promise<void> {
    this.#stop.abort()
    for (const job of this.#jobs.values()) job.abort.abort()
    // One that is still starting waits for the other end in vain from now on.
    if (!this.#running) for (const job of this.#jobs.values()) await closeJob(job, this.#context.log)
    await this.#turns
    for (const job of this.#jobs.values()) await Promise.allSettled(job.pumps)
    if (this.#timePassed) this.#checkpointer.changed()
    try {
      if (save && !this.#failure) await this.#turn(() => this.#checkpointer.take())
    } finally {
      await this.#checkpointer.settled()
      for (const job of this.#jobs.values()) await closeJob(job, this.#context.log)
      this.#jobs.clear()
      this.#resolveDone()
    }
  }

  /** Runs between ticks, so that nothing changes underneath across its awaits. */
  exclusively<T>(work: () => Promise<T>): Promise<T> {
    return this.#turn(work)
  }

  status(): JobStatus[] {
    const { epoch, lastMs } = this.#checkpointer
    const shared = { dataflow: this.id, epoch, checkpointMs: lastMs, stateBytes: this.graph.stateBytes() }
    const allEnded = this.#allEnded()
    return [...this.#jobs.values()].filter(job => !job.spec.ephemeral).map(job => statusOf(job, shared, allEnded))
  }

  #build(spec: JobSpec, section: JobSection | undefined): void {
    const aside = this.#context.aside(spec.name)
    aside.restore(section?.asideCount ?? 0)
    const built = this.#context.build(spec, this.graph, aside)
    this.#jobs.set(spec.name, {
      spec,
      built,
      aside,
      abort: new AbortController(),
      polling: new AbortController(),
      pumps: [],
      ended: new Set(),
      rowsIn: 0,
      positions: new Map(),
      polledRows: new Map(),
    })
  }

  async #open(name: string, section: JobSection | undefined): Promise<void> {
    const job = this.#job(name)
    const { built } = job
    await built.output?.sink.open(section?.prepared)
    for (const { id, source, node } of built.sources) {
      await source.open(section?.positions[id])
      job.positions.set(id, source.position())
      const nowMs = this.#context.clock.nowMs()
      if (section?.watermarks[id]) node.restore(section.watermarks[id], nowMs)
      node.setPartitions(source.partitions(), nowMs)
    }
    if (!section) this.graph.start()
    built.begin(section === undefined)
    await drain(job)
  }

  #run(job: Running): void {
    job.pumps = job.built.sources.map(source => this.#pump(job, source))
  }

  #job(name: string): Running {
    const job = this.#jobs.get(name)
    assert(job !== undefined, `no job ${name}`)
    return job
  }

  async #pump(job: Running, input: JobSource): Promise<void> {
    const { signal } = job.abort
    signal.addEventListener('abort', () => job.polling.abort(), { once: true })
    try {
      await pump({
        source: input.source,
        rowsMax: this.#context.settings.rowsMax,
        clock: this.#context.clock,
        signal,
        polling: () => job.polling.signal,
        paused: () => this.#paused,
        onPolled: polled => {
          if (polled.kind === 'rows') job.polledRows.set(input.id, polled.batch.rowCount + polled.bad.length)
          return this.#turn(() => this.#tick(job, input, polled))
        },
        onIdle: () => this.#partitionsMayBeNew(input),
      })
    } catch (error) {
      this.#fail(error)
    }
  }

  async #tick(job: Running, input: JobSource, polled: Polled): Promise<void> {
    const { id, source, node, deadLetters } = input
    if (polled.kind === 'end') {
      job.ended.add(id)
      node.end()
    } else if (polled.kind === 'rows') {
      job.rowsIn += polled.batch.rowCount
      job.aside.source = id
      const nowMs = this.#context.clock.nowMs()
      node.setPartitions(source.partitions(), nowMs)
      node.push(polled.partition, polled.batch, nowMs)
      job.polledRows.delete(id)
      if (polled.bad.length > 0) {
        job.aside.records(polled.bad, deadLetters === undefined)
        await deadLetters?.(polled.bad)
      }
    }
    job.positions.set(id, source.position())
    this.#checkpointer.changed()
    for (const each of this.#jobs.values()) await drain(each)
    if (polled.kind === 'end') await this.#maybeEnded()
    this.#alarm.set(this.#nextMs([input]))
  }

  /** One that has never brought a row counts too: it holds the watermark until it is idle. */
  #partitionsMayBeNew({ source, node }: JobSource): void {
    const { clock } = this.#context
    const nowMs = clock.nowMs()
    node.setPartitions(source.partitions(), nowMs)
    this.#alarm.set(clock.monotonicMs() + node.nextTickMs(nowMs) - nowMs)
  }

  /** There is a source, and every source has given everything. */
  #allEnded(): boolean {
    const jobs = [...this.#jobs.values()]
    return jobs.some(j => j.built.sources.length > 0) && jobs.every(j => j.ended.size === j.built.sources.length)
  }

  async #maybeEnded(): Promise<void> {
    if (!this.#allEnded()) return
    for (const { built } of this.#jobs.values()) built.output?.sink.sourcesEnded?.()
    // Who waits for the end wants to see what came out of it.
    this.#checkpointer.changed()
    await this.#checkpointer.take()
    this.#resolveDone()
  }

  async #onAlarm(): Promise<void> {
    try {
      await this.#turn(() => this.#timeHasPassed())
    } catch (error) {
      this.#fail(error)
    }
  }

  async #timeHasPassed(): Promise<void> {
    const nowMs = this.#context.clock.nowMs()
    const reading = this.#reading()
    for (const { node, source } of reading) {
      const before = node.watermark
      node.setPartitions(source.partitions(), nowMs)
      if (node.tick(nowMs)) this.#checkpointer.changed()
      if (node.watermark !== before) this.#timePassed = true
    }
    for (const job of this.#jobs.values()) {
      if ((await drain(job)) || sinkDueMs(job) <= 0) this.#checkpointer.changed()
    }
    await this.#checkpointer.takeWhenDue()
    this.#alarm.rearm(this.#nextMs(reading))
  }

  /** Sources that may still bring something. */
  #reading(): JobSource[] {
    if (this.#paused) return []
    return [...this.#jobs.values()].flatMap(({ built, ended }) => built.sources.filter(({ id }) => !ended.has(id)))
  }

  /** When there is something to do though nothing comes, monotonic: a checkpoint, a sink, rows put aside, a watermark of one of these sources. */
  #nextMs(sources: readonly JobSource[]): number {
    const { clock } = this.#context
    const nowMs = clock.nowMs()
    let next = this.#checkpointer.dueMs
    for (const job of this.#jobs.values()) {
      next = Math.min(next, job.aside.dueMs)
      // One whose time has come waits for a checkpoint.
      const sinkMs = sinkDueMs(job)
      if (sinkMs > 0) next = Math.min(next, clock.monotonicMs() + sinkMs)
    }
    for (const { node } of sources) next = Math.min(next, clock.monotonicMs() + node.nextTickMs(nowMs) - nowMs)
    return next
  }

  async #remove(name: string): Promise<void> {
    const job = this.#job(name)
    this.#jobs.delete(name)
    job.built.end?.()
    for (const node of job.built.nodes.toReversed()) this.graph.remove(node)
    await closeJob(job, this.#context.log)
  }

  #fail(error: unknown): void {
    this.#failure ??= toEngineError(error)
    for (const job of this.#jobs.values()) job.abort.abort()
    this.#stop.abort()
    this.#failed(this.#failure)
  }

  #turn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turns.then(() => {
      if (this.#failure) throw this.#failure
      this.#context.onTurn?.()
      return work()
    })
    this.#turns = turn.catch(() => {})
    return turn
  }
}
