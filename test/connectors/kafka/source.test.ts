import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { KafkaBroker, kafkaMissing } from '../../support/kafka.ts'
import { createSource, readAll, readUntil, values } from './play.ts'

const missing = kafkaMissing()
let broker: KafkaBroker

beforeAll(async () => {
  if (!missing) broker = await KafkaBroker.start()
})
afterAll(() => broker?.stop())

const numbers = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, i) => String(from + i))

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
  })

  test('goes on from a position, and lags by what is left', async () => {
    await broker.createTopic('positions', 3)
    await broker.produce(
      'positions',
      numbers(0, 500).map(n => `${n}:v${n}`),
      { keyed: true },
    )
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
    expect(seen.map(r => r.value).sort()).toEqual(
      numbers(0, 500)
        .map(n => `v${n}`)
        .sort(),
    )
    expect(seen.every(r => r.value === `v${r.key}`)).toBe(true)
    const group = ['--bootstrap-server', broker.address, '--describe', '--offsets', '--group', 'tidemark-test']
    const described = await broker.tool('org.apache.kafka.tools.consumer.group.ConsumerGroupCommand', group)
    const lag = described.split('\n').flatMap(line => /positions\s+\d+\s+\d+\s+\d+\s+(\d+)/.exec(line)?.[1] ?? [])
    expect(lag.map(Number).reduce((a, b) => a + b)).toBe(after.length)
  })
})
