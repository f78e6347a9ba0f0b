/** Logins, certificates and rights at a real broker; a token endpoint of the test's own is the other end of OAuth. */
import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { Cluster } from '../../../connectors/kafka/cluster.ts'
import { clusterOptions } from '../../../connectors/kafka/connection-options.ts'
import { systemClock } from '../../../src/base/clock.ts'
import { silentLogger } from '../../../src/base/log.ts'
import { KafkaBroker, kafkaMissing, selfSign } from '../../support/kafka.ts'
import { createSink, createSource, pairs, parseOptions, readAll, values } from './play.ts'

const missing = kafkaMissing({ tls: true })
let broker: KafkaBroker

// Whoever comes over the plain port may do everything; others what they were granted.
const rights = `authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS;User:alice;User:CN=client;User:meter`

beforeAll(async () => {
  if (!missing) broker = await KafkaBroker.start({ tls: true, more: rights })
})
afterAll(() => broker?.stop())

async function write(topic: string, ...lines: string[]): Promise<void> {
  const sink = createSink({ brokers: broker.address, topic, delivery: 'at_least_once' })
  await sink.open(undefined)
  await sink.write(pairs(lines.map(line => [null, line])))
  await sink.prepare(1)
  await sink.close()
}

describe.skipIf(missing)('client certificates', () => {
  test('as files and as text, to read and to write', async () => {
    const options = { brokers: broker.mtlsAddress, topic: 'mtls', security_protocol: 'SSL', ssl_ca: broker.certificate }
    const [certificate, key] = [join(broker.dir, 'client.pem'), join(broker.dir, 'client-key.pem')]
    const files = { ...options, ssl_certificate: certificate, ssl_key: key, ssl_key_password: 'key-secret' }
    const sink = createSink({ ...files, delivery: 'at_least_once' })
    await sink.open(undefined)
    await sink.write(pairs([[null, 'known']]))
    await sink.prepare(1)
    await sink.close()
    const text = (path: string): string => readFileSync(path, 'utf8')
    const texts = { ...files, ssl_ca: text(files.ssl_ca), ssl_certificate: text(certificate), ssl_key: text(key) }
    expect(values(await readAll(texts))).toEqual(['known'])

    const needsOne = expect.stringContaining('ssl_certificate')
    await expect(readAll(options)).rejects.toMatchObject({ sqlState: '08001', hint: needsOne })
    await selfSign(broker.dir, 'stranger', 'stranger')
    const [theirs, theirKey] = [join(broker.dir, 'stranger.pem'), join(broker.dir, 'stranger-key.pem')]
    const stranger = { ...options, ssl_certificate: theirs, ssl_key: theirKey }
    await expect(readAll(stranger)).rejects.toMatchObject({ sqlState: '08001', hint: needsOne })
    // An authority that did not sign the broker's certificate.
    await expect(readAll({ ...files, ssl_ca: theirs })).rejects.toMatchObject({
      sqlState: '08001',
      message: expect.stringMatching(/^cannot connect to Kafka at \S+: .*certificate/),
      hint: expect.stringContaining('ssl_ca'),
    })
  })

  test('what cannot be used is said before anything is sent, without the key', () => {
    const options = { brokers: broker.mtlsAddress, topic: 'mtls', security_protocol: 'SSL' }
    const [certificate, key] = [join(broker.dir, 'client.pem'), join(broker.dir, 'client-key.pem')]
    expect(() => createSource({ ...options, ssl_certificate: certificate })).toThrow('both ssl_certificate and ssl_key')
    const encrypted = { ...options, ssl_certificate: certificate, ssl_key: key }
    expect(() => createSource(encrypted)).toThrow('cannot be used together')
    expect(() => createSource({ ...encrypted, ssl_key_password: 'wrong' })).toThrow('cannot be used together')
    const another = { ...encrypted, ssl_key: join(broker.dir, 'broker-key.pem') }
    expect(() => createSource(another)).toThrow(/cannot be used together: .*mismatch/)
    expect(() => createSource({ ...encrypted, ssl_key: 'half-of-a-key' })).toThrow(
      /^option ssl_key: cannot read the file it names$/,
    )
  })
})

/** An unsigned token, as Kafka's validator for tests takes them. */
function unsignedToken(subject: string, lifeMs: number): string {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const nowS = Math.floor(Date.now()) / 1000
  return `${part({ alg: 'none' })}.${part({ sub: subject, iat: nowS - 1, exp: nowS + lifeMs / 1000 })}.`
}

interface Endpoint {
  readonly url: string
  readonly asked: { readonly authorization: string | undefined; readonly body: string }[]
}

