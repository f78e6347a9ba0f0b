import { EngineError } from '../../src/base/errors.ts'
import { type Batch, rowAt } from '../../src/batch/batch.ts'
import type { Datum } from '../../src/batch/types.ts'
import { castFunction } from '../../src/expr/cast.ts'
import { comparisonOf } from '../../src/expr/compare.ts'
import type { EvalContext, Expr } from '../../src/expr/expr.ts'
import { functionOf } from '../../src/expr/scalar/overload.ts'
import { overloadById } from '../../src/expr/scalar/registry.ts'

/**
 * The oracle: the plainest way to evaluate an expression, one row and one node at a time over boxed values. What the generated
 * loops add (NULL tracking, storage, byte places, integer tricks) is absent here; integers are computed as bigint.
 */
export function interpret(expr: Expr, batch: Batch, context: EvalContext): Datum[] {
  const results: Datum[] = []
  for (let row = 0; row < batch.rowCount; row++) results.push(evaluate(expr, rowAt(batch, row), context))
  return results
}

export function evaluate(expr: Expr, row: readonly Datum[], context: EvalContext): Datum {
  const of = (part: Expr): Datum => evaluate(part, row, context)
  switch (expr.kind) {
    case 'column':
      return row[expr.index]
    case 'literal':
      return expr.value
    case 'parameter':
      throw new EngineError('42P02', 'a parameter')
    case 'call':
      return call(expr, row, context)
    case 'and':
    case 'or': {
      let open = false
      for (const arg of expr.args) {
        const value = of(arg)
        if (value === (expr.kind === 'or')) return value
        open ||= value === null
      }
      return open ? null : expr.kind === 'and'
    }
    case 'not': {
      const value = of(expr.arg)
      return value === null ? null : value !== true
    }
    case 'is': {
      const value = of(expr.arg)
      const holds = expr.test === 'null' ? value === null : value === (expr.test === 'true')
      return holds !== expr.negated
    }
    case 'in': {
      const value = of(expr.arg)
      if (value === null) return null
      const compare = comparisonOf(expr.arg.type)
      return expr.values.some(v => compare(value as never, v as never) === 0) !== expr.negated
    }
    case 'case':
      return of(expr.branches.find(b => of(b.when) === true)?.then ?? expr.otherwise)
    case 'coalesce':
      for (const arg of expr.args) {
        const value = of(arg)
        if (value !== null) return value
      }
      return null
    case 'cast': {
      const value = of(expr.arg)
      return value === null ? null : castFunction(expr.arg.type, expr.type)(value as never, context)
    }
    case 'array':
      return expr.elements.map(of)
    case 'row':
      return expr.fields.map(of)
    case 'field': {
      const value = of(expr.arg)
      return value === null ? null : (value as Datum[])[expr.index]
    }
    case 'subscript': {
      const value = of(expr.arg)
      const index = of(expr.index)
      return value === null || index === null ? null : ((value as Datum[])[Number(index) - 1] ?? null)
    }
  }
}

function call(expr: Extract<Expr, { kind: 'call' }>, row: readonly Datum[], context: EvalContext): Datum {
  const overload = overloadById(expr.id)
  const values = expr.args.map(arg => evaluate(arg, row, context))
  if (overload.strict && values.includes(null)) return null
  const exact = integerResult(expr, values)
  if (exact !== undefined) return exact
  const run = functionOf(
    overload,
    expr.args.map(a => a.type),
    expr.type,
  ) as (...args: unknown[]) => Datum
  const fixed = overload.variadic ? overload.args.length - 1 : values.length
  return run(...values.slice(0, fixed), ...(overload.variadic ? [values.slice(fixed)] : []), context)
}

const BITS: Readonly<Record<string, bigint>> = { smallint: 16n, integer: 32n, bigint: 64n }

/** + − * / % of integers and all comparisons, from their definitions. */
function integerResult(expr: Extract<Expr, { kind: 'call' }>, values: readonly Datum[]): Datum | undefined {
  const [left, right] = values
  if (values.length !== 2) return undefined
  const { name, args, type } = expr
  if (type.kind === 'boolean' && ['=', '<>', '<', '<=', '>', '>='].includes(name)) {
    const order = comparisonOf(args[0].type)(left as never, right as never)
    const results = {
      '=': order === 0,
      '<>': order !== 0,
      '<': order < 0,
      '<=': order <= 0,
      '>': order > 0,
      '>=': order >= 0,
    }
    return results[name as keyof typeof results]
  }
  const bits = Object.hasOwn(BITS, type.kind) ? BITS[type.kind] : undefined
  if (bits === undefined || !args.every(a => a.type.kind === type.kind) || !'+-*/%'.includes(name)) return undefined
  const a = BigInt(left as number | bigint)
  const b = BigInt(right as number | bigint)
  if (b === 0n && (name === '/' || name === '%')) throw new EngineError('22012', 'division by zero')
  const result = name === '+' ? a + b : name === '-' ? a - b : name === '*' ? a * b : name === '/' ? a / b : a % b
  if (result !== BigInt.asIntN(Number(bits), result)) throw new EngineError('22003', 'out of range')
  const n = Number(result)
  return Number.isSafeInteger(n) ? n : result
}
