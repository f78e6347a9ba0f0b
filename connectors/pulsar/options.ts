/** The door from parsed values of options to typed objects. */
import { readFileSync } from 'node:fs'
import { EngineError, notSupported } from '../../src/base/errors.ts'
import type { Schema } from '../../src/batch/types.ts'
import type { OptionValues } from '../../src/connector.ts'
import { Admin } from './admin.ts'
import type { ClientOptions } from './client.ts'
import type { Codec } from './compression.ts'
import type { Address } from './connection.ts'
import type { MessageTime } from './entry.ts'
import type { Hashing } from './key-hash.ts'
import { AUTHENTICATIONS, type Start, type TopicPattern } from './option-list.ts'
import type { UploadedSchema } from './partition-producer.ts'
import { jsonSchemaText, SchemaType } from './schema.ts'

export interface PulsarSourceOptions {
  readonly client: ClientOptions
  /** Full names; none where there is a pattern. */
  readonly topics: readonly string[]
  readonly pattern: TopicPattern | undefined
  /** Of a job that is stored. */
  readonly subscription: string
  readonly start: Start
  readonly time: MessageTime
  /** Undefined: any. */
  readonly schemaVersion: string | undefined
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
    schemaVersion: given.schema_version,
    bufferBytes: given.receive_buffer ?? 32 << 20,
    metadataRefreshMs: given.metadata_refresh_ms ?? 10_000,
  }
}

/** `columns` are those of the values, where these are JSON. Throws 22023 for what cannot be used together. */
export function pulsarSinkOptions(values: OptionValues, columns?: Schema): PulsarSinkOptions {
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
    schema: given.schema === 'json' ? uploadedSchema(columns) : undefined,
    transactionTimeoutMs: given.transaction_timeout_ms ?? 86_400_000,
    deliveryTimeoutMs: given.delivery_timeout_ms ?? 120_000,
    bufferBytesMax: given.buffer_memory ?? 16 << 20,
    create: given.create_topic ?? true,
  }
}

function uploadedSchema(columns: Schema | undefined): UploadedSchema {
  if (columns) return { type: SchemaType.json, data: jsonSchemaText(columns) }
  throw new EngineError('22023', "schema = 'json' needs format = 'json'")
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
  schema_version: string
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
  schema: 'none' | 'json'
}
