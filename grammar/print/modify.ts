import { unreachable } from '../../src/base/assert.ts'
import type { Assignment, Delete, Insert, OnConflict, Update } from '../statements.ts'
import { printExpression } from './expression.ts'
import { printName, printNames } from './names.ts'
import { printColumns, printQuery, printTable, printWith } from './query.ts'

/** INSERT, UPDATE and DELETE. */
export function printModify(statement: Insert | Update | Delete): string {
  const tables = printWith(statement.with)
  const alias = statement.alias === undefined ? '' : ` AS ${printName(statement.alias)}`
  const returning = printReturning(statement)
  switch (statement.kind) {
    case 'insert': {
      const columns = printColumns(statement.columns.map(column => column.name))
      const overriding =
        statement.overriding === undefined ? '' : ` OVERRIDING ${statement.overriding.toUpperCase()} VALUE`
      const rows = statement.query === undefined ? 'DEFAULT VALUES' : printQuery(statement.query)
      const conflict = printConflict(statement.onConflict)
      return `${tables}INSERT INTO ${printNames(statement.table)}${alias}${columns}${overriding} ${rows}${conflict}${returning}`
    }
    case 'update': {
      const from = statement.from.length > 0 ? ` FROM ${statement.from.map(printTable).join(', ')}` : ''
      const table = `${statement.only ? 'ONLY ' : ''}${printNames(statement.table)}${alias}`
      return `${tables}UPDATE ${table} SET ${printSet(statement.set)}${from}${printWhere(statement)}${returning}`
    }
    case 'delete': {
      const using = statement.using.length > 0 ? ` USING ${statement.using.map(printTable).join(', ')}` : ''
      const table = `${statement.only ? 'ONLY ' : ''}${printNames(statement.table)}${alias}`
      return `${tables}DELETE FROM ${table}${using}${printWhere(statement)}${returning}`
    }
    default:
      return unreachable(statement)
  }
}

function printWhere({ where }: Update | Delete): string {
  return where === undefined ? '' : ` WHERE ${printExpression(where)}`
}

function printSet(set: readonly Assignment[]): string {
  return set
    .map(({ targets, value }) => {
      const printed = targets.map(printTarget).join(', ')
      return `${targets.length > 1 ? `(${printed})` : printed} = ${printExpression(value)}`
    })
    .join(', ')
}

/** A target's `.field` needs no parentheses: there is only one column it can belong to. */
function printTarget(target: Assignment['targets'][number]): string {
  if (target.kind === 'field') return `${printTarget(target.arg)}.${printName(target.name)}`
  if (target.kind === 'subscript') return `${printTarget(target.arg)}[${printExpression(target.index)}]`
  return printExpression(target)
}

function printConflict(conflict: OnConflict | undefined): string {
  if (conflict === undefined) return ''
  const { target, targetWhere, constraint, set, where } = conflict
  const columns = target.length > 0 ? ` (${target.map(printExpression).join(', ')})` : ''
  const on = constraint === undefined ? columns : ` ON CONSTRAINT ${printName(constraint)}`
  const only = targetWhere === undefined ? '' : ` WHERE ${printExpression(targetWhere)}`
  if (set.length === 0) return ` ON CONFLICT${on}${only} DO NOTHING`
  const filter = where === undefined ? '' : ` WHERE ${printExpression(where)}`
  return ` ON CONFLICT${on}${only} DO UPDATE SET ${printSet(set)}${filter}`
}

function printReturning({ returning }: Insert | Update | Delete): string {
  if (returning.length === 0) return ''
  const items = returning.map(
    ({ expr, alias }) => printExpression(expr) + (alias === undefined ? '' : ` AS ${printName(alias)}`),
  )
  return ` RETURNING ${items.join(', ')}`
}
