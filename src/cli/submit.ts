import { parseScript } from '../../grammar/parse.ts'
import { EngineError } from '../base/errors.ts'
import { type Address, Client, serverFlag } from './client.ts'
import { type Command, describeError, readText, type Terminal } from './command.ts'
import { located } from './script.ts'
import { Printer } from './sql.ts'

/** `tidemark submit`: statements of files to a server, where what they start goes on. */
export const submitCommand: Command = {
  name: 'submit',
  synopsis: 'FILE.sql … [--to HOST:PORT]',
  doc: 'register the statements of files as standing jobs on a server',
  examples: [
    'tidemark submit rooms.sql --to gateway:7432',
    'tidemark submit rooms.sql --skip-existing      again, after a part of it failed',
  ],
  words: [1, Number.POSITIVE_INFINITY],
  flags: [serverFlag, { name: 'skip-existing', doc: 'leave what exists already as it is, and go on' }],
  run: async (files, flags, terminal) => {
    // All is read before the first statement is sent: a syntax error in the last file leaves nothing behind.
    const scripts = []
    for (const file of files) {
      const sql = await readText(file)
      scripts.push({ file, sql, statements: parsed(sql, file) })
    }
    const client = await Client.connect(flags.to as Address, message => terminal.err(`notice: ${message}\n`)) // by its parser
    const cancel = (): void => client.cancel()
    terminal.signal.addEventListener('abort', cancel)
    const total = scripts.reduce((sum, { statements }) => sum + statements.length, 0)
    let done = 0
    try {
      for (const { file, sql, statements } of scripts) {
        for (const { sql: text, offset } of statements) {
          if (terminal.signal.aborted) throw new EngineError('57014', 'ended by Ctrl-C')
          try {
            await client.run(text, new Printer(terminal), sql, offset)
          } catch (error) {
            if (!flags['skip-existing'] || !(error instanceof EngineError) || error.sqlState !== '42P07')
              throw inFile(error, file)
            terminal.err(`notice: ${error.message.replace(/^line.*?: /, '')}, skipped\n`)
          }
          done++
        }
      }
      return 0
    } catch (error) {
      terminal.err(describeError(error))
      tellRest(terminal, done, total)
      return 1
    } finally {
      terminal.signal.removeEventListener('abort', cancel)
      await client.close()
    }
  },
}

/** What a failure left: nothing is taken back, as jobs run already. */
function tellRest(terminal: Terminal, done: number, total: number): void {
  if (total === 1) return
  const before =
    done === 0
      ? 'none ran before it'
      : `the ${done === 1 ? 'one' : done} before it stay${done === 1 ? 's' : ''} in force`
  terminal.err(`of ${total} statements the ${ordinal(done + 1)} failed; ${before}, ${total - done - 1} did not run\n`)
  if (done > 0) terminal.err('hint: mend it and submit again with --skip-existing\n')
}

function ordinal(n: number): string {
  const teen = n % 100 >= 11 && n % 100 <= 13
  return `${n}${teen ? 'th' : (['th', 'st', 'nd', 'rd'][n % 10] ?? 'th')}`
}

function parsed(sql: string, file: string): ReturnType<typeof parseScript> {
  try {
    return parseScript(sql)
  } catch (error) {
    throw inFile(located(error, sql, 0), file)
  }
}

function inFile(error: unknown, file: string): unknown {
  if (!(error instanceof EngineError)) return error
  const { sqlState, message, detail, hint } = error
  return new EngineError(sqlState, `${file}, ${message}`, { detail, hint, cause: error })
}
