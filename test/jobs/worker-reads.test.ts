import { expect, test } from 'vitest'
import { startServer } from '../support/server.ts'

test('what a read takes to another thread is still there for the next one', async () => {
  const server = await startServer()
  for (const name of ['a', 'b']) {
    await server.query(`CREATE SOURCE source_${name} (k text, v integer)`)
    await server.query(`CREATE MATERIALIZED VIEW ${name} AS SELECT k, v FROM source_${name}`)
    await server.query(`INSERT INTO source_${name} VALUES ('${name}', 1)`)
    await server.until(`SELECT k FROM ${name}`, rows => rows.length === 1)
  }
  // Views of two dataflows: their contents come together outside of both.
  for (let i = 0; i < 2; i++) {
    expect(await server.query('SELECT k FROM a UNION ALL SELECT k FROM b ORDER BY k')).toEqual([['a'], ['b']])
  }
}, 60_000)
