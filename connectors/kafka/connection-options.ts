/** The options of Kafka connections: where the brokers are, TLS and logins. */
import { readFileSync } from 'node:fs'
import { createSecureContext, type SecureContext } from 'node:tls'
import { EngineError, notSupported } from '../../src/base/errors.ts'
import { oneOf } from '../../src/base/option-parsers.ts'
import type { Option, OptionValues } from '../../src/connector.ts'
import type { ClusterOptions } from './cluster.ts'
import { TOKEN, tokensOf } from './oauth.ts'
import type { Sasl } from './sasl.ts'

const PASSWORD_MECHANISMS = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const

const text = (value: string): string => value.trim()

function invalid(name: string, value: string, accepted: string): EngineError {
  return new EngineError('22023', `option ${name} = '${value}' must be ${accepted}`)
}

function parseBrokers(value: string): { host: string; port: number }[] {
  const brokers = value.split(',').map(part => {
    const match = /^\s*(?:\[([^\]]+)\]|([^\s:/]+))(?::(\d{1,5}))?\s*$/.exec(part)
    const port = Number(match?.[3] ?? 9092)
    if (!match || port < 1 || port > 65535) throw invalid('brokers', value, "'host:port', or several with commas")
    return { host: match[1] ?? match[2], port }
  })
  return brokers
}

function parseEndpoint(value: string): string {
  const url = URL.canParse(value.trim()) ? new URL(value.trim()) : undefined
  const web = url?.protocol === 'http:' || url?.protocol === 'https:'
  if (url && web && url.username === '' && url.password === '') return url.href
  // The text is not repeated: it may have a password in it.
  throw new EngineError('22023', 'option sasl_oauthbearer_token_endpoint_url must be an address without a login', {
    hint: "Such as 'https://login.example.com/oauth2/token'; the login is sasl_oauthbearer_client_id and _secret.",
  })
}

function parseToken(value: string): string {
  if (TOKEN.test(value.trim())) return value.trim()
  throw new EngineError('22023', 'option sasl_oauthbearer_token is no token', {
    hint: 'Letters, digits and - . _ ~ + / with = at the end.',
  })
}

function parseExtensions(value: string): ReadonlyMap<string, string> {
  return new Map(
    value.split(',').map(part => {
      // RFC 7628: names are letters, values have no control characters.
      const [, name, text] = /^\s*([A-Za-z]+)=([\x21-\x7e \t]+?)\s*$/.exec(part) ?? []
      if (name !== undefined && name !== 'auth') return [name, text] as const
      throw invalid('sasl_oauthbearer_extensions', value, "like 'name=value', or several with commas")
    }),
  )
}

/** Of the connection; see `Connector.options`. */
export const connectionOptions: readonly Option[] = [
  {
    name: 'brokers',
    doc: "Brokers to ask first, 'host:port' with commas.",
    parse: parseBrokers,
    required: true,
    connection: true,
  },
  {
    name: 'security_protocol',
    doc: 'PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL.',
    parse: oneOf('security_protocol', ['plaintext', 'ssl', 'sasl_plaintext', 'sasl_ssl']),
    default: 'plaintext',
    connection: true,
  },
  {
    name: 'sasl_mechanism',
    doc: 'How to log in: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER.',
    parse: oneOf('sasl_mechanism', ['plain', 'scram-sha-256', 'scram-sha-512', 'gssapi', 'oauthbearer', 'aws_msk_iam']),
    default: 'plain',
    connection: true,
  },
  { name: 'sasl_username', doc: 'Name to log in with.', parse: value => value, connection: true },
  { name: 'sasl_password', doc: 'Password to log in with.', parse: value => value, connection: true, secret: true },
  {
    name: 'ssl_ca',
    doc: "Certificates to trust instead of the system's: PEM text, or the path of a PEM file.",
    parse: text,
    connection: true,
  },
  {
    name: 'ssl_certificate',
    doc: "The client's own certificate, and those between it and its authority: PEM text, or the path of a PEM file.",
    parse: text,
    connection: true,
  },
  {
    name: 'ssl_key',
    doc: 'Its key: PEM text, or the path of a PEM file.',
    parse: text,
    connection: true,
    secret: true,
  },
  {
    name: 'ssl_key_password',
    doc: 'The password of the key, where it is encrypted.',
    parse: value => value,
    connection: true,
    secret: true,
  },
  {
    name: 'sasl_oauthbearer_token_endpoint_url',
    doc: 'OAUTHBEARER: where tokens are asked for, by client credentials.',
    parse: parseEndpoint,
    connection: true,
  },
  { name: 'sasl_oauthbearer_client_id', doc: 'OAUTHBEARER: as whom.', parse: text, connection: true },
  {
    name: 'sasl_oauthbearer_client_secret',
    doc: 'OAUTHBEARER: the secret of the client.',
    parse: text,
    connection: true,
    secret: true,
  },
  { name: 'sasl_oauthbearer_scope', doc: 'OAUTHBEARER: the scope to ask for.', parse: text, connection: true },
  {
    name: 'sasl_oauthbearer_token',
    doc: 'OAUTHBEARER: a token that was made elsewhere, instead of an endpoint.',
    parse: parseToken,
    connection: true,
    secret: true,
  },
  {
    name: 'sasl_oauthbearer_extensions',
    doc: "OAUTHBEARER: what the broker wants besides, such as 'logicalCluster=lkc-1,identityPoolId=pool-2'.",
    parse: parseExtensions,
    connection: true,
  },
]

