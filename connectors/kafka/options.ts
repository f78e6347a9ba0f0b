/** The options of Kafka sources and sinks, and the door from their parsed values to typed objects. */
import { EngineError } from '../../src/base/errors.ts'
import {
  booleanWord,
  byteSize,
  type Start as CommonStart,
  oneOf,
  startingPoint,
  wholeNumber,
} from '../../src/base/option-parsers.ts'
import type { Option, OptionValues } from '../../src/connector.ts'
import type { ClusterOptions } from './cluster.ts'
import { CODECS, type Codec } from './compression.ts'
import { clusterOptions, connectionOptions } from './connection-options.ts'

/** Where a source without a checkpoint begins: everywhere alike, or by `topic/partition` or partition alone; what is not named begins at its first record. */
export type Start = CommonStart | { readonly offsets: ReadonlyMap<string, number> }

export interface KafkaSourceOptions {
  readonly cluster: ClusterOptions
  /** Names, or a pattern that whole names must match. */
  readonly topics: readonly string[] | RegExp
  readonly start: Start
  readonly onOffsetReset: 'fail' | 'earliest' | 'latest'
  readonly committedOnly: boolean
  readonly group: string
  readonly fetchBytesMax: number
  readonly partitionBytesMax: number
  readonly metadataRefreshMs: number
}

export interface KafkaSinkOptions {
  readonly cluster: ClusterOptions
  readonly topic: string
  readonly delivery: 'exactly_once' | 'at_least_once'
  readonly codec: Codec
  readonly transactionTimeoutMs: number
  readonly deliveryTimeoutMs: number
  readonly bufferBytesMax: number
  /** Undefined: the topic must be there. */
  readonly create: TopicSettings | undefined
}

/** For a topic that is made. −1: the broker's default. */
export interface TopicSettings {
  readonly partitions: number
  readonly replicationFactor: number
  readonly configs: ReadonlyMap<string, string>
}

const text = (value: string): string => value.trim()

function invalid(name: string, value: string, accepted: string): EngineError {
  return new EngineError('22023', `option ${name} = '${value}' must be ${accepted}`)
}

function parseTopics(value: string): string[] {
  const topics = value.split(',').map(t => t.trim())
  if (topics.every(t => /^[\w.-]{1,249}$/.test(t))) return [...new Set(topics)]
  throw invalid('topic', value, 'a topic name, or several with commas; names have letters, digits, ".", "_" and "-"')
}

function parsePattern(value: string): RegExp {
  try {
    return new RegExp(`^(?:${value})$`)
  } catch {
    throw invalid('topic_pattern', value, "a regular expression, such as 'sensors[.].*'")
  }
}

function parseOffsets(value: string): { readonly offsets: ReadonlyMap<string, number> } {
  const offsets = new Map<string, number>()
  for (const part of value.split(',')) {
    const match = /^\s*((?:[\w.-]+\/)?\d+)\s*:\s*(\d{1,15})\s*$/.exec(part)
    if (!match) throw invalid('start_offsets', value, "like '0:42,1:17', or 'topic/0:42' for several topics")
    offsets.set(match[1], Number(match[2]))
  }
  return { offsets }
}

function parseTopicConfig(value: string): ReadonlyMap<string, string> {
  // Values may hold commas: cleanup.policy=compact,delete.
  const parts = value.split(/,(?=\s*[\w.]+=)/).map(part => /^\s*([\w.]+)=(.*?)\s*$/.exec(part))
  const configs = new Map(parts.flatMap(match => (match ? [[match[1], match[2]] as const] : [])))
  if (configs.size === parts.length) return configs
  throw invalid('topic_config', value, "like 'retention.ms=3600000,cleanup.policy=compact', each name once")
}

