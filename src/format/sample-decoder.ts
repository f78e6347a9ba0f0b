import { createBatch } from '../batch/batch.ts'
import type { RecordDecoder, Source } from '../connector.ts'

/**
 * The values of the first records of a source, at most `max`, of what is there now; null values are left out. `make` gives a bounded
 * source, not opened, that reads from the beginning into the decoder.
 */
export async function sampleValues(
  make: (decoder: RecordDecoder) => Source,
  max: number,
): Promise<readonly Uint8Array[]> {
  const values: Uint8Array[] = []
  const source = make(valuesInto(values))
  try {
    await source.open(undefined)
    const never = new AbortController().signal
    while (values.length < max) {
      const polled = await source.poll(max - values.length, never)
      if (polled.kind === 'end') break
    }
  } finally {
    await source.close()
  }
  return values
}

/** Copies the values of records into a list, null values left out; its batches have no columns. */
function valuesInto(values: Uint8Array[]): RecordDecoder {
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
    // The read itself reports it.
    reject: () => {
      rowCount++
    },
    finish: () => {
      const batch = createBatch({ fields: [] }, rowCount, [])
      rowCount = 0
      return { batch, bad: [] }
    },
  }
}
