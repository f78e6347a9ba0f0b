import type { Connector } from '../../src/connector.ts'
import { mqttOptions } from './options.ts'
import { sampleTopic } from './sample.ts'
import { MqttSink } from './sink.ts'
import { MqttSource } from './source.ts'

/** Topics of MQTT 3.1.1 and 5 brokers. */
export const mqtt: Connector = {
  name: 'mqtt',
  doc: 'Topics of an MQTT broker.',
  options: mqttOptions,
  endless: true,
  source: context => new MqttSource(context),
  sink: context => new MqttSink(context),
  sample: sampleTopic,
}
