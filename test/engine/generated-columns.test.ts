import { expect, test } from 'vitest'
import { TestEngine } from '../support/engine.ts'

test('generated columns are computed before the watermark sees them', async () => {
  const engine = new TestEngine()
  await engine.query(`
    CREATE SOURCE raw (device text, ms bigint, v text) WITH (topic = 'clicks');
    CREATE SOURCE clicks (device text, ms bigint, v text, at AS to_timestamp_ltz(ms, 3), n integer GENERATED ALWAYS AS (v::numeric * 2) STORED,
      WATERMARK FOR at AS at - INTERVAL '1' SECOND) INCLUDE OFFSET WITH (topic = 'clicks');
    CREATE MATERIALIZED VIEW m AS
      SELECT device, window_start, sum(n) AS s, first(v) AS f, last(v) AS l FROM TUMBLE(clicks, at, INTERVAL '1 minute') GROUP BY device, window_start;
    INSERT INTO raw VALUES ('a', 1767225605000, '1'), ('a', 1767225601000, '2'), ('a', 1767225603000, 'x'), ('b', 1767225604000, '1.4')`)
  expect(await engine.until('SELECT * FROM m ORDER BY device', rows => rows.length === 2)).toEqual([
    ['a', '2026-01-01 00:00:00+00', '6', '2', '1'],
    ['b', '2026-01-01 00:00:00+00', '3', '1.4', '1.4'],
  ])
  expect(await engine.query(`SELECT at, n, _offset FROM clicks WHERE device = 'b'`)).toEqual([
    ['2026-01-01 00:00:04+00', '3', '3'],
  ])
  const bad = 'SELECT source, "offset", reason, record FROM tidemark.bad_rows'
  expect(await engine.until(bad, rows => rows.length > 0)).toEqual([
    ['clicks', '2', 'invalid input syntax for type numeric: "x"', expect.stringContaining('"v":"x"')],
  ])
  expect(await engine.query('SELECT watermark FROM tidemark.watermarks')).toEqual([['2026-01-01 00:00:04+00']])
  expect(await engine.query('SELECT device FROM clicks LIMIT 1')).toEqual([['a']])
})

test('INSERT gives the columns that are not generated', async () => {
  const engine = new TestEngine()
  await engine.query(
    `CREATE SOURCE s (a integer, b integer GENERATED ALWAYS AS (a + 1) STORED); INSERT INTO s VALUES (1), (2)`,
  )
  expect(await engine.query('SELECT a, b FROM s ORDER BY a')).toEqual([
    ['1', '2'],
    ['2', '3'],
  ])
  expect(await engine.errorOf('INSERT INTO s VALUES (1, 2)')).toMatch(/^42601 .*more expressions/)
  expect(await engine.errorOf('CREATE SOURCE t (a int, b AS a + 1, c AS b + 1)')).toMatch(/^42P17 /)
  expect(await engine.errorOf('CREATE SOURCE t (a int, b AS d)')).toMatch(/^42703 /)
})
