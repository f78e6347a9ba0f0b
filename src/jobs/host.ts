import type { MessagePort, Worker } from 'node:worker_threads'
import { assert } from '../base/assert.ts'
import { EngineError } from '../base/errors.ts'
import type { Batch } from '../batch/batch.ts'
import { Channel, serveChannel } from './channel.ts'
import { Dataflow, type DataflowContext } from './dataflow.ts'
import type { DataflowSpec, JobSpec, JobStatus } from './job.ts'

/** What is known of the end of a thread. */
export interface Loss {
  /** It had reached the limit of its heap. */
  readonly outOfMemory: boolean
  /** The dataflow that had its turn last: whoever needs most memory is most likely the one that asks for what is not there. */
  readonly dataflow: string | undefined
}

/** One number that a thread and its owner share: that of the dataflow that has its turn; 0 before the first. */
export type TurnMark = Int32Array<SharedArrayBuffer>

export function newTurnMark(): TurnMark {
  return new Int32Array(new SharedArrayBuffer(4))
}

/** Runs dataflows somewhere: in this thread (`Host`) or in a worker (`RemoteHost`). */
export interface JobHost {
  /** Resolves when the thread is gone, and with it everything that ran there. Undefined: it lives as long as the process. */
  readonly lost?: Promise<Loss>
  /** Resolves when the dataflow runs; throws when it cannot start. */
  start(spec: DataflowSpec, options: { readonly paused: boolean }): Promise<void>
  /** Resolves when all its bounded sources have ended or it was stopped; rejects with what made it fail. */
  done(dataflow: string): Promise<void>
  /** Stops polling sources, or goes on. */
  setPaused(dataflow: string, paused: boolean): Promise<void>
  addJob(dataflow: string, job: JobSpec): Promise<void>
  removeJob(dataflow: string, job: string): Promise<void>
  /** Stops and forgets it. Nothing happens when it does not run. */
  stop(dataflow: string, options: { readonly save: boolean }): Promise<void>
  status(): Promise<readonly JobStatus[]>
  /** A read or a subscription; `request` is the engine's. `dataflow` undefined: it needs no running one. Work on it ends with the signal. */
  read(dataflow: string | undefined, request: unknown, signal: AbortSignal): AsyncIterable<Batch>
  /** Lets go of what all its dataflows shared, and of the thread; they are stopped. */
  close(): Promise<void>
}

export interface HostContext extends DataflowContext {
  readonly read: (request: unknown, dataflow: Dataflow | undefined, signal: AbortSignal) => AsyncIterable<Batch>
  readonly close: () => Promise<void>
  /** Told of every turn that begins, where somebody wants to know who had the last. */
  readonly mark?: TurnMark
}

interface StartOptions {
  readonly paused: boolean
  readonly turnMark?: number
}

export class Host implements JobHost {
  #context: HostContext
  #dataflows = new Map<string, Dataflow>()

  constructor(context: HostContext) {
    this.#context = context
  }

