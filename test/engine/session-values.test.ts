import { expect, test } from 'vitest'
import { TestEngine } from '../support/engine.ts'
import { startServer } from '../support/server.ts'

test('functions about the session answer from it', async () => {
  const engine = new TestEngine()
  expect(
    await engine.query(
      `SELECT current_user, current_setting('search_path'), current_setting('server_version'), current_setting('no.such', true)`,
    ),
  ).toEqual([['tidemark', 'public', '15.0 (Tidemark)', null]])
  expect(await engine.errorOf(`SELECT current_setting('nonsense')`)).toMatch(/^42704 24 /)
})

test('the time zone of the session holds in reads and inserts', async () => {
  const engine = new TestEngine()
  await engine.query(`CREATE SOURCE s (at timestamptz); SET TIME ZONE 'Asia/Tokyo';
    INSERT INTO s VALUES ('2026-01-01 00:30:00')`)
  expect(await engine.query(`SELECT at, at::date, date_trunc('day', at) FROM s`)).toEqual([
    ['2026-01-01 00:30:00+09', '2026-01-01', '2026-01-01 00:00:00+09'],
  ])
  await engine.query(`SET timezone = 'UTC'`)
  expect(await engine.query('SELECT at FROM s')).toEqual([['2025-12-31 15:30:00+00']])
})

test('now() is one instant in a statement and a later one in the next', async () => {
  const engine = new TestEngine()
  await engine.query('CREATE SOURCE s (n int); INSERT INTO s VALUES (1), (2), (3)')
  const instants = await engine.query('SELECT DISTINCT now(), current_timestamp FROM s')
  expect(instants.length).toBe(1)
  expect(instants[0][0]).toBe(instants[0][1])
  const later = await engine.query('SELECT DISTINCT now() FROM s')
  expect(`${later[0][0]}` >= `${instants[0][0]}`).toBe(true)
  expect((await engine.query('EXPLAIN SELECT n FROM s WHERE now() IS NULL')).flat().join()).not.toContain('now()')
})

test('statement_timeout ends a statement with 57014', async () => {
  const engine = new TestEngine()
  await engine.query(`CREATE SOURCE s (n int); SET statement_timeout = '100ms'`)
  expect(await engine.query('SHOW statement_timeout')).toEqual([['100ms']])
  expect(await engine.errorOf('SELECT n FROM s EMIT CHANGES')).toBe(
    '57014 - canceling statement due to statement timeout',
  )
  await engine.query('SET statement_timeout = 120000')
  expect(await engine.query('SHOW statement_timeout; SELECT count(*) FROM s')).toEqual([['0']])
  expect(await engine.query('SHOW statement_timeout')).toEqual([['2min']])
  expect(await engine.errorOf(`SET statement_timeout = 'soon'`)).toMatch(/^22023 /)
})

test('pg_backend_pid() is the one that a cancel request names', async () => {
  const server = await startServer()
  const client = await server.connect()
  const { rows } = await client.query('SELECT pg_backend_pid() AS pid, current_database() AS db')
  expect(rows).toEqual([{ pid: Reflect.get(client, 'processID'), db: 'tidemark' }])
  await client.end()
})
