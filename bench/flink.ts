/**
 * Kafka → one-minute average and maximum of each device → Kafka, exactly once on both sides: a backlog in four partitions, read by the
 * engine in this process and by Apache Flink with parallelism 1, from and to the same broker. Flink must run already:
 * `FLINK_GATEWAY=host:port FLINK_REST=host:port node bench/flink.ts [rows] [runs] [warm-ups]`; without it only ours is measured. Needs Java and Maven.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { KafkaBroker, kafkaMissing } from '../test/support/kafka.ts'
import { type Cost, costOf, median, report } from './support/measure.ts'
import { runToEnd, runUntil } from './support/product.ts'
import { COLUMNS, DEVICES, QUERY, readingsFile } from './support/readings.ts'

const rows = Number(process.argv[2] ?? 2_000_000)
const runs = Number(process.argv[3] ?? 3)
/** Flink's first runs compile; they do not count. */
const warmUps = Number(process.argv[4] ?? 2)
const gateway = process.env.FLINK_GATEWAY
const rest = process.env.FLINK_REST
/** Windows that the last reading, five seconds back, has closed. */
const windows = Math.floor((rows - 1 - 5000) / 60_000)

if (!kafkaMissing()) {
  const broker = await KafkaBroker.start()
  try {
    await broker.createTopic('readings', 4)
    await runToEnd(
      `CREATE SOURCE lines (device_id TEXT, temperature DOUBLE PRECISION, humidity DOUBLE PRECISION, ts BIGINT, site TEXT)
         WITH (connector = 'file', path = '${readingsFile(rows)}', format = 'json');
       CREATE SINK filled AS SELECT * FROM lines WITH (connector = 'kafka', brokers = '${broker.address}', topic = 'readings', format = 'json')`,
      work => work(),
    )
    const ours: Cost[] = []
    const theirs: number[] = []
    for (let run = 0; run < runs + warmUps; run++) {
      const cost = await tidemark(broker, `ours-${run}`)
      console.log(`  run ${run} tidemark ${cost.wallMs.toFixed(0)} ms wall, ${cost.cpuMs.toFixed(0)} ms CPU`)
      if (run > 0 || warmUps === 0) ours.push(cost)
      if (gateway === undefined || rest === undefined) continue
      const ms = await flink(broker, `flink-${run}`, gateway, rest)
      console.log(`  run ${run} flink    ${ms.toFixed(0)} ms wall${run < warmUps ? ' (warm-up)' : ''}`)
      if (run >= warmUps) theirs.push(ms)
    }
    const wallMs = median(ours.map(c => c.wallMs))
    const perSecond = (ms: number): number => rows / ms / 1000
    if (theirs.length === 0) console.log('SKIPPED: Flink, as FLINK_GATEWAY and FLINK_REST do not say where it runs')
    report('flink', [
      {
        what: `${rows / 1e6} M records, wall`,
        ours: perSecond(wallMs),
        other: theirs.length > 0 ? perSecond(median(theirs)) : undefined,
        ratio: theirs.length > 0 ? median(theirs) / wallMs : undefined,
        goal: '5, aim 8',
        unit: 'M records/s',
      },
      { what: 'the same, CPU of ours', ours: perSecond(median(ours.map(c => c.cpuMs))), unit: 'M records/CPU-s' },
    ])
  } finally {
    await broker.stop()
  }
}

/** From CREATE SINK until every closed window has been committed to the topic. */
async function tidemark(broker: KafkaBroker, topic: string): Promise<Cost> {
  await broker.createTopic(topic, 4)
  const kafka = `connector = 'kafka', brokers = '${broker.address}', format = 'json'`
  let readAt: number | undefined
  const cost = await runUntil(
    `CREATE SOURCE readings (${COLUMNS}) WITH (${kafka}, topic = 'readings');
     CREATE SINK out AS ${QUERY} WITH (${kafka}, topic = '${topic}', key = 'device_id')`,
    ([job]) => {
      if (job.rowsIn < rows) return false
      // The epoch after the one that may be under way has the last windows; it counts once its transaction has ended.
      readAt ??= job.epoch
      return job.epoch > readAt
    },
    costOf,
  )
  const records = await broker.consume(topic)
  // A quiet source's last window may close too.
  if (records.length < windows * DEVICES) throw new Error(`${records.length} of ${windows * DEVICES} windows came out`)
  return cost
}

/** From the job's RUNNING to its FINISHED, as Flink tells. */
async function flink(broker: KafkaBroker, topic: string, gateway: string, rest: string): Promise<number> {
  await broker.createTopic(topic, 4)
  const kafka = `'connector' = 'kafka', 'properties.bootstrap.servers' = '${broker.address}', 'format' = 'json'`
  const statements = [
    `CREATE TABLE readings (device_id STRING, temperature DOUBLE, humidity DOUBLE, ts BIGINT,
       event_time AS TO_TIMESTAMP_LTZ(ts, 3), WATERMARK FOR event_time AS event_time - INTERVAL '5' SECOND)
     WITH (${kafka}, 'topic' = 'readings', 'scan.startup.mode' = 'earliest-offset', 'scan.bounded.mode' = 'latest-offset',
       'properties.isolation.level' = 'read_committed')`,
    `CREATE TABLE per_minute (device_id STRING, window_start TIMESTAMP(3), avg_t DOUBLE, max_t DOUBLE)
     WITH (${kafka}, 'topic' = '${topic}', 'key.format' = 'raw', 'key.fields' = 'device_id',
       'sink.delivery-guarantee' = 'exactly-once', 'sink.transactional-id-prefix' = '${topic}', 'properties.transaction.timeout.ms' = '600000')`,
    "SET 'parallelism.default' = '1'",
    "SET 'execution.checkpointing.interval' = '10s'",
    `SET 'pipeline.name' = '${topic}'`,
    `INSERT INTO per_minute SELECT device_id, window_start, AVG(temperature), MAX(temperature)
     FROM TABLE(TUMBLE(TABLE readings, DESCRIPTOR(event_time), INTERVAL '1' MINUTE)) GROUP BY window_start, window_end, device_id`,
  ]
  const session = String((await ask(`${gateway}/v3/sessions`, 'POST', {})).sessionHandle)
  for (const statement of statements) {
    const path = `${gateway}/v3/sessions/${session}`
    const { operationHandle } = await ask(`${path}/statements`, 'POST', { statement })
    for (;;) {
      const { resultType } = await ask(`${path}/operations/${operationHandle}/result/0`, 'GET')
      if (resultType !== 'NOT_READY') break
      await sleep(50)
    }
  }
  for (;;) {
    const { jobs } = await ask(`${rest}/jobs/overview`, 'GET')
    const job = Array.isArray(jobs) ? jobs.find(j => j.name === topic) : undefined
    if (job?.state === 'FAILED') throw new Error('the Flink job failed')
    if (job?.state === 'FINISHED') {
      const { timestamps } = await ask(`${rest}/jobs/${job.jid}`, 'GET')
      const { RUNNING, FINISHED } = timestamps as Record<string, number> // as the REST API says
      return FINISHED - RUNNING
    }
    await sleep(100)
  }
}

async function ask(url: string, method: string, body?: object): Promise<Record<string, unknown>> {
  const headers = { 'content-type': 'application/json' }
  const response = await fetch(`http://${url}`, { method, headers, body: body && JSON.stringify(body) })
  const text = await response.text()
  if (!response.ok) throw new Error(text.slice(0, 1000))
  return JSON.parse(text)
}
