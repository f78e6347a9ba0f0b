/**
 * Fills a Kafka topic and an embedded one with numbered readings until its standard input ends; then one far later reading for
 * each partition, so that every window before it closes. What was acknowledged is in the file: one JSON text a line, `k` or `e` first.
 */
import { appendFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { seededRandom, systemClock } from '../../src/base/clock.ts'
import { openLog } from '../../src/log/log.ts'
import { createSink, pairs } from '../connectors/kafka/play.ts'

const [brokers, dataDir, file, seed] = process.argv.slice(2)
const random = seededRandom(Number(seed))
const sink = createSink({ brokers, topic: 'k', partitions: '3', delivery: 'at_least_once' }, { job: 'producer' })
await sink.open(undefined)
const log = openLog(dataDir)
const topic = await log.ensureTopic('e', { partitions: 2 }, systemClock)

let sequence = 0
let stop = false
process.stdin.resume().on('end', () => {
  stop = true
})

interface Reading {
  readonly key: string
  readonly text: string
}

function reading(key: string, aheadMs: number): Reading {
  const seq = sequence++
  const ts = new Date(Date.now() + aheadMs).toISOString()
  // One in a hundred is cut short: it has to be found in tidemark.bad_rows.
  const text = JSON.stringify({ seq, device: key, v: Math.floor(random() * 1000), ts })
  return { key, text: aheadMs === 0 && random() < 0.01 ? text.slice(0, -1) : text }
}

async function produce(readings: readonly Reading[], embedded: readonly Reading[]): Promise<void> {
  await sink.write(pairs(readings.map(r => [r.key, r.text])))
  await sink.prepare(1)
  const records = embedded.map(r => ({ key: Buffer.from(r.key), value: Buffer.from(r.text), timestampMs: Date.now() }))
  await log.append(topic, undefined, records)
  const lines = [...readings.map(r => `k ${r.text}\n`), ...embedded.map(r => `e ${r.text}\n`)]
  appendFileSync(file, lines.join(''))
}

const several = (make: (i: number) => Reading): Reading[] => Array.from({ length: 30 }, (_, i) => make(i))
const device = (): string => `d${Math.floor(random() * 7)}`

process.stdout.write('producing\n')
while (!stop) {
  await produce(
    several(() => reading(device(), 0)),
    several(() => reading(device(), 0)),
  )
  await sleep(15)
}
await produce(
  several(i => reading(`end${i}`, 60_000)),
  several(i => reading(`end${i}`, 60_000)),
)
await sink.close()
await log.close()
