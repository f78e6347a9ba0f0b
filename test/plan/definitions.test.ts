import { expect, test } from 'vitest'
import { parseExpression, parseScript } from '../../grammar/parse.ts'
import { EngineError } from '../../src/base/errors.ts'
import { BIGINT, DOUBLE, INTEGER, TEXT, TIMESTAMPTZ, typeName } from '../../src/batch/types.ts'
import { printExpr } from '../../src/expr/print.ts'
import { bindColumns, bindConstant, bindDefault, bindWatermark } from '../../src/plan/bind/ddl.ts'
import { bindInsertQuery, bindInsertRows } from '../../src/plan/bind/insert.ts'
import { explain } from '../../src/plan/explain.ts'
import { optimize } from '../../src/plan/optimize.ts'
import { substituteParameters } from '../../src/plan/parameters.ts'
import { countOf } from '../../src/plan/walk.ts'
import { Definitions } from './harness.ts'

function statement(sql: string) {
  return parseScript(sql)[0].ast
}

function create(sql: string) {
  const ast = statement(sql)
  if (ast.kind !== 'create-relation') throw new Error('not a CREATE')
  return ast
}

function insert(sql: string) {
  const ast = statement(sql)
  if (ast.kind !== 'insert' || ast.query?.body.kind !== 'values') throw new Error('not an INSERT … VALUES')
  return ast.query.body
}

function errorOf(work: () => unknown): string {
  try {
    work()
  } catch (error) {
    if (error instanceof EngineError) return `${error.sqlState} ${error.position} ${error.message}`
    throw error
  }
  return 'no error'
}

test('columns have the types that each dialect names', () => {
  const { columns } =
    create(`CREATE STREAM s (a VARCHAR, b STRING, c DOUBLE, d numeric(10, 2)[], e MAP<STRING, INT>, f STRUCT<x INT, y ARRAY<DOUBLE>>,
    g ROW(h varchar(3)), i TIMESTAMP(3), j TIMESTAMP_LTZ(3), k BYTES, l json, m int8) WITH (kafka_topic = 't')`)
  expect(bindColumns(columns).fields.map(f => `${f.name} ${typeName(f.type)}`)).toEqual([
    'a character varying',
    'b text',
    'c double precision',
    'd numeric(10,2)[]',
    'e map(text, integer)',
    'f row(x integer, y double precision[])',
    'g row(h character varying(3))',
    'i timestamp without time zone',
    'j timestamp with time zone',
    'k bytea',
    'l jsonb',
    'm bigint',
  ])
  expect(errorOf(() => bindColumns(create('CREATE SOURCE s (a int, a text)').columns))).toBe(
    '42701 25 column "a" specified more than once',
  )
})

test('a watermark is a timestamp column less a constant', () => {
  const watermark = (clause: string) => {
    const ast = create(`CREATE SOURCE s (n int, ts timestamptz, WATERMARK FOR ${clause})`)
    return bindWatermark(ast.watermarks[0], bindColumns(ast.columns))
  }
  expect(watermark("ts AS ts - INTERVAL '5 seconds'")).toEqual({ column: 1, delayMicros: 5_000_000 })
  expect(watermark("ts AS ts - INTERVAL '2' MINUTE")).toEqual({ column: 1, delayMicros: 120_000_000 })
  expect(watermark('ts AS ts')).toEqual({ column: 1, delayMicros: 0 })
  expect(errorOf(() => watermark('n AS n'))).toMatch(/^42804 .*"n" is integer/)
  expect(errorOf(() => watermark('tz AS tz'))).toMatch(/^42703 /)
  expect(errorOf(() => watermark("ts AS ts + INTERVAL '1 second'"))).toMatch(/^42P17 /)
  expect(errorOf(() => watermark("ts AS ts - INTERVAL '1 month'"))).toMatch(/^22023 /)
})

