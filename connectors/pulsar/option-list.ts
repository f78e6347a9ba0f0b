/** The options of Pulsar sources and sinks, as people give them. */
import { EngineError } from '../../src/base/errors.ts'
import {
  booleanWord,
  byteSize,
  type Start as CommonStart,
  oneOf,
  startingPoint,
  wholeNumber,
} from '../../src/base/option-parsers.ts'
import type { Option } from '../../src/connector.ts'
import { parseAddress } from './client.ts'
import { CODECS } from './compression.ts'
import type { Address } from './connection.ts'
import { fullTopicName } from './topic-name.ts'

/** A message to begin with; `partition` −1 in a topic without partitions. */
export interface StartMessage {
  readonly ledger: number
  readonly entry: number
  readonly partition: number
  readonly batch: number
}

/** Topics of one namespace. */
export interface TopicPattern {
  readonly namespace: string
  /** For the last part of a name, whole. */
  readonly topics: RegExp
}

/** Where a source without a checkpoint begins; partitions that no message names begin at their first. */
export type Start = CommonStart | { readonly messages: readonly StartMessage[] }

function parseUrl(value: string): Address[] {
  // 'pulsar://a:6650,b:6650' is how Pulsar's own clients name several.
  const scheme = /^\s*pulsar(?:\+ssl)?:\/\//i.exec(value)?.[0] ?? ''
  return value.split(',').map(part => {
    const address = parseAddress(part.includes('://') ? part : `${scheme}${part}`)
    if (address) return address
    throw new EngineError(
      '22023',
      `option url = '${value}' must be 'pulsar://host:6650' or 'pulsar+ssl://host:6651'; several hosts with commas`,
    )
  })
}

function parseAdminUrl(value: string): URL {
  const url = URL.canParse(value.trim()) ? new URL(value.trim()) : undefined
  if (url && /^https?:$/.test(url.protocol)) return new URL(url.pathname.endsWith('/') ? url.href : `${url.href}/`)
  throw new EngineError('22023', `option admin_url = '${value}' must be 'http://host:8080' or 'https://host:8443'`)
}

function parseTopics(value: string): string[] {
  return [...new Set(value.split(',').map(fullTopicName))]
}

function parsePattern(value: string): TopicPattern {
  const match = /^(?:persistent:\/\/)?(?:([^\s/]+\/[^\s/]+)\/)?([^/]+)$/.exec(value.trim())
  try {
    if (match) return { namespace: match[1] ?? 'public/default', topics: new RegExp(`^(?:${match[2]})$`) }
  } catch {
    // Told below.
  }
  const expected = "'tenant/namespace/' and a regular expression, such as 'iot/sensors/room-.*'"
  throw new EngineError('22023', `option topic_pattern = '${value}' must be ${expected}`)
}

function parseMessages(value: string): { readonly messages: readonly StartMessage[] } {
  const messages = value.split(',').map(part => {
    const match = /^\s*(\d{1,15}):(\d{1,15})(?::(-1|\d+))?(?::(-1|\d+))?\s*$/.exec(part)
    if (!match)
      throw new EngineError(
        '22023',
        `option start_message_id = '${value}' must be like Pulsar prints ids, 'ledger:entry:partition' or 'ledger:entry:partition:batch index'; several with commas`,
      )
    const [, ledger, entry, partition = '-1', batch = '-1'] = match
    return { ledger: Number(ledger), entry: Number(entry), partition: Number(partition), batch: Number(batch) }
  })
  return { messages }
}

/** How to log in, as far as it is there. */
export const AUTHENTICATIONS = ['none', 'token', 'tls'] as const

