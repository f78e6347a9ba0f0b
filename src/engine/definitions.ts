import type { Expr, Name } from '../../grammar/ast.ts'
import { parseScript } from '../../grammar/parse.ts'
import { print } from '../../grammar/print.ts'
import type { Query } from '../../grammar/query.ts'
import type {
  CreateAs,
  CreateConnection,
  CreateRelation,
  CreateSink,
  CreateView,
  Option,
  Statement as StatementNode,
} from '../../grammar/statements.ts'
import { EngineError, notSupported } from '../base/errors.ts'
import { durationMs } from '../base/option-parsers.ts'
import type { Schema } from '../batch/types.ts'
import { bindQuery } from '../plan/bind/query.ts'
import type { EventTime, LogicalPlan } from '../plan/logical.ts'
import { optimize } from '../plan/optimize.ts'
import { eventTimeOf, isChanging } from '../plan/properties.ts'
import { inputsOf } from '../plan/walk.ts'
import { defineInsert } from './define-insert.ts'
import { defineSource, readExternal } from './define-source.ts'
import { sampledColumns } from './discover.ts'
import type { Engine, StatementContext } from './engine.ts'
import { FORMAT_CONNECTION_OPTIONS } from './format-options.ts'
import type { CatalogObject, JobDefinition, JobObject, SinkSpec, SourceSpec } from './objects.ts'
import { checkOption, optionTexts, takeOption } from './options.ts'

/**
 * The catalog object a statement means; undefined when the statement creates nothing. Nothing is started or stored.
 * The same at the first run and at each restart, where `dataflow` names the running dataflow it belongs to.
 */
export async function defineObject(
  ast: StatementNode | undefined,
  context: StatementContext,
  engine: Engine,
  dataflow = '',
): Promise<CatalogObject | undefined> {
  switch (ast?.kind) {
    case 'create-connection':
      return defineConnection(ast, context, engine)
    case 'create-relation':
      return await defineRelation(ast, context, engine)
    case 'create-view':
      return ast.materialized
        ? defineMaterializedView(ast, context, engine, dataflow)
        : definePlainView(ast, context, engine)
    case 'create-sink':
      return defineSink(ast, context, engine, dataflow)
    case 'create-as':
      return ast.relation === 'table'
        ? defineTableAs(ast, context, engine, dataflow)
        : defineStreamAs(ast, context, engine, dataflow)
    case 'insert':
      return defineInsert(ast, context, engine, dataflow)
    default:
      return undefined
  }
}

/** Schema and name a CREATE statement gives. */
export function targetName(name: Name, at: number): { schemaName: string; shortName: string } {
  const [schemaName, shortName] = name.length > 1 ? name.slice(-2) : ['public', name[0]]
  if (schemaName !== 'public') {
    const reason = schemaName === 'tidemark' ? 'holds the views of the system' : 'does not exist'
    throw new EngineError('3F000', `schema "${schemaName}" ${reason}`, {
      position: at + 1,
      hint: 'create it in public',
    })
  }
  return { schemaName, shortName }
}

function common(
  ast: { readonly name: Name; readonly at: number },
  context: StatementContext,
  dependsOn: readonly string[],
) {
  const { sql, searchPath, timeZone } = context
  return { ...targetName(ast.name, ast.at), sql, searchPath, timeZone, dependsOn }
}

function defineConnection(ast: CreateConnection, context: StatementContext, engine: Engine): CatalogObject {
  const connector = engine.connector(ast.type, ast.at)
  const options: Record<string, string> = {}
  for (const { name, value, at } of optionTexts(ast.options).values()) {
    const known = [...connector.options.filter(o => o.connection), ...FORMAT_CONNECTION_OPTIONS]
    const option = known.find(o => o.name === name)
    if (!option) {
      const own = known.map(o => o.name)
      throw new EngineError('22023', `a connection of type ${ast.type} has no option "${name}"`, {
        position: at + 1,
        hint: `it has ${own.join(', ')}`,
      })
    }
    checkOption(option, value)
    options[name] = value
  }
  return { kind: 'connection', ...common(ast, context, []), type: ast.type, options }
}

