/** The options of MQTT sources and sinks, and the door from their parsed values to typed objects. */
import { readFileSync } from 'node:fs'
import { EngineError } from '../../src/base/errors.ts'
import { booleanWord, byteSize, durationMs, oneOf, wholeNumber } from '../../src/base/option-parsers.ts'
import type { Option, OptionValues } from '../../src/connector.ts'
import type { Address, Security } from './connection.ts'
import type { Qos, Version } from './packets.ts'
import { parseTemplate, type Template } from './template.ts'
import { checkFilter } from './topics.ts'

/** Of sources and sinks alike. */
export interface MqttOptions {
  readonly addresses: readonly Address[]
  readonly security: Security
  readonly version: Version
  readonly clientId: string | undefined
  readonly keepAliveSeconds: number
  readonly qos: Qos
}

export interface MqttSourceOptions extends MqttOptions {
  readonly filters: readonly string[]
  readonly sessionExpirySeconds: number
  readonly receiveMaximum: number
  readonly bufferBytes: number
  readonly messageBytesMax: number
  readonly retained: boolean
  readonly sampleWaitMs: number
}

export interface MqttSinkOptions extends MqttOptions {
  readonly topic: Template
  readonly retain: boolean
  readonly userProperties: readonly { readonly name: string; readonly value: Template }[]
  readonly bufferBytes: number
  readonly deliveryTimeoutMs: number
}

function parseUrl(text: string): Address[] {
  const addresses = text.split(',').map(part => {
    const match = /^(mqtts?|tcp|ssl|tls):\/\/(?:\[([^\]]+)\]|([^\s:/,@]+))(?::(\d{1,5}))?\/?$/i.exec(part.trim())
    if (!match) {
      // What was given may hold a password.
      const shown = part.includes('@') ? '' : ` = '${text}'`
      throw new EngineError(
        '22023',
        `option url${shown} must be 'mqtt://host:1883' or 'mqtts://host:8883'; several with commas`,
        {
          hint: /^wss?:/i.test(part.trim())
            ? 'MQTT over WebSocket is not there; brokers listen on a plain or a TLS port too.'
            : 'User and password are the options username and password.',
        },
      )
    }
    const tls = /^(mqtts|ssl|tls)$/i.test(match[1])
    return { host: match[2] ?? match[3], port: Number(match[4] ?? (tls ? 8883 : 1883)), tls }
  })
  return addresses
}

/** Of the connection, sources and sinks; see `Connector.options`. */
export const mqttOptions: readonly Option[] = [
  {
    name: 'url',
    doc: "The broker, 'mqtt://host:1883'; with TLS 'mqtts://host:8883'; several addresses of it with commas.",
    parse: parseUrl,
    required: true,
    connection: true,
  },
  { name: 'username', doc: 'User to log in as.', parse: text => text, connection: true },
  { name: 'password', doc: 'Its password.', parse: text => text, connection: true, secret: true },
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
    name: 'protocol_version',
    doc: "'5', or '3.1.1' for brokers that do not know 5.",
    parse: oneOf('protocol_version', ['5', '3.1.1']),
    default: '5',
    connection: true,
  },
  {
    name: 'keep_alive',
    doc: 'How soon a dead connection is noticed: a broker that is silent for one and a half of it is away.',
    parse: durationMs('keep_alive'),
    default: '30 seconds',
    connection: true,
  },
  {
    name: 'client_id',
    doc: 'Name at the broker; default tidemark-<job>-<instance>. No two clients of a broker may have the same.',
    parse: text => text,
  },
  {
    name: 'topic',
    doc: "Source: topic filters, 'sensors/+/temperature, doors/#' or '$share/group/filter'. Sink: a topic, 'alerts/{device_id}' with columns.",
    parse: text => text,
  },
  {
    name: 'qos',
    doc: 'Source: the most a message is delivered with: 0 may be lost, 1 at least once, 2 exactly once. Sink: what messages are sent with.',
    parse: oneOf('qos', ['0', '1', '2']),
    default: '1',
  },
  {
    name: 'session_expiry',
    doc: 'Source: how long the broker keeps messages of QoS 1 and 2 while the job is not connected (MQTT 5; else the broker decides).',
    parse: durationMs('session_expiry'),
    default: '1 day',
  },
  {
    name: 'receive_maximum',
    doc: 'Source: messages of QoS 1 and 2 that may wait for the next checkpoint. MQTT 3.1.1: as configured in the broker, often 20. Default 65535, or 20 with 3.1.1.',
    parse: wholeNumber('receive_maximum', 1, 65_535),
  },
  {
    name: 'receive_buffer',
    doc: 'Source: how much may be in memory ahead of the query; then the socket is not read.',
    parse: byteSize('receive_buffer'),
    default: '32 MB',
  },
  {
    name: 'max_message_bytes',
    doc: 'Source: larger messages are put aside as bad rows, with their beginning (MQTT 5 brokers do not send them).',
    parse: byteSize('max_message_bytes'),
    default: '16 MB',
  },
  {
    name: 'retained',
    doc: "Source: what the broker has stored when reading begins: 'include' or 'skip' it.",
    parse: oneOf('retained', ['include', 'skip']),
    default: 'include',
  },
  {
    name: 'sample_wait',
    doc: 'How long to wait for a first message where columns are found in a sample.',
    parse: durationMs('sample_wait'),
    default: '5 seconds',
  },
  {
    name: 'retain',
    doc: 'Sink: the broker stores the last message of each topic for those who subscribe later.',
    parse: booleanWord('retain'),
    default: 'false',
  },
  {
    name: 'user_properties',
    doc: "Sink: properties of each message, 'site={site}, source=tidemark' (MQTT 5).",
    parse: parseUserProperties,
  },
  {
    name: 'buffer_bytes',
    doc: 'Sink: how much output is kept on disk while the broker is away; beyond it the job waits.',
    parse: byteSize('buffer_bytes'),
    default: '256 MB',
  },
  {
    name: 'delivery_timeout',
    doc: 'Sink: how long to wait for the broker, or for room on disk, before the job fails and is tried again.',
    parse: durationMs('delivery_timeout'),
    default: '30 seconds',
  },
]