/** Of the connection and of both directions; see `Connector.options`. */
export const kafkaOptions: readonly Option[] = [
  ...connectionOptions,
  { name: 'topic', doc: 'The topic; a source may name several with commas.', parse: parseTopics },
  {
    name: 'topic_pattern',
    doc: 'Source: a regular expression; every topic whose whole name matches is read, also later ones.',
    parse: parsePattern,
  },
  {
    name: 'start',
    doc: "Source: where to begin: 'earliest', 'latest' or a time.",
    parse: startingPoint('start'),
    default: 'earliest',
  },
  {
    name: 'start_offsets',
    doc: "Source: offsets to begin at, '0:42,1:17'; other partitions begin at their first record.",
    parse: parseOffsets,
  },
  {
    name: 'on_offset_reset',
    doc: 'Source: what to do when the broker no longer has the next record: fail, or go on at earliest or latest.',
    parse: oneOf('on_offset_reset', ['fail', 'earliest', 'latest']),
    default: 'fail',
  },
  {
    name: 'isolation_level',
    doc: 'Source: read_committed hides open and aborted transactions, read_uncommitted shows them.',
    parse: oneOf('isolation_level', ['read_committed', 'read_uncommitted']),
    default: 'read_committed',
  },
  {
    name: 'group_id',
    doc: 'Source: consumer group whose offsets show progress to lag tools; default tidemark-<job>.',
    parse: text,
  },
  {
    name: 'fetch_max_bytes',
    // A source holds two answers of each broker: the one being read and the one on its way.
    doc: 'Source: size of one answer of a broker; twice this is held in memory for each broker.',
    parse: byteSize('fetch_max_bytes'),
    default: '4 MB',
  },
  {
    name: 'max_partition_fetch_bytes',
    // Larger brings nothing (256 KiB to 4 MiB measured the same) and makes one partition run ahead of the others.
    doc: 'Source: how much of one partition an answer may hold.',
    parse: byteSize('max_partition_fetch_bytes'),
    default: '1 MB',
  },
  {
    name: 'metadata_refresh_ms',
    doc: 'Source: how often to look for new topics and partitions.',
    parse: wholeNumber('metadata_refresh_ms', 100, 3_600_000),
    default: '10000',
  },
  {
    name: 'delivery',
    doc: 'Sink: exactly_once writes in transactions that become visible with each checkpoint; at_least_once writes at once.',
    parse: oneOf('delivery', ['exactly_once', 'at_least_once']),
    default: 'exactly_once',
  },
  {
    name: 'compression',
    doc: 'Sink: none, gzip, snappy, lz4 or zstd.',
    parse: oneOf('compression', CODECS),
    default: 'none',
  },
  {
    name: 'transaction_timeout_ms',
    // The broker's default maximum: an output that waits longer for its commit is aborted and the job fails.
    doc: 'Sink: how long a transaction may stay open, also while this program is down.',
    parse: wholeNumber('transaction_timeout_ms', 10_000, 86_400_000),
    default: '900000',
  },
  {
    name: 'delivery_timeout_ms',
    doc: 'Sink: how long to try to deliver before the job fails and starts again from its checkpoint.',
    parse: wholeNumber('delivery_timeout_ms', 1000, 3_600_000),
    default: '120000',
  },
  {
    name: 'buffer_memory',
    // Enough for five requests under way of 256 KiB for each of four partitions twice over.
    doc: 'Sink: bytes written and not yet acknowledged; more waits.',
    parse: byteSize('buffer_memory'),
    default: '16 MB',
  },
  {
    name: 'create_topic',
    doc: 'Sink: make the topic when it is not there.',
    parse: booleanWord('create_topic'),
    default: 'true',
  },
  {
    name: 'partitions',
    doc: "Sink: partitions of a topic that is made; default: the broker's.",
    parse: wholeNumber('partitions', 1, 100_000),
  },
  {
    name: 'replication_factor',
    doc: "Sink: copies of a topic that is made; default: the broker's.",
    parse: wholeNumber('replication_factor', 1, 1000),
  },
  {
    name: 'cleanup_policy',
    doc: 'Sink: delete or compact, for a topic that is made; default compact where rows change by key.',
    parse: oneOf('cleanup_policy', ['delete', 'compact', 'compact,delete']),
  },
  {
    name: 'retention_ms',
    doc: 'Sink: how long a topic that is made keeps records; -1 for ever.',
    parse: wholeNumber('retention_ms', -1, 2 ** 52),
  },
  {
    name: 'topic_config',
    doc: "Sink: any configs of a topic that is made, as Kafka names them: 'segment.ms=3600000,min.insync.replicas=2'.",
    parse: parseTopicConfig,
  },
]

