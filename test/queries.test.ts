import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { start, tidemark } from './support/cli.ts'
import { duckdb } from './support/duckdb.ts'
import { temporaryFolder } from './support/temporary.ts'

const folder = join(import.meta.dirname, '../queries/iot')

/** Runs an example in a folder of its own; answers its tables as rows of cells, without headers. */
async function runExample(name: string): Promise<{ rows: string[][]; cwd: string }> {
  const cwd = temporaryFolder()
  const { code, out, err } = await tidemark(['run', join(folder, name)], { cwd })
  expect({ code, err }).toEqual({ code: 0, err: expect.not.stringContaining('error') })
  return { rows: tableRows(out), cwd }
}

function tableRows(out: string): string[][] {
  return out
    .split('\n')
    .slice(0, -1)
    .map(line => line.split('\t'))
}

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0)

test('every example says on top what it does and is tested here, or with the brokers it needs', () => {
  const files = [import.meta.filename, join(import.meta.dirname, 'engine/story.test.ts')]
  const tests = files.map(file => readFileSync(file, 'utf8')).join('\n')
  for (const name of readdirSync(folder)) {
    expect(readFileSync(join(folder, name), 'utf8')).toMatch(/^-- \w/)
    expect(tests).toContain(`'${name}'`)
  }
})

test('rooms.sql: every reading of the hour is in one window of its site', async () => {
  const { rows } = await runExample('rooms.sql')
  const [header, ...windows] = rows
  expect(header).toEqual(['site', 'window_start', 'readings', 'avg_temperature', 'max_co2'])
  expect(sum(windows.map(w => Number(w[2])))).toBe(36_000)
  const full = windows.filter(w => w[1] >= '2026-01-05 09:00:00+00')
  expect(full).toHaveLength(5 * 12)
  for (const [, , , temperature, co2] of full) {
    expect(Number(temperature)).toBeGreaterThan(15)
    expect(Number(temperature)).toBeLessThan(27)
    expect(Number(co2)).toBeGreaterThan(420)
  }
})

test('minute-max.sql: maxima per minute, and over all', async () => {
  const { rows } = await runExample('minute-max.sql')
  expect(rows).toEqual([
    ['sensor', 'window_start', 'maxco2', 'maxvocppb'],
    ['hall', '2026-01-05 09:00:00+00', '460', '44'],
    ['office', '2026-01-05 09:00:00+00', '780', '120'],
    ['hall', '2026-01-05 09:01:00+00', '455', '40'],
    ['office', '2026-01-05 09:01:00+00', '1240', '310'],
    ['maxco2', 'maxvocppb'],
    ['1240', '310'],
  ])
})

test('humidity-alerts.sql: a standing stream, until Ctrl-C', async () => {
  const running = start(['run', join(folder, 'humidity-alerts.sql')], { cwd: temporaryFolder() })
  await running.until(/cellar/)
  running.child.kill('SIGINT')
  const { code, out } = await running.ended
  expect(code).toBe(0)
  expect(tableRows(out)).toEqual([
    ['device_id', 'humidity'],
    ['bath', '91.5'],
    ['cellar', '86.2'],
  ])
})

test('flink-style.sql: sums per five minutes', async () => {
  const { rows } = await runExample('flink-style.sql')
  expect(rows).toEqual([
    ['meter', 'window_start', 'window_end', 'watts'],
    ['m1', '2026-01-05 09:00:00+00', '2026-01-05 09:05:00+00', '400'],
    ['m1', '2026-01-05 09:05:00+00', '2026-01-05 09:10:00+00', '500'],
    ['m2', '2026-01-05 09:00:00+00', '2026-01-05 09:05:00+00', '50'],
  ])
})

test('hopping.sql: each reading is in ten windows, each window is written once', async () => {
  const { cwd } = await runExample('hopping.sql')
  const lines = readFileSync(join(cwd, 'peaks.ndjson'), 'utf8').trim().split('\n')
  const windows: { site: string; window_start: string; readings: number }[] = lines.map(line => JSON.parse(line))
  expect(sum(windows.map(w => w.readings))).toBe(10 * 12_000)
  expect(new Set(windows.map(w => `${w.site} ${w.window_start}`)).size).toBe(windows.length)
  expect(windows).toHaveLength(5 * (20 + 9)) // 20 minutes, and windows that began up to 9 minutes before
})

