/** Embedded topics and files: appends, reads, latency from append to a waiting reader, memory of opening. `node bench/micro/log.ts` */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { file } from '../../connectors/file/file.ts'
import { systemClock } from '../../src/base/clock.ts'
import { silentLogger } from '../../src/base/log.ts'
import { createBatch } from '../../src/batch/batch.ts'
import type { RecordDecoder } from '../../src/connector.ts'
import { Appender } from '../../src/log/appender.ts'
import { RecordBlock } from '../../src/log/block.ts'
import { type Log, openLog } from '../../src/log/log.ts'
import type { Topic } from '../../src/log/topics.ts'

const folder = mkdtempSync(join(tmpdir(), 'tidemark-bench-'))
const value = Buffer.from(
  JSON.stringify({ device_id: 'sensor-00042', ts: '2026-01-01T00:00:00.000Z', temperature: 21.5, co2: 612 }),
)

function report(what: string, count: number, ms: number): void {
  console.log(`${what.padEnd(44)} ${(count / ms / 1000).toFixed(2).padStart(8)} M/s`)
}

async function appends(log: Log, topic: Topic, count: number): Promise<void> {
  const started = performance.now()
  const appender = new Appender(topic)
  for (let i = 0; i < count; i++) {
    appender.add(i, value, 14, 26, value, 0, value.length)
    if (appender.byteCount >= 4 << 20) await log.appendBlocks(topic, appender.take())
  }
  await log.appendBlocks(topic, appender.take())
  report(`append, ${value.length} bytes, keyed, 4 MiB a commit`, count, performance.now() - started)
}

function reads(log: Log, topic: Topic): void {
  for (let round = 0; round < 3; round++) {
    const started = performance.now()
    const block = new RecordBlock()
    let count = 0
    for (let p = 0; p < topic.partitions; p++) {
      for (let offset = 0; ; offset = block.nextOffset) {
        log.read(topic, p, offset, 1 << 20, block)
        if (block.count === 0) break
        count += block.count
      }
    }
    report('read', count, performance.now() - started)
  }
}

async function trickle(log: Log): Promise<void> {
  const topic = await log.createTopic('trickle', {}, systemClock)
  const started = performance.now()
  const count = 500
  for (let i = 0; i < count; i++) await log.append(topic, 0, [{ value, timestampMs: i }])
  console.log(`one record a commit, one after another: ${((performance.now() - started) / count).toFixed(2)} ms`)
  const together = performance.now()
  await Promise.all(Array.from({ length: 5000 }, (_, i) => log.append(topic, 0, [{ value, timestampMs: i }])))
  report('5,000 appends at once, one commit', 5000, performance.now() - together)
}

/** Splitting alone: a decoder that looks at nothing. */
async function splitting(): Promise<void> {
  const path = join(folder, 'lines.json')
  writeFileSync(path, Buffer.concat(Array.from({ length: 200_000 }, () => Buffer.concat([value, Buffer.from('\n')]))))
  let rows = 0
  const batch = createBatch({ fields: [] }, 0, [])
  const decoder: RecordDecoder = {
    begin: () => {},
    record: () => void rows++,
    headers: () => {},
    reject: () => {},
    wantsHeaders: false,
    rowCount: 0,
    finish: () => ({ batch, bad: [] }),
  }
  for (let round = 0; round < 3; round++) {
    const options = { path, follow: false }
    const source = file.source?.({
      options,
      clock: systemClock,
      log: silentLogger,
      job: '',
      dataDir: '',
      decoder,
      bounded: true,
    })
    await source?.open(undefined)
    rows = 0
    const started = performance.now()
    while ((await source?.poll(8192, new AbortController().signal))?.kind === 'rows');
    report('file, lines split', rows, performance.now() - started)
    await source?.close()
  }
}

const before = process.memoryUsage().rss
const log = openLog(folder)
const topic = await log.createTopic('t', { partitions: 4 }, systemClock)
console.log(`opening costs ${((process.memoryUsage().rss - before) / 1e6).toFixed(1)} MB`)
await appends(log, topic, 2_000_000)
reads(log, topic)
await trickle(log)
await splitting()
await log.close()
rmSync(folder, { recursive: true, force: true })
