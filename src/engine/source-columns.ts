import type { Expr as AstExpr } from '../../grammar/ast.ts'
import type { ColumnDef, CreateRelation } from '../../grammar/statements.ts'
import { EngineError, notSupported } from '../base/errors.ts'
import { BIGINT, type DataType, INTEGER, JSONB, TEXT, TIMESTAMPTZ, UNKNOWN } from '../batch/types.ts'
import type { Connector } from '../connector.ts'
import type { Expr } from '../expr/expr.ts'
import type { DecodedColumn } from '../format/format.ts'
import { OWN_METADATA } from '../format/row-decoder.ts'
import { bindGenerated } from '../plan/bind/ddl.ts'
import { dataTypeOf } from '../plan/bind/types.ts'
import type { SourceSpec } from './objects.ts'

const METADATA: Readonly<
  Record<string, { readonly metadata: DecodedColumn['metadata']; readonly type: DataType } | undefined>
> = {
  key: { metadata: 'key', type: TEXT },
  partition: { metadata: 'partition', type: INTEGER },
  offset: { metadata: 'offset', type: BIGINT },
  timestamp: { metadata: 'timestamp', type: TIMESTAMPTZ },
  headers: { metadata: 'headers', type: JSONB },
  topic: { metadata: 'topic', type: TEXT },
  message_id: { metadata: 'message_id', type: TEXT },
  producer_name: { metadata: 'producer_name', type: TEXT },
  publish_time: { metadata: 'publish_time', type: TIMESTAMPTZ },
  event_time: { metadata: 'event_time', type: TIMESTAMPTZ },
}

/** The columns that a statement declares, in order; `computed` are those of them that no record holds. */
export function sourceColumns(
  statement: CreateRelation,
  timeZone: string,
): { readonly columns: DecodedColumn[]; readonly computed: SourceSpec['computed'] } {
  const columns: DecodedColumn[] = []
  const generated: { readonly index: number; readonly expr: AstExpr }[] = []
  for (const column of statement.columns) {
    if (columns.some(c => c.name === column.name)) {
      throw new EngineError('42701', `column "${column.name}" is declared twice`, { position: column.at + 1 })
    }
    const from = column.metadata?.from === 'metadata' ? (column.metadata.name ?? column.name) : column.metadata?.from
    const metadata = from === undefined ? undefined : METADATA[from]
    if (from !== undefined && !metadata) {
      throw new EngineError('42703', `there is no record metadata "${from}"`, {
        position: column.at + 1,
        hint: Object.keys(METADATA).join(', '),
      })
    }
    if (column.generated) generated.push({ index: columns.length, expr: column.generated })
    columns.push({
      name: column.name,
      type: isUntyped(column) ? UNKNOWN : dataTypeOf(column.type),
      path: column.path,
      timeFormat: column.format,
      metadata: metadata?.metadata,
    })
  }
  for (const include of statement.includes) {
    if (include.header !== undefined)
      throw notSupported('INCLUDE HEADER of one name', include.at + 1, 'INCLUDE HEADERS gives all as jsonb')
    const known = METADATA[include.what]
    if (!known) throw notSupported(`INCLUDE ${include.what.toUpperCase()}`, include.at + 1)
    const { metadata, type } = known
    columns.push({ name: include.as ?? `_${include.what}`, type, metadata })
  }
  if (generated.length === 0) return { columns, computed: undefined }
  const exprs: Record<number, Expr> = {}
  const indexes = generated.map(g => g.index)
  for (const { index, expr } of generated) {
    const { name, type } = columns[index]
    const computed = bindGenerated(expr, { name, type }, { fields: columns }, indexes, { timeZone })
    exprs[index] = computed
    columns[index] = { name, type: computed.type }
  }
  return { columns, computed: { exprs, timeZone } }
}

/** Flink's `c AS expr` has the type of its expression. */
function isUntyped({ generated, type }: ColumnDef): boolean {
  return generated !== undefined && type.kind === 'named' && type.name[0] === 'unknown'
}

/** Throws 0A000 for a column that is to hold what the connector does not know of a record. */
export function checkMetadata(columns: readonly DecodedColumn[], connector: Connector): void {
  for (const { name, metadata } of columns) {
    if (!OWN_METADATA.some(own => own === metadata) || connector.metadata?.[metadata ?? '']) continue
    throw new EngineError('0A000', `column "${name}": records of connector "${connector.name}" have no ${metadata}`, {
      hint: `they have ${['key', 'partition', 'offset', 'timestamp', 'headers', 'topic', ...Object.keys(connector.metadata ?? {})].join(', ')}`,
    })
  }
}

/** Indexes of the columns that a record's value holds. */
export function writtenColumns(spec: SourceSpec): number[] {
  return spec.columns.flatMap((c, i) => (c.metadata === undefined && !c.hidden && !spec.computed?.exprs[i] ? [i] : []))
}
