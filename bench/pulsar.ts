/**
 * Pulsar in and out against its own Java performance tool, on a private real broker, same topics, same run: `node bench/pulsar.ts
 * [messages] [rounds]`. Messages of 111 bytes in four partitions. Java's rates are those it prints, without the start of its
 * machine. Broker and contestants share the cores. Needs a JDK and Maven.
 */
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { pulsar } from '../connectors/pulsar/pulsar.ts'
import { systemClock } from '../src/base/clock.ts'
import { silentLogger } from '../src/base/log.ts'
import { batchOfRows, createBatch } from '../src/batch/batch.ts'
import type { EncodedRecords, RecordDecoder } from '../src/connector.ts'
import { createDecoder, type DecodedColumn } from '../src/format/format.ts'
import { optionValues } from '../test/support/connector-contract.ts'
import { PulsarBroker, pulsarMissing } from '../test/support/pulsar.ts'
import { costOf, median, report } from './support/measure.ts'

const run = promisify(execFile)
const messages = Number(process.argv[2] ?? 2_000_000)
const rounds = Number(process.argv[3] ?? 3)
const BATCH = 10_000
const ROWS_MAX = 16_384
const BYTES = 111
const PARTITIONS = 4

const columns: DecodedColumn[] = [
  { name: 'device_id', type: { kind: 'text' } },
  { name: 'ts', type: { kind: 'timestamptz' } },
  { name: 'temperature', type: { kind: 'double' } },
]

const common = { clock: systemClock, log: silentLogger, job: 'bench', dataDir: '' }
const nothing = batchOfRows({ fields: [] }, [])
const ready = records()

function records(): EncodedRecords[] {
  return Array.from({ length: Math.ceil(messages / BATCH) }, (_, at) => {
    const count = Math.min(BATCH, messages - at * BATCH)
    const texts = Array.from({ length: count }, (_, j) => recordText(at * BATCH + j))
    const offsets = Int32Array.from({ length: count + 1 }, (_, j) => j * BYTES)
    const bytes = new Uint8Array(Buffer.from(texts.join('')))
    return { count, bytes, offsets, deleted: undefined, keyBytes: undefined, keyOffsets: undefined }
  })
}

function recordText(i: number): string {
  const id = `device-${String((i * 7919) % 1000).padStart(4, '0')}`
  const temperature = (20 + ((i * 37) % 1000) / 100).toFixed(2)
  const humidity = (40 + ((i * 53) % 500) / 10).toFixed(1)
  const text = `{"device_id":"${id}","ts":${1767323045678 + i},"temperature":${temperature},"humidity":${humidity},"seq":${i}}`
  return text.padEnd(BYTES)
}

/** Messages a second, and CPU seconds of this process a million. */
interface Rate {
  readonly rate: number
  readonly cpu: number
}

async function measured(name: string, work: () => Promise<unknown>): Promise<Rate> {
  const { wallMs, cpuMs } = await costOf(work)
  const result = { rate: messages / wallMs / 1e3, cpu: (cpuMs * 1e3) / messages }
  console.log(`${name.padEnd(36)} ${result.rate.toFixed(3)} M/s, ${result.cpu.toFixed(2)} CPU-s a million`)
  return result
}

async function write(url: string, topic: string, delivery: string): Promise<Rate> {
  let next = 0
  const encoder = { terminator: new Uint8Array(0), encode: () => ready[next++] }
  const options = optionValues(pulsar, { url, topic, delivery })
  const sink = pulsar.sink?.({ ...common, options, encoder })
  if (!sink) throw new Error('no sink')
  await sink.open(undefined)
  const rate = await measured(`write, ${delivery}`, async () => {
    for (let i = 0; i < ready.length; i++) await sink.write(nothing)
    const prepared = await sink.prepare(1)
    if (prepared) await sink.commit(prepared)
  })
  await sink.close()
  return rate
}

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

async function read(url: string, topic: string, what: string, decoder: RecordDecoder): Promise<Rate> {
  const never = new AbortController().signal
  const source = pulsar.source?.({ ...common, options: optionValues(pulsar, { url, topic }), decoder, bounded: true })
  if (!source) throw new Error('no source')
  let seen = 0
  const rate = await measured(`read, ${what}`, async () => {
    await source.open(undefined)
    for (;;) {
      const polled = await source.poll(ROWS_MAX, never)
      if (polled.kind === 'end') return
      if (polled.kind === 'rows') seen += polled.batch.rowCount
    }
  })
  await source.close()
  if (seen !== messages) throw new Error(`${seen} of ${messages} messages`)
  return rate
}

