import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { expect, test } from 'vitest'
import { seededRandom } from '../../src/base/clock.ts'
import { SqlEngine } from '../support/sql-engine.ts'
import { COLUMNS, type Kind, RandomQueries, type TwoQueries } from './random-query.ts'

/**
 * Random queries over random rows, against DuckDB: each as a materialized view that is made at a random moment while rows come in
 * batches to random partitions and the engine is reopened, and as a plain read, ordered and limited. Numbers agree to ten digits.
 * SEED=n repeats a run, ROUNDS=n makes it longer.
 */
const SEED = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31))
const ROUNDS = Number(process.env.ROUNDS ?? 8)
const QUERIES = 8

test(`random queries, SEED=${SEED}`, { timeout: 60_000 + ROUNDS * 4000 }, async () => {
  const duckdb = await (await DuckDBInstance.create(':memory:')).connect()
  for (let round = 0; round < ROUNDS; round++) {
    try {
      await playRound(SEED + round, duckdb)
    } catch (error) {
      if (error instanceof Error) error.message = `SEED=${SEED + round} ROUNDS=1: ${error.message}`
      throw error
    }
  }
})

async function playRound(seed: number, duckdb: DuckDBConnection): Promise<void> {
  const random = new RandomQueries(seededRandom(seed))
  const { records, values } = random.table(1 + random.below(60))
  const queries = Array.from({ length: QUERIES }, () => random.query())
  await duckdb.run(`CREATE OR REPLACE TABLE t (${COLUMNS})`)
  await duckdb.run(`INSERT INTO t VALUES ${values}`)
  const sql = await SqlEngine.open(random.pick(1, 4, 8192))
  try {
    await sql.run(`CREATE SOURCE t (${COLUMNS}, WATERMARK FOR ts AS ts - INTERVAL '1 day')`)
    await sql.engine.log.createTopic('t', { partitions: 3 }, sql.clock)
    const waiting = [...queries.keys()]
    for (let at = 0; at < records.length || waiting.length > 0; ) {
      const made = waiting.length > 0 && random.below(2) === 0 ? waiting.shift() : undefined
      if (made !== undefined) await create(sql, made, queries[made])
      const batch = records.slice(at, at + random.below(12))
      if (batch.length > 0)
        await sql.feed(
          't',
          batch.map(value => ({ value })),
          random.below(3),
        )
      at += batch.length
      if (random.below(3) === 0) await sql.checkpoint()
      if (random.below(10) === 0) await sql.restart({ save: random.below(2) === 0 })
    }
    await sql.settle()
    for (const [n, query] of queries.entries()) {
      const expected = await answerOf(duckdb, query.duckdb, query.kinds)
      const view = normal((await sql.run(`SELECT * FROM v${n}`)).rows, query.kinds)
      expect(view.sort(), `view v${n}: ${query.ours}`).toEqual(expected.toSorted())
      const positions = Array.from({ length: query.kinds.length }, (_, c) => `${c + 1} NULLS FIRST`).join(', ')
      const tail = ` ORDER BY ${positions} LIMIT ${random.below(20)} OFFSET ${random.below(3)}`
      const read = normal((await sql.run(`SELECT * FROM (${query.ours}) q${tail}`)).rows, query.kinds)
      const ordered = await answerOf(duckdb, `SELECT * FROM (${query.duckdb}) q${tail}`, query.kinds)
      expect(read, `read: ${query.ours}${tail}`).toEqual(ordered)
    }
  } finally {
    await sql.close()
  }
}

async function create(sql: SqlEngine, n: number, { ours }: TwoQueries): Promise<void> {
  try {
    await sql.run(`CREATE MATERIALIZED VIEW v${n} AS ${ours}`)
  } catch (error) {
    if (error instanceof Error) error.message += `\n${ours}`
    throw error
  }
}

async function answerOf(duckdb: DuckDBConnection, text: string, kinds: readonly Kind[]): Promise<string[]> {
  const rows = (await duckdb.runAndReadAll(text)).getRowsJson()
  const asText = (value: unknown): string | null =>
    value === null ? null : typeof value === 'boolean' ? (value ? 't' : 'f') : String(value)
  return normal(
    rows.map(row => row.map(asText)),
    kinds,
  )
}

/** Rows as lines: floats cut to ten digits, which is more than sums and averages of few rows lose. */
function normal(rows: readonly (readonly (string | null)[])[], kinds: readonly Kind[]): string[] {
  const value = (text: string | null, c: number): string =>
    text === null ? 'NULL' : kinds[c] === 'double' ? String(Number(Number(text).toPrecision(10))) : text
  return rows.map(row => row.map(value).join(' | '))
}
