import { type Batch, createBatch } from '../batch/batch.ts'
import { ColumnBuilder } from '../batch/builder.ts'
import { type Column, encodeUtf8, takeColumn } from '../batch/column.ts'
import { BIGINT, DATE, type DataType, type Field, TEXT } from '../batch/types.ts'
import { createDecoder } from '../format/format.ts'
import { NULL_PARTITION } from './partitions.ts'

/** `dt=2026-01-01/hour=05/x.parquet` → dt and hour; null is NULL. */
export function partitionValues(name: string): ReadonlyMap<string, string | null> {
  const values = new Map<string, string | null>()
  for (const part of name.split('/').slice(0, -1)) {
    const at = part.indexOf('=')
    if (at <= 0) continue
    const value = unescaped(part.slice(at + 1))
    values.set(unescaped(part.slice(0, at)), value === NULL_PARTITION ? null : value)
  }
  return values
}

function unescaped(text: string): string {
  return text.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
}

/** The columns that a file's folders tell, by type as their values look. */
export function partitionFields(name: string): Field[] {
  return [...partitionValues(name)].map(([key, value]) => ({ name: key, type: typeOf(value) }))
}

function typeOf(value: string | null): DataType {
  if (value !== null && /^-?\d{1,18}$/.test(value)) return BIGINT
  return value !== null && /^\d{4}-\d\d-\d\d$/.test(value) ? DATE : TEXT
}

/** Gives rows of a file the values that its folders' names hold, over whatever the file says. Values that are not of their column's type are NULL. */
export class PartitionColumns {
  readonly #indexes: readonly number[]
  readonly #constants: readonly Column[]

  constructor(name: string, fields: readonly Field[]) {
    const values = partitionValues(name)
    this.#indexes = fields.flatMap((f, i) => (values.has(f.name) ? [i] : []))
    this.#constants = this.#indexes.map(i => constant(fields[i], values.get(fields[i].name) ?? null))
  }

  fill(batch: Batch): Batch {
    if (this.#indexes.length === 0) return batch
    const rows = new Int32Array(batch.rowCount)
    const columns = [...batch.columns]
    this.#indexes.forEach((index, i) => {
      columns[index] = takeColumn(this.#constants[i], rows, batch.rowCount)
    })
    return createBatch(batch.schema, batch.rowCount, columns, batch.weights)
  }
}

/** A column of one row, read as a CSV field is. */
function constant(field: Field, value: string | null): Column {
  const decoder = createDecoder('csv', [field], { header: 'false', declared: [field.name] })
  if (value !== null) {
    const bytes = encodeUtf8(`"${value.replaceAll('"', '""')}"`)
    decoder.begin(bytes, '', '')
    decoder.record(0, bytes.length, 0, -1, -1, -1)
    const { batch } = decoder.finish()
    if (batch.rowCount === 1) return batch.columns[0]
  }
  const builder = new ColumnBuilder(field.type, 1)
  builder.appendNull()
  return builder.finish()
}
