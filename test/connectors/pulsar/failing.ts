/** What goes wrong, and what is said about it: logins, rights, names. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { startServer } from '../../support/server.ts'
import { broker, missing } from './broker.ts'
import { asMessages, inPartition0, open, place, readAll } from './play.ts'

const namespace = 'public/guarded'
const topic = `${namespace}/t`

/** The options that a role with these rights logs in by. */
const asRole = (role: string): Record<string, string> => ({ token: broker().token(role) })
const file = (name: string): string => join(broker().dir, name)

describe.skipIf(missing)('logins and rights at Pulsar', () => {
  beforeAll(async () => {
    await broker().ask('PUT', `namespaces/${namespace}`)
    await broker().ask('POST', `namespaces/${namespace}/permissions/reader`, '["consume"]')
    await broker().ask('POST', `namespaces/${namespace}/permissions/device`, '["consume","produce"]')
    const fixed = '{"allowAutoTopicCreation":false}'
    await broker().ask('POST', `namespaces/${namespace}/autoTopicCreation`, fixed)
    await broker().createTopic(topic, 0)
    await broker().produce(topic, asMessages(['a']))
  })

  test('by token, over TLS, and by a client certificate', async () => {
    const url = broker().urlTls
    const tlsCa = file('ca.pem')
    expect(await readAll(place(topic, asRole('reader')))).toEqual(inPartition0(['a']))
    expect(await readAll(place(topic, { url, tls_ca: tlsCa, ...asRole('reader') }))).toEqual(inPartition0(['a']))
    const own = { tls_certificate: file('client.pem'), tls_key: readFileSync(file('client.key'), 'utf8') }
    expect(await readAll(place(topic, { url, tls_ca: tlsCa, ...own }))).toEqual(inPartition0(['a']))
  })

  test('what is refused, and why', async () => {
    const refused = async (options: Record<string, string>, at = topic): Promise<unknown> => {
      const error = await open(place(at, options), true).then(
        () => undefined,
        (e: unknown) => e,
      )
      if (!(error instanceof Error && 'sqlState' in error && 'retryable' in error))
        throw new Error(`not refused: ${error}`)
      return [error.sqlState, error.retryable, error.message]
    }
    const [head, body] = broker().token('reader').split('.')
    expect(await refused({ token: `${head}.${body}.AAAA` })).toEqual([
      '28000',
      false,
      expect.stringMatching(/cannot log in: .*(signature|[Aa]uthenticat)/),
    ])
    expect(await refused(asRole('stranger'))).toEqual(['42501', false, expect.stringContaining(topic)])
    expect(await refused(asRole('reader'), `${namespace}/absent`)).toEqual([
      '42P01',
      false,
      expect.stringContaining('absent'),
    ])
    const { urlTls: url } = broker()
    expect(await refused({ url })).toEqual(['08001', true, expect.stringMatching(/certificate/)])
    expect(await refused({ url: broker().url.replace('pulsar://', 'pulsar+ssl://') })).toEqual([
      '08001',
      true,
      expect.stringMatching(/cannot connect to Pulsar at 127\.0\.0\.1:\d+/),
    ])
    expect(await refused({ url: 'pulsar://127.0.0.1:1' })).toEqual([
      '08001',
      true,
      expect.stringContaining('ECONNREFUSED'),
    ])
  })

  test('a statement says in one line what is wrong, and shows no secret', async () => {
    const server = await startServer()
    const source = 'CREATE SOURCE s (n bigint) WITH'
    const sink = (options: string): string =>
      `CREATE SINK k AS SELECT n FROM local WITH (connector = 'pulsar', ${options})`
    await server.query('CREATE SOURCE local (n bigint)')
    const { url } = broker()
    const token = broker().token('reader')
    const says = async (statement: string, code: string, text: RegExp): Promise<void> => {
      const error = await server.query(statement).then(
        () => undefined,
        (e: unknown) => e,
      )
      expect(error, statement).toMatchObject({ code })
      const { message, hint } = error as { message: string; hint?: string }
      expect(message).toMatch(text)
      expect(message).not.toContain('\n')
      expect(`${message} ${hint}`).not.toContain(token)
    }
    await server.query(`${source} (connector = 'pulsar', url = '${url}', topic = '${topic}', token = '${token}')`)
    expect(await server.query('SELECT count(*) FROM s')).toEqual([['0']])
    await says(sink(`url = '${url}', topic = '${topic}', token = '${token}'`), '42501', /guarded/)
    const device = broker().token('device')
    await says(sink(`url = '${url}', topic = '${topic}', token = '${device}'`), '42501', /transactions/)
    await says(sink(`url = '${url}', topic = '${namespace}/none'`), '42P01', /none/)
    await says(sink(`url = 'pulsar://127.0.0.1:1', topic = 't'`), '08001', /127\.0\.0\.1:1/)
    await says(sink(`url = '${url}', topic = 't', compression = 'zip'`), '22023', /'none' or 'lz4'/)
    await says(sink(`url = '${url}', topic = 't', hashing = 'java'`), '22023', /no option "hashing"/)
  })
})
