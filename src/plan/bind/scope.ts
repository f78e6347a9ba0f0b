import type { Name } from '../../../grammar/ast.ts'
import { assert } from '../../base/assert.ts'
import { EngineError, nearest } from '../../base/errors.ts'
import { type DataType, typeName } from '../../batch/types.ts'
import type { Expr } from '../../expr/expr.ts'

/** A column that can be named at some place in a query. */
export interface ScopeColumn {
  /** The alias of its table, or the table's name with schema. Empty: none. */
  readonly table: Name
  readonly name: string
  readonly type: DataType
  /** In the plan that the scope belongs to. */
  readonly index: number
  /** Found by its qualified name only, and no part of `*`: a newer column of the same name stands before it. */
  readonly hidden: boolean
}

/** The columns that can be named at some place, in the order of `*`. */
export interface Scope {
  readonly columns: readonly ScopeColumn[]
  /** In a subquery: what a name means in the queries around it, as a column from `OUTER_COLUMN` on. */
  readonly outer?: OuterNames
}

/** Undefined: the queries around know no such name. */
export type OuterNames = (name: Name, at: number) => Expr | undefined

/** Columns from here on are of the query around a subquery, until a join brings them together. */
const OUTER_COLUMN = 2 ** 20
/** Columns from here on stand for subqueries of the expression, until a join gives them. */
const SUBQUERY_COLUMN = 2 ** 21
/** Columns from here on stand for window functions, until a plan computes them. */
const RANK_COLUMN = 2 ** 22

/** The reference to an outer column, by its number among those that the subquery reads. */
export function outerColumn(number: number, name: string, type: DataType): Expr {
  return { kind: 'column', index: OUTER_COLUMN + number, name, type }
}

/** What stands for a subquery, by its number. */
export function subqueryColumn(number: number, name: string, type: DataType): Expr {
  return { kind: 'column', index: SUBQUERY_COLUMN + number, name, type }
}

/** What stands for a window function, by its number. */
export function rankColumn(number: number, name: string, type: DataType): Expr {
  return { kind: 'column', index: RANK_COLUMN + number, name, type }
}

/** Whether the expression itself stands for a window function. */
export function isRank(expr: Expr): boolean {
  return expr.kind === 'column' && expr.index >= RANK_COLUMN
}

/** Whether the expression itself is an outer column. */
export function isOuter(expr: Expr): boolean {
  return expr.kind === 'column' && expr.index >= OUTER_COLUMN && expr.index < SUBQUERY_COLUMN
}

/** Whether the expression itself stands for a subquery. */
export function isSubquery(expr: Expr): boolean {
  return expr.kind === 'column' && expr.index >= SUBQUERY_COLUMN && expr.index < RANK_COLUMN
}

/** Which outer column, subquery or window function it is. */
export function numberOf(column: Expr): number {
  assert(column.kind === 'column', 'what stands for something else is a column')
  return column.index % OUTER_COLUMN
}

export const EMPTY_SCOPE: Scope = { columns: [] }

/** What a name of one or more parts means: a column, a field of one, or a whole row. Throws 42703, 42702 or 42P01. */
export function resolveColumn(scope: Scope, name: Name, at: number): Expr {
  const found = tryResolve(scope, name, at) ?? scope.outer?.(name, at)
  if (found) return found
  const position = at + 1
  if (name.length === 1) throw undefinedColumn(scope, name[0], position)
  const qualifier = name.slice(0, -1)
  const ofTable = { columns: scope.columns.filter(c => matches(c.table, qualifier)) }
  if (ofTable.columns.length > 0) throw undefinedColumn(ofTable, name[name.length - 1], position, qualifier)
  const column = findColumn(scope, [], name[0], at)
  if (column) throw noSuchField(column, name.slice(1), position)
  const tables = new Set(scope.columns.map(c => c.table.at(-1)).filter(t => t !== undefined))
  throw new EngineError('42P01', `missing FROM-clause entry for table "${qualifier.join('.')}"`, {
    position,
    hint: tables.size > 0 ? `There is ${[...tables].join(', ')}.` : undefined,
  })
}

/** The same, undefined where nothing is found. */
export function tryResolve(scope: Scope, name: Name, at: number): Expr | undefined {
  for (let split = Math.min(name.length - 1, 3); split >= 0; split--) {
    const qualifier = name.slice(0, split)
    const column = findColumn(scope, qualifier, name[split], at)
    const path = name.slice(split + 1)
    const expr = column && fieldsOf(columnExpr(column), path)
    if (expr) return expr
  }
  if (name.length > 1) return windowAlias(scope, name, at)
  return windowAlias(scope, name, at) ?? wholeRow(scope, name[0])
}

