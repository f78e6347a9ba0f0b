import type { Expr as AstExpr } from '../../../grammar/ast.ts'
import type { ColumnDef, CreateRelation } from '../../../grammar/statements.ts'
import { EngineError, nearest } from '../../base/errors.ts'
import { type DataType, type Datum, type Field, type Schema, typeName } from '../../batch/types.ts'
import type { Expr } from '../../expr/expr.ts'
import { fold } from '../../expr/fold.ts'
import { collectColumns } from '../../expr/walk.ts'
import { settle } from './coerce.ts'
import { type BindContext, type BindOptions, createContext, located } from './context.ts'
import { bindExpr, type Env } from './expression.ts'
import { assign } from './insert.ts'
import { EMPTY_SCOPE, type Scope } from './scope.ts'
import { dataTypeOf } from './types.ts'
import { microsOf } from './windows.ts'

/** Columns that a CREATE declares, as a schema. 42701 when a name comes twice. */
export function bindColumns(columns: readonly ColumnDef[]): Schema {
  const seen = new Set<string>()
  const fields = columns.map(({ name, type, at }): Field => {
    if (seen.has(name)) {
      throw new EngineError('42701', `column "${name}" specified more than once`, { position: at + 1 })
    }
    seen.add(name)
    return { name, type: dataTypeOf(type) }
  })
  return { fields }
}

/** WATERMARK FOR ts AS ts [- interval]: the column, and how far behind it the watermark stays. */
export function bindWatermark(
  clause: CreateRelation['watermarks'][number],
  schema: Schema,
  options: Partial<BindOptions> = {},
): { readonly column: number; readonly delayMicros: number } {
  const context = definitionContext(options)
  const position = clause.at + 1
  const column = schema.fields.findIndex(f => f.name === clause.column)
  if (column < 0) throw noColumn(clause.column, schema, position)
  const { type } = schema.fields[column]
  if (type.kind !== 'timestamp' && type.kind !== 'timestamptz') {
    throw new EngineError(
      '42804',
      `a watermark needs a timestamp column, and "${clause.column}" is ${typeName(type)}`,
      {
        position,
        hint: "Declare it timestamptz; FORMAT 'epoch_ms' reads numbers as one.",
      },
    )
  }
  const delayMicros = watermarkDelay(clause.expr, clause.column, context)
  if (delayMicros !== undefined && delayMicros >= 0) return { column, delayMicros }
  throw new EngineError('42P17', 'a watermark is the column itself or the column minus a constant interval', {
    position: clause.expr.at + 1,
    hint: `Write WATERMARK FOR ${clause.column} AS ${clause.column} - INTERVAL '5 seconds'.`,
  })
}

/** A constant of a given type, by assignment: arguments of EXECUTE, values of options. */
export function bindConstant(node: AstExpr, type: DataType, options: Partial<BindOptions> = {}): Datum {
  const context = definitionContext(options)
  const env: Env = { context, scope: EMPTY_SCOPE, clause: 'a constant' }
  const bound = assign(bindExpr(node, env), { name: 'value', type }, context, node.at)
  const constant = located(node.at, () => fold(bound, context.evaluation))
  if (constant.kind === 'literal') return constant.value
  throw new EngineError('0A000', 'a constant is needed here', { position: node.at + 1 })
}

/** The value of a column's DEFAULT: an expression without columns. */
export function bindDefault(node: AstExpr, field: Field, options: Partial<BindOptions> = {}): Expr {
  const context = definitionContext(options)
  return assign(bindExpr(node, { context, scope: EMPTY_SCOPE, clause: 'DEFAULT' }), field, context, node.at)
}

/**
 * `c AS expr`, GENERATED ALWAYS AS: an expression over the other columns, of the column's type; of its own where that is unknown.
 * `generated`: which columns are, for none may read another, as in Postgres.
 */
export function bindGenerated(
  node: AstExpr,
  field: Field,
  columns: Schema,
  generated: readonly number[],
  options: Partial<BindOptions> = {},
): Expr {
  const context = definitionContext(options)
  const bound = bindExpr(node, { context, scope: scopeOf(columns), clause: 'a generated column' })
  const read = new Set<number>()
  collectColumns(bound, read)
  const other = generated.find(index => read.has(index))
  if (other !== undefined) {
    const name = columns.fields[other].name
    throw new EngineError('42P17', `generated column "${field.name}" cannot use generated column "${name}"`, {
      position: node.at + 1,
      hint: `Write the expression of "${name}" in its place.`,
    })
  }
  return field.type.kind === 'unknown' ? settle(bound, context, node.at) : assign(bound, field, context, node.at)
}

/** One expression over given columns, as it stands: for conditions that come from elsewhere than a query. */
export function bindExpression(node: AstExpr, schema: Schema, options: Partial<BindOptions> = {}): Expr {
  const context = definitionContext(options)
  return bindExpr(node, { context, scope: scopeOf(schema), clause: 'an expression' })
}

function definitionContext(options: Partial<BindOptions>): BindContext {
  const full: BindOptions = { searchPath: [], parameterTypes: [], mode: 'read', timeZone: 'UTC', ...options }
  return createContext({ resolve: () => undefined, names: () => [] }, full)
}

function scopeOf(schema: Schema): Scope {
  return { columns: schema.fields.map((field, index) => ({ table: [], ...field, index, hidden: false })) }
}

function watermarkDelay(node: AstExpr, column: string, context: BindContext): number | undefined {
  if (node.kind === 'column') return node.name.length === 1 && node.name[0] === column ? 0 : undefined
  if (node.kind !== 'binary' || node.op !== '-') return undefined
  return watermarkDelay(node.left, column, context) === 0 ? microsOf(node.right, 'the delay', context) : undefined
}

function noColumn(name: string, schema: Schema, position: number): EngineError {
  const names = schema.fields.map(f => f.name)
  const near = nearest(name, names)
  return new EngineError('42703', `column "${name}" does not exist`, {
    position,
    hint: near.length > 0 ? `Perhaps you meant ${near.join(' or ')}.` : `There is ${names.join(', ')}.`,
  })
}
