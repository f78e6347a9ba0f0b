import type { Expr, TypeName } from '../../../grammar/ast.ts'

/** The name of a SELECT column without AS, as Postgres chooses it. */
export function columnName(expr: Expr): string {
  return chosen(expr)?.name ?? '?column?'
}

/** `weak`: from a type or from CASE; a cast's own type comes after a strong name only. */
interface Chosen {
  readonly name: string
  readonly weak: boolean
}

function strong(name: string): Chosen {
  return { name, weak: false }
}

function chosen(expr: Expr): Chosen | undefined {
  switch (expr.kind) {
    case 'column':
      return strong(expr.name[expr.name.length - 1])
    case 'field':
      return strong(expr.name)
    case 'subscript':
    case 'slice':
    case 'collate':
      return chosen(expr.arg)
    case 'call':
      return strong(expr.name[expr.name.length - 1])
    case 'cast': {
      const inner = chosen(expr.arg)
      return inner && !inner.weak ? inner : { name: typeLabel(expr.type), weak: true }
    }
    case 'case': {
      const inner = expr.otherwise && chosen(expr.otherwise)
      return inner && !inner.weak ? inner : { name: 'case', weak: true }
    }
    case 'array':
    case 'array-query':
      return strong('array')
    case 'row':
      return strong('row')
    case 'scalar-query': {
      const { body } = expr.query
      const item = body.kind === 'select' ? body.items.at(0) : undefined
      return item?.alias === undefined ? item && chosen(item.expr) : strong(item.alias)
    }
    case 'exists':
      return strong('exists')
    default:
      return undefined
  }
}

const LABELS: Readonly<Record<string, string>> = {
  boolean: 'bool',
  smallint: 'int2',
  integer: 'int4',
  bigint: 'int8',
  real: 'float4',
  double: 'float8',
  char: 'bpchar',
}

function typeLabel(type: TypeName): string {
  if (type.kind === 'named') {
    const name = type.name[type.name.length - 1]
    return Object.hasOwn(LABELS, name) ? LABELS[name] : name
  }
  return type.kind === 'array' ? typeLabel(type.element) : type.kind
}
