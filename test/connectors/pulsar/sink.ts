import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { pulsar } from '../../../connectors/pulsar/pulsar.ts'
import type { Prepared, Sink } from '../../../src/connector.ts'
import { type Fixture, type Place, sinkContext, sinkContract } from '../../support/connector-contract.ts'
import { textBatch } from '../../support/text-records.ts'
import { broker, missing } from './broker.ts'
import { inPartition0, numbers, readAll } from './play.ts'

let next = 0

function placeIn(namespace: string, more: Record<string, string> = {}): Place {
  const topic = `${namespace}/out-${next++}`
  const options = { url: broker().url, topic, ...more }
  return {
    options,
    dataDir: mkdtempSync(join(tmpdir(), 'tidemark-test-')),
    visible: async () => (await readAll({ options: { url: broker().url, topic }, dataDir: '' })).map(t => t.slice(3)),
  }
}

const fixture = (namespace: string, more: Record<string, string> = {}): Fixture => ({
  connector: pulsar,
  place: async () => {
    const place = placeIn(namespace, more)
    await broker().createTopic(place.options.topic, 0)
    return place
  },
})

async function open(place: Place, recovered?: Prepared): Promise<Sink> {
  const sink = pulsar.sink?.(sinkContext(pulsar, place))
  if (!sink) throw new Error('no sink')
  await sink.open(recovered)
  return sink
}

