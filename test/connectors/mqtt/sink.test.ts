import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { mqtt } from '../../../connectors/mqtt/mqtt.ts'
import { systemClock } from '../../../src/base/clock.ts'
import { silentLogger } from '../../../src/base/log.ts'
import type { Prepared, Sink } from '../../../src/connector.ts'
import { optionValues } from '../../support/connector-contract.ts'
import { Cable, Mosquitto, mosquittoMissing, type Subscriber } from '../../support/mosquitto.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import { TEXT_RECORDS, textBatch, textEncoder } from '../../support/text-records.ts'

const missing = mosquittoMissing()
let broker: Mosquitto
beforeAll(async () => {
  if (!missing) broker = await Mosquitto.start()
})
afterAll(async () => broker?.stop())

let count = 0
const newTopic = (): string => `out/${++count}`

interface Opening {
  readonly dataDir?: string
  readonly recovered?: Prepared
}

async function openSink(options: Readonly<Record<string, string>>, how: Opening = {}): Promise<Sink> {
  const { dataDir = temporaryFolder(), recovered } = how
  const sink = mqtt.sink?.({
    ...{ options: optionValues(mqtt, options), clock: systemClock, log: silentLogger, job: 'job', dataDir },
    ...{ encoder: textEncoder(), schema: TEXT_RECORDS, instance: `i${count}` },
  })
  if (!sink) throw new Error('no sink')
  onTestFinished(() => sink.close())
  await sink.open(recovered)
  return sink
}

async function listen(filter: string, format?: string, flags?: readonly string[]): Promise<Subscriber> {
  const subscriber = await broker.subscribe(filter, format, flags)
  onTestFinished(() => subscriber.stop())
  return subscriber
}

/** As a checkpoint has it. */
async function checkpoint(sink: Sink, epoch: number): Promise<Prepared> {
  const prepared = await sink.prepare(epoch)
  if (!prepared) throw new Error('nothing was prepared')
  await sink.commit(prepared)
  return JSON.parse(JSON.stringify(prepared))
}

describe.skipIf(missing)('writing', () => {
  for (const protocol_version of ['5', '3.1.1']) {
    for (const qos of ['0', '1', '2']) {
      test(`MQTT ${protocol_version}, QoS ${qos}: rows come in order, with the topic of their columns`, async () => {
        const topic = newTopic()
        const seen = await listen(`${topic}/#`, '%t %q %p')
        const sink = await openSink({ url: broker.url, topic: `${topic}/{key}/t`, protocol_version, qos })
        const rows = Array.from({ length: 3000 }, (_, i) => [`d${i % 3}`, `v${i}`] as const)
        await sink.write(textBatch(rows))
        await checkpoint(sink, 1)
        expect(await seen.until(3000)).toEqual(
          rows.map(([key, value]) => `${topic}/${key}/t ${Math.min(1, Number(qos))} ${value}`),
        )
      })
    }
  }

  test('user properties; what may not be in a topic becomes _', async () => {
    const topic = newTopic()
    const seen = await listen(`${topic}/#`, '%t %P %p')
    const user_properties = 'site=oslo, device={key}'
    const sink = await openSink({ url: broker.url, topic: `${topic}/{key}`, user_properties })
    await sink.write(textBatch([['a+b#', 'x']]))
    await sink.write(textBatch([['', 'y']]))
    await checkpoint(sink, 1)
    expect(await seen.until(2)).toEqual([`${topic}/a_b_ site:oslo device:a+b# x`, `${topic}/_ site:oslo device: y`])
  })

  test('stored messages; a row that is taken back makes the broker forget its own', async () => {
    const topic = newTopic()
    const sink = await openSink({ url: broker.url, topic: `${topic}/{key}`, retain: 'true' })
    await sink.write(textBatch([['a', 'x'], ['b', 'y']])) // biome-ignore format: rows
    await sink.write(textBatch([['a', null]]))
    await checkpoint(sink, 1)
    const later = await listen(`${topic}/#`, '%t %r %p')
    expect(await later.until(1)).toEqual([`${topic}/b 1 y`])
  })
})

