import { expect, test } from 'vitest'
import { startServer } from '../support/server.ts'

test('a thread that runs out of heap takes its jobs down only, and the others of it come back', async () => {
  const server = await startServer('--workers', '1', '--worker-heap', '64')
  await server.query(`CREATE SOURCE small (a int) WITH (topic = 'small')`)
  await server.query('CREATE MATERIALIZED VIEW good AS SELECT a, count(*) AS n FROM small GROUP BY a')
  await server.query('INSERT INTO small VALUES (1)')
  await server.until('SELECT n FROM good', rows => rows[0]?.[0] === '1')
  await server.query(`CREATE SOURCE fleet (device_id text, temperature double precision)
    WITH (connector = 'generator', rows = '1000000000', devices = '10000000')`)
  // Lists are objects, so they lie in the heap.
  await server.query(`CREATE MATERIALIZED VIEW hog AS
    SELECT device_id, array_agg(temperature::text) AS temperatures FROM fleet GROUP BY device_id`)
  const [[error]] = await server.until(
    `SELECT error FROM tidemark.jobs WHERE job = 'hog' AND state = 'failed'`,
    rows => rows.length === 1,
  )
  expect(error).toContain('heap out of memory')
  await server.query('DROP MATERIALIZED VIEW hog')
  await server.query('INSERT INTO small VALUES (1)')
  await server.until(`SELECT state FROM tidemark.jobs WHERE job = 'good'`, rows => rows[0]?.[0] === 'running')
  expect(await server.until('SELECT a, n FROM good', rows => rows[0]?.[1] === '2')).toEqual([['1', '2']])
}, 60_000)
