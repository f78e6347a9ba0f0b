import fc from 'fast-check'
import { expect, test } from 'vitest'
import { SourceWatermarks } from '../../src/dataflow/watermarks.ts'

const GRID_MICROS = 60_000

/** What came: to which partition, how long after the one before, with which time. */
const event = fc.record({
  partition: fc.constantFrom('0', '1', '2'),
  afterMs: fc.nat(400),
  micros: fc.nat(1_000_000),
})

// The law of `nextMs`: whoever looks only then sees every window close at the same millisecond as one who looks all the time.
test('between two times that it names, the watermark closes nothing', () => {
  const options = { delayMicros: 5000, idleTimeoutMs: 90, maxFutureMicros: Number.POSITIVE_INFINITY }
  fc.assert(
    fc.property(fc.array(event, { maxLength: 8 }), events => {
      const [always, seldom] = [new SourceWatermarks(options), new SourceWatermarks(options)]
      const closed = (watermarks: SourceWatermarks): number => Math.floor(watermarks.current / GRID_MICROS)
      for (const each of [always, seldom]) each.setPartitions(['0', '1', '2'], 0)
      let nowMs = 0
      for (const { partition, afterMs, micros } of [...events, { partition: '0', afterMs: 400, micros: 0 }]) {
        const untilMs = nowMs + afterMs
        let dueMs = seldom.nextMs(nowMs, GRID_MICROS)
        for (; nowMs < untilMs; nowMs++) {
          always.tick(nowMs)
          if (nowMs >= dueMs) {
            seldom.tick(nowMs)
            dueMs = seldom.nextMs(nowMs, GRID_MICROS)
            expect(dueMs).toBeGreaterThan(nowMs)
          }
          expect(closed(seldom)).toBe(closed(always))
        }
        for (const each of [always, seldom]) each.observe(partition, micros, nowMs)
      }
    }),
  )
})

test('a source that never had a row, or behind which there are no windows, needs no look', () => {
  const watermarks = new SourceWatermarks({ delayMicros: 0, idleTimeoutMs: 100, maxFutureMicros: 0 })
  watermarks.setPartitions(['0'], 0)
  expect(watermarks.nextMs(0, GRID_MICROS)).toBe(100)
  expect(watermarks.nextMs(100, GRID_MICROS)).toBe(Number.POSITIVE_INFINITY)
  watermarks.observe('0', 10_000, 100)
  expect(watermarks.nextMs(200, GRID_MICROS)).toBe(210)
  expect(watermarks.nextMs(200, Number.POSITIVE_INFINITY)).toBe(Number.POSITIVE_INFINITY)
})
