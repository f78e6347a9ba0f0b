import { assert } from '../../base/assert.ts'
import { type Batch, takeRows } from '../../batch/batch.ts'
import type { ByteWriter } from './bytes.ts'
import type { Outlet } from './outlet.ts'

/** Appends rows [start, end) as messages until `out` holds `bytesMax`; returns the row to go on with. At least one row. */
export type RowWriter = (out: ByteWriter, start: number, end: number, bytesMax: number) => number

/** Makes the writer of one batch. */
export type BindRows = (batch: Batch) => RowWriter

/**
 * The rows of a running statement on their way to a client, batch by batch, with a stop after any number of rows. A batch is
 * done with before the next one is asked for.
 */
export class RowStream {
  readonly #batches: AsyncIterator<Batch>
  readonly #bind: BindRows
  #write: RowWriter | undefined
  #row = 0
  #rowCount = 0

  constructor(batches: AsyncIterable<Batch>, bind: BindRows) {
    this.#batches = batches[Symbol.asyncIterator]()
    this.#bind = bind
  }

  /** Sends up to `rowsMax` rows (0: all). `done`: there are no more; not known when the limit was reached, as in Postgres. */
  async send(outlet: Outlet, rowsMax: number): Promise<{ count: number; done: boolean }> {
    const limit = rowsMax === 0 ? Number.POSITIVE_INFINITY : rowsMax
    let count = 0
    while (count < limit) {
      if (this.#row === this.#rowCount && !(await this.#advance())) return { count, done: true }
      assert(this.#write !== undefined, 'a batch is bound')
      const end = Math.min(this.#rowCount, this.#row + limit - count)
      const next = this.#write(outlet.out, this.#row, end, outlet.chunkBytes)
      count += next - this.#row
      this.#row = next
      const wait = outlet.room()
      if (wait) await wait
      else outlet.touch()
    }
    return { count, done: false }
  }

  /** Stops the statement behind it. */
  async close(): Promise<void> {
    await this.#batches.return?.()
  }

  /** To the next batch that has rows; false at the end. */
  async #advance(): Promise<boolean> {
    for (;;) {
      const next = await this.#batches.next()
      if (next.done) return false
      const batch = expandWeights(next.value)
      if (batch.rowCount === 0) continue
      this.#write = this.#bind(batch)
      this.#row = 0
      this.#rowCount = batch.rowCount
      return true
    }
  }
}

/** A row of weight n is n rows to a client. A result takes nothing back: changes carry their sign in a column. */
function expandWeights(batch: Batch): Batch {
  const { weights, rowCount } = batch
  if (!weights) return batch
  let total = 0
  for (let i = 0; i < rowCount; i++) {
    assert(weights[i] >= 0, 'a result row has a weight of 0 or more')
    total += weights[i]
  }
  const rows = new Int32Array(total)
  let at = 0
  for (let i = 0; i < rowCount; i++) for (let n = weights[i]; n > 0; n--) rows[at++] = i
  return takeRows(batch, rows, total)
}
