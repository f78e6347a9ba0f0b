import type { CreateRelation, Option as OptionNode } from '../../grammar/statements.ts'
import { EngineError, notSupported } from '../base/errors.ts'
import { durationMs, oneOf } from '../base/option-parsers.ts'
import type { Field } from '../batch/types.ts'
import type { Connector } from '../connector.ts'
import type { FormatName } from '../format/format.ts'
import { bindWatermark } from '../plan/bind/ddl.ts'
import { FORMAT_OPTIONS, fieldOf } from './format-options.ts'
import { type ConnectionObject, type FormatOptions, qualifiedName, type SourceSpec } from './objects.ts'
import { connectorOptions, optionTexts, takeOption } from './options.ts'
import { hasReference } from './references.ts'
import { checkMetadata, sourceColumns } from './source-columns.ts'
import { afterColumn, DELETED, OP } from './upserts.ts'

/** Names that other engines' users give to options of ours. */
export const ALIASES: Readonly<Record<string, string>> = {
  kafka_topic: 'topic',
  value_format: 'format',
  'properties.bootstrap.servers': 'brokers',
  bootstrap_servers: 'brokers',
  'scan.startup.mode': 'start',
  'properties.group.id': 'group_id',
  replicas: 'replication_factor',
  'schema.registry': 'schema_registry',
  'schema.registry.url': 'schema_registry',
  'avro-confluent.url': 'schema_registry',
  'value.avro-confluent.url': 'schema_registry',
  'schema.registry.username': 'schema_registry_username',
  'schema.registry.password': 'schema_registry_password',
}

const ENVELOPES = ['none', 'upsert', 'debezium'] as const

export const FORMATS: readonly FormatName[] = ['json', 'csv', 'avro', 'text', 'bytes', 'parquet']

/** What CREATE … WITH said once the connector is known: shared by sources and sinks. */
export interface External {
  readonly connector: Connector
  /** Qualified name of the connection it takes addresses from, in a list as `dependsOn` wants it. */
  readonly needs: readonly string[]
  readonly options: Record<string, string>
  readonly format: FormatName
  readonly formatOptions: FormatOptions
  /** Records tell changes: {"before", "after", "op"}. Undefined: they are rows. */
  readonly envelope: 'debezium' | undefined
}

export interface ConnectorLookup {
  connector(name: string, at?: number): Connector
  /** The connection of that name. */
  connection(name: string, at?: number): ConnectionObject
  /** The connection that ksqlDB's statements mean: the only one of the type, or the one named like it. */
  defaultConnection(type: string): ConnectionObject | undefined
}

/** Splits a WITH list into connector, format and the rest; `name` is the default topic. */
export function readExternal(options: Map<string, OptionNode>, name: string, lookup: ConnectorLookup): External {
  const ksql = options.has('kafka_topic')
  for (const [alias, own] of Object.entries(ALIASES)) {
    const node = options.get(alias)
    if (node === undefined) continue
    options.delete(alias)
    options.set(own, { ...node, name: own })
  }
  const connectionNode = options.get('connection')
  const named = takeOption(options, 'connection', text => lookup.connection(text, connectionNode?.at))
  const connectorNode = options.get('connector')
  const connectorName = takeOption(options, 'connector', text => text.toLowerCase())
  const connection = named ?? (ksql && connectorName === undefined ? lookup.defaultConnection('kafka') : undefined)
  const connector = lookup.connector(connectorName ?? connection?.type ?? 'embedded', connectorNode?.at)
  if (connection && connection.type !== connector.name) {
    throw new EngineError(
      '22023',
      `connection "${connection.shortName}" is of type ${connection.type}, not ${connector.name}`,
    )
  }
  const { format, envelope } = formatOf(options)
  if (format === 'parquet' && !connector.files) {
    throw new EngineError('0A000', `connector "${connector.name}" has records, and format parquet has files`, {
      hint: 'Use connector s3 or file.',
    })
  }
  const fromConnection = { ...connection?.options }
  const formatOptions: Record<string, unknown> = {}
  for (const option of FORMAT_OPTIONS) {
    const parse = (text: string): unknown => (hasReference(text) ? text : option.parse(text))
    const value = takeOption(options, option.name, parse) ?? fromConnection[option.name]
    delete fromConnection[option.name]
    if (value !== undefined) formatOptions[fieldOf(option)] = value
  }
  const hasTopic = connector.options.some(o => o.name === 'topic')
  const patterned = options.has('topic_pattern')
  const inherited = { ...(hasTopic && !patterned ? { topic: name } : {}), ...fromConnection }
  const texts = connectorOptions(connector, options, inherited, [
    'connector',
    'connection',
    'format',
    ...FORMAT_OPTIONS.map(o => o.name),
  ])
  if (texts.topic !== undefined) formatOptions.schemaSubject ??= `${texts.topic}-value`
  return {
    connector,
    needs: connection ? [qualifiedName(connection)] : [],
    options: texts,
    format,
    formatOptions,
    envelope,
  }
}

