import { parseScript } from '../../grammar/parse.ts'
import type { Query, TableRef } from '../../grammar/query.ts'
import type { CreateRelation } from '../../grammar/statements.ts'
import { EngineError } from '../base/errors.ts'
import type { DataType } from '../batch/types.ts'
import type { Relation } from '../plan/catalog.ts'
import { defineSource, readExternal } from './define-source.ts'
import type { Engine } from './engine.ts'
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
    return await discoverTopic(
      `${schema}.${topic}`,
      `connection = ${literal(schema)}, topic = ${literal(topic)}`,
      engine,
    )
  }
  const topic = name.join('.')
  if (!engine.log.findTopic(topic)) return undefined
  return await discoverTopic(`public.${topic}`, `connector = 'embedded', topic = ${literal(topic)}`, engine)
}

const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`

async function discoverTopic(relation: string, options: string, engine: Engine): Promise<SourceSpec> {
  const [{ ast }] = parseScript(`CREATE SOURCE discovered WITH (${options})`)
  if (ast?.kind !== 'create-relation')
    throw new EngineError('XX000', 'the statement of a topic without DDL did not parse')
  return defineSource(await sampledColumns(ast, relation, engine), relation, engine, 'UTC').spec
}

/** The statement with columns found in a sample of the topic. Throws 42P16 when there is nothing to find them in. */
export async function sampledColumns(
  statement: CreateRelation,
  relation: string,
  engine: Engine,
): Promise<CreateRelation> {
  const options = optionTexts(statement.options)
  for (const own of ['timestamp', 'idle_timeout', 'max_future', 'dead_letter_topic']) options.delete(own)
  const { connector, options: texts, format } = readExternal(options, relation.split('.').slice(1).join('.'), engine)
  const noColumns = (why: string): EngineError =>
    new EngineError('42P16', `the columns of "${relation.split('.').slice(1).join('.')}" are not known: ${why}`, {
      position: statement.at + 1,
      hint: 'name them: CREATE SOURCE name (column type, …) WITH (…)',
    })
  if (!connector.sample || format !== 'json')
    throw noColumns(`a sample of ${format} by connector ${connector.name} does not tell them`)
  const { clock, log, dataDir } = engine.options
  const records = await connector.sample(
    { options: parseOptionValues(connector, texts), clock, log, job: 'sample', dataDir },
    SAMPLE_RECORDS,
  )
  const types = inferTypes(records)
  if (types.size === 0)
    throw noColumns(records.length === 0 ? 'the topic has no records yet' : 'its records are not JSON objects')
  const columns = [...types].map(([name, type]) => ({
    name,
    type: { kind: 'named' as const, name: [type], modifiers: [], at: statement.at },
    // Names are folded in SQL, keys in JSON are not: the path keeps the key as it is.
    path: undefined,
    notNull: false,
    at: statement.at,
  }))
  return { ...statement, columns }
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