  /** `turnMark`: its number in the context's mark. */
  async start(spec: DataflowSpec, { paused, turnMark = 0 }: StartOptions): Promise<void> {
    assert(!this.#dataflows.has(spec.id), `dataflow ${spec.id} runs already`)
    const { mark } = this.#context
    const onTurn = mark && (() => Atomics.store(mark, 0, turnMark))
    const dataflow = new Dataflow(spec.id, { ...this.#context, onTurn })
    this.#dataflows.set(spec.id, dataflow)
    dataflow.setPaused(paused)
    try {
      await dataflow.start(spec)
    } catch (error) {
      await this.stop(spec.id, { save: false })
      throw error
    }
  }

  async done(id: string): Promise<void> {
    await this.#dataflows.get(id)?.done
  }

  async setPaused(id: string, paused: boolean): Promise<void> {
    this.#dataflows.get(id)?.setPaused(paused)
  }

  addJob(id: string, job: JobSpec): Promise<void> {
    return this.#running(id).addJob(job)
  }

  async removeJob(id: string, job: string): Promise<void> {
    await this.#dataflows.get(id)?.removeJob(job)
  }

  async stop(id: string, { save }: { readonly save: boolean }): Promise<void> {
    const dataflow = this.#dataflows.get(id)
    this.#dataflows.delete(id)
    await dataflow?.close(save)
  }

  async status(): Promise<JobStatus[]> {
    return [...this.#dataflows.values()].flatMap(dataflow => dataflow.status())
  }

  async *read(id: string | undefined, request: unknown, signal: AbortSignal): AsyncGenerator<Batch> {
    const dataflow = id === undefined ? undefined : this.#running(id)
    await dataflow?.started
    yield* this.#context.read(request, dataflow, signal)
  }

  close(): Promise<void> {
    return this.#context.close()
  }

  #running(id: string): Dataflow {
    const dataflow = this.#dataflows.get(id)
    if (!dataflow) {
      throw new EngineError('55000', 'the job is not running now', {
        actor: 'external',
        retryable: true,
        hint: 'SELECT * FROM tidemark.jobs tells why and when it is tried again',
      })
    }
    return dataflow
  }
}

/** Answers a `RemoteHost` at the other end of the port. */
export function serveHost(host: Host, port: MessagePort): void {
  serveChannel(port, {
    calls: {
      start: ({ spec, ...options }: { spec: DataflowSpec } & StartOptions) => host.start(spec, options),
      setPaused: ({ id, paused }: { id: string; paused: boolean }) => host.setPaused(id, paused),
      done: (id: string) => host.done(id),
      addJob: async ({ id, job }: { id: string; job: JobSpec }) => host.addJob(id, job),
      removeJob: ({ id, job }: { id: string; job: string }) => host.removeJob(id, job),
      stop: ({ id, save }: { id: string; save: boolean }) => host.stop(id, { save }),
      status: () => host.status(),
      close: () => host.close(),
    },
    streams: {
      read: ({ id, request }: { id: string | undefined; request: unknown }, signal) => host.read(id, request, signal),
    },
  })
}

/** A host in a worker thread. When the worker dies, everything under way rejects with 57P01. */
export class RemoteHost implements JobHost {
  readonly lost: Promise<Loss>
  #channel: Channel
  #worker: Worker
  /** Dataflows by their number in the mark. */
  #started = new Map<number, string>()
  #starts = 0

  /** `mark` is the one that the worker's host has. */
  constructor(worker: Worker, mark?: TurnMark) {
    const channel = new Channel(worker)
    this.#channel = channel
    this.#worker = worker
    let cause: unknown
    worker.on('error', error => {
      cause = error
    })
    this.lost = new Promise(resolve => {
      worker.on('exit', code => {
        const why = cause instanceof Error ? cause.message : `exit code ${code}`
        channel.close(
          new EngineError('57P01', `the worker thread of the job ended: ${why}`, {
            actor: 'external',
            retryable: true,
            cause,
          }),
        )
        const outOfMemory = cause instanceof Error && 'code' in cause && cause.code === 'ERR_WORKER_OUT_OF_MEMORY'
        resolve({ outOfMemory, dataflow: mark && this.#started.get(Atomics.load(mark, 0)) })
      })
    })
  }

  async start(spec: DataflowSpec, { paused }: { readonly paused: boolean }): Promise<void> {
    const turnMark = ++this.#starts
    this.#started.set(turnMark, spec.id)
    await this.#channel.call('start', { spec, paused, turnMark })
  }
  async done(id: string): Promise<void> {
    await this.#channel.call('done', id)
  }
  async setPaused(id: string, paused: boolean): Promise<void> {
    await this.#channel.call('setPaused', { id, paused })
  }
  async addJob(id: string, job: JobSpec): Promise<void> {
    await this.#channel.call('addJob', { id, job })
  }
  async removeJob(id: string, job: string): Promise<void> {
    await this.#channel.call('removeJob', { id, job })
  }
  async stop(id: string, { save }: { readonly save: boolean }): Promise<void> {
    await this.#channel.call('stop', { id, save })
    for (const [mark, started] of this.#started) if (started === id) this.#started.delete(mark)
  }
  async status(): Promise<readonly JobStatus[]> {
    return (await this.#channel.call('status', undefined)) as readonly JobStatus[] // the other end is serveHost
  }
  read(id: string | undefined, request: unknown, signal: AbortSignal): AsyncIterable<Batch> {
    return this.#channel.stream('read', { id, request }, signal)
  }
  /** A thread that is gone has nothing left to close. */
  async close(): Promise<void> {
    await this.#channel.call('close', undefined).catch(() => {})
    await this.#worker.terminate()
  }
}
