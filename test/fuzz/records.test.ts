import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { SqlEngine } from '../support/sql-engine.ts'

/**
 * Bytes as records: whatever comes, the job goes on, and each record is either in the view or in tidemark.bad_rows with its offset.
 */
const RUNS = Number(process.env.ROUNDS ?? 12)

const json = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  fc.json().map(text => Buffer.from(text)),
  fc.string().map(text => Buffer.from(text)),
  fc
    .record(
      { s: fc.jsonValue(), n: fc.jsonValue(), ts: fc.oneof(fc.date().map(String), fc.jsonValue()), a: fc.jsonValue() },
      { requiredKeys: [] },
    )
    .map(value => Buffer.from(JSON.stringify(value))),
  fc
    .tuple(fc.constant('{"s":"x","n":1,"ts":"2026-01-01T00:00:00Z","a":[1,2]}'), fc.nat(54), fc.nat(255))
    .map(([text, at, byte]) => {
      const bytes = Buffer.from(text)
      bytes[at % bytes.length] = byte
      return bytes
    }),
)

test.each(['json', 'csv'])('bytes as records of %s', { timeout: 120_000 }, async format => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(json, { minLength: 1, maxLength: 30 }),
      fc.constantFrom(1, 3, 8192),
      async (values, rowsMax) => {
        const sql = await SqlEngine.open(rowsMax)
        try {
          // A random first record may well be the name of a column, and so a header.
          const more = format === 'csv' ? ", header = 'false'" : ''
          const columns = 's text, n integer, ts timestamptz, a jsonb'
          await sql.run(`CREATE SOURCE r (${columns}) INCLUDE OFFSET WITH (topic = 'r', format = '${format}'${more})`)
          await sql.run('CREATE MATERIALIZED VIEW m AS SELECT _offset, s, n, ts, a FROM r')
          await sql.feed(
            'r',
            values.map(value => ({ value })),
          )
          await sql.settle()
          const states = await sql.run('SELECT state, error FROM tidemark.jobs')
          expect(states.rows).toEqual([['running', null]])
          const kept = await sql.run('SELECT _offset FROM m UNION ALL SELECT "offset" FROM tidemark.bad_rows')
          const offsets = kept.rows.map(([offset]) => Number(offset)).sort((a, b) => a - b)
          // An empty line is no record of CSV.
          const records = [...values.keys()].filter(
            n => format === 'json' || /[^\r\n]/.test(Buffer.from(values[n]).toString()),
          )
          expect(new Set(offsets)).toEqual(new Set(records))
          const bad = await sql.run('SELECT "offset", raw FROM tidemark.bad_rows')
          for (const [offset, raw] of bad.rows)
            expect(raw).toBe(`\\x${Buffer.from(values[Number(offset)]).toString('hex')}`)
        } finally {
          await sql.close()
        }
      },
    ),
    { numRuns: RUNS },
  )
})
