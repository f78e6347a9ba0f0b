import type { Option as OptionNode } from '../../grammar/statements.ts'
import { EngineError, nearest } from '../base/errors.ts'
import type { Connector, OptionValues } from '../connector.ts'

/** Parses a duration as options write it: `500 ms`, `5s`, `7 days`, `1.5 hours`. Answers milliseconds. */
export function parseDurationMs(text: string): number {
  const match = /^\s*(\d+(?:\.\d+)?)\s*([a-zµ]+)\s*$/i.exec(text)
  const unit = DURATION_UNITS[match?.[2].toLowerCase() ?? '']
  if (!match || unit === undefined) {
    throw new EngineError('22023', `"${text}" is not a duration`, {
      hint: "write it as '500 ms', '5 seconds' or '7 days'",
    })
  }
  return Number(match[1]) * unit
}

const DURATION_UNITS: Readonly<Record<string, number | undefined>> = {
  ms: 1,
  millisecond: 1,
  milliseconds: 1,
  s: 1000,
  sec: 1000,
  second: 1000,
  seconds: 1000,
  m: 60_000,
  min: 60_000,
  minute: 60_000,
  minutes: 60_000,
  h: 3_600_000,
  hour: 3_600_000,
  hours: 3_600_000,
  d: 86_400_000,
  day: 86_400_000,
  days: 86_400_000,
  w: 604_800_000,
  week: 604_800_000,
  weeks: 604_800_000,
}

/** Parses an option that is one of a few words. */
export function parseChoice<T extends string>(name: string, choices: readonly T[]): (text: string) => T {
  return text => {
    const found = choices.find(c => c === text.toLowerCase())
    if (found === undefined) throw new EngineError('22023', `${name} cannot be "${text}": it is ${choices.join(', ')}`)
    return found
  }
}

export function parseBoolean(text: string): boolean {
  const word = text.toLowerCase()
  if (['true', 'on', 'yes', '1'].includes(word)) return true
  if (['false', 'off', 'no', '0'].includes(word)) return false
  throw new EngineError('22023', `"${text}" is neither true nor false`)
}

/** A WITH list as text by name; a name given twice is an error. */
export function optionTexts(nodes: readonly OptionNode[]): Map<string, OptionNode> {
  const options = new Map<string, OptionNode>()
  for (const node of nodes) {
    if (options.has(node.name))
      throw new EngineError('42601', `option "${node.name}" is given twice`, { position: node.at + 1 })
    options.set(node.name, node)
  }
  return options
}

/** Takes one option out of the list, parsed; what is left in the end belongs to the connector. */
export function takeOption<T>(
  options: Map<string, OptionNode>,
  name: string,
  parse: (text: string) => T,
): T | undefined {
  const node = options.get(name)
  if (node === undefined) return undefined
  options.delete(name)
  try {
    return parse(node.value)
  } catch (error) {
    throw error instanceof EngineError ? error.at(node.at + 1) : error
  }
}

/** Checks what is left against the connector's declarations: unknown names, missing ones, values that do not parse. Answers the text of each. */
export function connectorOptions(
  connector: Connector,
  given: ReadonlyMap<string, OptionNode>,
  inherited: Readonly<Record<string, string>>,
  also: readonly string[],
): Record<string, string> {
  const texts: Record<string, string> = { ...inherited }
  for (const { name, value, at } of given.values()) {
    const option = connector.options.find(o => o.name === name)
    if (!option) {
      const near = nearest(name, [...connector.options.map(o => o.name), ...also])
      throw new EngineError('22023', `connector "${connector.name}" has no option "${name}"`, {
        position: at + 1,
        hint:
          near.length > 0
            ? `did you mean ${near.join(' or ')}?`
            : `it has ${connector.options.map(o => o.name).join(', ')}`,
      })
    }
    texts[name] = value
  }
  parseOptionValues(connector, texts, name => given.get(name)?.at)
  return texts
}

/** Values from texts and defaults, by the connector's own parsers. */
export function parseOptionValues(
  connector: Connector,
  texts: Readonly<Record<string, string>>,
  offsetOf: (name: string) => number | undefined = () => undefined,
): OptionValues {
  const values: Record<string, unknown> = {}
  for (const option of connector.options) {
    const text = texts[option.name] ?? option.default
    if (text === undefined) {
      if (option.required) {
        throw new EngineError('22023', `connector "${connector.name}" needs the option "${option.name}"`, {
          hint: option.doc,
        })
      }
      continue
    }
    try {
      values[option.name] = option.parse(text)
    } catch (error) {
      const at = offsetOf(option.name)
      throw error instanceof EngineError ? error.at(at === undefined ? undefined : at + 1) : error
    }
  }
  return values
}