describe.skipIf(missing)('a broker that is away', () => {
  test('output waits on disk, survives a crash, and comes in order when the broker is back', async () => {
    const topic = newTopic()
    const cable = new Cable(broker.port)
    onTestFinished(() => cable.cut())
    await cable.plug()
    const seen = await listen(topic, '%p')
    const dataDir = temporaryFolder()
    const options = { url: `mqtt://127.0.0.1:${cable.port}`, topic }
    const first = await openSink(options, { dataDir })
    await first.write(textBatch(['a', 'b']))
    await checkpoint(first, 1)
    await cable.cut()
    const values = Array.from({ length: 500 }, (_, i) => `c${i}`)
    await first.write(textBatch(values))
    const prepared = await checkpoint(first, 2)
    await first.close()
    const second = await openSink(options, { dataDir, recovered: prepared })
    await second.write(textBatch(['d']))
    const last = await checkpoint(second, 3)
    await cable.plug()
    await second.write(textBatch(['e']))
    expect(await seen.until(504)).toEqual(['a', 'b', ...values, 'd', 'e'])
    await checkpoint(second, 4)
    await second.close()
    // What the broker has is no longer on disk.
    const third = await openSink(options, { dataDir, recovered: last })
    await third.write(textBatch(['f']))
    expect((await seen.until(505)).slice(504)).toEqual(['f'])
  })

  test('beyond the limit on disk the job fails, to be tried again', async () => {
    const cable = new Cable(broker.port)
    onTestFinished(() => cable.cut())
    await cable.plug()
    const limits = { buffer_bytes: '20 kB', delivery_timeout: '100 ms' }
    const sink = await openSink({ url: `mqtt://127.0.0.1:${cable.port}`, topic: newTopic(), ...limits })
    await cable.cut()
    await sink.write(textBatch(['a'.repeat(15_000)]))
    await checkpoint(sink, 1)
    await sink.write(textBatch(['b'.repeat(15_000)]))
    await expect(sink.prepare(2)).rejects.toMatchObject({
      sqlState: '53100',
      retryable: true,
      message: expect.stringContaining('buffer_bytes'),
    })
  })

  test('a new sink of the same name sends nothing of the old one', async () => {
    const topic = newTopic()
    const cable = new Cable(broker.port)
    onTestFinished(() => cable.cut())
    await cable.plug()
    const dataDir = temporaryFolder()
    const options = { url: `mqtt://127.0.0.1:${cable.port}`, topic }
    const seen = await listen(topic, '%p')
    const first = await openSink(options, { dataDir })
    await cable.cut()
    await first.write(textBatch(['old']))
    await checkpoint(first, 1)
    await first.close()
    await cable.plug()
    const second = await openSink(options, { dataDir })
    await second.write(textBatch(['new']))
    expect(await seen.until(1)).toEqual(['new'])
  })
})

describe.skipIf(missing)('failing well', () => {
  test('nobody there, when the sink is new', async () => {
    const cable = new Cable(broker.port)
    await cable.plug()
    await cable.cut()
    const options = { url: `mqtt://127.0.0.1:${cable.port}`, topic: 'a' }
    await expect(openSink(options)).rejects.toMatchObject({ sqlState: '08001', retryable: true })
  })

  test('no right to publish', async () => {
    const url = `mqtt://127.0.0.1:${broker.guardedPort}`
    const sink = await openSink({ url, topic: 'vault/x', username: 'reader', password: 's3cret' })
    await sink.write(textBatch(['a']))
    await expect(sink.prepare(1)).rejects.toMatchObject({
      sqlState: '42501',
      message: expect.stringContaining('"vault/x"'),
      retryable: false,
    })
  })

  test('options that name no topic, no column, or one that cannot be in a topic', async () => {
    const error = (topic: string, more = {}) => openSink({ url: broker.url, topic, ...more })
    await expect(error('a/#')).rejects.toMatchObject({ sqlState: '22023' })
    await expect(error('a/{key')).rejects.toMatchObject({ sqlState: '22023' })
    await expect(error('a/{kay}')).rejects.toMatchObject({ sqlState: '42703', hint: 'did you mean key?' })
    const user_properties = 'a=b'
    await expect(error('a', { user_properties, protocol_version: '3.1.1' })).rejects.toMatchObject({
      sqlState: '22023',
    })
    await expect(error('a', { user_properties: 'b' })).rejects.toMatchObject({ sqlState: '22023' })
  })
})
