/**
 * Makes postgres.tsv: asks a PostgreSQL 15 for the type and text, or the SQLSTATE, of every expression in its first column.
 *   node test/expr/make-postgres-table.ts postgres://postgres@127.0.0.1:54329/postgres [file with more expressions]
 * The server needs locale C.UTF-8; the session's time zone is Europe/Berlin.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import pg from 'pg'
import { escapeField, TABLE, tableRows } from './postgres-table.ts'

const [url, more] = process.argv.slice(2)
const expressions = [...tableRows().map(row => row.sql), ...(more ? expressionsOf(readFileSync(more, 'utf8')) : [])]
const client = new pg.Client({ connectionString: url })
await client.connect()
await client.query(`SET TimeZone = 'Europe/Berlin'; SET standard_conforming_strings = on`)
const lines = [
  '# Made by make-postgres-table.ts from PostgreSQL 15, locale C.UTF-8, time zone Europe/Berlin; do not edit the results.',
  '# expression, type, text as printed (\\N for NULL) – or: expression, ERROR, SQLSTATE',
]
for (const sql of new Set(expressions)) lines.push([escapeField(sql), ...(await ask(sql))].join('\t'))
writeFileSync(TABLE, `${lines.join('\n')}\n`)
await client.end()

async function ask(sql: string): Promise<[string, string]> {
  try {
    const text = `SELECT pg_typeof(${sql})::text, ${sql}`
    const types = { getTypeParser: () => (value: unknown) => value }
    const { rows } = await client.query({ text, rowMode: 'array', types })
    const [type, value] = rows[0]
    return [type, value === null ? '\\N' : escapeField(String(value))]
  } catch (error) {
    if (error instanceof pg.DatabaseError) return ['ERROR', error.code ?? '']
    throw error
  }
}

/** One a line; a line that begins a string and does not end it goes on in the next. */
function expressionsOf(text: string): string[] {
  const found: string[] = []
  let open = ''
  for (const line of text.split('\n')) {
    open = open === '' ? line : `${open}\n${line}`
    if ((open.match(/'/g)?.length ?? 0) % 2 === 0) {
      if (open !== '') found.push(open)
      open = ''
    }
  }
  return found
}
