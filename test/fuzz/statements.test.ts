import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { seededRandom } from '../../src/base/clock.ts'
import { EngineError } from '../../src/base/errors.ts'
import { parseSlt } from '../sql/script.ts'
import { SqlEngine } from '../support/sql-engine.ts'

/**
 * Statements of the SQL corpus, cut up and mixed, through a session: each answers or fails with an EngineError that is not our own
 * fault. SEED=n repeats a run, ROUNDS=n makes it longer.
 */
const SEED = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31))
const ROUNDS = Number(process.env.ROUNDS ?? 1500)

const corpus = globSync(join(import.meta.dirname, '../sql/*.slt')).flatMap(file =>
  parseSlt(readFileSync(file, 'utf8')).steps.flatMap(({ words, body }) =>
    ['statement', 'query', 'subscribe'].includes(words[0]) ? [body.join(' ').replaceAll('$DIR', '/nowhere')] : [],
  ),
)

test(`statements cut up and mixed, SEED=${SEED}`, { timeout: 60_000 + ROUNDS * 100 }, async () => {
  const random = seededRandom(SEED)
  const below = (count: number): number => Math.floor(random() * count)
  const words = corpus.map(sql => sql.match(/\s+|\w+|'[^']*'|"[^"]*"|[^\w\s]/g) ?? [])
  const any = (): string[] => words[below(words.length)]
  const mutated = (): string => {
    const text = [...any()]
    for (let n = 1 + below(3); n > 0; n--) {
      const at = below(text.length)
      const other = any()
      const from = below(other.length)
      const piece = other.slice(from, from + 1 + below(8))
      const how = below(4)
      if (how === 0) text.splice(at, 1 + below(3))
      else if (how === 1) text.splice(at, piece.length, ...piece)
      else if (how === 2) text.splice(at, 0, ...piece)
      else
        text[at] = ['NULL', '0', '-1', "''", '(', ')', '99999999999999999999', '$1', '\0', '😀', "E'\\u0000'", '1e400'][
          below(12)
        ]
    }
    return text.join('')
  }
  const sql = await SqlEngine.open(8192)
  const wrong: string[] = []
  let answered = 0
  try {
    for (let n = 0; n < ROUNDS; n++) {
      const text = below(10) === 0 ? corpus[below(corpus.length)] : mutated()
      // These never end by themselves.
      if (/emit|subscribe|fetch|kafka'|generator/i.test(text)) continue
      try {
        await sql.run(text)
        answered++
      } catch (error) {
        const fine = error instanceof EngineError && /^[0-9A-Z]{5}$/.test(error.sqlState) && error.sqlState !== 'XX000'
        if (!fine) wrong.push(`${text}\n  ${error instanceof Error ? error.stack?.slice(0, 600) : error}`)
      }
    }
  } finally {
    await sql.close()
  }
  expect(wrong).toEqual([])
  expect(answered).toBeGreaterThan(ROUNDS / 50)
})
