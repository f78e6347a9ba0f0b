import type { Clock } from '../base/clock.ts'
import { EngineError } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'
import type { Polled, PolledRows, Position, RecordDecoder, RecordEncoder, Sink, Source } from '../connector.ts'

/** Between two questions to a registry that is away: as long as a poll may wait. */
const RETRY_MS = 500

/**
 * A source whose decoder may wait for a schema: a poll gives its rows when all its records are read. While the registry is away polls
 * are idle, nothing more is read, and the position stays before the records that wait, so the view goes on answering.
 */
export class CompletingSource implements Source {
  readonly #source: Source
  readonly #decoder: RecordDecoder
  readonly #clock: Clock
  readonly #log: Logger
  #waiting: { readonly polled: PolledRows; readonly before: Position } | undefined

  constructor(source: Source, decoder: RecordDecoder, { clock, log }: { readonly clock: Clock; readonly log: Logger }) {
    this.#source = source
    this.#decoder = decoder
    this.#clock = clock
    this.#log = log
  }

  open(position: Position | undefined): Promise<void> {
    return this.#source.open(position)
  }

  async poll(rowsMax: number, signal: AbortSignal): Promise<Polled> {
    if (this.#waiting) await this.#clock.sleep(RETRY_MS, signal)
    else {
      const before = this.#source.position()
      const polled = await this.#source.poll(rowsMax, signal)
      if (polled.kind !== 'rows' || !this.#decoder.complete) return polled
      this.#waiting = { polled, before }
    }
    try {
      const { partition } = this.#waiting.polled
      const completed = await this.#decoder.complete?.()
      this.#waiting = undefined
      if (!completed) return { kind: 'idle' }
      const { batch, bad } = completed
      return { kind: 'rows', partition, batch, bad: bad.map(record => ({ ...record, partition })) }
    } catch (error) {
      if (!(error instanceof EngineError && error.retryable)) throw error
      this.#log.warn({ error: error.message }, 'records wait for their schema; trying again')
      return { kind: 'idle' }
    }
  }

  position(): Position {
    return this.#waiting?.before ?? this.#source.position()
  }

  partitions(): readonly string[] {
    return this.#source.partitions()
  }

  async acknowledge(position: Position): Promise<void> {
    await this.#source.acknowledge?.(position)
  }

  lag(): number | undefined {
    return this.#source.lag?.()
  }

  needsCheckpoint(): boolean {
    return this.#source.needsCheckpoint?.() ?? false
  }

  close(): Promise<void> {
    return this.#source.close()
  }
}

/** A sink that opens when its encoder has agreed with others on how records look. */
export function opening(sink: Sink, encoder: RecordEncoder): Sink {
  return {
    async open(recovered) {
      await encoder.open?.()
      await sink.open(recovered)
    },
    write: batch => sink.write(batch),
    dueInMs: () => sink.dueInMs?.() ?? Number.POSITIVE_INFINITY,
    sourcesEnded: () => sink.sourcesEnded?.(),
    prepare: epoch => sink.prepare(epoch),
    commit: prepared => sink.commit(prepared),
    close: () => sink.close(),
  }
}
