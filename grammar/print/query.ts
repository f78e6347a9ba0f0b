import { unreachable } from '../../src/base/assert.ts'
import type { Expr } from '../ast.ts'
import type { Alias, GroupItem, Join, Locking, Query, Select, TableRef, WindowTable, With } from '../query.ts'
import { printExpression, printOrderBy, printTableCall, printWindowSpec } from './expression.ts'
import { printModify } from './modify.ts'
import { printName, printNames, printType } from './names.ts'

/** A query with its clauses. */
export function printQuery(query: Query): string {
  const limit = query.limit === undefined ? '' : ` LIMIT ${printExpression(query.limit)}`
  const ties = query.withTies && query.limit !== undefined
  const fetch =
    ties && query.limit !== undefined ? ` FETCH FIRST (${printExpression(query.limit)}) ROWS WITH TIES` : limit
  const offset = query.offset === undefined ? '' : ` OFFSET ${printExpression(query.offset)}`
  const partition = query.partitionBy === undefined ? '' : ` PARTITION BY ${list(query.partitionBy)}`
  const emit = query.emit === undefined ? '' : ` EMIT ${query.emit.toUpperCase()}`
  const order = printOrderBy(query.orderBy)
  return `${printWith(query.with)}${printBody(query.body)}${partition}${order}${fetch}${offset}${query.locking.map(printLocking).join('')}${emit}`
}

/** `WITH … ` with a space behind, or nothing. */
export function printWith(tables: With | undefined): string {
  if (tables === undefined) return ''
  const printed = tables.tables.map(({ name, columns, materialized, query }) => {
    const how = materialized === undefined ? '' : materialized ? 'MATERIALIZED ' : 'NOT MATERIALIZED '
    return `${printName(name)}${printColumns(columns)} AS ${how}(${printQuery(query)})`
  })
  return `WITH ${tables.recursive ? 'RECURSIVE ' : ''}${printed.join(', ')} `
}

function printBody(body: Query['body']): string {
  switch (body.kind) {
    case 'select':
      return printSelect(body)
    case 'values':
      return `VALUES ${body.rows.map(row => `(${list(row)})`).join(', ')}`
    case 'modify':
      return printModify(body.statement)
    case 'set-operation': {
      const rest = body.rest.map(
        ({ op, all, query }) => ` ${op.toUpperCase()} ${all ? 'ALL ' : ''}${printOperand(query)}`,
      )
      return printOperand(body.first) + rest.join('')
    }
    default:
      return unreachable(body)
  }
}

function printOperand(query: Query): string {
  const clauses = query.with ?? query.limit ?? query.offset ?? query.emit ?? query.partitionBy
  const plain = clauses === undefined && query.orderBy.length === 0 && query.locking.length === 0
  const text = printQuery(query)
  return plain && query.body.kind !== 'set-operation' ? text : `(${text})`
}

function printSelect(select: Select): string {
  const { distinct, groupBy } = select
  const on = distinct !== undefined && distinct.on.length > 0 ? ` ON (${list(distinct.on)})` : ''
  const items = select.items.map(
    ({ expr, alias }) => printExpression(expr) + (alias === undefined ? '' : ` AS ${printName(alias)}`),
  )
  const parts = [
    `SELECT${distinct === undefined ? '' : ` DISTINCT${on}`}${items.length > 0 ? ` ${items.join(', ')}` : ''}`,
  ]
  if (select.into !== undefined) parts.push(`INTO ${printNames(select.into)}`)
  if (select.from.length > 0) parts.push(`FROM ${select.from.map(printTable).join(', ')}`)
  if (select.where !== undefined) parts.push(`WHERE ${printExpression(select.where)}`)
  if (groupBy !== undefined)
    parts.push(`GROUP BY ${groupBy.distinct ? 'DISTINCT ' : ''}${groupBy.items.map(printGroupItem).join(', ')}`)
  if (select.having !== undefined) parts.push(`HAVING ${printExpression(select.having)}`)
  const windows = select.windows.map(({ name, spec }) => `${printName(name)} AS ${printWindowSpec(spec)}`)
  if (windows.length > 0) parts.push(`WINDOW ${windows.join(', ')}`)
  return parts.join(' ')
}

function printGroupItem(item: GroupItem): string {
  switch (item.kind) {
    case 'expr':
      return printExpression(item.expr)
    case 'empty':
      return '()'
    case 'rollup':
    case 'cube':
      return `${item.kind.toUpperCase()} (${list(item.exprs)})`
    case 'sets':
      return `GROUPING SETS (${item.items.map(printGroupItem).join(', ')})`
    default:
      return unreachable(item)
  }
}

function printLocking({ strength, of, wait }: Locking): string {
  const tables = of.length > 0 ? ` OF ${of.map(printNames).join(', ')}` : ''
  return ` FOR ${strength.toUpperCase()}${tables}${wait === undefined ? '' : ` ${wait.toUpperCase()}`}`
}

