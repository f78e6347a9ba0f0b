import { EngineError, nearest } from '../base/errors.ts'

interface Setting {
  readonly initial: string
  /** Drivers are told of changes (ParameterStatus). */
  readonly reported?: boolean
  readonly readOnly?: boolean
  /** Canonical text of a value, or an error. */
  readonly check?: (text: string) => string
}

function timeZone(text: string): string {
  const named: Readonly<Record<string, string>> = {
    utc: 'UTC',
    gmt: 'UTC',
    z: 'UTC',
    zulu: 'UTC',
    local: 'UTC',
    default: 'UTC',
  }
  const known = named[text.toLowerCase()]
  if (known) return known
  try {
    return new Intl.DateTimeFormat('en', { timeZone: text }).resolvedOptions().timeZone
  } catch (cause) {
    throw new EngineError('22023', `invalid value for parameter "TimeZone": "${text}"`, {
      cause,
      hint: "a name such as 'Europe/Berlin'",
    })
  }
}

function oneOf(...words: string[]): (text: string) => string {
  return text => {
    if (!words.includes(text.toLowerCase()))
      throw new EngineError('22023', `"${text}" is not one of ${words.join(', ')}`)
    return text
  }
}

function utf8(text: string): string {
  if (!/^(utf-?8|unicode|sql_ascii)$/i.test(text))
    throw new EngineError('22023', `client_encoding can only be UTF8, not "${text}"`)
  return 'UTF8'
}

function onOff(text: string): string {
  return /^(on|true|yes|1)$/i.test(text) ? 'on' : 'off'
}

