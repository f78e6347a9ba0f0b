import { expect, test } from 'vitest'
import { EngineError } from '../../src/base/errors.ts'
import { type Batch, batchOfRows } from '../../src/batch/batch.ts'
import { INTEGER, TEXT } from '../../src/batch/types.ts'
import { copyFormat } from '../../src/engine/copy-options.ts'
import type { Result } from '../../src/engine/session.ts'
import { Connection } from '../../src/server/pgwire/connection.ts'
import { FakeEngine, type FakeSession, type FakeStatement, rowResult, rows, schemaOf } from './fake-engine.ts'
import {
  bind,
  close,
  describeMessage,
  execute,
  flush,
  parse,
  query,
  raw,
  readBackend,
  request,
  startup,
  sync,
  terminate,
} from './wire-client.ts'
import { wired } from './wired.ts'

/** One change, then silence until the cancel. */
async function* changes(session: FakeSession): AsyncGenerator<Batch> {
  yield batchOfRows(numbers, [[1, 'first']])
  yield await session.waitForCancel()
}

function copyResult(format: 'text' | 'csv', values: (number | string | null)[][]): Result {
  const { schema, batches } = rowResult(numbers, values)
  const header = format === 'csv' ? [{ name: 'header', value: 'true', at: 0 }] : []
  return {
    kind: 'copy',
    format: copyFormat([{ name: 'format', value: format, at: 0 }, ...header], 'to'),
    schema,
    batches,
  }
}

const numbers = schemaOf({ n: INTEGER, t: TEXT })
const statements: Record<string, FakeStatement> = {
  'select 2 rows': rows(numbers, [
    [1, 'a'],
    [-20, null],
  ]),
  'select 5 rows': rows(schemaOf({ n: INTEGER }), [[1], [2], [3], [4], [5]], 2),
  'select nothing': rows(schemaOf({ n: INTEGER }), []),
  'select $1, $2': {
    parameterTypes: [INTEGER, TEXT],
    schema: numbers,
    run: parameters => rowResult(numbers, [parameters]),
  },
  'copy text': {
    run: () =>
      copyResult('text', [
        [1, 'a\tb\\'],
        [2, null],
      ]),
  },
  'copy csv': {
    run: () =>
      copyResult('csv', [
        [1, 'a,b'],
        [2, null],
        [3, ''],
        [4, 'say "x"\n'],
      ]),
  },
  subscribe: {
    run: (_, session) => ({ kind: 'rows', tag: 'SELECT', schema: numbers, batches: changes(session) }),
  },
  weighted: {
    run: () => {
      async function* batches(): AsyncGenerator<Batch> {
        yield batchOfRows(
          numbers,
          [
            [1, 'a'],
            [2, 'b'],
            [3, 'c'],
          ],
          [2, 0, 1],
        )
      }
      return { kind: 'rows', tag: 'SELECT', schema: numbers, batches: batches() }
    },
  },
  'set x': {
    run: (_, session) => {
      session.onSetting('timezone', 'Asia/Tokyo')
      session.onSetting('search_path', 'unreported')
      session.onNotice({ severity: 'WARNING', error: new EngineError('01000', 'take care', { position: 5 }) })
      return { kind: 'command', tag: 'SET' }
    },
  },
  'create x': { run: () => ({ kind: 'command' as const, tag: 'CREATE MATERIALIZED VIEW' }) },
}

/** A connection without sockets: bytes in, lines out. */
function open(engine = new FakeEngine(statements)) {
  const { host, wire, sent, isClosed } = wired(engine, 77)
  const connection = new Connection(host, wire)
  const say = async (...messages: Uint8Array[]): Promise<string[]> => {
    sent.length = 0
    connection.receive(Buffer.concat(messages))
    // The fake answers within microtasks, and what waits for the end of a turn goes out by then.
    for (let i = 0; i < 20; i++) await new Promise(setImmediate)
    return readBackend(Buffer.concat(sent))
  }
  return { say, connection, engine, isClosed }
}

async function started() {
  const opened = open()
  await opened.say(startup())
  return opened
}

test('start-up: SSL and GSS refused, then parameters, key, ready', async () => {
  const { say } = open()
  expect(await say(request(80877103))).toEqual(['N'])
  expect(await say(request(80877104))).toEqual(['N'])
  const lines = await say(
    startup({ user: 'ann', client_encoding: 'LATIN1', options: '-c TimeZone=Asia/Tokyo', application_name: 'test' }),
  )
  expect(lines[0]).toBe('R')
  expect(lines).toContain('S application_name=test')
  expect(lines).toContain('S client_encoding=UTF8')
  expect(lines).toContain('S TimeZone=Asia/Tokyo')
  expect(lines).toContain('S DateStyle=ISO, MDY')
  expect(lines.find(l => l.startsWith('S server_version='))).toBe('S server_version=15.0 (Fake)')
  expect(lines.at(-2)).toMatch(/^K 77 [0-9a-f]{8}$/)
  expect(lines.at(-1)).toBe('Z I')
})

