/**
 * Rows in memory → a Parquet file, by the sink's writer and by DuckDB's COPY of a table of the same rows with one thread, with snappy and
 * zstd: `node bench/parquet.ts [rows] [rounds]`, by default a million; the goal is equal. DuckDB then counts and sums what we wrote.
 */
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { seededRandom } from '../src/base/clock.ts'
import { type Batch, batchOfRows } from '../src/batch/batch.ts'
import { DOUBLE, INTEGER, type Schema, TEXT, TIMESTAMPTZ } from '../src/batch/types.ts'
import { ParquetWriter } from '../src/format/parquet/writer.ts'
import { alternate, costOf, report } from './support/measure.ts'

const BATCH_ROWS = 8192
const rows = Number(process.argv[2] ?? 1_000_000)
const rounds = Number(process.argv[3] ?? 5)
const random = seededRandom(7)
const schema: Schema = {
  fields: [
    { name: 'device_id', type: TEXT },
    { name: 'site', type: TEXT },
    { name: 'ts', type: TIMESTAMPTZ },
    { name: 'temperature', type: DOUBLE },
    { name: 'humidity', type: DOUBLE },
    { name: 'co2', type: DOUBLE },
    { name: 'battery', type: INTEGER },
  ],
}

/** Of a thousand devices, out of order within a second; two columns of few different numbers, and one where each is new. */
function reading(i: number) {
  return [
    `device-${String(Math.floor(random() * 1000)).padStart(4, '0')}`,
    ['porto', 'lisboa', 'faro'][Math.floor(random() * 3)],
    1_767_225_600_000_000 + i * 1000 + Math.floor(random() * 1e6),
    Math.round((20 + random() * 10) * 10) / 10,
    Math.round(random() * 1000) / 10,
    400 + random() * 1000,
    Math.floor(random() * 100),
  ]
}

const batches: Batch[] = []
for (let i = 0; i < rows; i += BATCH_ROWS) {
  const count = Math.min(BATCH_ROWS, rows - i)
  batches.push(
    batchOfRows(
      schema,
      Array.from({ length: count }, (_, k) => reading(i + k)),
    ),
  )
}

const folder = mkdtempSync(join(tmpdir(), 'tidemark-bench-'))
const ours = (compression: string): string => join(folder, `ours-${compression}.parquet`)
const theirs = (compression: string): string => join(folder, `theirs-${compression}.parquet`)

async function write(compression: 'none' | 'snappy' | 'zstd'): Promise<void> {
  const writer = new ParquetWriter(schema, { compression })
  for (const batch of batches) await writer.write(batch)
  writeFileSync(ours(compression), Buffer.concat(await writer.finish()))
}

const duckdb = await DuckDBInstance.create(':memory:', { threads: '1' })
const connection = await duckdb.connect()
try {
  await write('none')
  await connection.run(`CREATE TABLE t AS SELECT * FROM '${ours('none')}'`)
  for (const compression of ['snappy', 'zstd'] as const) {
    const costs = await alternate(rounds, {
      tidemark: () => costOf(() => write(compression)),
      duckdb: () =>
        costOf(() => connection.run(`COPY t TO '${theirs(compression)}' (FORMAT parquet, COMPRESSION ${compression})`)),
    })
    await expectSame(compression)
    const { tidemark, duckdb: other } = costs
    const perSecond = (ms: number): number => rows / ms / 1000
    const megabytes = (path: string): number => statSync(path).size / 1e6
    report('parquet', [
      {
        what: `${rows / 1e6} M rows with ${compression}, CPU`,
        ours: perSecond(tidemark.cpuMs),
        other: perSecond(other.cpuMs),
        ratio: other.cpuMs / tidemark.cpuMs,
        goal: '1',
        unit: 'M rows/CPU-s',
      },
      {
        what: `${rows / 1e6} M rows with ${compression}, wall`,
        ours: perSecond(tidemark.wallMs),
        other: perSecond(other.wallMs),
        ratio: other.wallMs / tidemark.wallMs,
        unit: 'M rows/s',
      },
      {
        what: `size with ${compression}`,
        ours: megabytes(ours(compression)),
        other: megabytes(theirs(compression)),
        ratio: megabytes(theirs(compression)) / megabytes(ours(compression)),
        unit: 'MB',
      },
    ])
  }
} finally {
  connection.closeSync()
  duckdb.closeSync()
  rmSync(folder, { recursive: true, force: true })
}

/** A figure of a wrong answer is worth nothing. */
async function expectSame(compression: string): Promise<void> {
  const answer = await connection.runAndReadAll(`
    SELECT count(*) FROM (SELECT * FROM t EXCEPT ALL SELECT * FROM '${ours(compression)}')`)
  const [[different]] = answer.getRows()
  if (Number(different) !== 0) throw new Error(`${different} rows differ`)
}