/** What stands in FROM. Joins are walked in a loop: a chain of them may be long. */
export function printTable(ref: TableRef): string {
  const behind: string[] = []
  let open = ''
  let node = ref
  while (node.kind === 'join') {
    if (node.alias !== undefined) {
      behind.push(`)${printAlias(node.alias)}`)
      open += '('
    }
    behind.push(printJoined(node))
    node = node.left
  }
  return open + printTablePrimary(node) + behind.reverse().join('')
}

function printJoined(join: Join): string {
  const natural = join.natural ? 'NATURAL ' : ''
  const words = `${join.asof ? 'ASOF ' : ''}${natural}${join.type === 'inner' ? '' : `${join.type.toUpperCase()} `}JOIN`
  const right =
    join.right.kind === 'join' && join.right.alias === undefined
      ? `(${printTable(join.right)})`
      : printTable(join.right)
  const within = join.within === undefined ? '' : ` WITHIN (${printExpression(join.within)})`
  const on = join.on === undefined ? '' : ` ON ${printExpression(join.on)}`
  const name = join.using?.alias === undefined ? '' : ` AS ${printName(join.using.alias)}`
  const using = join.using === undefined ? '' : ` USING${printColumns(join.using.columns)}${name}`
  return ` ${words} ${right}${within}${on}${using}`
}

function printTablePrimary(ref: Exclude<TableRef, Join>): string {
  const alias = printAlias(ref.alias)
  switch (ref.kind) {
    case 'table': {
      const asOf = ref.asOf === undefined ? '' : ` FOR SYSTEM_TIME AS OF ${printExpression(ref.asOf)}`
      const seed = ref.sample?.seed === undefined ? '' : ` REPEATABLE (${printExpression(ref.sample.seed)})`
      const sample =
        ref.sample === undefined ? '' : ` TABLESAMPLE ${printName(ref.sample.method)} (${list(ref.sample.args)})${seed}`
      return `${ref.only ? 'ONLY ' : ''}${printNames(ref.name)}${alias}${asOf}${sample}`
    }
    case 'subquery':
      return `${ref.lateral ? 'LATERAL ' : ''}(${printQuery(ref.query)})${alias}`
    case 'table-function': {
      const [first] = ref.calls
      const calls =
        ref.calls.length > 1 ? `ROWS FROM (${ref.calls.map(printTableCall).join(', ')})` : printTableCall(first)
      return `${ref.lateral ? 'LATERAL ' : ''}${calls}${ref.ordinality ? ' WITH ORDINALITY' : ''}${alias}`
    }
    case 'window':
      return printWindow(ref) + alias
    default:
      return unreachable(ref)
  }
}

function printWindow(ref: WindowTable): string {
  const { time, size, slide, gap, offset, grace, retention } = ref
  const named: [string, Expr | undefined][] =
    ref.function === 'session'
      ? [
          ['time', time],
          ['gap', gap],
          ['size', size],
          ['slide', slide],
          ['offset', offset],
          ['grace', grace],
          ['retention', retention],
        ]
      : ref.function === 'tumble'
        ? [
            ['time', time],
            ['size', size],
            ['offset', offset],
            ['slide', slide],
            ['gap', gap],
            ['grace', grace],
            ['retention', retention],
          ]
        : [
            ['time', time],
            ['slide', slide],
            ['size', size],
            ['offset', offset],
            ['gap', gap],
            ['grace', grace],
            ['retention', retention],
          ]
  const places = { tumble: 3, hop: 4, cumulate: 4, session: 2 }[ref.function]
  const last = named.findLastIndex(([, expr]) => expr !== undefined)
  const byPlace = last < places && named.slice(0, last + 1).every(([, expr]) => expr !== undefined)
  const args = named.flatMap(([name, expr]) =>
    expr === undefined ? [] : [byPlace ? printExpression(expr) : `${name} => ${printExpression(expr)}`],
  )
  const input =
    ref.input.kind === 'join' && ref.input.alias === undefined ? `(${printTable(ref.input)})` : printTable(ref.input)
  const [key] = ref.partitionBy
  const keys = ref.partitionBy.length > 1 ? `(${list(ref.partitionBy)})` : key === undefined ? '' : printExpression(key)
  return `${ref.function.toUpperCase()}(${[input + (keys && ` PARTITION BY ${keys}`), ...args].join(', ')})`
}

function printAlias(alias: Alias | undefined): string {
  if (alias === undefined) return ''
  const name = alias.name === undefined ? '' : printName(alias.name)
  if (alias.types === undefined) return ` AS ${name}${alias.columns.length > 0 ? printColumns(alias.columns) : ''}`
  const { types } = alias
  return ` AS ${name}(${alias.columns.map((column, i) => `${printName(column)} ${printType(types[i])}`).join(', ')})`
}

/** `(a, b)`, or nothing. */
export function printColumns(columns: readonly string[]): string {
  return columns.length === 0 ? '' : ` (${columns.map(printName).join(', ')})`
}

function list(exprs: readonly Expr[]): string {
  return exprs.map(printExpression).join(', ')
}
