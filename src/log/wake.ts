import type { Clock } from '../base/clock.ts'

/**
 * Lets a reader wait for news without missing any: clear, look, and if there is nothing, wait. What is raised after `clear`
 * ends the wait at once, even if it came before `wait` was called.
 */
export class Wake {
  #raised = false
  #release: () => void = () => {}

  readonly raise = (): void => {
    this.#raised = true
    this.#release()
  }

  clear(): void {
    this.#raised = false
  }

  /** Until raised, or the signal aborts, or `ms` are over. */
  async wait(ms: number, clock: Clock, signal: AbortSignal): Promise<void> {
    if (this.#raised) return
    const end = new AbortController()
    this.#release = () => end.abort()
    signal.addEventListener('abort', this.#release, { once: true })
    if (signal.aborted) end.abort()
    await clock.sleep(ms, end.signal)
    signal.removeEventListener('abort', this.#release)
    this.#release = () => {}
  }
}
