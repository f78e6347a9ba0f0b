/** Files on S3 through SQL: a server process that is killed, and a real S3 server. */
import { appendFileSync, existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { download, duckdb } from '../../support/duckdb.ts'
import { TestEngine } from '../../support/engine.ts'
import { startServer } from '../../support/server.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import { missing, server } from './server.ts'

const withOptions = (options: Readonly<Record<string, string>>): string =>
  `WITH (${Object.entries(options)
    .map(([name, value]) => `${name} = '${value}'`)
    .join(', ')})`

const lines = (from: number, to: number): string =>
  Array.from({ length: to - from }, (_, i) => {
    const id = from + i
    return `${JSON.stringify({ id, device: `d${id % 3}`, ts: 1_767_225_600_000 + id * 20_000 })}\n`
  }).join('')

const READINGS = 'CREATE SOURCE readings (id bigint, device text, ts timestamptz)'

describe.skipIf(missing)(`S3 through SQL ${missing ?? ''}`, () => {
  test('every reading is once in the bucket, however often the server is killed', async () => {
    const { s3, prefix } = server.newPlace()
    const input = join(temporaryFolder(), 'in.ndjson')
    writeFileSync(input, '')
    const tidemark = await startServer()
    await tidemark.query(`${READINGS} ${withOptions({ connector: 'file', path: input, follow: 'true' })}`)
    await tidemark.query(
      `CREATE SINK lake FROM readings ${withOptions({
        ...{ connector: 's3', ...server.options, bucket: s3.bucket, prefix, format: 'parquet' },
        ...{ partition_by: 'day(ts), device', roll_interval: '2 s', roll_rows: '300', compression: 'zstd' },
      })}`,
    )
    const rowsIn = 'SELECT rows_in, epoch FROM tidemark.jobs'
    for (let round = 0; round < 3; round++) {
      const [[, epoch]] = await tidemark.query(rowsIn)
      appendFileSync(input, lines(round * 2000, round * 2000 + 2000))
      // Sometimes at once, sometimes after a checkpoint or two of these rows.
      await tidemark.until(rowsIn, ([[, now]]) => Number(now) >= Number(epoch) + (round % 3))
      await tidemark.stop('SIGKILL')
      await tidemark.start()
    }
    const count = async () => {
      const folder = await download(s3, prefix)
      if (!existsSync(folder)) return ['0', '0']
      const [row] = await duckdb(`SELECT count(*), count(DISTINCT id) FROM '${folder}/*/*/*.parquet'`).catch(() => [
        ['0', '0'],
      ])
      return row
    }
    let counted = await count()
    while (Number(counted[0]) < 6000) counted = await count()
    expect(counted).toEqual(['6000', '6000'])
    const [folders] = await duckdb(
      `SELECT count(DISTINCT dt), count(DISTINCT device), bool_and(device = 'd' || (id % 3)),
        bool_and(dt::VARCHAR = strftime(make_timestamp(epoch_us(ts)), '%Y-%m-%d'))
       FROM read_parquet('${await download(s3, prefix)}/*/*/*.parquet', hive_partitioning = true)`,
    )
    expect(folders).toEqual(['2', '3', true, true])
  })

  test('a bounded job leaves whole files; records may be files too', async () => {
    const { s3, prefix } = server.newPlace()
    const folder = temporaryFolder()
    writeFileSync(join(folder, 'in.ndjson'), lines(0, 100))
    const engine = new TestEngine()
    await engine.query(`${READINGS} ${withOptions({ connector: 'file', path: join(folder, 'in.ndjson') })};
      CREATE SINK one FROM readings ${withOptions({ connector: 'file', path: join(folder, 'out'), format: 'parquet' })};
      CREATE SINK two AS SELECT id, device FROM readings ${withOptions({ connector: 's3', ...server.options, path: `s3://${s3.bucket}/${prefix}`, format: 'csv', compression: 'gzip' })};`)
    await engine.until('SELECT state FROM tidemark.jobs', rows => rows.every(([state]) => state === 'ended'))
    // Ended is told before the last checkpoint is committed.
    const until = async (from: () => Promise<string>) => {
      for (;;) {
        const rows = await duckdb(`SELECT count(*), sum(id)::BIGINT FROM '${await from()}'`).catch(() => [])
        if (rows.length > 0) return rows
      }
    }
    expect(await until(async () => `${folder}/out/*.parquet`)).toEqual([['100', '4950']])
    expect(await until(async () => `${await download(s3, prefix)}/*.csv.gz`)).toEqual([['100', '4950']])
  })
})

describe.skipIf(missing)(`reading S3 ${missing ?? ''}`, () => {
  test('what a sink wrote is read without naming columns, and what comes later too', async () => {
    const { s3, prefix } = server.newPlace()
    const folder = temporaryFolder()
    writeFileSync(join(folder, 'in.ndjson'), lines(0, 1000))
    const engine = new TestEngine()
    const { endpoint, access_key_id, secret_access_key } = server.options
    await engine.query(`
      CREATE CONNECTION lake TYPE s3 ${withOptions({ endpoint, access_key_id, secret_access_key, bucket: s3.bucket })};
      ${READINGS} ${withOptions({ connector: 'file', path: join(folder, 'in.ndjson') })};
      CREATE SINK one FROM readings ${withOptions({ connection: 'lake', prefix, format: 'parquet', partition_by: 'day(ts), device' })}`)
    await engine.until('SELECT epoch FROM tidemark.jobs', rows => Number(rows[0][0]) >= 2)
    await engine.query(
      `CREATE SOURCE back ${withOptions({ connection: 'lake', prefix, format: 'parquet', list_interval: '50 ms' })}`,
    )
    const answer = await engine.until(
      'SELECT count(*), sum(id), min(dt), max(ts), count(DISTINCT device) FROM back',
      rows => rows[0][0] === '1000',
    )
    expect(answer).toEqual([['1000', '499500', '2026-01-01', '2026-01-01 05:33:00+00', '3']])
    await engine.query(
      'CREATE MATERIALIZED VIEW v AS SELECT device, count(*) AS n, max(id) AS m FROM back GROUP BY device',
    )
    await engine.until('SELECT sum(n) FROM v', rows => rows[0][0] === '1000')
    writeFileSync(join(folder, 'more.ndjson'), lines(1000, 1010))
    await engine.query(`
      CREATE SOURCE more (id bigint, device text, ts timestamptz) ${withOptions({ connector: 'file', path: join(folder, 'more.ndjson') })};
      CREATE SINK two FROM more ${withOptions({ connection: 'lake', prefix, format: 'parquet', partition_by: 'day(ts), device' })}`)
    await engine.until('SELECT sum(n) FROM v', rows => rows[0][0] === '1010')
    expect(await engine.query("SELECT n, m FROM v WHERE device = 'd1'")).toEqual([['337', '1009']])
    expect(JSON.stringify(await engine.query('SHOW CREATE CONNECTION lake'))).not.toContain(secret_access_key)
  })
})
