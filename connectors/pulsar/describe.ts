import type { KnownRecords, SourceContext } from '../../src/connector.ts'
import { PulsarClient } from './client.ts'
import { pulsarSourceOptions } from './options.ts'
import { SchemaType } from './schema.ts'

/** How the values of a topic look by the brokers' schema registry. Undefined where that has nothing we can read by. */
export async function describeTopic(
  context: Omit<SourceContext, 'decoder' | 'bounded' | 'session'>,
): Promise<KnownRecords | undefined> {
  const { client: where, topics } = pulsarSourceOptions(context.options, context.job)
  if (topics.length !== 1) return undefined
  const client = new PulsarClient(where, context.clock, context.log)
  try {
    const schema = await client.schemaOf(topics[0])
    if (schema?.type === SchemaType.json) return { format: 'json', avroSchema: schema.data }
    if (schema?.type === SchemaType.string) return { format: 'text' }
    // A datum says nothing of itself: read by the schema of another version, it would be another one.
    if (schema?.type === SchemaType.avro)
      return { format: 'avro', avroSchema: schema.data, options: { schema_version: schema.version } }
    return undefined
  } finally {
    client.close()
  }
}