describe.skipIf(missing)('a Pulsar sink', () => {
  beforeAll(async () => {
    await broker().ask('PUT', 'namespaces/public/deduplicated')
    await broker().ask('POST', 'namespaces/public/deduplicated/deduplication', 'true')
  })

  sinkContract('pulsar by transactions', fixture('public/default'))
  sinkContract('pulsar by deduplication', fixture('public/deduplicated', { exactly_once: 'deduplication' }))

  test('Java reads what was written, in every codec', async () => {
    for (const compression of ['none', 'lz4', 'zlib', 'zstd', 'snappy']) {
      const place = placeIn('public/default', { compression, delivery: 'at_least_once' })
      const sink = await open(place)
      const rows: [string, string | null][] = [
        ['k', 'v'],
        ['é€', 'ü'],
        ['gone', null],
        ['', ''],
        ['big', 'abcdefgh'.repeat(40_000)],
      ]
      await sink.write(textBatch(rows))
      const values = numbers(0, 4000).map(n => `value ${n} ${'xyz'.repeat(Number(n) % 9)}`)
      await sink.write(textBatch(values))
      await sink.prepare(1)
      await sink.close()
      const read = await broker().read(place.options.topic)
      expect(read.slice(0, 5).map(m => [Buffer.from(m.key ?? '', 'latin1').toString(), m.value])).toEqual(rows)
      expect(read.slice(5).map(m => m.value)).toEqual(values)
      expect(new Set(read.slice(5).map(m => m.key))).toEqual(new Set([null]))
    }
  })

  test('keys go where Java sends them', async () => {
    const keys = Array.from({ length: 200 }, (_, i) => `${'äx€😀'.slice(0, i % 6)}device-${i * i}`)
    for (const hashing of ['java', 'murmur3']) {
      const place = placeIn('public/default', { hashing_scheme: hashing })
      const { topic } = place.options
      await broker().createTopic(topic, 7)
      await broker().produce(
        topic,
        keys.map(key => ({ key, value: 'theirs' })),
        `NONE/${hashing}`.replace('/java', ''),
        50,
      )
      const sink = await open(place)
      await sink.write(textBatch(keys.map(key => [key, 'ours'])))
      const prepared = await sink.prepare(1)
      if (prepared) await sink.commit(prepared)
      await sink.close()
      const read = await broker().read(topic)
      const partitions = (value: string): Map<string | null, number> =>
        new Map(read.filter(m => m.value === value).map(m => [m.key, m.partition]))
      expect(partitions('theirs').size).toBe(200)
      expect(partitions('ours')).toEqual(partitions('theirs'))
    }
  })

  test('a transaction is not lost by a process that is killed, nor is it confused with another', async () => {
    const place = placeIn('public/default')
    const sink = await open(place)
    await sink.write(textBatch(['a']))
    const one = await sink.prepare(1)
    if (one) await sink.commit(one)
    // Ends at the coordinator as if it had never been: only the log tells the two apart.
    await sink.close()
    const again = await open(place, one)
    await again.write(textBatch(['b']))
    const two = await again.prepare(2)
    await again.close()
    const lost = await open(place, one)
    await lost.close()
    await expect(open(place, two)).rejects.toMatchObject({
      sqlState: '58030',
      message: expect.stringContaining('aborted'),
    })
    expect(await place.visible?.()).toEqual(['a'])
  })

  test('two processes cannot write as one', async () => {
    const place = placeIn('public/default', { delivery_timeout_ms: '1000' })
    const sink = await open(place)
    await expect(open(place)).rejects.toMatchObject({ sqlState: '55006', retryable: true })
    await sink.close()
  })

  test('where deduplication is off, exactly once is refused', async () => {
    const place = placeIn('public/default', { exactly_once: 'deduplication' })
    const sink = await open(place)
    await sink.write(textBatch(['a']))
    const prepared = await sink.prepare(1)
    await expect(sink.commit(prepared ?? {})).rejects.toMatchObject({ sqlState: '55000' })
    await sink.close()
  })

  test('a broker that gives the topic away is written to again, each row once where it can tell', async () => {
    const place = placeIn('public/deduplicated', { exactly_once: 'deduplication' })
    const sink = await open(place)
    let epoch = 1
    const expected: string[] = []
    for (const unload of [false, true, true]) {
      const values = numbers(expected.length, expected.length + 5000)
      await sink.write(textBatch(values))
      const prepared = await sink.prepare(epoch++)
      await Promise.all([prepared && sink.commit(prepared), unload && broker().unload(place.options.topic)])
      expected.push(...values)
    }
    await sink.close()
    expect(await readAll({ ...place, options: { url: broker().url, topic: place.options.topic } })).toEqual(
      inPartition0(expected),
    )
  })

  test('a topic given away in the middle of a transaction: what the engine does then leaves each row once', async () => {
    const place = placeIn('public/default')
    let sink = await open(place)
    let committed: Prepared | undefined
    const expected: string[] = []
    for (let epoch = 1; epoch <= 6; epoch++) {
      const values = numbers(expected.length, expected.length + 20_000)
      for (let attempt = 0; ; attempt++) {
        try {
          await sink.write(textBatch(values.slice(0, 10_000)))
          const unloading = epoch % 2 === 0 && attempt === 0 ? broker().unload(place.options.topic) : undefined
          await sink.write(textBatch(values.slice(10_000)))
          await unloading
          const prepared = await sink.prepare(epoch)
          if (prepared) await sink.commit(prepared)
          committed = prepared
          break
        } catch (error) {
          // As a job that failed starts again from its checkpoint.
          expect(error).toMatchObject({ retryable: true })
          await sink.close()
          sink = await open(place, committed)
        }
      }
      expected.push(...values)
    }
    await sink.close()
    expect((await place.visible?.())?.length).toBe(expected.length)
    expect(await place.visible?.()).toEqual(expected)
  })

  test('where topics do not come by themselves, it says which one it needs, or makes it', async () => {
    await broker().ask('PUT', 'namespaces/public/fixed')
    await broker().ask('POST', 'namespaces/public/fixed/autoTopicCreation', '{"allowAutoTopicCreation":false}')
    const place = placeIn('public/fixed')
    await broker().createTopic(place.options.topic, 0)
    await expect(open(place)).rejects.toMatchObject({
      sqlState: '42P01',
      hint: expect.stringContaining('topics create persistent://public/fixed/__tidemark-job'),
    })
    const made = { ...place, options: { ...place.options, admin_url: broker().adminUrl } }
    await (await open(made)).close()
  })
})
