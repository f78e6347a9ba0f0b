import { BOOLEAN, type Schema, TEXT } from '../batch/types.ts'
import type { SideOutput } from '../dataflow/operator.ts'
import type { DecodedColumn } from '../format/format.ts'
import { Upsert } from '../operators/upsert.ts'
import type { Scan } from '../plan/logical.ts'
import type { SourceSpec } from './objects.ts'

/** The last column of a source with a key: whether the record is a deletion. No query sees it. */
export const DELETED: DecodedColumn = { name: 'deleted', type: BOOLEAN, metadata: 'deleted', hidden: true }

/** What a record of Debezium tells: d is a deletion. */
export const OP: DecodedColumn = { name: 'op', type: TEXT, path: '$.op', orPath: '$.payload.op', hidden: true }

/** A column of Debezium's records: a field of the row as it is now, which may lie in a payload beside a schema. */
export function afterColumn(column: DecodedColumn): DecodedColumn {
  if (column.metadata !== undefined) return column
  const path = column.path === undefined ? `.${JSON.stringify(column.name)}` : column.path.replace(/^\$/, '')
  return { ...column, path: `$.after${path}`, orPath: `$.payload.after${path}` }
}

/** How the scan of a source with a key is read. */
export interface UpsertScan {
  /** Which columns of the relation are decoded: those of the scan, then the rest of the key, then `DELETED`. */
  readonly columns: readonly number[]
  readonly decoded: Schema
  /** The rows of the scan come first in what it puts out. */
  readonly operator: Upsert
  /** There are more than the scan's. */
  readonly hasMore: boolean
}

/** Undefined: the source has no key, and each of its records is a row. */
export function upsertScan(
  spec: SourceSpec,
  scan: Pick<Scan, 'columns'>,
  options: { readonly final: boolean; readonly side: SideOutput | undefined },
): UpsertScan | undefined {
  const { upsertKey } = spec
  if (!upsertKey) return undefined
  const wanted = [...new Set([...scan.columns, ...upsertKey])]
  // What tells of deletions lies behind the columns that queries see.
  const told = [...spec.columns.keys()].filter(c => spec.columns[c].hidden)
  const columns = [...wanted, ...told]
  const fields = columns.map(c => ({ name: spec.columns[c].name, type: spec.columns[c].type }))
  const schema = { fields: fields.slice(0, wanted.length) }
  const operator = new Upsert({ schema, keys: upsertKey.map(k => wanted.indexOf(k)), ...options })
  return { columns, decoded: { fields }, operator, hasMore: wanted.length > scan.columns.length }
}
