import { expect, test } from 'vitest'
import { startServer } from '../support/server.ts'

// It took its neighbours along at each of its attempts, for ever: they were started again in the same thread.
test('a job that runs out of heap takes its thread down once, then its own only, and then stays down', async () => {
  const server = await startServer('--workers', '1', '--worker-heap', '32')
  await server.query(`CREATE SOURCE small (a int) WITH (topic = 'small')`)
  await server.query('CREATE MATERIALIZED VIEW good AS SELECT a, count(*) AS n FROM small GROUP BY a')
  await server.query('INSERT INTO small VALUES (1)')
  await server.until('SELECT n FROM good', rows => rows[0]?.[0] === '1')
  await server.query(`CREATE SOURCE fleet (device_id text, temperature double precision)
    WITH (connector = 'generator', rows = '1000000000', devices = '10000000')`)
  // Lists are objects, so they lie in the heap.
  await server.query(`CREATE MATERIALIZED VIEW hog AS
    SELECT device_id, array_agg(temperature::text) AS temperatures FROM fleet GROUP BY device_id`)
  const hog = `SELECT state, sqlstate, error FROM tidemark.jobs WHERE job = 'hog' AND retry_at IS NULL AND error IS NOT NULL`
  const [[state, sqlState, error]] = await server.until(hog, rows => rows.length === 1)
  expect([state, sqlState]).toEqual(['failed', '53200'])
  expect(error).toContain('heap out of memory')

  const failures = (): number[] => {
    const lines = server.output.split('\n').filter(line => line.includes('"job failed'))
    return [...Map.groupBy(lines, line => JSON.parse(line).dataflow).values()].map(all => all.length).sort()
  }
  expect(failures()).toEqual([1, 3])
  await server.query('INSERT INTO small VALUES (1)')
  expect(await server.until('SELECT a, n FROM good', rows => rows[0]?.[1] === '2')).toEqual([['1', '2']])
  expect(await server.query(`SELECT state FROM tidemark.jobs WHERE job = 'good'`)).toEqual([['running']])

  // Whoever tries again does not take them along either.
  await server.query('ALTER JOB hog RESUME')
  await server.until(
    `SELECT state FROM tidemark.jobs WHERE job = 'hog' AND sqlstate = '53200' AND retry_at IS NOT NULL`,
    rows => rows.length === 1,
  )
  await server.query('DROP MATERIALIZED VIEW hog')
  expect(await server.query('SELECT a, n FROM good')).toEqual([['1', '2']])
  expect(failures()[0]).toBe(1)
}, 60_000)
