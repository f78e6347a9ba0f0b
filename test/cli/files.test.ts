import { appendFileSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { start, tidemark } from '../support/cli.ts'
import { folderWith, oneServer } from './support.ts'

const ROWS = '{"d":"a","v":1}\n{"d":"b","v":2}\nnonsense\n{"d":"a","v":5}\n'
const SOURCE = "CREATE SOURCE r (d text, v int) WITH (connector = 'file', path = 'rows.ndjson', format = 'json');\n"

describe('run', () => {
  test('ends with its bounded inputs, and leaves the sink’s file', async () => {
    const cwd = folderWith({
      'rows.ndjson': ROWS,
      'sums.sql': `${SOURCE}CREATE MATERIALIZED VIEW sums AS SELECT d, sum(v) AS s FROM r GROUP BY d;
        CREATE SINK out AS SELECT d, v FROM r WHERE v > 1 WITH (connector = 'file', path = 'out', format = 'csv');
        SELECT * FROM sums ORDER BY d;`,
    })
    const { code, out } = await tidemark(['run', 'sums.sql'], { cwd })
    expect({ code, out }).toEqual({ code: 0, out: 'd\ts\na\t6\nb\t2\n' })
    expect(existsSync(join(cwd, 'out'))).toBe(true)
  })

  test('a live input goes on until Ctrl-C, and an endless read too', async () => {
    const cwd = folderWith({
      'rows.ndjson': ROWS,
      'live.sql': `${SOURCE.replace("'json'", "'json', follow = 'true'")}SELECT d, v FROM r EMIT CHANGES;`,
    })
    const live = start(['run', 'live.sql'], { cwd })
    await live.until(/a\t5\n/)
    appendFileSync(join(cwd, 'rows.ndjson'), '{"d":"c","v":7}\n')
    await live.until(/c\t7\n/)
    live.child.kill('SIGINT')
    expect((await live.ended).code).toBe(0)
  })

  test('an error has its line and column', async () => {
    const cwd = folderWith({
      'rows.ndjson': ROWS,
      'bind.sql': `${SOURCE}\n  SELECT d, w FROM r;`,
      'syntax.sql': `${SOURCE}SELEC 1;`,
    })
    const [bind, syntax, missing] = await Promise.all(
      ['bind.sql', 'syntax.sql', 'none.sql'].map(file => tidemark(['run', file], { cwd })),
    )
    expect(bind).toMatchObject({
      code: 1,
      err: expect.stringContaining('error: line 3, column 13: column "w" does not'),
    })
    expect(syntax).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringMatching(/^error: line 2, column 1: .*"SELEC"/),
    })
    expect(missing).toMatchObject({ code: 1, err: 'error: cannot read none.sql: there is no such file\n' })
  })
})

describe('check', () => {
  test('tells every error of a file where editors find it, and none that follows from another', async () => {
    const cwd = folderWith({
      'bad.sql': `${SOURCE}CREATE MATERIALIZED VIEW m AS SELECT summ(v) AS s FROM r;
SELEC 1;
SELECT * FROM m;
SELECT ü, nope FROM (SELECT 1 AS "ü") x;
CREATE SOURCE r (x int);
DROP SOURCE r;
SELECT * FROM r;
SELECT 'open;`,
      'good.sql': `${SOURCE}SET search_path = other, public; SELECT max(v) FROM r;`,
    })
    const { code, out, err } = await tidemark(['check', 'bad.sql', 'good.sql'], { cwd })
    expect({ code, out }).toEqual({ code: 1, out: '' })
    const places = err.split('\n').filter(line => / error: |: \d+ statement/.test(line))
    expect(places).toEqual([
      'bad.sql:2:38: error: function summ(integer) does not exist',
      'bad.sql:3:1: error: syntax error at or near "SELEC", expected a statement',
      'bad.sql:5:11: error: column "nope" does not exist',
      'bad.sql:6:1: error: "r" already exists',
      'bad.sql:8:15: error: relation "r" does not exist',
      'bad.sql:9:8: error: unterminated quoted string',
      'bad.sql: 9 statements, 6 errors',
      'good.sql: 3 statements, no errors',
    ])
    expect(err).toContain('hint: Perhaps you meant sum.')
    expect((await tidemark(['check', 'good.sql'], { cwd })).code).toBe(0)
  })
})

describe('submit', () => {
  const server = oneServer()
  const script = (column: string): string =>
    `CREATE STREAM st (d text, v int) WITH (kafka_topic = 'st', value_format = 'JSON');
     CREATE MATERIALIZED VIEW one AS SELECT d, sum(v) AS s FROM st GROUP BY d;
     CREATE MATERIALIZED VIEW two AS SELECT d, max(${column}) AS m FROM st GROUP BY d;
     SELECT 1 AS done;`

  test('a failure says what it left; mended, it is submitted again; twice is an error', async () => {
    const cwd = folderWith({ 'wrong.sql': script('w'), 'right.sql': script('v'), 'syntax.sql': 'SELEC' })
    const submit = (...args: string[]) => tidemark(['submit', ...args, '--to', `localhost:${server.port}`], { cwd })
    const early = await submit('right.sql', 'syntax.sql')
    expect(early).toMatchObject({ code: 1, out: '' })
    expect(await server.query('SELECT job FROM tidemark.jobs')).toEqual([]) // not even the first of the first file

    const wrong = await submit('wrong.sql')
    expect(wrong).toMatchObject({ code: 1, out: 'CREATE STREAM\nCREATE MATERIALIZED VIEW\n' })
    expect(wrong.err).toContain('error: wrong.sql, line 3, column 52: column "w" does not exist')
    expect(wrong.err).toContain('of 4 statements the 3rd failed; the 2 before it stay in force, 1 did not run')
    expect(await server.query('SELECT job FROM tidemark.jobs ORDER BY job')).toEqual([['one']])

    const twice = await submit('right.sql')
    expect(twice).toMatchObject({ code: 1, out: '', err: expect.stringContaining('"st" already exists') })
    const again = await submit('right.sql', '--skip-existing')
    expect(again).toMatchObject({ code: 0, out: 'CREATE MATERIALIZED VIEW\ndone\n----\n1\n(1 row)\n' })
    expect(await server.query('SELECT job FROM tidemark.jobs ORDER BY job')).toEqual([['one'], ['two']])
  })

  test('a wrong address is told', async () => {
    const cwd = folderWith({ 'right.sql': 'SELECT 1' })
    const [nobody, nowhere] = await Promise.all(
      ['127.0.0.1:1', 'localhost:x'].map(to => tidemark(['submit', 'right.sql', '--to', to], { cwd })),
    )
    expect(nobody).toMatchObject({
      code: 1,
      err: expect.stringMatching(/^error: no server answers at 127.0.0.1:1: .*\nhint: start one/),
    })
    expect(nowhere).toMatchObject({ code: 2, err: expect.stringContaining('must be HOST:PORT') })
  })
})
