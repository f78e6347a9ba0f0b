import type { Clock } from './clock.ts'

/** Without a reason `abort` makes an exception with a stack, also when it was aborted before: 5 µs for each message that rings. */
const RUNG = 'rung'

/** Lets one waiter sleep until something happens. Ringing while nobody waits does nothing: look first, then wait. */
export class Bell {
  readonly #clock: Clock
  #nap: AbortController | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  ring(): void {
    const nap = this.#nap
    this.#nap = undefined
    nap?.abort(RUNG)
  }

  /** Until it rings, the signal aborts, or `ms` have passed. */
  async wait(ms: number, signal?: AbortSignal): Promise<void> {
    const nap = new AbortController()
    const wake = (): void => nap.abort(RUNG)
    this.#nap = nap
    if (signal?.aborted) wake()
    signal?.addEventListener('abort', wake, { once: true })
    await this.#clock.sleep(ms, nap.signal)
    signal?.removeEventListener('abort', wake)
    this.#nap = undefined
  }
}
