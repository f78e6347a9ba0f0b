import { closeSync, existsSync, openSync, statSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Readings of `DEVICES` devices, a millisecond apart, as JSON of 111 bytes in five fields. The same ones every time. */
export const DEVICES = 1000
export const FIRST_MS = 1_700_000_040_000

/** Their columns in CREATE SOURCE. */
export const COLUMNS = `device_id TEXT, temperature DOUBLE PRECISION, humidity DOUBLE PRECISION,
  ts TIMESTAMPTZ FORMAT 'epoch_ms', site TEXT, WATERMARK FOR ts AS ts - INTERVAL '5 seconds'`

/** One-minute tumbling average and maximum of each device. */
export const QUERY = `SELECT device_id, window_start, avg(temperature) AS avg_t, max(temperature) AS max_t
  FROM TUMBLE(readings, ts, INTERVAL '1 minute') GROUP BY device_id, window_start EMIT FINAL`

/** Makes readings one by one. */
export function* readings(count: number, stepMs = 1): Generator<string, void, undefined> {
  let seed = 12345
  const random = (): number => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
    return seed / 2 ** 32
  }
  for (let i = 0; i < count; i++) {
    const device = String(Math.floor(random() * DEVICES)).padStart(4, '0')
    const [temperature, humidity] = [15 + random() * 20, 30 + random() * 60].map(v => v.toFixed(4))
    yield `{"device_id":"device-${device}","temperature":${temperature},"humidity":${humidity},"ts":${FIRST_MS + i * stepMs},"site":"plant-7/line-3"}`
  }
}

/** A file of readings, one a line; kept for the next run. */
export function readingsFile(count: number): string {
  const path = join(tmpdir(), `tidemark-readings-${count}.ndjson`)
  if (existsSync(path) && statSync(path).size > 110 * count) return path
  const file = openSync(path, 'w')
  let lines: string[] = []
  const flush = (): void => {
    writeSync(file, lines.join(''))
    lines = []
  }
  for (const line of readings(count)) if (lines.push(`${line}\n`) === 50_000) flush()
  flush()
  closeSync(file)
  return path
}
