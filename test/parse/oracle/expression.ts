import { fields, type Json, list, names, optional, unmapped } from './json.ts'
import { queryOf } from './query.ts'

const types: Readonly<Record<string, string>> = {
  int2: 'smallint',
  int4: 'integer',
  int8: 'bigint',
  float4: 'real',
  float8: 'double',
  bool: 'boolean',
  bpchar: 'char',
}
const intervals: Readonly<Record<number, string>> = {
  2: 'month',
  4: 'year',
  6: 'year to month',
  8: 'day',
  1024: 'hour',
  1032: 'day to hour',
  2048: 'minute',
  3072: 'hour to minute',
  3080: 'day to minute',
  4096: 'second',
  6144: 'minute to second',
  7168: 'hour to second',
  7176: 'day to second',
  32767: '',
}

export function typeOf(node: Json): unknown {
  const all = names(node.names)
  const system = all.length === 2 && all[0] === 'pg_catalog'
  const last = all[all.length - 1]
  const name = system || all.length === 1 ? [types[last] ?? last] : all
  let modifiers = list(node.typmods).map(modifier => {
    const [, constant] = fields(modifier)
    return Number((constant.ival as Json | undefined)?.ival ?? 0)
  })
  let unit: string | undefined
  if (name[0] === 'interval' && modifiers.length > 0) {
    unit = intervals[modifiers[0]] || undefined
    modifiers = modifiers.slice(1)
  }
  if (name[0] === 'char' && modifiers.length === 1 && modifiers[0] === 1) modifiers = []
  let type: unknown = { kind: 'named', name, modifiers, fields: unit }
  for (const bound of list(node.arrayBounds)) {
    const length = Number((fields(bound)[1] as { ival?: number }).ival ?? 0)
    type = { kind: 'array', element: type, length: length < 0 ? undefined : length }
  }
  return type
}

const tests: Readonly<Record<string, [string, boolean]>> = {
  IS_NULL: ['null', false],
  IS_NOT_NULL: ['null', true],
  IS_TRUE: ['true', false],
  IS_NOT_TRUE: ['true', true],
  IS_FALSE: ['false', false],
  IS_NOT_FALSE: ['false', true],
  IS_UNKNOWN: ['unknown', false],
  IS_NOT_UNKNOWN: ['unknown', true],
}

const noFlags = { star: false, distinct: false, variadic: false, orderBy: [], withinGroup: false }
const called = (name: string, args: unknown): unknown => ({ kind: 'call', name: [name], args, ...noFlags })

function operator(value: unknown): { op: string; schema: string[] } {
  const all = names(value)
  return { op: all[all.length - 1], schema: all.slice(0, -1) }
}

function constant(node: Json): unknown {
  if (node.isnull) return { kind: 'null' }
  if (node.ival) return { kind: 'number', text: String((node.ival as Json).ival ?? 0) }
  if (node.fval) return { kind: 'number', text: decimal(String((node.fval as Json).fval)) }
  if (node.sval) return { kind: 'string', value: String((node.sval as Json).sval ?? '') }
  if (node.boolval) return { kind: 'boolean', value: Boolean((node.boolval as Json).boolval) }
  const bits = String((node.bsval as Json).bsval)
  return { kind: 'bit-string', base: bits[0], digits: bits.slice(1) }
}

function decimal(text: string): string {
  const digits = text.replaceAll('_', '')
  return /^0[xob]/i.test(digits) ? String(BigInt(digits)) : digits
}

