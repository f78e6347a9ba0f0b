import { canonicalInt64 } from '../../batch/column.ts'
import type { DataType, Datum } from '../../batch/types.ts'

/** The value that Postgres printed. */
export function datumOfText(text: string | null, type: DataType): Datum {
  if (text === null) return null
  switch (type.kind) {
    case 'boolean':
      return text === 't' || text === 'true'
    case 'smallint':
    case 'integer':
    case 'real':
    case 'double':
      return Number(text)
    case 'bigint':
      return canonicalInt64(BigInt(text))
    default:
      return text
  }
}