/** FORMAT and ENVELOPE; Flink's debezium-json is both. */
function formatOf(options: Map<string, OptionNode>): Pick<External, 'format' | 'envelope'> {
  const given = options.get('format')
  if (given?.value.toLowerCase() === 'debezium-json') {
    options.delete('format')
    return { format: 'json', envelope: 'debezium' }
  }
  const format = takeOption(options, 'format', oneOf('format', FORMATS)) ?? 'json'
  const envelope = takeOption(options, 'envelope', oneOf('envelope', ENVELOPES))
  if (envelope !== 'debezium') return { format, envelope: undefined }
  if (format === 'json') return { format, envelope }
  throw new EngineError('22023', 'envelope debezium needs format json')
}

/** The spec of a CREATE SOURCE or CREATE STREAM with columns; `columns` are those of the statement, or of a sample. */
export function defineSource(
  statement: CreateRelation,
  relation: string,
  lookup: ConnectorLookup,
  timeZone: string,
): { spec: SourceSpec; fields: Field[]; needs: readonly string[] } {
  const options = optionTexts(statement.options)
  const timestampColumn = takeOption(options, 'timestamp', text => text.toLowerCase())
  const idleTimeoutMs = takeOption(options, 'idle_timeout', durationMs('idle_timeout')) ?? 5000
  const maxFutureMs = takeOption(options, 'max_future', durationMs('max_future'))
  const deadLetterTopic = takeOption(options, 'dead_letter_topic', text => text)
  const external = readExternal(options, relation.split('.').slice(1).join('.'), lookup)
  if (!external.connector.source)
    throw new EngineError('0A000', `connector "${external.connector.name}" can only write`)
  const { columns: declared, computed } = sourceColumns(statement, timeZone)
  checkMetadata(declared, external.connector)
  const fields = declared.map(({ name, type }) => ({ name, type }))
  const upsertKey = keyColumns(statement, fields, external.connector)
  const debezium = external.envelope === 'debezium'
  if (debezium && !upsertKey) {
    throw new EngineError('42P16', 'a topic of Debezium changes rows, and needs the key they are found by', {
      position: statement.at + 1,
      hint: 'Declare PRIMARY KEY (column, …).',
    })
  }
  const keyed = declared.map((c, i) => (upsertKey?.includes(i) ? { ...c, fromKey: true } : c))
  const columns = upsertKey
    ? [...(debezium ? keyed.map(afterColumn) : keyed), ...(debezium ? [OP] : []), DELETED]
    : keyed
  if (statement.watermarks.length > 1) throw notSupported('a second watermark', statement.watermarks[1].at + 1)
  const [watermark] = statement.watermarks
  const named = timestampColumn === undefined ? undefined : { column: indexOf(fields, timestampColumn), delayMicros: 0 }
  return {
    fields,
    needs: external.needs,
    spec: {
      relation,
      connector: external.connector.name,
      options: external.options,
      format: external.format,
      formatOptions: external.formatOptions,
      columns,
      computed,
      ...(upsertKey && { upsertKey }),
      // A row that is replaced may be of any time: there is no watermark behind which all is known.
      watermark: upsertKey ? undefined : watermark ? bindWatermark(watermark, { fields }) : named,
      idleTimeoutMs,
      // A recorded file or the past of a topic has no wall clock to be ahead of, but its rows are behind it anyway.
      maxFutureMs: maxFutureMs ?? 300_000,
      deadLetterTopic,
    },
  }
}

/** The columns of PRIMARY KEY. */
function keyColumns(
  { primaryKey, columns, at }: CreateRelation,
  fields: readonly Field[],
  connector: Connector,
): readonly number[] | undefined {
  if (primaryKey.length === 0) return undefined
  if (!connector.keyed) {
    throw new EngineError('0A000', `records of connector "${connector.name}" have no keys`, {
      position: at + 1,
      hint: 'Leave out PRIMARY KEY.',
    })
  }
  return primaryKey.map(name => {
    const index = fields.findIndex(f => f.name === name)
    if (index < 0) throw new EngineError('42703', `column "${name}" named in key does not exist`, { position: at + 1 })
    if (columns.at(index)?.generated) {
      throw new EngineError('42P16', `the key column "${name}" must not be generated`, { position: at + 1 })
    }
    return index
  })
}

function indexOf(fields: readonly Field[], name: string): number {
  const index = fields.findIndex(f => f.name === name)
  if (index < 0) throw new EngineError('42703', `option "timestamp" names column "${name}", which is not declared`)
  return index
}
