import { expect, test } from 'vitest'
import { startServer } from '../support/server.ts'

test('a view on a view with windows already closed starts with all of them', async () => {
  const server = await startServer()
  await server.query(`CREATE SOURCE r (d text, ts timestamptz, v int, WATERMARK FOR ts AS ts)`)
  await server.query(
    `CREATE MATERIALIZED VIEW m AS SELECT d, window_start, window_end, max(v) AS v FROM TUMBLE(r, ts, INTERVAL '1 minute') GROUP BY d, window_start, window_end`,
  )
  // Ten windows of two devices; the last row closes all but the last window.
  const rows = Array.from(
    { length: 10 },
    (_, i) => `('a', '2026-01-01 00:0${i}:10Z', ${i}), ('b', '2026-01-01 00:0${i}:20Z', ${10 * i})`,
  )
  await server.query(`INSERT INTO r VALUES ${rows.join(', ')}`)
  await server.until('SELECT count(*) FROM m', ([[n]]) => n === '20')
  await server.query(
    `CREATE MATERIALIZED VIEW s AS SELECT window_start, window_end, sum(v) AS v FROM m GROUP BY window_start, window_end`,
  )
  const expected = Array.from({ length: 10 }, (_, i) => [String(11 * i)])
  expect(await server.query('SELECT v FROM s ORDER BY window_start')).toEqual(expected)
  expect(await server.query(`SELECT count(*) FROM tidemark.late_rows`)).toEqual([['0']])
})
