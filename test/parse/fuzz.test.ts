import fc from 'fast-check'
import { loadModule, parseSync } from 'libpg-query'
import { beforeAll, describe, expect, test } from 'vitest'
import { parseExpression, parseScript } from '../../grammar/parse.ts'
import { print, printExpression } from '../../grammar/print.ts'
import { EngineError } from '../../src/base/errors.ts'
import { arbitraryExpression, arbitraryQuery } from './arbitrary.ts'
import { expressions, own, statements } from './corpus.ts'
import { canonical } from './oracle/canonical.ts'
import { queryOf } from './oracle/query.ts'
import { bare } from './tree.ts'

beforeAll(loadModule)

describe('random trees', () => {
  test('expressions print to what parses to the same', () => {
    fc.assert(
      fc.property(arbitraryExpression, expr => {
        expect(bare(parseExpression(printExpression(expr)))).toEqual(bare(expr))
      }),
      { numRuns: 400 },
    )
  })

  test('queries print to what parses to the same', () => {
    fc.assert(
      fc.property(arbitraryQuery, query => {
        expect(bare(parseScript(print(query))[0].ast)).toEqual(bare(query))
      }),
      { numRuns: 150 },
    )
  })

  test('Postgres reads the same tree from what is printed', () => {
    fc.assert(
      fc.property(arbitraryExpression, expr => {
        const sql = `select ${printExpression(expr)}`
        const theirs = queryOf(parseSync(sql).stmts?.[0].stmt)
        expect(bare(canonical(bare(parseScript(sql)[0].ast)))).toEqual(bare(theirs))
      }),
      { numRuns: 400 },
    )
  })
})

/** Parses; any error must be one for clients, inside the text. */
function survive(sql: string): boolean {
  try {
    parseScript(sql)
    return true
  } catch (error) {
    if (!(error instanceof EngineError)) throw error
    expect(error.sqlState).toMatch(/^(42601|54001|22021|22025)$/)
    expect(error.position).toBeGreaterThanOrEqual(1)
    expect(error.position).toBeLessThanOrEqual(sql.length + 1)
    return false
  }
}

describe('random text', () => {
  const corpus = [...own, ...statements, ...expressions.map(text => `select ${text}`)]
  const words = [...new Set(corpus.join(' ').match(/\w+|[^\w\s]+/g))]

  test('characters, words and mutated statements never crash', () => {
    const mutated = fc
      .tuple(fc.constantFrom(...corpus), fc.nat(), fc.nat(), fc.constantFrom(...words, ''))
      .map(([sql, from, length, word]) => {
        const at = from % (sql.length + 1)
        return `${sql.slice(0, at)}${word}${sql.slice(at + (length % 12))}`
      })
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 60 }),
      fc.array(fc.constantFrom(...words), { maxLength: 15 }).map(parts => parts.join(' ')),
      mutated,
    )
    fc.assert(
      fc.property(text, sql => void survive(sql)),
      { numRuns: 4000 },
    )
  })

  test('every beginning of a statement fails or parses, never crashes', () => {
    for (const sql of corpus) for (let end = 0; end < sql.length; end++) survive(sql.slice(0, end))
  })
})
