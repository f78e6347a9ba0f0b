import { createBatch } from '../batch/batch.ts'
import type { RecordDecoder } from '../connector.ts'

/** Copies the values of records into a list, null values left out; its batches have no columns. For connectors' samples. */
export function valuesInto(values: Uint8Array[]): RecordDecoder {
  let bytes: Uint8Array = new Uint8Array(0)
  let rowCount = 0
  return {
    wantsHeaders: false,
    get rowCount() {
      return rowCount
    },
    begin: from => {
      bytes = from
    },
    record: (start, end) => {
      if (start >= 0) values.push(bytes.slice(start, end))
      rowCount++
    },
    headers: () => undefined,
    finish: () => {
      const batch = createBatch({ fields: [] }, rowCount, [])
      rowCount = 0
      return { batch, bad: [] }
    },
  }
}
