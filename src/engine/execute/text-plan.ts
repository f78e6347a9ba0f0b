import { batchOfRows } from '../../batch/batch.ts'
import { type Datum, type Schema, TEXT } from '../../batch/types.ts'
import type { Result } from '../session.ts'
import { batchesOf } from '../stream.ts'
import type { Plan } from './plan-statement.ts'

/** A statement that answers rows of text. */
export function textPlan(
  names: readonly string[],
  tag: string,
  rows: (signal: AbortSignal) => Promise<readonly (readonly Datum[])[]>,
): Plan {
  const schema: Schema = { fields: names.map(name => ({ name, type: TEXT })) }
  const run = async (_: readonly Datum[], signal: AbortSignal): Promise<Result> => {
    const batches = batchesOf(batchOfRows(schema, await rows(signal)))
    return { kind: 'rows', tag, schema, batches }
  }
  return { parameterTypes: [], schema, run }
}
