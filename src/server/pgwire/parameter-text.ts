import { EngineError } from '../../base/errors.ts'
import { canonicalInt64 } from '../../batch/column.ts'
import type { DataType, Datum } from '../../batch/types.ts'
import { decodeText } from './bytes.ts'
import { decodeBinary } from './parameters.ts'

/** One parameter, not NULL, in the format the client chose. */
export function decodeParameter(bytes: Uint8Array, format: number, type: DataType, oid: number, index: number): Datum {
  if (format === 1) return decodeBinary(bytes, type, oid)
  return parseText(decodeText(bytes), type, index)
}

function parseText(text: string, type: DataType, index: number): Datum {
  switch (type.kind) {
    case 'boolean':
      return /^(t|true|1|on|yes)$/i.test(text)
    case 'smallint':
    case 'integer':
      return Number(text)
    case 'bigint':
      return canonicalInt64(BigInt(text))
    case 'real':
    case 'double':
      return Number(text)
    case 'text':
    case 'varchar':
    case 'unknown':
    case 'uuid':
    case 'jsonb':
      return text
    default:
      throw new EngineError('0A000', `parameter $${index + 1} of type ${type.kind} as text`)
  }
}
