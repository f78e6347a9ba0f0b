import { execFile, spawn, spawnSync } from 'node:child_process'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { realServer, required } from './support.ts'

const hasPsql = required('psql', spawnSync('psql', ['--version']).status === 0)

describe.skipIf(!hasPsql)('psql', () => {
  const server = realServer()
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
    promisify(execFile)('psql', [...options(), ...args]).catch((error: { stdout: string; stderr: string }) => error)

  test('prints rows', async () => {
    expect((await psql('-c', "select device_id, value from sensors where device_id = 'a' order by 2")).stdout).toBe(
      ' device_id | value \n-----------+-------\n a         |  1.50\n a         |  4.50\n(2 rows)\n\n',
    )
    expect((await psql('-At', '-c', 'select 1; select null, 2')).stdout).toBe('1\n|2\n')
  })

  test('copies out', async () => {
    const query = 'select device_id, value from sensors order by ts'
    expect((await psql('-c', `copy (${query}) to stdout`)).stdout).toBe('a\t1.50\nb\t\\N\na\t4.50\nGrüße\t20.25\n')
    expect((await psql('-c', `\\copy (${query}) to stdout csv header`)).stdout).toBe(
      'device_id,value\na,1.50\nb,\na,4.50\nGrüße,20.25\n',
    )
  })

  test('fetches from cursors', async () => {
    const commands = [
      'begin',
      'declare c cursor for select device_id from sensors order by ts',
      'fetch 2 from c',
      'fetch all from c',
      'commit',
    ]
    const { stdout } = await psql('-Atq', ...commands.flatMap(c => ['-c', c]))
    expect(stdout).toBe('a\nb\na\nGrüße\n')
  })

  test('points at the place of an error', async () => {
    const { stderr } = await psql('-c', 'select 1; select nosuch from sensors')
    expect(stderr).toMatch(
      /^ERROR: {2}column "nosuch" does not exist\nLINE 1: select 1; select nosuch from sensors\n {25}\^\n/,
    )
  })

  test('Ctrl-C cancels a subscription', async () => {
    // psql fills its buffer before it writes to a pipe, unless told otherwise.
    const child = spawn('stdbuf', ['-oL', 'psql', ...options(), '-c', 'copy (subscribe averages) to stdout'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let stderr = ''
    child.stderr.on('data', text => (stderr += text))
    const ended = new Promise(resolve => child.on('close', resolve))
    await new Promise(resolve => child.stdout.once('data', resolve))
    child.kill('SIGINT')
    await ended
    expect(stderr).toContain('ERROR:  canceling statement due to user request')
  })

  test('\\d lists relations by kind', async () => {
    expect((await psql('-At', '-c', '\\d')).stdout).toBe(
      [
        'public|averages|materialized view|tidemark',
        'public|latest|view|tidemark',
        'public|sensors|table|tidemark',
        '',
      ].join('\n'),
    )
    expect((await psql('-At', '-c', '\\dm')).stdout).toBe('public|averages|materialized view|tidemark\n')
    expect((await psql('-At', '-c', '\\dv tidemark.jobs')).stdout).toBe('tidemark|jobs|view|tidemark\n')
  })

  test('\\d name shows the columns', async () => {
    const { stdout } = await psql('-c', '\\d sensors')
    expect(stdout).toContain('Table "public.sensors"')
    expect(stdout).toMatch(/ ts +\| timestamp with time zone \| /)
    expect(stdout).toMatch(/ value +\| numeric\(10,2\) +\| /)
    expect((await psql('-c', '\\d averages')).stdout).toMatch(
      /Materialized view "public.averages"[\s\S]* average +\| numeric/,
    )
    expect((await psql('-c', '\\d nosuch')).stderr).toBe('Did not find any relation named "nosuch".\n')
  })

  test.each([
    '\\l',
    '\\dn',
    '\\du',
    '\\dv',
    '\\df',
    '\\dT',
    '\\d+ averages',
    '\\dt+',
    '\\dS',
    '\\dO',
    '\\di',
    '\\dp',
    '\\dx',
  ])('%s is answered', async command => expect((await psql('-c', command)).stderr).toBe(''))
})
