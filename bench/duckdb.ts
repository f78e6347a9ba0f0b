/**
 * A file of JSON readings → one-minute average and maximum of each device → a file of JSON, by the engine in this process (file source,
 * decoder, watermarks, operators, EMIT FINAL, exactly-once file sink, checkpoints on) and by DuckDB with one thread.
 * `node bench/duckdb.ts [rows]`, by default two million; the goal is about ten.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { alternate, costOf, report } from './support/measure.ts'
import { runToEnd } from './support/product.ts'
import { COLUMNS, QUERY, readingsFile } from './support/readings.ts'

const rows = Number(process.argv[2] ?? 2_000_000)
const rounds = Number(process.argv[3] ?? 3)
const input = readingsFile(rows)
const folder = mkdtempSync(join(tmpdir(), 'tidemark-bench-'))
const ours = join(folder, 'ours.json')
const theirs = join(folder, 'theirs.json')

const sql = `CREATE SOURCE readings (${COLUMNS}) WITH (connector = 'file', path = '${input}', format = 'json');
  CREATE SINK out AS ${QUERY} WITH (connector = 'file', path = '${ours}', format = 'json');`

const duckdb = await DuckDBInstance.create(':memory:', { threads: '1' })
const connection = await duckdb.connect()
const reading = `read_json('${input}', format = 'newline_delimited',
  columns = {device_id: 'VARCHAR', temperature: 'DOUBLE', humidity: 'DOUBLE', ts: 'BIGINT', site: 'VARCHAR'})`

try {
  const costs = await alternate(rounds, {
    tidemark: () => {
      rmSync(ours, { force: true })
      return runToEnd(sql, costOf)
    },
    duckdb: () =>
      costOf(() =>
        connection.run(`COPY (SELECT device_id, make_timestamp(ts // 60000 * 60000000) AS window_start,
          avg(temperature) AS avg_t, max(temperature) AS max_t FROM ${reading} GROUP BY ALL) TO '${theirs}' (FORMAT json)`),
      ),
  })
  const { tidemark, duckdb: other } = costs
  await expectSame()
  const perSecond = (ms: number): number => rows / ms / 1000
  report('duckdb', [
    {
      what: `${rows / 1e6} M rows, wall`,
      ours: perSecond(tidemark.wallMs),
      other: perSecond(other.wallMs),
      ratio: other.wallMs / tidemark.wallMs,
      goal: '1, aim 2',
      unit: 'M rows/s',
    },
    {
      what: `${rows / 1e6} M rows, CPU`,
      ours: perSecond(tidemark.cpuMs),
      other: perSecond(other.cpuMs),
      ratio: other.cpuMs / tidemark.cpuMs,
      unit: 'M rows/CPU-s',
    },
  ])
} finally {
  connection.closeSync()
  duckdb.closeSync()
  rmSync(folder, { recursive: true, force: true })
}

/** A figure of a wrong answer is worth nothing. */
async function expectSame(): Promise<void> {
  const answer = await connection.runAndReadAll(`
    SELECT count(*), count(*) FILTER (WHERE a.max_t = b.max_t AND abs(a.avg_t - b.avg_t) < 1e-9)
    FROM read_json('${ours}') a FULL JOIN read_json('${theirs}') b
      ON a.device_id = b.device_id AND a.window_start::TIMESTAMP = b.window_start::TIMESTAMP`)
  const [[all, same]] = answer.getRows()
  if (Number(all) === 0 || same !== all) throw new Error(`${same} of ${all} rows agree`)
}
