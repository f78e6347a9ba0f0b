import { unreachable } from '../base/assert.ts'
import type { AggregateCall, Expr, SortKey } from './expr.ts'

/** The direct parts of an expression, in the order they are written. */
export function childrenOf(expr: Expr): readonly Expr[] {
  switch (expr.kind) {
    case 'column':
    case 'literal':
    case 'parameter':
      return []
    case 'call':
    case 'and':
    case 'or':
    case 'coalesce':
      return expr.args
    case 'not':
    case 'is':
    case 'in':
    case 'cast':
    case 'field':
      return [expr.arg]
    case 'case':
      return [...expr.branches.flatMap(b => [b.when, b.then]), expr.otherwise]
    case 'array':
      return expr.elements
    case 'row':
      return expr.fields
    case 'subscript':
      return [expr.arg, expr.index]
    default:
      return unreachable(expr)
  }
}

/** The same expression over other parts; itself when `map` changes none. */
export function mapChildren(expr: Expr, map: (child: Expr) => Expr): Expr {
  switch (expr.kind) {
    case 'column':
    case 'literal':
    case 'parameter':
      return expr
    case 'call':
    case 'and':
    case 'or':
    case 'coalesce': {
      const args = mapAll(expr.args, map)
      return args === expr.args ? expr : { ...expr, args }
    }
    case 'not':
    case 'is':
    case 'in':
    case 'cast':
    case 'field': {
      const arg = map(expr.arg)
      return arg === expr.arg ? expr : { ...expr, arg }
    }
    case 'case': {
      const branches = expr.branches.map(b => ({ when: map(b.when), then: map(b.then) }))
      const otherwise = map(expr.otherwise)
      const same = branches.every((b, i) => b.when === expr.branches[i].when && b.then === expr.branches[i].then)
      return same && otherwise === expr.otherwise ? expr : { ...expr, branches, otherwise }
    }
    case 'array': {
      const elements = mapAll(expr.elements, map)
      return elements === expr.elements ? expr : { ...expr, elements }
    }
    case 'row': {
      const fields = mapAll(expr.fields, map)
      return fields === expr.fields ? expr : { ...expr, fields }
    }
    case 'subscript': {
      const arg = map(expr.arg)
      const index = map(expr.index)
      return arg === expr.arg && index === expr.index ? expr : { ...expr, arg, index }
    }
    default:
      return unreachable(expr)
  }
}

/** True when `test` holds for the expression or any part of it. */
export function someExpr(expr: Expr, test: (part: Expr) => boolean): boolean {
  return test(expr) || childrenOf(expr).some(child => someExpr(child, test))
}

/** Adds the indexes of the columns an expression reads to `into`. */
export function collectColumns(expr: Expr, into: Set<number>): void {
  if (expr.kind === 'column') into.add(expr.index)
  else for (const child of childrenOf(expr)) collectColumns(child, into)
}

/** The expression with every column replaced by what `replacement` gives for it. */
export function replaceColumns(expr: Expr, replacement: (column: Extract<Expr, { kind: 'column' }>) => Expr): Expr {
  if (expr.kind === 'column') return replacement(expr)
  return mapChildren(expr, child => replaceColumns(child, replacement))
}

/** A sort key over another expression. */
export function mapSortKeys(keys: readonly SortKey[], map: (expr: Expr) => Expr): readonly SortKey[] {
  return keys.map(key => ({ ...key, expr: map(key.expr) }))
}

/** An aggregate call over other arguments, filter and order. */
export function mapAggregate(call: AggregateCall, map: (expr: Expr) => Expr): AggregateCall {
  const args = call.args.map(map)
  const orderBy = mapSortKeys(call.orderBy, map)
  return { ...call, args, orderBy, ...(call.filter && { filter: map(call.filter) }) }
}

/** Every expression of an aggregate call. */
export function aggregateExprs(call: AggregateCall): readonly Expr[] {
  return [...call.args, ...call.orderBy.map(key => key.expr), ...(call.filter ? [call.filter] : [])]
}

/** A text that two expressions share just when they are the same. */
export function fingerprint(expr: Expr): string {
  return JSON.stringify(expr, (key, value: unknown) => {
    if (typeof value === 'bigint') return `${value}n`
    if (typeof value === 'number' && (!Number.isFinite(value) || Object.is(value, -0)))
      return `#${Object.is(value, -0) ? '-0' : value}`
    return key === 'name' ? undefined : value
  })
}

function mapAll(exprs: readonly Expr[], map: (child: Expr) => Expr): readonly Expr[] {
  const mapped = exprs.map(map)
  return mapped.every((e, i) => e === exprs[i]) ? exprs : mapped
}
