import type { Clock } from '../base/clock.ts'
import type { Logger } from '../base/log.ts'
import type { Graph } from '../dataflow/graph.ts'
import type { StateSnapshot } from '../dataflow/operator.ts'
import type { Checkpoints } from '../state/checkpoints.ts'
import type { JobSection } from './job.ts'
import type { Running } from './running.ts'

/** Rows come in bursts: the first checkpoint after a silence waits this long for the rest of one, which would wait a whole interval otherwise. */
const BURST_MS = 20

/** Between two checkpoints at least so many times what the last one took: saving takes a tenth of the time at most. */
const SAVING_SHARE = 9

/** What a dataflow gives its checkpoints. */
export interface CheckpointerOptions {
  readonly dataflow: string
  /** Undefined: nothing is saved. */
  readonly checkpoints: Checkpoints | undefined
  readonly clock: Clock
  readonly log: Logger
  /** Between the end of one and the next, milliseconds; stretched so that saving takes at most a tenth of the time. */
  readonly intervalMs: number
  readonly graph: Graph
  readonly jobs: ReadonlyMap<string, Running>
  /** A checkpoint could not be taken. Some sinks may have prepared and others not: only a new start from the one before puts that right. */
  readonly onFailure: (error: unknown) => void
  /** One that was written beside the ticks is durable. */
  readonly onSaved: () => void
}

/**
 * Takes the checkpoints of one dataflow: state, positions and prepared commits become durable as one epoch; then sinks commit and sources
 * acknowledge. The store reads the state before its call returns, so where no sink waits for its commit the ticks go on while the disk writes.
 * Its methods run between ticks.
 */
export class Checkpointer {
  readonly #options: CheckpointerOptions
  #epoch = 0
  #lastMs = 0
  /** When something first changed since the last one; undefined: nothing did. */
  #changedMs: number | undefined
  /** Infinity while one is being written. */
  #nextMs = Number.POSITIVE_INFINITY
  /** The same where a source waits for it: then only what saving costs is waited for. */
  #soonestMs = Number.POSITIVE_INFINITY
  /** The write of the last one, while it goes on beside the ticks. */
  #saving: Promise<void> = Promise.resolve()
  /** Of the newest checkpoint of which its sources do not know yet. */
  #untold: Acknowledgements | undefined
  #telling: Promise<void> | undefined

  constructor(options: CheckpointerOptions) {
    this.#options = options
  }

  /** The last that is durable. */
  get epoch(): number {
    return this.#epoch
  }

  /** How long the last one took, milliseconds. */
  get lastMs(): number {
    return this.#lastMs
  }

  /** When the next is due, monotonic; Infinity while there is nothing to save. */
  get dueMs(): number {
    if (this.#changedMs === undefined || !this.#options.checkpoints) return Number.POSITIVE_INFINITY
    const nextMs = this.#isWaitedFor() ? this.#soonestMs : this.#nextMs
    return Math.max(nextMs, this.#changedMs + Math.min(BURST_MS, this.#options.intervalMs))
  }

  /** The dataflow was restored from this epoch. */
  restored(epoch: number): void {
    this.#epoch = epoch
  }

  /** From now on, one an interval. */
  begin(): void {
    this.#soonestMs = this.#options.clock.monotonicMs()
    this.#nextMs = this.#soonestMs + this.#options.intervalMs
  }

  /** There is something to save. */
  changed(): void {
    this.#changedMs ??= this.#options.clock.monotonicMs()
  }

  async takeWhenDue(): Promise<void> {
    if (this.#options.clock.monotonicMs() >= this.dueMs) await this.take()
  }

  /** Takes one if there is anything to save. */
  async take(): Promise<void> {
    const { checkpoints, onFailure } = this.#options
    if (!checkpoints || this.#changedMs === undefined) return
    try {
      await this.#saving
      await this.#save(checkpoints)
    } catch (error) {
      onFailure(error)
      throw error
    }
  }

  /** The same, changed or not, and durable when it resolves. */
  async takeNow(): Promise<void> {
    this.changed()
    await this.take()
    await this.#saving
  }

  /** Resolves when nothing is being written and sources know; what failed was told. */
  async settled(): Promise<void> {
    await this.#saving.catch(() => {})
    await this.#telling
  }

  #isWaitedFor(): boolean {
    for (const { built } of this.#options.jobs.values())
      if (built.sources.some(({ source }) => source.needsCheckpoint?.())) return true
    return false
  }

  async #save(checkpoints: Checkpoints): Promise<void> {
    const { clock, jobs, graph, onFailure, onSaved } = this.#options
    this.#nextMs = this.#soonestMs = Number.POSITIVE_INFINITY
    const startMs = clock.monotonicMs()
    const epoch = this.#epoch + 1
    for (const { aside } of jobs.values()) await aside.flush()
    const { sections, commits, acknowledgements } = await prepare(jobs.values(), graph.snapshot(), epoch)
    this.#changedMs = undefined
    const durable = checkpoints.write(epoch, sections)
    const finish = async (): Promise<void> => {
      await durable
      this.#epoch = epoch
      for (const commit of commits) await commit()
      this.#finished(startMs)
      this.#untold = acknowledgements
      this.#telling ??= this.#tell()
    }
    if (commits.length > 0) await finish()
    else {
      this.#saving = finish().then(onSaved)
      this.#saving.catch(onFailure)
    }
  }

  #finished(startMs: number): void {
    const { clock, intervalMs, log, dataflow } = this.#options
    this.#lastMs = clock.monotonicMs() - startMs
    this.#soonestMs = clock.monotonicMs() + SAVING_SHARE * this.#lastMs
    this.#nextMs = Math.max(this.#soonestMs, clock.monotonicMs() + intervalMs)
    log.debug({ dataflow, epoch: this.#epoch, ms: Math.round(this.#lastMs) }, 'checkpoint')
  }

  /**
   * Tells sources of checkpoints, always the newest: no checkpoint waits for a broker that is slow to answer. Brokers that do not hear of
   * one keep more than they need: no reason to fail.
   */
  async #tell(): Promise<void> {
    for (let acknowledgements = this.#untold; acknowledgements; acknowledgements = this.#untold) {
      this.#untold = undefined
      for (const acknowledge of acknowledgements) {
        try {
          await acknowledge()
        } catch (error) {
          const fields = { dataflow: this.#options.dataflow, error: String(error) }
          this.#options.log.warn(fields, 'a source could not be told of a checkpoint')
        }
      }
    }
    this.#telling = undefined
  }
}

type Acknowledgements = readonly (() => Promise<void> | undefined)[]

/** What a checkpoint holds, and what is to be done in this order once it is durable. */
interface PreparedCheckpoint {
  readonly sections: Readonly<Record<string, JobSection>>
  readonly commits: readonly (() => Promise<void>)[]
  readonly acknowledgements: Acknowledgements
}

/** Prepares every sink for `epoch` and gathers what a checkpoint needs; `state` is by node. Subscriptions are not in it. */
async function prepare(
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
