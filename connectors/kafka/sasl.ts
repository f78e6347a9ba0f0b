import { createHash, createHmac, pbkdf2Sync, timingSafeEqual } from 'node:crypto'
import { type Clock, randomBytes } from '../../src/base/clock.ts'
import { EngineError } from '../../src/base/errors.ts'
import type { Api } from './connection.ts'
import { brokerError } from './error-codes.ts'
import type { TokenSource } from './oauth.ts'
import type { Reader, Writer } from './wire.ts'

/** A login by name and password. */
export interface PasswordLogin {
  readonly mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512'
  readonly username: string
  readonly password: string
}

/** A login by a token of OAuth 2.0 (RFC 7628). */
export interface TokenLogin {
  readonly mechanism: 'OAUTHBEARER'
  readonly token: TokenSource
  /** Names and values that brokers of some vendors ask for. */
  readonly extensions: ReadonlyMap<string, string>
}

export type Sasl = PasswordLogin | TokenLogin

/** What a login needs of its connection. */
export interface Asked {
  readonly address: string
  request(api: Api, write: (writer: Writer) => void): Promise<Reader>
}

const HANDSHAKE: Api = { name: 'SaslHandshake', key: 17, version: 1, flexible: false }
const TOKEN_HINT = 'The token may have expired, or be for other brokers: check scope and audience, and the clocks.'
const AUTHENTICATE: Api = { name: 'SaslAuthenticate', key: 36, version: 2, flexible: true }

/** A login the broker has accepted: what it says, and how long the session may last; 0: for ever. */
interface Exchanged {
  readonly text: string
  readonly sessionMs: number
}

/**
 * Logs a connection in, or in again before its session ends; answers how many milliseconds the session lasts, 0 for ever. Throws 28P01 for a wrong
 * name, password or token, 28000 for a mechanism the broker does not have, and what the source of tokens throws.
 */
export async function authenticate(connection: Asked, sasl: Sasl, clock: Clock): Promise<number> {
  // First of all, for between handshake and login a broker does not wait long.
  const token = sasl.mechanism === 'OAUTHBEARER' ? await sasl.token(clock) : ''
  const reader = await connection.request(HANDSHAKE, w => w.string(sasl.mechanism))
  const code = reader.int16()
  if (code !== 0) {
    const offered = reader.array(() => reader.string()).join(', ')
    throw brokerError(code, `log in by ${sasl.mechanism}`, `The broker offers ${offered}.`)
  }
  switch (sasl.mechanism) {
    case 'PLAIN':
      return (await exchange(connection, `\0${sasl.username}\0${sasl.password}`)).sessionMs
    case 'OAUTHBEARER':
      return await bearer(connection, token, sasl.extensions)
    default:
      return await scram(connection, sasl, sasl.mechanism === 'SCRAM-SHA-256' ? 'sha256' : 'sha512')
  }
}

/** A refusal comes as JSON, and only its confirmation brings the error. */
async function bearer(connection: Asked, token: string, extensions: ReadonlyMap<string, string>): Promise<number> {
  const more = [...extensions].map(([name, value]) => `${name}=${value}\x01`).join('')
  const { text, sessionMs } = await exchange(connection, `n,,\x01auth=Bearer ${token}\x01${more}\x01`, TOKEN_HINT)
  if (text === '') return sessionMs
  await exchange(connection, '\x01', TOKEN_HINT)
  throw new EngineError('28P01', `Kafka at ${connection.address} does not accept the token`, {
    actor: 'external',
    detail: text.slice(0, 500),
    hint: TOKEN_HINT,
  })
}

/** RFC 5802 without channel binding. */
async function scram(connection: Asked, sasl: PasswordLogin, hash: 'sha256' | 'sha512'): Promise<number> {
  const name = sasl.username.replaceAll('=', '=3D').replaceAll(',', '=2C')
  const nonce = Buffer.from(randomBytes(18)).toString('base64')
  const firstBare = `n=${name},r=${nonce}`
  const serverFirst = (await exchange(connection, `n,,${firstBare}`)).text
  const fields = new Map(serverFirst.split(',').map(field => [field[0], field.slice(2)]))
  const serverNonce = fields.get('r') ?? ''
  const rounds = Number(fields.get('i'))
  if (!serverNonce.startsWith(nonce) || !(rounds >= 4096)) throw notTheServer(connection.address)

  const length = hash === 'sha256' ? 32 : 64
  const salted = pbkdf2Sync(
    sasl.password.normalize('NFKC'),
    Buffer.from(fields.get('s') ?? '', 'base64'),
    rounds,
    length,
    hash,
  )
  const hmac = (key: Uint8Array, text: string): Buffer => createHmac(hash, key).update(text).digest()
  const clientKey = hmac(salted, 'Client Key')
  const storedKey = createHash(hash).update(clientKey).digest()
  const finalBare = `c=biws,r=${serverNonce}`
  const transcript = `${firstBare},${serverFirst},${finalBare}`
  const signature = hmac(storedKey, transcript)
  const proof = Buffer.from(clientKey.map((byte, i) => byte ^ signature[i])).toString('base64')
  const serverFinal = await exchange(connection, `${finalBare},p=${proof}`)
  const given = Buffer.from(serverFinal.text.replace(/^v=/, '').split(',')[0], 'base64')
  const expected = hmac(hmac(salted, 'Server Key'), transcript)
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) throw notTheServer(connection.address)
  return serverFinal.sessionMs
}

async function exchange(connection: Asked, text: string, hint?: string): Promise<Exchanged> {
  const reader = await connection.request(AUTHENTICATE, w => w.compactBytes(Buffer.from(text)).tags())
  const code = reader.int16()
  const message = reader.compactNullableString()
  if (code !== 0) throw brokerError(code, 'log in', message, hint)
  return { text: Buffer.from(reader.compactBytes() ?? []).toString(), sessionMs: reader.int64() }
}

function notTheServer(address: string): EngineError {
  const hint = 'Another server may have taken its place; check brokers, and use SASL_SSL.'
  return new EngineError('28000', `Kafka at ${address} could not prove that it knows the password`, {
    actor: 'external',
    hint,
  })
}
