import type { SinkContext, TopicInfo } from '../../src/connector.ts'
import { Cluster } from './cluster.ts'
import { clusterOptions } from './connection-options.ts'

/** The topics that the user of the connection may see, but Kafka's own. */
export async function listTopics({
  options,
  clock,
  log,
  job,
}: Omit<SinkContext, 'encoder' | 'instance'>): Promise<readonly TopicInfo[]> {
  const cluster = new Cluster(clusterOptions(options, job), clock, log)
  try {
    return [...(await cluster.metadata('all')).topics.values()]
      .filter(({ internal, name }) => !internal && !name.startsWith('__'))
      .map(({ name, leaders }) => ({ name, partitions: leaders.length }))
      .toSorted((a, b) => (a.name < b.name ? -1 : 1))
  } finally {
    cluster.close()
  }
}
