import { execFile, spawn, spawnSync } from 'node:child_process'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { INTEGER, TEXT } from '../../src/batch/types.ts'
import type { PgServer } from '../../src/server/pgwire/server.ts'
import { FakeEngine, type FakeStatement, rowResult, rows, schemaOf } from './fake-engine.ts'
import { required, startTestServer, testCatalog, until } from './support.ts'

const run = promisify(execFile)
const hasPsql = required('psql', spawnSync('psql', ['--version']).status === 0)
const two = schemaOf({ n: INTEGER, t: TEXT })

const copy: FakeStatement = {
  run: () => {
    const { schema, batches } = rowResult(two, [[1, 'a\nb']])
    return { kind: 'copy', format: 'text', header: false, schema, batches }
  },
}

describe.skipIf(!hasPsql)('psql', () => {
  const catalog = testCatalog()
  let waiting = 0
  let server: PgServer
  const engine = new FakeEngine(
    {
      'select 2 rows': rows(two, [
        [1, 'a'],
        [-20, null],
      ]),
      'copy t to stdout': copy,
      'COPY  t TO STDOUT': copy, // as psql writes it for \\copy
      wait: {
        run: (_, session) => {
          waiting++
          return session.waitForCancel()
        },
      },
    },
    catalog,
  )
  beforeAll(async () => {
    server = await startTestServer(engine)
  })
  afterAll(async () => {
    await server.close()
    await catalog.close()
  })

  const options = (): string[] => [
    '-X',
    '-h',
    '127.0.0.1',
    '-p',
    String(server.port),
    '-U',
    'tidemark',
    '-d',
    'tidemark',
  ]
  const psql = async (...args: string[]): Promise<{ stdout: string; stderr: string }> =>
    run('psql', [...options(), ...args]).catch((error: { stdout: string; stderr: string }) => error)

  test('prints rows', async () => {
    expect((await psql('-c', 'select 2 rows')).stdout).toBe('  n  | t \n-----+---\n   1 | a\n -20 | \n(2 rows)\n\n')
    expect((await psql('-At', '-c', 'select 2 rows; select 2 rows')).stdout).toBe('1|a\n-20|\n1|a\n-20|\n')
  })

  test('copies out', async () => {
    expect((await psql('-c', 'copy t to stdout')).stdout).toBe('1\ta\\nb\n')
    expect((await psql('-c', '\\copy t to stdout')).stdout).toBe('1\ta\\nb\n')
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

  test('Ctrl-C cancels the statement', async () => {
    const child = spawn('psql', [...options(), '-c', 'wait'], { stdio: ['ignore', 'ignore', 'pipe'] })
    let stderr = ''
    child.stderr.on('data', text => (stderr += text))
    const ended = new Promise(resolve => child.on('close', resolve))
    const before = waiting
    await until(() => waiting > before)
    child.kill('SIGINT')
    await ended
    expect(stderr).toContain('ERROR:  canceling statement due to user request')
  })

  test('\\d lists relations by kind', async () => {
    const { stdout } = await psql('-At', '-c', '\\d')
    expect(stdout).toBe(
      [
        'public|averages|materialized view|tidemark',
        'public|latest|view|tidemark',
        'public|sensors|table|tidemark',
        '',
      ].join('\n'),
    )
    expect((await psql('-At', '-c', '\\dm')).stdout).toBe('public|averages|materialized view|tidemark\n')
    expect((await psql('-At', '-c', '\\dt tidemark.*')).stdout).toBe('tidemark|jobs|table|tidemark\n')
  })

  test('\\d name shows columns and key', async () => {
    const { stdout } = await psql('-c', '\\d sensors')
    expect(stdout).toContain('Table "public.sensors"')
    expect(stdout).toMatch(/ ts +\| timestamp with time zone \| /)
    expect(stdout).toContain('"sensors_pkey" PRIMARY KEY, btree (device_id)')
    expect((await psql('-c', '\\d averages')).stdout).toMatch(
      /Materialized view "public.averages"[\s\S]* average +\| double precision/,
    )
    expect((await psql('-c', '\\d nosuch')).stderr).toBe('Did not find any relation named "nosuch".\n')
  })

  test.each(['\\l', '\\dn', '\\du', '\\dv', '\\df', '\\dT', '\\d+ averages', '\\dt+', '\\dS', '\\dO', '\\di'])(
    '%s is answered',
    async command => expect((await psql('-c', command)).stderr).toBe(''),
  )
})
