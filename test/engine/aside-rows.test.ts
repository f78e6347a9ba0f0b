import { expect, test } from 'vitest'
import { type Batch, batchOfRows } from '../../src/batch/batch.ts'
import { BIGINT, INTEGER, type Schema } from '../../src/batch/types.ts'
import { readPlan } from '../../src/engine/read.ts'
import { TestEngine } from '../support/engine.ts'

const ROWS = 700

test('rows put aside are read in pieces, the newest first, alone and beside a view', async () => {
  const engine = new TestEngine()
  const values = Array.from({ length: ROWS }, (_, n) => `('x${n}')`).join(', ')
  await engine.query(`
    CREATE SOURCE raw (v text) WITH (topic = 'numbers');
    CREATE SOURCE numbers (v text, n AS v::integer) WITH (topic = 'numbers');
    CREATE MATERIALIZED VIEW sums AS SELECT sum(n) AS s FROM numbers;
    INSERT INTO raw VALUES ${values}, ('7')`)
  await engine.until('SELECT s FROM sums', rows => rows[0]?.[0] === '7')
  const newestFirst = Array.from({ length: ROWS }, (_, n) => [String(ROWS - 1 - n)])
  const asked = 'SELECT "offset" FROM tidemark.bad_rows'
  expect(await engine.until(asked, rows => rows.length === ROWS)).toEqual(newestFirst)
  expect(await engine.query(`${asked} LIMIT 3 OFFSET 299`)).toEqual(newestFirst.slice(299, 302))
  const both = await engine.query(`SELECT count(*) FROM (${asked} UNION ALL SELECT s FROM sums) x`)
  expect(both).toEqual([[String(ROWS + 1)]])
})

test('a read with a LIMIT and no order ends when it has its rows', async () => {
  const schema: Schema = { fields: [{ name: 'n', type: INTEGER }] }
  let taken = 0
  async function* endless(): AsyncGenerator<Batch> {
    for (;;) {
      const rows = Array.from({ length: 4 }, () => [taken++])
      yield batchOfRows(schema, rows)
    }
  }
  const relation = { relation: 'tidemark.endless', relationKind: 'system', changing: false } as const
  const scan = { kind: 'scan', ...relation, schema, columns: [0] } as const
  const count = (value: number) => ({ kind: 'literal', type: BIGINT, value }) as const
  const plan = { kind: 'sort', input: scan, keys: [], limit: count(5), offset: count(2), schema } as const
  const request = { kind: 'read', plan, sources: {}, given: {}, snapshot: true, differences: false } as const
  const context = { nowMicros: 0, timeZone: 'UTC' }
  let read = 0
  for await (const batch of readPlan({ ...request, ...context }, endless, new AbortController().signal)) {
    read += batch.rowCount
  }
  expect(read).toBe(5)
  expect(taken).toBe(8)
})
