import { EngineError } from '../base/errors.ts'
import type { Batch } from '../batch/batch.ts'
import { datumAt } from '../batch/column.ts'
import type { Schema } from '../batch/types.ts'
import type { RecordHeader } from '../connector.ts'

/** Reads the time of a row from a column, in milliseconds since 1970; −1 for NULL. Throws 42804 for a column that holds no time. */
export function timeOfRow(schema: Schema, column: number): (batch: Batch, row: number) => number {
  const { name, type } = schema.fields[column]
  const perMs = type.kind === 'timestamptz' || type.kind === 'timestamp' ? 1000 : type.kind === 'bigint' ? 1 : undefined
  if (perMs === undefined)
    throw new EngineError('42804', `option timestamp names column "${name}", which holds no time`, {
      hint: 'It must be timestamptz, timestamp, or bigint in milliseconds.',
    })
  return (batch, row) => {
    const value = datumAt(batch.columns[column], row)
    return value === null ? -1 : Math.floor(Number(value) / perMs)
  }
}

/** Reads the headers of a row from a column of type map(text, …) or jsonb, an object; none for NULL. Throws 42804 for other types. */
export function headersOfRow(schema: Schema, column: number): (batch: Batch, row: number) => RecordHeader[] {
  const { name, type } = schema.fields[column]
  if (type.kind !== 'map' && type.kind !== 'jsonb')
    throw new EngineError('42804', `option headers names column "${name}", which is neither a map nor jsonb`)
  return (batch, row) => {
    const value = datumAt(batch.columns[column], row)
    if (value === null) return []
    const pairs: (readonly [unknown, unknown])[] = Array.isArray(value)
      ? value.flatMap(pair => (Array.isArray(pair) ? [[pair[0], pair[1]] as const] : []))
      : Object.entries(objectOf(String(value)))
    return pairs.map(([key, each]) => ({ key: String(key), value: bytesOf(each) }))
  }
}

function objectOf(json: string): object {
  const value: unknown = JSON.parse(json)
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {}
}

/** Texts as they are, other values of JSON as JSON. */
function bytesOf(value: unknown): Uint8Array | null {
  if (value === null || value === undefined) return null
  if (value instanceof Uint8Array) return value
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value))
}
