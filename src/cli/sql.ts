import { createInterface } from 'node:readline/promises'
import { endsStatement, parseScript } from '../../grammar/parse.ts'
import { type Address, type Answer, Client, serverFlag } from './client.ts'
import { type Command, describeError, type Terminal } from './command.ts'
import { located } from './script.ts'
import { columnWidths, table, tableHead, tableLine } from './table.ts'

/** `tidemark sql`: a prompt for machines without psql; also runs statements from a pipe or --command. */
export const sqlCommand: Command = {
  name: 'sql',
  synopsis: '[-c SQL] [--to HOST:PORT]',
  doc: 'a prompt; or the statements of -c or of standard input, up to the first that fails',
  examples: [
    'tidemark sql -c "SELECT * FROM per_minute"',
    'tidemark sql -c "SUBSCRIBE per_minute"                      until Ctrl-C',
    'tidemark sql -c "COPY readings FROM STDIN (FORMAT csv)" < readings.csv',
    'tidemark sql < statements.sql',
  ],
  words: [0, 0],
  flags: [serverFlag, { name: 'command', short: 'c', value: 'SQL', doc: 'run this and end' }],
  run: async (_, flags, terminal) => {
    const address = flags.to as Address // by its parser
    if (flags.command === undefined && terminal.asksPerson) {
      await new Prompt(address, terminal).run()
      return 0
    }
    const client = await Client.connect(address, message => terminal.err(`notice: ${message}\n`))
    const cancel = (): void => client.cancel()
    terminal.signal.addEventListener('abort', cancel)
    try {
      const script = flags.command === undefined ? await wholeInput(terminal.input) : String(flags.command)
      await runAll(client, script, terminal, flags.command === undefined ? undefined : terminal.input)
      return 0
    } catch (error) {
      if (terminal.signal.aborted) return 130 // as shells tell of Ctrl-C
      throw error
    } finally {
      terminal.signal.removeEventListener('abort', cancel)
      await client.close()
    }
  },
}

async function runAll(
  client: Client,
  script: string,
  terminal: Terminal,
  input?: AsyncIterable<Uint8Array>,
): Promise<void> {
  for (const { sql, offset } of parsed(script)) await client.run(sql, new Printer(terminal, input), script, offset)
}

function parsed(script: string): ReturnType<typeof parseScript> {
  try {
    return parseScript(script)
  } catch (error) {
    throw located(error, script, 0)
  }
}

async function wholeInput(input: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of input) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}

/** Rows that are waited for before the first is printed: they set the widths of the columns. */
const ROWS_FIRST = 100

/**
 * Prints an answer as it comes: rows in columns, the tag of what has none, COPY's data as it is. Rows are shown at once when no more are there
 * at the moment, so a subscription's are.
 */
export class Printer implements Answer {
  readonly input: AsyncIterable<Uint8Array> | undefined
  readonly #terminal: Terminal
  #names: readonly string[] | undefined
  #widths: readonly number[] | undefined
  #waiting: (readonly (string | null)[])[] = []
  #count = 0

  constructor(terminal: Terminal, input?: AsyncIterable<Uint8Array>) {
    this.#terminal = terminal
    this.input = input
  }

  fields(names: readonly string[]): void {
    this.#names = names
  }

