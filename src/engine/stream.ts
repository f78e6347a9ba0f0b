import { EngineError } from '../base/errors.ts'
import { type Batch, sliceBatch } from '../batch/batch.ts'
import { bytesOf } from './queue.ts'

/** What a statement answers when it has few rows at hand. */
export async function* batchesOf(...batches: Batch[]): AsyncGenerator<Batch, void, undefined> {
  yield* batches.filter(b => b.rowCount > 0)
}

/** Ends `source` early when the signal aborts, by throwing `error`; closes it in any case. */
export async function* interruptible(
  source: AsyncIterable<Batch>,
  signal: AbortSignal,
  error: () => Error,
): AsyncGenerator<Batch, void, undefined> {
  const iterator = source[Symbol.asyncIterator]()
  let interrupt = (_reason: Error): void => {}
  const onAbort = (): void => interrupt(error())
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    for (;;) {
      if (signal.aborted) throw error()
      // Not a race with one promise for all: that would keep every batch of an endless stream until its end.
      const next = await new Promise<IteratorResult<Batch>>((resolve, reject) => {
        interrupt = reject
        iterator.next().then(resolve, reject)
      })
      if (next.done) return
      yield next.value
    }
  } finally {
    signal.removeEventListener('abort', onAbort)
    void iterator.return?.()
  }
}

/** Rows of a system view that go along with a read in another thread, in memory on both sides. */
const GIVEN_BYTES_MAX = 64 * 1024 * 1024

/** All batches of a system view. Throws 54000 when they are more than a read may take along. */
export async function collect(source: AsyncIterable<Batch>, name: string): Promise<Batch[]> {
  const batches: Batch[] = []
  let bytes = 0
  for await (const batch of source) {
    batches.push(batch)
    bytes += bytesOf(batch)
    if (bytes <= GIVEN_BYTES_MAX) continue
    throw new EngineError('54000', `${name} has more than ${GIVEN_BYTES_MAX / 2 ** 20} MB of rows`, {
      hint: `Ask for ${name} in a statement of its own: then its rows are read as they are needed.`,
    })
  }
  return batches
}

/** The first `rowsMax` rows; then closes the source. */
export async function* firstRows(
  source: AsyncIterable<Batch>,
  rowsMax: number,
): AsyncGenerator<Batch, void, undefined> {
  let left = rowsMax
  if (left <= 0) return
  for await (const batch of source) {
    yield sliceBatch(batch, 0, Math.min(left, batch.rowCount))
    left -= batch.rowCount
    if (left <= 0) return
  }
}
