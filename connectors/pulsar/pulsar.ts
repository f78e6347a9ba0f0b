import type { Connector } from '../../src/connector.ts'
import { pulsarOptions } from './options.ts'
import { sampleTopic } from './sample.ts'
import { PulsarSource } from './source.ts'

/** Topics of Apache Pulsar 2.11 and newer, to be read. */
export const pulsar: Connector = {
  name: 'pulsar',
  doc: 'Topics of Apache Pulsar.',
  options: pulsarOptions,
  keyed: true,
  source: context => new PulsarSource(context),
  sample: sampleTopic,
}
