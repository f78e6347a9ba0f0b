import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { tokenize } from '../../grammar/lexer.ts'
import { parseScript } from '../../grammar/parse.ts'
import { EngineError } from '../../src/base/errors.ts'
import { explain } from '../../src/plan/explain.ts'
import { optimize } from '../../src/plan/optimize.ts'
import { Definitions } from './harness.ts'

const folder = new URL('.', import.meta.url)
const scripts = readdirSync(folder).filter(name => name.endsWith('.sql'))

/** Binds and plans a text: an answer or an EngineError, nothing else. */
function attempt(catalog: Definitions, sql: string): 'planned' | 'refused' {
  try {
    for (const { ast } of parseScript(sql)) {
      if (ast.kind !== 'query') continue
      for (const mode of ['read', 'standing'] as const) explain(optimize(catalog.bind(ast, mode).plan))
    }
    return 'planned'
  } catch (error) {
    if (error instanceof EngineError) return 'refused'
    throw new Error(`${sql}\n${error instanceof Error ? error.stack : error}`)
  }
}

for (const script of scripts) {
  test(`${script} with any word left out or doubled is planned or refused`, () => {
    const text = readFileSync(new URL(script, folder), 'utf8')
    const catalog = new Definitions()
    catalog.run(text)
    const seen = { planned: 0, refused: 0 }
    for (const { sql, ast } of parseScript(text)) {
      if (ast.kind !== 'query') continue
      const starts = tokenize(sql).map(t => t.at)
      for (const [i, at] of starts.entries()) {
        const next = starts[i + 1] ?? sql.length
        seen[attempt(catalog, sql.slice(0, at) + sql.slice(next))]++
        seen[attempt(catalog, `${sql.slice(0, next)} ${sql.slice(at)}`)]++
      }
    }
    expect(seen.planned).toBeGreaterThan(0)
    expect(seen.refused).toBeGreaterThan(0)
  })
}

test('long chains are planned or refused, never a stack overflow', () => {
  const catalog = new Definitions()
  catalog.run('CREATE SOURCE s (id int, name text)')
  const chain = (part: string, by: string, count: number) => Array.from({ length: count }, () => part).join(by)
  expect(attempt(catalog, `SELECT ${chain('id', ' + ', 500)} FROM s`)).toBe('planned')
  expect(attempt(catalog, `SELECT ${chain('id', ' + ', 50_000)} FROM s`)).toBe('refused')
  expect(attempt(catalog, `SELECT 1 FROM s WHERE ${chain('id = 1', ' AND ', 5_000)}`)).toBe('planned')
  expect(attempt(catalog, `SELECT 1 FROM s WHERE ${chain('id = 1', ' OR ', 5_000)}`)).toBe('planned')
  expect(attempt(catalog, `SELECT id${'::int'.repeat(20_000)} FROM s`)).toBe('refused')
  expect(attempt(catalog, chain('SELECT id FROM s', ' UNION ALL ', 500))).toBe('planned')
  expect(attempt(catalog, chain('SELECT id FROM s', ' UNION ALL ', 5_000))).toBe('refused')
  const doubling = Array.from(
    { length: 30 },
    (_, i) => `t${i + 1} AS (SELECT * FROM t${i} UNION ALL SELECT * FROM t${i})`,
  )
  expect(attempt(catalog, `WITH t0 AS (SELECT id FROM s), ${doubling.join(', ')} SELECT * FROM t30`)).toBe('refused')
})