test('a newer minor version and unknown options are negotiated down to 3.2, whose key is longer', async () => {
  const lines = await open().say(startup({ user: 'u', '_pq_.x': '1' }, 196608 + 9))
  expect(lines[0]).toBe(`v ${196608 + 2} _pq_.x`)
  expect(lines.at(-2)).toMatch(/^K 77 [0-9a-f]{64}$/)
})

test('an old protocol, a wrong length and a start without a user end the connection', async () => {
  const old = open()
  expect((await old.say(startup({ user: 'u' }, 131072)))[0]).toMatch(
    /^E FATAL 0A000 unsupported frontend protocol 2\.0/,
  )
  expect(old.isClosed()).toBe(true)
  expect((await open().say(Buffer.from('GET / HTTP/1.1\r\n\r\n')))[0]).toMatch(/^E FATAL 08P01 invalid length/)
  expect((await open().say(startup({ database: 'd' })))[0]).toMatch(/^E FATAL 28000/)
})

test('simple query: several statements, an error stops the rest', async () => {
  const { say } = await started()
  expect(await say(query('select 2 rows; create x'))).toEqual([
    'T n:23/4/-1/0 t:25/-1/-1/0',
    'D 1|a',
    'D -20|NULL',
    'C SELECT 2',
    'C CREATE MATERIALIZED VIEW',
    'Z I',
  ])
  expect(await say(query('create x; nowhere; create x'))).toEqual([
    'C CREATE MATERIALIZED VIEW',
    'E ERROR 42P01 relation "nowhere" does not exist D=It is a fake. H=The fake knows other statements. P=11',
    'Z I',
  ])
  expect(await say(query('create x; syntax_error'))).toEqual([
    'E ERROR 42601 syntax error at or near "syntax_error" P=11',
    'Z I',
  ])
  expect(await say(query(' ; '))).toEqual(['I', 'Z I'])
  expect(await say(query('begin'))).toEqual(['C BEGIN', 'Z T'])
})

test('an error position counts characters, not UTF-16 units', async () => {
  const { say } = await started()
  expect((await say(query('create x; /*🌊é*/ syntax_error')))[0]).toMatch(/P=18$/)
})

test('extended query: parse, bind, describe, execute, in text and binary', async () => {
  const { say } = await started()
  expect(await say(parse('s', 'select $1, $2'), describeMessage('S', 's'), sync())).toEqual([
    '1',
    't 23 25',
    'T n:23/4/-1/0 t:25/-1/-1/0',
    'Z I',
  ])
  expect(await say(bind('', 's', ['7', 'x'], { results: [1, 0] }), describeMessage('P'), execute(), sync())).toEqual([
    '2',
    'T n:23/4/-1/1 t:25/-1/-1/0',
    'D \0\0\0\x07|x',
    'C SELECT 1',
    'Z I',
  ])
  expect(await say(bind('', 's', [Buffer.from([0, 0, 1, 0]), null], { parameters: [1] }), execute(), sync())).toEqual([
    '2',
    'D 256|NULL',
    'C SELECT 1',
    'Z I',
  ])
  expect(await say(close('S', 's'), bind('', 's', []), sync())).toEqual([
    '3',
    'E ERROR 26000 prepared statement "s" does not exist',
    'Z I',
  ])
})

test('row limits suspend a portal; it goes on, and ends with its transaction', async () => {
  const { say } = await started()
  await say(query('begin'))
  expect(await say(parse('', 'select 5 rows'), bind('p', ''), execute('p', 3), sync())).toEqual([
    '1',
    '2',
    'D 1',
    'D 2',
    'D 3',
    's',
    'Z T',
  ])
  expect(await say(execute('p', 2), flush())).toEqual(['D 4', 'D 5', 's'])
  expect(await say(execute('p', 2), sync())).toEqual(['C SELECT 0', 'Z T'])
  await say(query('commit'))
  expect(await say(execute('p'), sync())).toEqual(['E ERROR 34000 portal "p" does not exist', 'Z I'])
})

test('after an error everything up to Sync is skipped', async () => {
  const { say } = await started()
  expect(await say(parse('', 'nowhere'), bind('', ''), execute(), sync(), query('create x'))).toEqual([
    expect.stringMatching(/^E ERROR 42P01 .*P=1$/),
    'Z I',
    'C CREATE MATERIALIZED VIEW',
    'Z I',
  ])
  expect(await say(parse('', 'create x; create x'), sync())).toEqual([
    'E ERROR 42601 cannot insert multiple commands into a prepared statement',
    'Z I',
  ])
})

test('empty statements, results without rows and statements without results', async () => {
  const { say } = await started()
  expect(await say(parse('', ''), bind('', ''), describeMessage('P'), execute(), sync())).toEqual([
    '1',
    '2',
    'n',
    'I',
    'Z I',
  ])
  expect(await say(parse('', 'create x'), describeMessage('S'), bind('', ''), execute(), sync())).toEqual([
    '1',
    't ',
    'n',
    '2',
    'C CREATE MATERIALIZED VIEW',
    'Z I',
  ])
  expect(await say(query('select nothing'))).toEqual(['T n:23/4/-1/0', 'C SELECT 0', 'Z I'])
})

