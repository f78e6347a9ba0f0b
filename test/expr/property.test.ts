import fc from 'fast-check'
import { expect, test } from 'vitest'
import { EngineError } from '../../src/base/errors.ts'
import { type Batch, batchOfRows, createBatch, rowAt } from '../../src/batch/batch.ts'
import {
  BIGINT,
  BOOLEAN,
  type DataType,
  type Datum,
  DOUBLE,
  INTEGER,
  NUMERIC,
  REAL,
  type Schema,
  SMALLINT,
  TEXT,
  TIMESTAMP,
  typeName,
} from '../../src/batch/types.ts'
import { canCast } from '../../src/expr/coerce.ts'
import { compilePredicate, compileProjection } from '../../src/expr/compile.ts'
import type { EvalContext, Expr } from '../../src/expr/expr.ts'
import { fold } from '../../src/expr/fold.ts'
import { resolveFunction, resolveOperator } from '../../src/expr/resolve.ts'
import { evaluate } from './interpreter.ts'

/** Set EXPR_RUNS for a longer campaign. */
const RUNS = Number(process.env.EXPR_RUNS ?? 500)
const context: EvalContext = { nowMicros: 1_700_000_000_000_000, timeZone: 'Europe/Berlin' }
const TYPES: readonly DataType[] = [BOOLEAN, SMALLINT, INTEGER, BIGINT, REAL, DOUBLE, NUMERIC, TEXT, TIMESTAMP]
/** Two columns of each type: the second never has NULLs. */
const schema: Schema = { fields: [...TYPES, ...TYPES].map((type, i) => ({ name: `c${i}`, type })) }

function datumOf(type: DataType): fc.Arbitrary<Datum> {
  switch (type.kind) {
    case 'boolean':
      return fc.boolean()
    case 'smallint':
      return fc.oneof(fc.constantFrom(0, 1, -1, 32767, -32768), fc.integer({ min: -300, max: 300 }))
    case 'integer':
      return fc.oneof(fc.constantFrom(0, 1, -1, 2147483647, -2147483648), fc.integer({ min: -50, max: 50 }))
    case 'bigint':
      return fc.oneof(
        fc.constantFrom<Datum>(0, -1, 2 ** 53 - 1, 2n ** 53n, -(2n ** 53n), 2n ** 63n - 1n, -(2n ** 63n), 4294967296),
        fc.integer(),
      )
    case 'timestamp':
      return fc.oneof(fc.constantFrom<Datum>(0, -1, 253402300799999999n), fc.integer({ min: -1e15, max: 2e15 }))
    case 'real':
      return fc.oneof(fc.constantFrom(0, -0, Number.NaN, Number.POSITIVE_INFINITY), fc.float({ noNaN: true }))
    case 'double':
      return fc.oneof(fc.constantFrom(0, -0, Number.NaN, Number.NEGATIVE_INFINITY, 1e308), fc.double({ noNaN: true }))
    case 'numeric':
      return fc.record({ unscaled: fc.bigInt({ min: -100000n, max: 100000n }), scale: fc.nat({ max: 3 }) })
    default:
      return fc.oneof(
        fc.constantFrom('', 'a', 'ab', 'é', '日本', '😀', '12', 'true'),
        fc.string({ unit: 'grapheme', maxLength: 30 }),
      )
  }
}

function leaf(type: DataType): fc.Arbitrary<Expr> {
  const indexes = schema.fields.flatMap((f, i) => (f.type === type ? [i] : []))
  const literal = fc
    .option(datumOf(type), { nil: null, freq: 6 })
    .map((value): Expr => ({ kind: 'literal', value, type }))
  if (indexes.length === 0) return literal
  const column = fc.constantFrom(...indexes).map((index): Expr => ({ kind: 'column', index, name: `c${index}`, type }))
  return fc.oneof({ weight: 3, arbitrary: column }, { weight: 1, arbitrary: literal })
}

function callOf(name: string, args: readonly Expr[]): Expr {
  const types = args.map(a => a.type)
  const resolved = /^[a-z]/.test(name) ? resolveFunction(name, types) : resolveOperator(name, types)
  if (!resolved) throw new Error(`no ${name}(${types.map(typeName).join()})`)
  const cast = args.map((arg, i): Expr => {
    const type = resolved.argTypes[i]
    return arg.type.kind === type.kind ? arg : { kind: 'cast', arg, type }
  })
  return { kind: 'call', id: resolved.id, name, args: cast, type: resolved.type }
}

const NUMBERS: readonly DataType[] = [SMALLINT, INTEGER, BIGINT, REAL, DOUBLE, NUMERIC]

function exprOf(type: DataType, depth: number): fc.Arbitrary<Expr> {
  if (depth === 0) return leaf(type)
  const next = (t: DataType): fc.Arbitrary<Expr> => exprOf(t, depth - 1)
  const forms: fc.Arbitrary<Expr>[] = [
    leaf(type),
    fc
      .tuple(next(BOOLEAN), next(type), next(type))
      .map(([when, then, otherwise]): Expr => ({ kind: 'case', branches: [{ when, then }], otherwise, type })),
    fc.array(next(type), { minLength: 2, maxLength: 3 }).map((args): Expr => ({ kind: 'coalesce', args, type })),
    fc
      .constantFrom(...TYPES.filter(from => canCast(from, type, 'explicit')))
      .chain(from => next(from).map((arg): Expr => (from === type ? arg : { kind: 'cast', arg, type }))),
  ]
  if (NUMBERS.includes(type)) {
    forms.push(
      fc
        .tuple(
          fc.constantFrom('+', '-', '*', '/', ...(type === REAL || type === DOUBLE ? [] : ['%'])),
          next(type),
          next(type),
        )
        .map(([op, a, b]) => callOf(op, [a, b])),
      next(type).map(a => callOf('-', [a])),
    )
  }
  if (type === TEXT) forms.push(...textForms(next))
  if (type === BOOLEAN) forms.push(...booleanForms(next))
  return fc.oneof(...forms)
}

