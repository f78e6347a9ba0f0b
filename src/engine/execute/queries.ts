import type { Expr as AstExpr } from '../../../grammar/ast.ts'
import type { Subscribe } from '../../../grammar/commands.ts'
import { parseScript } from '../../../grammar/parse.ts'
import type { Query } from '../../../grammar/query.ts'
import type { Describe, Explain, Show } from '../../../grammar/statements.ts'
import { EngineError, notSupported } from '../../base/errors.ts'
import { booleanWord } from '../../base/option-parsers.ts'
import { BIGINT, type Datum, type Schema, TIMESTAMPTZ, typeName } from '../../batch/types.ts'
import { bindConstant } from '../../plan/bind/ddl.ts'
import { bindQuery } from '../../plan/bind/query.ts'
import { explain } from '../../plan/explain.ts'
import type { LogicalPlan } from '../../plan/logical.ts'
import { optimize } from '../../plan/optimize.ts'
import { substituteParameters } from '../../plan/parameters.ts'
import type { ClientSession } from '../client-session.ts'
import { defineObject } from '../definitions.ts'
import { type Discovered, discoverTopics } from '../discover.ts'
import type { Engine } from '../engine.ts'
import { jobOf, qualifiedName } from '../objects.ts'
import type { ReadRequest } from '../read.ts'
import type { Result, Statement } from '../session.ts'
import { shownOptions, shownSql } from '../shown-sql.ts'
import { firstRows } from '../stream.ts'
import { showTopics } from './outside-topics.ts'
import type { ParameterTypes, Plan } from './plan-statement.ts'
import { textPlan } from './text-plan.ts'

/** Columns SUBSCRIBE puts before the relation's own: when, and how many times the row is added (negative: taken back). */
const CHANGE_FIELDS = [
  { name: 'tidemark_timestamp', type: TIMESTAMPTZ },
  { name: 'tidemark_diff', type: BIGINT },
]

/** SELECT: a read of views as they are, of topics from their beginning to their present end; EMIT CHANGES goes on, and so do topics without an end. */
export async function planQuery(ast: Query, types: ParameterTypes, session: ClientSession): Promise<Plan> {
  const subscribed = subscribeCall(ast)
  if (subscribed) return limited(await planSubscribe(subscribed, session), ast.limit)
  const extra = await discoverTopics(ast, session.options.searchPath, session.engine)
  return planRead(ast, ast.emit === 'changes', extra, types, session)
}

function planRead(ast: Query, goesOn: boolean, extra: Discovered, types: ParameterTypes, session: ClientSession): Plan {
  const { engine } = session
  // ksqlDB's EMIT CHANGES LIMIT n: the statement ends after n changes. No operator of the dataflow.
  const rowsMax = goesOn && ast.orderBy.length === 0 && ast.limit ? changesMax(ast.limit) : undefined
  const query = rowsMax === undefined ? ast : { ...ast, limit: undefined }
  const mode = goesOn ? 'standing' : 'read'
  const bound = bindQuery(query, engine.catalog.view(extra.relations), session.bindOptions(mode, types))
  const { schema } = bound.plan
  const endless = goesOn ? undefined : endlessSource(bound.plan, extra, engine)
  if (endless !== undefined) {
    const plan = planRead({ ...ast, emit: ast.emit ?? 'changes' }, true, extra, types, session)
    const run: Plan['run'] = (parameters, signal) => {
      session.notice(`${endless} has no end: rows come until you cancel, or as many as LIMIT says`)
      return plan.run(parameters, signal)
    }
    return { ...plan, run }
  }
  const run = async (parameters: readonly Datum[], signal: AbortSignal): Promise<Result> => {
    const context = session.evalContext()
    const request: ReadRequest = {
      kind: mode === 'read' ? 'read' : 'changes',
      plan: optimize(substituteParameters(bound.plan, parameters), mode === 'read' ? context : undefined),
      sources: engine.sourcesOf(bound.plan, extra.sources),
      given: {},
      snapshot: true,
      differences: false,
      ...context,
    }
    const batches = engine.read(request, signal)
    return {
      kind: 'rows',
      tag: 'SELECT',
      schema,
      batches: rowsMax === undefined ? batches : firstRows(batches, rowsMax),
    }
  }
  return { parameterTypes: bound.parameterTypes, schema, run }
}

