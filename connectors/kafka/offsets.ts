/** Offsets: where partitions begin and end, and what a group has noted. */
import type { Cluster } from './cluster.ts'
import type { Api } from './connection.ts'
import { brokerError, Code } from './error-codes.ts'

const LIST_OFFSETS: Api = { name: 'ListOffsets', key: 2, version: 6, flexible: true }
const OFFSET_COMMIT: Api = { name: 'OffsetCommit', key: 8, version: 8, flexible: true }
const OFFSET_FETCH: Api = { name: 'OffsetFetch', key: 9, version: 7, flexible: true }

/** Special times of ListOffsets. */
export const LATEST = -1
export const EARLIEST = -2

/** One partition and who leads it. */
export interface PartitionRef {
  readonly topic: string
  readonly partition: number
  readonly leader: number
}

/** As in positions and messages. */
export function partitionKey(ref: { readonly topic: string; readonly partition: number }): string {
  return `${ref.topic}/${ref.partition}`
}

/**
 * By `topic/partition`: the first offset at or after a time in milliseconds, or `EARLIEST`, or `LATEST` (the last stable
 * offset when only committed records count). −1: no record is that late.
 */
export async function listOffsets(
  cluster: Cluster,
  partitions: readonly PartitionRef[],
  timestamp: number,
  committedOnly: boolean,
): Promise<Map<string, number>> {
  const offsets = new Map<string, number>()
  for (const [leader, ofLeader] of groupBy(partitions, p => p.leader)) {
    const connection = await cluster.broker(leader)
    const reader = await connection.request(LIST_OFFSETS, w => {
      w.int32(-1).int8(committedOnly ? 1 : 0)
      w.compactArray([...groupBy(ofLeader, p => p.topic)], ([topic, ofTopic]) => {
        w.compactString(topic)
        w.compactArray(ofTopic, p => w.int32(p.partition).int32(-1).int64(timestamp).tags())
        w.tags()
      })
      w.tags()
    })
    reader.int32()
    reader.compactArray(() => {
      const topic = reader.compactString()
      reader.compactArray(() => {
        const key = partitionKey({ topic, partition: reader.int32() })
        const code = reader.int16()
        if (code !== Code.none) throw brokerError(code, `find offsets of ${key}`)
        reader.int64()
        offsets.set(key, reader.int64())
        reader.int32()
        reader.tags()
      })
      reader.tags()
    })
  }
  return offsets
}

/** Notes offsets for a group without being a member of it: lag tools see them. Throws when a member is active. */
export async function commitOffsets(
  cluster: Cluster,
  group: string,
  offsets: readonly { readonly topic: string; readonly partition: number; readonly offset: number }[],
  timeoutMs: number,
): Promise<void> {
  const doing = `note offsets for group ${group}`
  const { code } = await cluster.askCoordinator(
    'group',
    group,
    OFFSET_COMMIT,
    doing,
    timeoutMs,
    w => {
      w.compactString(group).int32(-1).compactString('').compactString(null)
      w.compactArray([...groupBy(offsets, o => o.topic)], ([topic, ofTopic]) => {
        w.compactString(topic)
        w.compactArray(ofTopic, o => w.int32(o.partition).int64(o.offset).int32(-1).compactString('').tags())
        w.tags()
      })
      w.tags()
    },
    reader => {
      reader.int32()
      let worst: number = Code.none
      reader.compactArray(() => {
        reader.compactString()
        reader.compactArray(() => {
          reader.int32()
          worst = reader.int16() || worst
          reader.tags()
        })
        reader.tags()
      })
      return { code: worst, value: undefined }
    },
  )
  if (code !== Code.none) throw brokerError(code, doing)
}

/** What a group has noted for one partition, in transactions that are committed. Offset −1: nothing. */
export async function notedOffset(
  cluster: Cluster,
  group: string,
  topic: string,
  partition: number,
  timeoutMs: number,
): Promise<{ readonly offset: number; readonly metadata: string }> {
  const doing = `read the offset that group ${group} has noted`
  const { code, value } = await cluster.askCoordinator(
    'group',
    group,
    OFFSET_FETCH,
    doing,
    timeoutMs,
    w => {
      w.compactString(group)
      w.compactArray([topic], t =>
        w
          .compactString(t)
          .compactArray([partition], p => w.int32(p))
          .tags(),
      )
      w.bool(false).tags()
    },
    reader => {
      reader.int32()
      let noted = { code: 0, offset: -1, metadata: '' }
      reader.compactArray(() => {
        reader.compactString()
        reader.compactArray(() => {
          reader.int32()
          const offset = reader.int64()
          reader.int32()
          const metadata = reader.compactString()
          noted = { code: reader.int16(), offset, metadata }
          reader.tags()
        })
        reader.tags()
      })
      return { code: reader.int16() || noted.code, value: noted }
    },
  )
  if (code !== Code.none) throw brokerError(code, doing)
  return value
}

/** In the order of first appearance. */
export function groupBy<T, K>(items: Iterable<T>, key: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>()
  for (const item of items) {
    const group = groups.get(key(item))
    if (group) group.push(item)
    else groups.set(key(item), [item])
  }
  return groups
}
