/** The options of Pulsar sources and sinks, and the door from their parsed values to typed objects. */
import { readFileSync } from 'node:fs'
import { EngineError, notSupported } from '../../src/base/errors.ts'
import {
  booleanWord,
  byteSize,
  type Start as CommonStart,
  oneOf,
  startingPoint,
  wholeNumber,
} from '../../src/base/option-parsers.ts'
import type { Option, OptionValues } from '../../src/connector.ts'
import { Admin } from './admin.ts'
import { type ClientOptions, parseAddress } from './client.ts'
import { CODECS, type Codec } from './compression.ts'
import type { Address } from './connection.ts'
import type { MessageTime } from './entry.ts'
import type { Hashing } from './key-hash.ts'
import type { UploadedSchema } from './partition-producer.ts'
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

export interface PulsarSourceOptions {
  readonly client: ClientOptions
  /** Full names; none where there is a pattern. */
  readonly topics: readonly string[]
  readonly pattern: TopicPattern | undefined
  /** Of a job that is stored. */
  readonly subscription: string
  readonly start: Start
  readonly time: MessageTime
  readonly bufferBytes: number
  readonly metadataRefreshMs: number
}

export interface PulsarSinkOptions {
  readonly client: ClientOptions
  /** Full name. */
  readonly topic: string
  readonly delivery: 'exactly_once' | 'at_least_once'
  /** Undefined: transactions where the cluster has them. */
  readonly exactlyOnce: 'transactions' | 'deduplication' | undefined
  readonly codec: Codec
  readonly hashing: Hashing
  readonly schema: UploadedSchema | undefined
  readonly transactionTimeoutMs: number
  readonly deliveryTimeoutMs: number
  readonly bufferBytesMax: number
  /** The topic may be made. */
  readonly create: boolean
  /** How many partitions a topic that is made has; undefined: as the broker likes. */
  readonly partitions: number | undefined
  readonly admin: Admin | undefined
}

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

const AUTHENTICATIONS = ['none', 'token', 'tls'] as const

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

/** Throws 22023 for what cannot be used together. */
export function pulsarSourceOptions(values: OptionValues, job: string): PulsarSourceOptions {
  const given = values as Partial<Values> // Parsed by `pulsarOptions`.
  if ((given.topic === undefined) === (given.topic_pattern === undefined))
    throw new EngineError('22023', 'a Pulsar source needs either topic or topic_pattern', {
      hint: "Say topic = 'tenant/namespace/topic'.",
    })
  return {
    client: clientOptions(given),
    topics: given.topic ?? [],
    pattern: given.topic_pattern,
    subscription: given.subscription ?? `tidemark-${job}`,
    start: given.start_message_id ?? given.start ?? 'earliest',
    time: given.record_time ?? 'event',
    bufferBytes: given.receive_buffer ?? 32 << 20,
    metadataRefreshMs: given.metadata_refresh_ms ?? 10_000,
  }
}

/** Throws 22023 for what cannot be used together. */
export function pulsarSinkOptions(values: OptionValues): PulsarSinkOptions {
  const given = values as Partial<Values> // Parsed by `pulsarOptions`.
  if (given.topic?.length !== 1)
    throw new EngineError('22023', 'a Pulsar sink needs one topic', { hint: "Say topic = 'tenant/namespace/topic'." })
  const client = clientOptions(given)
  if (given.partitions !== undefined && given.admin_url === undefined)
    throw new EngineError('22023', 'the option partitions needs admin_url', {
      hint: "Only the administration makes topics with partitions: admin_url = 'http://host:8080'.",
    })
  return {
    client,
    partitions: given.partitions,
    admin: given.admin_url && new Admin(given.admin_url, client.security),
    topic: given.topic[0],
    delivery: given.delivery ?? 'exactly_once',
    exactlyOnce: given.exactly_once,
    codec: given.compression ?? 'none',
    hashing: given.hashing_scheme ?? 'java',
    schema: undefined,
    transactionTimeoutMs: given.transaction_timeout_ms ?? 86_400_000,
    deliveryTimeoutMs: given.delivery_timeout_ms ?? 120_000,
    bufferBytesMax: given.buffer_memory ?? 16 << 20,
    create: given.create_topic ?? true,
  }
}

/** Of a connection alone. Throws 22023 where there is no admin_url. */
export function pulsarAdmin(values: OptionValues): Admin {
  const given = values as Partial<Values> // Parsed by `pulsarOptions`.
  if (given.admin_url) return new Admin(given.admin_url, clientOptions(given).security)
  throw new EngineError('22023', 'the connection has no admin_url', {
    hint: "Only the administration lists topics: CREATE CONNECTION … WITH (…, admin_url = 'http://host:8080').",
  })
}

function clientOptions(given: Partial<Values>): ClientOptions {
  if (given.url === undefined)
    throw new EngineError('22023', 'option url is missing', { hint: "Say url = 'pulsar://host:6650'." })
  const { auth_method: method, token, tls_certificate: certificate, tls_key: key } = given
  if (method !== undefined && !AUTHENTICATIONS.some(known => known === method))
    throw notSupported(`auth_method ${method}`, undefined, `${AUTHENTICATIONS.join(', ')} are.`)
  if ((certificate === undefined) !== (key === undefined))
    throw new EngineError('22023', 'tls_certificate and tls_key need each other')
  if (method === 'token' && token === undefined)
    throw new EngineError('22023', 'auth_method token needs the option token')
  if (method === 'tls' && certificate === undefined)
    throw new EngineError('22023', 'auth_method tls needs tls_certificate and tls_key')
  if (given.url.some(address => address.tls !== given.url?.[0].tls))
    throw new EngineError('22023', 'the addresses of url must all be with TLS, or all without')
  const security = {
    token: token === undefined || method === 'none' || method === 'tls' ? undefined : readToken(token),
    ca: pem('tls_ca', given.tls_ca),
    certificate: pem('tls_certificate', certificate),
    key: pem('tls_key', key),
  }
  return { addresses: given.url, security }
}

function readToken(value: string): string {
  return value.startsWith('file://') ? readText('token', value.slice('file://'.length)).trim() : value
}

function pem(option: string, value: string | undefined): string | undefined {
  return value === undefined || value.includes('-----BEGIN') ? value : readText(option, value)
}

function readText(option: string, path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    throw new EngineError('22023', `option ${option}: cannot read the file it names`, {
      hint: 'Give the text itself or the path of a file that holds it.',
      cause,
    })
  }
}

interface Values {
  url: readonly Address[]
  auth_method: string
  token: string
  tls_ca: string
  tls_certificate: string
  tls_key: string
  topic: readonly string[]
  topic_pattern: TopicPattern
  subscription: string
  start: Start
  start_message_id: Start
  record_time: MessageTime
  receive_buffer: number
  metadata_refresh_ms: number
  delivery: PulsarSinkOptions['delivery']
  exactly_once: 'transactions' | 'deduplication'
  compression: Codec
  hashing_scheme: Hashing
  transaction_timeout_ms: number
  delivery_timeout_ms: number
  buffer_memory: number
  create_topic: boolean
  admin_url: URL
  partitions: number
}
