import type { Cluster } from './cluster.ts'
import type { Api } from './connection.ts'
import { brokerError, Code } from './error-codes.ts'
import type { TopicSettings } from './options.ts'
import { unknownTopic } from './start.ts'

const CREATE_TOPICS: Api = { name: 'CreateTopics', key: 19, version: 5, flexible: true }
const TIMEOUT_MS = 30_000

/** The leaders of a topic's partitions; the topic is made first where it is missing and `create` says how. Waits for all leaders. */
export async function ensureTopic(
  cluster: Cluster,
  topic: string,
  create: TopicSettings | undefined,
): Promise<readonly number[]> {
  const known = (await cluster.metadata([topic])).topics.get(topic)
  if (!known) {
    if (!create) throw await unknownTopic(cluster, topic)
    await cluster.retrying(TIMEOUT_MS, () => createTopic(cluster, topic, create))
    cluster.log.info({ topic }, 'made a Kafka topic')
  }
  // CreateTopics answers before the leaders are up, and so does metadata name the topic.
  return cluster.retrying(TIMEOUT_MS, async () => {
    const { leaders } = (await cluster.metadata([topic])).topics.get(topic) ?? { leaders: [] }
    if (leaders.length > 0 && leaders.every(leader => leader >= 0)) return leaders
    throw brokerError(Code.leaderNotAvailable, `find the leaders of topic ${topic}`)
  })
}

async function createTopic(cluster: Cluster, topic: string, settings: TopicSettings): Promise<void> {
  const { controller } = await cluster.metadata([])
  const connection = controller >= 0 ? await cluster.broker(controller) : await cluster.any()
  const reader = await connection.request(CREATE_TOPICS, w => {
    w.compactArray([topic], () => {
      w.compactString(topic).int32(settings.partitions).int16(settings.replicationFactor)
      w.compactArray([], () => undefined)
      w.compactArray([...settings.configs], ([key, value]) => w.compactString(key).compactString(value).tags())
      w.tags()
    })
    w.int32(TIMEOUT_MS).bool(false).tags()
  })
  reader.int32()
  reader.compactArray(() => {
    reader.compactString()
    const code = reader.int16()
    const message = reader.compactNullableString()
    // Another sink may have made it in between.
    if (code !== Code.none && code !== Code.topicAlreadyExists) throw brokerError(code, `make topic ${topic}`, message)
    reader.int32()
    reader.int16()
    reader.compactArray(() => {
      reader.compactString()
      reader.compactNullableString()
      reader.bool()
      reader.int8()
      reader.bool()
      reader.tags()
    })
    reader.tags()
  })
}
