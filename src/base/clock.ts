/** The only door to ambient time and randomness: everything else is given a `Clock` or a seed. */

/** Wall and monotonic time, and waiting. Tests give one they move by hand. */
export interface Clock {
  /** Milliseconds since 1970-01-01 UTC, with fractions. */
  nowMs(): number
  /** Milliseconds from an arbitrary start; never goes back. For durations. */
  monotonicMs(): number
  /** Resolves after `ms`, or at once when the signal aborts. Never rejects. 0 lets pending input and messages in first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

/** The machine's clock. */
export const systemClock: Clock = {
  nowMs: () => performance.timeOrigin + performance.now(),
  monotonicMs: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise(resolve => {
      if (signal?.aborted) return resolve()
      const end = (): void => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', end)
        resolve()
      }
      if (ms <= 0) return void setImmediate(resolve)
      const timer = setTimeout(end, ms)
      signal?.addEventListener('abort', end, { once: true })
    }),
}

/** Bytes nobody can guess, for cancel keys and identifiers. */
export function randomBytes(count: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(count))
}

/** A seeded generator of numbers in [0, 1): the same seed gives the same sequence. PCG-like mix "mulberry32" by T. Ettinger. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}
