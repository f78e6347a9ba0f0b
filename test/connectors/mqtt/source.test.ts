import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { idsOf } from '../../../connectors/mqtt/deliveries.ts'
import { rowAt } from '../../../src/batch/batch.ts'
import type { Source } from '../../../src/connector.ts'
import { Cable, Mosquitto, mosquittoMissing } from '../../support/mosquitto.ts'
import { openSource, read, readPolled, readRest } from './play.ts'

const missing = mosquittoMissing()
let broker: Mosquitto
beforeAll(async () => {
  if (!missing) broker = await Mosquitto.start()
})
afterAll(async () => broker?.stop())

let count = 0
/** Of one test each. */
const newTopic = (): string => `test/${++count}`
const newSession = (): string => `session-${++count}`

/** Polls until the position is as wanted: what the broker does with acknowledgements comes in polls without rows. */
async function untilHeld(source: Source, held: string | undefined): Promise<void> {
  while (source.position().held !== held) await source.poll(1000, new AbortController().signal)
}

describe.skipIf(missing)('reading', () => {
  for (const protocol_version of ['5', '3.1.1']) {
    for (const qos of ['0', '1', '2']) {
      test(`MQTT ${protocol_version}, QoS ${qos}: messages come once, in order`, async () => {
        const topic = newTopic()
        const source = await openSource({ url: broker.url, topic: `${topic}/#`, protocol_version, qos })
        const values = Array.from({ length: 50 }, (_, i) => `v${i}`)
        await broker.publish(`${topic}/a`, values, { qos: Number(qos) })
        expect(await read(source, 50)).toEqual(values)
      })
    }

    test(`MQTT ${protocol_version}: several filters, and their wildcards`, async () => {
      const at = newTopic()
      const topic = `${at}/+/temperature, ${at}/doors/#`
      const source = await openSource({ url: broker.url, topic, protocol_version })
      const topics = ['a/temperature', 'a/b/temperature', 'a/humidity', 'doors/1', 'doors/1/2', 'doors']
      for (const each of topics) await broker.publish(`${at}/${each}`, [each])
      expect(await read(source, 4)).toEqual(['a/temperature', 'doors/1', 'doors/1/2', 'doors'])
    })

    test(`MQTT ${protocol_version}: what the broker has stored is read, or skipped`, async () => {
      const topic = newTopic()
      await broker.publish(topic, ['stored'], { retain: true })
      const included = await openSource({ url: broker.url, topic, protocol_version })
      const skipped = await openSource({ url: broker.url, topic, protocol_version, retained: 'skip' })
      await broker.publish(topic, ['new'])
      expect(await read(included, 2)).toEqual(['stored', 'new'])
      expect(await read(skipped, 1)).toEqual(['new'])
    })

    test(`MQTT ${protocol_version}: two that share a subscription have each message once`, async () => {
      const at = newTopic()
      const options = { url: broker.url, topic: `$share/pair-${count}/${at}/+`, protocol_version }
      const sources = [await openSource(options), await openSource(options)]
      const values = Array.from({ length: 40 }, (_, i) => `v${i}`)
      await broker.publish(`${at}/x`, values)
      const shares = await Promise.all(sources.map(source => read(source, 1)))
      for (let i = 0; shares.flat().length < 40; i = 1 - i) {
        const polled = await sources[i].poll(100, new AbortController().signal)
        if (polled.kind === 'rows')
          shares[i].push(...Array.from({ length: polled.batch.rowCount }, (_, r) => String(rowAt(polled.batch, r)[1])))
      }
      expect(shares.flat().sort()).toEqual([...values].sort())
    })
  }

  test('the topic is the key; the count, the time of arrival and user properties come with it', async () => {
    const topic = newTopic()
    const source = await openSource({ url: broker.url, topic })
    const before = Date.now()
    await broker.publish(topic, ['x'], { user: { site: 'oslo', floor: '3' } })
    const [polled] = (await readPolled(source, 1)).filter(p => p.kind === 'rows')
    const [key, value, offset, time, headers] = polled.kind === 'rows' ? rowAt(polled.batch, 0) : []
    expect([key, value, offset]).toEqual([topic, 'x', 1])
    expect(Number(time)).toBeGreaterThanOrEqual(Math.floor(before))
    expect(Number(time)).toBeLessThanOrEqual(Date.now() + 1)
    expect(headers).toBe('site=oslo,floor=3,mqtt.qos=1,mqtt.retain=false,mqtt.duplicate=false')
  })

  test('large messages come whole; one that is too large is a bad row', async () => {
    const topic = newTopic()
    const options = { url: broker.url, topic, protocol_version: '3.1.1', max_message_bytes: '1 MB' }
    const source = await openSource(options)
    const [large, huge] = ['L'.repeat(900_000), '!'.repeat(1_500_000)]
    await broker.publish(topic, ['a', large, 'b', huge, 'c'])
    const polls = (await readPolled(source, 5)).flatMap(polled => (polled.kind === 'rows' ? [polled] : []))
    const rows = polls.flatMap(({ batch }) =>
      Array.from({ length: batch.rowCount }, (_, i) => String(rowAt(batch, i)[1])),
    )
    expect(rows.map(r => r.length)).toEqual([1, 900_000, 1, 1])
    const bad = polls.flatMap(polled => polled.bad)
    expect(bad.map(({ reason, offset, raw }) => ({ reason, offset, bytes: raw.length }))).toEqual([
      { reason: `message of 1500000 bytes on ${topic}: more than max_message_bytes`, offset: 4, bytes: 65_536 },
    ])
  })

  test('a full buffer holds the broker back, and loses nothing', async () => {
    const topic = newTopic()
    const source = await openSource({ url: broker.url, topic, qos: '0', receive_buffer: '64 KB' })
    const values = Array.from({ length: 300 }, (_, i) => `${i} ${'x'.repeat(3000)}`)
    await broker.publish(topic, values, { qos: 1 })
    expect(await read(source, 300)).toEqual(values)
  })
})

