import type { Query, Values } from '../../../grammar/query.ts'
import { EngineError } from '../../base/errors.ts'
import { type DataType, type Field, typeName } from '../../batch/types.ts'
import { canCast } from '../../expr/coerce.ts'
import type { Expr } from '../../expr/expr.ts'
import type { CatalogView } from '../catalog.ts'
import type { LogicalPlan } from '../logical.ts'
import { coerce } from './coerce.ts'
import { type BindContext, type BindOptions, createContext } from './context.ts'
import { bindExpr } from './expression.ts'
import { type BoundQuery, bindQueryWith } from './query.ts'
import { EMPTY_SCOPE } from './scope.ts'
import { withTypes } from './set-operations.ts'

/** The columns that an INSERT gives, in its order. */
export interface InsertTarget {
  readonly fields: readonly Field[]
  /** What DEFAULT means, by column; none: NULL. */
  readonly defaults?: readonly (Expr | undefined)[]
}

/** Rows of INSERT … VALUES, each value of its column's type by assignment. A row may be shorter than the target: the rest is DEFAULT. */
export function bindInsertRows(
  values: Values,
  target: InsertTarget,
  parameterTypes: BindOptions['parameterTypes'],
  options: Partial<BindOptions> = {},
): { readonly rows: readonly (readonly Expr[])[]; readonly parameterTypes: readonly DataType[] } {
  const full: BindOptions = { searchPath: [], mode: 'read', timeZone: 'UTC', ...options, parameterTypes }
  const context = createContext({ resolve: () => undefined, names: () => [] }, full)
  const env = { context, scope: EMPTY_SCOPE, clause: 'VALUES' }
  const width = values.rows[0].length
  const { fields, defaults } = target
  const rows = values.rows.map(row => {
    if (row.length !== width) {
      throw new EngineError('42601', 'VALUES lists must all be the same length', {
        position: (row.at(0) ?? values).at + 1,
      })
    }
    if (width > fields.length) {
      throw new EngineError('42601', 'INSERT has more expressions than target columns', {
        position: row[fields.length].at + 1,
      })
    }
    return fields.map((field, c) => {
      const node = row.at(c)
      if (!node || node.kind === 'default') return defaults?.[c] ?? nullOf(field.type)
      return assign(bindExpr(node, env), field, context, node.at)
    })
  })
  return { rows, parameterTypes: context.parameters.types() }
}

/** INSERT … SELECT: the query with its columns as the target's types, by assignment. */
export function bindInsertQuery(
  query: Query,
  target: InsertTarget,
  catalog: CatalogView<Query>,
  options: BindOptions,
): BoundQuery {
  return bindQueryWith(query, catalog, options, (plan, context) => {
    const width = plan.schema.fields.length
    if (width !== target.fields.length) {
      const message = `INSERT has ${width > target.fields.length ? 'more' : 'fewer'} expressions than target columns`
      throw new EngineError('42601', message, { position: query.at + 1 })
    }
    return assigned(plan, target.fields, context, query.at)
  })
}

/** An expression as the value of a column: DEFAULT, SET, VALUES. 42804 when its type does not fit. */
export function assign(expr: Expr, field: Field, context: BindContext, at: number): Expr {
  if (canCast(expr.type, field.type, 'assignment')) return coerce(expr, field.type, 'assignment', context, at)
  throw new EngineError(
    '42804',
    `column "${field.name}" is of type ${typeName(field.type)} but expression is of type ${typeName(expr.type)}`,
    { position: at + 1, hint: 'You will need to rewrite or cast the expression.' },
  )
}

function assigned(plan: LogicalPlan, fields: readonly Field[], context: BindContext, at: number): LogicalPlan {
  let column = 0
  return withTypes(
    plan,
    fields.map(f => f.type),
    expr => assign(expr, fields[column++], context, at),
  )
}

function nullOf(type: DataType): Expr {
  return { kind: 'literal', value: null, type }
}
