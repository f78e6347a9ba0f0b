import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { TestEngine } from '../support/engine.ts'

const catalogOf = (engine: TestEngine) => join(engine.dataDir, 'catalog.json')
const instanceOf = (engine: TestEngine): unknown => JSON.parse(readFileSync(catalogOf(engine), 'utf8')).instance

test('a data directory keeps its instance; the catalog is for its owner only', async () => {
  const engine = new TestEngine()
  await engine.query('CREATE SOURCE s (n int)')
  const instance = instanceOf(engine)
  expect(instance).toMatch(/^[0-9a-f]{12}$/)
  await engine.close()
  await engine.query('CREATE SOURCE t (n int)')
  expect(instanceOf(engine)).toBe(instance)
  expect(statSync(catalogOf(engine)).mode & 0o777).toBe(0o600)
  const other = new TestEngine()
  await other.query('CREATE SOURCE s (n int)')
  expect(instanceOf(other)).not.toBe(instance)
})

test('secrets are shown nowhere', async () => {
  const engine = new TestEngine()
  const given = `brokers = 'localhost:1', security_protocol = 'sasl_plaintext', sasl_mechanism = 'plain', sasl_username = 'me', sasl_password = 'hunter2'`
  await engine.query(`CREATE CONNECTION k TYPE kafka WITH (${given});
    CREATE SOURCE direct (n integer) WITH (connector = 'kafka', topic = 't', ${given});
    CREATE SOURCE through (n integer) WITH (connection = 'k', topic = 't');
    CREATE SOURCE plain (n integer) /* as typed */ WITH (topic = 'p')`)
  const shown = await Promise.all(
    [
      'SHOW CREATE SOURCE direct',
      'SHOW CREATE CONNECTION k',
      'SHOW CREATE SOURCE through',
      'DESCRIBE k',
      'SELECT definition FROM tidemark.sources',
      'SELECT * FROM tidemark.connections',
      'EXPLAIN SELECT * FROM direct',
    ].map(sql => engine.query(sql)),
  )
  expect(JSON.stringify(shown)).not.toContain('hunter2')
  expect(shown[3]).toContainEqual(['sasl_password', '********'])
  expect(shown[3]).toContainEqual(['brokers', 'localhost:1'])
  expect(shown[0][0][1]).toContain("'********'")
  expect(await engine.query('SHOW CREATE SOURCE plain')).toEqual([
    ['public.plain', "CREATE SOURCE plain (n integer) /* as typed */ WITH (topic = 'p')"],
  ])
})

test('what cannot be read says so', async () => {
  const engine = new TestEngine()
  await engine.query(`CREATE CONNECTION k TYPE kafka WITH (brokers = 'localhost:1');
    CREATE SOURCE s (n integer); CREATE SINK o FROM s WITH (topic = 'out')`)
  expect(await engine.errorOf('SELECT n FROM o')).toBe('42809 15 "o" is a sink and cannot be read')
  expect(await engine.errorOf('SELECT 1 FROM k')).toBe('42809 15 "k" is a connection and cannot be read')
  expect(await engine.errorOf('SELECT n FROM nothing')).toMatch(/^42P01 15 /)
})
