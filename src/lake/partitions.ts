/** Rows by partition folder, as Hive names them: `dt=2026-01-01/hour=05`. */
import { EngineError } from '../base/errors.ts'
import { type Batch, createBatch, ownedCopy, takeRows } from '../batch/batch.ts'
import { dateOfDays } from '../batch/civil.ts'
import { type Column, decodeUtf8, expectStorage, int64AsNumber, isNull } from '../batch/column.ts'
import type { DataType, Field, Schema } from '../batch/types.ts'
import { ByteWriter } from '../format/byte-writer.ts'
import { valueWriter } from '../format/value-writer.ts'

/** What every reader takes for NULL. */
export const NULL_PARTITION = '__HIVE_DEFAULT_PARTITION__'

const MICROS_PER_HOUR = 3_600_000_000

/** One level of folders. */
export interface PartitionItem {
  readonly name: string
  readonly column: string
  /** Undefined: the column's own value, which then is in the folder's name only. */
  readonly part: TimePart | undefined
}

export type TimePart = 'year' | 'month' | 'day' | 'hour'

/** The names that folders of a time's parts have where none is given. */
const NAMES: Readonly<Record<TimePart, string>> = { year: 'year', month: 'month', day: 'dt', hour: 'hour' }

/** `day(ts), hour(ts), site` or `day(ts) AS date`. */
export function parsePartitionBy(text: string): readonly PartitionItem[] {
  return text.split(',').map(item => {
    const match =
      /^\s*(?:(year|month|day|hour)\s*\(\s*([\w.]+|"[^"]+")\s*\)|(\w+|"[^"]+"))(?:\s+as\s+(\w+))?\s*$/i.exec(item)
    if (!match) {
      throw new EngineError('22023', `option partition_by: "${item.trim()}" is not a column or a part of a time`, {
        hint: "Write columns and parts of times, as in partition_by = 'day(ts), hour(ts), site'.",
      })
    }
    const part = match[1]?.toLowerCase() as TimePart | undefined // by the pattern
    const column = (match[2] ?? match[3]).replaceAll('"', '')
    return { column, part, name: match[4] ?? (part ? NAMES[part] : column) }
  })
}

/** Splits batches of a schema into those of each folder. */
export class Partitioner {
  /** Of the files: without the columns that folders hold. */
  readonly fileSchema: Schema
  readonly #keys: readonly { readonly column: number; readonly prefix: string; readonly textOf: FolderText }[]
  readonly #kept: readonly number[]

  /** Throws 42703 for a column that is not there and 42804 for one that cannot name folders. */
  constructor(schema: Schema, items: readonly PartitionItem[]) {
    this.#keys = items.map(({ name, column, part }) => {
      const index = schema.fields.findIndex(f => f.name === column)
      if (index < 0) {
        throw new EngineError('42703', `option partition_by names column "${column}", which the query does not have`, {
          hint: schema.fields.map(f => f.name).join(', '),
        })
      }
      return { column: index, prefix: `${escaped(name)}=`, textOf: folderText(schema.fields[index], part) }
    })
    const inFolders = new Set(this.#keys.filter((_, i) => items[i].part === undefined).map(k => k.column))
    this.#kept = schema.fields.flatMap((_, i) => (inFolders.has(i) ? [] : [i]))
    if (this.#kept.length === 0) {
      throw new EngineError('42804', 'option partition_by leaves no column for the files')
    }
    this.fileSchema = { fields: this.#kept.map(i => schema.fields[i]) }
  }

  /** The rows of each folder, in their order; the folder is empty or ends with a slash. Each batch owns its memory. */
  split(batch: Batch): ReadonlyMap<string, Batch> {
    if (this.#keys.length === 0) return new Map([['', batch]])
    const rowsOf = new Map<string, number[]>()
    for (let row = 0; row < batch.rowCount; row++) {
      let folder = ''
      for (const { column, prefix, textOf } of this.#keys) folder += `${prefix}${textOf(batch.columns[column], row)}/`
      const rows = rowsOf.get(folder)
      if (rows) rows.push(row)
      else rowsOf.set(folder, [row])
    }
    const columns = this.#kept.map(i => batch.columns[i])
    const kept = createBatch(this.fileSchema, batch.rowCount, columns)
    const parts = new Map<string, Batch>()
    for (const [folder, rows] of rowsOf) {
      const whole = rows.length === batch.rowCount
      parts.set(folder, whole ? kept : ownedCopy(takeRows(kept, Int32Array.from(rows), rows.length)))
    }
    return parts
  }
}

type FolderText = (column: Column, row: number) => string

function folderText({ name, type }: Field, part: TimePart | undefined): FolderText {
  if (part) return timePart(name, type, part)
  if (['array', 'row', 'map', 'bytea', 'jsonb', 'interval', 'real', 'double'].includes(type.kind)) {
    throw new EngineError('42804', `column "${name}" of type ${type.kind} cannot name folders`, {
      hint: 'Cast it to text, or round it to a whole number.',
    })
  }
  const write = valueWriter(type, 'raw')
  const out = new ByteWriter()
  return (column, row) => {
    if (isNull(column, row)) return NULL_PARTITION
    out.at = 0
    write(column, row, out)
    return out.at === 0 ? NULL_PARTITION : escaped(decodeUtf8(out.bytes, 0, out.at))
  }
}

/** In UTC. Rows mostly come in the order of their times, so the last answer is mostly the next one. */
function timePart(name: string, { kind }: DataType, part: TimePart): FolderText {
  if (kind !== 'timestamptz' && kind !== 'timestamp' && kind !== 'date') {
    throw new EngineError('42804', `${part}(${name}) needs a date or a timestamp, and "${name}" is ${kind}`)
  }
  let lastHour = Number.NaN
  let last = ''
  return (column, row) => {
    if (isNull(column, row)) return NULL_PARTITION
    const hour =
      column.storage === 'int32'
        ? column.values[row] * 24
        : Math.floor(int64AsNumber(expectStorage(column, 'int64').words, row) / MICROS_PER_HOUR)
    if (hour !== lastHour) {
      last = partText(hour, part)
      lastHour = hour
    }
    return last
  }
}

function partText(hour: number, part: TimePart): string {
  const days = Math.floor(hour / 24)
  if (part === 'hour') return String(hour - days * 24).padStart(2, '0')
  const { year, month, day } = dateOfDays(days)
  const two = (n: number): string => String(n).padStart(2, '0')
  if (part === 'year') return String(year)
  return part === 'month' ? `${year}-${two(month)}` : `${year}-${two(month)}-${two(day)}`
}

const ESCAPED = new Set('"#%\'*/:=?\\{}[]^\u007f')

/** As Hive escapes names, and readers understand. */
function escaped(value: string): string {
  let text = ''
  for (const c of value) text += c < ' ' || ESCAPED.has(c) ? percent(c) : c
  return text
}

function percent(c: string): string {
  return `%${c.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`
}
