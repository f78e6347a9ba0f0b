import type { Clock } from '../../src/base/clock.ts'

/** Whoever sleeps for less and again under one signal is a timer: its work is short, and it sleeps again. */
const TIMER_MS_MAX = 100

interface Sleeper {
  readonly untilMs: number
  /** Of a timer. */
  readonly signal: AbortSignal | undefined
  wake(): void
}

/**
 * A clock that only the test moves. Its two times move apart: `pass` lets timers run (checkpoints, polls that give up waiting) while
 * the wall stands still, so that how long a test really takes is never seen by what is under test.
 */
export class ManualClock implements Clock {
  wallMs: number
  #monotonicMs = 0
  #sleepers = new Set<Sleeper>()
  #seen = new WeakSet<AbortSignal>()
  /** Of timers that were woken and have not gone back to sleep: their work is under way. */
  #awake = new Set<AbortSignal>()

  constructor(wall: string) {
    this.wallMs = Date.parse(wall)
  }

  nowMs(): number {
    return this.wallMs
  }

  monotonicMs(): number {
    return this.#monotonicMs
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.resolve()
    if (ms <= 0) return new Promise(resolve => void setImmediate(resolve))
    if (signal) this.#awake.delete(signal)
    const timer = signal && ms < TIMER_MS_MAX && this.#seen.has(signal)
    if (signal) this.#seen.add(signal)
    return new Promise(resolve => {
      const end = (): void => {
        signal?.removeEventListener('abort', end)
        this.#sleepers.delete(sleeper)
        resolve()
      }
      const sleeper: Sleeper = { untilMs: this.#monotonicMs + ms, signal: timer ? signal : undefined, wake: end }
      this.#sleepers.add(sleeper)
      signal?.addEventListener('abort', end, { once: true })
    })
  }

  /** Lets timers run that sleep until then; the wall stands still. */
  pass(ms: number): void {
    this.#monotonicMs += ms
    const sleepers = [...this.#sleepers]
    const woken = sleepers.filter(sleeper => sleeper.untilMs <= this.#monotonicMs)
    const asleep = new Set(sleepers.filter(sleeper => !woken.includes(sleeper)).map(sleeper => sleeper.signal))
    for (const { signal, wake } of woken) {
      // Whoever still sleeps under the same signal has asked for an earlier time meanwhile, and does nothing at this one.
      if (signal && !asleep.has(signal)) this.#awake.add(signal)
      wake()
    }
  }

  /** True when every timer that `pass` woke sleeps again. */
  get asleep(): boolean {
    for (const signal of this.#awake) if (signal.aborted) this.#awake.delete(signal)
    return this.#awake.size === 0
  }
}

/** Lets everything that waits for input, messages and finished promises go on once. */
export function yieldTurn(): Promise<void> {
  return new Promise(resolve => void setImmediate(resolve))
}