async function defineRelation(ast: CreateRelation, context: StatementContext, engine: Engine): Promise<CatalogObject> {
  const names = targetName(ast.name, ast.at)
  const relation = `${names.schemaName}.${names.shortName}`
  const external = ast.options.some(o => ['connector', 'connection', 'topic', 'kafka_topic'].includes(o.name))
  // Flink and ksqlDB call a topic of theirs a table too; another one has a topic of its own.
  const ownTopic = ast.relation === 'table' && !external ? tableTopic(names.shortName) : undefined
  if (ownTopic !== undefined && ast.columns.length === 0) {
    throw new EngineError('42601', 'a table needs columns', { position: ast.at + 1 })
  }
  let statement = ownTopic === undefined ? ast : { ...ast, options: [...ast.options, ...tableOptions(ownTopic, ast)] }
  let { sql } = context
  if (ast.columns.length === 0) {
    // A restart must not depend on what is in the topic then: the columns found become part of the statement.
    statement = await sampledColumns(ast, relation, engine)
    sql = print(statement)
  }
  const { spec, fields, needs } = defineSource(statement, relation, engine, context.timeZone)
  const flavour = ast.relation
  return { kind: 'source', flavour, ...common(ast, { ...context, sql }, needs), schema: { fields }, spec, ownTopic }
}

/** A table's rows are the newest records of a topic of its own: durable, and a changing input like any topic with a key. */
function tableTopic(name: string): string {
  return `tidemark.table.${name}`
}

function tableOptions(topic: string, { primaryKey, at }: CreateRelation): Option[] {
  const values = { topic, ...(primaryKey.length > 0 && { cleanup_policy: 'compact' }) }
  return Object.entries(values).map(([name, value]) => ({ name, value, at }))
}

function definePlainView(ast: CreateView, context: StatementContext, engine: Engine): CatalogObject {
  const bound = bind(ast.query, context, engine, 'read')
  const names = renamed(bound.plan.schema, ast.columns)
  return {
    kind: 'view',
    ...common(ast, context, bound.dependsOn),
    query: ast.query,
    columns: ast.columns,
    schema: names,
  }
}

function defineMaterializedView(
  ast: CreateView,
  context: StatementContext,
  engine: Engine,
  dataflow: string,
): CatalogObject {
  const options = optionTexts(ast.options)
  const retentionMs = takeOption(options, 'retention', durationMs('retention'))
  refuseRest(options, ['retention'])
  const bound = bind(ast.query, context, engine, 'standing')
  if (retentionMs !== undefined && bound.eventTime.length === 0) {
    throw new EngineError('42P17', 'retention needs a column of event time in the view', {
      hint: 'declare WATERMARK FOR on the source and keep that column, window_start or window_end',
    })
  }
  const schema = renamed(bound.plan.schema, ast.columns)
  const { plan, uniqueKey, eventTime, dependsOn } = bound
  const definition: JobDefinition = {
    kind: 'view',
    plan,
    sources: engine.sourcesOf(bound.plan),
    uniqueKey,
    eventTime,
    retentionMs,
    instance: engine.catalog.instance,
    timeZone: context.timeZone,
  }
  return {
    kind: 'materialized view',
    ...common(ast, context, dependsOn),
    schema,
    job: { definition, dataflow, paused: false },
    uniqueKey,
    eventTime,
    changing: bound.changing,
  }
}

function defineSink(ast: CreateSink, context: StatementContext, engine: Engine, dataflow: string): CatalogObject {
  const query = 'kind' in ast.from ? ast.from : selectAll(ast.from, ast.at)
  const options = optionTexts(ast.options)
  const bound = bind(query, context, engine, 'standing')
  const { job, dependsOn } = sinkJob(bound, options, ast.name[ast.name.length - 1], [], context, engine, dataflow)
  return { kind: 'sink', ...common(ast, context, dependsOn), schema: bound.plan.schema, job }
}

