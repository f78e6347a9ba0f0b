/** What goes wrong around a bucket is told in one line with what to do, and heals where it can. */
import { appendFileSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { s3Error } from '../../../src/storage/s3-errors.ts'
import { download, duckdb } from '../../support/duckdb.ts'
import { TestEngine } from '../../support/engine.ts'
import { freePorts } from '../../support/kafka.ts'
import { startMoto } from '../../support/s3.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import { missing, server } from './server.ts'

const withOptions = (options: Readonly<Record<string, string>>): string =>
  `WITH (${Object.entries({ connector: 's3', format: 'parquet', ...options })
    .map(([name, value]) => `${name} = '${value}'`)
    .join(', ')})`

const lines = (from: number, to: number): string =>
  Array.from({ length: to - from }, (_, i) => `{"id":${from + i}}\n`).join('')

/** An engine with a source `r` over a followed file of 10 rows. */
async function withRows(): Promise<{ engine: TestEngine; input: string }> {
  const input = join(temporaryFolder(), 'in.ndjson')
  writeFileSync(input, lines(0, 10))
  const engine = new TestEngine()
  await engine.query(`CREATE SOURCE r (id bigint) WITH (connector = 'file', path = '${input}', follow = 'true')`)
  return { engine, input }
}

describe.skipIf(missing)(`S3 that fails ${missing ?? ''}`, () => {
  test('a wrong endpoint, wrong keys and missing rights are told by CREATE, without a secret', async () => {
    const { engine } = await withRows()
    const { s3, prefix } = server.newPlace()
    const good = { ...server.options, bucket: s3.bucket, prefix }
    const errorOf = async (options: Readonly<Record<string, string>>): Promise<string> => {
      const errors = [await engine.errorOf(`CREATE SINK s FROM r ${withOptions({ ...good, ...options })}`)]
      errors.push(await engine.errorOf(`CREATE SOURCE t ${withOptions({ ...good, ...options })}`))
      expect(errors.join()).not.toContain('secret-1234')
      return errors[0] === errors[1] ? errors[0] : errors.join(' | ')
    }
    expect(await errorOf({ endpoint: 'http://127.0.0.1:1' })).toBe(
      '08001 - cannot reach S3 at http://127.0.0.1:1 (ECONNREFUSED)',
    )
    expect(await errorOf({ secret_access_key: 'wrong-secret-1234' })).toBe(
      `28000 - S3 at ${server.endpoint} refuses the credentials (SignatureDoesNotMatch)`,
    )
    expect(await errorOf({ access_key_id: 'nobody' })).toBe(
      `28000 - S3 at ${server.endpoint} refuses the credentials (InvalidAccessKeyId)`,
    )
    // Who may only read can read, where there is nothing yet.
    expect(await errorOf(server.readerOptions)).toBe(
      `42501 - S3 at ${server.endpoint} does not allow PutObject in bucket ${s3.bucket} | ` +
        '42P16 1 the columns of "t" are not known: there is no file yet',
    )
    expect(await engine.errorOf(`CREATE SINK s FROM r ${withOptions({ ...server.options })}`)).toMatch(
      /^22023 .* bucket/,
    )
    expect(await engine.errorOf(`CREATE SINK s FROM r ${withOptions({ ...good, secret_access_kye: 'x' })}`)).toMatch(
      /^22023 \d+ connector "s3" has no option "secret_access_kye"/,
    )
    expect(await engine.query('SELECT job FROM tidemark.jobs')).toEqual([])
  })

  test('secrets are shown nowhere', async () => {
    const { engine } = await withRows()
    const { s3, prefix } = server.newPlace()
    const sink = withOptions({ ...server.options, bucket: s3.bucket, prefix })
    await engine.query(`CREATE SINK s FROM r ${sink}`)
    const shown = [
      await engine.query('SHOW CREATE SINK s'),
      await engine.query('SELECT * FROM tidemark.jobs'),
      await engine.query(`EXPLAIN CREATE SINK t FROM r ${sink}`).catch(String),
    ]
    expect(JSON.stringify(shown)).toContain('access_key_id')
    expect(JSON.stringify(shown)).not.toContain('test-secret')
  })

  test('a missing bucket is told', async () => {
    const moto = await startMoto()
    if (!moto) return
    try {
      const { engine } = await withRows()
      const options = { ...server.options, endpoint: moto.endpoint, bucket: 'not-there' }
      const want = `58P01 - there is no bucket not-there at ${moto.endpoint}`
      expect(await engine.errorOf(`CREATE SINK s FROM r ${withOptions(options)}`)).toBe(want)
      expect(await engine.errorOf(`CREATE SOURCE t ${withOptions(options)}`)).toBe(want)
    } finally {
      moto.stop()
    }
  })

  test('a server that goes away and comes back loses nothing and doubles nothing', async () => {
    const gate = await openGate(new URL(server.endpoint).port)
    const { engine, input } = await withRows()
    const { s3, prefix } = server.newPlace()
    const options = { ...server.options, endpoint: gate.endpoint, bucket: s3.bucket, prefix, roll_interval: '0 s' }
    await engine.query(`CREATE SINK s FROM r ${withOptions(options)}`)
    const ids = async (): Promise<unknown[]> => {
      const rows = await duckdb(`SELECT id::INT FROM '${await download(s3, prefix)}/*.parquet'`).catch(() => [])
      return rows.map(([id]) => id)
    }
    while ((await ids()).length < 10);
    await gate.close()
    appendFileSync(input, lines(10, 20))
    const failed = await engine.until("SELECT error FROM tidemark.jobs WHERE state = 'failed'", rows => rows.length > 0)
    expect(failed).toEqual([[`cannot reach S3 at ${gate.endpoint} (ECONNREFUSED)`]])
    await gate.open()
    let read = await ids()
    while (read.length < 20) read = await ids()
    expect(read.sort((a, b) => Number(a) - Number(b))).toEqual(Array.from({ length: 20 }, (_, i) => i))
    await engine.close()
    await gate.close()
  })
})

/** The same server by another port, which can be shut: what clients of a killed server see. */
async function openGate(port: string) {
  const sockets = new Set<Socket>()
  const gate = createServer(from => {
    const to = connect(Number(port), '127.0.0.1')
    for (const [one, other] of [
      [from, to],
      [to, from],
    ] as const) {
      sockets.add(one)
      one.on('error', () => {}) // is followed by close
      one.on('close', () => {
        sockets.delete(one)
        other.destroy()
      })
      one.pipe(other)
    }
  })
  const [own] = await freePorts(1)
  const open = () => new Promise<void>(resolve => gate.listen(own, '127.0.0.1', resolve))
  await open()
  const close = async () => {
    const closed = new Promise(resolve => gate.close(resolve))
    for (const socket of sockets) socket.destroy()
    await closed
  }
  return { endpoint: `http://127.0.0.1:${own}`, open, close }
}

test('what a service may answer besides', () => {
  const request = { action: 'PutObject', bucket: 'b', key: 'k', endpoint: undefined }
  const answer = (name: string, status?: number, message = '') => {
    const error = Object.assign(new Error(message), { name, $metadata: { httpStatusCode: status } })
    const { sqlState, retryable } = s3Error(error, request) as { sqlState: string; retryable: boolean }
    return [sqlState, retryable]
  }
  expect(answer('XMinioStorageFull', 507)).toEqual(['53100', true])
  expect(answer('QuotaExceeded', 403)).toEqual(['53100', true])
  expect(answer('SlowDown', 503)).toEqual(['58030', true])
  expect(answer('InternalError', 500)).toEqual(['58030', true])
  expect(answer('PermanentRedirect', 301)).toEqual(['22023', false])
  expect(answer('CredentialsProviderError')).toEqual(['28000', false])
  expect(answer('ExpiredToken', 400)).toEqual(['28000', false])
  expect(answer('Error', undefined, 'Region is missing')).toEqual(['22023', false])
  expect(answer('EntityTooLarge', 400)).toEqual(['58030', false])
})

test('folders that cannot be are told by CREATE', async () => {
  const { engine } = await withRows()
  const sink = (partitionBy: string, path = join(temporaryFolder(), 'out')): string =>
    `CREATE SINK s FROM r ${withOptions({ connector: 'file', path, partition_by: partitionBy })}`
  expect(await engine.errorOf(sink('day(ts)'))).toMatch(/^42703 .* names column "ts", which the query does not have$/)
  expect(await engine.errorOf(sink('day(id)'))).toMatch(/^42804 .* needs a date or a timestamp/)
  const file = join(temporaryFolder(), 'file')
  writeFileSync(file, '')
  expect(await engine.errorOf(sink('id', join(file, 'below')))).toMatch(/^58030 - cannot use the folder .*: ENOTDIR$/)
  expect(await engine.query('SELECT job FROM tidemark.jobs')).toEqual([])
})