/** The name of a source of the plan whose topics have no end; undefined: there is none. */
function endlessSource(plan: LogicalPlan, extra: Discovered, engine: Engine): string | undefined {
  const sources = Object.values(engine.sourcesOf(plan, extra.sources))
  return sources.find(spec => engine.connector(spec.connector).endless)?.relation.replace(/^public\./, '')
}

/** SELECT * FROM subscribe('v') LIMIT n ends after n changes. */
function limited(plan: Plan, limit: AstExpr | undefined): Plan {
  if (limit === undefined) return plan
  const rowsMax = changesMax(limit)
  const run: Plan['run'] = async (parameters, signal) => {
    const result = await plan.run(parameters, signal)
    return result.kind === 'rows' ? { ...result, batches: firstRows(result.batches, rowsMax) } : result
  }
  return { ...plan, run }
}

function changesMax(limit: AstExpr): number {
  const value = bindConstant(limit, BIGINT)
  if (value === null) return Number.POSITIVE_INFINITY
  if (Number(value) < 0) throw new EngineError('2201W', 'LIMIT must not be negative', { position: limit.at + 1 })
  return Number(value)
}

/** SELECT * FROM subscribe('v') as the statement it stands for. */
function subscribeCall(ast: Query): Subscribe | undefined {
  if (ast.body.kind !== 'select') return undefined
  const { from, items, where, groupBy } = ast.body
  const [table] = from
  const call = table?.kind === 'table-function' ? table.calls[0] : undefined
  if (call?.kind !== 'call' || call.name.at(-1) !== 'subscribe') return undefined
  const [arg] = call.args
  const plain = from.length === 1 && items.length === 1 && items[0].expr.kind === 'star' && !where && !groupBy
  if (!plain || call.args.length !== 1 || arg.kind !== 'string') {
    throw notSupported(
      "more than SELECT * FROM subscribe('view')",
      table.at + 1,
      'SUBSCRIBE (SELECT …) takes any query',
    )
  }
  const [{ ast: parsed }] = parseScript(`SUBSCRIBE ${arg.value}`)
  return parsed?.kind === 'subscribe' ? parsed : undefined
}

/** SUBSCRIBE: the present rows first (unless snapshot = false), then every change as it happens. */
export async function planSubscribe(ast: Subscribe, session: ClientSession): Promise<Plan> {
  let snapshot = true
  for (const { name, value, at } of ast.options) {
    if (name !== 'snapshot') throw notSupported(`the option ${name} of SUBSCRIBE`, at + 1)
    snapshot = booleanWord(name)(value)
  }
  const query = 'kind' in ast.from ? ast.from : queryOf(ast.from)
  const { engine } = session
  const extra = await discoverTopics(query, session.options.searchPath, engine)
  const bound = bindQuery(query, engine.catalog.view(extra.relations), session.bindOptions('standing'))
  const schema: Schema = { fields: [...CHANGE_FIELDS, ...bound.plan.schema.fields] }
  const request: ReadRequest = {
    kind: 'changes',
    plan: optimize(bound.plan),
    sources: engine.sourcesOf(bound.plan, extra.sources),
    given: {},
    snapshot,
    differences: true,
    ...session.evalContext(),
  }
  const run: Plan['run'] = async (_, signal) => ({
    kind: 'rows',
    tag: 'SUBSCRIBE',
    schema,
    batches: engine.read(request, signal),
  })
  return { parameterTypes: [], schema, run }
}

export function queryOf(name: readonly string[], columns: readonly string[] = []): Query {
  const selected = columns.length === 0 ? '*' : columns.map(quoteName).join(', ')
  const [{ ast }] = parseScript(`SELECT ${selected} FROM ${name.map(quoteName).join('.')}`)
  if (ast?.kind !== 'query') throw new EngineError('42601', 'a name is needed here')
  return ast
}

