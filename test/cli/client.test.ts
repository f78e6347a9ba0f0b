import { spawnSync } from 'node:child_process'
import { beforeAll, describe, expect, test } from 'vitest'
import { required } from '../pgwire/support.ts'
import { start, startInTerminal, tidemark } from '../support/cli.ts'
import { oneServer } from './support.ts'

const server = oneServer()
const to = (): string[] => ['--to', `localhost:${server.port}`]

beforeAll(async () => {
  await server.query('CREATE SOURCE readings (d text, v int)')
  await server.query('CREATE MATERIALIZED VIEW sums AS SELECT d, sum(v) AS s FROM readings GROUP BY d')
  await server.query("INSERT INTO readings VALUES ('a', 1), ('b', 2)")
  await server.until('SELECT count(*) FROM sums', ([[n]]) => n === '2')
})

describe('jobs', () => {
  const jobs = (...args: string[]) => tidemark(['jobs', ...args, ...to()])

  test('are listed, shown, paused, resumed and dropped', async () => {
    await server.query('CREATE MATERIALIZED VIEW "My View" AS SELECT max(v) AS m FROM readings')
    const list = await jobs()
    expect(list.code).toBe(0)
    expect(list.out).toMatch(/^job +\| kind +\| state/)
    expect(list.out).toMatch(/^My View \| materialized view \| running/m)
    const state = async (): Promise<string | undefined> =>
      /^state +(.*)$/m.exec((await jobs('show', 'My View')).out)?.[1]
    expect(await state()).toBe('running')
    expect(await jobs('pause', 'My View')).toMatchObject({ code: 0, out: 'paused My View\n' })
    expect(await state()).toBe('paused')
    expect(await jobs('resume', 'public.My View')).toMatchObject({ code: 0, out: 'resumed My View\n' })
    expect(await state()).toBe('running')
    expect(await jobs('drop', 'My View')).toMatchObject({ code: 0, out: 'dropped My View\n' })
    expect(await jobs('show', 'My View')).toMatchObject({ code: 1, err: expect.stringContaining('there is no job') })
  })

  test('a wrong name offers the nearest; a wrong verb is wrong use', async () => {
    const [name, verb, none] = await Promise.all([jobs('pause', 'sum'), jobs('puase', 'sums'), jobs('pause')])
    expect(name).toMatchObject({ code: 1, err: 'error: there is no job "sum"\nhint: did you mean sums?\n' })
    expect(verb).toMatchObject({ code: 2, err: 'error: jobs cannot "puase"\nhint: did you mean pause?\n' })
    expect(none).toMatchObject({ code: 2, err: 'error: jobs pause needs the name of a job\n' })
  })
})

