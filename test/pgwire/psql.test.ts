import { execFile, spawnSync } from 'node:child_process'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { silentLogger } from '../../src/base/log.ts'
import { INTEGER, TEXT } from '../../src/batch/types.ts'
import { type PgServer, startPgServer } from '../../src/server/pgwire/server.ts'
import { FakeEngine, rows, schemaOf } from './fake-engine.ts'

const run = promisify(execFile)
const hasPsql = spawnSync('psql', ['--version']).status === 0
if (!hasPsql) console.log('skipped: psql is not installed')

describe.skipIf(!hasPsql)('psql', () => {
  let server: PgServer
  beforeAll(async () => {
    const engine = new FakeEngine({
      'select 2 rows': rows(schemaOf({ n: INTEGER, t: TEXT }), [
        [1, 'a'],
        [-20, null],
      ]),
      wait: { run: (_, session) => session.waitForCancel() },
    })
    server = await startPgServer({
      host: '127.0.0.1',
      port: 0,
      sessions: engine,
      log: silentLogger,
      clock: systemClock,
    })
  })
  afterAll(() => server.close())

  const psql = async (...args: string[]): Promise<{ stdout: string; stderr: string }> =>
    run('psql', [
      '-X',
      '-h',
      '127.0.0.1',
      '-p',
      String(server.port),
      '-U',
      'tidemark',
      '-d',
      'tidemark',
      ...args,
    ]).catch((error: { stdout: string; stderr: string }) => error)

  test('prints rows', async () => {
    expect((await psql('-c', 'select 2 rows')).stdout).toBe('  n  | t \n-----+---\n   1 | a\n -20 | \n(2 rows)\n\n')
    expect((await psql('-At', '-c', 'select 2 rows; select 2 rows')).stdout).toBe('1|a\n-20|\n1|a\n-20|\n')
  })

  test('points at the place of an error', async () => {
    const { stderr } = await psql('-c', 'select 2 rows; nowhere')
    expect(stderr).toBe(
      [
        'ERROR:  relation "nowhere" does not exist',
        'LINE 1: select 2 rows; nowhere',
        '                       ^',
        'DETAIL:  It is a fake.',
        'HINT:  The fake knows other statements.',
        '',
      ].join('\n'),
    )
  })
})
