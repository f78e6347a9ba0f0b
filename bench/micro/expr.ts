/**
 * Filter and project, generated loops against the interpreter of the tests, in one run:
 *   node bench/micro/expr.ts
 * Prints one JSON line a case: rows a second of both and their ratio.
 */

import { seededRandom, systemClock } from '../../src/base/clock.ts'
import { type Batch, createBatch } from '../../src/batch/batch.ts'
import type { Column } from '../../src/batch/column.ts'
import { encodeUtf8 } from '../../src/batch/column.ts'
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
import { interpret } from '../../test/expr/interpreter.ts'

const ROWS = 8192
const SECONDS = 0.5
const context: EvalContext = { nowMicros: 0, timeZone: 'UTC' }
const schema: Schema = {
  fields: [
    { name: 'i', type: INTEGER },
    { name: 'd', type: DOUBLE },
    { name: 'b', type: BIGINT },
    { name: 't', type: TEXT },
  ],
}

const random = seededRandom(1)
const words = ['temperature', 'humidity', 'pressure', 'co2'].map(encodeUtf8)
const bytes = Buffer.concat(words)
const offsets = [0, 11, 19, 27, 30]
const picks = Array.from({ length: ROWS }, () => Math.floor(random() * 4))
const columns: Column[] = [
  { storage: 'int32', values: Int32Array.from(picks, () => Math.floor(random() * 100)), valid: undefined },
  { storage: 'float64', values: Float64Array.from(picks, () => random() * 100), valid: undefined },
  {
    storage: 'int64',
    words: Int32Array.from({ length: 2 * ROWS }, (_, i) => (i % 2 ? 3 : random() * 1e9)),
    valid: undefined,
  },
  {
    storage: 'utf8',
    starts: Int32Array.from(picks, p => offsets[p]),
    ends: Int32Array.from(picks, p => offsets[p + 1]),
    bytes,
    valid: undefined,
  },
]
const plain = createBatch(schema, ROWS, columns)
const valid = Uint8Array.from(picks, p => (p === 0 ? 0 : 1))
const withNulls = createBatch(
  schema,
  ROWS,
  columns.map(c => (c.storage === 'boxed' ? c : { ...c, valid })),
)

const column = (index: number): Expr => ({
  kind: 'column',
  index,
  name: schema.fields[index].name,
  type: schema.fields[index].type,
})
const literal = (value: Datum, type: DataType): Expr => ({ kind: 'literal', value, type })
function call(name: string, ...args: Expr[]): Expr {
  const resolved = resolveOperator(
    name,
    args.map(a => a.type),
  )
  if (!resolved) throw new Error(name)
  return { kind: 'call', id: resolved.id, name, args, type: resolved.type }
}
const and = (...args: Expr[]): Expr => ({ kind: 'and', args, type: BOOLEAN })

const filters: readonly (readonly [string, Expr])[] = [
  ['i > 10 and d < 60', and(call('>', column(0), literal(10, INTEGER)), call('<', column(1), literal(60, DOUBLE)))],
  ["t = 'humidity'", call('=', column(3), literal('humidity', TEXT))],
  ['b > 2^33', call('>', column(2), literal(2 ** 33, BIGINT))],
]
const projections: readonly (readonly [string, Expr])[] = [
  ['d * 1.8 + 32', call('+', call('*', column(1), literal(1.8, DOUBLE)), literal(32, DOUBLE))],
  ['i * 2 + 1', call('+', call('*', column(0), literal(2, INTEGER)), literal(1, INTEGER))],
  ['b + 1', call('+', column(2), literal(1, BIGINT))],
]

const out = new Int32Array(ROWS)
for (const [kind, batch] of [
  ['no NULLs', plain],
  ['NULLs', withNulls],
] as const) {
  for (const [name, expr] of filters) {
    const filter = compilePredicate(expr, schema)
    report(
      `filter ${name}, ${kind}`,
      rate(() => filter(batch, context, out)),
      interpreted(expr, batch),
    )
  }
  for (const [name, expr] of projections) {
    const project = compileProjection([expr], schema)
    report(
      `project ${name}, ${kind}`,
      rate(() => project(batch, context).length),
      interpreted(expr, batch),
    )
  }
}

function interpreted(expr: Expr, batch: Batch): number {
  return rate(() => interpret(expr, batch, context).length)
}

function rate(work: () => number): number {
  for (let i = 0; i < 20; i++) work()
  const start = systemClock.monotonicMs()
  let runs = 0
  do {
    work()
    runs++
  } while (systemClock.monotonicMs() - start < SECONDS * 1000)
  return (runs * ROWS * 1000) / (systemClock.monotonicMs() - start)
}

function report(name: string, generated: number, walked: number): void {
  const millions = (n: number): number => Number((n / 1e6).toPrecision(3))
  console.log(
    JSON.stringify({
      name,
      generated: millions(generated),
      interpreter: millions(walked),
      ratio: Math.round(generated / walked),
    }),
  )
}
