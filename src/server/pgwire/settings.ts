/** The settings that clients are told of at the start and whenever they change (GUC_REPORT). Drivers rely on every one. */
const REPORTED = [
  'server_version',
  'server_encoding',
  'client_encoding',
  'application_name',
  'is_superuser',
  'session_authorization',
  'DateStyle',
  'IntervalStyle',
  'TimeZone',
  'integer_datetimes',
  'standard_conforming_strings',
  'default_transaction_read_only',
  'in_hot_standby',
]

const reportedNames = new Map(REPORTED.map(name => [name.toLowerCase(), name]))

/** The name under which a setting is reported, or undefined when clients do not hear of it. */
export function reportedName(setting: string): string | undefined {
  return reportedNames.get(setting.toLowerCase())
}

/** What is reported when a session begins. */
export function initialSettings(settings: ReadonlyMap<string, string>): [name: string, value: string][] {
  return REPORTED.flatMap(name => {
    const value = settings.get(name.toLowerCase())
    return value === undefined ? [] : [[name, value]]
  })
}

/** What a client's start-up packet asks for. */
export interface StartupRequest {
  readonly user: string
  readonly database: string
  readonly settings: ReadonlyMap<string, string>
  /** `_pq_.` options, none of which is known yet. */
  readonly unknownOptions: readonly string[]
}

/**
 * Not settings of the session. Text is UTF-8 whatever encoding is asked for: a client on a machine with another one shall
 * connect, and hears by ParameterStatus what it gets.
 */
const OWN = new Set(['user', 'database', 'replication', 'client_encoding'])

/** Sorts the parameters of a start-up packet. `options` holds command-line switches: `-c name=value`, `--name=value`. */
export function readStartup(parameters: ReadonlyMap<string, string>): StartupRequest {
  const settings = new Map<string, string>()
  const unknownOptions: string[] = []
  for (const [name, value] of parameters) {
    if (name.startsWith('_pq_.')) unknownOptions.push(name)
    else if (name === 'options') for (const [n, v] of readSwitches(value)) settings.set(n, v)
    else if (!OWN.has(name)) settings.set(name.toLowerCase(), value)
  }
  const user = parameters.get('user') ?? ''
  return { user, database: parameters.get('database') || user, settings, unknownOptions }
}

function readSwitches(text: string): [name: string, value: string][] {
  // Blanks separate, a backslash keeps the next character: postgres.c, pg_split_opts.
  const words = [...text.matchAll(/(?:\\.|[^\s\\])+/gs)].map(m => m[0].replace(/\\(.)/gs, '$1'))
  const found: [string, string][] = []
  for (let i = 0; i < words.length; i++) {
    let setting = words[i]
    if (setting === '-c' && i + 1 < words.length) setting = words[++i]
    else if (setting.startsWith('-c')) setting = setting.slice(2)
    else if (setting.startsWith('--')) setting = setting.slice(2)
    else continue
    const equals = setting.indexOf('=')
    if (equals > 0) found.push([setting.slice(0, equals).replaceAll('-', '_').toLowerCase(), setting.slice(equals + 1)])
  }
  return found
}