/** Throws 22023 for what cannot be used together, and for certificates and keys that cannot be read. */
export function clusterOptions(values: OptionValues, job: string): ClusterOptions {
  const given = values as Partial<ConnectionValues> // Parsed by `kafkaOptions`.
  if (given.brokers === undefined)
    throw new EngineError('22023', 'option brokers is missing', { hint: "Say brokers = 'host:9092'." })
  const protocol = given.security_protocol ?? 'plaintext'
  const security = {
    tls: protocol.endsWith('ssl') ? secureContext(given) : undefined,
    sasl: protocol.startsWith('sasl') ? login(given) : undefined,
  }
  return { brokers: given.brokers, security, clientId: `tidemark-${job}` }
}

function login(given: Partial<ConnectionValues>): Sasl {
  const { sasl_mechanism = 'plain', sasl_username: username, sasl_password: password } = given
  if (sasl_mechanism === 'oauthbearer') return tokenLogin(given)
  const mechanism = PASSWORD_MECHANISMS.find(known => known.toLowerCase() === sasl_mechanism)
  if (!mechanism) {
    const known = [...PASSWORD_MECHANISMS, 'OAUTHBEARER'].join(', ')
    throw notSupported(`sasl_mechanism ${sasl_mechanism}`, undefined, `${known} are.`)
  }
  if (username === undefined || password === undefined) {
    throw new EngineError('22023', `security_protocol ${given.security_protocol} needs sasl_username and sasl_password`)
  }
  return { mechanism, username, password }
}

function tokenLogin(given: Partial<ConnectionValues>): Sasl {
  const common = { mechanism: 'OAUTHBEARER', extensions: given.sasl_oauthbearer_extensions ?? new Map() } as const
  const token = given.sasl_oauthbearer_token
  const url = given.sasl_oauthbearer_token_endpoint_url
  if (token !== undefined && url === undefined) return { ...common, token: async () => token }
  const { sasl_oauthbearer_client_id: clientId, sasl_oauthbearer_client_secret: clientSecret } = given
  if (token !== undefined || url === undefined || clientId === undefined || clientSecret === undefined) {
    throw new EngineError('22023', 'sasl_mechanism oauthbearer needs either a token or an endpoint for tokens', {
      hint: 'Give sasl_oauthbearer_token, or sasl_oauthbearer_token_endpoint_url, sasl_oauthbearer_client_id and sasl_oauthbearer_client_secret.',
    })
  }
  const ca = given.ssl_ca === undefined ? undefined : pem('ssl_ca', given.ssl_ca)
  return { ...common, token: tokensOf({ url, clientId, clientSecret, scope: given.sasl_oauthbearer_scope, ca }) }
}

/** Made once, not by each connection: it reads certificates and keys. */
function secureContext(given: Partial<ConnectionValues>): SecureContext {
  const { ssl_ca, ssl_certificate, ssl_key, ssl_key_password: passphrase } = given
  if ((ssl_certificate === undefined) !== (ssl_key === undefined))
    throw new EngineError('22023', 'a client certificate needs both ssl_certificate and ssl_key')
  const ca = ssl_ca === undefined ? undefined : pem('ssl_ca', ssl_ca)
  const cert = ssl_certificate === undefined ? undefined : pem('ssl_certificate', ssl_certificate)
  const key = ssl_key === undefined ? undefined : pem('ssl_key', ssl_key)
  try {
    return createSecureContext({ ca, cert, key, passphrase })
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new EngineError('22023', `ssl_ca, ssl_certificate and ssl_key cannot be used together: ${why}`, {
      hint: 'Each is PEM; the key is that of the certificate; an encrypted key needs ssl_key_password.',
    })
  }
}

function pem(name: string, value: string): string {
  if (value.includes('-----BEGIN')) return value
  // What is not PEM and no path may be half of a key.
  const shown = name === 'ssl_key' ? 'it names' : value
  try {
    return readFileSync(value, 'utf8')
  } catch {
    throw new EngineError('22023', `option ${name}: cannot read the file ${shown}`, {
      hint: 'Give the PEM text or its path.',
    })
  }
}

interface ConnectionValues {
  brokers: readonly { host: string; port: number }[]
  security_protocol: string
  sasl_mechanism: string
  sasl_username: string
  sasl_password: string
  ssl_ca: string
  ssl_certificate: string
  ssl_key: string
  ssl_key_password: string
  sasl_oauthbearer_token_endpoint_url: string
  sasl_oauthbearer_client_id: string
  sasl_oauthbearer_client_secret: string
  sasl_oauthbearer_scope: string
  sasl_oauthbearer_token: string
  sasl_oauthbearer_extensions: ReadonlyMap<string, string>
}
