import { EngineError } from '../base/errors.ts'
import { type Batch, ownedCopy } from '../batch/batch.ts'
import type { Sink } from '../connector.ts'

/** Changes on their way to one reader: the sink of a subscription's job at one end, an iterator at the other. */
export class BatchQueue implements Sink, AsyncIterable<Batch> {
  #rowsMax: number
  /** What a full queue does to its writer. */
  #whenFull: 'wait' | 'fail'
  #batches: Batch[] = []
  #rows = 0
  #ended = false
  #error: Error | undefined
  #wakeReader = (): void => {}
  #wakeWriter = (): void => {}

  constructor(rowsMax: number, whenFull: 'wait' | 'fail') {
    this.#rowsMax = rowsMax
    this.#whenFull = whenFull
  }

  async write(batch: Batch): Promise<void> {
    if (this.#ended || batch.rowCount === 0) return
    if (this.#whenFull === 'fail' && this.#rows > this.#rowsMax) {
      this.fail(
        new EngineError('53400', `the reader is more than ${this.#rowsMax} changes behind`, {
          hint: 'read faster, or subscribe to fewer rows; the view itself is not affected',
        }),
      )
      return
    }
    this.#batches.push(ownedCopy(batch))
    this.#rows += batch.rowCount
    this.#wakeReader()
    while (this.#whenFull === 'wait' && this.#rows > this.#rowsMax && !this.#ended) {
      await new Promise<void>(resolve => {
        this.#wakeWriter = resolve
      })
    }
  }

  end(): void {
    this.#ended = true
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

  async open(): Promise<void> {}
  async prepare(): Promise<undefined> {}
  async commit(): Promise<void> {}
  async close(): Promise<void> {
    this.end()
  }
}
