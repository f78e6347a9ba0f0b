import type { Name } from '../../../grammar/ast.ts'
import type { Alias, CommonTable, Query, TableRef } from '../../../grammar/query.ts'
import { unreachable } from '../../base/assert.ts'
import { EngineError, nearest, notSupported } from '../../base/errors.ts'
import type { PlainView, StoredRelation } from '../catalog.ts'
import type { LogicalPlan } from '../logical.ts'
import { type BindContext, located } from './context.ts'
import { bindJoin, crossJoin } from './joins.ts'
import { bindNestedQuery } from './query.ts'
import { EMPTY_SCOPE, type OuterNames, type Scope, type ScopeColumn } from './scope.ts'
import { bindWindow } from './windows.ts'

/** A plan with the names under which its columns are known. */
export interface Relational {
  readonly plan: LogicalPlan
  readonly scope: Scope
}

/** Where a query stands: which WITH tables it sees. */
export interface QueryEnv {
  readonly context: BindContext
  readonly tables: ReadonlyMap<string, { readonly table: CommonTable; readonly env: QueryEnv }>
  /** In a subquery of an expression: the names of the queries around it. */
  readonly outer?: OuterNames
}

/** The FROM clause. None: one row without columns. */
export function bindFrom(items: readonly TableRef[], env: QueryEnv): Relational {
  if (items.length === 0) return { plan: { kind: 'values', rows: [[]], schema: { fields: [] } }, scope: EMPTY_SCOPE }
  const [first, ...others] = items
  return others.reduce((left, ref) => crossJoin(left, ref, env), bindTable(first, env))
}

/** One item of FROM. */
export function bindTable(ref: TableRef, env: QueryEnv): Relational {
  const position = ref.at + 1
  switch (ref.kind) {
    case 'table':
      if (ref.asOf) throw notSupported('FOR SYSTEM_TIME AS OF', position)
      if (ref.sample) throw notSupported('TABLESAMPLE', position)
      return bindNamed(ref, env)
    case 'subquery': {
      if (ref.lateral) throw notSupported('LATERAL', position)
      const plan = bindNestedQuery(ref.query, env)
      return named(plan, ref.alias?.name === undefined ? [] : [ref.alias.name], ref.alias, ref.at)
    }
    case 'table-function':
      throw notSupported('a function in FROM', position)
    case 'window':
      return bindWindow(ref, env)
    case 'join':
      return bindJoin(ref, env)
    default:
      return unreachable(ref)
  }
}

/** The plan with its columns under a table name; an alias may rename the first of them. */
export function named(plan: LogicalPlan, table: Name, alias: Alias | undefined, at: number): Relational {
  const renamed = alias?.columns ?? []
  const { fields } = plan.schema
  if (renamed.length > fields.length) {
    throw new EngineError(
      '42P10',
      `table "${table.join('.')}" has ${fields.length} columns available but ${renamed.length} columns specified`,
      {
        position: at + 1,
      },
    )
  }
  const columns = fields.map(
    ({ name, type }, index): ScopeColumn => ({ table, name: renamed[index] ?? name, type, index, hidden: false }),
  )
  return { plan, scope: { columns } }
}

const MENTIONS_MAX = 1000

function bindNamed(ref: Extract<TableRef, { kind: 'table' }>, env: QueryEnv): Relational {
  const { context } = env
  const position = ref.at + 1
  if (++context.mentions > MENTIONS_MAX) {
    throw new EngineError('54001', `the query reads more than ${MENTIONS_MAX} relations, counting those in views`, {
      position,
    })
  }
  const written = ref.name[ref.name.length - 1]
  const qualifier = ref.alias?.name === undefined ? undefined : [ref.alias.name]
  const common = ref.name.length === 1 ? env.tables.get(written) : undefined
  if (common) {
    context.mentioned.add(common.table)
    const plan = bindNestedQuery(common.table.query, common.env)
    const own = named(plan, qualifier ?? [written], { columns: common.table.columns }, common.table.at)
    return ref.alias ? renameColumns(own, ref.alias, ref.at) : own
  }
  const relation = located(ref.at, () => context.catalog.resolve(ref.name, context.options.searchPath))
  if (!relation) throw undefinedTable(ref.name, env, position)
  context.relations.set(relation.name, relation)
  const table = qualifier ?? tableName(ref.name, relation.name)
  if (relation.kind !== 'query') return named(scanOf(relation), table, ref.alias, ref.at)
  const own = named(bindView(relation, context), table, { columns: relation.columns ?? [] }, ref.at)
  return ref.alias ? renameColumns(own, ref.alias, ref.at) : own
}

function renameColumns({ plan, scope }: Relational, alias: Alias, at: number): Relational {
  const fields = scope.columns.map(({ name, type }) => ({ name, type }))
  const { columns } = named({ ...plan, schema: { fields } }, scope.columns.at(0)?.table ?? [], alias, at).scope
  return { plan, scope: { columns } }
}

/** Reads all of a relation; the rules take out what is not needed. */
function scanOf(relation: StoredRelation): LogicalPlan {
  const { name, kind, schema, watermark, eventTime, changing, uniqueKey } = relation
  return {
    kind: 'scan',
    relation: name,
    relationKind: kind,
    columns: schema.fields.map((_, i) => i),
    ...(watermark && { watermark }),
    ...(eventTime && { eventTime }),
    ...(uniqueKey && { uniqueKey }),
    changing,
    schema,
  }
}

/** A plain view is its query. What is wrong in there is told without a position: it lies in another statement. */
function bindView(view: PlainView<Query>, context: BindContext): LogicalPlan {
  try {
    return bindNestedQuery(view.query, { context, tables: new Map() })
  } catch (error) {
    if (!(error instanceof EngineError)) throw error
    const detail = [error.detail, `In view "${view.name}".`].filter(d => d !== undefined).join(' ')
    throw new EngineError(error.sqlState, error.message, { detail, hint: error.hint, cause: error })
  }
}

/** The name a table is known by without an alias: with its schema, so that `schema.table.column` is understood. */
function tableName(written: Name, full: string): Name {
  if (written.length > 1) return written
  const dot = full.indexOf('.')
  return dot < 0 ? written : [full.slice(0, dot), written[0]]
}

function undefinedTable(name: Name, env: QueryEnv, position: number): EngineError {
  const written = name.join('.')
  const near = nearest(written, [...env.tables.keys(), ...env.context.catalog.names()])
  return new EngineError('42P01', `relation "${written}" does not exist`, {
    position,
    hint: near.length > 0 ? `Perhaps you meant ${near.map(n => `"${n}"`).join(' or ')}.` : undefined,
  })
}
