import { createBatch } from '../../src/batch/batch.ts'
import type { RecordDecoder, SourceContext } from '../../src/connector.ts'
import { KafkaSource } from './source.ts'

/** The values of the first records, at most `max`, of what is there now; null values are left out. */
export async function sampleTopic(
  context: Omit<SourceContext, 'decoder' | 'bounded'>,
  max: number,
): Promise<readonly Uint8Array[]> {
  const values: Uint8Array[] = []
  const fromStart = { ...context.options, start: 'earliest', start_offsets: undefined }
  const source = new KafkaSource({ ...context, options: fromStart, decoder: valuesInto(values), bounded: true })
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

/** Copies the values; its batches have no columns. */
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
    finish: () => {
      const batch = createBatch({ fields: [] }, rowCount, [])
      rowCount = 0
      return { batch, bad: [] }
    },
  }
}
