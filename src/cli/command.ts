import { EngineError, nearest } from '../base/errors.ts'

/** One flag: help, parsing and defaults come from this declaration. A flag without `value` is a switch. */
export interface Flag {
  readonly name: string
  readonly doc: string
  /** Placeholder of its value in the help: `DIR`, `PORT`. */
  readonly value?: string
  readonly default?: string
  readonly parse?: (text: string) => unknown
}

export interface Command {
  readonly name: string
  /** The words after the name: `FILE.sql`, `list | pause JOB`. */
  readonly synopsis: string
  readonly doc: string
  /** Extra lines of help: examples. */
  readonly examples?: readonly string[]
  readonly flags: readonly Flag[]
  /** How many words it takes: [least, most]. */
  readonly words: readonly [number, number]
  /** Answers the exit code: 0 done, 1 the work failed, 2 wrong use. */
  run(words: readonly string[], flags: Readonly<Record<string, unknown>>, terminal: Terminal): Promise<number>
}

/** What a command may touch of the process, so that tests can stand in. */
export interface Terminal {
  out(text: string): void
  /** For messages and progress: never mixed into results. */
  err(text: string): void
  readonly isTTY: boolean
  readonly input: AsyncIterable<string | Uint8Array>
  /** Aborts on Ctrl-C or SIGTERM. */
  readonly signal: AbortSignal
}

const usage = (message: string, hint?: string): EngineError => new EngineError('22023', message, { hint })

/** Runs the command that `argv` names. Errors become one line on stderr and an exit code. */
export async function runCommand(
  commands: readonly Command[],
  argv: readonly string[],
  terminal: Terminal,
): Promise<number> {
  const [name, ...rest] = argv
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    const topic = commands.find(c => c.name === rest[0])
    terminal.out(topic ? commandHelp(topic) : overview(commands))
    return name === undefined ? 2 : 0
  }
  try {
    const command = commands.find(c => c.name === name)
    if (!command) {
      const near = nearest(
        name,
        commands.map(c => c.name),
      )
      throw usage(
        `there is no command "${name}"`,
        near.length > 0 ? `did you mean ${near.join(' or ')}?` : 'see tidemark --help',
      )
    }
    if (rest.includes('--help') || rest.includes('-h')) {
      terminal.out(commandHelp(command))
      return 0
    }
    const { words, flags } = parseArguments(command, rest)
    return await command.run(words, flags, terminal)
  } catch (error) {
    terminal.err(describeError(error))
    return error instanceof EngineError && error.sqlState === '22023' ? 2 : 1
  }
}

/** `error: message`, then detail and hint, a line each. */
export function describeError(error: unknown): string {
  if (!(error instanceof EngineError))
    return `error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`
  const lines = [`error: ${error.message}`]
  if (error.detail) lines.push(`detail: ${error.detail}`)
  if (error.hint) lines.push(`hint: ${error.hint}`)
  return `${lines.join('\n')}\n`
}

function parseArguments(
  command: Command,
  args: readonly string[],
): { words: string[]; flags: Record<string, unknown> } {
  const words: string[] = []
  const flags: Record<string, unknown> = {}
  for (const flag of command.flags) {
    if (flag.default !== undefined) flags[flag.name] = flag.parse ? flag.parse(flag.default) : flag.default
  }
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]
    if (!arg.startsWith('--') || arg === '--') {
      words.push(arg)
      continue
    }
    const [name, inline] = splitOnce(arg.slice(2), '=')
    const flag = command.flags.find(f => f.name === name)
    if (!flag) {
      const near = nearest(
        name,
        command.flags.map(f => f.name),
      )
      throw usage(
        `${command.name} has no flag --${name}`,
        near.length > 0 ? `did you mean --${near[0]}?` : `see tidemark ${command.name} --help`,
      )
    }
    if (flag.value === undefined) {
      if (inline !== undefined) throw usage(`--${name} takes no value`)
      flags[name] = true
      continue
    }
    const text = inline ?? args[++i]
    if (text === undefined) throw usage(`--${name} needs a value: --${name} ${flag.value}`)
    flags[name] = flag.parse ? flag.parse(text) : text
  }
  const [least, most] = command.words
  if (words.length < least || words.length > most) {
    throw usage(`usage: tidemark ${command.name} ${command.synopsis}`, `see tidemark ${command.name} --help`)
  }
  return { words, flags }
}

function splitOnce(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator)
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)]
}

function overview(commands: readonly Command[]): string {
  const width = Math.max(...commands.map(c => c.name.length)) + 2
  const lines = commands.map(c => `  ${c.name.padEnd(width)}${c.doc}`)
  return `tidemark: standing SQL over topics\n\nusage: tidemark COMMAND [ARGUMENTS]\n\n${lines.join('\n')}\n\ntidemark COMMAND --help tells more.\n`
}

function commandHelp(command: Command): string {
  const names = command.flags.map(f => `--${f.name}${f.value === undefined ? '' : ` ${f.value}`}`)
  const width = Math.max(0, ...names.map(n => n.length)) + 2
  const lines = command.flags.map((f, i) => {
    const standard = f.default === undefined || f.default === '' ? '' : ` (default ${f.default})`
    return `  ${names[i].padEnd(width)}${f.doc}${standard}`
  })
  const parts = [`tidemark ${command.name}: ${command.doc}`, `usage: tidemark ${command.name} ${command.synopsis}`]
  if (lines.length > 0) parts.push(lines.join('\n'))
  if (command.examples) parts.push(command.examples.map(e => `  ${e}`).join('\n'))
  return `${parts.join('\n\n')}\n`
}

/** Parses a port number, 0 for any free one. */
export function parsePort(text: string): number {
  const port = Number(text)
  if (!/^\d+$/.test(text) || port > 65535) throw usage(`"${text}" is not a port number`)
  return port
}
