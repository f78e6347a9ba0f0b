import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { KafkaBroker, kafkaMissing } from '../../support/kafka.ts'
import { createSink, pairs, readAll, values } from './play.ts'

const missing = kafkaMissing()
let broker: KafkaBroker

beforeAll(async () => {
  if (!missing) broker = await KafkaBroker.start()
})
afterAll(() => broker?.stop())

const numbers = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, i) => String(from + i))
const unkeyed = (texts: readonly string[]) => pairs(texts.map(t => [null, t]))

describe.skipIf(missing)('a Kafka sink', () => {
  test('at least once in every codec: Java reads it, and so do we', async () => {
    const expected: string[] = []
    for (const codec of ['none', 'gzip', 'snappy', 'lz4', 'zstd']) {
      const options = { brokers: broker.address, topic: 'out', compression: codec, delivery: 'at_least_once' }
      const sink = createSink({ ...options, partitions: '1' })
      await sink.open(undefined)
      const lines = numbers(0, 5000).map(n => `${codec} ${n} ${'xyz'.repeat(Number(n) % 60)}`)
      for (let i = 0; i < lines.length; i += 1000) await sink.write(unkeyed(lines.slice(i, i + 1000)))
      expect(await sink.prepare(1)).toBeUndefined()
      await sink.close()
      expected.push(...lines)
    }
    expect(values(await readAll({ brokers: broker.address, topic: 'out' }))).toEqual(expected)
    expect(await broker.consume('out', { count: expected.length })).toEqual(expected)
  })

  test('keys choose the partitions that Java chooses', async () => {
    const keys = numbers(0, 400).map(n => `${'k'.repeat(Number(n) % 9)}${Number(n) * 7919}`)
    await broker.createTopic('java-keys', 7)
    await broker.produce(
      'java-keys',
      keys.map(key => `${key}:v`),
      { keyed: true },
    )
    const sink = createSink({ brokers: broker.address, topic: 'our-keys', delivery: 'at_least_once', partitions: '7' })
    await sink.open(undefined)
    await sink.write(pairs(keys.map(key => [key, 'v'])))
    await sink.prepare(1)
    await sink.close()
    const places = async (topic: string) => {
      const rows = await readAll({ brokers: broker.address, topic })
      return rows.map(row => `${row.key} in ${row.partition}`).sort()
    }
    expect(await places('our-keys')).toEqual(await places('java-keys'))
  })

  test('a row taken back is a null value', async () => {
    const options = { brokers: broker.address, topic: 'upserts', delivery: 'at_least_once', cleanup_policy: 'compact' }
    const sink = createSink(options)
    await sink.open(undefined)
    await sink.write(pairs([['a', '1'], ['b', '2'], ['a', null]])) // biome-ignore format: a row a pair
    await sink.prepare(1)
    await sink.close()
    const rows = await readAll({ brokers: broker.address, topic: 'upserts' })
    expect(rows.map(r => [r.key, r.value])).toEqual([['a', '1'], ['b', '2'], ['a', null]]) // biome-ignore format: a row a pair
  })

  test('a record larger than the topic takes is refused with a reason', async () => {
    await broker.createTopic('small', 1, { 'max.message.bytes': '2000' })
    const sink = createSink({ brokers: broker.address, topic: 'small', delivery: 'at_least_once' })
    await sink.open(undefined)
    await sink.write(unkeyed(['x'.repeat(3000)]))
    await expect(sink.prepare(1)).rejects.toMatchObject({
      sqlState: '54000',
      hint: expect.stringContaining('max.message.bytes'),
    })
    await sink.close()
  })
})

