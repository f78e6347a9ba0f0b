import { execFile, execFileSync, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { BIGINT, BOOLEAN, BYTEA, DATE, DOUBLE, INTEGER, NUMERIC, TEXT, TIMESTAMPTZ } from '../../src/batch/types.ts'
import type { PgServer } from '../../src/server/pgwire/server.ts'
import { FakeEngine, rowResult, rows, schemaOf } from './fake-engine.ts'
import { required, startTestServer, testCatalog } from './support.ts'

const VERSION = '42.7.14'
const jars = join(import.meta.dirname, '../../.work/jars')
const jar = join(jars, `postgresql-${VERSION}.jar`)
const runs = (program: string): boolean => spawnSync(program, ['--version']).status === 0
const present = required('Java or Maven, for pgjdbc,', runs('java') && (existsSync(jar) || runs('mvn')))

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
  a: { kind: 'array', element: INTEGER },
})
const parameterTypes = everything.fields.map(f => f.type)

describe.skipIf(!present)('pgjdbc', () => {
  const catalog = testCatalog()
  const engine = new FakeEngine(
    {
      [`select everything ${everything.fields.map((_, i) => `$${i + 1}`).join(', ')}`]: {
        parameterTypes,
        schema: everything,
        run: parameters => rowResult(everything, [parameters]),
      },
      'select 1000': rows(
        schemaOf({ n: INTEGER }),
        Array.from({ length: 1000 }, (_, i) => [i]),
        64,
      ),
      'select current_catalog': rows(schemaOf({ current_catalog: TEXT }), [['tidemark']]),
      wait: { schema: schemaOf({ n: INTEGER }), run: (_, session) => session.waitForCancel() },
    },
    catalog,
  )
  let server: PgServer
  beforeAll(async () => {
    if (!existsSync(jar)) {
      const artifact = `-Dartifact=org.postgresql:postgresql:${VERSION}`
      execFileSync('mvn', ['-q', '-B', 'dependency:copy', artifact, `-DoutputDirectory=${jars}`])
    }
    server = await startTestServer(engine)
  })
  afterAll(async () => {
    await server.close()
    await catalog.close()
  })

  test('metadata, types in text and binary, portals, cancel', async () => {
    const url = `jdbc:postgresql://127.0.0.1:${server.port}/tidemark?user=tidemark`
    const program = join(import.meta.dirname, 'Check.java')
    const { stdout } = await promisify(execFile)('java', ['-cp', jar, program, url])
    const values =
      '9007199254740993 20.875 -12345.6700 Grüße [0, -1] 2026-07-08 2026-07-08T12:00:00.123456Z [1, null, 3]'
    expect(stdout.trim().split('\n')).toEqual([
      'version 15',
      'tables /averages/MATERIALIZED VIEW /sensors/TABLE /latest/VIEW',
      'columns /device_id/text/2147483647/0/12 /ts/timestamptz/35/6/93 /value/numeric/10/2/2',
      'keys /device_id/1',
      'indexes /device_id',
      expect.stringMatching(/^schemas .*\/public \/tidemark$/),
      expect.stringMatching(/^types .*MATERIALIZED VIEW/),
      'imported',
      ...[1, 2, 3, 4, 5, 6, 7].map(run => `run${run} true -${run} ${values}`),
      'fetched 1000 499500',
      'cancelled 57014',
      'error 42P01',
    ])
  })
})
