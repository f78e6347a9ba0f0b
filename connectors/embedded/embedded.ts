import type { Connector } from '../../src/connector.ts'
import { openLog } from '../../src/log/log.ts'
import { embeddedOptions, toEmbeddedOptions } from './options.ts'
import { EmbeddedSink } from './sink.ts'
import { EmbeddedSource } from './source.ts'

/** Durable topics of the program itself: what Kafka would do, without Kafka. */
export const embedded: Connector = {
  name: 'embedded',
  doc: 'Durable partitioned topics in the data directory.',
  options: embeddedOptions,
  keyed: true,
  source: context => new EmbeddedSource(context),
  sink: context => new EmbeddedSink(context),
  async sample({ options, dataDir }, max) {
    const log = openLog(dataDir)
    try {
      const topic = log.findTopic(toEmbeddedOptions(options).topic)
      const values: Uint8Array[] = []
      for (let p = 0; topic && p < topic.partitions; p++) {
        const block = log.read(topic, p, 0, 1)
        for (let i = 0; i < block.count && values.length < max; i++) {
          const { value } = block.recordAt(i)
          if (value) values.push(value)
        }
      }
      return values
    } finally {
      await log.close()
    }
  },
}