/** Gives tokens of `lifeMs` to the client "meter" with the secret "meter secret". */
async function tokenEndpoint(lifeMs: number, subject = 'meter'): Promise<Endpoint> {
  const asked: Endpoint['asked'] = []
  const server: Server = createServer((request, response) => {
    let body = ''
    request.on('data', chunk => (body += chunk))
    request.on('end', () => {
      const { authorization } = request.headers
      asked.push({ authorization, body })
      const known = authorization === `Basic ${Buffer.from('meter:meter%20secret').toString('base64')}`
      response.writeHead(known ? 200 : 401, { 'content-type': 'application/json' })
      const token = { access_token: unsignedToken(subject, lifeMs), expires_in: lifeMs / 1000, token_type: 'bearer' }
      response.end(JSON.stringify(known ? token : { error: 'invalid_client', error_description: 'no such client' }))
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`, asked }
}

describe.skipIf(missing)('OAUTHBEARER', () => {
  const by = (more: Record<string, string>) => ({
    brokers: broker.saslAddress,
    topic: 'tokens',
    security_protocol: 'SASL_PLAINTEXT',
    sasl_mechanism: 'OAUTHBEARER',
    ...more,
  })
  const client = { sasl_oauthbearer_client_id: 'meter', sasl_oauthbearer_client_secret: 'meter secret' }

  test('a token that was given', async () => {
    await write('tokens', 'in')
    const token = unsignedToken('meter', 60_000)
    expect(values(await readAll(by({ sasl_oauthbearer_token: token })))).toEqual(['in'])
    const wrong = { sasl_oauthbearer_token: unsignedToken('meter', -60_000) }
    const refused = { sqlState: '28P01', retryable: false, hint: expect.stringContaining('expired') }
    await expect(readAll(by(wrong))).rejects.toMatchObject(refused)
    expect(() => createSource(by({}))).toThrow('either a token or an endpoint')
    expect(() => createSource(by({ sasl_oauthbearer_token: 'a b' }))).toThrow('is no token')
  })

  test('tokens of an endpoint, asked for once for many connections', async () => {
    await write('tokens', 'again')
    const endpoint = await tokenEndpoint(60_000)
    const url = { sasl_oauthbearer_token_endpoint_url: endpoint.url, sasl_oauthbearer_scope: 'kafka read' }
    expect(values(await readAll(by({ ...client, ...url })))).toContain('again')
    expect(endpoint.asked.map(each => each.body)).toEqual(['grant_type=client_credentials&scope=kafka+read'])

    const wrong = by({ ...client, ...url, sasl_oauthbearer_client_secret: 'hunter2' })
    const refused = readAll(wrong).catch(error => error)
    expect(await refused).toMatchObject({ sqlState: '28P01', retryable: false })
    expect((await refused).message).toMatch(/^the token endpoint http:\S+ answers 401: no such client$/)
    const away = by({ ...client, sasl_oauthbearer_token_endpoint_url: 'http://127.0.0.1:1/token' })
    await expect(readAll(away)).rejects.toMatchObject({
      sqlState: '08001',
      retryable: true,
      message: expect.stringContaining('cannot reach the token endpoint http://127.0.0.1:1'),
    })
  })

  test('a connection outlives its tokens: it logs in again in time', { timeout: 130_000 }, async () => {
    /** The logins there were when the session had gone on beyond the life of its first token; undefined: it ended before. */
    const outlived = async (): Promise<number | undefined> => {
      const endpoint = await tokenEndpoint(4000)
      const options = by({ ...client, sasl_oauthbearer_token_endpoint_url: endpoint.url })
      const cluster = new Cluster(clusterOptions(parseOptions(options), 'long'), systemClock, silentLogger)
      onTestFinished(() => cluster.close())
      const first = await cluster.any()
      const metadata = async (): Promise<number> => {
        // Several at a time, of which those that come while it logs in wait.
        await Promise.all([1, 2, 3].map(() => cluster.metadata([])))
        return endpoint.asked.length
      }
      await expect.poll(metadata, { timeout: 30_000, interval: 20 }).toBeGreaterThanOrEqual(3)
      return !first.failed && (await cluster.any()) === first ? endpoint.asked.length : undefined
    }
    // The broker ends a session to the second: on a machine that stands still for the last fifth of a token's life a login comes too late.
    let logins: number | undefined
    for (let tries = 0; tries < 4 && logins === undefined; tries++) logins = await outlived()
    expect(logins).toBeGreaterThanOrEqual(3)
  })
})

describe.skipIf(missing)('rights', () => {
  const carol = { security_protocol: 'SASL_PLAINTEXT', sasl_mechanism: 'SCRAM-SHA-256', sasl_username: 'carol', sasl_password: 'carol-secret' } // biome-ignore format: short
  const grant = async (...what: string[]): Promise<void> => {
    const args = ['--bootstrap-server', broker.address, '--add', '--allow-principal', 'User:carol', ...what]
    await broker.tool('org.apache.kafka.tools.AclCommand', args)
  }

  test('what a user may not do is named, with the right it takes', async () => {
    await write('forbidden', 'x')
    const options = { ...carol, brokers: broker.saslAddress, topic: 'forbidden' }
    const refused = (what: string) => ({
      sqlState: '42501',
      retryable: false,
      message: expect.stringContaining(what),
      hint: expect.stringContaining('right'),
    })
    const open = async (more: Record<string, string> = {}) => {
      const sink = createSink({ ...options, ...more })
      try {
        await sink.open(undefined)
        await sink.write(pairs([[null, 'y']]))
        await sink.prepare(1)
      } finally {
        await sink.close()
      }
    }
    await expect(readAll(options)).rejects.toMatchObject(refused('topic forbidden'))
    await expect(open()).rejects.toMatchObject(refused('topic forbidden'))
    await grant('--topic', 'forbidden', '--operation', 'Describe')
    await expect(readAll(options)).rejects.toMatchObject(refused('forbidden'))
    await expect(open({ delivery: 'at_least_once' })).rejects.toMatchObject({
      ...refused('producer id'),
      hint: expect.stringContaining('right to write to the topic'),
    })
    await expect(open()).rejects.toMatchObject(refused('tidemark-test'))
    await grant('--topic', 'new', '--operation', 'Describe')
    await expect(open({ topic: 'new' })).rejects.toMatchObject(refused('make topic new'))
    // A right that is given is enough: no group is needed to read.
    await grant('--topic', 'forbidden', '--operation', 'Read')
    expect(values(await readAll(options))).toEqual(['x'])
  })
})
