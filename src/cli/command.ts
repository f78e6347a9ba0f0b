import { readFile } from 'node:fs/promises'
import { EngineError, nearest } from '../base/errors.ts'

/** One flag: help, parsing and defaults come from this declaration. A flag without `value` is a switch. */
export interface Flag {
  readonly name: string
  /** One letter for those who type it often: `c` for `-c`. */
  readonly short?: string
  readonly doc: string
  /** Placeholder of its value in the help: `DIR`, `PORT`. */
  readonly value?: string
  readonly default?: string
  /** Throws EngineError that names the flag. */
  readonly parse?: (text: string) => unknown
}

/** Flags by name, parsed. */
export type Flags = Readonly<Record<string, unknown>>

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
  run(words: readonly string[], flags: Flags, terminal: Terminal): Promise<number>
}

/** What a command may touch of the process. */
export interface Terminal {
  out(text: string | Uint8Array): void
  /** For messages and progress: never mixed into results. */
  err(text: string): void
  /** A person types the input. */
  readonly asksPerson: boolean
  /** A person reads the messages: progress is shown. */
  readonly tellsPerson: boolean
  readonly input: NodeJS.ReadStream
  /** Aborts on Ctrl-C or SIGTERM. */
  readonly signal: AbortSignal
}

/** The command line itself is wrong: exit code 2, where errors of the work are 1. */
export class WrongUse extends EngineError {
  constructor(message: string, hint?: string) {
    super('22023', message, { hint })
  }
}

/** `--config FILE`: a command with it takes its flags from a file too, a line each; what the command line says wins. */
export const configFlag: Flag = {
  name: 'config',
  value: 'FILE',
  doc: 'flags from a file, a line each: pg-port = 7432; what the command line says wins',
}

/** Runs the command that `argv` names. Errors become lines on stderr and an exit code. */
export async function runCommand(
  commands: readonly Command[],
  version: string,
  argv: readonly string[],
  terminal: Terminal,
): Promise<number> {
  const [name, ...rest] = argv
  try {
    if (name === '--version' || name === '-V' || name === 'version') {
      terminal.out(`tidemark ${version}\n`)
      return 0
    }
    if (name === undefined) {
      terminal.err(overview(commands))
      return 2
    }
    if (name === '--help' || name === '-h' || name === 'help') {
      terminal.out(rest.length > 0 ? commandHelp(commandOf(commands, rest[0])) : overview(commands))
      return 0
    }
    const command = commandOf(commands, name)
    const end = rest.indexOf('--')
    if (rest.slice(0, end < 0 ? rest.length : end).some(arg => arg === '--help' || arg === '-h')) {
      terminal.out(commandHelp(command))
      return 0
    }
    const { words, flags } = await parseArguments(command, rest)
    return await command.run(words, flags, terminal)
  } catch (error) {
    terminal.err(describeError(error))
    return error instanceof WrongUse ? 2 : 1
  }
}

/** `error: message`, then detail and hint, a line each. `prefix` says where instead of `error`. */
export function describeError(error: unknown, prefix = 'error'): string {
  if (!(error instanceof EngineError))
    return `${prefix}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`
  const lines = [`${prefix}: ${error.message}`]
  if (error.detail) lines.push(`detail: ${error.detail}`)
  if (error.hint) lines.push(`hint: ${error.hint}`)
  return `${lines.join('\n')}\n`
}

function commandOf(commands: readonly Command[], name: string): Command {
  const command = commands.find(c => c.name === name)
  if (command) return command
  const names = commands.map(c => c.name)
  if (name.startsWith('-'))
    throw new WrongUse(`${name} needs a command before it`, 'alone there are --help and --version')
  throw new WrongUse(
    `there is no command "${name}"`,
    didYouMean(name, names, text => text) ?? `there are ${names.join(', ')}`,
  )
}

/** `did you mean a or b?`, where something is near. */
export function didYouMean(
  wrong: string,
  known: readonly string[],
  show: (name: string) => string,
): string | undefined {
  const near = nearest(wrong, known)
  return near.length > 0 ? `did you mean ${near.map(show).join(' or ')}?` : undefined
}

interface Given {
  readonly words: readonly string[]
  /** Texts of flags; `true` for a switch. */
  readonly texts: ReadonlyMap<string, string>
}

async function parseArguments(command: Command, args: readonly string[]): Promise<{ words: string[]; flags: Flags }> {
  const given = split(command, args)
  const file = given.texts.get(configFlag.name)
  const fromFile = file === undefined ? [] : await readConfig(command, file)
  const flags: Record<string, unknown> = {}
  const texts = new Map([...fromFile, ...given.texts])
  for (const flag of command.flags) {
    const text = texts.get(flag.name) ?? flag.default
    if (text === undefined) continue
    flags[flag.name] = flag.value === undefined ? true : parseValue(flag, text)
  }
  const [least, most] = command.words
  if (given.words.length < least || given.words.length > most) {
    const what = given.words.length < least ? 'too few words' : `"${given.words[most]}" is one word too many`
    throw new WrongUse(`${what}: tidemark ${command.name} ${command.synopsis}`, `see tidemark ${command.name} --help`)
  }
  return { words: [...given.words], flags }
}

