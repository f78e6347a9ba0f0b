import type { Option as OptionNode } from '../../grammar/statements.ts'
import { EngineError, nearest } from '../base/errors.ts'
import type { Connector, OptionValues } from '../connector.ts'

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