export function quoteName(name: string): string {
  return /^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`
}

export async function planExplain(ast: Explain, statement: Statement, session: ClientSession): Promise<Plan> {
  const { statement: inner } = ast
  if (ast.analyze) throw notSupported('EXPLAIN ANALYZE', ast.at + 1)
  let lines: readonly string[]
  if (inner.kind === 'query') {
    const extra = await discoverTopics(inner, session.options.searchPath, session.engine)
    const { engine } = session
    const bind = (mode: 'read' | 'standing') =>
      bindQuery(inner, engine.catalog.view(extra.relations), session.bindOptions(mode))
    const read = inner.emit === undefined ? bind('read') : undefined
    const mode = read && endlessSource(read.plan, extra, engine) === undefined ? 'read' : 'standing'
    const bound = mode === 'read' && read ? read : bind('standing')
    lines = explain(optimize(bound.plan, mode === 'read' ? session.evalContext() : undefined))
  } else {
    const object = await defineObject(inner, session.context(statement), session.engine)
    const job = object && jobOf(object)
    if (!job) throw notSupported(`EXPLAIN of ${inner.kind.replace('-', ' ')}`, inner.at + 1)
    lines = explain(job.definition.plan)
  }
  return textPlan(['QUERY PLAN'], 'EXPLAIN', async () => lines.map(line => [line]))
}

const SHOWN: Readonly<Record<string, (o: { kind: string; flavour?: string }) => boolean>> = {
  tables: o => o.kind === 'source' && o.flavour === 'table',
  sources: o => o.kind === 'source' && o.flavour !== 'table',
  streams: o => o.kind === 'source' && o.flavour === 'stream',
  sinks: o => o.kind === 'sink',
  views: o => o.kind === 'view',
  'materialized views': o => o.kind === 'materialized view',
  connections: o => o.kind === 'connection',
}

export async function planShow(ast: Show, session: ClientSession): Promise<Plan> {
  const { engine, options } = session
  const { what, name } = ast
  if (what === 'setting') {
    const setting = name.join('.')
    const value = options.get(setting)
    return textPlan([setting === 'timezone' ? 'TimeZone' : setting], 'SHOW', async () => [[value]])
  }
  if (what === 'all') return textPlan(['name', 'setting'], 'SHOW', async () => [...options.values].sort())
  if (what === 'create') {
    const object = engine.catalog.get(name, options.searchPath, ast.at)
    const sql = shownSql(object.sql, engine.options.connectors)
    return textPlan(['name', 'create_sql'], 'SHOW', async () => [[qualifiedName(object), sql]])
  }
  if (what === 'columns') return describe(name, ast.at, session)
  if (what === 'jobs' || what === 'queries') {
    const sql = 'SELECT job, kind, state, error FROM tidemark.jobs ORDER BY job'
    const [{ ast: query }] = parseScript(sql)
    if (query?.kind === 'query') return await planQuery(query, [], session)
  }
  if (what === 'topics' && ast.from.length > 0) return showTopics(ast.from, ast.at, session)
  if (what === 'topics') {
    return textPlan(['topic', 'partitions'], 'SHOW', async () =>
      engine.log.topics().map(t => [t.name, String(t.partitions)]),
    )
  }
  if (what === 'schemas') return textPlan(['schema'], 'SHOW', async () => [['public'], ['tidemark']])
  if (what === 'databases') return textPlan(['database'], 'SHOW', async () => [['tidemark']])
  const shown = SHOWN[what]
  if (!shown)
    throw notSupported(
      `SHOW ${what.toUpperCase()}`,
      ast.at + 1,
      `there is SHOW ${Object.keys(SHOWN).join(', ')}, jobs, topics, all`,
    )
  return textPlan(['name'], 'SHOW', async () =>
    [...engine.catalog.objects.values()].filter(shown).map(o => [o.shortName]),
  )
}

export function planDescribe(ast: Describe, session: ClientSession): Plan {
  return describe(ast.name, ast.at, session)
}

function describe(name: readonly string[], at: number, session: ClientSession): Plan {
  const { engine, options } = session
  const object = engine.catalog.find(name, options.searchPath)
  if (object?.kind === 'connection') {
    const rows = [['type', object.type], ...shownOptions(object.options, engine.options.connectors)]
    return textPlan(['option', 'value'], 'DESCRIBE', async () => rows)
  }
  const relation = object ? undefined : engine.catalog.view().resolve(name, options.searchPath)
  const schema = object?.schema ?? (relation && 'schema' in relation ? relation.schema : undefined)
  if (!schema) throw new EngineError('42P01', `"${name.join('.')}" does not exist`, { position: at + 1 })
  return textPlan(['column', 'type'], 'DESCRIBE', async () => schema.fields.map(f => [f.name, typeName(f.type)]))
}