/** The columns that `*` or `t.*` stand for. */
export function starColumns(scope: Scope, qualifier: Name, at: number): readonly ScopeColumn[] {
  const columns = scope.columns.filter(c => !c.hidden && matches(c.table, qualifier))
  if (columns.length > 0) return columns
  const position = at + 1
  if (qualifier.length === 0)
    throw new EngineError('42601', 'SELECT * with no tables specified is not valid', { position })
  throw new EngineError('42P01', `missing FROM-clause entry for table "${qualifier.join('.')}"`, { position })
}

/** A reference to the column. */
export function columnExpr({ index, name, type }: ScopeColumn): Expr {
  return { kind: 'column', index, name, type }
}

/** Field `name` of a row value; undefined when it has none. */
export function fieldOf(arg: Expr, name: string): Expr | undefined {
  if (arg.type.kind !== 'row') return undefined
  const index = arg.type.fields.findIndex(f => f.name === name)
  return index < 0 ? undefined : { kind: 'field', arg, index, type: arg.type.fields[index].type }
}

function fieldsOf(arg: Expr, path: Name): Expr | undefined {
  let expr: Expr | undefined = arg
  for (const name of path) expr = expr && fieldOf(expr, name)
  return expr
}

function findColumn(scope: Scope, qualifier: Name, name: string, at: number): ScopeColumn | undefined {
  const found = scope.columns.filter(
    c => c.name === name && (qualifier.length === 0 ? !c.hidden : matches(c.table, qualifier)),
  )
  const visible = found.length > 1 ? found.filter(c => !c.hidden) : found
  if (visible.length > 1) {
    throw new EngineError('42702', `column reference "${name}" is ambiguous`, {
      position: at + 1,
      hint: 'Give the columns different names with AS, or name the table too.',
    })
  }
  return visible.at(0)
}

function matches(table: Name, qualifier: Name): boolean {
  if (qualifier.length > table.length) return false
  return qualifier.every((part, i) => part === table[table.length - qualifier.length + i])
}

// ksqlDB's WINDOWSTART and Spark's window.start.
function windowAlias(scope: Scope, name: Name, at: number): Expr | undefined {
  const written = name.join('.')
  const side = /^(?:window\.|window)(start|end)$/.exec(written)
  if (!side || name.length > 2) return undefined
  const column = findColumn(scope, [], `window_${side[1]}`, at)
  return column && columnExpr(column)
}

// `SELECT t FROM t`: the table's row as one value.
function wholeRow(scope: Scope, table: string): Expr | undefined {
  const columns = scope.columns.filter(c => !c.hidden && matches(c.table, [table]))
  if (columns.length === 0) return undefined
  const fields = columns.map(({ name, type }) => ({ name, type }))
  return { kind: 'row', fields: columns.map(columnExpr), type: { kind: 'row', fields } }
}

/** `payload.a.b` where payload is a column without such fields. */
function noSuchField({ name, type }: ScopeColumn, path: Name, position: number): EngineError {
  const steps = path.map((part, i) => ` ${i === path.length - 1 ? '->>' : '->'} '${part}'`).join('')
  const fields = type.kind === 'row' ? `There is ${type.fields.map(f => f.name).join(', ')}.` : undefined
  return new EngineError('42703', `column "${name}" of type ${typeName(type)} has no field "${path.join('.')}"`, {
    position,
    hint: type.kind === 'jsonb' ? `Write ${name}${steps}.` : fields,
  })
}

function undefinedColumn(scope: Scope, name: string, position: number, qualifier: Name = []): EngineError {
  const names = [...new Set(scope.columns.filter(c => !c.hidden).map(c => c.name))]
  const near = nearest(name, names)
  const list = names.length > 12 ? `${names.slice(0, 12).join(', ')}, …` : names.join(', ')
  const shown = qualifier.length > 0 ? `${qualifier.join('.')}.${name}` : `"${name}"`
  return new EngineError('42703', `column ${shown} does not exist`, {
    position,
    hint:
      near.length > 0 ? `Perhaps you meant ${near.map(quoted).join(' or ')}.` : list ? `There is ${list}.` : undefined,
  })
}

function quoted(name: string): string {
  return `"${name}"`
}
