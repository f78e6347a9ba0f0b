import { existsSync, readFileSync } from 'node:fs'

/** Where the results of the real PostgreSQL are. */
export const TABLE: string = new URL('postgres.tsv', import.meta.url).pathname

/** One expression and what PostgreSQL made of it: `type` ERROR has the SQLSTATE as `result`; null is NULL. */
export interface TableRow {
  readonly sql: string
  readonly type: string
  readonly result: string | null
}

export function tableRows(): TableRow[] {
  if (!existsSync(TABLE)) return []
  return readFileSync(TABLE, 'utf8')
    .split('\n')
    .filter(line => line !== '' && !line.startsWith('#'))
    .map(line => {
      const [sql, type, result] = line.split('\t')
      return { sql: unescapeField(sql), type, result: result === '\\N' ? null : unescapeField(result) }
    })
}

/** Backslash, tab and newline written as COPY writes them. */
export function escapeField(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('\t', '\\t')
}

function unescapeField(text: string): string {
  return text.replace(/\\(.)/g, (_, c: string) => (c === 'n' ? '\n' : c === 't' ? '\t' : c))
}
