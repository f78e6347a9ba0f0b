import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseScript } from '../../grammar/parse.ts'
import type { Datum } from '../../src/batch/types.ts'
import { explain } from '../../src/plan/explain.ts'
import { optimize } from '../../src/plan/optimize.ts'
import { Definitions } from './harness.ts'
import { interpret, type Row } from './interpreter.ts'

const SETUP = `CREATE SOURCE t (a int, b int, c int, ts timestamptz, WATERMARK FOR ts AS ts);
  CREATE TABLE u (c int, b int, a int, ts timestamptz, PRIMARY KEY (a));`

const columns = fc.constantFrom('a', 'b', 'c')
const scalar = fc.oneof(
  columns,
  fc.constantFrom('1', 'NULL::int', 'a + b', 'c - 1', '-b', 'coalesce(a, c, 0)', 'CASE WHEN a > b THEN a ELSE c END'),
)
const condition: fc.Arbitrary<string> = fc.letrec<{ any: string; leaf: string }>(tie => ({
  any: fc.oneof(
    { withCrossShrink: true },
    tie('leaf'),
    fc.tuple(tie('any'), fc.constantFrom('AND', 'OR'), tie('any')).map(([l, op, r]) => `(${l} ${op} ${r})`),
    tie('any').map(inner => `NOT (${inner})`),
  ),
  leaf: fc.oneof(
    fc.tuple(scalar, fc.constantFrom('=', '<', '>=', '<>'), scalar).map(parts => parts.join(' ')),
    scalar.map(s => `${s} IS NULL`),
    columns.map(c => `${c} IN (0, 2)`),
    fc.constantFrom('1 = 1', '1 = 0', "ts > '1970-01-01 00:00:10Z'", 'a IS DISTINCT FROM b'),
  ),
})).any

/** Queries whose columns are a, b, c (integer) and ts, each over others of the kind. */
const query: fc.Arbitrary<string> = fc.letrec<{ any: string; from: string }>(tie => ({
  from: tie('any').map(q => `(${q}) q`),
  any: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    fc.constantFrom('SELECT * FROM t', 'SELECT a, b, c, ts FROM u'),
    fc.tuple(tie('from'), condition).map(([q, w]) => `SELECT a, b, c, ts FROM ${q} WHERE ${w}`),
    fc
      .tuple(scalar, scalar, scalar, tie('from'))
      .map(([x, y, z, q]) => `SELECT ${x} AS a, ${y} AS b, ${z} AS c, ts FROM ${q}`),
    fc
      .tuple(scalar, tie('from'), condition, condition)
      .map(
        ([k, q, w, h]) =>
          `SELECT * FROM (SELECT ${k} AS a, max(b) AS b, count(*)::int AS c, ts FROM ${q} WHERE ${w} GROUP BY 1, ts) g WHERE ${h}`,
      ),
    fc
      .tuple(tie('from'), condition)
      .map(
        ([q, w]) =>
          `SELECT a, b, c, window_end AS ts FROM TUMBLE(${q}, ts, INTERVAL '7 seconds') WHERE ${w} AND window_start > '1970-01-01'`,
      ),
    fc
      .tuple(tie('from'), condition)
      .map(
        ([q, w]) =>
          `SELECT a, b, c, window_end AS ts FROM SESSION(${q} PARTITION BY a, ts, INTERVAL '2 seconds') WHERE ${w} AND window_start > '1970-01-01'`,
      ),
    fc
      .tuple(
        tie('from'),
        condition,
        fc.constantFrom('rank', 'dense_rank'),
        fc.constantFrom('n <= 2', '1 = n', '3 > n', 'n = 2', 'true'),
      )
      .map(
        ([q, w, f, n]) =>
          `SELECT a, b, c, ts FROM (SELECT *, ${f}() OVER (PARTITION BY a ORDER BY b DESC, c) AS n FROM ${q}) r WHERE ${w} AND ${n}`,
      ),
    fc
      .tuple(tie('from'), condition)
      .map(
        ([q, f]) =>
          `SELECT a, sum(b) FILTER (WHERE ${f})::int AS b, min(c) AS c, window_start AS ts FROM HOP(${q}, ts, INTERVAL '4 seconds', INTERVAL '10 seconds') GROUP BY a, window_start`,
      ),
    tie('any').map(q => `SELECT DISTINCT a, b, c, ts FROM (${q}) q`),
    fc
      .tuple(
        tie('any'),
        fc.constantFrom('UNION', 'UNION ALL', 'INTERSECT', 'EXCEPT', 'INTERSECT ALL', 'EXCEPT ALL'),
        tie('any'),
      )
      .map(([l, op, r]) => `(${l}) ${op} (${r})`),
    fc
      .tuple(tie('from'), tie('any'), fc.constantFrom('', 'NOT '), scalar, condition)
      .map(
        ([q, i, not, x, w]) =>
          `SELECT a, b, c, ts FROM ${q} WHERE ${x} ${not}IN (SELECT a FROM (${i}) i WHERE i.ts <= q.ts OR i.b = q.c) AND ${w}`,
      ),
    fc
      .tuple(tie('from'), tie('any'), fc.constantFrom('', 'NOT '), condition)
      .map(
        ([q, i, not, w]) =>
          `SELECT a, b, c, ts FROM ${q} WHERE ${not}EXISTS (SELECT FROM (${i}) i WHERE i.a = q.b AND q.c > i.c) AND ${w}`,
      ),
    fc
      .tuple(tie('from'), tie('any'), condition)
      .map(
        ([q, i, w]) =>
          `SELECT a, (SELECT count(*)::int FROM (${i}) i WHERE ${w} AND i.a = q.b) AS b, CASE WHEN q.c IN (SELECT b FROM (${i}) i) THEN b END AS c, ts FROM ${q}`,
      ),
    fc
      .tuple(tie('from'), condition)
      .map(
        ([q, w]) => `SELECT max(a) AS a, min(b) AS b, count(DISTINCT c)::int AS c, max(ts) AS ts FROM ${q} WHERE ${w}`,
      ),
  ),
})).any

