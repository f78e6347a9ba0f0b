import { describe, expect, test } from 'vitest'
import { Chunks } from '../../../connectors/pulsar/chunks.ts'
import { PulsarClient } from '../../../connectors/pulsar/client.ts'
import { restoredEntry } from '../../../connectors/pulsar/entry-writer.ts'
import { lastBefore, parseFrom, printFrom, WHOLE } from '../../../connectors/pulsar/message-id.ts'
import { pulsarSinkOptions } from '../../../connectors/pulsar/options.ts'
import { TopicProducer } from '../../../connectors/pulsar/producer.ts'
import { pulsar } from '../../../connectors/pulsar/pulsar.ts'
import { fullTopicName } from '../../../connectors/pulsar/topic-name.ts'
import { systemClock } from '../../../src/base/clock.ts'
import { silentLogger } from '../../../src/base/log.ts'
import { liveSourceContract, optionValues, polledTexts, sourceContract } from '../../support/connector-contract.ts'
import { broker, missing } from './broker.ts'
import { asMessages, inPartition0, lines, never, numbers, open, place, placeOf, readAll, readUntil } from './play.ts'

describe.skipIf(missing)('a Pulsar source', () => {
  sourceContract('pulsar, a plain topic', placeOf(0))
  sourceContract('pulsar, three partitions', placeOf(3))
  liveSourceContract('pulsar', placeOf(2))

  test('reads what Java wrote in every codec, in batches and without', async () => {
    const topic = 'public/default/codecs'
    const expected: string[] = []
    for (const codec of ['NONE', 'LZ4', 'ZLIB', 'ZSTD', 'SNAPPY']) {
      for (const batch of [0, 50]) {
        const values = numbers(0, 120).map(n => `${codec} ${batch} ${n} ${'abc'.repeat(Number(n) % 40)}`)
        const messages = values.map((value, i) => ({ value, key: `k${i}`, eventMs: 1000 + i, property: `é${i}` }))
        await broker().produce(topic, messages, codec, batch)
        expected.push(...values.map((value, i) => `k${i}|${value}|${1000 + i}|p=é${i}`))
      }
    }
    for (const rowsMax of [1, 7, 10_000]) expect(await readAll(place(topic), rowsMax, lines)).toEqual(expected)
    expect(await readAll(place(topic, { receive_buffer: '1 kB' }), 1000, lines)).toEqual(expected)
    const context = { options: optionValues(pulsar, place(topic).options), job: 'sample', dataDir: '' }
    const sample = await pulsar.sample?.({ ...context, clock: systemClock, log: silentLogger }, 3)
    expect(sample?.map(bytes => Buffer.from(bytes).toString())).toEqual(expected.slice(0, 3).map(l => l.split('|')[1]))
  })

  test('gives tombstones, missing and binary keys, and times of publishing', async () => {
    for (const [codec, batch] of [
      ['NONE', 5],
      ['ZSTD', 5],
      ['LZ4', 0],
    ] as const) {
      const topic = `public/default/nulls-${codec}-${batch}`
      const before = Date.now()
      await broker().produce(
        topic,
        [{ value: null, key: 'a' }, { value: 'x', key: 'bytes:ü' }, { value: '' }],
        codec,
        batch,
      )
      const rows = (await readAll(place(topic), 10, lines)).map(line => line.split('|'))
      expect(rows.map(([key, value]) => [key, value])).toEqual([
        ['a', ''],
        ['bytes:ü', 'x'],
        ['', ''],
      ])
      for (const [, , time] of rows) expect(Number(time)).toBeGreaterThanOrEqual(before)
      const published = await readAll(place(topic, { record_time: 'publish' }), 10, lines)
      expect(published.map(line => line.split('|')[2])).toEqual(rows.map(row => row[2]))
    }
  })

  test('begins at the latest, at a time, or at a message inside a batch', async () => {
    const topic = 'public/default/starts'
    await broker().produce(topic, asMessages(numbers(0, 10)))
    await new Promise(resolve => setTimeout(resolve, 5))
    const between = new Date().toISOString()
    await new Promise(resolve => setTimeout(resolve, 5))
    const ids = await broker().produce(topic, asMessages(numbers(10, 20)))
    const latest = await open(place(topic, { start: 'latest' }), false)
    const position = latest.position()
    await broker().produce(topic, asMessages(['20', '21']))
    expect(await readUntil(latest, 2)).toEqual(inPartition0(['20', '21']))
    await latest.close()
    const again = await open(place(topic), true, position)
    expect(await readUntil(again, 2)).toEqual(inPartition0(['20', '21']))
    expect((await again.poll(10, never)).kind).toBe('end')
    await again.close()
    expect(await readAll(place(topic, { start: between }))).toEqual(inPartition0(numbers(10, 22)))
    expect(await readAll(place(topic, { start: '2100-01-01' }))).toEqual([])
    const [ledger, entry, , index] = ids[7].split(':')
    expect(index).toBe('2')
    const start = { start_message_id: `${ledger}:${entry}:-1:${index}` }
    expect(await readAll(place(topic, start))).toEqual(inPartition0(numbers(17, 22)))
  })

  test('goes on where it was when the broker gives the topic away', async () => {
    const topic = 'public/default/moved'
    await broker().produce(topic, asMessages(numbers(0, 10)))
    const source = await open(place(topic), false)
    expect(await readUntil(source, 10)).toEqual(inPartition0(numbers(0, 10)))
    await broker().unload(topic)
    await broker().produce(topic, asMessages(numbers(10, 20)))
    expect(await readUntil(source, 10)).toEqual(inPartition0(numbers(10, 20)))
    await source.close()
  })

  test('finds new partitions while it runs', async () => {
    const topic = 'public/default/growing'
    await broker().createTopic(topic, 1)
    const source = await open(place(topic, { metadata_refresh_ms: '100' }), false)
    expect(source.partitions()).toEqual(['0'])
    await broker().addPartitions(topic, 3)
    await broker().produce(`${topic}-partition-2`, asMessages(['a', 'b']))
    expect(await readUntil(source, 2)).toEqual(['2: a', '2: b'])
    expect(Object.keys(source.position()).sort()).toEqual(
      ['0', '1', '2'].map(p => `persistent://${topic}-partition-${p}`),
    )
    await source.close()
  })

  test('reads messages that came in pieces, from every position', async () => {
    const topic = 'public/default/pieces'
    const values = numbers(0, 12).map(n => `${n} ${'piece '.repeat(20 * (Number(n) % 3))}`)
    for (const [i, codec] of ['NONE/chunked', 'ZSTD/chunked', 'LZ4'].entries())
      await broker().produce(topic, asMessages(values.slice(4 * i, 4 * i + 4)), codec, codec === 'LZ4' ? 5 : 0)
    const source = await open(place(topic), true)
    const seen: string[] = []
    const positions = [source.position()]
    for (let polled = await source.poll(1, never); polled.kind !== 'end'; polled = await source.poll(1, never)) {
      seen.push(...polledTexts(polled))
      positions[seen.length] = source.position()
    }
    await source.close()
    expect(seen).toEqual(inPartition0(values))
    for (const [count, position] of positions.entries()) {
      const again = await open(place(topic), true, JSON.parse(JSON.stringify(position)))
      expect(await readUntil(again, values.length - count)).toEqual(inPartition0(values.slice(count)))
      expect((await again.poll(10, never)).kind).toBe('end')
      await again.close()
    }
  })

  test('puts together pieces that lie between one another, also after a restart', () => {
    const chunks = new Chunks()
    const add = (text: string, entry: number): unknown => {
      const [uuid, number, piece] = text.split(' ')
      const bytes = { metadata: Buffer.from(`${uuid}:`), piece: Buffer.from(piece) }
      const whole = chunks.add(
        { uuid, number: Number(number), count: 3, totalBytes: 9, ...bytes },
        { ledger: 7, entry },
      )
      return whole instanceof Uint8Array ? Buffer.from(whole).toString() : whole
    }
    const pieces = ['a 0 abc', 'b 0 123', 'a 1 def', 'a 1 def', 'b 1 456', 'a 2 ghi', 'b 2 789']
    const wholes = pieces.map((text, entry) => [add(text, entry), chunks.first?.entry])
    expect(wholes).toEqual([
      [undefined, 0],
      [undefined, 0],
      [undefined, 0],
      [undefined, 0],
      [undefined, 0],
      ['a:abcdefghi', 1],
      ['b:123456789', undefined],
    ])
    expect(['c 1 x', 'c 2 y'].map(text => add(text, 7))).toEqual([undefined, 'broken'])
    const place = { ledger: 7, entry: 5, next: WHOLE, pieces: { ledger: 7, entry: 1 } }
    expect(printFrom(place)).toBe('7:5:*/7:1')
    expect(parseFrom('7:5:*/7:1')).toEqual(place)
    expect(lastBefore(place)).toEqual({ ledger: 7, entry: 0 })
  })

  test('an entry that cannot be read is a bad record, and the others are read', async () => {
    const topic = 'public/default/damaged'
    await broker().produce(topic, asMessages(['a', 'b']))
    const full = fullTopicName(topic)
    const { client: where } = pulsarSinkOptions(optionValues(pulsar, place(topic).options))
    const client = new PulsarClient(where, systemClock, silentLogger)
    for (const codec of ['none', 'lz4'] as const) {
      const options = {
        name: undefined,
        codec,
        schema: undefined,
        resend: true,
        bufferBytesMax: 1e6,
        deliveryTimeoutMs: 9000,
      }
      const producer = new TopicProducer([full], client, options)
      await producer.open()
      producer.lanes[0].add(restoredEntry(Buffer.from('garbage'), 3, 100))
      await producer.flush()
    }
    client.close()
    await broker().produce(topic, asMessages(['c']))
    const source = await open(place(topic), true)
    const texts: string[] = []
    const reasons: string[] = []
    for (let polled = await source.poll(10, never); polled.kind !== 'end'; polled = await source.poll(10, never)) {
      if (polled.kind !== 'rows') continue
      texts.push(...polledTexts({ ...polled, bad: [] }))
      reasons.push(...polled.bad.map(b => b.reason))
    }
    expect(texts).toEqual(inPartition0(['a', 'b', 'c']))
    expect(reasons).toEqual([expect.stringContaining('ends before'), expect.stringContaining('lz4')])
    await source.close()
  })

  test('reads all topics that match a pattern, also those that come later', async () => {
    await broker().ask('PUT', 'namespaces/public/rooms')
    await broker().createTopic('public/rooms/room-1', 2)
    await broker().produce('public/rooms/hall', asMessages(['not this']))
    const { url } = broker()
    const options = { url, topic_pattern: 'public/rooms/room-.*', metadata_refresh_ms: '100' }
    const source = await open({ options, dataDir: '' }, false)
    expect(source.partitions()).toEqual(['public/rooms/room-1-partition-0', 'public/rooms/room-1-partition-1'])
    await broker().produce('public/rooms/room-2', asMessages(['later']))
    expect(await readUntil(source, 1)).toEqual(['public/rooms/room-2: later'])
    await broker().ask('DELETE', 'persistent/public/rooms/room-2?force=true')
    while (source.partitions().includes('public/rooms/room-2')) expect((await source.poll(10, never)).kind).toBe('idle')
    await broker().produce('public/rooms/room-1-partition-1', asMessages(['on']))
    expect(await readUntil(source, 1)).toEqual(['public/rooms/room-1-partition-1: on'])
    await source.close()
  })

  test('says what is wrong', async () => {
    await expect(open(place('public/default/absent'), true)).rejects.toMatchObject({ sqlState: '42P01' })
    const nobody = { ...place('t').options, url: 'pulsar://127.0.0.1:1' }
    await expect(open({ ...place('t'), options: nobody }, true)).rejects.toMatchObject({
      sqlState: '08001',
      retryable: true,
    })
    await expect(open(place('t', { auth_method: 'oauth2' }), true)).rejects.toMatchObject({ sqlState: '0A000' })
    await expect(open(place('non-persistent://public/default/t'), true)).rejects.toMatchObject({ sqlState: '0A000' })
  })
})
