import { spawn, spawnSync } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DOUBLE, INTEGER, TEXT, TIMESTAMP } from '../../src/batch/types.ts'
import type { PgServer } from '../../src/server/pgwire/server.ts'
import { FakeEngine, rows, schemaOf } from './fake-engine.ts'
import { required, startTestServer, testCatalog } from './support.ts'

const drivers = spawnSync('odbcinst', ['-q', '-d'], { encoding: 'utf8' }).stdout ?? ''
const present = required(
  'isql or psqlODBC',
  drivers.includes('[PostgreSQL Unicode]') && spawnSync('isql', ['--version']).error === undefined,
)

describe.skipIf(!present)('psqlODBC', () => {
  const catalog = testCatalog()
  const everything = schemaOf({ n: INTEGER, t: TEXT, d: DOUBLE, at: TIMESTAMP })
  const engine = new FakeEngine(
    {
      'select everything': rows(everything, [
        [1, 'Grüße', 20.875, 1_783_512_000_000_000],
        [-2, null, null, null],
      ]),
      'show transaction_isolation': rows(schemaOf({ transaction_isolation: TEXT }), [['read committed']]),
    },
    catalog,
  )
  let server: PgServer
  beforeAll(async () => {
    server = await startTestServer(engine)
  })
  afterAll(async () => {
    await server.close()
    await catalog.close()
  })

  /** Lines of comma-separated fields, without the prompts. */
  async function isql(input: string): Promise<string> {
    const target = `DRIVER=PostgreSQL Unicode;Server=127.0.0.1;Port=${server.port};Database=tidemark;UID=tidemark;PWD=x;SSLmode=disable`
    const child = spawn('isql', ['-b', '-d,', '-k', target], { stdio: ['pipe', 'pipe', 'pipe'] })
    let output = ''
    child.stdout.on('data', text => (output += text))
    child.stderr.on('data', text => (output += text))
    child.stdin.end(input)
    await new Promise(resolve => child.on('close', resolve))
    return output
  }

  test('reads rows', async () => {
    expect(await isql('select everything\n')).toBe('1,Grüße,20.875,2026-07-08 12:00:00\n-2,,,\n')
  })

  test('lists tables and columns', async () => {
    const tables = await isql('help\n')
    expect(tables).toMatch(/,public,sensors,TABLE,/)
    expect(tables).toMatch(/,public,averages,MATVIEW,/)
    expect(tables).toMatch(/,public,latest,VIEW,/)
    const columns = await isql('help sensors\n')
    expect(columns).toMatch(/,public,sensors,device_id,-?\d+,text,/)
    expect(columns).toMatch(/,public,sensors,ts,\d+,timestamptz,/)
    expect(columns).toMatch(/,public,sensors,value,2,numeric,10,/)
  })
})
