/**
 * JSON in and out against JSON.parse and JSON.stringify, on one core in one run: `node bench/micro/json.ts [rows]`.
 * What counts is the ratio; five rounds, the best of each.
 */

import { seededRandom } from '../../src/base/clock.ts'
import { createBatch } from '../../src/batch/batch.ts'
import { createDecoder, createEncoder, type DecodedColumn } from '../../src/format/format.ts'

const BATCH = 1000
const ROUNDS = 5
const rows = Number(process.argv[2] ?? 500_000)
const random = seededRandom(7)

const columns: DecodedColumn[] = [
  { name: 'device_id', type: { kind: 'text' } },
  { name: 'ts', type: { kind: 'timestamptz' } },
  { name: 'temperature', type: { kind: 'double' } },
  { name: 'humidity', type: { kind: 'double' } },
  { name: 'seq', type: { kind: 'bigint' } },
]

interface Row {
  device_id: string
  ts: number | string
  temperature: number
  humidity: number
  seq: number
}

const row = (i: number): Row => ({
  device_id: `device-${String(Math.floor(random() * 1000)).padStart(4, '0')}`,
  ts: 1767323045678 + i * 7,
  temperature: Math.round(random() * 4000) / 100,
  humidity: Math.round(random() * 1000) / 10,
  seq: i,
})

const entries = (r: Row): [string, unknown][] => Object.entries(r)
/** Kinds of input; each is decoded by both. */
const inputs: Record<string, (i: number) => string> = {
  'epoch ms': i => JSON.stringify(row(i)),
  'ISO times': i => JSON.stringify({ ...row(i), ts: new Date(1767323045678 + i * 7).toISOString() }),
  '17 digits': i => JSON.stringify({ ...row(i), temperature: random() * 40, humidity: random() * 100 }),
  'with spaces': i => JSON.stringify(row(i)).replaceAll(':', ': ').replaceAll(',', ', '),
  '6 unknown fields': i =>
    JSON.stringify({ ...row(i), firmware: '1.2.3', site: 'north', rssi: -60, tags: ['a', 'b'], ok: true, note: null }),
  escapes: i => JSON.stringify({ ...row(i), device_id: `dév"${i % 1000}` }),
  'keys in random order': i => JSON.stringify(Object.fromEntries(entries(row(i)).sort(() => random() - 0.5))),
}

/** Fastest of some rounds, in million rows a second. */
function best(work: () => void): number {
  let fastest = Number.POSITIVE_INFINITY
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now()
    work()
    fastest = Math.min(fastest, performance.now() - start)
  }
  return rows / fastest / 1000
}

function report(name: string, ours: number, theirs: number): void {
  console.log(
    `${name.padEnd(24)} ${ours.toFixed(2).padStart(6)} M rows/s, JSON.* ${theirs.toFixed(2)}: ${(ours / theirs).toFixed(1)}×`,
  )
}

let sink = 0
console.log('decode')
for (const [name, make] of Object.entries(inputs)) {
  const parts = Array.from({ length: rows }, (_, i) => Buffer.from(make(i)))
  const bytes = Buffer.concat(parts)
  const bounds = new Int32Array(rows + 1)
  parts.forEach((part, i) => {
    bounds[i + 1] = bounds[i] + part.length
  })
  const decoder = createDecoder('json', columns)
  const ours = best(() => {
    for (let i = 0; i < rows; ) {
      decoder.begin(bytes, 'topic', '0')
      const end = Math.min(rows, i + BATCH)
      for (; i < end; i++) decoder.record(bounds[i], bounds[i + 1], i, -1, -1, -1)
      sink += decoder.finish().batch.rowCount
    }
  })
  const text = new Uint8Array(Buffer.from(parts.map(part => `${part}\n`).join('')))
  const asLines = best(() => {
    for (let at = 0; at < text.length; ) {
      decoder.begin(text, 'file', '0')
      at = decoder.lines?.(at, text.length, 0, BATCH) ?? text.length
      sink += decoder.finish().batch.rowCount
    }
  })
  const theirs = best(() => {
    for (let i = 0; i < rows; i++) sink += JSON.parse(bytes.toString('latin1', bounds[i], bounds[i + 1])).seq
  })
  report(name, ours, theirs)
  report('  as lines of a file', asLines, theirs)
}

console.log('encode')
for (const name of ['epoch ms', '17 digits', 'escapes']) {
  const parts = Array.from({ length: BATCH }, (_, i) => inputs[name](i))
  const bytes = Buffer.from(parts.join('\n'))
  const decoder = createDecoder('json', columns)
  decoder.begin(bytes, 'topic', '0')
  let at = 0
  for (const part of parts) {
    const length = Buffer.byteLength(part)
    decoder.record(at, at + length, 0, -1, -1, -1)
    at += length + 1
  }
  const { batch } = decoder.finish()
  const encoder = createEncoder('json', batch.schema)
  const copy = createBatch(batch.schema, batch.rowCount, batch.columns)
  const objects: Row[] = parts.map(p => JSON.parse(p))
  for (const object of objects) object.ts = new Date(object.ts).toISOString()
  const ours = best(() => {
    for (let i = 0; i < rows; i += BATCH) sink += encoder.encode(copy).count
  })
  const theirs = best(() => {
    for (let i = 0; i < rows; i++) sink += Buffer.from(JSON.stringify(objects[i % BATCH])).length
  })
  report(name, ours, theirs)
}
if (sink === 0) console.log('nothing was done')
