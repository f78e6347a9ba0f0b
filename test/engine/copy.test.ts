import { execFile, spawnSync } from 'node:child_process'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, test } from 'vitest'
import { oneServer } from '../cli/support.ts'
import { required } from '../pgwire/support.ts'

const hasPsql = required('psql', spawnSync('psql', ['--version']).status === 0)

describe.skipIf(!hasPsql)('COPY by psql', () => {
  const server = oneServer()
  const psql = async (sql: string, input = ''): Promise<{ stdout: string; stderr: string; code?: number }> => {
    const options = ['-X', '-h', '127.0.0.1', '-p', String(server.port), '-U', 'tidemark', '-d', 'tidemark', '-c', sql]
    const running = promisify(execFile)('psql', options, { encoding: 'latin1' })
    running.child.stdin?.end(Buffer.from(input, 'utf8'))
    return await running.catch((error: { stdout: string; stderr: string; code: number }) => error)
  }

  beforeAll(async () => {
    await server.query('CREATE SOURCE r (d text, v int, t timestamptz)')
    await server.query(`CREATE VIEW x AS SELECT * FROM (VALUES
      ('a,b', 1, timestamptz '2026-01-01 00:00:00Z'), ('q"uo''te', NULL, NULL), ('', 3, NULL), ('NULL', 4, NULL)) AS x (d, v, t)`)
  })

  // Expected as PGlite, which is Postgres, prints them.
  test.each([
    ['', 'a,b\t1\t2026-01-01 00:00:00+00\nq"uo\'te\t\\N\t\\N\n\t3\t\\N\nNULL\t4\t\\N\n'],
    ["(DELIMITER ',', NULL 'NULL')", 'a\\,b,1,2026-01-01 00:00:00+00\nq"uo\'te,NULL,NULL\n,3,NULL\nNULL,4,NULL\n'],
    ['(FORMAT csv, HEADER)', 'd,v,t\n"a,b",1,2026-01-01 00:00:00+00\n"q""uo\'te",,\n"",3,\nNULL,4,\n'],
    [
      "(FORMAT csv, NULL 'NULL', DELIMITER ';')",
      'a,b;1;2026-01-01 00:00:00+00\n"q""uo\'te";NULL;NULL\n;3;NULL\n"NULL";4;NULL\n',
    ],
    [
      "(FORMAT csv, QUOTE '''', ESCAPE '\\', FORCE_QUOTE (v, t))",
      "'a,b','1','2026-01-01 00:00:00+00'\n'q\"uo\\'te',,\n'','3',\nNULL,'4',\n",
    ],
    ['WITH CSV HEADER', 'd,v,t\n"a,b",1,2026-01-01 00:00:00+00\n"q""uo\'te",,\n"",3,\nNULL,4,\n'],
  ])('TO STDOUT %s', async (options, expected) => {
    expect((await psql(`COPY (SELECT * FROM x) TO STDOUT ${options}`)).stdout).toBe(expected)
  })

  test('TO STDOUT in binary', async () => {
    const { stdout } = await psql('COPY (SELECT v FROM x LIMIT 2) TO STDOUT (FORMAT binary)')
    expect(stdout).toBe('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\x04\0\0\0\x01\0\x01\xff\xff\xff\xff\xff\xff')
  })

  test.each([
    ["(FORMAT text, QUOTE '!')", 'COPY QUOTE requires CSV mode'],
    ["(FORMAT binary, DELIMITER ',')", 'cannot specify DELIMITER in BINARY mode'],
    ["(DELIMITER 'ab')", 'COPY delimiter must be a single one-byte character'],
    ['(FORMAT csv, FORCE_QUOTE (nope))', 'FORCE_QUOTE column "nope"'],
    ['(FORMAT xml)', 'COPY format "xml" not recognized'],
    ['(HEADR)', 'option "headr" not recognized'],
  ])('TO STDOUT %s is refused', async (options, message) => {
    const { stderr, code } = await psql(`COPY (SELECT * FROM x) TO STDOUT ${options}`)
    expect(stderr).toContain(message)
    expect(code).toBe(1)
  })

  test('FROM STDIN writes to the topic; what came before in the message and what comes after runs', async () => {
    const loaded = await psql(
      "COPY r (v, d) FROM STDIN (FORMAT csv, HEADER, NULL '-'); SELECT count(*) FROM r",
      'v,d\n1,"x\ny"\n-,größer\n',
    )
    expect(loaded).toMatchObject({ stdout: 'COPY 2\n count \n-------\n     2\n(1 row)\n\n', stderr: '' })
    expect(await psql('COPY r FROM STDIN', 'z\t7\t2026-01-01 00:00:00+00\n\\.\n')).toMatchObject({ stdout: 'COPY 1\n' })
    expect(await server.query('SELECT d, v, t FROM r ORDER BY d')).toEqual([
      ['größer', null, null],
      ['x\ny', '1', null],
      ['z', '7', '2026-01-01 00:00:00+00'],
    ])
  })

  test('one wrong row leaves nothing of the COPY, and says which', async () => {
    const before = await server.query('SELECT count(*) FROM r')
    const rows = Array.from({ length: 20_000 }, (_, i) => `d${i},${i},\n`).join('')
    const wrong = await psql('COPY r FROM STDIN (FORMAT csv)', `${rows}bad,abc,\n${rows}`)
    expect(wrong.stderr).toContain('invalid input syntax for type integer: "abc"')
    expect(wrong.stderr).toContain('COPY r, line 20001, column v')
    const fields = await psql('COPY r FROM STDIN (FORMAT csv)', 'a,1\n')
    expect(fields.stderr).toContain('missing data for column "t"')
    const header = await psql('COPY r (d, v) FROM STDIN (FORMAT csv, HEADER MATCH)', 'v,d\na,1\n')
    expect(header.stderr).toContain('the header is v, d, expected d, v')
    expect(await server.query('SELECT count(*) FROM r')).toEqual(before)
    expect((await psql('COPY x FROM STDIN', '')).stderr).toContain('cannot insert into view "x"')
  })
})
