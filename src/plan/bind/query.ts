import type { Expr as AstExpr } from '../../../grammar/ast.ts'
import type { Query, Values } from '../../../grammar/query.ts'
import { unreachable } from '../../base/assert.ts'
import { EngineError, notSupported } from '../../base/errors.ts'
import { BIGINT, type DataType } from '../../batch/types.ts'
import type { Expr, SortKey } from '../../expr/expr.ts'
import { fold } from '../../expr/fold.ts'
import type { CatalogView, Relation } from '../catalog.ts'
import type { EventTime, LogicalPlan } from '../logical.ts'
import { eventTimeOf, isChanging, uniqueKeyOf } from '../properties.ts'
import { coerce, settle, unify } from './coerce.ts'
import { type BindContext, type BindOptions, createContext, located } from './context.ts'
import { finalised } from './emit.ts'
import { bindExpr } from './expression.ts'
import type { QueryEnv } from './from.ts'
import { EMPTY_SCOPE } from './scope.ts'
import { bindSelect, outputColumn, project } from './select.ts'
import { bindSetOperation } from './set-operations.ts'
import { sortKey } from './sort-keys.ts'
import { refuseMovingTime } from './standing.ts'

/** A query with all its names and types known. */
export interface BoundQuery {
  readonly plan: LogicalPlan
  readonly parameterTypes: readonly DataType[]
  readonly emit: 'changes' | 'final' | undefined
  /** Output columns that no two rows share; none: there is at most one row. Undefined: not known. */
  readonly uniqueKey: readonly number[] | undefined
  /** Output columns that still tell event time. */
  readonly eventTime: readonly EventTime[]
  /** Rows that were given out may be taken back. */
  readonly changing: boolean
  /** All it reads, also through plain views, which are among them. */
  readonly relations: readonly Relation<Query>[]
}

/** Binds a whole query. The plan is right and not yet good: `optimize` comes after. */
export function bindQuery(query: Query, catalog: CatalogView<Query>, options: BindOptions): BoundQuery {
  return bindQueryWith(query, catalog, options)
}

/** The same; `convert` has the last word on its columns, while untyped constants among them are still untyped. */
export function bindQueryWith(
  query: Query,
  catalog: CatalogView<Query>,
  options: BindOptions,
  convert?: (plan: LogicalPlan, context: BindContext) => LogicalPlan,
): BoundQuery {
  const context = createContext(catalog, options)
  const { emit } = query
  const nested = bindNestedQuery({ ...query, emit: undefined }, { context, tables: new Map() }, convert !== undefined)
  const bound = convert ? convert(nested, context) : nested
  const plan = emit === 'final' ? finalised(bound, query, context) : bound
  if (options.mode === 'standing') refuseMovingTime(plan, context)
  return {
    plan,
    parameterTypes: context.parameters.types(),
    emit,
    uniqueKey: uniqueKeyOf(plan),
    eventTime: eventTimeOf(plan),
    changing: isChanging(plan),
    relations: [...context.relations.values()],
  }
}

/** A query inside a statement. `keepUnknown`: untyped columns stay so, for a UNION or INSERT to decide. */
export function bindNestedQuery(query: Query, outer: QueryEnv, keepUnknown = false): LogicalPlan {
  const { context } = outer
  refuse(query, context)
  const env = withTables(query, outer)
  const ordered = query.orderBy.length > 0 || query.limit !== undefined || query.offset !== undefined
  const { plan, width, sortKeys } = bindBody(query, env, keepUnknown && !ordered)
  for (const { table, env: own } of env === outer ? [] : env.tables.values()) {
    // What nobody reads must be right all the same.
    if (!context.mentioned.has(table)) bindNestedQuery(table.query, own)
    context.mentioned.add(table)
  }
  if (!ordered) return plan
  const limit = query.limit && bindCount(query.limit, 'LIMIT', context)
  const offset = query.offset && bindCount(query.offset, 'OFFSET', context)
  const sorted: LogicalPlan = { kind: 'sort', input: plan, keys: sortKeys, limit, offset, schema: plan.schema }
  const { fields } = plan.schema
  if (fields.length === width) return sorted
  return project(
    sorted,
    fields.slice(0, width).map((field, index) => ({ expr: { kind: 'column', index, ...field }, name: field.name })),
  )
}

interface Body {
  readonly plan: LogicalPlan
  readonly width: number
  readonly sortKeys: readonly SortKey[]
}

