import type { Option as OptionNode } from '../../grammar/statements.ts'
import { EngineError, nearest } from '../base/errors.ts'
import type { Connector, Option, OptionValues } from '../connector.ts'
import { hasReference, resolveReferences } from './references.ts'

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
  for (const [option, text] of textsOf(connector, texts)) {
    try {
      checkOption(option, text)
    } catch (error) {
      const at = given.get(option.name)?.at
      throw error instanceof EngineError ? error.at(at === undefined ? undefined : at + 1) : error
    }
  }
  return texts
}

/** Throws what `option.parse` throws. What a reference stands for is looked at when the connector is opened: a server may start without it. */
export function checkOption(option: Option, text: string): void {
  if (!hasReference(text)) option.parse(text)
}

/** Values from texts and defaults, by the connector's own parsers, for opening it: references are resolved here, so nobody stores what they stand for. */
export function parseOptionValues(connector: Connector, texts: Readonly<Record<string, string>>): OptionValues {
  const values: Record<string, unknown> = {}
  for (const [option, text] of textsOf(connector, texts)) values[option.name] = openOption(option, text)
  return values
}

/** The value of one option, its references resolved. Throws 22023. */
export function openOption(option: Option, text: string): unknown {
  if (!hasReference(text)) return option.parse(text)
  const resolved = resolveReferences(option.name, text)
  try {
    return option.parse(resolved)
  } catch {
    // Not as its cause either: the parser's error repeats the text, which may be secret.
    throw new EngineError('22023', `option ${option.name} = '${text}' stands for a value that cannot be used`, {
      hint: option.doc,
    })
  }
}

function textsOf(connector: Connector, texts: Readonly<Record<string, string>>): [Option, string][] {
  return connector.options.flatMap((option): [Option, string][] => {
    const text = texts[option.name] ?? option.default
    if (text !== undefined) return [[option, text]]
    if (!option.required) return []
    throw new EngineError('22023', `connector "${connector.name}" needs the option "${option.name}"`, {
      hint: option.doc,
    })
  })
}