function textForms(next: (t: DataType) => fc.Arbitrary<Expr>): fc.Arbitrary<Expr>[] {
  return [
    fc.tuple(next(TEXT), next(TEXT)).map(args => callOf('||', args)),
    fc.tuple(fc.constantFrom('upper', 'lower', 'reverse', 'btrim'), next(TEXT)).map(([f, a]) => callOf(f, [a])),
    fc.tuple(next(TEXT), next(INTEGER)).map(args => callOf('left', args)),
    fc.tuple(next(TEXT), next(INTEGER), next(TEXT)).map(args => callOf('concat_ws', args)),
  ]
}

function booleanForms(next: (t: DataType) => fc.Arbitrary<Expr>): fc.Arbitrary<Expr>[] {
  const of = (kind: 'and' | 'or') =>
    fc.array(next(BOOLEAN), { minLength: 2, maxLength: 3 }).map((args): Expr => ({ kind, args, type: BOOLEAN }))
  return [
    of('and'),
    of('or'),
    next(BOOLEAN).map((arg): Expr => ({ kind: 'not', arg, type: BOOLEAN })),
    fc
      .tuple(fc.constantFrom('=', '<>', '<', '<=', '>', '>='), fc.constantFrom(...TYPES))
      .chain(([op, type]) => fc.tuple(next(type), next(type)).map(args => callOf(op, args))),
    fc
      .tuple(fc.constantFrom(...TYPES), fc.constantFrom('null' as const), fc.boolean())
      .chain(([type, test, negated]) =>
        next(type).map((arg): Expr => ({ kind: 'is', test, negated, arg, type: BOOLEAN })),
      ),
    fc
      .tuple(next(BOOLEAN), fc.constantFrom('true' as const, 'false' as const), fc.boolean())
      .map(([arg, test, negated]): Expr => ({ kind: 'is', test, negated, arg, type: BOOLEAN })),
    fc
      .constantFrom(...TYPES)
      .chain(type =>
        fc
          .tuple(next(type), fc.array(datumOf(type), { minLength: 1, maxLength: 10 }), fc.boolean())
          .map(([arg, values, negated]): Expr => ({ kind: 'in', arg, values, negated, type: BOOLEAN })),
      ),
  ]
}

const batchOf: fc.Arbitrary<Batch> = fc
  .array(
    fc.tuple(
      ...schema.fields.map((f, i) => (i < TYPES.length ? fc.option(datumOf(f.type), { freq: 4 }) : datumOf(f.type))),
    ),
    { maxLength: 12 },
  )
  .map(rows => batchOfRows(schema, rows))

/** What happened to one row: its value, or the SQLSTATE. */
function outcome(work: () => Datum): Datum | { error: string } {
  try {
    const value = work()
    return typeof value === 'number' && value === 0 ? 0 : value
  } catch (error) {
    if (error instanceof EngineError) return { error: error.sqlState }
    throw error
  }
}

function expected(expr: Expr, batch: Batch): (Datum | { error: string })[] {
  return Array.from({ length: batch.rowCount }, (_, i) => outcome(() => evaluate(expr, rowAt(batch, i), context)))
}

function computed(expr: Expr, batch: Batch): Datum[] {
  const columns = compileProjection([expr], schema)(batch, context)
  const result = createBatch({ fields: [{ name: 'x', type: expr.type }] }, batch.rowCount, columns)
  return Array.from({ length: batch.rowCount }, (_, i) => rowAt(result, i)[0]).map(v => (v === 0 ? 0 : v))
}

const someExpr = fc.constantFrom(...TYPES).chain(type => exprOf(type, 3))

test('generated loops compute what the interpreter does', () => {
  fc.assert(
    fc.property(someExpr, batchOf, (expr, batch) => {
      const wanted = expected(expr, batch)
      const failing = wanted.find(w => typeof w === 'object' && w !== null && 'error' in w)
      if (failing === undefined) expect(computed(expr, batch)).toEqual(wanted)
      else expect(() => computed(expr, batch)).toThrow(EngineError)
    }),
    { numRuns: RUNS },
  )
})

test('folding changes no result; at most an error that no longer needs to happen goes', () => {
  fc.assert(
    fc.property(someExpr, batchOf, (expr, batch) => {
      const wanted = expected(expr, batch)
      const got = expected(fold(expr, context), batch)
      wanted.forEach((w, i) => {
        if (typeof w === 'object' && w !== null && 'error' in w) return
        expect(got[i]).toEqual(w)
      })
    }),
    { numRuns: RUNS / 2 },
  )
})

test('a predicate selects the rows where the interpreter says TRUE', () => {
  fc.assert(
    fc.property(exprOf(BOOLEAN, 3), batchOf, (expr, batch) => {
      const wanted = expected(expr, batch)
      if (wanted.some(w => typeof w === 'object' && w !== null)) return
      const out = new Int32Array(batch.rowCount)
      const count = compilePredicate(expr, schema)(batch, context, out)
      expect([...out.subarray(0, count)]).toEqual(wanted.flatMap((w, i) => (w === true ? [i] : [])))
    }),
    { numRuns: RUNS / 2 },
  )
})
