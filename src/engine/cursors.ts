import type { Fetch } from '../../grammar/commands.ts'
import type { Clock } from '../base/clock.ts'
import { EngineError, notSupported } from '../base/errors.ts'
import { durationMs } from '../base/option-parsers.ts'
import { type Batch, sliceBatch } from '../batch/batch.ts'
import type { Schema } from '../batch/types.ts'

interface Cursor {
  readonly schema: Schema
  readonly batches: AsyncIterator<Batch>
  /** Lives: a FETCH must not wait for ever. */
  readonly endless: boolean
  /** Ends the work behind it, also while a batch is awaited. */
  readonly end: AbortController
  rest: Batch | undefined
  /** Asked for and not yet answered. */
  next: Promise<IteratorResult<Batch>> | undefined
}

/** Cursors of one session. Forward only; over SUBSCRIBE a FETCH answers what is there, waiting at most its timeout for a first row. */
export class Cursors {
  #cursors = new Map<string, Cursor>()

  declare(name: string, schema: Schema, batches: AsyncIterable<Batch>, how: Pick<Cursor, 'endless' | 'end'>): void {
    if (this.#cursors.has(name)) throw new EngineError('42P03', `cursor "${name}" already exists`)
    this.#cursors.set(name, {
      schema,
      batches: batches[Symbol.asyncIterator](),
      ...how,
      rest: undefined,
      next: undefined,
    })
  }

  schema(name: string): Schema {
    return this.#get(name).schema
  }

  /** `count` undefined: all that is there. */
  async *fetch(statement: Fetch, clock: Clock): AsyncGenerator<Batch, void, undefined> {
    const cursor = this.#get(statement.cursor)
    if (statement.direction !== 'forward' || (statement.count ?? 0) < 0) {
      throw new EngineError('55000', 'cursor can only scan forward', { hint: 'FETCH FORWARD n' })
    }
    const timeout = statement.options.find(o => o.name === 'timeout')
    if (statement.options.some(o => o !== timeout)) throw notSupported('this option of FETCH', statement.at + 1)
    const waitMs = cursor.endless ? (timeout ? durationMs('timeout')(timeout.value) : 1000) : undefined
    let left = statement.count ?? Number.POSITIVE_INFINITY
    let first = true
    while (left > 0) {
      const batch = cursor.rest ?? (await advance(cursor, waitMs === undefined ? undefined : first ? waitMs : 0, clock))
      first = false
      if (batch === undefined) return
      const taken = Math.min(left, batch.rowCount)
      cursor.rest = taken < batch.rowCount ? sliceBatch(batch, taken, batch.rowCount) : undefined
      left -= taken
      yield sliceBatch(batch, 0, taken)
    }
  }

  close(name: string): void {
    const { batches, end } = this.#get(name)
    end.abort()
    void batches.return?.()
    this.#cursors.delete(name)
  }

  closeAll(): void {
    for (const name of [...this.#cursors.keys()]) this.close(name)
  }

  #get(name: string): Cursor {
    const cursor = this.#cursors.get(name)
    if (!cursor) throw new EngineError('34000', `cursor "${name}" does not exist`)
    return cursor
  }
}

/** The next batch; undefined at the end, or when none came within `waitMs`, which leaves it for the next call. */
async function advance(cursor: Cursor, waitMs: number | undefined, clock: Clock): Promise<Batch | undefined> {
  cursor.next ??= cursor.batches.next()
  const done = new AbortController()
  const answer =
    waitMs === undefined ? await cursor.next : await Promise.race([cursor.next, clock.sleep(waitMs, done.signal)])
  done.abort()
  if (answer === undefined) return undefined
  cursor.next = undefined
  return answer.done ? undefined : answer.value
}
