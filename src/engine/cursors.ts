import type { Fetch } from '../../grammar/commands.ts'
import { Bell } from '../base/bell.ts'
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
  /** Asked for and not yet taken. */
  next: NextBatch | undefined
}

interface NextBatch {
  /** Rings when it has come. */
  readonly bell: Bell
  /** Undefined until it has come. */
  result: PromiseSettledResult<IteratorResult<Batch>> | undefined
}

/** A wait without an end, for clocks that know none. */
const HOUR_MS = 3_600_000

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

  /** `count` undefined: all that is there. Throws the signal's reason while it waits, and then leaves the cursor where it was. */
  async *fetch(statement: Fetch, clock: Clock, signal: AbortSignal): AsyncGenerator<Batch, void, undefined> {
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
      const batch = cursor.rest ?? (await advance(cursor, first || waitMs === undefined ? waitMs : 0, clock, signal))
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
async function advance(
  cursor: Cursor,
  waitMs: number | undefined,
  clock: Clock,
  signal: AbortSignal,
): Promise<Batch | undefined> {
  cursor.next ??= askNext(cursor.batches, clock)
  const { next } = cursor
  do {
    if (!next.result) await next.bell.wait(waitMs ?? HOUR_MS, signal)
    // Whoever cancels a FETCH has not seen the batch: it is for the next one.
    signal.throwIfAborted()
  } while (!next.result && waitMs === undefined)
  if (!next.result) return undefined
  cursor.next = undefined
  if (next.result.status === 'rejected') throw next.result.reason
  return next.result.value.done ? undefined : next.result.value.value
}

function askNext(batches: AsyncIterator<Batch>, clock: Clock): NextBatch {
  const next: NextBatch = { bell: new Bell(clock), result: undefined }
  void Promise.allSettled([batches.next()]).then(([result]) => {
    next.result = result
    next.bell.ring()
  })
  return next
}
