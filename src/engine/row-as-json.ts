import type { Batch } from '../batch/batch.ts'
import type { Datum } from '../batch/types.ts'
import { formatDatum } from '../expr/text.ts'

/** A row as JSON text, for people: {"device_id":"d1","ts":"2026-01-01 00:00:00+00"}. */
export function rowAsJson(names: readonly string[], row: readonly Datum[], batch: Batch): string {
  const values = row.map((value, c) =>
    value === null ? null : formatDatum(value, batch.schema.fields[c].type, { timeZone: 'UTC' }),
  )
  return JSON.stringify(Object.fromEntries(names.map((name, i) => [name, values[i]])))
}
