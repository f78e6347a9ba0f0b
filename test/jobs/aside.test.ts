import { expect, test } from 'vitest'
import type { Clock } from '../../src/base/clock.ts'
import { Aside, type AsideRow } from '../../src/jobs/aside.ts'

/** A store that takes a second to write, and remembers. */
function slowStore() {
  let nowMs = 0
  const clock: Clock = { nowMs: () => nowMs, monotonicMs: () => nowMs, sleep: async () => {} }
  const written: { number: number; row: AsideRow }[][] = []
  const store = {
    async put(_: string, rows: readonly { readonly number: number; readonly row: AsideRow }[]): Promise<void> {
      written.push([...rows])
      nowMs += 1000
    },
  }
  const wait = (ms: number): void => {
    nowMs += ms
  }
  return { aside: new Aside('job', store, clock, () => ''), written, wait }
}

const bad = (count: number, bytes: number) =>
  Array.from({ length: count }, (_, offset) => ({ partition: '0', offset, reason: 'bad', raw: new Uint8Array(bytes) }))

test('a flood of bad rows is written seldom, the newest of it, and counted whole', async () => {
  const { aside, written, wait } = slowStore()
  aside.records(bad(1, 10), true)
  await aside.flushWhenDue()
  aside.records(bad(1000, 10), true)
  await aside.flushWhenDue()
  expect(written.length).toBe(2)
  for (let i = 0; i < 20; i++) {
    aside.records(bad(5000, 10), true)
    wait(100)
    await aside.flushWhenDue()
  }
  expect(written.length).toBe(2)
  wait(7000)
  await aside.flushWhenDue()
  expect(aside.badCount).toBe(101_001)
  expect(written[2].length).toBeGreaterThanOrEqual(10_000)
  expect(written[2].length).toBeLessThanOrEqual(20_000)
  expect(written[2].at(-1)?.number).toBe(101_000)
})

test('long records are cut, and what waits is bounded in bytes', async () => {
  const { aside, written } = slowStore()
  aside.records(bad(5000, 1_000_000 / 10), true)
  await aside.flush()
  const bytes = written[0].reduce((sum, { row }) => sum + row.raw.length, 0)
  expect(written[0].at(-1)).toMatchObject({ number: 4999 })
  expect(written[0][0].row.raw.length).toBe(16 * 1024)
  expect(bytes).toBeLessThanOrEqual(8 * 1024 * 1024)
  await aside.flush()
  expect(written.length).toBe(1)
})
