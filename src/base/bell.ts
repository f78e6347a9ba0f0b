import type { Clock } from './clock.ts'

/** Lets one waiter sleep until something happens. Ringing while nobody waits does nothing: look first, then wait. */
export class Bell {
  readonly #clock: Clock
  #nap: AbortController | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  ring(): void {
    this.#nap?.abort()
  }

  /** Until it rings, the signal aborts, or `ms` have passed. */
  async wait(ms: number, signal?: AbortSignal): Promise<void> {
    const nap = new AbortController()
    const wake = (): void => nap.abort()
    this.#nap = nap
    if (signal?.aborted) wake()
    signal?.addEventListener('abort', wake, { once: true })
    await this.#clock.sleep(ms, nap.signal)
    signal?.removeEventListener('abort', wake)
    this.#nap = undefined
  }
}
