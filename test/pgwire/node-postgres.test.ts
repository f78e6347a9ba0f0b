import { connect } from 'node:net'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Batch, batchOfRows } from '../../src/batch/batch.ts'
import {
  BIGINT,
  BOOLEAN,
  BYTEA,
  DATE,
  DOUBLE,
  INTEGER,
  JSONB,
  NUMERIC,
  TEXT,
  TIMESTAMPTZ,
} from '../../src/batch/types.ts'
import type { PgServer } from '../../src/server/pgwire/server.ts'
import { FakeEngine, rowResult, rows, schemaOf } from './fake-engine.ts'
import { startTestServer, until } from './support.ts'
import { query, startup } from './wire-client.ts'

const everything = schemaOf({
  b: BOOLEAN,
  i: INTEGER,
  l: BIGINT,
  d: DOUBLE,
  n: NUMERIC,
  t: TEXT,
  y: BYTEA,
  day: DATE,
  at: TIMESTAMPTZ,
  j: JSONB,
  a: { kind: 'array', element: INTEGER },
})
const parameterTypes = everything.fields.map(f => f.type)
const count = schemaOf({ n: INTEGER })

let pulled = 0
async function* endless(): AsyncGenerator<Batch> {
  const batch = batchOfRows(
    schemaOf({ t: TEXT }),
    Array.from({ length: 100 }, () => ['x'.repeat(1000)]),
  )
  for (;;) {
    pulled++
    yield batch
    await new Promise(setImmediate)
  }
}

const engine = new FakeEngine({
  'select everything': { parameterTypes, schema: everything, run: parameters => rowResult(everything, [parameters]) },
  'select 10000': rows(
    count,
    Array.from({ length: 10_000 }, (_, i) => [i]),
    1000,
  ),
  wait: { run: (_, session) => session.waitForCancel() },
  endless: { run: () => ({ kind: 'rows', tag: 'SELECT', schema: schemaOf({ t: TEXT }), batches: endless() }) },
})
let server: PgServer
beforeAll(async () => {
  server = await startTestServer(engine, { connectionsMax: 50, outputBytesMax: 1 })
})
afterAll(() => server.close())

const config = () => ({ host: '127.0.0.1', port: server.port, user: 'tidemark', database: 'tidemark' })
async function client(): Promise<pg.Client> {
  const opened = new pg.Client(config())
  opened.on('error', () => {})
  await opened.connect()
  return opened
}

test('parameters of every type go in and come back', async () => {
  const c = await client()
  const at = new Date('2026-07-08T12:00:00.123Z')
  const values = [true, -5, '9007199254740993', 20.875, '12.340', 'Grüße 🌊', Buffer.from([0, 255]), '2026-07-08', at]
  const { rows: got } = await c.query('select everything', [...values, { a: [1] }, [1, null, 3]])
  expect(got[0]).toMatchObject({
    b: true,
    i: -5,
    l: '9007199254740993',
    d: 20.875,
    n: '12.340',
    t: 'Grüße 🌊',
    y: Buffer.from([0, 255]),
    at,
    j: { a: [1] },
    a: [1, null, 3],
  })
  expect((await c.query('select everything', Array(11).fill(null))).rows[0].n).toBe(null)
  await expect(c.query('select everything', ['maybe', ...Array(10).fill(null)])).rejects.toMatchObject({
    code: '22P02',
  })
  await c.end()
})

test('many clients at once, and one too many is refused', async () => {
  const clients = await Promise.all(Array.from({ length: 50 }, client))
  await expect(client()).rejects.toMatchObject({ code: '53300' })
  const answers = await Promise.all(clients.map(c => c.query({ name: 'p', text: 'select 10000', rowMode: 'array' })))
  for (const { rows: got } of answers) expect([got.length, got[9999][0]]).toEqual([10_000, 9999])
  await Promise.all(clients.map(c => c.end()))
  await until(() => engine.sessions.size === 0)
  await (await client()).end()
})

test('a cancel request with the right secret stops the statement, with a wrong one nothing', async () => {
  const c = await client()
  const { processID, secretKey } = c as unknown as { processID: number; secretKey: number } // untyped parts of pg.Client
  const running = c.query('wait')
  const asked = async (secret: number): Promise<void> => {
    const packet = Buffer.alloc(16)
    for (const [i, word] of [16, 80877102, processID, secret].entries()) packet.writeInt32BE(word, i * 4)
    const socket = connect(server.port, '127.0.0.1', () => socket.write(packet))
    await new Promise(resolve => socket.on('close', resolve))
  }
  await asked(secretKey ^ 1)
  let ended = false
  running.catch(() => (ended = true))
  await new Promise(setImmediate)
  expect(ended).toBe(false)
  await asked(secretKey)
  await expect(running).rejects.toMatchObject({ code: '57014' })
  expect((await c.query('select 10000')).rowCount).toBe(10_000)
  await c.end()
})

test('a slow reader stops the pulling of its rows; a gone one ends the statement', async () => {
  pulled = 0
  const socket = connect(server.port, '127.0.0.1', () => {
    socket.write(Buffer.concat([startup(), query('endless')]))
    socket.pause()
  })
  await until(() => pulled > 0)
  // The kernel's buffers fill, then nothing is pulled any more.
  let before = -1
  while (before !== pulled) {
    before = pulled
    await new Promise(resolve => setTimeout(resolve, 50))
  }
  expect(pulled * 100_000).toBeLessThan(20 * 1024 * 1024)
  socket.resume()
  await until(() => pulled > before + 10)
  socket.destroy()
  await until(() => engine.sessions.size === 0)
})

test('a server closes though a client does not read', async () => {
  const other = await startTestServer(engine, { outputBytesMax: 1 })
  const socket = connect(other.port, '127.0.0.1', () => {
    socket.write(Buffer.concat([startup(), query('endless')]))
    socket.pause()
  })
  socket.on('error', () => {})
  pulled = 0
  await until(() => pulled > 10)
  await other.close()
  expect(engine.sessions.size).toBe(0)
  socket.destroy()
})

test('a client that never finishes its start-up is let go', async () => {
  const other = await startTestServer(engine, { startupTimeoutMs: 20 })
  const socket = connect(other.port, '127.0.0.1', () => socket.write(startup().subarray(0, 9)))
  socket.resume()
  await new Promise(resolve => socket.on('close', resolve))
  await other.close()
})

test('a server that closes tells its clients', async () => {
  const other = await startTestServer(engine)
  const c = new pg.Client({ ...config(), port: other.port })
  const told = new Promise(resolve => c.on('error', resolve))
  await c.connect()
  await other.close()
  expect(await told).toMatchObject({ code: '57P01' })
})
