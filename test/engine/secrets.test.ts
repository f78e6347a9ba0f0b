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
