/** Which partitions a source reads, and where it begins. */
import { EngineError, nearest } from '../../src/base/errors.ts'
import type { Position } from '../../src/connector.ts'
import type { Cluster } from './cluster.ts'
import { brokerError, Code } from './error-codes.ts'
import { EARLIEST, LATEST, listOffsets, type PartitionRef, partitionKey } from './offsets.ts'
import type { Start } from './options.ts'

const LEADERS_TIMEOUT_MS = 30_000

/**
 * Partitions of the named topics, or of every topic that matches. Normally a named topic must exist (42P01) and its partitions
 * have leaders; `mustExist: false` gives what is there, leaders −1 included.
 */
export async function findPartitions(
  cluster: Cluster,
  topics: readonly string[] | RegExp,
  { mustExist = true } = {},
): Promise<PartitionRef[]> {
  // A wrong address or name is known at once; only leaders are worth waiting for.
  const first = await ask(cluster, topics, mustExist)
  if (!mustExist || first.every(ref => ref.leader >= 0)) return first
  return cluster.retrying(LEADERS_TIMEOUT_MS, async () => {
    const found = await ask(cluster, topics, true)
    const waiting = found.find(ref => ref.leader < 0)
    if (waiting) throw brokerError(Code.leaderNotAvailable, `find the leader of ${partitionKey(waiting)}`)
    return found
  })
}

async function ask(cluster: Cluster, topics: readonly string[] | RegExp, mustExist: boolean): Promise<PartitionRef[]> {
  const metadata = await cluster.metadata(topics instanceof RegExp ? 'all' : topics)
  const names = topics instanceof RegExp ? [...metadata.topics.keys()].filter(name => topics.test(name)).sort() : topics
  const found: PartitionRef[] = []
  for (const topic of names) {
    const known = metadata.topics.get(topic)
    if (!known && mustExist) throw await unknownTopic(cluster, topic)
    if (!known || (topics instanceof RegExp && known.internal)) continue
    for (let partition = 0; partition < known.leaders.length; partition++) {
      found.push({ topic, partition, leader: known.leaders[partition] ?? -1 })
    }
  }
  return found
}

/** 42P01 with the names that are near. */
export async function unknownTopic(cluster: Cluster, topic: string): Promise<EngineError> {
  const all = [...(await cluster.metadata('all')).topics.values()].filter(t => !t.internal).map(t => t.name)
  const near = nearest(topic, all)
  const hint =
    near.length > 0
      ? `Did you mean ${near.map(n => `"${n}"`).join(' or ')}?`
      : all.length > 0
        ? `There are ${all.slice(0, 5).join(', ')}${all.length > 5 ? ', …' : ''}.`
        : 'The cluster has no topics that this user may read.'
  return new EngineError('42P01', `Kafka has no topic "${topic}"`, { hint })
}

/** By `topic/partition`: from the checkpoint's position where there is one, else where `start` says. */
export async function startOffsets(
  cluster: Cluster,
  partitions: readonly PartitionRef[],
  start: Start,
  position: Position | undefined,
  committedOnly: boolean,
): Promise<Map<string, number>> {
  const offsets = new Map<string, number>()
  if (position) {
    // Partitions that the position does not know appeared since: all in them is new.
    for (const ref of partitions) {
      const next = position[partitionKey(ref)]
      if (typeof next === 'number') offsets.set(partitionKey(ref), next)
    }
  } else if (typeof start === 'object' && 'offsets' in start) {
    for (const [name, offset] of start.offsets) {
      const refs = partitions.filter(ref => name === partitionKey(ref) || name === String(ref.partition))
      if (refs.length === 0) throw new EngineError('22023', `start_offsets names partition ${name}, which is not there`)
      for (const ref of refs) offsets.set(partitionKey(ref), offset)
    }
  }
  const rest = partitions.filter(ref => !offsets.has(partitionKey(ref)))
  if (rest.length === 0) return offsets
  let time = EARLIEST
  if (!position && start === 'latest') time = LATEST
  if (!position && typeof start === 'object' && 'timestampMs' in start) time = start.timestampMs
  const found = await listOffsets(cluster, rest, time, committedOnly)
  const late = rest.filter(ref => (found.get(partitionKey(ref)) ?? -1) < 0)
  const ends = late.length > 0 ? await listOffsets(cluster, late, LATEST, committedOnly) : found
  for (const ref of rest) {
    const key = partitionKey(ref)
    const offset = found.get(key) ?? -1
    offsets.set(key, offset >= 0 ? offset : (ends.get(key) ?? 0))
  }
  return offsets
}
