import type { SinkContext, TopicInfo } from '../../src/connector.ts'
import { pulsarAdmin } from './options.ts'
import { withoutPartition } from './topic-name.ts'

/** Topics to be asked about at a time. */
const AT_ONCE = 8

/** All persistent topics of all namespaces but Pulsar's own and ours, as 'tenant/namespace.topic', with bytes and backlogs. */
export async function listTopics(context: Omit<SinkContext, 'encoder' | 'instance'>): Promise<readonly TopicInfo[]> {
  const admin = pulsarAdmin(context.options)
  const topics = (await admin.topics())
    .filter(({ topic }) => !/^persistent:\/\/pulsar\/system\/|\/__[^/]*$/.test(withoutPartition(topic)))
    .toSorted((a, b) => (a.topic < b.topic ? -1 : 1))
  const listed: TopicInfo[] = []
  for (let i = 0; i < topics.length; i += AT_ONCE) {
    listed.push(
      ...(await Promise.all(
        topics.slice(i, i + AT_ONCE).map(async ({ topic, partitions }) => {
          const [tenant, namespace, ...name] = topic.replace(/^persistent:\/\//, '').split('/')
          const stats = await admin.statsOf(topic, partitions)
          return { name: `${tenant}/${namespace}.${name.join('/')}`, partitions: Math.max(1, partitions), ...stats }
        }),
      )),
    )
  }
  return listed
}