function parseValue(flag: Flag, text: string): unknown {
  try {
    return flag.parse ? flag.parse(text) : text
  } catch (error) {
    throw error instanceof EngineError ? new WrongUse(error.message, error.hint) : error
  }
}

function split(command: Command, args: readonly string[]): Given {
  const words: string[] = []
  const texts = new Map<string, string>()
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]
    if (arg === '--') {
      words.push(...args.slice(i + 1))
      break
    }
    if (!arg.startsWith('-') || arg === '-') {
      words.push(arg)
      continue
    }
    const [name, inline] = splitOnce(arg, '=')
    const flag = flagOf(command, name)
    if (flag.value === undefined) {
      if (inline !== undefined) throw new WrongUse(`${name} takes no value`)
      texts.set(flag.name, 'true')
      continue
    }
    const text = inline ?? args[++i]
    if (text === undefined) throw new WrongUse(`${name} needs a value: ${name} ${flag.value}`)
    texts.set(flag.name, text)
  }
  return { words, texts }
}

/** A flag by `--name` or `-n`. */
function flagOf({ name: command, flags }: Command, given: string): Flag {
  const flag = flags.find(f => given === `--${f.name}` || (f.short !== undefined && given === `-${f.short}`))
  if (flag) return flag
  throw new WrongUse(
    `${command} has no flag ${given}`,
    didYouMean(
      given.replace(/^-+/, ''),
      flags.map(f => f.name),
      name => `--${name}`,
    ) ?? `see tidemark ${command} --help`,
  )
}

/** Flags of a file: `name = value` lines, as in postgresql.conf; `#` begins a comment. Names are written with - or _. */
async function readConfig(command: Command, file: string): Promise<[string, string][]> {
  const text = await readText(file)
  const found: [string, string][] = []
  for (const [i, line] of text.split(/\r?\n/).entries()) {
    const match = /^\s*(?:([^\s=#']+)\s*=?\s*(?:'([^']*)'|([^#']*?)))?\s*(?:#.*)?$/.exec(line)
    const where = `${file}, line ${i + 1}`
    if (!match) throw new WrongUse(`${where}: "${line.trim()}" is not name = value`)
    const [, name, quoted, plain] = match
    if (name === undefined) continue
    try {
      const flag = flagOf(command, `--${name.replaceAll('_', '-')}`)
      if (flag === configFlag) throw new WrongUse('a file of flags names no other')
      const value = quoted ?? plain
      if (flag.value === undefined) {
        if (!/^(true|on|yes|1|false|off|no|0)?$/i.test(value))
          throw new WrongUse(`${name} is on or off, not "${value}"`)
        if (!/^(false|off|no|0)$/i.test(value)) found.push([flag.name, 'true'])
      } else {
        if (value === '') throw new WrongUse(`${name} needs a value: ${name} = ${flag.value}`)
        parseValue(flag, value)
        found.push([flag.name, value])
      }
    } catch (error) {
      throw error instanceof WrongUse ? new WrongUse(`${where}: ${error.message}`, error.hint) : error
    }
  }
  return found
}

/** The text of a file that a person named. Throws 58P01. */
export async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
    const why = code === 'ENOENT' ? 'there is no such file' : code === 'EISDIR' ? 'it is a folder' : String(cause)
    throw new EngineError('58P01', `cannot read ${file}: ${why}`, { cause })
  }
}

function splitOnce(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator)
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)]
}

function overview(commands: readonly Command[]): string {
  const width = Math.max(...commands.map(c => c.name.length)) + 2
  const lines = commands.map(c => `  ${c.name.padEnd(width)}${c.doc}`)
  return `tidemark: standing SQL over topics\n\nusage: tidemark COMMAND [ARGUMENTS]\n\n${lines.join('\n')}\n\ntidemark COMMAND --help tells more; tidemark --version says which this is.\n`
}

function commandHelp(command: Command): string {
  const names = command.flags.map(f => {
    const name = f.short === undefined ? `--${f.name}` : `-${f.short}, --${f.name}`
    return f.value === undefined ? name : `${name} ${f.value}`
  })
  const width = Math.max(0, ...names.map(n => n.length)) + 2
  const lines = command.flags.map((f, i) => {
    const standard = f.default === undefined || f.default === '' ? '' : ` (default ${f.default})`
    return `  ${names[i].padEnd(width)}${f.doc}${standard}`
  })
  const parts = [
    `tidemark ${command.name}: ${command.doc}`,
    `usage: tidemark ${command.name} ${command.synopsis}`.trimEnd(),
  ]
  if (lines.length > 0) parts.push(lines.join('\n'))
  if (command.examples) parts.push(command.examples.map(e => `  ${e}`).join('\n'))
  return `${parts.join('\n\n')}\n`
}