/** Options of ksqlDB's tables that say how their topic is to be: a materialized view has none. */
const TOPIC_OPTIONS = new Set(
  'kafka_topic value_format key_format format partitions replicas timestamp timestamp_format'.split(' '),
)

/** ksqlDB's CREATE TABLE x AS SELECT: an answer that is kept up to date, which is a materialized view. Postgres' copies rows once. */
function defineTableAs(ast: CreateAs, context: StatementContext, engine: Engine, dataflow: string): CatalogObject {
  const { name, at, orReplace, ifNotExists, temporary, columns, query } = ast
  if (query.emit === undefined && !aggregates(bind(query, context, engine, 'standing').plan)) {
    throw notSupported('CREATE TABLE AS', at + 1, 'CREATE MATERIALIZED VIEW … AS keeps the same answer up to date')
  }
  const options = ast.options.filter(o => !TOPIC_OPTIONS.has(o.name))
  const view = { name, at, orReplace, ifNotExists, temporary, columns, query, options }
  return defineMaterializedView({ kind: 'create-view', materialized: true, ...view }, context, engine, dataflow)
}

function aggregates(plan: LogicalPlan): boolean {
  return plan.kind === 'aggregate' || inputsOf(plan).some(aggregates)
}

/** ksqlDB's CREATE STREAM x AS SELECT: a topic filled by a job, and the stream to read it. */
function defineStreamAs(ast: CreateAs, context: StatementContext, engine: Engine, dataflow: string): CatalogObject {
  const { shortName } = targetName(ast.name, ast.at)
  const bound = bind(ast.query, context, engine, 'standing')
  const options = optionTexts(ast.options)
  const placed = ['connector', 'connection', 'topic', 'kafka_topic'].some(name => options.has(name))
  if (!placed)
    for (const option of besideSource(bound.plan, shortName, engine))
      options.set(option.name, { ...option, at: ast.at })
  const { job, dependsOn, external } = sinkJob(
    bound,
    options,
    shortName,
    ast.query.partitionBy ?? [],
    context,
    engine,
    dataflow,
  )
  const schema = renamed(bound.plan.schema, ast.columns)
  const spec: SourceSpec = {
    relation: `public.${shortName}`,
    connector: external.connector.name,
    options: external.options,
    format: external.format,
    formatOptions: external.formatOptions,
    columns: schema.fields.map(f => ({ name: f.name, type: f.type })),
    idleTimeoutMs: 5000,
    maxFutureMs: 300_000,
  }
  return { kind: 'source', flavour: 'stream', ...common(ast, context, dependsOn), schema, spec, job }
}

/** As in ksqlDB, what is derived from a topic of a broker is one too: of the connection that its type means, and of the same namespace. */
function besideSource(plan: LogicalPlan, name: string, engine: Engine): { name: string; value: string }[] {
  for (const { connector, options } of Object.values(engine.sourcesOf(plan))) {
    const connection = BROKERS.has(connector) ? engine.defaultConnection(connector) : undefined
    if (!connection) continue
    const namespace = /^(.*\/)?[^/]*$/.exec(options.topic ?? '')?.[1] ?? ''
    return [
      { name: 'connection', value: connection.shortName },
      { name: 'topic', value: `${namespace}${name}` },
    ]
  }
  return []
}

/** Connectors whose topics hold what ksqlDB's streams hold. */
const BROKERS = new Set(['kafka', 'pulsar'])

