import { EngineError } from '../../base/errors.ts'
import { ByteWriter } from './bytes.ts'

/** Where bytes go: a socket, or a list in a test. */
export interface ByteSink {
  write(bytes: Uint8Array): void
  /** Bytes written that the other end has not taken yet. */
  readonly bufferedBytes: number
  /** True once nobody takes bytes any more. */
  readonly closed: boolean
  /** Resolves when the buffered bytes are gone, or the sink has closed. */
  drained(): Promise<void>
}

/** Messages are collected up to this size before they are handed on. */
const CHUNK_BYTES = 64 * 1024
/** Chunks after which others get their turn: a long result from memory never waits of itself. */
const CHUNKS_A_TURN = 8

/**
 * A client's way out. Messages are appended to `out`, handed on in chunks, and at the end of the event loop's turn at the latest
 * once `touch` was called, so a short answer is one packet and a subscriber never waits. Whoever has many rows awaits `room`
 * between chunks: a client that does not read stops the pulling of its rows, and holds at most `bytesMax` and a chunk.
 */
export class Outlet {
  readonly out = new ByteWriter()
  readonly #sink: ByteSink
  readonly #bytesMax: number
  #flushing = false
  #chunkCount = 0

  constructor(sink: ByteSink, bytesMax: number) {
    this.#sink = sink
    this.#bytesMax = bytesMax
  }

  get chunkBytes(): number {
    return CHUNK_BYTES
  }

  /** Sends what is there. */
  flush(): void {
    if (this.out.at === 0) return
    const bytes = this.out.take()
    if (!this.#sink.closed) this.#sink.write(bytes)
  }

  /** Sends soon: after everything that needs no waiting has been appended too. */
  touch(): void {
    if (this.#flushing) return
    this.#flushing = true
    setImmediate(() => {
      this.#flushing = false
      this.flush()
    })
  }

  /** Hands full chunks on; undefined when more may be written at once, else wait. Rejects when the client has gone. */
  room(): Promise<void> | undefined {
    if (this.out.at >= CHUNK_BYTES) {
      this.flush()
      if (++this.#chunkCount % CHUNKS_A_TURN === 0) return this.#nextTurn()
    }
    if (!this.#sink.closed && this.#sink.bufferedBytes <= this.#bytesMax) return undefined
    return this.#wait()
  }

  async #nextTurn(): Promise<void> {
    await new Promise(setImmediate)
    await this.room()
  }

  async #wait(): Promise<void> {
    if (!this.#sink.closed) await this.#sink.drained()
    if (this.#sink.closed) throw new EngineError('08006', 'the client has gone', { actor: 'external' })
  }
}