/** Throws 22023 for what cannot be used together. */
export function kafkaSourceOptions(values: OptionValues, job: string): KafkaSourceOptions {
  const given = values as Partial<SourceValues> // Parsed by `kafkaOptions`.
  if ((given.topic === undefined) === (given.topic_pattern === undefined)) {
    throw new EngineError('22023', 'a Kafka source needs either topic or topic_pattern', {
      hint: "Say topic = 'name'.",
    })
  }
  return {
    cluster: clusterOptions(values, job),
    topics: given.topic ?? given.topic_pattern ?? [],
    start: given.start_offsets ?? given.start ?? 'earliest',
    onOffsetReset: given.on_offset_reset ?? 'fail',
    committedOnly: given.isolation_level !== 'read_uncommitted',
    group: given.group_id ?? `tidemark-${job}`,
    fetchBytesMax: given.fetch_max_bytes ?? 4 << 20,
    partitionBytesMax: given.max_partition_fetch_bytes ?? 1 << 20,
    metadataRefreshMs: given.metadata_refresh_ms ?? 10_000,
  }
}

/** `upsert`: rows change by key, so of each key the topic must keep the last record and no more. */
export function kafkaSinkOptions(values: OptionValues, job: string, upsert: boolean): KafkaSinkOptions {
  const given = values as Partial<SinkValues> // Parsed by `kafkaOptions`.
  if (given.topic?.length !== 1) {
    throw new EngineError('22023', 'a Kafka sink needs one topic', { hint: "Say topic = 'name'." })
  }
  const configs = topicConfigs(given, upsert)
  const settings = { partitions: given.partitions ?? -1, replicationFactor: given.replication_factor ?? -1, configs }
  return {
    cluster: clusterOptions(values, job),
    topic: given.topic[0],
    delivery: given.delivery ?? 'exactly_once',
    codec: given.compression ?? 'none',
    transactionTimeoutMs: given.transaction_timeout_ms ?? 900_000,
    deliveryTimeoutMs: given.delivery_timeout_ms ?? 120_000,
    bufferBytesMax: given.buffer_memory ?? 16 << 20,
    create: given.create_topic === false ? undefined : settings,
  }
}

function topicConfigs(given: Partial<SinkValues>, upsert: boolean): ReadonlyMap<string, string> {
  const configs = new Map(upsert ? [['cleanup.policy', 'compact']] : [])
  for (const [name, value] of given.topic_config ?? []) configs.set(name, value)
  const named = { 'cleanup.policy': given.cleanup_policy, 'retention.ms': given.retention_ms }
  for (const [name, value] of Object.entries(named)) {
    if (value === undefined) continue
    if (given.topic_config?.has(name))
      throw new EngineError('22023', `option topic_config gives ${name}, which has an option of its own here too`)
    configs.set(name, String(value))
  }
  return configs
}

interface SourceValues {
  topic: readonly string[]
  topic_pattern: RegExp
  start: Start
  start_offsets: Start
  on_offset_reset: KafkaSourceOptions['onOffsetReset']
  isolation_level: string
  group_id: string
  fetch_max_bytes: number
  max_partition_fetch_bytes: number
  metadata_refresh_ms: number
}

interface SinkValues {
  topic: readonly string[]
  delivery: KafkaSinkOptions['delivery']
  compression: Codec
  transaction_timeout_ms: number
  delivery_timeout_ms: number
  buffer_memory: number
  create_topic: boolean
  partitions: number
  replication_factor: number
  cleanup_policy: string
  retention_ms: number
  topic_config: ReadonlyMap<string, string>
}
