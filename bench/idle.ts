/**
 * What jobs cost while nothing comes: `node bench/idle.ts [jobs] [seconds]`. Half of them count in windows of a minute, which go on closing
 * by the clock; all have had one record. Over embedded topics, and over Kafka where Java and Maven are there.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { KafkaBroker, kafkaMissing } from '../test/support/kafka.ts'
import { report } from './support/measure.ts'
import { ServerProcess } from './support/server-process.ts'

const jobs = Number(process.argv[2] ?? 200)
const seconds = Number(process.argv[3] ?? 15)
/** Longer than a partition stays active without records. */
const SETTLE_MS = 8000

const embedded = await shareOfCore(() => '')
const figures = [{ what: `${jobs} idle jobs over embedded topics`, ours: embedded, unit: '% of a core' }]
if (!kafkaMissing()) {
  const broker = await KafkaBroker.start()
  try {
    await broker.createTopic('readings', 4)
    const kafka = await shareOfCore(() => `connector = 'kafka', brokers = '${broker.address}', topic = 'readings', `)
    figures.push({ what: `${jobs} idle jobs over Kafka`, ours: kafka, unit: '% of a core' })
  } finally {
    await broker.stop()
  }
}
report('idle', figures)

async function shareOfCore(where: () => string): Promise<number> {
  const server = await ServerProcess.start()
  try {
    for (let job = 0; job < jobs; job++) {
      await server.query(`CREATE SOURCE r${job} (n int, ts timestamptz, WATERMARK FOR ts AS ts)
        WITH (${where()}idle_timeout = '1 second')`)
      if (job === 0 || where() === '') await server.query(`INSERT INTO r${job} VALUES (1, now())`)
      const windows = `SELECT window_start, count(*) AS c FROM TUMBLE(r${job}, ts, INTERVAL '1 minute') GROUP BY window_start`
      await server.query(`CREATE MATERIALIZED VIEW v${job} AS ${job % 2 === 0 ? windows : `SELECT n FROM r${job}`}`)
    }
    await server.until('SELECT coalesce(sum(rows_in), 0) FROM tidemark.jobs', ([[rows]]) => Number(rows) >= jobs)
    await sleep(SETTLE_MS)
    const before = server.cpuSeconds
    await sleep(1000 * seconds)
    return (100 * (server.cpuSeconds - before)) / seconds
  } finally {
    await server.stop()
  }
}