function bindBody(query: Query, env: QueryEnv, keepUnknown: boolean): Body {
  const { body } = query
  switch (body.kind) {
    case 'select':
      return bindSelect(body, query.orderBy, env, keepUnknown)
    case 'values':
      return byOutput(bindValues(body, env), query)
    case 'set-operation':
      return byOutput(bindSetOperation(body, env), query)
    case 'modify':
      throw notSupported('a data-modifying statement in WITH', body.at + 1)
    default:
      return unreachable(body)
  }
}

function byOutput(plan: LogicalPlan, query: Query): Body {
  const sortKeys = query.orderBy.map(item => {
    const index = outputColumn(item, plan)
    return sortKey(item, { kind: 'column', index, ...plan.schema.fields[index] })
  })
  return { plan, width: plan.schema.fields.length, sortKeys }
}

/** VALUES as a relation: column1, column2 …, each of one type. */
function bindValues(node: Values, env: QueryEnv): LogicalPlan {
  const { context } = env
  const [first] = node.rows
  const rows = node.rows.map(row => {
    if (row.length === first.length) return row.map(e => bindExpr(e, { context, scope: EMPTY_SCOPE, clause: 'VALUES' }))
    throw new EngineError('42601', 'VALUES lists must all be the same length', { position: (row.at(0) ?? node).at + 1 })
  })
  const columns = first.map((_, c) => {
    const places = node.rows.map(row => row[c].at)
    return unify(
      rows.map(row => row[c]),
      'VALUES',
      context,
      places,
    ).map((e, i) => settle(e, context, places[i]))
  })
  const fields = columns.map((column, c) => ({ name: `column${c + 1}`, type: column[0].type }))
  return { kind: 'values', rows: rows.map((_, r) => columns.map(column => column[r])), schema: { fields } }
}

/** A constant number of rows, or a parameter. */
function bindCount(node: AstExpr, clause: string, context: BindContext): Expr {
  const position = node.at + 1
  const bound = coerce(bindCountExpr(node, clause, context), BIGINT, 'assignment', context, node.at)
  const count = located(node.at, () => fold(bound, context.evaluation))
  if (count.kind === 'parameter') return count
  if (count.kind !== 'literal') throw notSupported(`${clause} of an expression that is not constant`, position)
  if (typeof count.value === 'number' && count.value < 0) {
    throw new EngineError(clause === 'LIMIT' ? '2201W' : '2201X', `${clause} must not be negative`, { position })
  }
  return count
}

function bindCountExpr(node: AstExpr, clause: string, context: BindContext): Expr {
  try {
    return bindExpr(node, { context, scope: EMPTY_SCOPE, clause })
  } catch (error) {
    if (!(error instanceof EngineError) || error.sqlState !== '42703') throw error
    const { position } = error
    throw new EngineError('42P10', `argument of ${clause} must not contain variables`, { position })
  }
}

/** What the query's WITH adds to the names in sight; each table sees those before it. */
function withTables(query: Query, outer: QueryEnv): QueryEnv {
  if (!query.with) return outer
  if (query.with.recursive) throw notSupported('WITH RECURSIVE', query.at + 1)
  let env = outer
  const names = new Set<string>()
  for (const table of query.with.tables) {
    if (names.has(table.name)) {
      throw new EngineError('42712', `WITH query name "${table.name}" specified more than once`, {
        position: table.at + 1,
      })
    }
    names.add(table.name)
    env = { ...env, tables: new Map(env.tables).set(table.name, { table, env }) }
  }
  return env
}

function refuse(query: Query, context: BindContext): void {
  const position = query.at + 1
  if (query.emit) {
    throw new EngineError('42601', `EMIT ${query.emit.toUpperCase()} belongs at the end of the whole query`, {
      position,
    })
  }
  if (query.locking.length > 0) throw notSupported('row locking (FOR UPDATE, FOR SHARE)', position)
  if (query.withTies) throw notSupported('FETCH … WITH TIES', position)
  if (context.options.mode === 'read') return
  const culprit = query.orderBy.at(0) ?? query.limit ?? query.offset
  if (culprit) {
    const clause = query.orderBy.length > 0 ? 'ORDER BY' : query.limit ? 'LIMIT' : 'OFFSET'
    throw notSupported(
      `${clause} in a standing query`,
      culprit.at + 1,
      `Its rows keep arriving: order them when you read the result.`,
    )
  }
}
