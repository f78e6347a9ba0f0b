import { createInterface } from 'node:readline/promises'
import { parseScript } from '../../grammar/parse.ts'
import { EngineError } from '../base/errors.ts'
import { connect, fromServer, serverFlag, table } from './client.ts'
import { type Command, describeError, type Terminal } from './command.ts'
import { readSql } from './run.ts'
import { located } from './script.ts'

interface Answer {
  readonly command: string
  readonly fields: readonly { readonly name: string }[]
  readonly rows: readonly (string | null)[][]
}

const asText = { getTypeParser: () => (value: string) => value }

async function query(client: Awaited<ReturnType<typeof connect>>, text: string): Promise<Answer> {
  const answer: unknown = await client.query({ text, rowMode: 'array', types: asText })
  return answer as Answer // node-postgres with rowMode array and text values
}

/** Rows as a table, or the command's tag. */
function shown({ command, fields, rows }: Answer): string {
  return fields.length > 0
    ? table(
        fields.map(f => f.name),
        rows,
      )
    : `${command}\n`
}

function notices(terminal: Terminal): (message: string) => void {
  return message => terminal.err(`notice: ${message}\n`)
}

/** `tidemark submit`: statements of a file to a server, where what they start goes on. */
export const submitCommand: Command = {
  name: 'submit',
  synopsis: 'FILE.sql … [--to HOST:PORT]',
  doc: 'register the statements of files as standing jobs on a server',
  words: [1, Number.POSITIVE_INFINITY],
  flags: [serverFlag],
  run: async (files, flags, terminal) => {
    const client = await connect(flags.to, notices(terminal))
    try {
      for (const file of files) {
        const sql = await readSql(file)
        for (const statement of parseScript(sql)) {
          if (statement.ast === undefined) continue
          try {
            terminal.out(shown(await query(client, statement.sql)))
          } catch (error) {
            throw located(fromServer(error, statement.sql), sql, statement.offset)
          }
        }
      }
      return 0
    } finally {
      await client.end()
    }
  },
}

const quoted = (name: string): string =>
  name
    .split('.')
    .map(part => `"${part.replaceAll('"', '""')}"`)
    .join('.')

/** What `tidemark jobs VERB` runs; the job's name is quoted already. */
const JOB_STATEMENTS: Readonly<Record<string, ((job: string, name: string) => string) | undefined>> = {
  pause: job => `ALTER JOB ${job} PAUSE`,
  resume: job => `ALTER JOB ${job} RESUME`,
  drop: job => `DROP JOB ${job}`,
  show: (_, name) => `SELECT * FROM tidemark.jobs WHERE job = '${name.replaceAll("'", "''")}'`,
}

export const jobsCommand: Command = {
  name: 'jobs',
  synopsis: '[list] | show JOB | pause JOB | resume JOB | drop JOB',
  doc: 'the standing jobs of a server, and what to do with them',
  words: [0, 2],
  flags: [serverFlag],
  run: async ([verb = 'list', name], flags, terminal) => {
    const statement = JOB_STATEMENTS[verb]
    if (verb !== 'list' && (statement === undefined || name === undefined)) {
      throw new EngineError('22023', statement ? `jobs ${verb} needs the name of a job` : `jobs cannot "${verb}"`, {
        hint: 'list, show, pause, resume, drop',
      })
    }
    const client = await connect(flags.to, notices(terminal))
    try {
      const sql =
        statement === undefined
          ? 'SELECT job, kind, state, rows_in, rows_late, rows_bad, lag, error FROM tidemark.jobs ORDER BY job'
          : statement(quoted(name), name)
      const answer = await query(client, sql)
      const { fields, rows } = answer
      if (verb === 'show') {
        if (rows.length === 0)
          throw new EngineError('42704', `there is no job "${name}"`, { hint: 'tidemark jobs lists them' })
        const width = Math.max(...fields.map(f => f.name.length))
        for (const [i, field] of fields.entries()) terminal.out(`${field.name.padEnd(width)}  ${rows[0][i] ?? ''}\n`)
      } else terminal.out(shown(answer))
      return 0
    } catch (error) {
      throw fromServer(error)
    } finally {
      await client.end()
    }
  },
}

/** `tidemark sql`: a prompt for machines without psql; also runs statements from a pipe or --command. */
export const sqlCommand: Command = {
  name: 'sql',
  synopsis: '[--command SQL] [--to HOST:PORT]',
  doc: 'a prompt; or the statements of --command or of standard input',
  words: [0, 0],
  flags: [serverFlag, { name: 'command', value: 'SQL', doc: 'run this and end' }],
  run: async (_, flags, terminal) => {
    const client = await connect(flags.to, notices(terminal))
    let failed = false
    const runAll = async (sql: string): Promise<void> => {
      for (const statement of parseScript(sql)) {
        if (statement.ast === undefined) continue
        terminal.out(shown(await query(client, statement.sql)))
      }
    }
    const attempt = async (sql: string): Promise<void> => {
      try {
        await runAll(sql)
      } catch (error) {
        failed = true
        terminal.err(describeError(fromServer(error)))
      }
    }
    try {
      if (flags.command !== undefined) await attempt(String(flags.command))
      else if (terminal.isTTY) await prompt(attempt)
      else await attempt(await wholeInput(terminal))
      return failed && !terminal.isTTY ? 1 : 0
    } finally {
      await client.end()
    }
  },
}

async function wholeInput(terminal: Terminal): Promise<string> {
  let text = ''
  for await (const chunk of terminal.input) text += typeof chunk === 'string' ? chunk : new TextDecoder().decode(chunk)
  return text
}

/** Lines until a semicolon ends the statement; `\q` or Ctrl-D ends. */
async function prompt(attempt: (sql: string) => Promise<void>): Promise<void> {
  const lines = createInterface({ input: process.stdin, output: process.stdout, prompt: 'tidemark=> ' })
  let statement = ''
  lines.prompt()
  for await (const line of lines) {
    if (line.trim() === '\\q') break
    statement += `${line}\n`
    if (line.trimEnd().endsWith(';')) {
      await attempt(statement)
      statement = ''
    }
    lines.setPrompt(statement.trim() === '' ? 'tidemark=> ' : 'tidemark-> ')
    lines.prompt()
  }
  lines.close()
}