describe.skipIf(missing)('checkpoints', () => {
  test('at QoS 1, what came between the checkpoint and its acknowledgement comes twice, and nothing else', async () => {
    const options = { url: broker.url, topic: newTopic() }
    const session = newSession()
    const first = await openSource(options, { session })
    await broker.publish(options.topic, ['a', 'b'])
    await read(first, 2)
    const saved = first.position()
    await first.close()
    const second = await openSource(options, { session, position: saved })
    expect(await read(second, 2)).toEqual(['a', 'b'])
  })

  test('at QoS 2 nothing comes twice, wherever a crash comes', async () => {
    const options = { url: broker.url, topic: newTopic(), qos: '2' }
    const session = newSession()
    const publish = (...values: string[]) => broker.publish(options.topic, values, { qos: 2 })
    let source = await openSource(options, { session })
    const crash = async (position: ReturnType<Source['position']>): Promise<void> => {
      await source.close()
      source = await openSource(options, { session, position })
    }
    await publish('a', 'b', 'c')
    expect(await read(source, 3)).toEqual(['a', 'b', 'c'])
    // The checkpoint was written, the broker never heard of it.
    const saved = source.position()
    expect(idsOf(String(saved.held))).toHaveLength(3)
    await crash(saved)
    await publish('d')
    expect(await read(source, 1)).toEqual(['d'])
    // It was acknowledged; that the broker let go of them is in no checkpoint.
    const second = source.position()
    await source.acknowledge?.(second)
    await untilHeld(source, undefined)
    await crash(second)
    await publish('e')
    expect(await read(source, 1)).toEqual(['e'])
    await untilHeld(source, source.position().held === undefined ? undefined : String(source.position().held))
    // All is acknowledged twice, so that the broker may use the ids again.
    await source.acknowledge?.(source.position())
    await untilHeld(source, undefined)
    const third = source.position()
    await source.acknowledge?.(third)
    await crash(third)
    await publish('f')
    expect(await read(source, 1)).toEqual(['f'])
    expect(await readRest(source)).toEqual([])
  })

  test('after a cut of the network the broker sends again what it was not told of, and no row comes twice', async () => {
    const cable = new Cable(broker.port)
    onTestFinished(() => cable.cut())
    await cable.plug()
    const options = { url: `mqtt://127.0.0.1:${cable.port}`, topic: newTopic() }
    const source = await openSource(options, { session: newSession() })
    await broker.publish(options.topic, ['a', 'b'])
    expect(await read(source, 2)).toEqual(['a', 'b'])
    await cable.cut()
    await broker.publish(options.topic, ['c'])
    await cable.plug()
    expect(await read(source, 1)).toEqual(['c'])
    await source.acknowledge?.(source.position())
    await broker.publish(options.topic, ['d'])
    expect(await read(source, 1)).toEqual(['d'])
  })

  test('a broker that is killed and comes back has lost nothing, as it stores its sessions', async () => {
    const own = await Mosquitto.start({ lasting: true })
    onTestFinished(() => own.stop())
    const options = { url: own.url, topic: newTopic() }
    const source = await openSource(options, { session: newSession() })
    await own.publish(options.topic, ['a', 'b'])
    expect(await read(source, 2)).toEqual(['a', 'b'])
    await own.shutDown('SIGKILL')
    await own.startAgain()
    await own.publish(options.topic, ['c'])
    expect(await read(source, 1)).toEqual(['c'])
    await source.acknowledge?.(source.position())
  })

  test('a source of 3.1.1 asks for a checkpoint when the broker waits for one', async () => {
    const options = { url: broker.url, topic: newTopic(), protocol_version: '3.1.1' }
    const source = await openSource(options, { session: newSession() })
    expect(source.needsCheckpoint?.()).toBe(false)
    const values = Array.from({ length: 100 }, (_, i) => `v${i}`)
    await broker.publish(options.topic, values)
    const seen: string[] = []
    while (seen.length < 100) {
      seen.push(...(await read(source, 10)))
      expect(source.needsCheckpoint?.()).toBe(true)
      await source.acknowledge?.(source.position())
    }
    expect(seen).toEqual(values)
  })
})