function fromOperator(node: Json): unknown {
  const { op, schema } = operator(node.name)
  const left = optional(node.lexpr, expressionOf)
  const right = (): unknown => expressionOf(node.rexpr)
  const items = (): unknown[] => list(fields(node.rexpr)[1].items).map(expressionOf)
  switch (node.kind) {
    case 'AEXPR_OP':
      return left === undefined
        ? { kind: 'unary', op, schema, arg: right() }
        : { kind: 'binary', op, schema, left, right: right() }
    case 'AEXPR_OP_ANY':
    case 'AEXPR_OP_ALL':
      return { kind: 'quantified', op, schema, quantifier: node.kind.slice(9).toLowerCase(), left, right: right() }
    case 'AEXPR_DISTINCT':
    case 'AEXPR_NOT_DISTINCT':
      return { kind: 'is-distinct', negated: node.kind === 'AEXPR_NOT_DISTINCT', left, right: right() }
    case 'AEXPR_NULLIF':
      return called('nullif', [left, right()])
    case 'AEXPR_IN':
      return { kind: 'in', arg: left, list: items(), negated: op === '<>' }
    case 'AEXPR_LIKE':
    case 'AEXPR_ILIKE':
    case 'AEXPR_SIMILAR': {
      const kind = { AEXPR_LIKE: 'like', AEXPR_ILIKE: 'ilike', AEXPR_SIMILAR: 'similar to' }[node.kind]
      const negated = op.startsWith('!')
      const [tag, call] = fields(node.rexpr)
      const escapes = tag === 'FuncCall' && /^(like_escape|similar_to_escape)$/.test(names(call.funcname)[1] ?? '')
      const [pattern, escaped] = escapes ? list(call.args).map(expressionOf) : [right()]
      return { kind: 'like', op: kind, arg: left, pattern, escape: escaped, negated }
    }
    default: {
      if (!String(node.kind).includes('BETWEEN')) throw new unmapped(String(node.kind))
      const [low, high] = items()
      const negated = String(node.kind).includes('NOT')
      return { kind: 'between', arg: left, low, high, symmetric: String(node.kind).endsWith('SYM'), negated }
    }
  }
}

function fromSublink(node: Json): unknown {
  const query = queryOf(node.subselect)
  switch (node.subLinkType) {
    case 'EXISTS_SUBLINK':
      return { kind: 'exists', query }
    case 'EXPR_SUBLINK':
      return { kind: 'scalar-query', query }
    case 'ARRAY_SUBLINK':
      return { kind: 'array-query', query }
    default: {
      const left = expressionOf(node.testexpr)
      if (node.operName === undefined) return { kind: 'in-query', arg: left, query, negated: false }
      const quantifier = node.subLinkType === 'ALL_SUBLINK' ? 'all' : 'any'
      return { kind: 'quantified', ...operator(node.operName), quantifier, left, right: query }
    }
  }
}

function fromCall(node: Json): unknown {
  let name = names(node.funcname)
  const syntax = node.funcformat === 'COERCE_SQL_SYNTAX'
  if (syntax || (name[0] === 'pg_catalog' && /^(overlaps|timezone)$/.test(name[1]))) name = name.slice(-1)
  let args = list(node.args).map(expressionOf)
  // SUBSTRING(x FOR n) casts n.
  if (syntax && name[0] === 'substring' && args.length === 3) args = [args[0], args[1], uncast(args[2])]
  if (syntax && name[0] === 'normalize' && args.length === 2)
    args = [args[0], { kind: 'string', value: String((args[1] as { value: string }).value).toLowerCase() }]
  return {
    kind: 'call',
    name,
    args,
    star: Boolean(node.agg_star),
    distinct: Boolean(node.agg_distinct),
    variadic: Boolean(node.func_variadic),
    orderBy: list(node.agg_order).map(orderOf),
    withinGroup: Boolean(node.agg_within_group),
    filter: optional(node.agg_filter, expressionOf),
    over: optional(node.over, over => windowOf(over as Json, true)),
  }
}

function uncast(expr: unknown): unknown {
  const cast = expr as { kind: string; arg?: unknown }
  return cast.kind === 'cast' ? cast.arg : expr
}

const frameFlags = {
  range: 2,
  rows: 4,
  groups: 8,
  between: 16,
  excludeCurrent: 32768,
  excludeGroup: 65536,
  excludeTies: 131072,
}

export function windowOf(node: Json, inCall: boolean): unknown {
  if (inCall && node.name !== undefined) return node.name
  const options = Number(node.frameOptions ?? 0)
  let frame: unknown
  if (options & 1) {
    const bound = (end: boolean, offset: unknown): unknown => {
      const shift = end ? 1 : 0
      if (options & (32 << shift)) return { kind: 'unbounded preceding' }
      if (options & (128 << shift)) return { kind: 'unbounded following' }
      if (options & (512 << shift)) return { kind: 'current row' }
      if (options & (2048 << shift)) return { kind: 'preceding', offset: expressionOf(offset) }
      return { kind: 'following', offset: expressionOf(offset) }
    }
    frame = {
      unit: options & frameFlags.rows ? 'rows' : options & frameFlags.groups ? 'groups' : 'range',
      start: bound(false, node.startOffset),
      end: bound(true, node.endOffset),
      exclude:
        options & frameFlags.excludeCurrent
          ? 'current row'
          : options & frameFlags.excludeGroup
            ? 'group'
            : options & frameFlags.excludeTies
              ? 'ties'
              : undefined,
    }
  }
  return {
    base: node.refname,
    partitionBy: list(node.partitionClause).map(expressionOf),
    orderBy: list(node.orderClause).map(orderOf),
    frame,
  }
}

