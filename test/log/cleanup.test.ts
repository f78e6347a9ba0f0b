import fc from 'fast-check'
import { expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import type { LogRecord } from '../../src/log/block.ts'
import { type Log, openLog } from '../../src/log/log.ts'
import type { Topic } from '../../src/log/topics.ts'
import { temporaryFolder } from '../support/temporary.ts'

const DAY_MS = 86_400_000

function freshLog(): Log {
  const log = openLog(temporaryFolder())
  onTestFinished(() => log.close())
  return log
}

function readAll(log: Log, topic: Topic, bytesMax = 1 << 20): string[] {
  const all: string[] = []
  for (let offset = 0; ; ) {
    const block = log.read(topic, 0, offset, bytesMax)
    for (let i = 0; i < block.count; i++) {
      const { offset: at, key, value } = block.recordAt(i)
      all.push(`${at} ${key && Buffer.from(key)}=${value && Buffer.from(value).toString().slice(0, 8)}`)
    }
    if (block.count === 0) return all
    offset = block.nextOffset
  }
}

/** Large enough to be a block of its own. */
const record = (timestampMs: number): LogRecord => ({ value: Buffer.alloc(5000, 'x'), timestampMs })

test('records go by age, block by block, and reading begins at what is left', async () => {
  const log = freshLog()
  const topic = await log.createTopic('t', { retentionMs: 1000 }, systemClock)
  for (const ms of [100, 200, 300]) await log.append(topic, 0, [record(ms)])
  await log.maintain(1150)
  expect(log.describe(topic)).toMatchObject([{ first: 1, next: 3 }])
  expect(readAll(log, topic).map(t => t.slice(0, 2))).toEqual(['1 ', '2 '])
  await log.maintain(5000)
  expect(log.describe(topic)).toMatchObject([{ first: 3, next: 3, bytes: 0 }])
  expect(await log.append(topic, 0, [record(6000)])).toEqual([{ partition: 0, offset: 3 }])
  expect(readAll(log, topic)).toHaveLength(1)
})

test('records before an offset go at once, their blocks when the last of each has gone', async () => {
  const log = freshLog()
  const topic = await log.createTopic('t', {}, systemClock)
  const small = (text: string): LogRecord => ({ value: Buffer.from(text), timestampMs: 1 })
  await log.append(topic, 0, ['a', 'b', 'c'].map(small))
  await log.append(topic, 0, [record(2), record(3)])
  await log.removeBefore(topic, 0, 1)
  expect(readAll(log, topic).map(t => t.slice(0, 1))).toEqual(['1', '2', '3', '4'])
  await log.removeBefore(topic, 0, 4)
  await log.removeBefore(topic, 0, 2)
  expect(log.describe(topic)).toMatchObject([{ first: 4, next: 5 }])
  expect(readAll(log, topic)).toHaveLength(1)
  await log.append(topic, 0, [small('d')])
  await log.removeBefore(topic, 0, 99)
  expect(log.describe(topic)).toMatchObject([{ first: 6, next: 6, bytes: 0 }])
  expect(await log.append(topic, 0, [small('e')])).toEqual([{ partition: 0, offset: 6 }])
  expect(readAll(log, topic)).toEqual(['6 null=e'])
})

test('records go by size, also very many at once', async () => {
  const log = freshLog()
  const topic = await log.createTopic('t', { retentionBytes: 20_000 }, systemClock)
  await log.append(
    topic,
    0,
    Array.from({ length: 300 }, (_, i) => ({ value: Buffer.alloc(130_000), timestampMs: i })),
  )
  await log.append(topic, 0, [record(1), record(2)])
  await log.maintain(0)
  const [{ first, next, bytes }] = log.describe(topic)
  expect([first, next]).toEqual([300, 302])
  expect(bytes).toBeLessThanOrEqual(20_000)
})

test('compaction keeps the newest of each key, at its offset, and drops old deletions', async () => {
  const log = freshLog()
  const topic = await log.createTopic('t', { cleanup: 'compact' }, systemClock)
  const put = (key: string, value: string | null, timestampMs = DAY_MS): Promise<unknown> =>
    log.append(topic, 0, [{ key: Buffer.from(key), value: value === null ? null : Buffer.from(value), timestampMs }])
  await put('a', '1')
  await put('b', '1')
  await put('a', '2')
  await put('c', null, 0)
  await put('b', null, DAY_MS)
  await log.compact(topic, DAY_MS + 1)
  expect(readAll(log, topic)).toEqual(['2 a=2', '4 b=null'])
  expect(readAll(log, topic, 1)).toEqual(['2 a=2', '4 b=null'])
  await put('d', '5')
  await log.compact(topic, 3 * DAY_MS)
  expect(readAll(log, topic)).toEqual(['2 a=2', '5 d=5'])
  expect(log.describe(topic)[0].next).toBe(6)
  await expect(async () => log.append(topic, 0, [{ value: Buffer.of(1), timestampMs: 0 }])).rejects.toThrow(
    'need a key',
  )
})

test('a compaction in rounds of few keys leaves the same as one of all', async () => {
  const log = freshLog()
  const topic = await log.createTopic('t', { cleanup: 'compact' }, systemClock)
  // Of two megabytes at least each: a round ends there, when it has its keys.
  const fill = (count: number, keys: number, text: string): Promise<unknown> => {
    const value = Buffer.alloc(100_000, text)
    const records = Array.from({ length: count }, (_, i) => ({ key: Buffer.of(i % keys), value, timestampMs: 0 }))
    return log.append(topic, 0, records)
  }
  const offsetsAndKeys = (): [number, number | undefined][] => {
    const block = log.read(topic, 0, 0, 1e9)
    return Array.from({ length: block.count }, (_, i) => [block.offsets[i], block.recordAt(i).key?.[0]])
  }
  await fill(100, 30, 'a')
  await log.compact(topic, 0, 1)
  const newest = Array.from({ length: 30 }, (_, i) => [70 + i, (70 + i) % 30])
  expect(offsetsAndKeys()).toEqual(newest)
  await fill(50, 5, 'b')
  await log.append(topic, 0, [{ key: Buffer.of(20), value: null, timestampMs: 0 }])
  await log.compact(topic, 2 * DAY_MS, 1)
  const old = newest.filter(([, key]) => key >= 5 && key !== 20)
  expect(offsetsAndKeys()).toEqual([...old, [145, 0], [146, 1], [147, 2], [148, 3], [149, 4]])
})

test('after any appends and compactions, the table a reader builds is the same', async () => {
  const log = freshLog()
  let count = 0
  const step = fc.oneof(
    {
      weight: 5,
      arbitrary: fc.array(fc.tuple(fc.nat({ max: 5 }), fc.option(fc.nat({ max: 9000 }))), {
        minLength: 1,
        maxLength: 20,
      }),
    },
    { weight: 1, arbitrary: fc.constant('compact' as const) },
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 12 }), async steps => {
      const topic = await log.createTopic(`t${count++}`, { cleanup: 'compact' }, systemClock)
      const table = new Map<number, number>()
      for (const one of steps) {
        if (one === 'compact') {
          await log.compact(topic, 0)
          continue
        }
        for (const [key, size] of one) {
          if (size === null) table.delete(key)
          else table.set(key, size)
        }
        const records = one.map(([key, size]) => ({
          key: Buffer.of(key),
          value: size === null ? null : Buffer.alloc(size),
          timestampMs: 0,
        }))
        await log.append(topic, 0, records)
      }
      const built = new Map<number, number>()
      let last = -1
      for (let offset = 0; ; ) {
        const block = log.read(topic, 0, offset, 1)
        for (let i = 0; i < block.count; i++) {
          const { offset: at, key, value } = block.recordAt(i)
          expect(at).toBeGreaterThan(last)
          last = at
          if (value) built.set(key?.[0] ?? -1, value.length)
          else built.delete(key?.[0] ?? -1)
        }
        if (block.count === 0) break
        offset = block.nextOffset
      }
      expect(new Map([...built].sort())).toEqual(new Map([...table].sort()))
      const total = [...table.values()].reduce((a, b) => a + b, 0)
      if (steps.at(-1) === 'compact') expect(log.describe(topic)[0].bytes).toBeLessThan(total + 2000)
    }),
    { numRuns: 30 },
  )
})

test('maintenance compacts only what has grown', async () => {
  const log = freshLog()
  const topic = await log.createTopic('t', { cleanup: 'compact' }, systemClock)
  const update = (i: number): LogRecord => ({
    key: Buffer.from('k'),
    value: Buffer.alloc(1000, String(i)),
    timestampMs: i,
  })
  for (let i = 0; i < 10; i++) await log.append(topic, 0, [update(i)])
  await log.maintain(0)
  expect(readAll(log, topic)).toHaveLength(10)
  await log.append(
    topic,
    0,
    Array.from({ length: 100 }, (_, i) => update(i)),
  )
  await log.maintain(0)
  expect(readAll(log, topic)).toHaveLength(1)
})
