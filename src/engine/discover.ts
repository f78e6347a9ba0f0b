import type { TypeName } from '../../grammar/ast.ts'
import { parseScript } from '../../grammar/parse.ts'
import type { Query, TableRef } from '../../grammar/query.ts'
import type { ColumnDef, CreateRelation } from '../../grammar/statements.ts'
import { EngineError } from '../base/errors.ts'
import { type DataType, type Field, TEXT } from '../batch/types.ts'
import type { KnownRecords } from '../connector.ts'
import { describeAvro } from '../format/format.ts'
import type { Relation } from '../plan/catalog.ts'
import { defineSource, readExternal } from './define-source.ts'
import type { Engine } from './engine.ts'
import { registryOf } from './format-options.ts'
import type { SourceSpec } from './objects.ts'
import { optionTexts, parseOptionValues } from './options.ts'

/** Records looked at to find a topic's columns. */
const SAMPLE_RECORDS = 200

export interface Discovered {
  readonly relations: ReadonlyMap<string, Relation<Query>>
  readonly sources: ReadonlyMap<string, SourceSpec>
}

/**
 * Topics that a query names without DDL: `kafka."topic.name"` where kafka is a connection, or the plain name of an embedded
 * topic. Their columns come from a sample of their records.
 */
export async function discoverTopics(query: Query, searchPath: readonly string[], engine: Engine): Promise<Discovered> {
  const relations = new Map<string, Relation<Query>>()
  const sources = new Map<string, SourceSpec>()
  for (const name of tableNames(query)) {
    if (engine.catalog.isReadable(name, searchPath)) continue
    const found = await discover(name, searchPath, engine)
    if (!found) continue
    relations.set(name.join('.'), {
      name: found.relation,
      kind: 'source',
      schema: { fields: found.columns.map(({ name, type }) => ({ name, type })) },
      changing: false,
    })
    sources.set(found.relation, found)
  }
  return { relations, sources }
}

async function discover(
  name: readonly string[],
  searchPath: readonly string[],
  engine: Engine,
): Promise<SourceSpec | undefined> {
  const connections = name.length > 1 ? [name[0]] : searchPath
  for (const schema of connections) {
    const connection = engine.catalog.find([schema], ['public'])
    if (connection?.kind !== 'connection') continue
    const topic = name.length > 1 ? name.slice(1).join('.') : name[0]
    const format = (await inRegistry(connection.options, topic)) ? ", format = 'avro'" : ''
    return await discoverTopic(
      `${schema}.${topic}`,
      `connection = ${literal(schema)}, topic = ${literal(topic)}${format}`,
      engine,
    )
  }
  const topic = name.join('.')
  if (!engine.log.findTopic(topic)) return undefined
  return await discoverTopic(`public.${topic}`, `connector = 'embedded', topic = ${literal(topic)}`, engine)
}

/** Whether the connection names a schema registry that has a schema of the topic's records. */
async function inRegistry(options: Readonly<Record<string, string>>, topic: string): Promise<boolean> {
  const registry = registryOf({
    schemaRegistry: options.schema_registry,
    schemaRegistryUsername: options.schema_registry_username,
    schemaRegistryPassword: options.schema_registry_password,
    schemaRegistryCa: options.schema_registry_ca,
  })
  if (registry === undefined) return false
  return (await describeAvro({ registry, schemaSubject: `${topic}-value` })) !== undefined
}

