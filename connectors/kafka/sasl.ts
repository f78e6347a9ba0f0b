import { createHash, createHmac, pbkdf2Sync, timingSafeEqual } from 'node:crypto'
import { randomBytes } from '../../src/base/clock.ts'
import { EngineError } from '../../src/base/errors.ts'
import type { Api, Connection } from './connection.ts'
import { brokerError } from './error-codes.ts'

/** A login by name and password. */
export interface Sasl {
  readonly mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512'
  readonly username: string
  readonly password: string
}

const HANDSHAKE: Api = { name: 'SaslHandshake', key: 17, version: 1, flexible: false }
const AUTHENTICATE: Api = { name: 'SaslAuthenticate', key: 36, version: 2, flexible: true }

/** Logs a fresh connection in. Throws 28P01 for a wrong name or password, 28000 for a mechanism the broker does not have. */
export async function authenticate(connection: Connection, sasl: Sasl): Promise<void> {
  const reader = await connection.request(HANDSHAKE, w => w.string(sasl.mechanism))
  const code = reader.int16()
  if (code !== 0) {
    const offered = reader.array(() => reader.string()).join(', ')
    throw brokerError(code, `log in by ${sasl.mechanism}`, `The broker offers ${offered}.`)
  }
  if (sasl.mechanism === 'PLAIN') await exchange(connection, `\0${sasl.username}\0${sasl.password}`)
  else await scram(connection, sasl, sasl.mechanism === 'SCRAM-SHA-256' ? 'sha256' : 'sha512')
}

/** RFC 5802 without channel binding. */
async function scram(connection: Connection, sasl: Sasl, hash: 'sha256' | 'sha512'): Promise<void> {
  const name = sasl.username.replaceAll('=', '=3D').replaceAll(',', '=2C')
  const nonce = Buffer.from(randomBytes(18)).toString('base64')
  const firstBare = `n=${name},r=${nonce}`
  const serverFirst = await exchange(connection, `n,,${firstBare}`)
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
  const given = Buffer.from(serverFinal.replace(/^v=/, '').split(',')[0], 'base64')
  const expected = hmac(hmac(salted, 'Server Key'), transcript)
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) throw notTheServer(connection.address)
}

async function exchange(connection: Connection, text: string): Promise<string> {
  const reader = await connection.request(AUTHENTICATE, w => w.compactBytes(Buffer.from(text)).tags())
  const code = reader.int16()
  const message = reader.compactNullableString()
  if (code !== 0) throw brokerError(code, 'log in', message)
  return Buffer.from(reader.compactBytes() ?? []).toString()
}

function notTheServer(address: string): EngineError {
  const hint = 'Another server may have taken its place; check brokers, and use SASL_SSL.'
  return new EngineError('28000', `Kafka at ${address} could not prove that it knows the password`, {
    actor: 'external',
    hint,
  })
}
