import { Worker } from 'node:worker_threads'
import fc from 'fast-check'
import { expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import type { LogRecord, RecordBlock } from '../../src/log/block.ts'
import { type Log, openLog } from '../../src/log/log.ts'
import type { Topic } from '../../src/log/topics.ts'
import { temporaryFolder } from '../support/temporary.ts'

const clock = systemClock

function freshLog(dataDir = temporaryFolder()): Log {
  const log = openLog(dataDir)
  onTestFinished(() => log.close())
  return log
}

function record(key: string | null, value: string | null, timestampMs = 0): LogRecord {
  return { key: key === null ? null : Buffer.from(key), value: value === null ? null : Buffer.from(value), timestampMs }
}

function texts(block: RecordBlock): string[] {
  return Array.from({ length: block.count }, (_, i) => {
    const { offset, key, value, timestampMs } = block.recordAt(i)
    return `${offset}@${timestampMs} ${key && Buffer.from(key)}=${value && Buffer.from(value)}`
  })
}

function readAll(log: Log, topic: Topic, partition: number, bytesMax = 1 << 20): string[] {
  const all: string[] = []
  for (let offset = 0; ; ) {
    const block = log.read(topic, partition, offset, bytesMax)
    if (block.count === 0) return all
    all.push(...texts(block))
    offset = block.nextOffset
  }
}

test('records come back with offsets, timestamps, keys, nulls and headers, also after closing', async () => {
  const dataDir = temporaryFolder()
  const first = openLog(dataDir)
  const topic = await first.createTopic('t', { partitions: 1 }, clock)
  const headers = [
    { key: 'trace', value: Buffer.from('ünï') },
    { key: 'none', value: null },
  ]
  await first.append(topic, 0, [record('k', 'v', 5), { ...record(null, 'w', 6), headers }])
  expect(await first.append(topic, 0, [record('k', null, 7), record('', '', 8)])).toEqual([
    { partition: 0, offset: 2 },
    { partition: 0, offset: 3 },
  ])
  await first.close()
  const log = freshLog(dataDir)
  const block = log.read(log.topic('t'), 0, 0, 1 << 20)
  expect(texts(block)).toEqual(['0@5 k=v', '1@6 null=w', '2@7 k=null', '3@8 ='])
  expect(block.headersAt(0)).toEqual([])
  expect(block.headersAt(1)).toEqual([
    { key: 'trace', value: new Uint8Array(headers[0].value ?? []) },
    { key: 'none', value: null },
  ])
  expect(block.nextOffset).toBe(4)
  expect(log.describe(log.topic('t'))).toMatchObject([{ partition: 0, first: 0, next: 4 }])
})

test('any split of appends and any read size give the same records from any offset', async () => {
  const log = freshLog()
  let name = 0
  const sizes = fc.array(fc.array(fc.nat({ max: 3000 }), { minLength: 1, maxLength: 8 }), {
    minLength: 1,
    maxLength: 12,
  })
  await fc.assert(
    fc.asyncProperty(sizes, fc.nat({ max: 10_000 }), fc.nat({ max: 40 }), async (appends, bytesMax, start) => {
      const topic = await log.createTopic(`t${name++}`, { partitions: 1 }, clock)
      const expected: string[] = []
      for (const append of appends) {
        const records = append.map(size => record(size % 3 === 0 ? null : `k${size}`, 'x'.repeat(size), size))
        for (const r of records)
          expected.push(`${expected.length}@${r.timestampMs} ${r.key && Buffer.from(r.key)}=${r.value}`)
        await log.append(topic, undefined, records)
      }
      expect(readAll(log, topic, 0, bytesMax)).toEqual(expected)
      expect(texts(log.read(topic, 0, start, 1 << 24))).toEqual(expected.slice(start))
    }),
    { numRuns: 25 },
  )
})

test('a key stays in its partition; records without one go round', async () => {
  const log = freshLog()
  const topic = await log.createTopic('t', { partitions: 4 }, clock)
  const places = await log.append(topic, undefined, [record('foobar', 'a'), record('21', 'b'), record('foobar', 'c')])
  // Kafka's toPositive(murmur2(key)) % 4.
  const foobar = (-790332482 & 0x7fffffff) % 4
  const twentyOne = (-973932308 & 0x7fffffff) % 4
  expect(places.map(p => p.partition)).toEqual([foobar, twentyOne, foobar])
  const turns = []
  for (let i = 0; i < 4; i++) turns.push((await log.append(topic, undefined, [record(null, 'x')]))[0].partition)
  expect(new Set(turns).size).toBe(4)
})

test('an atomic append with a marker happens once', async () => {
  const log = freshLog()
  const a = await log.createTopic('a', { partitions: 1 }, clock)
  const b = await log.createTopic('b', { partitions: 1 }, clock)
  const append = (epoch: number): Promise<boolean> =>
    log.appendAtomically(
      [
        { topic: a, partition: 0, records: [record(null, `a${epoch}`)] },
        { topic: b, partition: 0, records: [record(null, `b${epoch}`)] },
      ],
      { sink: 's', epoch },
    )
  expect([await append(1), await append(2), await append(2), await append(1)]).toEqual([true, true, false, false])
  expect(log.markedEpoch('s')).toBe(2)
  expect(readAll(log, a, 0)).toEqual(['0@0 null=a1', '1@0 null=a2'])
  expect(readAll(log, b, 0)).toEqual(['0@0 null=b1', '1@0 null=b2'])
  await log.dropTopic('b')
  await expect(append(3)).rejects.toThrow('was dropped')
  expect(readAll(log, a, 0)).toHaveLength(2)
})

test('a refused record names the limit and leaves nothing behind', async () => {
  const log = freshLog()
  const topic = await log.createTopic('t', { partitions: 1, recordBytesMax: 10 }, clock)
  expect(() => log.append(topic, 0, [record('k', 'fits'), record('key', '12345678')])).toThrow('11 bytes')
  expect(() => log.append(topic, 1, [record('k', 'v')])).toThrow('no partition 1')
  expect(readAll(log, topic, 0)).toEqual([])
})

test('topics are created, listed, altered, dropped and made anew', async () => {
  const log = freshLog()
  const old = await log.createTopic('sensors', { partitions: 2 }, clock)
  await log.createTopic('"odd" Näme/#', { partitions: 1, cleanup: 'compact' }, clock)
  expect(log.topics().map(t => t.name)).toEqual(['"odd" Näme/#', 'sensors'])
  await expect(log.createTopic('sensors', {}, clock)).rejects.toMatchObject({ sqlState: '42P07' })
  await log.append(
    old,
    0,
    Array.from({ length: 3000 }, () => record(null, 'x'.repeat(1000))),
  )
  await log.dropTopic('sensors')
  expect(() => log.topic('sensor')).toThrow('there is no embedded topic "sensor"')
  expect(() => log.read(old, 0, 0, 1000)).toThrow('was dropped')
  const made = await log.createTopic('sensors', { partitions: 1 }, clock)
  expect(readAll(log, made, 0)).toEqual([])
  const wider = await log.alterTopic('sensors', { partitions: 3 })
  expect(log.describe(wider).map(p => p.next)).toEqual([0, 0, 0])
  await expect(log.alterTopic('sensors', { partitions: 1 })).rejects.toMatchObject({ sqlState: '22023' })
})

test('an offset is found by timestamp', async () => {
  const log = freshLog()
  const topic = await log.createTopic('t', {}, clock)
  for (const times of [[10, 20, 30], [25, 40], [50]]) {
    // Large values, so that each append is a block of its own.
    await log.append(
      topic,
      0,
      times.map(t => record(null, 'x'.repeat(2000), t)),
    )
  }
  const at = (ms: number): number => log.offsetForTimestamp(topic, 0, ms)
  expect([0, 10, 11, 30, 31, 41, 51].map(at)).toEqual([0, 0, 1, 2, 4, 5, 6])
})

test('a listener hears of appends from its own thread and from another one, and sees the records', async () => {
  const dataDir = temporaryFolder()
  const log = freshLog(dataDir)
  const topic = await log.createTopic('t', {}, clock)
  const waitFor = (count: number): Promise<void> =>
    new Promise(resolve => {
      const stop = log.listen(topic, () => {
        if (log.describe(topic)[0].next < count) return
        stop()
        resolve()
      })
    })
  const own = waitFor(1)
  await log.append(topic, 0, [record(null, 'main')])
  await own
  const other = waitFor(2)
  const script = `
    const { workerData } = require('node:worker_threads')
    import(workerData.module).then(async ({ openLog }) => {
      const log = openLog(workerData.dataDir)
      await log.append(log.topic('t'), 0, [{ value: Buffer.from('worker'), timestampMs: 1 }])
      await log.close()
    })`
  const module = new URL('../../src/log/log.ts', import.meta.url).href
  const worker = new Worker(script, { eval: true, workerData: { module, dataDir } })
  onTestFinished(async () => void (await worker.terminate()))
  await other
  expect(readAll(log, topic, 0)).toEqual(['0@0 null=main', '1@1 null=worker'])
})