describe.skipIf(missing)('failing well', () => {
  test('nobody there', async () => {
    const cable = new Cable(broker.port)
    await cable.plug()
    await cable.cut()
    await expect(openSource({ url: `mqtt://127.0.0.1:${cable.port}`, topic: 'a' })).rejects.toMatchObject({
      sqlState: '08001',
      message: expect.stringContaining(`cannot connect to the MQTT broker at 127.0.0.1:${cable.port}`),
      retryable: true,
    })
  })

  test('TLS where there is none, and none where there is', async () => {
    const wrong = [`mqtts://127.0.0.1:${broker.port}`, `mqtt://127.0.0.1:${broker.tlsPort}`]
    for (const url of wrong)
      await expect(openSource({ url, topic: 'a' })).rejects.toMatchObject({
        sqlState: '08001',
        hint: expect.stringContaining('TLS'),
      })
  })

  test('a certificate nobody trusts', async () => {
    const url = `mqtts://localhost:${broker.tlsPort}`
    await expect(openSource({ url, topic: 'a', username: 'tide', password: 's3cret' })).rejects.toMatchObject({
      sqlState: '08001',
      message: expect.stringContaining('self-signed certificate'),
    })
  })

  for (const protocol_version of ['5', '3.1.1']) {
    test(`MQTT ${protocol_version}: a wrong password`, async () => {
      const url = `mqtts://localhost:${broker.tlsPort}`
      const login = { tls_ca: broker.file('cert.pem'), username: 'tide', protocol_version }
      const right = await openSource({ url, topic: 'secure/#', ...login, password: 's3cret' })
      await right.close()
      await expect(openSource({ url, topic: 'a', ...login, password: 'guess' })).rejects.toMatchObject({
        sqlState: '28000',
        message: expect.not.stringContaining('guess'),
        retryable: false,
      })
    })
  }

  test('a client certificate lets one in', async () => {
    const url = `mqtts://localhost:${broker.mutualPort}`
    const options = { url, topic: 'mutual', tls_ca: broker.file('cert.pem') }
    const certificate = { tls_certificate: broker.file('client.pem'), tls_key: broker.file('client-key.pem') }
    await (await openSource({ ...options, ...certificate })).close()
    await expect(openSource(options)).rejects.toMatchObject({ sqlState: expect.stringMatching(/08001|28000/) })
  })

  for (const protocol_version of ['5', '3.1.1']) {
    test(`MQTT ${protocol_version}: no right to subscribe`, async () => {
      const options = { username: 'reader', password: 's3cret', protocol_version }
      await expect(
        openSource({ url: `mqtt://127.0.0.1:${broker.guardedPort}`, topic: 'vault/#', ...options }),
      ).rejects.toMatchObject({
        sqlState: '42501',
        message: expect.stringContaining('"vault/#"'),
        retryable: false,
      })
    })
  }

  test('filters that are none', async () => {
    for (const topic of ['a/#/b', 'a+', 'x/y#', '$share/g', ''])
      await expect(openSource({ url: broker.url, topic })).rejects.toMatchObject({ sqlState: '22023' })
  })
})
