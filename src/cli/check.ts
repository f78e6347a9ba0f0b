import { splitScript } from '../../grammar/parse.ts'
import { toEngineError } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'
import type { Engine } from '../engine/engine.ts'
import { defineOnly } from '../engine/execute/check.ts'
import type { Session } from '../engine/session.ts'
import { type Command, describeError, readText } from './command.ts'
import { withTemporaryEngine } from './run.ts'
import { placeOf } from './script.ts'
import type { OpenEngine } from './serve.ts'

/** `tidemark check`: every error of a file, nothing run. */
export function checkCommand(open: OpenEngine, makeLog: (level: string) => Logger): Command {
  return {
    name: 'check',
    synopsis: 'FILE.sql …',
    doc: 'parse and bind, and report every error with line, column and a hint',
    examples: ['tidemark check rooms.sql      each error as FILE:LINE:COLUMN; exit code 1 if there is one'],
    words: [1, Number.POSITIVE_INFINITY],
    flags: [],
    run: async (files, _, terminal) => {
      let count = 0
      for (const file of files) {
        const sql = await readText(file)
        const { statements, errors } = await withTemporaryEngine(open, makeLog('error'), engine => check(sql, engine))
        for (const { offset, error } of errors) {
          const { line, column } = placeOf(sql, offset)
          terminal.err(describeError(error, `${file}:${line}:${column}: error`))
        }
        const found = errors.length === 0 ? 'no errors' : `${errors.length} error${errors.length === 1 ? '' : 's'}`
        terminal.err(`${file}: ${statements} statement${statements === 1 ? '' : 's'}, ${found}\n`)
        count += errors.length
      }
      return count > 0 ? 1 : 0
    },
  }
}

interface Found {
  readonly offset: number
  readonly error: unknown
}

async function check(sql: string, engine: Engine): Promise<{ statements: number; errors: readonly Found[] }> {
  const session = await engine.connect({ user: 'tidemark', database: 'tidemark', settings: new Map() })
  const errors: Found[] = []
  /** What statements with errors would have made: that it is missing is no error of those that use it. */
  const missing = new Set<string>()
  const pieces = splitScript(sql)
  for (const piece of pieces) {
    try {
      await checkStatement(piece.sql, session, engine)
    } catch (error) {
      const { sqlState, message, position = 1 } = toEngineError(error)
      const made = MADE.exec(piece.sql)?.[1]
      if (made !== undefined && sqlState !== '42P07') missing.add(plainName(made))
      const unknown = sqlState === '42P01' ? /"([^"]+)"/.exec(message)?.[1] : undefined
      if (unknown !== undefined && missing.has(unknown)) continue
      errors.push({ offset: piece.offset + position - 1, error })
    }
  }
  return { statements: pieces.length, errors }
}

/** The name that a CREATE gives, also in one that does not parse. */
const MADE =
  /^create\b[^(]*?\b(?:source|table|stream|view|sink|connection)\s+(?:if\s+not\s+exists\s+)?("[^"]+"|[\w.]+)/i

function plainName(written: string): string {
  return written.startsWith('"') ? written.slice(1, -1) : written.toLowerCase().replace(/^public\./, '')
}

async function checkStatement(sql: string, session: Session, engine: Engine): Promise<void> {
  for (const statement of session.parse(sql)) {
    const prepared = await session.prepare(statement, [])
    // What the session is told changes how later statements are read.
    if (/^set\b/i.test(statement.sql)) await session.execute(prepared, [])
    const timeZone = session.settings.get('timezone') ?? 'UTC'
    await defineOnly(statement, { sql: statement.sql, searchPath: searchPathOf(session), timeZone }, engine)
  }
}

function searchPathOf(session: Session): readonly string[] {
  return (session.settings.get('search_path') ?? 'public').split(',').map(name => plainName(name.trim()))
}