/** The job that writes a query's rows somewhere; refuses changes that the other end could not tell from additions. */
export function sinkJob(
  bound: BoundStanding,
  options: Map<string, Option>,
  name: string,
  partitionBy: readonly Expr[],
  context: StatementContext,
  engine: Engine,
  dataflow: string,
) {
  const keyNames = takeOption(options, 'key', text => text.split(',').map(part => part.trim()))
  takeOption(options, 'primary_key', text => text)
  const timestampName = takeOption(options, 'timestamp', text => text.trim())
  const headersName = takeOption(options, 'headers', text => text.trim())
  const external = readExternal(options, name, engine)
  if (!external.connector.sink) throw new EngineError('0A000', `connector "${external.connector.name}" can only read`)
  const { fields } = bound.plan.schema
  const byName = (column: string, what = 'the key'): number => {
    const index = fields.findIndex(f => f.name === column)
    if (index < 0)
      throw new EngineError('42703', `${what} names column "${column}", which the query does not have`, {
        hint: fields.map(f => f.name).join(', '),
      })
    return index
  }
  const partition = partitionBy.map(expr => {
    if (expr.kind !== 'column')
      throw notSupported('PARTITION BY of an expression', expr.at + 1, 'give it a name in the SELECT list')
    return byName(expr.name[expr.name.length - 1])
  })
  const beside = (what: 'timestamp' | 'headers', column: string | undefined): number | undefined => {
    if (column === undefined) return undefined
    if (external.connector.writes?.includes(what)) return byName(column, `option ${what}`)
    throw new EngineError('0A000', `connector "${external.connector.name}" does not write the ${what} of records`)
  }
  const key = keyNames?.map(column => byName(column)) ?? partition
  const debezium = external.envelope === 'debezium'
  if (bound.changing && key.length === 0 && !debezium) {
    throw new EngineError('55000', 'the query changes rows it has already given out, and this sink can only add rows', {
      hint: "EMIT FINAL gives each window once; or name the key of upserts: WITH (key = 'device_id'); or envelope = 'debezium'",
    })
  }
  if (bound.changing && external.format === 'parquet') {
    throw new EngineError('55000', 'the query changes rows it has already given out, and files can only gain rows', {
      hint: 'EMIT FINAL gives each window once.',
    })
  }
  const sink: SinkSpec = {
    connector: external.connector.name,
    options: external.options,
    format: external.format,
    formatOptions: external.formatOptions,
    key,
    timestamp: beside('timestamp', timestampName),
    headers: beside('headers', headersName),
    envelope: debezium ? 'debezium' : bound.changing ? 'upsert' : 'append',
    instance: engine.catalog.instance,
  }
  const definition: JobDefinition = {
    kind: 'sink',
    plan: bound.plan,
    sources: engine.sourcesOf(bound.plan),
    sink,
    instance: engine.catalog.instance,
    timeZone: context.timeZone,
  }
  const job: JobObject = { definition, dataflow, paused: false }
  return { job, external, dependsOn: [...bound.dependsOn, ...external.needs] }
}

/** A query bound for a job. */
export interface BoundStanding {
  readonly plan: LogicalPlan
  readonly uniqueKey: readonly number[] | undefined
  readonly eventTime: readonly EventTime[]
  readonly changing: boolean
  readonly dependsOn: readonly string[]
}

function bind(query: Query, context: StatementContext, engine: Engine, mode: 'read' | 'standing'): BoundStanding {
  const used = new Set<string>()
  const { searchPath, timeZone } = context
  const bound = bindQuery(query, engine.catalog.view(new Map(), used), {
    searchPath,
    timeZone,
    parameterTypes: [],
    mode,
  })
  const plan = optimize(bound.plan)
  const { uniqueKey } = bound
  return { plan, uniqueKey, eventTime: eventTimeOf(plan), changing: isChanging(plan), dependsOn: [...used] }
}

function selectAll(name: Name, at: number): Query {
  const [{ ast }] = parseScript(`SELECT * FROM ${name.map(part => `"${part.replaceAll('"', '""')}"`).join('.')}`)
  if (ast?.kind !== 'query') throw new EngineError('42601', 'a sink needs a relation', { position: at + 1 })
  return ast
}

function renamed(schema: Schema, names: readonly string[]): Schema {
  if (names.length > schema.fields.length)
    throw new EngineError('42601', `${names.length} names are given for ${schema.fields.length} columns`)
  return { fields: schema.fields.map((f, i) => ({ name: names[i] ?? f.name, type: f.type })) }
}

function refuseRest(options: ReadonlyMap<string, Option>, known: readonly string[]): void {
  for (const { name, at } of options.values()) {
    throw new EngineError('22023', `there is no option "${name}" here`, {
      position: at + 1,
      hint: `there is ${known.join(', ')}`,
    })
  }
}
