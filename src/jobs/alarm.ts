import type { Clock } from '../base/clock.ts'

/**
 * Rings at the earliest time asked for. It sleeps until then, so a thousand idle dataflows cost nothing between two times; Node serves all
 * of a thread's sleepers by one timer. A sleeper whose time is no longer the earliest is left to wake up and find nothing to do.
 */
export class Alarm {
  readonly #clock: Clock
  readonly #signal: AbortSignal
  readonly #sleepMsMax: number
  readonly #ring: () => Promise<void>
  /** Of the sleeper that counts, monotonic. −Infinity while it rings: then `rearm` says what is next. */
  #atMs = Number.POSITIVE_INFINITY

  /**
   * `ring` ends by `rearm`, in whatever makes it exclusive, so that no time asked for meanwhile is missed. `sleepMsMax`: it rings at the
   * latest after this long, because times that follow from the wall clock are wrong when that is set. Ends with the signal.
   */
  constructor(options: {
    readonly clock: Clock
    readonly signal: AbortSignal
    readonly sleepMsMax: number
    readonly ring: () => Promise<void>
  }) {
    this.#clock = options.clock
    this.#signal = options.signal
    this.#sleepMsMax = options.sleepMsMax
    this.#ring = options.ring
  }

  /** Rings at `atMs` of the monotonic clock, or earlier. */
  set(atMs: number): void {
    if (atMs >= this.#atMs) return
    const nowMs = this.#clock.monotonicMs()
    const nextMs = Math.min(Math.max(atMs, nowMs), nowMs + this.#sleepMsMax)
    if (nextMs >= this.#atMs) return
    this.#atMs = nextMs
    void this.#sleep(nextMs, nextMs - nowMs)
  }

  /** The last thing of a ring: the next is at `atMs`. */
  rearm(atMs: number): void {
    this.#atMs = Number.POSITIVE_INFINITY
    this.set(Math.min(atMs, this.#clock.monotonicMs() + this.#sleepMsMax))
  }

  async #sleep(untilMs: number, ms: number): Promise<void> {
    // What is due is done a millisecond later: a loop of alarms that ring at once would let nothing else in.
    await this.#clock.sleep(Math.max(1, ms), this.#signal)
    if (this.#signal.aborted || this.#atMs !== untilMs) return
    this.#atMs = Number.NEGATIVE_INFINITY
    await this.#ring()
  }
}
