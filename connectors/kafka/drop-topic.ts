import type { SinkContext } from '../../src/connector.ts'
import { Cluster } from './cluster.ts'
import type { Api } from './connection.ts'
import { clusterOptions } from './connection-options.ts'
import { brokerError, Code } from './error-codes.ts'
import { unknownTopic } from './start.ts'

const DELETE_TOPICS: Api = { name: 'DeleteTopics', key: 20, version: 5, flexible: true }
const TIMEOUT_MS = 30_000

/** Deletes a topic and all its records. Throws 42P01 when there is none, 42501 when the user may not. */
export async function dropTopic(
  { options, clock, log, job }: Omit<SinkContext, 'encoder' | 'instance'>,
  topic: string,
): Promise<void> {
  const cluster = new Cluster(clusterOptions(options, job), clock, log)
  try {
    const { controller } = await cluster.metadata([])
    const connection = controller >= 0 ? await cluster.broker(controller) : await cluster.any()
    const reader = await connection.request(DELETE_TOPICS, w =>
      w
        .compactArray([topic], name => w.compactString(name))
        .int32(TIMEOUT_MS)
        .tags(),
    )
    reader.int32()
    const [{ code, message }] = reader.compactArray(() => {
      reader.compactString()
      const answer = { code: reader.int16(), message: reader.compactNullableString() }
      reader.tags()
      return answer
    })
    if (code === Code.unknownTopicOrPartition) throw await unknownTopic(cluster, topic)
    if (code !== Code.none) throw brokerError(code, `drop topic ${topic}`, message)
  } finally {
    cluster.close()
  }
}