test('INSERT … VALUES assigns to the columns', () => {
  const target = {
    fields: [
      { name: 'id', type: INTEGER },
      { name: 'x', type: DOUBLE },
      { name: 'name', type: TEXT },
      { name: 'at', type: TIMESTAMPTZ },
    ],
    defaults: [undefined, { kind: 'literal', value: 0, type: DOUBLE } as const],
  }
  const rows = (values: string, types = []) => bindInsertRows(insert(`INSERT INTO t VALUES ${values}`), target, types)
  const bound = rows("('1', DEFAULT, 5, '2026-01-01'), ($1, $2, NULL, $3), (2.5, 1, 'n', NULL)")
  expect(bound.rows.map(row => row.map(printExpr).join(' · '))).toEqual([
    "1 · '0'::double precision · 5::text · '2026-01-01 00:00:00+00'::timestamp with time zone",
    '$1 · $2 · NULL · $3',
    "2.5::integer · 1::double precision · 'n' · NULL",
  ])
  expect(bound.parameterTypes.map(typeName)).toEqual(['integer', 'double precision', 'timestamp with time zone'])
  expect(rows('(1, 2)').rows[0].map(printExpr)).toEqual(['1', '2::double precision', 'NULL', 'NULL'])
  expect(errorOf(() => rows('(true, 1)'))).toBe(
    '42804 23 column "id" is of type integer but expression is of type boolean',
  )
  expect(errorOf(() => rows("('x')"))).toBe('22P02 23 invalid input syntax for type integer: "x"')
  expect(errorOf(() => rows('(1), (1, 2)'))).toMatch(/^42601 /)
  expect(errorOf(() => rows('(1, 2, 3, NULL, 5)'))).toMatch(/^42601 .*more expressions/)
})

test('INSERT … SELECT casts the columns of the query', () => {
  const catalog = new Definitions()
  catalog.run('CREATE SOURCE s (id bigint, x real)')
  const fields = [
    { name: 'id', type: INTEGER },
    { name: 'name', type: TEXT },
    { name: 'at', type: TIMESTAMPTZ },
  ]
  const options = { searchPath: ['public'], parameterTypes: [], mode: 'standing', timeZone: 'UTC' } as const
  const bind = (sql: string) => {
    const ast = statement(sql)
    if (ast.kind !== 'insert' || !ast.query) throw new Error('not an INSERT')
    return bindInsertQuery(ast.query, { fields }, catalog, options)
  }
  const { plan } = bind("INSERT INTO t SELECT id, x, '2026-01-01' FROM s")
  expect(explain(optimize(plan))).toEqual([
    'Project',
    "  Output: id::integer AS id, x::text AS x, '2026-01-01 00:00:00+00'::timestamp with time zone",
    '  ->  Scan on public.s (source)',
    '        Columns: id, x',
  ])
  expect(errorOf(() => bind('INSERT INTO t SELECT id, x FROM s'))).toMatch(/^42601 .*fewer/)
  expect(errorOf(() => bind('INSERT INTO t SELECT id, x, x FROM s'))).toMatch(/^42804 .*"at"/)
})

test('constants and defaults have the type of their place', () => {
  expect(bindConstant(parseExpression("'12'"), BIGINT)).toBe(12)
  expect(bindConstant(parseExpression('1 + 2'), DOUBLE)).toBe(3)
  expect(errorOf(() => bindConstant(parseExpression('a'), BIGINT))).toMatch(/^42703 1 /)
  expect(printExpr(bindDefault(parseExpression("'x'"), { name: 'c', type: TEXT }))).toBe("'x'")
})

test('parameters are inferred, then replaced by values', () => {
  const catalog = new Definitions()
  catalog.run('CREATE SOURCE s (id bigint, x real)')
  const ast = statement('SELECT id FROM s WHERE x > $1 ORDER BY id LIMIT $2')
  if (ast.kind !== 'query') throw new Error('not a query')
  const { plan, parameterTypes } = catalog.bind(ast, 'read')
  expect(parameterTypes.map(typeName)).toEqual(['real', 'bigint'])
  const ready = substituteParameters(plan, [1.5, 3])
  expect(ready.kind === 'sort' && countOf(ready.limit)).toBe(3)
  expect(explain(ready).join('\n')).not.toContain('$')
})
