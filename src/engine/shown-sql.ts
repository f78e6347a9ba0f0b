import { parseScript } from '../../grammar/parse.ts'
import { print } from '../../grammar/print.ts'
import type { Option as OptionNode } from '../../grammar/statements.ts'
import type { Connector } from '../connector.ts'
import { ALIASES } from './define-source.ts'
import { FORMAT_OPTIONS } from './format-options.ts'
import { isReference } from './references.ts'

/** What stands for a secret that was given. */
const HIDDEN = '********'

/** A stored statement as it may be shown: as it was typed, or printed anew with its secrets hidden. */
export function shownSql(sql: string, connectors: readonly Connector[]): string {
  const [{ ast }] = parseScript(sql)
  if (!ast || !('options' in ast)) return sql.trim()
  const secrets = secretNames(connectors)
  if (!ast.options.some(o => secrets.has(o.name) && !isReference(o.value))) return sql.trim()
  return print({ ...ast, options: hidden(ast.options, secrets) } as typeof ast) // only values of options differ
}

/** Options of a connection as they may be shown. */
export function shownOptions(
  options: Readonly<Record<string, string>>,
  connectors: readonly Connector[],
): [name: string, value: string][] {
  const secrets = secretNames(connectors)
  return Object.entries(options).map(([name, value]) => [name, shown(name, value, secrets)])
}

function secretNames(connectors: readonly Connector[]): ReadonlySet<string> {
  const options = [...FORMAT_OPTIONS, ...connectors.flatMap(c => c.options)]
  const own = new Set(options.filter(o => o.secret).map(o => o.name))
  // A statement is stored as it was typed, so with the names of other engines.
  const aliases = Object.entries(ALIASES).flatMap(([alias, name]) => (own.has(name) ? [alias] : []))
  return new Set([...own, ...aliases])
}

function hidden(options: readonly OptionNode[], secrets: ReadonlySet<string>): OptionNode[] {
  return options.map(o => ({ ...o, value: shown(o.name, o.value, secrets) }))
}

/** Where a secret is to be found is none. */
function shown(name: string, value: string, secrets: ReadonlySet<string>): string {
  return secrets.has(name) && !isReference(value) ? HIDDEN : value
}
