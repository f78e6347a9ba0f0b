/** `npm run bench`: what there is; `npm run bench NAME [arguments]` runs one, and `all` those that need nothing but this package. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

const benches: Readonly<Record<string, string>> = {
  duckdb: 'file → windows → file against DuckDB with one thread [rows] [rounds]',
  parquet: "rows → a Parquet file against DuckDB's COPY [rows] [rounds]",
  flink: 'Kafka → windows → Kafka against Flink [records]; FLINK_GATEWAY and FLINK_REST say where that runs',
  latency: 'from produce to the changed row at a subscriber [seconds]; needs Java',
  idle: 'CPU of jobs to which nothing comes [jobs] [seconds]; needs Java for Kafka',
  memory: 'the server idle, with a million groups, under a backlog; start to first answer [groups]',
  'kafka-read': 'reading and decoding from Kafka, by codec [rows]; needs Java',
  'mqtt-read': 'reading and decoding from MQTT against mosquitto_sub [messages]; needs mosquitto',
  pulsar: 'reading and writing Pulsar against its Java performance tool [messages] [rounds]; needs a JDK',
  'micro/parse': 'SQL parsing',
  'micro/expr': 'generated expressions',
  'micro/json': 'JSON in and out',
  'micro/avro': 'Avro to columns against avsc',
  'micro/operators': 'operators alone',
  'micro/log': 'embedded topics',
  'micro/pgwire': 'rows on the wire',
}

const [name, ...args] = process.argv.slice(2)
if (name === undefined) {
  for (const [each, doc] of Object.entries(benches)) console.log(`${each.padEnd(16)} ${doc}`)
} else {
  const chosen = name === 'all' ? ['duckdb', 'memory'] : [name]
  for (const each of chosen) {
    if (!(each in benches)) throw new Error(`there is no bench ${each}`)
    const { status } = spawnSync(process.execPath, [join(import.meta.dirname, `${each}.ts`), ...args], {
      stdio: 'inherit',
    })
    if (status !== 0) process.exitCode = 1
  }
}
