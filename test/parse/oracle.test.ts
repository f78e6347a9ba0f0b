import { loadModule, parseSync, scanSync } from 'libpg-query'
import { beforeAll, describe, expect, test } from 'vitest'
import { isBareLabel, keywords } from '../../grammar/keywords.ts'
import { parseScript } from '../../grammar/parse.ts'
import { EngineError } from '../../src/base/errors.ts'
import { expressions, statements } from './corpus.ts'
import { canonical } from './oracle/canonical.ts'
import { unmapped } from './oracle/json.ts'
import { queryOf } from './oracle/query.ts'
import { bare } from './tree.ts'

beforeAll(loadModule)

const corpus = [...expressions.map(text => `select ${text}`), ...statements]

/** Whether ours takes it. Anything but an EngineError passes through. */
function accepts(sql: string): boolean {
  try {
    parseScript(sql)
    return true
  } catch (error) {
    if (error instanceof EngineError) return false
    throw error
  }
}

function postgresAccepts(sql: string): boolean {
  try {
    parseSync(sql)
    return true
  } catch {
    return false
  }
}

describe('libpg-query, the parser of Postgres 18', () => {
  test('gives the same verdict on every statement of the shared corpus', () => {
    const differing = corpus.filter(sql => accepts(sql) !== postgresAccepts(sql))
    expect(differing).toEqual([])
    expect(corpus.length).toBeGreaterThan(500)
  })

  test('has the same keywords in the same categories', () => {
    const categories: Readonly<Record<string, string>> = {
      UNRESERVED_KEYWORD: 'unreserved',
      COL_NAME_KEYWORD: 'column',
      TYPE_FUNC_NAME_KEYWORD: 'function',
      RESERVED_KEYWORD: 'reserved',
    }
    const operators = ['isnull', 'notnull', 'collate']
    for (const [word, category] of keywords) {
      expect(categories[scanSync(word).tokens[0].keywordName], word).toBe(category)
      if (!operators.includes(word)) expect(isBareLabel(word), word).toBe(postgresAccepts(`select 1 ${word}`))
    }
    expect(keywords.size).toBe(494)
  })

  test('gives the same tree of every query', () => {
    let compared = 0
    for (const sql of corpus.filter(accepts)) {
      const [statement] = parseScript(sql)
      if (statement?.ast.kind !== 'query') continue
      let theirs: unknown
      try {
        theirs = queryOf(parseSync(sql).stmts?.[0].stmt)
      } catch (error) {
        if (error instanceof unmapped) continue
        throw error
      }
      // LIMIT ALL is a NULL to Postgres, IS NORMALIZED a call.
      if (/limit all|normalized$/.test(sql)) continue
      expect(bare(canonical(bare(statement.ast))), sql).toEqual(bare(theirs))
      compared++
    }
    expect(compared).toBeGreaterThan(380)
  })
})
