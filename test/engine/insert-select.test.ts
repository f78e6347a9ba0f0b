import { expect, test } from 'vitest'
import { TestEngine } from '../support/engine.ts'
import { startServer } from '../support/server.ts'

const STREAMS = `
  CREATE SOURCE readings (device text, v double precision, at timestamptz FORMAT 'epoch_ms', WATERMARK FOR at AS at);
  CREATE STREAM alerts (device text, level text, at timestamptz FORMAT 'epoch_ms', n integer);`

test('INSERT INTO stream SELECT is a job that fills it', async () => {
  const engine = new TestEngine()
  await engine.query(`${STREAMS}
    INSERT INTO alerts (at, device, n) SELECT at, device, v FROM readings WHERE v > 10;
    INSERT INTO alerts (device, level) SELECT device, 'low' FROM readings WHERE v < 1;
    INSERT INTO readings VALUES ('a', 12, '2026-01-01 00:00:01Z'), ('b', 0.5, '2026-01-01 00:00:02Z'), ('c', 5, NULL)`)
  const rows = await engine.until('SELECT device, level, at, n FROM alerts ORDER BY device', r => r.length === 2)
  expect(rows).toEqual([
    ['a', null, '2026-01-01 00:00:01+00', '12'],
    ['b', 'low', null, null],
  ])
  expect(engine.notices[0]).toMatch(/^job "insert_into_alerts" fills "alerts"/)
  expect(await engine.query('SELECT job, kind, state FROM tidemark.jobs ORDER BY job')).toEqual([
    ['insert_into_alerts', 'sink', 'running'],
    ['insert_into_alerts_2', 'sink', 'running'],
  ])
  expect(await engine.errorOf('DROP STREAM alerts')).toMatch(/^2BP01 /)
  expect(await engine.errorOf('INSERT INTO readings (device) SELECT device FROM alerts')).toMatch(/^42P17 .*never end/)
  expect(
    await engine.errorOf('INSERT INTO alerts (device, n) SELECT device, count(*) FROM readings GROUP BY device'),
  ).toMatch(/^55000 /)
  expect(await engine.errorOf('INSERT INTO alerts (device) SELECT at, device FROM readings')).toMatch(/^42601 /)
  expect(
    (await engine.query('EXPLAIN INSERT INTO alerts (device) SELECT device FROM readings')).flat().join(),
  ).toContain('Scan on public.readings')
  await engine.query('DROP JOB insert_into_alerts_2')
  expect(await engine.query('SELECT job FROM tidemark.jobs')).toEqual([['insert_into_alerts']])
})

test('a query that reads no topic is inserted at once', async () => {
  const engine = new TestEngine()
  await engine.query(`${STREAMS} INSERT INTO alerts (n, device) SELECT 1 + 1, 'x' UNION ALL SELECT 3, 'y'`)
  expect(await engine.query('SELECT device, n FROM alerts ORDER BY n')).toEqual([
    ['x', '2'],
    ['y', '3'],
  ])
  expect(await engine.query('SELECT * FROM tidemark.jobs')).toEqual([])
})

test('the job of an INSERT goes on after kill -9, each row once', async () => {
  const server = await startServer()
  const client = await server.connect()
  await client.query(`${STREAMS} INSERT INTO alerts (device, n) SELECT device, v FROM readings;
    INSERT INTO readings VALUES ('a', 1, '2026-01-01 00:00:01Z')`)
  await client.end()
  await server.until('SELECT device FROM alerts', rows => rows.length === 1)
  await server.stop('SIGKILL')
  await server.start()
  await server.query(`INSERT INTO readings VALUES ('b', 2, '2026-01-01 00:00:02Z')`)
  await server.until(`SELECT device FROM alerts WHERE device = 'b'`, rows => rows.length === 1)
  expect(await server.query('SELECT device, n FROM alerts ORDER BY n')).toEqual([
    ['a', '1'],
    ['b', '2'],
  ])
  expect(await server.query('SELECT job FROM tidemark.jobs')).toEqual([['insert_into_alerts']])
})
