import { assert } from '../base/assert.ts'
import type { Clock } from '../base/clock.ts'
import { EngineError, toEngineError } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'
import type { Polled } from '../connector.ts'
import { Graph } from '../dataflow/graph.ts'
import type { Checkpoints } from '../state/checkpoints.ts'
import type { Aside } from './aside.ts'
import type { BuildJob, DataflowSpec, JobSection, JobSource, JobSpec, JobStatus } from './job.ts'
import { latestState } from './recovery.ts'
import { prepareCheckpoint, type Running, statusOf } from './running.ts'

/** Everything a dataflow needs from around it. */
export interface DataflowContext {
  readonly clock: Clock
  readonly log: Logger
  readonly build: BuildJob
  /** Undefined: nothing is saved (subscriptions, `tidemark run` over bounded input). */
  readonly checkpoints: ((dataflow: string) => Checkpoints) | undefined
  readonly aside: (job: string) => Aside
  readonly settings: DataflowSettings
}

export interface DataflowSettings {
  /** Time between checkpoints when there is something to save, milliseconds. Stretched so that saving takes at most a tenth of the time. */
  readonly checkpointIntervalMs: number
  /** Rows a poll may bring: a tick of this many takes a few milliseconds, which is how long a read may wait. */
  readonly rowsMax: number
  /** How often idle watermarks and retention are looked at, milliseconds. */
  readonly timerMs: number
}

