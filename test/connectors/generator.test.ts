import { expect, test } from 'vitest'
import { generator } from '../../connectors/generator/generator.ts'
import type { Clock } from '../../src/base/clock.ts'
import { datumAt } from '../../src/batch/column.ts'
import { BIGINT, DOUBLE, TEXT, TIMESTAMPTZ } from '../../src/batch/types.ts'
import { createDecoder } from '../../src/format/format.ts'
import {
  type Fixture,
  optionValues,
  polledTexts,
  sourceContext,
  sourceContract,
} from '../support/connector-contract.ts'

function fixture(options: Readonly<Record<string, string>>): Fixture {
  return { connector: generator, place: async () => ({ options, dataDir: '' }) }
}

const TROUBLE = {
  out_of_order: '5%',
  late: '0.05',
  duplicated: '5%',
  malformed: '5%',
  wrong_clock: '5%',
  silent: '10%',
}
const START = { start_time: '2026-01-01T00:00:00Z' }
const START_MS = Date.UTC(2026, 0)

sourceContract('generator', fixture({ ...START, ...TROUBLE, rows: '60', partitions: '3', devices: '7' }))

const never = new AbortController().signal

interface Reading {
  readonly device_id: string
  readonly site: string
  readonly ts: string
  readonly temperature: number
  readonly humidity: number
  readonly equivalentco2ppm: number
  readonly totalvocppb: number
  readonly battery: number
}

async function readAll(options: Readonly<Record<string, string>>): Promise<string[]> {
  const place = await fixture({ ...START, ...options }).place()
  const source = generator.source?.(sourceContext(generator, place, true))
  if (!source) throw new Error('no source')
  await source.open(undefined)
  const texts: string[] = []
  for (;;) {
    const polled = await source.poll(1000, never)
    if (polled.kind === 'end') return texts
    texts.push(...polledTexts(polled).map(t => t.slice(t.indexOf(': ') + 2)))
  }
}

function readings(texts: readonly string[]): Reading[] {
  return texts.map(text => JSON.parse(text))
}

test('a clean fleet sends plausible readings of every device in turn, by the rate', async () => {
  const all = readings(await readAll({ rows: '3000', devices: '100', rate: '50' }))
  expect(new Set(all.map(r => r.device_id)).size).toBe(100)
  expect(all[142].device_id).toBe('sensor-00042')
  all.forEach((r, i) => {
    expect(Date.parse(r.ts)).toBe(START_MS + i * 20)
    expect(r.temperature).toBeGreaterThan(10)
    expect(r.temperature).toBeLessThan(35)
    expect(r.humidity).toBeGreaterThan(20)
    expect(r.humidity).toBeLessThan(80)
    expect(r.equivalentco2ppm).toBeGreaterThanOrEqual(400)
    expect(Number.isInteger(r.totalvocppb)).toBe(true)
    expect(r.battery).toBeGreaterThan(0)
    expect(r.battery).toBeLessThanOrEqual(100)
  })
})

test('temperature follows the day', async () => {
  const all = readings(await readAll({ rows: '24', devices: '1', rate: '1', start_time: '2026-01-01T15:00:00Z' }))
  const night = readings(await readAll({ rows: '24', devices: '1', rate: '1', start_time: '2026-01-01T03:00:00Z' }))
  const mean = (rows: Reading[]): number => rows.reduce((sum, r) => sum + r.temperature, 0) / rows.length
  expect(mean(all) - mean(night)).toBeGreaterThan(5)
})

test('the same seed repeats, another does not', async () => {
  const once = await readAll({ ...TROUBLE, rows: '500' })
  expect(await readAll({ ...TROUBLE, rows: '500' })).toEqual(once)
  expect(await readAll({ ...TROUBLE, rows: '500', seed: '2' })).not.toEqual(once)
})

