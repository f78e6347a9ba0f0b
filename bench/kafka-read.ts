/**
 * Kafka → columns on one core against a private real broker: `node bench/kafka-read.ts [rows]`. Records of 111 bytes of JSON in
 * four partitions, written by our own sink; then read and decoded by the real formats. Rates are per second of wall time,
 * CPU is this process's. Needs Java and Maven.
 */
import { kafka } from '../connectors/kafka/kafka.ts'
import { systemClock } from '../src/base/clock.ts'
import { silentLogger } from '../src/base/log.ts'
import { batchOfRows, createBatch } from '../src/batch/batch.ts'
import type { EncodedRecords, OptionValues, RecordDecoder } from '../src/connector.ts'
import { createDecoder, type DecodedColumn } from '../src/format/format.ts'
import { KafkaBroker, kafkaMissing } from '../test/support/kafka.ts'

const rows = Number(process.argv[2] ?? 1_000_000)
const BATCH = 10_000
const ROWS_MAX = 16_384
const ROUNDS = 4

const columns: DecodedColumn[] = [
  { name: 'device_id', type: { kind: 'text' } },
  { name: 'ts', type: { kind: 'timestamptz' } },
  { name: 'temperature', type: { kind: 'double' } },
]

function optionsOf(texts: Readonly<Record<string, string>>): OptionValues {
  const values: Record<string, unknown> = {}
  for (const option of kafka.options) {
    const text = texts[option.name] ?? option.default
    if (text !== undefined) values[option.name] = option.parse(text)
  }
  return values
}

function recordText(i: number): string {
  const id = `device-${String((i * 7919) % 1000).padStart(4, '0')}`
  const temperature = (20 + ((i * 37) % 1000) / 100).toFixed(2)
  const humidity = (40 + ((i * 53) % 500) / 10).toFixed(1)
  return `{"device_id":"${id}","ts":${1767323045678 + i},"temperature":${temperature},"humidity":${humidity},"seq":${i}}`.padEnd(
    111,
  )
}

const common = { clock: systemClock, log: silentLogger, job: 'bench', dataDir: '' }
const nothing = batchOfRows({ fields: [] }, [])

async function write(brokers: string, topic: string, compression: string): Promise<void> {
  const ready: EncodedRecords[] = []
  for (let i = 0; i < rows; i += BATCH) {
    const texts = Array.from({ length: Math.min(BATCH, rows - i) }, (_, j) => Buffer.from(recordText(i + j)))
    const offsets = new Int32Array(texts.length + 1)
    texts.forEach((text, j) => {
      offsets[j + 1] = offsets[j] + text.length
    })
    const bytes = new Uint8Array(Buffer.concat(texts))
    ready.push({ count: texts.length, bytes, offsets, deleted: undefined, keyBytes: undefined, keyOffsets: undefined })
  }
  let next = 0
  const encoder = { terminator: new Uint8Array(0), encode: () => ready[next++] }
  const options = optionsOf({ brokers, topic, compression, partitions: '4' })
  const sink = kafka.sink?.({ ...common, options, encoder })
  if (!sink) return
  await sink.open(undefined)
  await measure(`write ${compression}, exactly once`, async () => {
    for (let i = 0; i < ready.length; i++) await sink.write(nothing)
    const prepared = await sink.prepare(1)
    if (prepared) await sink.commit(prepared)
  })
  await sink.close()
}

/** Looks at no record. */
function counting(): RecordDecoder {
  let rowCount = 0
  return {
    wantsHeaders: false,
    get rowCount() {
      return rowCount
    },
    begin: () => undefined,
    record: () => {
      rowCount++
    },
    headers: () => undefined,
    reject: () => undefined,
    finish: () => {
      const batch = createBatch({ fields: [] }, rowCount, [])
      rowCount = 0
      return { batch, bad: [] }
    },
  }
}

async function read(name: string, brokers: string, topic: string, decoder: () => RecordDecoder): Promise<void> {
  const never = new AbortController().signal
  for (let round = 1; round <= ROUNDS; round++) {
    const options = optionsOf({ brokers, topic })
    const source = kafka.source?.({ ...common, options, decoder: decoder(), bounded: true })
    if (!source) return
    await source.open(undefined)
    let seen = 0
    await measure(`${name}, round ${round}`, async () => {
      for (;;) {
        const polled = await source.poll(ROWS_MAX, never)
        if (polled.kind === 'end') return
        if (polled.kind === 'rows') seen += polled.batch.rowCount
      }
    })
    await source.close()
    if (seen !== rows) throw new Error(`${seen} of ${rows} rows`)
  }
}

async function measure(name: string, work: () => Promise<void>): Promise<void> {
  const cpu = process.cpuUsage()
  const start = systemClock.monotonicMs()
  await work()
  const seconds = (systemClock.monotonicMs() - start) / 1000
  const used = process.cpuUsage(cpu)
  const cpuPerMillion = (used.user + used.system) / rows
  console.log(
    `${name.padEnd(36)} ${(rows / seconds / 1e6).toFixed(2)} M rows/s, ${cpuPerMillion.toFixed(3)} CPU-s per M rows`,
  )
}

if (!kafkaMissing()) {
  const broker = await KafkaBroker.start()
  try {
    for (const codec of ['none', 'lz4', 'snappy', 'zstd', 'gzip']) {
      const topic = `bench-${codec}`
      await write(broker.address, topic, codec)
      await read(`read ${codec}, records only`, broker.address, topic, counting)
      await read(`read ${codec}, JSON to 3 columns`, broker.address, topic, () => createDecoder('json', columns))
    }
  } finally {
    await broker.stop()
  }
}
