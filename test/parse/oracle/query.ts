import { expressionOf, orderOf, typeOf, windowOf } from './expression.ts'
import { fields, type Json, list, names, optional, unmapped } from './json.ts'

function aliasOf(value: unknown, definitions?: unknown): unknown {
  const alias = value as Json | undefined
  const typed = list(definitions).map(definition => fields(definition)[1])
  if (typed.length > 0)
    return {
      name: alias?.aliasname,
      columns: typed.map(d => d.colname),
      types: typed.map(d => typeOf(d.typeName as Json)),
    }
  return alias === undefined ? undefined : { name: alias.aliasname, columns: names(alias.colnames) }
}

const joinTypes: Readonly<Record<string, string>> = {
  JOIN_INNER: 'inner',
  JOIN_LEFT: 'left',
  JOIN_RIGHT: 'right',
  JOIN_FULL: 'full',
}

function tableOf(wrapped: unknown): unknown {
  const [tag, node] = fields(wrapped)
  const alias = aliasOf(node.alias, node.coldeflist)
  switch (tag) {
    case 'RangeVar': {
      const name = [node.catalogname, node.schemaname, node.relname].filter(part => part !== undefined)
      return { kind: 'table', name, only: !node.inh, alias }
    }
    case 'RangeSubselect':
      return { kind: 'subquery', query: queryOf(node.subquery), lateral: Boolean(node.lateral), alias }
    case 'RangeFunction': {
      const calls = list(node.functions).map(call => expressionOf(list(fields(call)[1].items)[0]))
      return {
        kind: 'table-function',
        calls,
        ordinality: Boolean(node.ordinality),
        lateral: Boolean(node.lateral),
        alias,
      }
    }
    case 'JoinExpr': {
      const using = node.usingClause && {
        columns: names(node.usingClause),
        alias: (node.join_using_alias as Json | undefined)?.aliasname,
      }
      const cross = node.jointype === 'JOIN_INNER' && !node.quals && !node.usingClause && !node.isNatural
      return {
        kind: 'join',
        type: cross ? 'cross' : joinTypes[String(node.jointype)],
        natural: Boolean(node.isNatural),
        asof: false,
        left: tableOf(node.larg),
        right: tableOf(node.rarg),
        on: optional(node.quals, expressionOf),
        using,
        alias,
      }
    }
    default:
      throw new unmapped(tag)
  }
}

function groupOf(wrapped: unknown): unknown {
  const [tag, node] = fields(wrapped)
  if (tag !== 'GroupingSet') return { kind: 'expr', expr: expressionOf(wrapped) }
  switch (node.kind) {
    case 'GROUPING_SET_EMPTY':
      return { kind: 'empty' }
    case 'GROUPING_SET_SETS':
      return { kind: 'sets', items: list(node.content).map(groupOf) }
    default:
      return {
        kind: node.kind === 'GROUPING_SET_CUBE' ? 'cube' : 'rollup',
        exprs: list(node.content).map(expressionOf),
      }
  }
}

/** A query of Postgres in canonical form; set operations as `{ op, all, left, right }`. */
export function queryOf(wrapped: unknown): unknown {
  const [tag, node] = fields(wrapped)
  if (tag !== 'SelectStmt') throw new unmapped(tag)
  return {
    kind: 'query',
    with: optional(node.withClause, clause => {
      const { recursive, ctes } = clause as Json
      const tables = list(ctes).map(entry => {
        const [, cte] = fields(entry)
        const materialized = { CTEMaterializeAlways: true, CTEMaterializeNever: false }[String(cte.ctematerialized)]
        return { name: cte.ctename, columns: names(cte.aliascolnames), materialized, query: queryOf(cte.ctequery) }
      })
      return { recursive: Boolean(recursive), tables }
    }),
    body: bodyOf(node),
    orderBy: list(node.sortClause).map(orderOf),
    limit: optional(node.limitCount, expressionOf),
    withTies: node.limitOption === 'LIMIT_OPTION_WITH_TIES',
    offset: optional(node.limitOffset, expressionOf),
    locking: list(node.lockingClause).length,
  }
}

function bodyOf(node: Json): unknown {
  if (node.op !== 'SETOP_NONE')
    return {
      op: String(node.op).slice(6).toLowerCase(),
      all: Boolean(node.all),
      left: queryOf({ SelectStmt: node.larg }),
      right: queryOf({ SelectStmt: node.rarg }),
    }
  if (node.valuesLists)
    return { kind: 'values', rows: list(node.valuesLists).map(row => list(fields(row)[1].items).map(expressionOf)) }
  const on = list(node.distinctClause)
  return {
    kind: 'select',
    distinct: node.distinctClause && { on: on.filter(expr => Object.keys(expr as Json).length > 0).map(expressionOf) },
    items: list(node.targetList).map(target => {
      const [, { name, val }] = fields(target)
      return { expr: expressionOf(val), alias: name }
    }),
    into: node.intoClause && [((node.intoClause as Json).rel as Json).relname],
    from: list(node.fromClause).map(tableOf),
    where: optional(node.whereClause, expressionOf),
    groupBy: node.groupClause && { distinct: Boolean(node.groupDistinct), items: list(node.groupClause).map(groupOf) },
    having: optional(node.havingClause, expressionOf),
    windows: list(node.windowClause).map(window => {
      const [, definition] = fields(window)
      return { name: definition.name, spec: windowOf(definition, false) }
    }),
  }
}