export const defaultSettings: DataflowSettings = { checkpointIntervalMs: 1000, rowsMax: 8192, timerMs: 50 }

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
  #checkpoints: Checkpoints | undefined
  #dirty = false
  /** The write of the last checkpoint, while it goes on beside the ticks. */
  #saving: Promise<void> = Promise.resolve()
  #epoch = 0
  #checkpointMs = 0
  #nextCheckpointMs = 0
  #paused: Promise<void> | undefined
  #resume = (): void => {}
  #stop = new AbortController()
  #timer: Promise<void> | undefined
  /** What stopped it. From then on no turn begins: its state may be that of half a tick, which no checkpoint must hold. */
  #failure: EngineError | undefined
  #failed = (_error: EngineError): void => {}
  #resolveStarted = (): void => {}
  /** Resolves when every job is built and restored, so that its views can be read. Never, if the start fails: `done` rejects then. */
  readonly started = new Promise<void>(resolve => {
    this.#resolveStarted = resolve
  })
  /** Rejects with the first error that stops the dataflow; resolves when every source has ended or after `close`. */
  readonly done: Promise<void>
  #resolveDone = (): void => {}

  constructor(id: string, context: DataflowContext) {
    this.id = id
    this.#context = context
    this.#checkpoints = context.checkpoints?.(id)
    this.done = new Promise((resolve, reject) => {
      this.#resolveDone = resolve
      this.#failed = reject
    })
    this.done.catch(() => {}) // whoever awaits it hears of it
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
    this.#epoch = saved?.epoch ?? 0
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
    if (!saved?.own) await this.#checkpointNow()
    this.#nextCheckpointMs = this.#context.clock.monotonicMs() + this.#context.settings.checkpointIntervalMs
    this.#timer = this.#runTimer()
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
      if (!spec.ephemeral) await this.#checkpointNow()
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
      if (!job.spec.ephemeral) await this.#checkpointNow()
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
    if (this.#timer === undefined) for (const job of this.#jobs.values()) await this.#closeJob(job)
    await this.#turns
    for (const job of this.#jobs.values()) await Promise.allSettled(job.pumps)
    await this.#timer
    try {
      if (save && !this.#failure) await this.#turn(() => this.#checkpoint())
    } finally {
      await this.#saving.catch(() => {}) // already told by #fail
      for (const job of this.#jobs.values()) await this.#closeJob(job)
      this.#jobs.clear()
      this.#resolveDone()
    }
  }

  /** Runs between ticks, so that nothing changes underneath across its awaits. */
  exclusively<T>(work: () => Promise<T>): Promise<T> {
    return this.#turn(work)
  }

  status(): JobStatus[] {
    const { id: dataflow, graph } = this
    const shared = { dataflow, epoch: this.#epoch, checkpointMs: this.#checkpointMs, stateBytes: graph.stateBytes() }
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
    await this.#drain(job)
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
    const { source } = input
    const aborted = new Promise<void>(resolve => signal.addEventListener('abort', () => resolve(), { once: true }))
    signal.addEventListener('abort', () => job.polling.abort(), { once: true })
    let polls = 0
    try {
      while (!signal.aborted) {
        if (this.#paused) await Promise.race([this.#paused, aborted])
        if (signal.aborted) return
        const polled = await source.poll(this.#context.settings.rowsMax, job.polling.signal)
        if (signal.aborted) return
        if (polled.kind === 'idle') {
          await this.#context.clock.sleep(0, signal) // one that answers at once must not keep others from their turn
          continue
        }
        await this.#turn(() => this.#tick(job, input, polled))
        if (polled.kind === 'end') return
        // Resolved promises alone never let messages and sockets in.
        if (++polls % 4 === 0) await this.#context.clock.sleep(0)
      }
    } catch (error) {
      this.#fail(error)
    }
  }

  async #tick(job: Running, { id, source, node, deadLetters }: JobSource, polled: Polled): Promise<void> {
    if (polled.kind === 'end') {
      job.ended.add(id)
      node.end()
    } else if (polled.kind === 'rows') {
      job.rowsIn += polled.batch.rowCount
      job.aside.source = id
      const nowMs = this.#context.clock.nowMs()
      node.setPartitions(source.partitions(), nowMs)
      node.push(polled.partition, polled.batch, nowMs)
      if (polled.bad.length > 0) {
        job.aside.records(polled.bad, deadLetters === undefined)
        await deadLetters?.(polled.bad)
      }
    }
    job.positions.set(id, source.position())
    this.#dirty = true
    for (const each of this.#jobs.values()) await this.#drain(each)
    if (polled.kind === 'end') await this.#maybeEnded()
  }

  async #drain({ spec, built: { output }, aside }: Running): Promise<void> {
    for (const batch of output?.take() ?? []) await output?.sink.write(batch)
    if (spec.ephemeral) aside.forget()
    else await aside.flushWhenDue()
  }

  /** There is a source, and every source has given everything. */
  #allEnded(): boolean {
    const jobs = [...this.#jobs.values()]
    return jobs.some(j => j.built.sources.length > 0) && jobs.every(j => j.ended.size === j.built.sources.length)
  }

  async #maybeEnded(): Promise<void> {
    if (!this.#allEnded()) return
    // Who waits for the end wants to see what came out of it.
    await this.#checkpoint()
    this.#resolveDone()
  }

  async #runTimer(): Promise<void> {
    const { clock, settings } = this.#context
    const { signal } = this.#stop
    while (!signal.aborted) {
      await clock.sleep(settings.timerMs, signal)
      if (signal.aborted) return
      try {
        await this.#turn(() => this.#onTimer())
      } catch (error) {
        this.#fail(error)
      }
    }
  }

  async #onTimer(): Promise<void> {
    const nowMs = this.#context.clock.nowMs()
    for (const job of this.#paused ? [] : this.#jobs.values()) {
      for (const { id, node, source } of job.built.sources) {
        if (job.ended.has(id)) continue
        const before = node.watermark
        node.setPartitions(source.partitions(), nowMs)
        node.tick(nowMs)
        if (node.watermark !== before) this.#dirty = true
      }
    }
    for (const job of this.#jobs.values()) await this.#drain(job)
    if (this.#dirty && this.#context.clock.monotonicMs() >= this.#nextCheckpointMs) await this.#checkpoint()
  }

  /**
   * State, positions and prepared commits become durable as one epoch; then sinks commit and sources acknowledge. The store reads
   * the state before its call returns, so where no sink waits for its commit the ticks go on while the disk writes.
   */
  async #checkpoint(): Promise<void> {
    if (!this.#checkpoints || !this.#dirty) return
    try {
      await this.#saving
      await this.#save(this.#checkpoints)
    } catch (error) {
      // Some sinks may have prepared and others not: only a new start from the last checkpoint puts that right.
      this.#fail(error)
      throw error
    }
  }

  /** The same, changed or not, and durable when it resolves. */
  async #checkpointNow(): Promise<void> {
    this.#dirty = true
    await this.#checkpoint()
    await this.#saving
  }

  async #save(checkpoints: Checkpoints): Promise<void> {
    this.#nextCheckpointMs = Number.POSITIVE_INFINITY
    const startMs = this.#context.clock.monotonicMs()
    const epoch = this.#epoch + 1
    for (const { aside } of this.#jobs.values()) await aside.flush()
    const prepared = await prepareCheckpoint(this.#jobs.values(), this.graph.snapshot(), epoch)
    const { sections, commits, acknowledgements } = prepared
    this.#dirty = false
    const durable = checkpoints.write(epoch, sections)
    const finish = async (): Promise<void> => {
      await durable
      this.#epoch = epoch
      for (const commit of commits) await commit()
      this.#afterCheckpoint(startMs)
    }
    if (commits.length > 0) {
      await finish()
      this.#saving = this.#acknowledge(acknowledgements)
    } else {
      this.#saving = finish().then(() => this.#acknowledge(acknowledgements))
      this.#saving.catch(error => this.#fail(error))
    }
  }

  #afterCheckpoint(startMs: number): void {
    const { clock, settings, log } = this.#context
    this.#checkpointMs = clock.monotonicMs() - startMs
    this.#nextCheckpointMs = clock.monotonicMs() + Math.max(settings.checkpointIntervalMs, 9 * this.#checkpointMs)
    log.debug({ dataflow: this.id, epoch: this.#epoch, ms: Math.round(this.#checkpointMs) }, 'checkpoint')
  }

  /** Brokers that do not hear of it keep more than they need: no reason to fail. */
  async #acknowledge(acknowledgements: readonly (() => Promise<void> | undefined)[]): Promise<void> {
    for (const acknowledge of acknowledgements) {
      try {
        await acknowledge()
      } catch (error) {
        this.#context.log.warn(
          { dataflow: this.id, error: String(error) },
          'a source could not be told of a checkpoint',
        )
      }
    }
  }

  async #remove(name: string): Promise<void> {
    const job = this.#job(name)
    this.#jobs.delete(name)
    job.built.end?.()
    for (const node of job.built.nodes.toReversed()) this.graph.remove(node)
    await this.#closeJob(job)
  }

  async #closeJob({ built, spec }: Running): Promise<void> {
    const closing = [...built.sources.map(s => s.source.close()), built.output?.sink.close()]
    for (const result of await Promise.allSettled(closing)) {
      if (result.status === 'rejected') {
        this.#context.log.warn({ job: spec.name, error: String(result.reason) }, 'could not close cleanly')
      }
    }
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
      return work()
    })
    this.#turns = turn.catch(() => {})
    return turn
  }
}