/** The rate that Java's tool gives for all of its run, in millions a second. */
async function java(broker: PulsarBroker, config: string, ...args: string[]): Promise<Rate> {
  const jars = join(broker.lib, '*')
  const flags = ['-Xmx2g', `-Dlog4j.configurationFile=${config}`, '-cp', jars]
  const tool = ['org.apache.pulsar.testclient.PulsarPerfTestTool', join(broker.lib, '../conf/client.conf')]
  const { stdout } = await run('java', [...flags, ...tool, ...args], { maxBuffer: 64 << 20 })
  const found = [...stdout.matchAll(/Aggregated throughput stats.*?---\s*([\d.]+)\s*msg\/s/g)].at(-1)
  if (!found) throw new Error(`no rate in what Java's tool says:\n${stdout.slice(-2000)}`)
  console.log(`Java: ${args[0].padEnd(30)} ${(Number(found[1]) / 1e6).toFixed(3)} M/s`)
  return { rate: Number(found[1]) / 1e6, cpu: Number.NaN }
}

async function main(): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'tidemark-bench-'))
  const config = join(dir, 'log4j2.properties')
  const appender =
    'appender.c.type=Console\nappender.c.name=c\nappender.c.layout.type=PatternLayout\nappender.c.layout.pattern=%m%n\n'
  writeFileSync(config, `status=error\n${appender}rootLogger.level=info\nrootLogger.appenderRef.c.ref=c\n`)
  const broker = await PulsarBroker.start()
  try {
    const rates: Record<string, Rate[]> = {}
    const note = (name: string, rate: Rate): void => {
      rates[name] = [...(rates[name] ?? []), rate]
    }
    // The first round warms the broker up.
    for (let round = 0; round <= rounds; round++) {
      const keep = round === 0 ? () => undefined : note
      const [ours, theirs, both] = ['ours', 'theirs', 'exactly-once'].map(name => `public/default/${name}-${round}`)
      for (const topic of [ours, theirs, both]) await broker.createTopic(topic, PARTITIONS)
      keep('write', await write(broker.url, ours, 'at_least_once'))
      const volume = ['-r', '10000000', '-s', String(BYTES), '-m', String(messages), '-bb', '131072', '-bm', '1000']
      keep('java write', await java(broker, config, 'produce', '-u', broker.url, ...volume, `persistent://${theirs}`))
      keep('write once', await write(broker.url, both, 'exactly_once'))
      const from = ['-u', broker.url, '-sp', 'Earliest', '-ss', 'bench', '-m', String(messages)]
      keep('read', await read(broker.url, ours, 'messages only', counting()))
      keep('java read', await java(broker, config, 'consume', ...from, `persistent://${ours}`))
      keep('read json', await read(broker.url, ours, 'JSON to 3 columns', createDecoder('json', columns)))
      for (const topic of [ours, theirs, both])
        await broker.ask('DELETE', `persistent/${topic}/partitions?force=true`).catch(() => undefined)
    }
    const of = (name: string): number => median(rates[name].map(r => r.rate))
    const figure = (what: string, name: string, other: string, goal: string) => ({
      ...{ what, ours: of(name), other: of(other), ratio: of(name) / of(other), goal, unit: 'M messages/s' },
    })
    report('pulsar', [
      figure('sink, at least once', 'write', 'java write', '5'),
      figure('sink, exactly once', 'write once', 'java write', '5'),
      figure('source, messages only', 'read', 'java read', '3'),
      figure('source, JSON to 3 columns', 'read json', 'java read', '3'),
      { what: 'source, CPU', ours: median(rates.read.map(r => r.cpu)), unit: 'CPU-s a million' },
      { what: 'sink, CPU', ours: median(rates.write.map(r => r.cpu)), unit: 'CPU-s a million' },
    ])
  } finally {
    await broker.stop()
    rmSync(dir, { recursive: true, force: true })
  }
}

if (!pulsarMissing()) await main()