const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`

async function discoverTopic(relation: string, options: string, engine: Engine): Promise<SourceSpec> {
  const [{ ast }] = parseScript(`CREATE SOURCE discovered WITH (${options})`)
  if (ast?.kind !== 'create-relation')
    throw new EngineError('XX000', 'the statement of a topic without DDL did not parse')
  const sampled = await sampledColumns(ast, relation, engine)
  const { endless } = readExternal(optionTexts(ast.options), '', engine).connector
  // A filter reads many topics, and the topic tells the device.
  const named = endless && !sampled.columns.some(c => c.name === '_topic')
  const includes = named ? [{ what: 'topic' as const, at: ast.at }] : []
  return defineSource({ ...sampled, includes }, relation, engine, 'UTC').spec
}

/** The statement with columns found in a sample of the topic. Throws 42P16 when there is nothing to find them in. */
export async function sampledColumns(
  statement: CreateRelation,
  relation: string,
  engine: Engine,
): Promise<CreateRelation> {
  const options = optionTexts(statement.options)
  const named = relation.split('.').slice(1).join('.')
  for (const own of ['timestamp', 'idle_timeout', 'max_future', 'dead_letter_topic']) options.delete(own)
  const given = options.has('format') || options.has('value_format')
  const { connector, options: texts, format, formatOptions } = readExternal(options, named, engine)
  const { clock, log, dataDir } = engine.options
  const context = { options: parseOptionValues(connector, texts), clock, log, job: 'sample', dataDir }
  if (formatOptions.schemaRegistry === undefined && formatOptions.avroSchema === undefined) {
    const known = await connector.describe?.(context)
    const described =
      known && (known.format === format || !given) ? await withColumns(statement, known, given) : undefined
    if (described) return described
  }
  const noColumns = (why: string): EngineError =>
    new EngineError('42P16', `the columns of "${named}" are not known: ${why}`, {
      position: statement.at + 1,
      hint: 'name them: CREATE SOURCE name (column type, …) WITH (…)',
    })
  if (format === 'avro') {
    const fields = await describeAvro({ ...formatOptions, registry: registryOf(formatOptions) })
    if (fields === undefined) throw noColumns(`the registry has no subject "${formatOptions.schemaSubject}"`)
    return {
      ...statement,
      columns: fields.map(({ name, type }) => column(name, typeNode(type, statement.at), statement.at)),
    }
  }
  if (format === 'parquet') {
    const fields = await connector.fileColumns?.(context)
    if (fields === undefined) throw noColumns('there is no file yet')
    return {
      ...statement,
      columns: fields.map(({ name, type }) => column(name, typeNode(type, statement.at), statement.at)),
    }
  }
  if (!connector.sample || format !== 'json')
    throw noColumns(`a sample of ${format} by connector ${connector.name} does not tell them`)
  const records = await connector.sample(context, SAMPLE_RECORDS)
  const types = inferTypes(records)
  if (types.size === 0)
    throw noColumns(records.length === 0 ? 'the topic has no records yet' : 'its records are not JSON objects')
  const { at } = statement
  return { ...statement, columns: [...types].map(([name, kind]) => column(name, namedType(kind, [], at), at)) }
}

/** The statement with what the topic's own schema says. Undefined where that cannot be columns: a sample may tell more. */
async function withColumns(
  statement: CreateRelation,
  { format, avroSchema, options = {} }: KnownRecords,
  given: boolean,
): Promise<CreateRelation | undefined> {
  const { at } = statement
  const fields = await fieldsOf(avroSchema).catch((error: unknown) => {
    if (format === 'json' && error instanceof EngineError) return undefined
    throw error
  })
  if (fields === undefined) return undefined
  const more = {
    ...(given ? {} : { format }),
    ...(format === 'avro' && avroSchema ? { avro_schema: avroSchema } : {}),
    ...options,
  }
  const added = Object.entries(more).map(([name, value]) => ({ name, value, at }))
  const columns = fields.map(({ name, type }) => column(name, typeNode(type, at), at))
  return { ...statement, columns, options: [...statement.options, ...added] }
}

async function fieldsOf(avroSchema: string | undefined): Promise<readonly Field[] | undefined> {
  return avroSchema === undefined ? [{ name: 'value', type: TEXT }] : await describeAvro({ avroSchema })
}

/** A column as found: names are folded in SQL, keys are not, so it has the key's own name. */
export function column(name: string, type: TypeName, at: number): ColumnDef {
  return { name, type, path: undefined, notNull: false, at }
}

/** A type as a statement names it. */
export function typeNode(type: DataType, at: number): TypeName {
  switch (type.kind) {
    case 'array':
      return { kind: 'array', element: typeNode(type.element, at), at }
    case 'map':
      return { kind: 'map', key: typeNode(type.key, at), value: typeNode(type.value, at), at }
    case 'row':
      return { kind: 'row', fields: type.fields.map(f => ({ name: f.name, type: typeNode(f.type, at), at })), at }
    case 'numeric': {
      const { precision, scale = 0 } = type
      return namedType('numeric', precision === undefined ? [] : [precision, scale], at)
    }
    default:
      return namedType(type.kind, [], at)
  }
}

function namedType(name: string, modifiers: readonly number[], at: number): TypeName {
  return { kind: 'named', name: [name], modifiers, at }
}

/** Column types by key, in the order keys first come. Whole numbers are bigint until one is not; mixtures are text. */
function inferTypes(records: readonly Uint8Array[]): Map<string, DataType['kind']> {
  const types = new Map<string, DataType['kind']>()
  for (const record of records) {
    let value: unknown
    try {
      value = JSON.parse(new TextDecoder().decode(record))
    } catch {
      continue // a malformed record says nothing of the columns; the read itself reports it
    }
    if (typeof value !== 'object' || value === null || Array.isArray(value)) continue
    for (const [key, field] of Object.entries(value)) {
      const type = inferType(field)
      const before = types.get(key)
      if (type !== undefined) types.set(key, before === undefined ? type : widen(before, type))
    }
  }
  return types
}

function inferType(value: unknown): DataType['kind'] | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? 'bigint' : 'double'
  if (typeof value === 'boolean') return 'boolean'
  if (typeof value === 'string') return 'text'
  return value === null ? undefined : 'jsonb'
}

function widen(a: DataType['kind'], b: DataType['kind']): DataType['kind'] {
  if (a === b) return a
  const numbers = ['bigint', 'double']
  return numbers.includes(a) && numbers.includes(b) ? 'double' : a === 'jsonb' || b === 'jsonb' ? 'jsonb' : 'text'
}

/** Every table a query names, anywhere in FROM. */
function tableNames(query: Query): (readonly string[])[] {
  const names: (readonly string[])[] = []
  const ofRef = (ref: TableRef): void => {
    if (ref.kind === 'table') names.push(ref.name)
    else if (ref.kind === 'subquery') ofQuery(ref.query)
    else if (ref.kind === 'window') ofRef(ref.input)
    else if (ref.kind === 'join') {
      ofRef(ref.left)
      ofRef(ref.right)
    }
  }
  const ofBody = (body: Query['body']): void => {
    if (body.kind === 'select') for (const ref of body.from) ofRef(ref)
    else if (body.kind === 'set-operation')
      for (const each of [body.first, ...body.rest.map(r => r.query)]) ofQuery(each)
  }
  const ofQuery = (each: Query): void => {
    for (const table of each.with?.tables ?? []) ofQuery(table.query)
    ofBody(each.body)
  }
  ofQuery(query)
  return names
}
