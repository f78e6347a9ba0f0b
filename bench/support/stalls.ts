/**
 * Preloaded into every thread of a process that is measured (`--import`): appends to the file named by STALLS when the thread collected
 * garbage or did not come back to its event loop for a while. A line is `what thread start end`, milliseconds since 1970.
 */
import { appendFileSync } from 'node:fs'
import { PerformanceObserver } from 'node:perf_hooks'
import { threadId } from 'node:worker_threads'

/** Shorter ones make no tail. */
const STALL_MS = 5
const file = process.env.STALLS
if (file !== undefined) {
  const note = (what: string, start: number, end: number): void => {
    if (end - start < STALL_MS) return
    appendFileSync(file, `${what} ${threadId} ${performance.timeOrigin + start} ${performance.timeOrigin + end}\n`)
  }
  new PerformanceObserver(list => {
    for (const { startTime, duration } of list.getEntries()) note('gc', startTime, startTime + duration)
  }).observe({ entryTypes: ['gc'] })
  let last = performance.now()
  setInterval(() => {
    const now = performance.now()
    note('stall', last, now)
    last = now
  }, 1).unref()
}
