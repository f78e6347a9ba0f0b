import { connect } from 'node:net'
import * as fc from 'fast-check'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { INTEGER, TEXT } from '../../src/batch/types.ts'
import { Connection } from '../../src/server/pgwire/connection.ts'
import type { PgServer } from '../../src/server/pgwire/server.ts'
import { FakeEngine, rowResult, rows, schemaOf } from './fake-engine.ts'
import { startTestServer, until } from './support.ts'
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

const two = schemaOf({ n: INTEGER, t: TEXT })
const fake = () =>
  new FakeEngine({
    a: rows(two, [
      [1, 'x'],
      [2, null],
    ]),
    p: { parameterTypes: [INTEGER, TEXT], schema: two, run: parameters => rowResult(two, [parameters]) },
    boom: {
      run: () => {
        throw new TypeError('a bug')
      },
    },
  })

const name = fc.constantFrom('', 's', 't')
const sql = fc.oneof(
  fc.constantFrom('a', 'p', 'boom', 'begin', 'commit', 'a; a', '', 'nowhere', 'syntax_error'),
  fc.string(),
)
const format = fc.array(fc.constantFrom(0, 1, 7), { maxLength: 3 })
const valid: fc.Arbitrary<Uint8Array> = fc.oneof(
  fc.string().map(user => startup({ user, options: user })),
  fc.constantFrom(request(80877103), request(80877102, 1, 2), sync(), flush()),
  sql.map(query),
  fc.tuple(name, sql, fc.array(fc.constantFrom(0, 23, 25, 99999))).map(([n, s, oids]) => parse(n, s, oids)),
  fc
    .tuple(name, name, fc.array(fc.option(fc.string())), format, format)
    .map(([p, s, values, parameters, results]) => bind(p, s, values, { parameters, results })),
  fc.tuple(fc.constantFrom<'S' | 'P'>('S', 'P'), name).map(([kind, n]) => describeMessage(kind, n)),
  fc.tuple(fc.constantFrom<'S' | 'P'>('S', 'P'), name).map(([kind, n]) => close(kind, n)),
  fc.tuple(name, fc.integer()).map(([p, n]) => execute(p, n)),
  fc.tuple(fc.constantFrom(...'QPBDCEHSFdcfpxX?'), fc.uint8Array({ maxLength: 30 })).map(([t, body]) => raw(t, body)),
)

/** Some bytes of a valid conversation changed, cut out or put in. */
const mutated = fc
  .tuple(
    fc.array(valid, { maxLength: 12 }),
    fc.array(fc.tuple(fc.nat(2000), fc.integer({ min: 0, max: 255 }), fc.nat(2)), { maxLength: 4 }),
    fc.boolean(),
  )
  .map(([messages, changes, started]) => {
    const bytes = [...Buffer.concat(messages)]
    for (const [at, byte, how] of changes) {
      if (how === 0) bytes[at % (bytes.length + 1)] = byte
      else bytes.splice(at % (bytes.length + 1), how === 1 ? 1 : 0, ...(how === 2 ? [byte] : []))
    }
    return Buffer.concat([started ? startup() : Buffer.alloc(0), Buffer.from(bytes)])
  })
const stream = fc.oneof(mutated, fc.uint8Array({ maxLength: 300 }))

/** Says all of it in the given pieces; gives back what was answered. */
async function converse(bytes: Uint8Array, pieceBytes: number): Promise<Uint8Array> {
  const engine = fake()
  const { host, wire, sent } = wired(engine, 1)
  const connection = new Connection(host, wire)
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    connection.receive(bytes.subarray(at, at + pieceBytes))
    await null
  }
  await new Promise(setImmediate)
  await connection.close()
  expect(engine.sessions.size).toBe(0)
  return Buffer.concat(sent)
}

test('whatever bytes come, well-formed messages go out and the session ends', async () => {
  await fc.assert(
    fc.asyncProperty(stream, fc.integer({ min: 1, max: 200 }), async (bytes, pieceBytes) => {
      const answer = await converse(bytes, pieceBytes)
      // N, refused encryption, is no message: it may stand at the start.
      let start = 0
      while (answer[start] === 78 && answer[start + 1] !== 0) start++
      expect(() => readBackend(answer.subarray(start))).not.toThrow()
    }),
    { numRuns: 3000 },
  )
})

let server: PgServer
const engine = fake()
beforeAll(async () => {
  server = await startTestServer(engine)
})
afterAll(() => server.close())

test('other connections live on, and nothing is left of the broken ones', async () => {
  const witness = new pg.Client({ host: '127.0.0.1', port: server.port, user: 'w', database: 'w' })
  await witness.connect()
  await fc.assert(
    fc.asyncProperty(stream, fc.boolean(), async (bytes, abrupt) => {
      const socket = connect(server.port, '127.0.0.1')
      socket.on('error', () => {})
      const closed = new Promise(resolve => socket.on('close', resolve))
      socket.resume()
      await new Promise<void>(resolve => socket.write(bytes, () => resolve()))
      if (abrupt) socket.destroy()
      else socket.end(terminate())
      await closed
      expect((await witness.query('a')).rows).toHaveLength(2)
    }),
    { numRuns: 100 },
  )
  await witness.end()
  await until(() => engine.sessions.size === 0)
})
