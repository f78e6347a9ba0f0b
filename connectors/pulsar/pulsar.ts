import type { Connector } from '../../src/connector.ts'
import { describeTopic } from './describe.ts'
import { METADATA } from './entry.ts'
import { listTopics } from './list-topics.ts'
import { pulsarOptions } from './option-list.ts'
import { sampleTopic } from './sample.ts'
import { forgetSink, PulsarSink } from './sink.ts'
import { forgetSubscriptions, PulsarSource } from './source.ts'

/** Topics of Apache Pulsar 2.11 and newer, in and out; exactly once where the cluster has transactions or deduplication. */
export const pulsar: Connector = {
  name: 'pulsar',
  doc: 'Topics of Apache Pulsar.',
  options: pulsarOptions,
  keyed: true,
  metadata: METADATA,
  writes: ['timestamp', 'headers'],
  source: context => new PulsarSource(context),
  sink: context => new PulsarSink(context),
  sample: sampleTopic,
  describe: describeTopic,
  topics: listTopics,
  forget: (context, role) => (role === 'source' ? forgetSubscriptions(context) : forgetSink(context)),
}
