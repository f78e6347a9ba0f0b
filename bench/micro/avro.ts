/**
 * Avro records to columns against avsc, which makes an object a record, on one core in one run: `node bench/micro/avro.ts [rows]`.
 * What counts is the ratio; five rounds each, in turns, the best of each.
 */
import avsc from 'avsc'
import { seededRandom } from '../../src/base/clock.ts'
import { createDecoder, type DecodedColumn } from '../../src/format/format.ts'

const BATCH = 1000
const ROUNDS = 5
const rows = Number(process.argv[2] ?? 500_000)
const random = seededRandom(7)

const schema = (nullable: boolean) => ({
  type: 'record',
  name: 'reading',
  fields: Object.entries({
    device_id: 'string',
    ts: { type: 'long', logicalType: 'timestamp-millis' },
    temperature: 'double',
    humidity: 'double',
    seq: 'long',
  }).map(([name, type]) => ({ name, type: nullable ? ['null', type] : type })),
})
const columns: DecodedColumn[] = [
  { name: 'device_id', type: { kind: 'text' } },
  { name: 'ts', type: { kind: 'timestamptz' } },
  { name: 'temperature', type: { kind: 'double' } },
  { name: 'humidity', type: { kind: 'double' } },
  { name: 'seq', type: { kind: 'bigint' } },
]

let sum = 0
for (const nullable of [false, true]) {
  const type = avsc.Type.forSchema(schema(nullable) as avsc.Schema, { wrapUnions: false })
  const records = Array.from({ length: rows }, (_, i) =>
    type.toBuffer({
      device_id: `device-${String(Math.floor(random() * 1000)).padStart(4, '0')}`,
      ts: 1767323045678 + i * 7,
      temperature: random() * 40,
      humidity: random() * 100,
      seq: i,
    }),
  )
  const bytes = new Uint8Array(Buffer.concat(records))
  const ends = new Int32Array(rows)
  for (let i = 0, at = 0; i < rows; i++) {
    at += records[i].length
    ends[i] = at
  }
  const ours = (): void => {
    const decoder = createDecoder('avro', columns, { avroSchema: JSON.stringify(schema(nullable)) })
    for (let from = 0; from < rows; from += BATCH) {
      decoder.begin(bytes, 'topic', '0')
      const to = Math.min(rows, from + BATCH)
      for (let i = from; i < to; i++) decoder.record(i === 0 ? 0 : ends[i - 1], ends[i], i, -1, -1, -1)
      sum += decoder.finish().batch.rowCount
    }
  }
  const theirs = (): void => {
    for (const record of records) sum += (type.fromBuffer(record) as { seq: number }).seq & 1
  }
  let [best, bestTheirs] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]
  for (let round = 0; round < ROUNDS; round++) {
    best = Math.min(best, timed(ours))
    bestTheirs = Math.min(bestTheirs, timed(theirs))
  }
  const name = nullable ? 'fields that may be null' : 'plain fields'
  const [a, b] = [rows / best / 1000, rows / bestTheirs / 1000]
  console.log(`${name.padEnd(24)} ${a.toFixed(2).padStart(6)} M rows/s, avsc ${b.toFixed(2)}: ${(a / b).toFixed(1)}×`)
}
console.log(`(${sum})`)

function timed(work: () => void): number {
  const start = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(start)
  return (user + system) / 1000
}
