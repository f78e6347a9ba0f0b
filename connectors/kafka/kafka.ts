import type { Connector } from '../../src/connector.ts'
import { dropTopic } from './drop-topic.ts'
import { listTopics } from './list-topics.ts'
import { kafkaOptions } from './options.ts'
import { sampleTopic } from './sample.ts'
import { KafkaSink } from './sink.ts'
import { KafkaSource } from './source.ts'

/** Topics of Apache Kafka 2.8 and newer, in and out; exactly once with 4.0 and newer. */
export const kafka: Connector = {
  name: 'kafka',
  doc: 'Topics of Apache Kafka.',
  options: kafkaOptions,
  keyed: true,
  writes: ['timestamp', 'headers'],
  source: context => new KafkaSource(context),
  sink: context => new KafkaSink(context),
  sample: sampleTopic,
  topics: listTopics,
  dropTopic,
}
