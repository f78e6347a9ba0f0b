import type { Insert } from '../../grammar/statements.ts'
import { EngineError, notSupported } from '../base/errors.ts'
import type { Schema } from '../batch/types.ts'
import type { Expr } from '../expr/expr.ts'
import { bindInsertQuery } from '../plan/bind/insert.ts'
import type { BoundQuery } from '../plan/bind/query.ts'
import type { LogicalPlan } from '../plan/logical.ts'
import { optimize } from '../plan/optimize.ts'
import type { Engine, StatementContext } from './engine.ts'
import { type JobDefinition, qualifiedName, type SinkObject, type SourceObject } from './objects.ts'
import { writtenColumns } from './source-columns.ts'
import { topicTarget } from './topic-target.ts'
import { writtenSpec } from './written-rows.ts'

/** The source or stream that an INSERT names, and the columns it gives, in its order: without a list the first ones. */
export function insertTarget(
  ast: Insert,
  context: Pick<StatementContext, 'searchPath' | 'timeZone'>,
  engine: Engine,
): WriteTarget {
  if (ast.onConflict) throw notSupported('ON CONFLICT', ast.onConflict.at + 1)
  if (ast.returning.length > 0) throw notSupported('RETURNING', ast.at + 1)
  return (
    topicTarget(ast, context, engine) ??
    writeTarget(ast.table, ast.columns, { searchPath: context.searchPath, at: ast.at }, engine)
  )
}

/** What rows are written to: a source or stream, and the columns that are given. */
export interface WriteTarget {
  readonly source: SourceObject
  readonly columns: Schema
}

/** By their names; without columns, all that a record holds. */
export function writeTarget(
  name: readonly string[],
  columns: readonly { readonly name: string; readonly at: number }[],
  { searchPath, at }: Pick<StatementContext, 'searchPath'> & { readonly at: number },
  engine: Engine,
): WriteTarget {
  const source = engine.catalog.get(name, searchPath, at)
  if (source.kind !== 'source') {
    throw new EngineError('42809', `cannot insert into ${source.kind} "${source.shortName}"`, { position: at + 1 })
  }
  const own = writtenColumns(source.spec).map(i => source.schema.fields[i])
  if (columns.length === 0) return { source, columns: { fields: own } }
  const fields = columns.map(column => {
    const field = own.find(f => f.name === column.name)
    if (field) return field
    throw new EngineError('42703', `column "${column.name}" of "${source.shortName}" does not exist`, {
      position: column.at + 1,
      hint: own.map(f => f.name).join(', '),
    })
  })
  return { source, columns: { fields } }
}

/**
 * INSERT INTO topic SELECT …, as Flink and ksqlDB mean it: a job that fills the topic as rows arrive. Undefined for an INSERT that is
 * done at once: of VALUES, or of a query that reads no topic and no view (`insertedAtOnce`).
 */
export function defineInsert(
  ast: Insert,
  context: StatementContext,
  engine: Engine,
  dataflow: string,
): SinkObject | undefined {
  if (!ast.query || ast.query.body.kind === 'values' || insertedAtOnce(ast, context, engine)) return undefined
  const { source, bound, plan, used } = bindInsert(ast, context, engine, 'standing')
  if (bound.changing && !source.spec.upsertKey) {
    throw new EngineError(
      '55000',
      'the query changes rows it has already given out, and a topic can only be added to',
      {
        position: ast.query.at + 1,
        hint: "EMIT FINAL gives each window once; CREATE SINK … WITH (key = 'device_id') writes upserts",
      },
    )
  }
  refuseCircle(source, used, ast, engine)
  const { fields, timeFormats, key } = writtenSpec(source)
  const { connector, options, format, formatOptions } = source.spec
  const definition: JobDefinition = {
    kind: 'sink',
    plan,
    sources: engine.sourcesOf(plan),
    sink: {
      connector,
      options,
      format,
      formatOptions,
      key,
      envelope: key.length > 0 ? 'upsert' : 'append',
      instance: engine.catalog.instance,
      timeFormats,
    },
    instance: engine.catalog.instance,
    timeZone: context.timeZone,
  }
  const { sql, searchPath, timeZone } = context
  return {
    kind: 'sink',
    schemaName: 'public',
    shortName: context.name ?? freeName(`insert_into_${source.shortName.replace(/^.*[/.]/, '')}`, engine),
    ...{ sql, searchPath, timeZone },
    dependsOn: [...new Set([...used, ...(source.sql === '' ? source.dependsOn : [qualifiedName(source)])])],
    schema: { fields },
    job: { definition, dataflow, paused: false },
    target: qualifiedName(source),
  }
}

/** The rows to insert where the query reads nothing that goes on. */
export function insertedAtOnce(ast: Insert, context: StatementContext, engine: Engine): LogicalPlan | undefined {
  const { bound, plan } = bindInsert(ast, context, engine, 'read')
  const standing = bound.relations.some(r => r.kind === 'source' || r.kind === 'view' || r.kind === 'table')
  return standing ? undefined : plan
}

function bindInsert(ast: Insert, context: StatementContext, engine: Engine, mode: 'read' | 'standing') {
  const { source, columns } = insertTarget(ast, context, engine)
  if (!ast.query) throw notSupported('DEFAULT VALUES', ast.at + 1)
  const used = new Set<string>()
  const { searchPath, timeZone } = context
  const query = ast.with ? { ...ast.query, with: ast.with } : ast.query
  const options = { searchPath, timeZone, parameterTypes: [], mode }
  const bound: BoundQuery = bindInsertQuery(query, columns, engine.catalog.view(new Map(), used), options)
  if (bound.parameterTypes.length > 0) throw notSupported('a parameter in INSERT … SELECT', ast.at + 1)
  const { fields } = writtenSpec(source)
  const exprs = fields.map(({ name, type }): Expr => {
    const index = columns.fields.findIndex(f => f.name === name)
    return index < 0 ? { kind: 'literal', value: null, type } : { kind: 'column', index, name, type }
  })
  const plan: LogicalPlan = { kind: 'project', input: bound.plan, exprs, schema: { fields } }
  return { source, bound, plan: optimize(plan), used }
}

/** Rows that come back to the query that wrote them would never end. */
function refuseCircle(target: SourceObject, reads: Iterable<string>, ast: Insert, engine: Engine): void {
  const seen = new Set<string>()
  const waiting = [...reads]
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    if (seen.has(name)) continue
    seen.add(name)
    if (name === qualifiedName(target)) {
      throw new EngineError('42P17', `the query reads "${target.shortName}", which it fills: it would never end`, {
        position: ast.at + 1,
      })
    }
    for (const object of engine.catalog.objects.values()) {
      const fills = qualifiedName(object) === name || (object.kind === 'sink' && object.target === name)
      if (fills) waiting.push(...object.dependsOn.filter(d => object.kind !== 'sink' || d !== object.target))
    }
  }
}

function freeName(wanted: string, engine: Engine): string {
  let name = wanted
  for (let n = 2; engine.catalog.objects.has(`public.${name}`); n++) name = `${wanted}_${n}`
  return name
}
