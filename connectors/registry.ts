import type { Connector } from '../src/connector.ts'
import { embedded } from './embedded/embedded.ts'
import { file } from './file/file.ts'
import { generator } from './generator/generator.ts'
import { kafka } from './kafka/kafka.ts'
import { mqtt } from './mqtt/mqtt.ts'
import { pulsar } from './pulsar/pulsar.ts'
import { s3 } from './s3/s3.ts'

/** Every connector there is. A new one adds its line. */
export const connectors: readonly Connector[] = [embedded, file, generator, kafka, mqtt, pulsar, s3]
