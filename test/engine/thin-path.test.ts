import { expect, test } from 'vitest'
import { startServer } from '../support/server.ts'

test('a topic, a windowed view, an answer; the same after kill -9', async () => {
  const server = await startServer()
  await server.query(
    `CREATE SOURCE r (device text, ts timestamptz, v double precision, WATERMARK FOR ts AS ts - INTERVAL '5 seconds')`,
  )
  await server.query(
    `CREATE MATERIALIZED VIEW m AS SELECT device, window_start, avg(v) AS a, max(v) AS m FROM TUMBLE(r, ts, INTERVAL '1 minute') GROUP BY device, window_start`,
  )
  await server.query(
    `INSERT INTO r VALUES ('a', '2026-01-01 00:00:01Z', 1.5), ('b', '2026-01-01 00:00:02Z', 2.5), ('a', '2026-01-01 00:00:31Z', 4.5)`,
  )
  const expected = [
    ['a', '2026-01-01 00:00:00+00', '3', '4.5'],
    ['b', '2026-01-01 00:00:00+00', '2.5', '2.5'],
  ]
  const answer = 'SELECT * FROM m ORDER BY device'
  expect(await server.until(answer, rows => rows.length === 2)).toEqual(expected)
  expect(await server.query('SELECT max(v) FROM r')).toEqual([['4.5']])

  await server.stop('SIGKILL')
  await server.start()
  expect(await server.until(answer, rows => rows.length === 2)).toEqual(expected)
  await server.query(`INSERT INTO r VALUES ('a', '2026-01-01 00:00:41Z', 9)`)
  expect(await server.until(answer, rows => rows[0][3] === '9')).toEqual([
    ['a', '2026-01-01 00:00:00+00', '5', '9'],
    expected[1],
  ])
})
