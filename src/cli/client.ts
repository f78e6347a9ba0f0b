import pg from 'pg'
import { EngineError } from '../base/errors.ts'
import type { Flag } from './command.ts'

/** Which server a command speaks to. */
export const serverFlag: Flag = { name: 'to', value: 'HOST:PORT', doc: 'the server', default: 'localhost:7432' }

/** Connects to a server as `tidemark`; notices go to `notice`. */
export async function connect(to: unknown, notice: (message: string) => void): Promise<pg.Client> {
  const [host, port = '7432'] = String(to).split(':')
  const client = new pg.Client({
    host,
    port: Number(port),
    user: 'tidemark',
    database: 'tidemark',
    application_name: 'tidemark',
  })
  client.on('notice', message => notice(message.message ?? ''))
  client.on('error', () => {}) // the running query hears of it too
  try {
    await client.connect()
  } catch (cause) {
    throw new EngineError(
      '08001',
      `no server answers at ${host}:${port}: ${cause instanceof Error ? cause.message || cause.name : cause}`,
      {
        cause,
        actor: 'external',
        retryable: true,
        hint: 'start one with: tidemark serve',
      },
    )
  }
  return client
}

/** An error of the server as one of ours, to be printed the same way. Its position counts characters of `sql`. */
export function fromServer(error: unknown, sql = ''): unknown {
  if (!(error instanceof pg.DatabaseError)) return error
  const { code = 'XX000', message, detail, hint } = error
  const before = error.position === undefined ? undefined : [...sql].slice(0, Number(error.position) - 1)
  const position = before && before.join('').length + 1
  return new EngineError(code, message, { detail, hint, position })
}

/** Rows in columns, as psql aligns them. */
export function table(names: readonly string[], rows: readonly (readonly (string | null)[])[]): string {
  const widths = names.map((name, c) => Math.max(name.length, ...rows.map(r => (r[c] ?? '').length)))
  const line = (cells: readonly (string | null)[]): string =>
    cells
      .map((cell, c) => (cell ?? '').padEnd(widths[c]))
      .join(' | ')
      .trimEnd()
  const rule = widths.map(w => '-'.repeat(w)).join('-+-')
  return `${[line(names), rule, ...rows.map(line)].join('\n')}\n(${rows.length} ${rows.length === 1 ? 'row' : 'rows'})\n`
}