test('minutes-to-file.sql: one line a device and minute', async () => {
  const { cwd } = await runExample('minutes-to-file.sql')
  const [header, ...lines] = readFileSync(join(cwd, 'minutes.csv'), 'utf8').trim().split('\n')
  expect(header).toBe('device_id,window_start,readings,avg_temperature,max_voc')
  const rows = lines.map(line => line.split(','))
  expect(sum(rows.map(r => Number(r[2])))).toBe(12_000)
  expect(new Set(rows.map(r => `${r[0]} ${r[1]}`)).size).toBe(rows.length)
  expect(rows.filter(r => r[1] >= '2026-01-05T09:00')).toHaveLength(20 * 10)
})

test('late-and-bad.sql: every record is in the view, late or bad', async () => {
  const { rows } = await runExample('late-and-bad.sql')
  const [job, ...tail] = rows.slice(rows.findIndex(r => r[0] === 'job') + 1)
  const [name, rowsIn, late, bad] = job
  expect(name).toBe('minutes')
  expect(Number(rowsIn) + Number(bad)).toBe(60_000)
  expect(sum(rows.filter(r => r.length === 2 && /^\d+$/.test(r[1])).map(r => Number(r[1])))).toBe(
    Number(rowsIn) - Number(late),
  )
  expect(Number(late) / 60_000).toBeCloseTo(0.01, 2)
  expect(Number(bad) / 60_000).toBeCloseTo(0.005, 2)
  expect(tail.filter(r => r.length === 3 && /^\d+$/.test(r[0]))).toHaveLength(5)
})

test('air-alerts.sql: stuffy sites at noon', async () => {
  const { rows } = await runExample('air-alerts.sql')
  const [header, ...sites] = rows
  expect(header).toEqual(['site', 'devices', 'worst_co2'])
  expect(sites.map(s => s[0])).toEqual(['berlin', 'lyon', 'oslo', 'porto', 'turin'])
  for (const [, devices, worst] of sites) {
    expect(Number(devices)).toBeGreaterThan(0)
    expect(Number(devices)).toBeLessThanOrEqual(10)
    expect(Number(worst)).toBeGreaterThan(1000)
  }
})

test('archive-to-parquet.sql: every reading is in the folder of its hour and site', async () => {
  const { cwd } = await runExample('archive-to-parquet.sql')
  const [all] = await duckdb(`
    SELECT count(*), count(DISTINCT site) > 1, bool_and(hour(make_timestamp(epoch_us(ts))) = hour)
    FROM read_parquet('${cwd}/readings/*/*/*/*.parquet', hive_partitioning = true, hive_types = {hour: BIGINT})`)
  expect(all).toEqual(['144000', true, true])
})

test('enriched.sql: readings with the room of their device; the answer follows the table', async () => {
  const { rows } = await runExample('enriched.sql')
  expect(rows).toEqual([
    ['device_id', 'room', 'temperature'],
    ['d1', 'hall', '21.5'],
    ['d2', 'attic', '28'],
    ['d1', 'hall', '26'],
    ['d9', 'unknown', '19'],
    ['ts', 'room', 'temperature'],
    ['2026-01-05 09:01:00+00', 'hall', '26'],
    ['ts', 'room', 'temperature'],
    ['2026-01-05 09:00:10+00', 'attic', '28'],
    ['2026-01-05 09:01:00+00', 'hall', '26'],
  ])
})

test('alarms.sql: each alarm with the readings of the minute before', async () => {
  const { rows } = await runExample('alarms.sql')
  expect(rows).toEqual([
    ['device_id', 'kind', 'alarm_at', 'read_at', 'temperature'],
    ['d1', 'smoke', '2026-01-05 09:01:15+00', '2026-01-05 09:00:30+00', '24'],
    ['d1', 'smoke', '2026-01-05 09:01:15+00', '2026-01-05 09:01:10+00', '31'],
    ['d3', 'door', '2026-01-05 09:01:20+00', '', ''],
  ])
})