const small = fc.option(fc.integer({ min: -2, max: 3 }), { nil: null })
const row = fc.tuple(
  small,
  small,
  small,
  fc.integer({ min: 0, max: 30 }).map(s => s * 1_000_000),
)
const rows = fc.array(row, { maxLength: 8 })

test('rules keep the result, and keys are unique', () => {
  const catalog = new Definitions()
  catalog.run(SETUP)
  let changed = 0
  fc.assert(
    fc.property(
      query,
      fc.subarray(['a', 'b', 'c', 'ts', 'b + c AS d'], { minLength: 1 }),
      rows,
      rows,
      (inner, list, t, u) => {
        const [{ ast }] = parseScript(`SELECT ${list.join(', ')} FROM (${inner}) q`)
        if (ast.kind !== 'query') throw new Error('not a query')
        const keyed = [...new Map(u.map((r): [Datum, Row] => [r[2], r])).values()]
        const tables = new Map<string, readonly Row[]>([
          ['public.t', t],
          ['public.u', keyed],
        ])
        const { plan, uniqueKey } = catalog.bind(ast, 'read')
        const optimized = optimize(plan)
        const expected = interpret(plan, tables)
        const got = interpret(optimized, tables)
        expect(canonical(got), explain(optimized).join('\n')).toEqual(canonical(expected))
        if (explain(optimized).length < explain(plan).length) changed++
        if (uniqueKey) {
          const keys = got.map(r => JSON.stringify(uniqueKey.map(c => r[c])))
          expect(new Set(keys).size).toBe(keys.length)
        }
      },
    ),
    { numRuns: 400 },
  )
  expect(changed).toBeGreaterThan(100)
})

function canonical(result: readonly Row[]): string[] {
  return result.map(r => JSON.stringify(r)).sort()
}