test('COPY TO STDOUT in text and CSV', async () => {
  const { say } = await started()
  expect(await say(query('copy text'))).toEqual([
    'H',
    String.raw`d "1\ta\\tb\\\\\n"`,
    String.raw`d "2\t\\N\n"`,
    'c',
    'C COPY 2',
    'Z I',
  ])
  expect(await say(query('copy csv'))).toEqual([
    'H',
    String.raw`d "n,t\n"`,
    String.raw`d "1,\"a,b\"\n"`,
    String.raw`d "2,\n"`,
    String.raw`d "3,\"\"\n"`,
    String.raw`d "4,\"say \"\"x\"\"\n\"\n"`,
    'c',
    'C COPY 4',
    'Z I',
  ])
})

test('a change is sent when it comes; a cancel ends the subscription, and the conversation goes on', async () => {
  const { say, engine } = await started()
  expect(await say(query('subscribe'))).toEqual(['T n:23/4/-1/0 t:25/-1/-1/0', 'D 1|first'])
  for (const session of engine.sessions) session.cancel()
  expect(await say(query('create x'))).toEqual([
    'E ERROR 57014 canceling statement due to user request',
    'Z I',
    'C CREATE MATERIALIZED VIEW',
    'Z I',
  ])
})

test('notices and changed settings are told', async () => {
  const { say } = await started()
  expect(await say(query('set x'))).toEqual(['S TimeZone=Asia/Tokyo', 'N WARNING 01000 take care P=5', 'C SET', 'Z I'])
})

test('a row of weight n is n rows', async () => {
  const { say } = await started()
  expect(await say(query('weighted'))).toEqual([
    'T n:23/4/-1/0 t:25/-1/-1/0',
    'D 1|a',
    'D 1|a',
    'D 3|c',
    'C SELECT 3',
    'Z I',
  ])
})

test('misuse is answered with its SQLSTATE and the conversation goes on', async () => {
  const { say } = await started()
  expect(await say(parse('s', 'create x'), parse('s', 'create x'), sync())).toEqual([
    '1',
    'E ERROR 42P05 prepared statement "s" already exists',
    'Z I',
  ])
  expect((await say(parse('', 'select $1, $2'), bind('', '', ['1']), sync()))[1]).toMatch(
    /^E ERROR 08P01 bind message supplies 1 parameters/,
  )
  expect((await say(parse('', 'select $1, $2', [9999]), sync()))[0]).toMatch(/^E ERROR 42704 type with OID 9999/)
  expect((await say(bind('', 's', [], { results: [1, 1] }), sync()))[0]).toMatch(/^E ERROR 08P01 .*2 result formats/)
  expect(await say(raw('F', Buffer.from([0, 0, 0, 1])))).toEqual([
    expect.stringMatching(/^E ERROR 0A000 the function call message/),
    'Z I',
  ])
  // A body that cannot be read: simple ones are answered at once, extended ones skip to Sync.
  expect(await say(raw('Q', Buffer.from('no end')))).toEqual([expect.stringMatching(/^E ERROR 08P01/), 'Z I'])
  expect(await say(raw('B', Buffer.from([1])), query('create x'), sync())).toEqual([
    expect.stringMatching(/^E ERROR 08P01/),
    'Z I',
  ])
  expect(await say(query('create x'))).toHaveLength(2)
})

test('a message of unknown type or of too many bytes ends the connection with the reason', async () => {
  const unknown = await started()
  expect((await unknown.say(raw('y', Buffer.from('1'))))[0]).toMatch(/^E FATAL 08P01 invalid frontend message type 121/)
  expect(unknown.isClosed()).toBe(true)
  const large = await started()
  expect((await large.say(query('x'.repeat(10_000))))[0]).toMatch(/^E FATAL 54000 .*10005 bytes.*pg_message_bytes_max/)
  expect(large.isClosed()).toBe(true)
})

test('bytes may be cut anywhere', async () => {
  const { say } = open()
  const all = Buffer.concat([
    startup(),
    query('select 2 rows'),
    parse('', 'select 2 rows'),
    bind('', ''),
    execute(),
    sync(),
  ])
  const lines: string[] = []
  for (const byte of all) lines.push(...(await say(Uint8Array.of(byte))))
  expect(lines.slice(lines.indexOf('Z I') + 1)).toEqual([
    'T n:23/4/-1/0 t:25/-1/-1/0',
    'D 1|a',
    'D -20|NULL',
    'C SELECT 2',
    'Z I',
    '1',
    '2',
    'D 1|a',
    'D -20|NULL',
    'C SELECT 2',
    'Z I',
  ])
})

test('terminate closes the session', async () => {
  const { say, engine, connection, isClosed } = await started()
  expect(engine.sessions.size).toBe(1)
  await say(terminate())
  expect(isClosed()).toBe(true)
  await connection.close()
  expect(engine.sessions.size).toBe(0)
})
