import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Expressions that Postgres and we share, one a line. Those it refuses we refuse. */
export const expressions = lines('expressions')

/** Whole statements of the shared language: queries, and changes to tables and sessions. */
export const statements = [...lines('queries'), ...lines('commands')]

/** Statements of ours and of the other engines. All of them parse. */
export const own = [...lines('own-queries'), ...lines('own-commands')]

function lines(name: string): string[] {
  return readFileSync(join(import.meta.dirname, 'corpus', `${name}.txt`), 'utf8')
    .trimEnd()
    .split('\n')
}