const MILLISECONDS: Readonly<Record<string, number | undefined>> = {
  us: 0.001,
  ms: 1,
  s: 1000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

/** A time span as Postgres takes and shows it: milliseconds without a unit, shown in the largest unit that fits. */
function timeSpan(text: string): string {
  const match = /^\s*(\d+(?:\.\d+)?)\s*(us|ms|s|min|h|d)?\s*$/.exec(text)
  const ms = match ? Math.round(Number(match[1]) * (MILLISECONDS[match[2] ?? 'ms'] ?? 1)) : Number.NaN
  if (!(ms <= 2_147_483_647)) {
    throw new EngineError('22023', `"${text}" is not a time span`, {
      hint: 'Valid units for this parameter are "us", "ms", "s", "min", "h", and "d".',
    })
  }
  const unit = ['d', 'h', 'min', 's'].find(u => ms % (MILLISECONDS[u] ?? 1) === 0)
  if (ms === 0) return '0'
  return unit === undefined ? `${ms}ms` : `${ms / (MILLISECONDS[unit] ?? 1)}${unit}`
}

/** Parameters of a session that mean something here, or that drivers set and read. Canonical names as Postgres spells them. */
const SETTINGS: Readonly<Record<string, Setting>> = {
  server_version: { initial: '15.0 (Tidemark)', reported: true, readOnly: true },
  server_version_num: { initial: '150000', readOnly: true },
  server_encoding: { initial: 'UTF8', reported: true, readOnly: true },
  client_encoding: { initial: 'UTF8', reported: true, check: utf8 },
  DateStyle: { initial: 'ISO, MDY', reported: true, check: () => 'ISO, MDY' },
  IntervalStyle: { initial: 'postgres', reported: true, check: oneOf('postgres') },
  TimeZone: { initial: 'UTC', reported: true, check: timeZone },
  integer_datetimes: { initial: 'on', reported: true, readOnly: true },
  standard_conforming_strings: { initial: 'on', reported: true, check: oneOf('on', 'true', '1') },
  application_name: { initial: '', reported: true },
  is_superuser: { initial: 'on', reported: true, readOnly: true },
  session_authorization: { initial: 'tidemark', reported: true, readOnly: true },
  in_hot_standby: { initial: 'off', reported: true, readOnly: true },
  default_transaction_read_only: { initial: 'off', reported: true, check: onOff },
  search_path: { initial: 'public', reported: false },
  statement_timeout: { initial: '0', check: timeSpan },
  lock_timeout: { initial: '0', check: timeSpan },
  idle_in_transaction_session_timeout: { initial: '0', check: timeSpan },
  extra_float_digits: { initial: '1' },
  bytea_output: { initial: 'hex', check: oneOf('hex') },
  client_min_messages: { initial: 'notice' },
  transaction_isolation: { initial: 'read committed' },
  default_transaction_isolation: { initial: 'read committed' },
  transaction_read_only: { initial: 'off', check: onOff },
  max_identifier_length: { initial: '63', readOnly: true },
  max_index_keys: { initial: '32', readOnly: true },
  lc_messages: { initial: 'C' },
  row_security: { initial: 'on', check: onOff },
}

const BY_LOWER_NAME = new Map(
  Object.entries(SETTINGS).map(([name, setting]) => [name.toLowerCase(), { name, setting }]),
)

/** A session's run-time parameters. */
export class Settings {
  readonly values = new Map<string, string>()
  #started: ReadonlyMap<string, string>
  #onChange: (name: string, value: string) => void

  /** `startup`: what the client asked for when it connected. Unknown names there are kept, as drivers send their own. */
  constructor(startup: ReadonlyMap<string, string>, onChange: (name: string, value: string) => void) {
    for (const [name, { initial }] of Object.entries(SETTINGS)) this.values.set(name.toLowerCase(), initial)
    this.#onChange = () => {}
    for (const [name, value] of startup)
      if (!['user', 'database', 'replication', 'options'].includes(name)) this.set(name, value)
    this.#started = new Map(this.values)
    this.#onChange = onChange
  }

  get(name: string): string {
    const value = this.values.get(name.toLowerCase())
    if (value === undefined) throw unrecognized(name)
    return value
  }

  set(name: string, value: string): void {
    const known = BY_LOWER_NAME.get(name.toLowerCase())
    // Names with a dot are customized options in Postgres: anything may be stored there.
    if (!known && !name.includes('.')) {
      if (this.#started !== undefined) throw unrecognized(name)
      return
    }
    if (known?.setting.readOnly) throw new EngineError('55P02', `parameter "${known.name}" cannot be changed`)
    const checked = known?.setting.check?.(value) ?? value
    this.values.set(name.toLowerCase(), checked)
    if (known?.setting.reported) this.#onChange(known.name, checked)
  }

  reset(name: string): void {
    const started = this.#started.get(name.toLowerCase())
    if (started === undefined) throw unrecognized(name)
    if (started !== this.values.get(name.toLowerCase())) this.set(name, started)
  }

  resetAll(): void {
    for (const name of this.#started.keys()) if (!BY_LOWER_NAME.get(name)?.setting.readOnly) this.reset(name)
  }

  /** Values that drivers are told when the session starts. */
  *reported(): Iterable<[string, string]> {
    for (const [name, { reported }] of Object.entries(SETTINGS)) if (reported) yield [name, this.get(name)]
  }

  get searchPath(): string[] {
    return this.get('search_path')
      .split(',')
      .map(part => part.trim())
      .map(part => (part.startsWith('"') ? part.slice(1, -1).replaceAll('""', '"') : part.toLowerCase()))
      .filter(part => part !== '' && part !== '$user')
  }

  /** 0: none. */
  get statementTimeoutMs(): number {
    const [, count, unit] = /^(\d+)(\w*)$/.exec(this.get('statement_timeout')) ?? []
    return Number(count) * (MILLISECONDS[unit] ?? 1)
  }

  get timeZone(): string {
    return this.get('TimeZone')
  }
}

function unrecognized(name: string): EngineError {
  const near = nearest(name, Object.keys(SETTINGS))
  return new EngineError('42704', `unrecognized configuration parameter "${name}"`, {
    hint: near.length > 0 ? `did you mean ${near.join(' or ')}?` : undefined,
  })
}