  row(cells: readonly (string | null)[]): void {
    if (this.#waiting.push(cells) === 1) setImmediate(() => this.#print())
    this.#count++
    if (this.#waiting.length >= ROWS_FIRST) this.#print()
  }

  copied(bytes: Uint8Array): void {
    this.#terminal.out(bytes)
  }

  done(tag: string): void {
    if (this.#names === undefined) {
      // The number of rows that COPY wrote is not a part of what it wrote.
      if (tag.startsWith('COPY')) this.#terminal.err(`${tag}\n`)
      else this.#terminal.out(`${tag}\n`)
      return
    }
    this.#print(true)
    this.#terminal.out(`(${this.#count} ${this.#count === 1 ? 'row' : 'rows'})\n`)
    this.#names = undefined
    this.#widths = undefined
    this.#count = 0
  }

  #print(last = false): void {
    const names = this.#names
    if (names === undefined || (this.#waiting.length === 0 && !last)) return
    const lines: string[] = []
    if (this.#widths === undefined) {
      this.#widths = columnWidths(names, this.#waiting)
      lines.push(...tableHead(names, this.#widths))
    }
    for (const cells of this.#waiting) lines.push(tableLine(cells, this.#widths))
    this.#waiting = []
    if (lines.length > 0) this.#terminal.out(`${lines.join('\n')}\n`)
  }
}

const HELP = `  a statement ends with a semicolon and may have several lines
  SHOW SOURCES | STREAMS | VIEWS | MATERIALIZED VIEWS | SINKS | JOBS | TOPICS | CONNECTIONS;    what there is
  \\d            the same as a list          \\d NAME       its columns
  SUBSCRIBE NAME;                            a view's rows and their changes, until Ctrl-C
  \\q, exit      ends (Ctrl-D too)           Ctrl-C        ends the statement that runs
`

/** What \\d lists. */
const LISTED = ['sources', 'materialized views', 'views', 'sinks', 'connections']

/** A prompt: lines until a semicolon ends the statement. A server that went is connected to again. */
class Prompt {
  readonly #address: Address
  readonly #terminal: Terminal
  #client: Client | undefined
  #running = false

  constructor(address: Address, terminal: Terminal) {
    this.#address = address
    this.#terminal = terminal
  }

  async run(): Promise<void> {
    await this.#connected()
    const lines = createInterface({ input: this.#terminal.input, output: process.stdout, historySize: 1000 })
    this.#terminal.out('Statements end with a semicolon; \\? for help, \\q to end.\n')
    let statement = ''
    const ask = (): void => {
      lines.setPrompt(statement === '' ? 'tidemark=> ' : 'tidemark-> ')
      lines.prompt()
    }
    lines.on('SIGINT', () => {
      if (this.#running) return this.#client?.cancel()
      statement = ''
      for (const name of ['e', 'u']) lines.write(null, { ctrl: true, name }) // forgets what was typed of the line
      this.#terminal.out('\n')
      ask()
    })
    ask()
    for await (const line of lines) {
      const command = statement === '' ? line.trim().replace(/;$/, '') : ''
      if (/^(\\q|exit|quit)$/i.test(command)) break
      if (command.startsWith('\\') || /^help$/i.test(command)) await this.#meta(command)
      else if (statement !== '' || line.trim() !== '') {
        statement += `${line}\n`
        if (endsStatement(statement)) {
          await this.#attempt(statement)
          statement = ''
        }
      }
      ask()
    }
    lines.close()
    await this.#client?.close()
  }

  async #meta(command: string): Promise<void> {
    const [, list, name] = /^(\\d[tmvs]?\+?)(?:\s+(\S+))?$/.exec(command) ?? []
    if (name !== undefined) return await this.#attempt(`DESCRIBE ${name}`)
    if (list !== undefined) return await this.#list()
    if (!/^(\\\?|\\h|help)$/i.test(command)) this.#terminal.err(`error: there is no ${command}\n`)
    this.#terminal.out(HELP)
  }

  #list(): Promise<void> {
    return this.#work(async client => {
      const found: string[][] = []
      for (const kind of LISTED) {
        const { rows } = await client.rows(`SHOW ${kind}`)
        found.push(...rows.map(([name]) => [name ?? '', kind.replace(/s$/, '')]))
      }
      this.#terminal.out(table(['name', 'kind'], found.sort()))
    })
  }

  #attempt(sql: string): Promise<void> {
    return this.#work(client => runAll(client, sql, this.#terminal))
  }

  /** Errors are told, and the prompt goes on. */
  async #work(work: (client: Client) => Promise<void>): Promise<void> {
    this.#running = true
    try {
      await work(await this.#connected())
    } catch (error) {
      this.#terminal.err(describeError(error))
    } finally {
      this.#running = false
    }
  }

  async #connected(): Promise<Client> {
    if (this.#client && !this.#client.broken) return this.#client
    const again = this.#client !== undefined
    this.#client = await Client.connect(this.#address, message => this.#terminal.err(`notice: ${message}\n`))
    if (again) this.#terminal.err('connected again: settings of the session are as in the beginning\n')
    return this.#client
  }
}