export function orderOf(node: unknown): unknown {
  const [, by] = fields(node)
  const nulls = { SORTBY_NULLS_FIRST: 'first', SORTBY_NULLS_LAST: 'last' }[String(by.sortby_nulls)]
  const using = by.sortby_dir === 'SORTBY_USING' ? operator(by.useOp).op : undefined
  return { expr: expressionOf(by.node), descending: by.sortby_dir === 'SORTBY_DESC', nulls, using }
}

function indirect(base: unknown, steps: readonly unknown[]): unknown {
  return steps.reduce((arg: unknown, node): unknown => {
    const [tag, step] = fields(node)
    if (tag === 'A_Star') return { kind: 'expand', arg }
    if (tag === 'String') return { kind: 'field', arg, name: step.sval }
    if (!step.is_slice) return { kind: 'subscript', arg, index: expressionOf(step.uidx) }
    return { kind: 'slice', arg, lower: optional(step.lidx, expressionOf), upper: optional(step.uidx, expressionOf) }
  }, base)
}

function columnOf(node: Json): unknown {
  const parts = list(node.fields)
  const star = parts.length > 0 && fields(parts[parts.length - 1])[0] === 'A_Star'
  return star ? { kind: 'star', qualifier: names(parts.slice(0, -1)) } : { kind: 'column', name: names(parts) }
}

/** An expression of Postgres in canonical form. */
export function expressionOf(wrapped: unknown): unknown {
  const [tag, node] = fields(wrapped)
  switch (tag) {
    case 'A_Const':
      return constant(node)
    case 'ColumnRef':
      return columnOf(node)
    case 'ParamRef':
      return { kind: 'parameter', index: node.number }
    case 'A_Expr':
      return fromOperator(node)
    case 'BoolExpr': {
      const args = list(node.args).map(expressionOf)
      if (node.boolop !== 'NOT_EXPR') return { kind: node.boolop === 'AND_EXPR' ? 'and' : 'or', args }
      return { kind: 'not', arg: args[0] }
    }
    case 'NullTest':
    case 'BooleanTest': {
      const [test, negated] = tests[String(node.nulltesttype ?? node.booltesttype)]
      return { kind: 'is', test, negated, arg: expressionOf(node.arg) }
    }
    case 'TypeCast':
      return { kind: 'cast', arg: expressionOf(node.arg), type: typeOf(node.typeName as Json) }
    case 'CollateClause':
      return { kind: 'collate', arg: expressionOf(node.arg), collation: names(node.collname) }
    case 'FuncCall':
      return fromCall(node)
    case 'SubLink':
      return fromSublink(node)
    case 'CaseExpr':
      return {
        kind: 'case',
        operand: optional(node.arg, expressionOf),
        branches: list(node.args).map(branch => {
          const [, { expr, result }] = fields(branch)
          return { when: expressionOf(expr), then: expressionOf(result) }
        }),
        otherwise: optional(node.defresult, expressionOf),
      }
    case 'CoalesceExpr':
      return called('coalesce', list(node.args).map(expressionOf))
    case 'GroupingFunc':
      return called('grouping', list(node.args).map(expressionOf))
    case 'MinMaxExpr':
      return called(node.op === 'IS_GREATEST' ? 'greatest' : 'least', list(node.args).map(expressionOf))
    case 'SQLValueFunction': {
      const name = String(node.op).slice(6).toLowerCase()
      const precise = name.endsWith('_n')
      const args = precise ? [{ kind: 'number', text: String(node.typmod ?? 0) }] : []
      return called(precise ? name.slice(0, -2) : name, args)
    }
    case 'A_ArrayExpr':
      return { kind: 'array', elements: list(node.elements).map(expressionOf) }
    case 'RowExpr':
      return { kind: 'row', fields: list(node.args).map(expressionOf) }
    case 'A_Indirection':
      return indirect(expressionOf(node.arg), list(node.indirection))
    case 'NamedArgExpr':
      return { kind: 'named-argument', name: node.name, arg: expressionOf(node.arg) }
    case 'SetToDefault':
      return { kind: 'default' }
    default:
      throw new unmapped(tag)
  }
}
