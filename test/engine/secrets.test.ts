import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { TestEngine } from '../support/engine.ts'
import { temporaryFolder } from '../support/temporary.ts'

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
    CREATE SOURCE registered (n integer) WITH (topic = 'r', format = 'avro', 'schema.registry.url' = 'http://localhost:1',
      'schema.registry.username' = 'me', 'schema.registry.password' = 'hunter2');
    CREATE SOURCE through (n integer) WITH (connection = 'k', topic = 't');
    CREATE SOURCE plain (n integer) /* as typed */ WITH (topic = 'p')`)
  const shown = await Promise.all(
    [
      'SHOW CREATE SOURCE direct',
      'SHOW CREATE CONNECTION k',
      'SHOW CREATE SOURCE registered',
      'SHOW CREATE SOURCE through',
      'DESCRIBE k',
      'SELECT definition FROM tidemark.sources',
      'SELECT * FROM tidemark.connections',
      'EXPLAIN SELECT * FROM direct',
    ].map(sql => engine.query(sql)),
  )
  expect(JSON.stringify(shown)).not.toContain('hunter2')
  expect(shown[4]).toContainEqual(['sasl_password', '********'])
  expect(shown[4]).toContainEqual(['brokers', 'localhost:1'])
  expect(shown[0][0][1]).toContain("'********'")
  expect(await engine.query('SHOW CREATE SOURCE plain')).toEqual([
    ['public.plain', "CREATE SOURCE plain (n integer) /* as typed */ WITH (topic = 'p')"],
  ])
})

/** Sets a variable of this process for one test. */
function setVariable(name: string, value: string): void {
  process.env[name] = value
  onTestFinished(() => void delete process.env[name])
}

test('a data directory that is made is for its owner only', async () => {
  const dataDir = join(temporaryFolder(), 'data')
  await new TestEngine(dataDir).query('SELECT 1')
  expect(statSync(dataDir).mode & 0o777).toBe(0o700)
})

test('options come from the environment and from files, and are stored and shown as they were written', async () => {
  const folder = temporaryFolder()
  const [records, secret] = [join(folder, 'hidden-name.json'), join(folder, 'secret')]
  writeFileSync(records, '{"n":1}\n{"n":2}\n')
  writeFileSync(secret, 'hidden-name\n')
  setVariable('TIDEMARK_TEST_FOLDER', folder)
  const engine = new TestEngine()
  await engine.query(`CREATE SOURCE s (n integer)
      WITH (connector = 'file', path = '\${env:TIDEMARK_TEST_FOLDER}/\${file:${secret}}.json');
    CREATE CONNECTION k TYPE kafka WITH (brokers = 'localhost:1', security_protocol = 'sasl_plaintext', sasl_username = 'me',
      sasl_password = '\${env:TIDEMARK_TEST_PASSWORD}', schema_registry = '\${env:TIDEMARK_TEST_REGISTRY}')`)
  for (let start = 0; start < 2; start++) {
    expect(await engine.query('SELECT sum(n) FROM s')).toEqual([['3']])
    expect(readFileSync(catalogOf(engine), 'utf8')).not.toContain('hidden-name')
    expect(JSON.stringify(await engine.query('SHOW CREATE SOURCE s'))).not.toContain('hidden-name')
    expect(await engine.query('DESCRIBE k')).toContainEqual(['sasl_password', `\${env:TIDEMARK_TEST_PASSWORD}`])
    await engine.close()
  }
  await engine.query(`CREATE SOURCE t (n integer) WITH (connection = 'k', topic = 't')`)
  const missing = 'the environment variable TIDEMARK_TEST_PASSWORD is not set'
  setVariable('TIDEMARK_TEST_REGISTRY', 'http://localhost:1')
  expect(await engine.errorOf('SELECT n FROM t')).toBe(`22023 - option sasl_password: ${missing}`)
  setVariable('TIDEMARK_TEST_PASSWORD', 'hunter2')
  expect(await engine.errorOf('SELECT n FROM t')).toMatch(/^08001 - cannot connect to Kafka at localhost:1/)
  // What a part of a secret is written as hides the rest of it.
  await engine.query(`CREATE CONNECTION l TYPE kafka WITH (brokers = 'localhost:1', sasl_password = 'half-\${env:X}')`)
  expect(await engine.query('DESCRIBE l')).toContainEqual(['sasl_password', '********'])
})

test('a reference to nothing, or to what the option does not take, is an error that tells no secret', async () => {
  const engine = new TestEngine()
  const folder = temporaryFolder()
  setVariable('TIDEMARK_TEST_SECRET', 'hunter2')
  const options = (sasl: string, protocol: string): string => `WITH (connector = 'kafka', brokers = 'localhost:1',
    topic = 't', sasl_username = 'me', sasl_password = '${sasl}', security_protocol = '${protocol}')`
  await engine.query(`CREATE SOURCE a (n integer) ${options(`\${file:${folder}/none}`, 'sasl_plaintext')};
    CREATE SOURCE b (n integer) ${options(`\${file:${folder}}`, 'sasl_plaintext')};
    CREATE SOURCE c (n integer) ${options('x', `\${env:TIDEMARK_TEST_SECRET}`)};
    CREATE SOURCE d (n integer) WITH (topic = 'd', format = 'avro', schema_registry = '\${env:TIDEMARK_TEST_SECRET}')`)
  expect(await engine.errorOf('SELECT n FROM a')).toBe(
    `22023 - option sasl_password: cannot read the file ${folder}/none: ENOENT`,
  )
  expect(await engine.errorOf('SELECT n FROM b')).toMatch(/cannot read the file .*: it is no file$/)
  const unusable = (option: string): string =>
    `22023 - option ${option} = '\${env:TIDEMARK_TEST_SECRET}' stands for a value that cannot be used`
  expect(await engine.errorOf('SELECT n FROM c')).toBe(unusable('security_protocol'))
  expect(await engine.errorOf('SELECT n FROM d')).toBe(unusable('schema_registry'))
  // A job that cannot open its source says so as the answer to its statement.
  expect(await engine.errorOf('CREATE MATERIALIZED VIEW v AS SELECT n FROM c')).toBe(unusable('security_protocol'))
  const login = await engine.errorOf(
    `CREATE SOURCE e (n integer) WITH (topic = 'e', format = 'avro', schema_registry = 'http://me:hunter2@localhost')`,
  )
  expect(login).toMatch(/^22023 \d+ option schema_registry holds a login/)
  expect(login).not.toContain('hunter2')
})

test('what cannot be read says so', async () => {
  const engine = new TestEngine()
  await engine.query(`CREATE CONNECTION k TYPE kafka WITH (brokers = 'localhost:1');
    CREATE SOURCE s (n integer); CREATE SINK o FROM s WITH (topic = 'out')`)
  expect(await engine.errorOf('SELECT n FROM o')).toBe('42809 15 "o" is a sink and cannot be read')
  expect(await engine.errorOf('SELECT 1 FROM k')).toBe('42809 15 "k" is a connection and cannot be read')
  expect(await engine.errorOf('SELECT n FROM nothing')).toMatch(/^42P01 15 /)
})
