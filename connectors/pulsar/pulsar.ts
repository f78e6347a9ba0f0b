import type { Connector } from '../../src/connector.ts'
import { METADATA } from './entry.ts'
import { listTopics } from './list-topics.ts'
import { pulsarOptions } from './options.ts'
import { sampleTopic } from './sample.ts'
import { PulsarSink } from './sink.ts'
import { forgetSubscriptions, PulsarSource } from './source.ts'

/** Topics of Apache Pulsar 2.11 and newer, in and out; exactly once where the cluster has transactions or deduplication. */
export const pulsar: Connector = {
  name: 'pulsar',
  doc: 'Topics of Apache Pulsar.',
  options: pulsarOptions,
  keyed: true,
  metadata: METADATA,
  source: context => new PulsarSource(context),
  sink: context => new PulsarSink(context),
  sample: sampleTopic,
  topics: listTopics,
  forget: (context, role) => (role === 'source' ? forgetSubscriptions(context) : Promise.resolve()),
}