describe('sql', () => {
  const sql = (command: string) => tidemark(['sql', '-c', command, ...to()])
  const piped = (input: string) => tidemark(['sql', ...to()], { input })

  test('prints rows and tags; stops at the first error, with its place', async () => {
    const [rows, error, pipe, syntax] = await Promise.all([
      sql("SELECT d, s FROM sums ORDER BY d; SELECT NULL AS n, E'x\\ty' AS t"),
      sql('SELECT 1 AS a;\nSELECT\n 1/0; SELECT 2'),
      piped('SELECT 1 AS a;\nSET timezone = UTC;\nSELECT nope;\nSELECT 2'),
      piped('SELECT 1;; SELEC 2'),
    ])
    expect(rows).toEqual({
      code: 0,
      out: 'd | s\n--+--\na | 1\nb | 2\n(2 rows)\nn | t\n--+-----\n  | x\\ty\n(1 row)\n',
      err: '',
    })
    expect(error).toEqual({ code: 1, out: 'a\n-\n1\n(1 row)\n', err: 'error: division by zero\n' })
    expect(pipe).toMatchObject({ code: 1, out: 'a\n-\n1\n(1 row)\nSET\n' })
    expect(pipe.err).toContain('error: line 3, column 8: column "nope" does not exist')
    expect(syntax).toMatchObject({ code: 1, out: '', err: expect.stringContaining('line 1, column 12') })
  })

  test('a long answer comes whole, and a reader that has seen enough ends it', async () => {
    await server.query('CREATE SOURCE many (n int)')
    const numbers = Array.from({ length: 50_000 }, (_, i) => String(i + 1))
    await tidemark(['topics', 'produce', 'many', '--data', server.dataDir], {
      input: numbers.map(n => `{"n":${n}}\n`).join(''),
    })
    const { out } = await sql('SELECT n FROM many')
    expect(out === `n\n---\n${numbers.join('\n')}\n(50000 rows)\n`).toBe(true) // a difference would be long to print
    const endless = start(['sql', '-c', 'SELECT n FROM many EMIT CHANGES', ...to()])
    await endless.until(/\n5000\n/)
    endless.child.stdout?.destroy()
    await server.query('INSERT INTO many VALUES (0)')
    expect(await endless.ended).toMatchObject({ code: 0, err: '' })
  })

  test('a subscription shows changes as they come, until Ctrl-C', async () => {
    const subscribed = start(['sql', '-c', 'SELECT d, s FROM sums EMIT CHANGES', ...to()])
    await subscribed.until(/b \| 2\n/)
    await server.query("INSERT INTO readings VALUES ('c', 30)")
    await subscribed.until(/c \| 30\n/)
    subscribed.child.kill('SIGINT')
    expect((await subscribed.ended).code).toBe(130)
  })

  test('copies in what it is given, and out to where the output goes', async () => {
    await server.query('CREATE SOURCE copied (d text, v int)')
    const copied = await tidemark(['sql', '-c', 'COPY copied FROM STDIN (FORMAT csv)', ...to()], {
      input: 'x,7\ny,8\n',
    })
    expect(copied).toEqual({ code: 0, out: '', err: 'COPY 2\n' })
    expect(await server.query('SELECT d, v FROM copied')).toEqual([
      ['x', '7'],
      ['y', '8'],
    ])
    expect(await sql("COPY (SELECT d, s FROM sums WHERE d < 'c' ORDER BY d) TO STDOUT (FORMAT csv, HEADER)")).toEqual({
      code: 0,
      out: 'd,s\na,1\nb,2\n',
      err: 'COPY 2\n',
    })
  })

  const inTerminal = test.skipIf(!required('python3', spawnSync('python3', ['--version']).status === 0))

  inTerminal('a prompt: statements over lines, lists, help, Ctrl-C, and \\q', async () => {
    const prompt = startInTerminal(['sql', ...to()])
    const answers = async (keys: string, pattern: RegExp): Promise<void> => {
      const before = prompt.said().length
      prompt.type(keys)
      await prompt.until(pattern, before)
    }
    await prompt.until(/tidemark=> /)
    await answers('select 1\r', /tidemark-> /)
    await answers(' as one;\r', /one\r\n---\r\n1\r\n\(1 row\)[\s\S]*tidemark=> /)
    await answers("select 'a;\r", /tidemark-> /)
    await answers("b' as t;\r", /a;\\nb[\s\S]*tidemark=> /)
    await answers('\\d\r', /readings \| source[\s\S]*sums +\| materialized view[\s\S]*tidemark=> /)
    await answers('\\d sums\r', /s +\| bigint[\s\S]*tidemark=> /)
    await answers('select nope;\r', /error: line 1, column 8: column "nope"[\s\S]*tidemark=> /)
    await answers('list topics;\r', /readings \| 1[\s\S]*tidemark=> /)
    await answers('select half', /half/)
    await answers('\x03', /tidemark=> /)
    await answers('select * from sums emit changes;\r', /b \| 2/)
    await answers('\x03', /canceling statement[\s\S]*tidemark=> /)
    await answers('help\r', /a statement ends with a semicolon[\s\S]*tidemark=> /)
    prompt.type('\\q\r')
    expect((await prompt.ended).code).toBe(0)
  })
})

describe('topics', () => {
  const topics = (...args: string[]) => tidemark(['topics', ...args, '--data', server.dataDir])

  test('are written to beside a running server, listed and read', async () => {
    const produced = await tidemark(['topics', 'produce', 'keyed', '--key-separator', '|', '--data', server.dataDir], {
      input: 'k|größer\r\n\nplain\nlast|1|2',
    })
    expect(produced).toEqual({ code: 0, out: '', err: '3 records\n' })
    expect((await topics('list')).out).toMatch(/^keyed +\| 0 +\| 0 +\| 3 +\| \d+$/m)
    expect((await topics('consume', 'keyed')).out).toBe('größer\nplain\n1|2\n')
    expect((await topics('consume', 'keyed', '--key-separator', '|')).out).toBe('k|größer\n|plain\nlast|1|2\n')
    const following = start(['topics', 'consume', 'readings', '--follow', '--data', server.dataDir])
    await following.until(/"b"/)
    await server.query("INSERT INTO readings VALUES ('later', 3)")
    await following.until(/"later"/)
    following.child.kill('SIGINT')
    expect((await following.ended).code).toBe(0)
  })

  test('what is not there is not made', async () => {
    const [near, folder, verb, count] = await Promise.all([
      topics('consume', 'reading'),
      tidemark(['topics', 'list', '--data', `${server.dataDir}/none`]),
      topics('lst'),
      topics('produce', 'x', '--partitions', '0'),
    ])
    expect(near).toMatchObject({
      code: 1,
      err: 'error: there is no embedded topic "reading"\nhint: Near names: readings.\n',
    })
    expect(folder).toMatchObject({ code: 1, err: expect.stringContaining('there is no data directory') })
    expect(verb).toMatchObject({ code: 2, err: expect.stringContaining('did you mean list?') })
    expect(count).toMatchObject({ code: 2 })
  })
})
