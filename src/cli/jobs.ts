import { EngineError } from '../base/errors.ts'
import { type Address, Client, serverFlag } from './client.ts'
import { type Command, didYouMean, WrongUse } from './command.ts'
import { table } from './table.ts'

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`

/** What the verbs run; the job's name is qualified and quoted. */
const STATEMENTS: Readonly<Record<string, ((job: string) => string) | undefined>> = {
  pause: job => `ALTER JOB ${job} PAUSE`,
  resume: job => `ALTER JOB ${job} RESUME`,
  drop: job => `DROP JOB ${job}`,
}

const VERBS = ['list', 'show', ...Object.keys(STATEMENTS)]

/** `tidemark jobs`: the standing jobs of a server. */
export const jobsCommand: Command = {
  name: 'jobs',
  synopsis: '[list] | show JOB | pause JOB | resume JOB | drop JOB',
  doc: 'the standing jobs of a server, and what to do with them',
  examples: ['tidemark jobs', 'tidemark jobs pause per_minute --to gateway:7432'],
  words: [0, 2],
  flags: [serverFlag],
  run: async ([verb = 'list', name], flags, terminal) => {
    if (!VERBS.includes(verb)) {
      throw new WrongUse(`jobs cannot "${verb}"`, didYouMean(verb, VERBS, text => text) ?? `it can ${VERBS.join(', ')}`)
    }
    if (verb === 'list' && name !== undefined)
      throw new WrongUse('jobs list takes no name', 'jobs show JOB tells of one')
    if (verb !== 'list' && name === undefined) throw new WrongUse(`jobs ${verb} needs the name of a job`)
    const client = await Client.connect(flags.to as Address, message => terminal.err(`notice: ${message}\n`)) // by its parser
    try {
      if (verb === 'list') {
        const sql = 'SELECT job, kind, state, rows_in, rows_late, rows_bad, lag, error FROM tidemark.jobs ORDER BY job'
        const { names, rows } = await client.rows(sql)
        terminal.out(table(names, rows))
        return 0
      }
      const job = await findJob(client, name)
      const statement = STATEMENTS[verb]
      if (statement) {
        await client.rows(statement(quoted(job)))
        terminal.out(`${verb === 'drop' ? 'dropped' : `${verb}d`} ${job}\n`)
        return 0
      }
      const { names, rows } = await client.rows(
        `SELECT * FROM tidemark.jobs WHERE job = '${job.replaceAll("'", "''")}'`,
      )
      const width = Math.max(...names.map(each => each.length))
      for (const [i, each] of names.entries()) terminal.out(`${each.padEnd(width)}  ${rows[0]?.[i] ?? ''}\n`)
      return 0
    } finally {
      await client.close()
    }
  },
}

/** The name as the server has it; one from a log may carry the schema. */
async function findJob(client: Client, given: string): Promise<string> {
  const name = given.replace(/^public\./, '')
  const { rows } = await client.rows('SELECT job FROM tidemark.jobs')
  const known = rows.map(([job]) => job ?? '')
  if (known.includes(name)) return name
  throw new EngineError('42704', `there is no job "${name}"`, {
    hint: didYouMean(name, known, text => text) ?? 'tidemark jobs lists them',
  })
}
