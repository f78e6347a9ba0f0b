import { expect } from 'vitest'
import { parseScript } from '../../grammar/parse.ts'
import { print } from '../../grammar/print.ts'
import { qualifiedName } from '../../src/engine/objects.ts'
import type { SqlEngine } from '../support/sql-engine.ts'
import { line } from './player.ts'

/**
 * Incremental = recomputed: the rows of each materialized view are those that its SELECT gives as a plain read now. Views that put rows
 * aside, keep rows for a while only, start late, are paused or ask the clock are their own truth, and so are those built on them; of an
 * EMIT FINAL view the rows are among those of the read, where open windows show too.
 */
export async function expectRecomputed(sql: SqlEngine): Promise<void> {
  const aside = await sql.run('SELECT job FROM tidemark.late_rows UNION SELECT job FROM tidemark.bad_rows')
  const partial = new Set(aside.rows.map(([job]) => `public.${job}`))
  for (const object of sql.engine.catalog.objects.values()) {
    const name = qualifiedName(object)
    const startsLate = object.kind === 'source' && (object.spec.options.start ?? 'earliest') !== 'earliest'
    if (startsLate || object.dependsOn.some(d => partial.has(d))) partial.add(name)
    if (object.kind !== 'materialized view' || partial.has(name)) continue
    const moving = /\b(now|current_\w+|random|clock_timestamp|proctime)\b/i.test(object.sql)
    const { definition, paused } = object.job
    const { ast } = parseScript(object.sql)[0]
    if (definition.retentionMs !== undefined || moving || paused || ast?.kind !== 'create-view') {
      partial.add(name)
      continue
    }
    await sql.run(`SET TIME ZONE '${object.timeZone}'`)
    const actual = await rowsOf(sql, `SELECT * FROM ${object.shortName}`)
    const expected = await rowsOf(sql, print({ ...ast.query, emit: undefined }))
    if (ast.query.emit !== undefined) {
      partial.add(name)
      expect(expected, `${name} EMIT FINAL`).toEqual(expect.arrayContaining(actual))
    } else expect(actual, `${name}, kept up to date and recomputed`).toEqual(expected)
  }
}

async function rowsOf(sql: SqlEngine, text: string): Promise<string[]> {
  return (await sql.run(text)).rows.map(line).sort()
}
