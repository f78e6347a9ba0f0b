import { EngineError } from '../base/errors.ts'
import { type Batch, buffersOf, ownedCopy } from '../batch/batch.ts'
import type { Sink } from '../connector.ts'

/** Changes on their way to one reader: the sink of a subscription's job at one end, an iterator at the other. */
export class BatchQueue implements Sink, AsyncIterable<Batch> {
  #limits: { readonly rowsMax: number; readonly bytesMax: number } | undefined
  /** What a full queue does to its writer. */
  #whenFull: 'wait' | 'fail'
  #batches: Batch[] = []
  #rows = 0
  #bytes = 0
  #ended = false
  #error: Error | undefined
  #wakeReader = (): void => {}
  #resolveEnded = (): void => {}
  #wakeWriter = (): void => {}

  /** Resolves when nothing more is taken: the reader has left, or has failed to keep up. */
  readonly ended = new Promise<void>(resolve => {
    this.#resolveEnded = resolve
  })

  constructor(whenFull: 'wait' | 'fail') {
    this.#whenFull = whenFull
  }

  /** Limits what waits, from now on, on top of what is there: the rows a subscription begins with come at once, however many. */
  limit({ rowsMax, bytesMax }: { readonly rowsMax: number; readonly bytesMax: number }): void {
    this.#limits = { rowsMax: this.#rows + rowsMax, bytesMax: this.#bytes + bytesMax }
  }

  async write(batch: Batch): Promise<void> {
    if (this.#ended || batch.rowCount === 0) return
    if (this.#whenFull === 'fail' && this.#full) {
      const megabytes = Math.ceil(this.#bytes / 2 ** 20)
      this.fail(
        new EngineError('53400', `the reader is ${this.#rows} changes (${megabytes} MB) behind`, {
          hint: 'read faster, or subscribe to fewer rows; the view itself is not affected',
        }),
      )
      return
    }
    const copy = ownedCopy(batch)
    this.#batches.push(copy)
    this.#rows += copy.rowCount
    this.#bytes += bytesOf(copy)
    this.#wakeReader()
    while (this.#whenFull === 'wait' && this.#full && !this.#ended) {
      await new Promise<void>(resolve => {
        this.#wakeWriter = resolve
      })
    }
  }

  end(): void {
    this.#ended = true
    this.#resolveEnded()
    this.#wakeReader()
    this.#wakeWriter()
  }

  fail(error: Error): void {
    this.#error = error
    this.#batches = []
    this.end()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Batch, void, undefined> {
    for (;;) {
      const batch = this.#batches.shift()
      if (batch) {
        this.#rows -= batch.rowCount
        this.#bytes -= bytesOf(batch)
        this.#wakeWriter()
        yield batch
      } else if (this.#error) throw this.#error
      else if (this.#ended) return
      else {
        await new Promise<void>(resolve => {
          this.#wakeReader = resolve
        })
      }
    }
  }

  get #full(): boolean {
    return this.#limits !== undefined && (this.#rows > this.#limits.rowsMax || this.#bytes > this.#limits.bytesMax)
  }

  async open(): Promise<void> {}
  async prepare(): Promise<undefined> {}
  async commit(): Promise<void> {}
  async close(): Promise<void> {
    this.end()
  }
}

/** Values that are objects are not counted: they are few, or small. */
export function bytesOf(batch: Batch): number {
  return buffersOf(batch).reduce((sum, buffer) => sum + buffer.byteLength, 0)
}
