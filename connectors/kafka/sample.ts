import type { SourceContext } from '../../src/connector.ts'
import { sampleValues } from '../../src/format/sample-decoder.ts'
import { KafkaSource } from './source.ts'

/** The values of the first records, at most `max`, of what is there now; null values are left out. */
export function sampleTopic(
  context: Omit<SourceContext, 'decoder' | 'bounded'>,
  max: number,
): Promise<readonly Uint8Array[]> {
  const options = { ...context.options, start: 'earliest', start_offsets: undefined }
  return sampleValues(decoder => new KafkaSource({ ...context, options, decoder, bounded: true }), max)
}
