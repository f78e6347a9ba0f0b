import { expect, onTestFinished, test } from 'vitest'
import { embedded } from '../../connectors/embedded/embedded.ts'
import { systemClock } from '../../src/base/clock.ts'
import { openLog } from '../../src/log/log.ts'
import {
  type Fixture,
  liveSourceContract,
  optionValues,
  polledTexts,
  sinkContext,
  sinkContract,
  sourceContext,
  sourceContract,
} from '../support/connector-contract.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { textBatch } from '../support/text-records.ts'

function fixture(options: Readonly<Record<string, string>>): Fixture {
  return {
    connector: embedded,
    place: async () => {
      const dataDir = temporaryFolder()
      const log = openLog(dataDir)
      onTestFinished(() => log.close())
      return {
        options: { topic: 't', ...options },
        dataDir,
        async feed(values) {
          const topic = await log.ensureTopic('t', { partitions: Number(options.partitions) }, systemClock)
          for (const value of values) {
            await log.append(topic, undefined, [{ value: Buffer.from(value), timestampMs: 0 }])
          }
        },
        async visible() {
          const block = log.read(log.topic('t'), 0, 0, 1 << 24)
          return Array.from({ length: block.count }, (_, i) => Buffer.from(block.recordAt(i).value ?? []).toString())
        },
      }
    },
  }
}

sourceContract('embedded', fixture({ partitions: '3' }))
liveSourceContract('embedded', fixture({ partitions: '3' }))
sinkContract('embedded', fixture({ partitions: '1' }))

const never = new AbortController().signal

test('reading begins at the earliest record, the latest or a time', async () => {
  const place = await fixture({ partitions: '1' }).place()
  const log = openLog(place.dataDir)
  onTestFinished(() => log.close())
  const topic = await log.createTopic('t', {}, systemClock)
  for (const ms of [1000, 2000, 3000]) {
    await log.append(topic, 0, [{ value: Buffer.from(`at ${ms}`), timestampMs: Date.UTC(2026, 0) + ms }])
  }
  const read = async (start: string): Promise<string[]> => {
    const context = sourceContext(embedded, { ...place, options: { ...place.options, start } }, true)
    const source = embedded.source?.(context)
    await source?.open(undefined)
    const polled = await source?.poll(10, never)
    await source?.close()
    return polled ? polledTexts(polled) : []
  }
  expect(await read('earliest')).toEqual(['0: at 1000', '0: at 2000', '0: at 3000'])
  expect(await read('2026-01-01T00:00:02Z')).toEqual(['0: at 2000', '0: at 3000'])
  expect(await read('latest')).toEqual([])
  expect(() => optionValues(embedded, { topic: 't', start: 'whenever' })).toThrow("'earliest', 'latest' or a time")
})

test('keys choose the partition, and a row taken back is a null value', async () => {
  const place = await fixture({ partitions: '4', delivery: 'at_least_once' }).place()
  const sink = embedded.sink?.(sinkContext(embedded, place))
  await sink?.open(undefined)
  await sink?.write(
    textBatch([
      ['foobar', 'x'],
      ['21', 'y'],
      ['foobar', null],
    ]),
  )
  await sink?.close()
  const log = openLog(place.dataDir)
  onTestFinished(() => log.close())
  const topic = log.topic('t')
  const block = log.read(topic, (-790332482 & 0x7fffffff) % 4, 0, 1000)
  expect(block.count).toBe(2)
  expect(block.recordAt(1)).toMatchObject({ key: new Uint8Array(Buffer.from('foobar')), value: null })
})

test('a live source notices added partitions', async () => {
  const place = await fixture({ partitions: '1' }).place()
  const log = openLog(place.dataDir)
  onTestFinished(() => log.close())
  const source = embedded.source?.(sourceContext(embedded, place, false))
  await source?.open(undefined)
  const wider = await log.alterTopic('t', { partitions: 2 })
  await log.append(wider, 1, [{ value: Buffer.from('new'), timestampMs: 0 }])
  const seen: string[] = []
  while (source && seen.length === 0) seen.push(...polledTexts(await source.poll(10, never)))
  expect(seen).toEqual(['1: new'])
  await source?.close()
})

test('a topic made anew after the checkpoint is read from its beginning', async () => {
  const place = await fixture({ partitions: '1' }).place()
  await place.feed?.(['old1', 'old2'])
  const first = embedded.source?.(sourceContext(embedded, place, true))
  await first?.open(undefined)
  await first?.poll(10, never)
  const position = first?.position()
  await first?.close()
  const log = openLog(place.dataDir)
  onTestFinished(() => log.close())
  await log.dropTopic('t')
  await place.feed?.(['new'])
  const second = embedded.source?.(sourceContext(embedded, place, true))
  await second?.open(position)
  expect(second && polledTexts(await second.poll(10, never))).toEqual(['0: new'])
  await second?.close()
})
