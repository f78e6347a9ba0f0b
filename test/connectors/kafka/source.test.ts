import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { kafka } from '../../../connectors/kafka/kafka.ts'
import { type Clock, systemClock } from '../../../src/base/clock.ts'
import { silentLogger } from '../../../src/base/log.ts'
import { KafkaBroker, kafkaMissing, runs } from '../../support/kafka.ts'
import { createSink, createSource, pairs, parseOptions, readAll, readUntil, values } from './play.ts'

const missing = kafkaMissing()
const openssl = runs('openssl', 'version')
let broker: KafkaBroker

beforeAll(async () => {
  if (!missing) broker = await KafkaBroker.start({ tls: openssl })
})
afterAll(() => broker?.stop())

const numbers = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, i) => String(from + i))

/** Writes through our own sink, which the sink's tests hold against Java's consumer. */
async function write(
  topic: string,
  rows: readonly (readonly [string | null, string | null])[],
  partitions = 1,
): Promise<void> {
  const options = { brokers: broker.address, topic, delivery: 'at_least_once', partitions: String(partitions) }
  const sink = createSink(options)
  await sink.open(undefined)
  await sink.write(pairs(rows))
  await sink.prepare(1)
  await sink.close()
}

describe.skipIf(missing)('a Kafka source', () => {
  test('reads what Java producers wrote in every codec, and ends', async () => {
    await broker.createTopic('codecs', 1)
    const expected: string[] = []
    for (const codec of ['none', 'gzip', 'snappy', 'lz4', 'zstd']) {
      const lines = numbers(0, 3000).map(n => `${codec} ${n} ${'abc'.repeat(Number(n) % 50)}`)
      await broker.produce('codecs', lines, { codec })
      expected.push(...lines)
    }
    for (const rowsMax of [1, 7, 100_000]) {
      const rows = await readAll({ brokers: broker.address, topic: 'codecs' }, undefined, rowsMax)
      expect(values(rows)).toEqual(expected)
      expect(rows.map(r => r.offset)).toEqual(expected.map((_, i) => i))
    }
    const few = await readAll({
      brokers: broker.address,
      topic: 'codecs',
      fetch_max_bytes: '2000',
      max_partition_fetch_bytes: '1500',
    })
    expect(values(few)).toEqual(expected)
    const context = { options: parseOptions({ brokers: broker.address, topic: 'codecs' }), job: 'sample', dataDir: '' }
    const sample = await kafka.sample!({ ...context, clock: systemClock, log: silentLogger }, 5)
    expect(sample.map(bytes => Buffer.from(bytes).toString())).toEqual(expected.slice(0, 5))
  })

  test('gives headers, keys, null values and times', async () => {
    await broker.createTopic('headers', 1)
    const args = ['--bootstrap-server', broker.address, '--topic', 'headers']
    for (const property of [
      'parse.key=true',
      'parse.headers=true',
      'null.marker=NULL',
      'key.separator=|',
      'headers.delimiter=|',
    ])
      args.push('--reader-property', property)
    const before = Date.now()
    await broker.tool('org.apache.kafka.tools.ConsoleProducer', args, 'h1:x,h2:ÿ|key|value\nh3:|NULL|NULL\n')
    const rows = await readAll({ brokers: broker.address, topic: 'headers' })
    expect(rows.map(r => [r.headers, r.key, r.value])).toEqual([['h1=x,h2=ÿ', 'key', 'value'], ['h3=', null, null]]) // biome-ignore format: a row a pair
    for (const row of rows) expect(row.timestamp).toBeGreaterThan(before - 1000)
  })

  test('goes on from a position, and lags by what is left', async () => {
    await write('positions', numbers(0, 500).map(n => [n, `v${n}`]), 3) // biome-ignore format: short
    const options = { brokers: broker.address, topic: 'positions' }
    const first = createSource(options)
    await first.open(undefined)
    expect(first.lag?.()).toBe(500)
    expect(first.partitions()).toEqual(['0', '1', '2'])
    const before = await readUntil(first, rows => rows.length >= 200, 17)
    const position = JSON.parse(JSON.stringify(first.position()))
    expect(first.lag?.()).toBe(500 - before.length)
    await first.acknowledge?.(position)
    await first.close()
    const after = await readAll(options, position)
    const seen = [...before, ...after]
    const expected = numbers(0, 500).map(n => `v${n}`)
    expect(seen.map(r => r.value).sort()).toEqual(expected.sort())
    expect(seen.every(r => r.value === `v${r.key}`)).toBe(true)
    const group = ['--bootstrap-server', broker.address, '--describe', '--offsets', '--group', 'tidemark-test']
    const described = await broker.tool('org.apache.kafka.tools.consumer.group.ConsumerGroupCommand', group)
    const lag = described.split('\n').flatMap(line => /positions\s+\d+\s+\d+\s+\d+\s+(\d+)/.exec(line)?.[1] ?? [])
    expect(lag.map(Number).reduce((a, b) => a + b)).toBe(after.length)
  })

  test('finds an answer that came while nobody waited', async () => {
    await write('ahead', [
      [null, 'a'],
      [null, 'b'],
    ])
    let frozen = false
    const clock: Clock = {
      ...systemClock,
      // No time passes: only what rings ends a wait.
      sleep: (ms, signal) =>
        frozen
          ? new Promise(resolve => signal?.addEventListener('abort', () => resolve(), { once: true }))
          : systemClock.sleep(ms, signal),
    }
    const source = createSource({ brokers: broker.address, topic: 'ahead' }, { clock })
    await source.open(undefined)
    frozen = true
    const never = new AbortController().signal
    const next = async (): Promise<number> => {
      const polled = await source.poll(1, never)
      return polled.kind === 'rows' ? polled.batch.rowCount : 0
    }
    expect(await next()).toBe(1)
    // The request for what follows is under way already; its answer comes while the second row still waits to be read.
    await write('ahead', [[null, 'c']])
    await systemClock.sleep(100)
    expect([await next(), await next()]).toEqual([1, 1])
    await source.close()
  })

  test('starts where it is told', async () => {
    await write('starts', numbers(0, 10).map(n => [null, n])) // biome-ignore format: short
    await new Promise(resolve => setTimeout(resolve, 5))
    const between = new Date().toISOString()
    await write('starts', numbers(10, 15).map(n => [null, n])) // biome-ignore format: short
    const options = { brokers: broker.address, topic: 'starts' }
    expect(values(await readAll({ ...options, start: 'earliest' }))).toEqual(numbers(0, 15))
    expect(values(await readAll({ ...options, start: 'latest' }))).toEqual([])
    expect(values(await readAll({ ...options, start: between }))).toEqual(numbers(10, 15))
    expect(values(await readAll({ ...options, start: '2099-01-01' }))).toEqual([])
    expect(values(await readAll({ ...options, start_offsets: '0:12' }))).toEqual(numbers(12, 15))
    expect(values(await readAll({ ...options, start_offsets: 'starts/0:3' }))).toEqual(numbers(3, 15))
    // A position says more than the options.
    expect(values(await readAll({ ...options, start: 'latest' }, { 'starts/0': 14 }))).toEqual(['14'])
  })

  test('reads topics by pattern, also topics and partitions that appear while it runs', async () => {
    await write('grow.a', [[null, 'a0']])
    const options = { brokers: broker.address, topic_pattern: 'grow[.].*', metadata_refresh_ms: '200', start: 'latest' }
    const source = createSource(options)
    await source.open(undefined)
    await write('grow.b', [[null, 'b0']])
    await write('ungrown', [[null, 'no']])
    const alter = ['--bootstrap-server', broker.address, '--alter', '--topic', 'grow.a', '--partitions', '2']
    await broker.tool('org.apache.kafka.tools.TopicCommand', alter)
    await write('grow.a', numbers(0, 40).map(n => [n, `later ${n}`])) // biome-ignore format: short
    const rows = await readUntil(source, seen => seen.length === 41)
    expect(values(rows).sort()).toEqual(['b0', ...numbers(0, 40).map(n => `later ${n}`)].sort())
    expect(rows.some(row => row.topic === 'grow.a' && row.partition === '1')).toBe(true)
    expect([...source.partitions()].sort()).toEqual(['grow.a/0', 'grow.a/1', 'grow.b/0'])
    await source.close()
  })

  test('says what is lost when the broker no longer has the position', async () => {
    await write('lost', numbers(0, 100).map(n => [null, n])) // biome-ignore format: short
    const json = JSON.stringify({ partitions: [{ topic: 'lost', partition: 0, offset: 60 }], version: 1 })
    const file = `${broker.dir}/delete.json`
    await import('node:fs').then(fs => fs.writeFileSync(file, json))
    const args = ['--bootstrap-server', broker.address, '--offset-json-file', file]
    await broker.tool('org.apache.kafka.tools.DeleteRecordsCommand', args)
    const options = { brokers: broker.address, topic: 'lost' }
    await expect(readAll(options, { 'lost/0': 20 })).rejects.toMatchObject({
      message: 'records 20 to 59 of lost/0 are gone: the broker keeps 60 to 99',
    })
    await expect(readAll(options, { 'lost/0': 20 })).rejects.toMatchObject({ sqlState: '58030', retryable: false })
    const kept = await readAll({ ...options, on_offset_reset: 'earliest' }, { 'lost/0': 20 })
    expect(values(kept)).toEqual(numbers(60, 100))
    expect(await readAll({ ...options, on_offset_reset: 'latest' }, { 'lost/0': 20 })).toEqual([])
  })

  test('names what is wrong', async () => {
    const open = (options: Record<string, string>) => readAll(options)
    await expect(open({ brokers: '127.0.0.1:1', topic: 't' })).rejects.toMatchObject({
      sqlState: '08001',
      retryable: true,
      actor: 'external',
    })
    await write('weather', [[null, 'x']])
    await expect(open({ brokers: broker.address, topic: 'waether' })).rejects.toMatchObject({
      sqlState: '42P01',
      hint: 'Did you mean "weather"?',
    })
    const sink = createSink({ brokers: broker.address, topic: 'wether', create_topic: 'false' })
    await expect(sink.open(undefined)).rejects.toMatchObject({ sqlState: '42P01' })
    await sink.close()
    expect(() => parseOptions({ brokers: 'a:b', topic: 't' })).toThrow("must be 'host:port'")
    expect(() => createSource({ brokers: broker.address })).toThrow('either topic or topic_pattern')
    expect(() => createSource({ brokers: broker.address, topic: 't', security_protocol: 'SASL_SSL' })).toThrow(
      'sasl_username',
    )
  })

  test.each([
    ['PLAIN', 'alice', 'alice-secret'],
    ['SCRAM-SHA-256', 'carol', 'carol-secret'],
    ['SCRAM-SHA-512', 'dave', 'dave-secret'],
  ])('logs in by %s', async (mechanism, name, password) => {
    await write(`sasl-${mechanism}`, [[null, 'in']])
    const options = { brokers: broker.saslAddress, topic: `sasl-${mechanism}`, security_protocol: 'SASL_PLAINTEXT' }
    const login = { ...options, sasl_mechanism: mechanism, sasl_username: name }
    expect(values(await readAll({ ...login, sasl_password: password }))).toEqual(['in'])
    await expect(readAll({ ...login, sasl_password: 'wrong' })).rejects.toMatchObject({ sqlState: '28P01' })
    await expect(readAll({ ...options, security_protocol: 'PLAINTEXT' })).rejects.toMatchObject({
      sqlState: '08006',
      hint: expect.stringContaining('security_protocol'),
    })
  })

  test.skipIf(!openssl)('speaks TLS, and trusts nobody it was not told to', async () => {
    await write('secret', numbers(0, 2000).map(n => [null, n.repeat(20)])) // biome-ignore format: short
    const login = { sasl_mechanism: 'SCRAM-SHA-512', sasl_username: 'dave', sasl_password: 'dave-secret' }
    const options = { ...login, brokers: broker.tlsAddress, topic: 'secret', security_protocol: 'SASL_SSL' }
    const rows = await readAll({ ...options, ssl_ca: broker.certificate })
    expect(values(rows)).toEqual(numbers(0, 2000).map(n => n.repeat(20)))
    await expect(readAll(options)).rejects.toMatchObject({
      sqlState: '08001',
      message: expect.stringContaining('certificate'),
    })
    await expect(
      readAll({ ...options, brokers: broker.saslAddress, ssl_ca: broker.certificate }),
    ).rejects.toMatchObject({
      sqlState: '08001',
    })
  })
})
