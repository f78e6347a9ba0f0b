import type { Clock } from '../base/clock.ts'
import type { Polled, Source } from '../connector.ts'

/** Polls after which messages and sockets are let in: resolved promises alone never do. */
const POLLS_A_TURN = 4

/**
 * Polls one source until it has ended or the signal aborts: its rows go to `onPolled`, which is awaited, so the dataflow's pace is the
 * source's. Throws what the source or `onPolled` throws.
 */
export async function pump(options: {
  readonly source: Source
  readonly rowsMax: number
  readonly clock: Clock
  readonly signal: AbortSignal
  /** Ends the poll under way; another one after each pause. */
  readonly polling: () => AbortSignal
  /** Resolves when reading goes on; undefined while it does. */
  readonly paused: () => Promise<void> | undefined
  readonly onPolled: (polled: Polled) => Promise<void>
  readonly onIdle: () => void
}): Promise<void> {
  const { source, rowsMax, clock, signal, polling, paused, onPolled, onIdle } = options
  const aborted = new Promise<void>(resolve => signal.addEventListener('abort', () => resolve(), { once: true }))
  let polls = 0
  while (!signal.aborted) {
    const pause = paused()
    if (pause) await Promise.race([pause, aborted])
    if (signal.aborted) return
    const polled = await source.poll(rowsMax, polling())
    if (signal.aborted) return
    if (polled.kind === 'idle') {
      onIdle()
      await clock.sleep(0, signal) // one that answers at once must not keep others from their turn
      continue
    }
    await onPolled(polled)
    if (polled.kind === 'end') return
    if (++polls % POLLS_A_TURN === 0) await clock.sleep(0)
  }
}