test('troubles come at the rates asked for', async () => {
  const rows = 20_000
  const count = async (option: string, odd: (r: Reading, i: number, all: Reading[]) => boolean): Promise<number> =>
    readings(await readAll({ rows: String(rows), [option]: '0.1' })).filter(odd).length / rows
  const behindMs = (r: Reading, i: number): number => START_MS + i - Date.parse(r.ts)
  expect(await count('late', (r, i) => behindMs(r, i) >= 60_000 && behindMs(r, i) <= 15 * 60_000)).toBeCloseTo(0.1, 2)
  expect(await count('out_of_order', (r, i) => behindMs(r, i) > 0 && behindMs(r, i) <= 3000)).toBeCloseTo(0.1, 2)
  // A repetition after a repetition says what that one hid: 0.1 · 0.9.
  expect(await count('duplicated', (r, i, all) => i > 0 && r.device_id === all[i - 1].device_id)).toBeCloseTo(0.09, 2)
  expect(await count('wrong_clock', (r, i) => Math.abs(behindMs(r, i)) > 3_000_000)).toBeCloseTo(0.1, 2)
  const malformed = await readAll({ rows: String(rows), malformed: '0.1' })
  const bad = malformed.filter(text => {
    try {
      return typeof JSON.parse(text).temperature !== 'number'
    } catch {
      return true
    }
  })
  expect(bad.length / rows).toBeCloseTo(0.1, 2)
  expect((await readAll({ rows: String(rows), silent: '0.1' })).length / rows).toBeCloseTo(0.9, 1)
})

test('a live fleet sends by the clock it is given, and goes on from its position with the time it began', async () => {
  let nowMs = START_MS
  const clock: Clock = {
    nowMs: () => nowMs,
    monotonicMs: () => nowMs,
    sleep: async ms => {
      nowMs += ms
    },
  }
  const place = { options: { rate: '10', devices: '3' }, dataDir: '' }
  const open = async (position?: Readonly<Record<string, unknown>>) => {
    const source = generator.source?.({ ...sourceContext(generator, place, false), clock })
    if (!source) throw new Error('no source')
    await source.open(position)
    return source
  }
  const source = await open()
  const texts = polledTexts(await source.poll(100, never))
  nowMs = START_MS + 950
  texts.push(...polledTexts(await source.poll(100, never)))
  expect(readings(texts.map(t => t.slice(3))).map(r => Date.parse(r.ts) - START_MS)).toEqual([
    0, 100, 200, 300, 400, 500, 600, 700, 800, 900,
  ])
  expect(source.lag?.()).toBe(0)
  const position = JSON.parse(JSON.stringify(source.position()))
  nowMs = START_MS + 1100
  const again = await open(position)
  expect(readings(polledTexts(await again.poll(1, never)).map(t => t.slice(3)))[0].ts).toBe('2026-01-01T00:00:01.000Z')
  expect(again.lag?.()).toBe(1)
})

test('readings decode into columns, with the device as key', async () => {
  const decoder = createDecoder('json', [
    { name: 'device_id', type: TEXT },
    { name: 'ts', type: TIMESTAMPTZ },
    { name: 'temperature', type: DOUBLE },
    { name: 'equivalentco2ppm', type: BIGINT },
    { name: 'key', type: TEXT, metadata: 'key' },
  ])
  const place = { options: { ...START, rows: '1000', malformed: '10%' }, dataDir: '' }
  const source = generator.source?.({ ...sourceContext(generator, place, true), decoder })
  await source?.open(undefined)
  const polled = await source?.poll(1000, never)
  if (polled?.kind !== 'rows') throw new Error('no rows')
  const { batch, bad } = polled
  expect(batch.rowCount + bad.length).toBe(1000)
  expect(bad.length).toBeGreaterThan(40)
  for (let row = 0; row < batch.rowCount; row++) {
    expect(datumAt(batch.columns[4], row)).toBe(datumAt(batch.columns[0], row))
  }
})

test('what makes no sense is refused, a sample is clean', async () => {
  expect(() => optionValues(generator, { late: '2' })).toThrow('a share from 0 to 1')
  const options = optionValues(generator, { late: '0.6', malformed: '60%' })
  const context = sourceContext(generator, { options: {}, dataDir: '' }, true)
  expect(() => generator.source?.({ ...context, options })).toThrow('more than all')
  const sample = await generator.sample?.({ ...context, options: optionValues(generator, { malformed: '1' }) }, 3)
  expect(sample?.map(bytes => JSON.parse(Buffer.from(bytes).toString()).device_id)).toEqual([
    'sensor-00000',
    'sensor-00001',
    'sensor-00002',
  ])
})
