import type { Name, TypeName } from '../ast.ts'
import { keywords } from '../keywords.ts'
import { isTypeAlias, isTypeKeywordName } from '../parser/type-name.ts'

/** Words that are no reserved keywords and still mean something where a name may stand. */
const contextual: ReadonlySet<string> = new Set(
  `operator tumble hop session cumulate emit asof watermark partition within recursive rows range groups cube rollup unbounded
  current window_tumbling materialized extended system_time descriptor include`.split(/\s+/),
)

/** A name, quoted where it has to be. */
export function printName(name: string): string {
  const category = keywords.get(name)
  const bare = (category === undefined || category === 'unreserved') && !contextual.has(name)
  return bare && /^[a-z_][a-z0-9_$]*$/.test(name) ? name : quoted(name)
}

/** A qualified name. */
export function printNames(name: Name): string {
  return name.map(printName).join('.')
}

/** A name in double quotes. */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** A string constant. */
export function printString(value: string): string {
  return `'${value.replaceAll("'", "''")}'`
}

/** A type in the spelling that parses to the same. */
export function printType(type: TypeName): string {
  switch (type.kind) {
    case 'array':
      return `${printType(type.element)}[${type.length ?? ''}]`
    case 'map':
      return `MAP<${printType(type.key)}, ${printType(type.value)}>`
    case 'row':
      return `ROW(${type.fields.map(field => `${quoted(field.name)} ${printType(field.type)}`).join(', ')})`
    case 'named': {
      const modifiers = type.modifiers.length > 0 ? `(${type.modifiers.join(', ')})` : ''
      if (type.name.length > 1) return printNames(type.name) + modifiers
      const [name] = type.name
      if (name === 'double') return 'double precision'
      if (name === 'interval') return printInterval(type.fields, modifiers)
      return (isTypeAlias(name) ? quoted(name) : isTypeKeywordName(name) ? name : printName(name)) + modifiers
    }
  }
}

function printInterval(fields: string | undefined, modifiers: string): string {
  if (fields === undefined) return `interval${modifiers}`
  return `interval ${fields}${modifiers}`
}
