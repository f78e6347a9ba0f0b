import type { Connector, Sink, Source } from '../../src/connector.ts'

/** Which standing sources still have something to give, and which sinks have written what nobody can see yet. */
export class Watch {
  readonly #sources = new Map<Source, { readonly job: string; polling: boolean; ended: boolean }>()
  readonly #uncommitted = new Set<Sink>()
  /** Jobs that do not read now. */
  paused: ReadonlySet<string> = new Set()

  /** Everything there was has been read and is in the answers: each source waits in a poll, has no lag, each sink has committed. */
  get quiet(): boolean {
    return this.unrest.length === 0
  }

  /** What is not at rest, for people. */
  get unrest(): string[] {
    const busy = [...this.#sources].filter(
      ([source, { job, polling, ended }]) => !ended && !this.paused.has(job) && !(polling && source.lag?.() === 0),
    )
    const reading = busy.map(([source, { job, polling }]) => `${job} reads (lag ${source.lag?.()}, polling ${polling})`)
    return this.#uncommitted.size > 0 ? [...reading, `${this.#uncommitted.size} sinks have not committed`] : reading
  }

  /** The connector, seen through. Reads that end by themselves are not watched. */
  watched(connector: Connector): Connector {
    return {
      ...connector,
      source:
        connector.source &&
        (context =>
          context.bounded ? connector.source!(context) : this.#source(connector.source!(context), context.job)),
      sink: connector.sink && (context => this.#sink(connector.sink!(context))),
    }
  }

  #source(source: Source, job: string): Source {
    const state = { job, polling: false, ended: false }
    return {
      open: async position => {
        await source.open(position)
        this.#sources.set(source, state)
      },
      poll: async (rowsMax, signal) => {
        state.polling = true
        const polled = await source.poll(rowsMax, signal)
        // The next poll begins when what this one brought has passed through the dataflow.
        state.polling = polled.kind === 'idle'
        state.ended = polled.kind === 'end'
        return polled
      },
      position: () => source.position(),
      partitions: () => source.partitions(),
      acknowledge: position => source.acknowledge?.(position) ?? Promise.resolve(),
      lag: () => source.lag?.(),
      close: () => {
        this.#sources.delete(source)
        return source.close()
      },
    }
  }

  #sink(sink: Sink): Sink {
    return {
      open: recovered => sink.open(recovered),
      write: batch => {
        if (batch.rowCount > 0) this.#uncommitted.add(sink)
        return sink.write(batch)
      },
      prepare: async epoch => {
        const prepared = await sink.prepare(epoch)
        if (prepared === undefined) this.#uncommitted.delete(sink)
        return prepared
      },
      commit: async prepared => {
        await sink.commit(prepared)
        this.#uncommitted.delete(sink)
      },
      close: () => {
        this.#uncommitted.delete(sink)
        return sink.close()
      },
    }
  }
}