describe.skipIf(missing)('a Kafka sink, exactly once', () => {
  const visible = async (topic: string) => values(await readAll({ brokers: broker.address, topic }))
  const start = (topic: string) =>
    createSink({ brokers: broker.address, topic, partitions: '2' }, { job: `job-${topic}` })

  test('shows what is written with its commit, and not before', async () => {
    const sink = start('shown')
    await sink.open(undefined)
    expect(await sink.prepare(1)).toBeUndefined()
    for (let checkpoint = 2; checkpoint < 6; checkpoint++) {
      await sink.write(unkeyed([`of ${checkpoint}`]))
      const prepared = await sink.prepare(checkpoint)
      expect(prepared).toBeDefined()
      await sink.commit(JSON.parse(JSON.stringify(prepared)))
    }
    await sink.write(unkeyed(['never committed']))
    await sink.close()
    await expect.poll(async () => (await visible('shown')).sort()).toEqual(['of 2', 'of 3', 'of 4', 'of 5'])
  })

  test('a new process commits what the checkpoint holds, however often, and drops what came after', async () => {
    const first = start('crash')
    await first.open(undefined)
    await first.write(unkeyed(['one']))
    const one = await first.prepare(1)
    // The process dies before the commit: the checkpoint is durable, so the next one commits.
    const second = start('crash')
    await second.open(one)
    await second.write(unkeyed(['two']))
    const two = await second.prepare(2)
    await second.commit(two!)
    // Dies after the commit: committed again.
    const third = start('crash')
    await third.open(two)
    await third.write(unkeyed(['dropped: never prepared']))
    const fourth = start('crash')
    await fourth.open(two)
    await fourth.write(unkeyed(['dropped: prepared, but the checkpoint was never durable']))
    await fourth.prepare(3)
    const fifth = start('crash')
    await fifth.open(two)
    await fifth.write(unkeyed(['three']))
    const three = await fifth.prepare(3)
    await fifth.commit(three!)
    await expect.poll(async () => (await visible('crash')).sort()).toEqual(['one', 'three', 'two'])
    for (const sink of [first, second, third, fourth, fifth]) await sink.close()
    expect((await visible('crash')).sort()).toEqual(['one', 'three', 'two'])
  })

  test('a zombie cannot write, and lost output is no secret', async () => {
    const zombie = start('zombie')
    await zombie.open(undefined)
    await zombie.write(unkeyed(['zombie 1']))
    const prepared = await zombie.prepare(1)
    // Another process of the same name starts without the checkpoint: it aborts what was open.
    const heir = start('zombie')
    await heir.open(undefined)
    await expect(zombie.commit(prepared!)).rejects.toMatchObject({
      message: expect.stringContaining('aborted the output of checkpoint 1'),
    })
    await zombie.close()
    await heir.write(unkeyed(['heir']))
    await heir.commit((await heir.prepare(1))!)
    await heir.close()
    // The heir's mark has the same checkpoint number, and is still not mistaken for the lost one.
    const late = start('zombie')
    await expect(late.open(prepared)).rejects.toMatchObject({ sqlState: '58030' })
    await late.close()
    await expect.poll(() => visible('zombie')).toEqual(['heir'])
  })

  test('an old process that goes on after its transaction was resumed is fenced', async () => {
    const old = start('fenced')
    await old.open(undefined)
    await old.write(unkeyed(['first']))
    const prepared = await old.prepare(1)
    const heir = start('fenced')
    await heir.open(prepared)
    // The old one repeats the commit, which is done, and would go on.
    await expect(old.commit(prepared!)).rejects.toMatchObject({
      message: 'another process writes as tidemark-job-fenced',
    })
    await heir.write(unkeyed(['second']))
    await heir.commit((await heir.prepare(2))!)
    await heir.close()
    await old.close()
    await expect.poll(async () => (await visible('fenced')).sort()).toEqual(['first', 'second'])
  })

  test('two servers run jobs of one name side by side', async () => {
    const sinks = ['one', 'two'].map(instance =>
      createSink({ brokers: broker.address, topic: 'shared' }, { job: 'job-shared', instance }),
    )
    for (const sink of sinks) await sink.open(undefined)
    for (const [i, sink] of sinks.entries()) await sink.write(unkeyed([`of ${i}`]))
    for (const sink of sinks) await sink.commit((await sink.prepare(1))!)
    for (const sink of sinks) await sink.close()
    await expect.poll(async () => (await visible('shared')).sort()).toEqual(['of 0', 'of 1'])
  })
})
