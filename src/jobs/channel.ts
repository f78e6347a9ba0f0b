import type { MessagePort, Transferable, Worker } from 'node:worker_threads'
import { EngineError, toEngineError } from '../base/errors.ts'
import { type Batch, buffersOf } from '../batch/batch.ts'

/**
 * Calls and streams of batches between the main thread and a worker. A stream moves a batch at a time per credit, so a slow
 * reader holds the writer back: at most `CREDITS` batches are under way, whatever the size of the answer.
 */
export interface Handlers {
  readonly calls: Readonly<Record<string, (argument: never) => Promise<unknown>>>
  readonly streams: Readonly<Record<string, (argument: never, signal: AbortSignal) => AsyncIterable<Batch>>>
}

/** Batches sent ahead of their reader: enough to hide a thread switch, few enough to bound memory (64 × 8192 rows). */
const CREDITS = 8

type Port = Pick<MessagePort | Worker, 'postMessage' | 'on'>

interface PlainError {
  readonly sqlState: string
  readonly message: string
  readonly position?: number
  readonly detail?: string
  readonly hint?: string
  readonly actor: 'user' | 'external'
  readonly retryable: boolean
}

type ToServer =
  | { readonly kind: 'call' | 'stream'; readonly id: number; readonly method: string; readonly argument: unknown }
  | { readonly kind: 'credit' | 'cancel'; readonly id: number }

type ToClient =
  | { readonly kind: 'answer'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'batch'; readonly id: number; readonly batch: Batch }
  | { readonly kind: 'end'; readonly id: number }
  | { readonly kind: 'failed'; readonly id: number; readonly error: PlainError }

function toPlain(error: unknown): PlainError {
  const { sqlState, message, position, detail, hint, actor, retryable } = toEngineError(error)
  return { sqlState, message, position, detail, hint, actor, retryable }
}

/** Answers the other side's calls with `handlers` until the port closes. */
export function serveChannel(port: Port, handlers: Handlers): void {
  const streams = new Map<number, { credits: number; wake: () => void; abort: AbortController }>()
  const send = (message: ToClient, transfer: readonly Transferable[] = []): void => port.postMessage(message, transfer)

  async function runStream(id: number, method: string, argument: unknown): Promise<void> {
    const stream = { credits: CREDITS, wake: () => {}, abort: new AbortController() }
    streams.set(id, stream)
    try {
      for await (const batch of handlers.streams[method](argument as never, stream.abort.signal)) {
        while (stream.credits === 0 && !stream.abort.signal.aborted) await new Promise<void>(r => (stream.wake = r))
        if (stream.abort.signal.aborted) break
        stream.credits--
        send({ kind: 'batch', id, batch }, buffersOf(batch))
      }
      send({ kind: 'end', id })
    } catch (error) {
      send({ kind: 'failed', id, error: toPlain(error) })
    } finally {
      streams.delete(id)
    }
  }

  port.on('message', (message: ToServer) => {
    if (message.kind === 'stream') void runStream(message.id, message.method, message.argument)
    else if (message.kind === 'call') {
      handlers.calls[message.method](message.argument as never).then(
        value => send({ kind: 'answer', id: message.id, value }),
        error => send({ kind: 'failed', id: message.id, error: toPlain(error) }),
      )
    } else {
      const stream = streams.get(message.id)
      if (message.kind === 'credit' && stream) stream.credits++
      else stream?.abort.abort()
      stream?.wake()
    }
  })
}

interface Pending {
  resolve(value: unknown): void
  reject(error: Error): void
  batch?(batch: Batch): void
}

/** The calling side. `close` fails everything under way with the given error. */
export class Channel {
  #port: Port
  #lastId = 0
  #pending = new Map<number, Pending>()
  #closed: EngineError | undefined

  constructor(port: Port) {
    this.#port = port
    port.on('message', (message: ToClient) => {
      const pending = this.#pending.get(message.id)
      if (!pending) return
      if (message.kind === 'batch') return pending.batch?.(message.batch)
      this.#pending.delete(message.id)
      if (message.kind === 'failed') {
        pending.reject(new EngineError(message.error.sqlState, message.error.message, message.error))
      } else pending.resolve(message.kind === 'answer' ? message.value : undefined)
    })
  }

  call(method: string, argument: unknown, transfer: readonly Transferable[] = []): Promise<unknown> {
    if (this.#closed) return Promise.reject(this.#closed)
    const id = ++this.#lastId
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject })
      this.#port.postMessage({ kind: 'call', id, method, argument } satisfies ToServer, transfer)
    })
  }

  /**
   * The stream's batches. It ends early when the signal aborts: `return()` of a generator that waits for its next batch would
   * be heard only when that batch has come, so a reader who leaves says so by the signal.
   */
  async *stream(method: string, argument: unknown, signal?: AbortSignal): AsyncGenerator<Batch, void, undefined> {
    if (this.#closed) throw this.#closed
    if (signal?.aborted) return
    const id = ++this.#lastId
    const arrived: Batch[] = []
    let wake = (): void => {}
    let ended = false
    let failure: Error | undefined
    this.#pending.set(id, {
      resolve: () => {
        ended = true
        wake()
      },
      reject: error => {
        failure = error
        wake()
      },
      batch: batch => {
        arrived.push(batch)
        wake()
      },
    })
    const post = (message: ToServer): void => this.#port.postMessage(message)
    const leave = (): void => {
      ended = true
      arrived.length = 0
      if (this.#pending.delete(id)) post({ kind: 'cancel', id })
      wake()
    }
    signal?.addEventListener('abort', leave, { once: true })
    post({ kind: 'stream', id, method, argument })
    try {
      for (;;) {
        const batch = arrived.shift()
        if (batch) {
          post({ kind: 'credit', id })
          yield batch
        } else if (failure) throw failure
        else if (ended) return
        else await new Promise<void>(r => (wake = r))
      }
    } finally {
      signal?.removeEventListener('abort', leave)
      leave()
    }
  }

  close(error: EngineError): void {
    this.#closed = error
    for (const pending of this.#pending.values()) pending.reject(error)
    this.#pending.clear()
  }
}
