import { EngineError, nearest } from '../../src/base/errors.ts'
import type { Batch } from '../../src/batch/batch.ts'
import { datumAt } from '../../src/batch/column.ts'
import { type Schema, typeName } from '../../src/batch/types.ts'

/** Texts, and names of columns between them: `alerts/{device_id}`. */
export interface Template {
  readonly option: string
  /** One more than columns. */
  readonly texts: readonly string[]
  readonly columns: readonly string[]
}

/** `{{` and `}}` stand for braces. Throws 22023 for one that is not closed. */
export function parseTemplate(option: string, text: string): Template {
  const texts = ['']
  const columns: string[] = []
  for (const [part] of text.matchAll(/\{\{|\}\}|\{[^{}]+\}|[^{}]+|[{}]/g)) {
    if (part === '{' || part === '}')
      throw new EngineError('22023', `option ${option} = '${text}' has a brace without its other`, {
        hint: "A column is {its_name}; '{{' stands for a brace.",
      })
    if (part.length > 2 && part.startsWith('{')) {
      columns.push(part.slice(1, -1).trim())
      texts.push('')
    } else texts[texts.length - 1] += part === '{{' || part === '}}' ? part[0] : part
  }
  return { option, texts, columns }
}

const TYPES: readonly string[] = ['text', 'varchar', 'uuid', 'smallint', 'integer', 'bigint', 'boolean']

/** A template over rows of a schema: what it says for row `i` of a batch. `part` has the text of a column, '' for NULL. Throws 42703 and 42804 for columns it cannot use. */
export function bindTemplate(
  { option, texts, columns }: Template,
  { fields }: Schema,
  part: (text: string) => string,
): (batch: Batch, row: number) => string {
  const indexes = columns.map(name => {
    const index = fields.findIndex(f => f.name === name)
    const names = fields.map(f => f.name)
    if (index < 0) {
      const near = nearest(name, names)
      throw new EngineError('42703', `option ${option} names column "${name}", which the query does not have`, {
        hint: near.length > 0 ? `did you mean ${near.join(' or ')}?` : names.join(', '),
      })
    }
    const { type } = fields[index]
    if (!TYPES.includes(type.kind))
      throw new EngineError('42804', `option ${option} cannot use column "${name}" of type ${typeName(type)}`, {
        hint: 'Text, whole numbers and booleans can be in it; cast others: x::text AS x.',
      })
    return index
  })
  if (indexes.length === 0) return () => texts[0]
  return (batch, row) => {
    let text = texts[0]
    for (let i = 0; i < indexes.length; i++) {
      const value = datumAt(batch.columns[indexes[i]], row)
      text += part(value === null ? '' : String(value)) + texts[i + 1]
    }
    return text
  }
}