interface Values {
  url: readonly Address[]
  username: string
  password: string
  tls_ca: string
  tls_certificate: string
  tls_key: string
  protocol_version: '5' | '3.1.1'
  keep_alive: number
  client_id: string
  topic: string
  qos: '0' | '1' | '2'
  session_expiry: number
  receive_maximum: number
  receive_buffer: number
  max_message_bytes: number
  retained: 'include' | 'skip'
  sample_wait: number
  retain: boolean
  user_properties: MqttSinkOptions['userProperties']
  buffer_bytes: number
  delivery_timeout: number
}

/** Throws 22023 for what cannot be used together. */
export function mqttSourceOptions(values: OptionValues): MqttSourceOptions {
  const given = values as Partial<Values> // Parsed by `mqttOptions`.
  const common = commonOptions(given)
  if (given.topic === undefined)
    throw new EngineError('22023', 'an MQTT source needs a topic filter', { hint: "Say topic = 'sensors/#'." })
  const filters = [...new Set(given.topic.split(',').map(part => part.trim()))]
  for (const filter of filters) checkFilter(filter)
  return {
    ...common,
    filters,
    sessionExpirySeconds: Math.min(0xffff_ffff, Math.ceil((given.session_expiry ?? 86_400_000) / 1000)),
    receiveMaximum: given.receive_maximum ?? (common.version === 5 ? 65_535 : 20),
    bufferBytes: given.receive_buffer ?? 32 << 20,
    messageBytesMax: given.max_message_bytes ?? 16 << 20,
    retained: given.retained !== 'skip',
    sampleWaitMs: given.sample_wait ?? 5000,
  }
}

/** The same for a sink. */
export function mqttSinkOptions(values: OptionValues): MqttSinkOptions {
  const given = values as Partial<Values> // Parsed by `mqttOptions`.
  const common = commonOptions(given)
  if (given.topic === undefined)
    throw new EngineError('22023', 'an MQTT sink needs a topic', { hint: "Say topic = 'alerts/{device_id}'." })
  const { user_properties: userProperties = [] } = given
  const topic = parseTemplate('topic', given.topic)
  if (topic.texts.some(text => /[+#]/.test(text)) || /^\$share\//.test(topic.texts[0]))
    throw new EngineError('22023', `nothing can be published to "${given.topic}", which is a topic filter`, {
      hint: "Name one topic, 'alerts/{device_id}' with a column of the query.",
    })
  if (userProperties.length > 0 && common.version !== 5)
    throw new EngineError('22023', 'user_properties need MQTT 5', { hint: "Leave out protocol_version = '3.1.1'." })
  return {
    ...common,
    topic,
    retain: given.retain ?? false,
    userProperties,
    bufferBytes: given.buffer_bytes ?? 256 << 20,
    deliveryTimeoutMs: given.delivery_timeout ?? 30_000,
  }
}

function commonOptions(given: Partial<Values>): MqttOptions {
  const { url, username, password, tls_certificate: certificate, tls_key: key } = given
  if (url === undefined)
    throw new EngineError('22023', 'option url is missing', { hint: "Say url = 'mqtt://host:1883'." })
  if ((certificate === undefined) !== (key === undefined))
    throw new EngineError('22023', 'tls_certificate and tls_key need each other')
  if (password !== undefined && username === undefined)
    throw new EngineError('22023', 'password needs username', { hint: 'Say who logs in with it.' })
  return {
    addresses: url,
    security: {
      username,
      password,
      ca: pem('tls_ca', given.tls_ca),
      certificate: pem('tls_certificate', certificate),
      key: pem('tls_key', key),
    },
    version: given.protocol_version === '3.1.1' ? 4 : 5,
    clientId: given.client_id,
    keepAliveSeconds: Math.min(65_535, Math.max(1, Math.round((given.keep_alive ?? 30_000) / 1000))),
    qos: given.qos === '0' ? 0 : given.qos === '2' ? 2 : 1,
  }
}

function parseUserProperties(text: string): MqttSinkOptions['userProperties'] {
  return text.split(',').map(part => {
    const at = part.indexOf('=')
    const name = part.slice(0, at).trim()
    if (at < 0 || name === '')
      throw new EngineError('22023', `option user_properties = '${text}' must be like 'site={site}, source=tidemark'`)
    return { name, value: parseTemplate('user_properties', part.slice(at + 1).trim()) }
  })
}

function pem(option: string, value: string | undefined): string | undefined {
  if (value === undefined || value.includes('-----BEGIN')) return value
  try {
    return readFileSync(value, 'utf8')
  } catch (cause) {
    throw new EngineError('22023', `option ${option}: cannot read the file it names`, {
      hint: 'Give the text itself or the path of a file that holds it.',
      cause,
    })
  }
}
