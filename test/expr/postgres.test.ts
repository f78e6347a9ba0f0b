import { expect, test } from 'vitest'
import { parseExpression } from '../../grammar/parse.ts'
import { EngineError } from '../../src/base/errors.ts'
import { batchOfRows, createBatch, rowAt } from '../../src/batch/batch.ts'
import { type DataType, type Schema, typeName } from '../../src/batch/types.ts'
import { withoutModifiers } from '../../src/expr/coerce.ts'
import { compileProjection } from '../../src/expr/compile.ts'
import type { EvalContext, Expr } from '../../src/expr/expr.ts'
import { fold } from '../../src/expr/fold.ts'
import { printExpr } from '../../src/expr/print.ts'
import { formatDatum } from '../../src/expr/text.ts'
import { createContext } from '../../src/plan/bind/context.ts'
import { bindExpr } from '../../src/plan/bind/expression.ts'
import { EMPTY_SCOPE } from '../../src/plan/bind/scope.ts'
import { tableRows } from './postgres-table.ts'

/** Where Tidemark knowingly differs from PostgreSQL, and why. */
const DIFFERENT: ReadonlyMap<string, string> = new Map([
  ['||/ 27.0', 'glibc gives 3.0000000000000004, JavaScript the exact 3'],
  ['cbrt(27)', 'the same'],
  ['array_length(null, 1)', 'NULL instead of 42804: an untyped NULL is taken as text'],
  ['row(1, null) = row(1, 2)', 'the binder settles an untyped NULL in a row as text'],
])

const context: EvalContext = { nowMicros: 1_700_000_000_000_000, timeZone: 'Europe/Berlin' }
const catalog = { lookup: () => undefined, names: () => [] }

function bind(sql: string): Expr {
  const options = { searchPath: ['public'], parameterTypes: [], mode: 'read', ...context } as const
  const bindContext = createContext(catalog as never, options) // no expression here looks into the catalog
  return bindExpr(parseExpression(sql), { context: bindContext, scope: EMPTY_SCOPE, clause: 'SELECT' })
}

function run(expr: Expr): [string, string | null] {
  const schema: Schema = { fields: [] }
  const batch = createBatch(schema, 1, [])
  const columns = compileProjection([expr], schema)(batch, context)
  const [value] = rowAt(createBatch({ fields: [{ name: 'x', type: expr.type }] }, 1, columns), 0)
  return [nameOf(expr.type), value === null ? null : formatDatum(value, expr.type, context)]
}

function nameOf(type: DataType): string {
  return type.kind === 'row' ? 'record' : typeName(withoutModifiers(type))
}

function outcome(work: () => [string, string | null]): readonly (string | null)[] {
  try {
    return work()
  } catch (error) {
    if (error instanceof EngineError) return ['ERROR', error.sqlState]
    throw error
  }
}

test.each(tableRows().filter(row => !DIFFERENT.has(row.sql)))('$sql', ({ sql, type, result }) => {
  expect(outcome(() => run(bind(sql)))).toEqual([type, result])
  // Folding changes nothing but the time of computing.
  expect(outcome(() => run(fold(bind(sql), context)))).toEqual([type, result])
})

test('what EXPLAIN prints is read back with the same result', () => {
  const wrong: unknown[] = []
  for (const { sql, type, result } of tableRows()) {
    if (DIFFERENT.has(sql) || type === 'ERROR' || type === 'record' || type === 'unknown') continue
    const printed = printExpr(bind(sql))
    const got = outcome(() => run(bind(printed)))
    if (got[0] !== type || got[1] !== result) wrong.push([sql, printed, ...got])
  }
  expect(wrong).toEqual([])
})

test('an empty batch has empty columns', () => {
  const columns = compileProjection([bind('1 + 1')], { fields: [] })(batchOfRows({ fields: [] }, []), context)
  expect(columns).toHaveLength(1)
})
