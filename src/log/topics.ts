import { EngineError, nearest } from '../base/errors.ts'
import type { Environment, LogKey } from './environment.ts'

/** What a topic does with old records: drops them by age and size, or keeps the newest of each key. */
export type Cleanup = 'delete' | 'compact'

export interface TopicSpec {
  readonly partitions: number
  /** Records older than this go. Undefined: never. */
  readonly retentionMs?: number
  /** A partition larger than this loses its oldest records. Undefined: no limit. */
  readonly retentionBytes?: number
  readonly cleanup: Cleanup
  /** Largest key + value + headers of one record; default 1 MiB, as in Kafka. */
  readonly recordBytesMax: number
}

export interface Topic extends TopicSpec {
  readonly name: string
  /** Never used again, so a topic dropped and created anew is another one. */
  readonly id: number
  readonly createdMs: number
}

export const TOPIC_DEFAULTS: TopicSpec = { partitions: 1, cleanup: 'delete', recordBytesMax: 1 << 20 }

/** Where one partition stands. `next` is the offset its next record gets; `first` the oldest one still there. */
export interface PartitionState {
  readonly first: number
  readonly next: number
  readonly bytes: number
  /** The newest block: small ones are rewritten with what comes next. −1: do not touch. */
  readonly tailBase: number
  readonly tailBytes: number
  /** Size right after the last compaction. */
  readonly compactedBytes: number
  /** Records before it have been compacted among themselves. */
  readonly compactedTo: number
}

const EMPTY: PartitionState = {
  first: 0,
  next: 0,
  bytes: 0,
  tailBase: -1,
  tailBytes: 0,
  compactedBytes: 0,
  compactedTo: 0,
}
const NAME_LENGTH_MAX = 249
const PARTITIONS_MAX = 1024

export function listTopics(env: Environment): Topic[] {
  const topics: Topic[] = []
  for (const { value } of env.meta.getRange({ start: ['topic'], end: ['topic', '\uffff'] })) topics.push(value as Topic) // only putTopic writes there
  return topics
}

export function findTopic(env: Environment, name: string): Topic | undefined {
  return env.meta.get(['topic', name]) as Topic | undefined // only putTopic writes there
}

/** Throws 42P01 that offers near names. */
export function expectTopic(env: Environment, name: string): Topic {
  const topic = findTopic(env, name)
  if (topic) return topic
  const known = listTopics(env).map(t => t.name)
  const near = nearest(name, known)
  throw new EngineError('42P01', `there is no embedded topic "${name}"`, {
    hint: near.length > 0 ? `Near names: ${near.join(', ')}.` : 'Create it, or write to it through a sink.',
  })
}

/** Inside a commit. Throws 42P07 when the name is taken, 22023 when the specification makes no sense. */
export function putTopic(env: Environment, name: string, spec: TopicSpec, nowMs: number): Topic {
  checkSpec(name, spec)
  if (findTopic(env, name)) throw new EngineError('42P07', `the embedded topic "${name}" exists already`)
  const id = Number(env.meta.get(['next topic']) ?? 1)
  const topic: Topic = { ...spec, name, id, createdMs: nowMs }
  env.meta.putSync(['next topic'], id + 1)
  env.meta.putSync(['topic', name], topic)
  for (let p = 0; p < spec.partitions; p++) putPartition(env, id, p, EMPTY)
  return topic
}

/** Inside a commit: new limits for a topic; partitions may be added, not taken away. */
export function alterTopic(env: Environment, name: string, change: Partial<TopicSpec>): Topic {
  const old = expectTopic(env, name)
  const topic: Topic = { ...old, ...change }
  checkSpec(name, topic)
  if (topic.partitions < old.partitions) throw new EngineError('22023', 'partitions of a topic cannot be taken away')
  env.meta.putSync(['topic', name], topic)
  for (let p = old.partitions; p < topic.partitions; p++) putPartition(env, topic.id, p, EMPTY)
  return topic
}

/** Inside a commit. The records go afterwards, in pieces. */
export function forgetTopic(env: Environment, topic: Topic): void {
  env.meta.removeSync(['topic', topic.name])
  for (let p = 0; p < topic.partitions; p++) env.meta.removeSync(partitionKey(topic.id, p))
}

/** Throws 42P01 when the topic is gone, 22023 when it never had such a partition. */
export function partitionState(env: Environment, topic: Topic, partition: number): PartitionState {
  const fields = env.meta.get(partitionKey(topic.id, partition))
  if (Array.isArray(fields)) {
    const [first, next, bytes, tailBase, tailBytes, compactedBytes, compactedTo = 0] = fields
    return { first, next, bytes, tailBase, tailBytes, compactedBytes, compactedTo }
  }
  if (findTopic(env, topic.name)?.id !== topic.id) {
    throw new EngineError('42P01', `the embedded topic "${topic.name}" was dropped`)
  }
  throw new EngineError('22023', `topic "${topic.name}" has no partition ${partition}`)
}

export function putPartition(env: Environment, topicId: number, partition: number, state: PartitionState): void {
  const { first, next, bytes, tailBase, tailBytes, compactedBytes, compactedTo } = state
  const fields = [first, next, bytes, tailBase, tailBytes, compactedBytes, compactedTo]
  env.meta.putSync(partitionKey(topicId, partition), fields)
}

function partitionKey(topicId: number, partition: number): LogKey {
  return ['partition', topicId, partition]
}

function checkSpec(name: string, spec: TopicSpec): void {
  // Keys of the store end at a zero byte; the length is Kafka's.
  if (name.length === 0 || name.length > NAME_LENGTH_MAX || name.includes('\0')) {
    throw new EngineError('22023', `a topic's name has 1 to ${NAME_LENGTH_MAX} characters`)
  }
  if (!Number.isInteger(spec.partitions) || spec.partitions < 1 || spec.partitions > PARTITIONS_MAX) {
    throw new EngineError('22023', `a topic has 1 to ${PARTITIONS_MAX} partitions, not ${spec.partitions}`)
  }
}