/** Of the connection and of both directions; see `Connector.options`. */
export const pulsarOptions: readonly Option[] = [
  {
    name: 'url',
    doc: "Brokers or a proxy, 'pulsar://host:6650'; with TLS 'pulsar+ssl://host:6651'.",
    parse: parseUrl,
    required: true,
    connection: true,
  },
  {
    name: 'admin_url',
    doc: "The administration over HTTP, 'http://host:8080' or 'https://host:8443'; to make topics with partitions and for SHOW TOPICS FROM.",
    parse: parseAdminUrl,
    connection: true,
  },
  {
    name: 'auth_method',
    doc: 'How to log in: none, token or tls (a client certificate); default: by what is given.',
    parse: oneOf('auth_method', [...AUTHENTICATIONS, 'basic', 'oauth2', 'athenz', 'sasl']),
    connection: true,
  },
  {
    name: 'token',
    doc: "Token (JWT) to log in with, or 'file:///path' of a file that holds it.",
    parse: text => text.trim(),
    connection: true,
    secret: true,
  },
  {
    name: 'tls_ca',
    doc: "Certificates to trust instead of the system's: PEM text, or the path of a PEM file.",
    parse: text => text.trim(),
    connection: true,
  },
  {
    name: 'tls_certificate',
    doc: "The client's own certificate: PEM text, or the path of a PEM file.",
    parse: text => text.trim(),
    connection: true,
  },
  {
    name: 'tls_key',
    doc: 'Its key: PEM text, or the path of a PEM file.',
    parse: text => text.trim(),
    connection: true,
    secret: true,
  },
  {
    name: 'topic',
    doc: "'topic' in public/default, or 'tenant/namespace/topic'; a source may name several with commas.",
    parse: parseTopics,
  },
  {
    name: 'topic_pattern',
    doc: "Source: 'tenant/namespace/' and a regular expression; every topic whose whole name matches is read, also later ones.",
    parse: parsePattern,
  },
  {
    name: 'subscription',
    doc: 'Source: durable subscription acknowledged with each checkpoint, so that brokers keep what was not read; default tidemark-<job>.',
    parse: text => text.trim(),
  },
  {
    name: 'start',
    doc: "Source: where to begin: 'earliest', 'latest' or a time of publishing.",
    parse: startingPoint('start'),
    default: 'earliest',
  },
  {
    name: 'start_message_id',
    doc: "Source: the message to begin with, '12:0:-1' or '12:0:3:5', one a partition; other partitions begin at their first message.",
    parse: parseMessages,
  },
  {
    name: 'record_time',
    doc: "Source: a record's time: event, where the producer set it, else publish; or always publish.",
    parse: oneOf('record_time', ['event', 'publish']),
    default: 'event',
  },
  {
    name: 'schema_version',
    doc: "Source: the version of the topic's schema, in hexadecimal digits, that its messages are read by; those of another are bad rows.",
    parse: text => text.trim().toLowerCase(),
  },
  {
    name: 'receive_buffer',
    // A broker is granted messages, not bytes: how many fit is judged by the size of those that came.
    doc: 'Source: how much may be in memory ahead of the query, all partitions together.',
    parse: byteSize('receive_buffer'),
    default: '32 MB',
  },
  {
    name: 'metadata_refresh_ms',
    doc: 'Source: how often to look for new topics and partitions.',
    parse: wholeNumber('metadata_refresh_ms', 100, 3_600_000),
    default: '10000',
  },
  {
    name: 'delivery',
    doc: 'Sink: exactly_once shows rows with each checkpoint, once; at_least_once writes at once, and again after a crash.',
    parse: oneOf('delivery', ['exactly_once', 'at_least_once']),
    default: 'exactly_once',
  },
  {
    name: 'exactly_once',
    doc: 'Sink: how: by transactions, or by deduplication of a producer name; default: transactions where the cluster has them.',
    parse: oneOf('exactly_once', ['transactions', 'deduplication']),
  },
  {
    name: 'compression',
    doc: 'Sink: none, lz4, zlib, zstd or snappy.',
    parse: oneOf('compression', CODECS),
    default: 'none',
  },
  {
    name: 'hashing_scheme',
    doc: 'Sink: how keys choose partitions: java (JavaStringHash, the default of Java clients) or murmur3 (Murmur3_32Hash).',
    parse: oneOf('hashing_scheme', ['java', 'murmur3']),
    default: 'java',
  },
  {
    name: 'schema',
    doc: 'Sink: json registers the columns as the schema of the topic; none writes whatever schema it has.',
    parse: oneOf('schema', ['none', 'json']),
    default: 'none',
  },
  {
    name: 'transaction_timeout_ms',
    // An open transaction holds its partitions back for all readers; one that times out loses rows that a checkpoint holds as written.
    doc: 'Sink: how long a transaction may stay open, also while this program is down.',
    parse: wholeNumber('transaction_timeout_ms', 10_000, 30 * 86_400_000),
    default: '86400000',
  },
  {
    name: 'delivery_timeout_ms',
    doc: 'Sink: how long to try to deliver before the job fails and starts again from its checkpoint.',
    parse: wholeNumber('delivery_timeout_ms', 1000, 3_600_000),
    default: '120000',
  },
  {
    name: 'buffer_memory',
    // Enough for thirty entries under way to each of four partitions.
    doc: 'Sink: bytes written and not yet stored; more waits.',
    parse: byteSize('buffer_memory'),
    default: '16 MB',
  },
  {
    name: 'partitions',
    doc: "Sink: partitions of a topic that is made, by way of admin_url; default: the broker's.",
    parse: wholeNumber('partitions', 0, 100_000),
  },
  {
    name: 'create_topic',
    doc: 'Sink: let the broker make the topic when it is not there.',
    parse: booleanWord('create_topic'),
    default: 'true',
  },
]
