import type { SourceContext } from '../../src/connector.ts'
import { valuesInto } from '../../src/format/sample-decoder.ts'
import { PulsarSource } from './source.ts'

/** The values of the first records, at most `max`, of what is there now; null values are left out. */
export async function sampleTopic(
  context: Omit<SourceContext, 'decoder' | 'bounded'>,
  max: number,
): Promise<readonly Uint8Array[]> {
  const values: Uint8Array[] = []
  const fromStart = { ...context.options, start: 'earliest', start_message_id: undefined }
  const source = new PulsarSource({ ...context, options: fromStart, decoder: valuesInto(values), bounded: true })
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
