import { spawn, spawnSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import { realServer, required } from './support.ts'

const drivers = spawnSync('odbcinst', ['-q', '-d'], { encoding: 'utf8' }).stdout ?? ''
const hasIsql = spawnSync('isql', ['--version']).error === undefined
const present = required('isql or psqlODBC', drivers.includes('[PostgreSQL Unicode]') && hasIsql)

describe.skipIf(!present)('psqlODBC', () => {
  const server = realServer()

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
    expect(await isql('select device_id, value, ts from sensors order by ts desc limit 2\n')).toBe(
      'Grüße,20.25,2026-01-01 00:01:00\na,4.50,2026-01-01 00:00:03\n',
    )
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
