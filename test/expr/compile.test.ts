import { expect, test } from 'vitest'
import { batchOfRows, createBatch, rowAt } from '../../src/batch/batch.ts'
import {
  BIGINT,
  BOOLEAN,
  type DataType,
  type Datum,
  DOUBLE,
  INTEGER,
  type Schema,
  TEXT,
} from '../../src/batch/types.ts'
import { compilePredicate, compileProjection } from '../../src/expr/compile.ts'
import type { EvalContext, Expr } from '../../src/expr/expr.ts'
import { resolveOperator } from '../../src/expr/resolve.ts'

const context: EvalContext = { nowMicros: 0, timeZone: 'UTC' }
const schema: Schema = {
  fields: [
    { name: 'i', type: INTEGER },
    { name: 'b', type: BIGINT },
    { name: 'd', type: DOUBLE },
    { name: 't', type: TEXT },
  ],
}
const column = (index: number): Expr => ({
  kind: 'column',
  index,
  name: schema.fields[index].name,
  type: schema.fields[index].type,
})
const literal = (value: Datum, type: DataType): Expr => ({ kind: 'literal', value, type })

function operator(name: string, ...args: Expr[]): Expr {
  const resolved = resolveOperator(
    name,
    args.map(a => a.type),
  )
  if (!resolved) throw new Error(`no operator ${name}`)
  return { kind: 'call', id: resolved.id, name, args, type: resolved.type }
}

function project(expr: Expr, rows: Datum[][]): Datum[] {
  const batch = batchOfRows(schema, rows)
  const columns = compileProjection([expr], schema)(batch, context)
  const result = createBatch({ fields: [{ name: 'x', type: expr.type }] }, rows.length, columns)
  return rows.map((_, i) => rowAt(result, i)[0])
}

const rows: Datum[][] = [
  [1, 2, 0.5, 'apple'],
  [null, 2n ** 62n, Number.NaN, 'pear'],
  [2147483647, null, null, null],
]

test('arithmetic keeps NULLs and checks its range', () => {
  expect(project(operator('*', column(0), literal(1, INTEGER)), rows)).toEqual([1, null, 2147483647])
  expect(project(operator('+', column(1), column(1)), [rows[0], rows[2]])).toEqual([4, null])
  expect(() => project(operator('+', column(0), literal(1, INTEGER)), rows)).toThrow('integer out of range')
  expect(() => project(operator('+', column(1), column(1)), rows)).toThrow('bigint out of range')
  expect(() => project(operator('/', column(0), literal(0, INTEGER)), rows)).toThrow('division by zero')
})

test('text is compared in place and CASE shares or copies bytes', () => {
  expect(project(operator('=', column(3), literal('pear', TEXT)), rows)).toEqual([false, true, null])
  expect(project(operator('<', column(3), literal('b', TEXT)), rows)).toEqual([true, false, null])
  const when = operator('>', column(0), literal(1, INTEGER))
  const words: Expr = {
    kind: 'case',
    branches: [{ when, then: literal('big', TEXT) }],
    otherwise: literal('small', TEXT),
    type: TEXT,
  }
  expect(project(words, rows)).toEqual(['small', 'small', 'big'])
  expect(project({ ...words, otherwise: column(3) }, rows)).toEqual(['apple', 'pear', 'big'])
})

test('a predicate selects the rows where it is TRUE', () => {
  const filter = compilePredicate(
    {
      kind: 'or',
      args: [operator('>', column(0), literal(5, INTEGER)), operator('=', column(3), literal('pear', TEXT))],
      type: BOOLEAN,
    },
    schema,
  )
  const out = new Int32Array(3)
  expect(filter(batchOfRows(schema, rows), context, out)).toBe(2)
  expect([...out.subarray(0, 2)]).toEqual([1, 2])
})

test('a plain column is passed through', () => {
  const batch = batchOfRows(schema, rows)
  expect(compileProjection([column(3)], schema)(batch, context)[0]).toBe(batch.columns[3])
})
