import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { KafkaBroker, kafkaMissing } from '../../support/kafka.ts'
import { createSink, createSource, pairs, type Row, readAll, readUntil, values } from './play.ts'

const missing = kafkaMissing()
let broker: KafkaBroker

beforeAll(async () => {
  if (!missing) broker = await KafkaBroker.start()
})
afterAll(() => broker?.stop())

const numbers = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, i) => String(from + i))
const padded = (n: string): string => `${n} ${'x'.repeat(100)}`

describe.skipIf(missing)('a broker killed and started again', () => {
  test('in mid-read and mid-write: nothing lost, nothing twice, committed or not', async () => {
    const options = { brokers: broker.address, topic: 'killed', partitions: '3', compression: 'lz4' }
    const sink = createSink(options, { job: 'killed' })
    await sink.open(undefined)
    const source = createSource({ brokers: broker.address, topic: 'killed' })
    await source.open(undefined)
    const total = 60_000
    const write = async (): Promise<void> => {
      for (let i = 0, checkpoint = 1; i < total; i += 2000) {
        await sink.write(pairs(numbers(i, i + 2000).map(n => [n, padded(n)])))
        if (i % 6000 !== 4000) continue
        const prepared = await sink.prepare(checkpoint++)
        await sink.commit(prepared!)
      }
    }
    const seen: Row[] = []
    const read = async (): Promise<void> => {
      while (seen.length < total) seen.push(...(await readUntil(source, rows => rows.length > 0, 1000)))
    }
    const disturb = async (): Promise<void> => {
      await expect.poll(() => seen.length, { timeout: 30_000 }).toBeGreaterThan(10_000)
      await broker.kill()
      await broker.restart()
    }
    const idempotent = { brokers: broker.address, topic: 'idempotent', partitions: '2', delivery: 'at_least_once' }
    const other = createSink(idempotent, { job: 'idempotent' })
    await other.open(undefined)
    let killed = false
    let otherCount = 0
    const writeUntilAfter = async (): Promise<void> => {
      while (!killed || otherCount % 50_000 !== 0) {
        await other.write(pairs(numbers(otherCount, otherCount + 500).map(n => [null, padded(n)])))
        otherCount += 500
        await new Promise(setImmediate)
      }
      await other.prepare(1)
    }
    await Promise.all([write(), read(), disturb().then(() => (killed = true)), writeUntilAfter()])
    const others = await readAll({ brokers: broker.address, topic: 'idempotent' }, undefined, 10_000)
    expect(others.map(r => Number(r.value?.split(' ')[0])).sort((a, b) => a - b)).toEqual(
      numbers(0, otherCount).map(Number),
    )
    await other.close()
    expect(seen.map(r => Number(r.key)).sort((a, b) => a - b)).toEqual(numbers(0, total).map(Number))
    expect(seen.every(r => r.value === padded(r.key ?? ''))).toBe(true)
    expect(await readAll({ brokers: broker.address, topic: 'killed' })).toHaveLength(total)
    await source.close()
    await sink.close()
  })

  test('between prepare and commit: the commit goes through', async () => {
    const options = { brokers: broker.address, topic: 'between', partitions: '1' }
    const sink = createSink(options, { job: 'between' })
    await sink.open(undefined)
    await sink.write(pairs([[null, 'prepared']]))
    const prepared = await sink.prepare(1)
    await broker.kill()
    await Promise.all([broker.restart(), sink.commit(prepared!)])
    await sink.write(pairs([[null, 'next']]))
    await sink.commit((await sink.prepare(2))!)
    await expect.poll(async () => values(await readAll(options))).toEqual(['prepared', 'next'])
    await sink.close()
  })

  test('with the process, between prepare and commit: a new process commits what was prepared, and nothing else', async () => {
    const options = (topic: string) => ({ brokers: broker.address, topic, partitions: '1' })
    const [kept, dropped] = ['both-kept', 'both-dropped'].map(topic => createSink(options(topic), { job: topic }))
    for (const sink of [kept, dropped]) {
      await sink.open(undefined)
      await sink.write(pairs([[null, 'prepared']]))
    }
    const prepared = JSON.parse(JSON.stringify(await kept.prepare(1)))
    // Prepared as well, but the process dies before the checkpoint is durable.
    await dropped.prepare(1)
    await broker.kill()
    await broker.restart()
    const heirs = ['both-kept', 'both-dropped'].map(topic => createSink(options(topic), { job: topic }))
    await heirs[0].open(prepared)
    await heirs[1].open(undefined)
    for (const heir of heirs) {
      await heir.write(pairs([[null, 'next']]))
      await heir.commit((await heir.prepare(2))!)
    }
    await expect
      .poll(async () => values(await readAll(options('both-kept'))), { timeout: 20_000 })
      .toEqual(['prepared', 'next'])
    await expect.poll(async () => values(await readAll(options('both-dropped'))), { timeout: 20_000 }).toEqual(['next'])
    for (const sink of [...heirs, kept, dropped]) await sink.close()
  })
})
