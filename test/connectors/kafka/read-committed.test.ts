import { Producer, stringSerializers } from '@platformatic/kafka'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { KafkaBroker, kafkaMissing } from '../../support/kafka.ts'
import { createSink, createSource, pairs, readAll, readUntil, values } from './play.ts'

const missing = kafkaMissing()
let broker: KafkaBroker
let nextId = 0

beforeAll(async () => {
  if (!missing) broker = await KafkaBroker.start()
})
afterAll(() => broker?.stop())

/** Another client's producer of transactions; ends each as `steps` say: 'a…' aborts, 'c…' commits. */
async function transactions(topic: string, steps: readonly (readonly string[])[]): Promise<void> {
  const producer = new Producer({
    clientId: 'test',
    bootstrapBrokers: [broker.address],
    transactionalId: `other-${nextId++}`,
    producerId: -1n,
    producerEpoch: -1,
    idempotent: true,
    retryDelay: 20,
    retries: 100,
    serializers: stringSerializers,
  })
  for (const records of steps) {
    const transaction = await producer.beginTransaction()
    for (let i = 0; i < records.length; i += 500) {
      await transaction.send({ messages: records.slice(i, i + 500).map(value => ({ topic, value, partition: 0 })) })
    }
    if (records[0].startsWith('a')) await transaction.abort()
    else await transaction.commit()
  }
  await producer.close()
}

describe.skipIf(missing)('aborted transactions', () => {
  test('several of one producer in one fetch are all hidden', async () => {
    await broker.createTopic('several', 1)
    await transactions('several', [['a1'], ['a2'], ['c1'], ['a3', 'a4'], ['c2'], ['a5'], ['a6'], ['c3']])
    const options = { brokers: broker.address, topic: 'several' }
    for (const rowsMax of [1, 2, 1000])
      expect(values(await readAll(options, undefined, rowsMax))).toEqual(['c1', 'c2', 'c3'])
    const uncommitted = await readAll({ ...options, isolation_level: 'read_uncommitted' })
    expect(values(uncommitted)).toEqual(['a1', 'a2', 'c1', 'a3', 'a4', 'c2', 'a5', 'a6', 'c3'])
    // From every position the rest is the same: the filter needs nothing from before.
    for (let from = 0; from <= 16; from++) {
      const rest = values(await readAll(options, { 'several/0': from }))
      const all = await readAll(options)
      expect(rest).toEqual(values(all.filter(r => r.offset >= from)))
    }
  })

  test('a long one stays hidden over many fetches, and a bounded read ends behind it', async () => {
    await broker.createTopic('long', 1)
    const long = Array.from({ length: 2000 }, (_, i) => `a${i} ${'x'.repeat(1000)}`)
    await transactions('long', [['c0'], long, ['c1'], long.slice(0, 300)])
    const options = { brokers: broker.address, topic: 'long' }
    for (const bytes of ['20000', '200000', '4000000']) {
      expect(values(await readAll({ ...options, max_partition_fetch_bytes: bytes, fetch_max_bytes: bytes }))).toEqual([
        'c0',
        'c1',
      ])
    }
  })

  test('two producers interleaved', async () => {
    const open = { brokers: broker.address, topic: 'interleaved', partitions: '1' }
    const [one, two] = [createSink(open, { job: 'one' }), createSink(open, { job: 'two' })]
    await one.open(undefined)
    await two.open(undefined)
    for (let round = 0; round < 3; round++) {
      await one.write(pairs([[null, `one ${round}`]]))
      await two.write(pairs([[null, `two ${round}`]]))
      const prepared = [await one.prepare(round), await two.prepare(round)]
      await two.commit(prepared[1]!)
      if (round < 2) await one.commit(prepared[0]!)
    }
    const again = createSink(open, { job: 'one' })
    await again.open(undefined) // Aborts "one 2".
    await expect
      .poll(async () => values(await readAll(open)).sort())
      .toEqual(['one 0', 'one 1', 'two 0', 'two 1', 'two 2'])
    for (const sink of [one, two, again]) await sink.close()
  })

  test('an open transaction holds readers back until it ends', async () => {
    const options = { brokers: broker.address, topic: 'held', partitions: '1' }
    const sink = createSink(options, { job: 'held' })
    await sink.open(undefined)
    await sink.write(pairs([[null, 'waits']]))
    const prepared = await sink.prepare(1)
    const source = createSource(options)
    await source.open(undefined)
    const signal = new AbortController().signal
    expect(await source.poll(10, signal)).toEqual({ kind: 'idle' })
    await sink.commit(prepared!)
    expect(values(await readUntil(source, rows => rows.length > 0))).toEqual(['waits'])
    await source.close()
    await sink.close()
  })
})
