import type { SourceContext } from '../../src/connector.ts'
import { sampleValues } from '../../src/format/sample-decoder.ts'
import { MqttSource } from './source.ts'

/** The values of at most `max` messages: those the broker has stored, and those that come within a moment. */
export function sampleTopic(
  context: Omit<SourceContext, 'decoder' | 'bounded' | 'session'>,
  max: number,
): Promise<readonly Uint8Array[]> {
  return sampleValues(decoder => new MqttSource({ ...context, decoder, bounded: true }), max)
}
