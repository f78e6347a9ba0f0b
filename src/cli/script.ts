import { EngineError } from '../base/errors.ts'
import { rowAt } from '../batch/batch.ts'
import type { Engine } from '../engine/engine.ts'
import type { Result, Session } from '../engine/session.ts'
import { formatDatum } from '../expr/text.ts'
import type { Terminal } from './command.ts'

/** Runs the statements of a script one after another in a session of its own; throws at the first that fails, saying where. `beforeRows` runs before each that answers rows. */
export async function runScript(
  sql: string,
  engine: Engine,
  terminal: Terminal,
  { quiet, beforeRows }: { readonly quiet: boolean; readonly beforeRows?: () => Promise<void> },
): Promise<void> {
  const session = await engine.connect({ user: 'tidemark', database: 'tidemark', settings: new Map() })
  session.onNotice = ({ severity, error }) => {
    if (!quiet) terminal.err(`${severity.toLowerCase()}: ${error.message}\n`)
  }
  const cancel = (): void => session.cancel()
  terminal.signal.addEventListener('abort', cancel)
  try {
    for (const statement of session.parse(sql)) {
      const prepared = await session.prepare(statement, [])
      if (prepared.schema && beforeRows) await beforeRows()
      if (terminal.signal.aborted) return
      const result = await session.execute(prepared, [])
      if (!quiet) await printResult(result, session, terminal)
    }
  } catch (error) {
    if (!terminal.signal.aborted) throw located(error, sql, 0)
  } finally {
    terminal.signal.removeEventListener('abort', cancel)
    await session.close()
  }
}

/** Adds line and column to an error with a position. */
export function located(error: unknown, sql: string, offset: number): unknown {
  if (!(error instanceof EngineError) || error.position === undefined) return error
  const { line, column } = placeOf(sql, offset + error.position - 1)
  const { detail, hint, actor, retryable, cause } = error
  return new EngineError(error.sqlState, `line ${line}, column ${column}: ${error.message}`, {
    detail,
    hint,
    actor,
    retryable,
    cause,
  })
}

/** Line and column of an offset, both from 1; columns count characters. */
export function placeOf(sql: string, offset: number): { readonly line: number; readonly column: number } {
  const lines = sql.slice(0, offset).split('\n')
  return { line: lines.length, column: [...(lines.at(-1) ?? '')].length + 1 }
}

/** Rows as tab-separated text with a header, as they come. */
async function printResult(result: Result, session: Session, terminal: Terminal): Promise<void> {
  if (result.kind === 'command') {
    if (result.tag !== '') terminal.err(`${result.tag}\n`)
    return
  }
  if (result.kind === 'copy-in') {
    throw new EngineError('0A000', 'a file has no input for COPY … FROM STDIN', {
      hint: 'tidemark sql -c "COPY …" < rows.csv reads one; so does a source with connector = \'file\'',
    })
  }
  const { fields } = result.schema
  const timeZone = session.settings.get('timezone') ?? 'UTC'
  terminal.out(`${fields.map(f => f.name).join('\t')}\n`)
  for await (const batch of result.batches) {
    if (terminal.signal.aborted) return
    let text = ''
    for (let row = 0; row < batch.rowCount; row++) {
      const values = rowAt(batch, row).map((value, c) =>
        value === null ? '' : formatDatum(value, fields[c].type, { timeZone }),
      )
      text += `${values.join('\t')}\n`
    }
    terminal.out(text)
  }
}
