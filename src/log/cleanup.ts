import { copyRecord } from './append-block.ts'
import { BLOCK_BYTES } from './appender.ts'
import { BlockBuilder, blockSummary, RecordBlock } from './block.ts'
import type { Environment, LogKey } from './environment.ts'
import { type PartitionState, partitionState, putPartition, type Topic } from './topics.ts'

/** Blocks handled in one transaction, so that an append waits for milliseconds at most. */
const BLOCKS_PER_COMMIT = 64
/** How long a deletion stays, so that readers that are behind still see it. Kafka's delete.retention.ms. */
const TOMBSTONE_MS = 24 * 3_600_000
/** A partition is compacted when it has doubled, and not for less than this. */
const DIRTY_BYTES_MIN = 64 * 1024

/** Removes the oldest blocks of a partition: those whose newest record is too old, and those beyond the size it may have. */
export async function expire(env: Environment, topic: Topic, partition: number, nowMs: number): Promise<void> {
  if (topic.retentionMs === undefined && topic.retentionBytes === undefined) return
  for (let more = true; more; ) more = await env.commit(() => expireSome(env, topic, partition, nowMs))
}

/** Inside a commit; true when there may be more to remove. */
function expireSome(env: Environment, topic: Topic, partition: number, nowMs: number): boolean {
  const { retentionMs = Infinity, retentionBytes = Infinity } = topic
  const state = partitionState(env, topic, partition)
  let { first, bytes, tailBase } = state
  let removed = 0
  for (const key of blockKeys(env, topic, partition, first, state.next)) {
    const stored = env.records.getBinaryFast(key)
    if (!stored) break
    const { count, maxTimestampMs } = blockSummary(stored)
    const size = stored.length
    if (maxTimestampMs >= nowMs - retentionMs && bytes <= retentionBytes) break
    env.records.removeSync(key)
    const base = Number(key[2])
    first = base + count
    bytes -= size
    if (base === tailBase) tailBase = -1
    removed++
  }
  if (removed > 0) putPartition(env, topic.id, partition, { ...state, first, bytes, tailBase })
  return removed === BLOCKS_PER_COMMIT
}

/** True when enough was appended since the last compaction to be worth one. */
export function isDirty({ bytes, compactedBytes }: PartitionState): boolean {
  return bytes > 2 * compactedBytes + DIRTY_BYTES_MIN
}

/**
 * Keeps the newest record of each key, at its offset; deletions go after a day. Holds the partition's distinct keys in memory
 * meanwhile. Records appended while it runs stay as they are.
 */
export async function compact(env: Environment, topic: Topic, partition: number, nowMs: number): Promise<void> {
  env.refresh()
  const { first, next: end } = partitionState(env, topic, partition)
  const newest = new Map<string, number>()
  const block = new RecordBlock()
  for (let from = first; from < end; ) {
    block.clear(from)
    const keys = blockKeys(env, topic, partition, from, end)
    if (keys.length === 0) break
    addBlocks(env, keys, block)
    for (let i = 0; i < block.count; i++) newest.set(keyText(block, i), block.offsets[i])
    from = block.nextOffset
    // Lets the thread do other things between two pieces, and reads go on in a newer snapshot.
    await env.commit(() => {})
  }
  const kept = (from: RecordBlock, i: number): boolean => {
    if (from.offsets[i] >= end) return true
    if (newest.get(keyText(from, i)) !== from.offsets[i]) return false
    return from.starts[i] >= 0 || from.timestampsMs[i] >= nowMs - TOMBSTONE_MS
  }
  for (let from: number | undefined = first; from !== undefined; ) {
    const start: number = from
    from = await env.commit(() => rewriteSome(env, topic, partition, start, end, kept))
  }
  await env.commit(() => {
    const state = partitionState(env, topic, partition)
    putPartition(env, topic.id, partition, { ...state, compactedBytes: state.bytes })
  })
}

/** Inside a commit: packs what is kept of the next blocks anew. Answers where to go on. */
function rewriteSome(
  env: Environment,
  topic: Topic,
  partition: number,
  from: number,
  end: number,
  kept: (block: RecordBlock, i: number) => boolean,
): number | undefined {
  const state = partitionState(env, topic, partition)
  const keys = blockKeys(env, topic, partition, from, end)
  if (keys.length === 0) return undefined
  const block = new RecordBlock()
  let { bytes } = state
  bytes -= addBlocks(env, keys, block)
  for (const key of keys) env.records.removeSync(key)
  const builder = new BlockBuilder()
  let base = 0
  const put = (): void => {
    if (builder.count === 0) return
    const stored = builder.finish()
    env.records.putSync([topic.id, partition, base], stored)
    bytes += stored.length
  }
  for (let i = 0; i < block.count; i++) {
    if (!kept(block, i)) continue
    if (builder.count === 0) base = block.offsets[i]
    copyRecord(block, i, base, builder)
    if (builder.byteCount >= BLOCK_BYTES) put()
  }
  put()
  // The newest block may be one of these: its key has changed, so nothing is joined to it any more.
  putPartition(env, topic.id, partition, { ...state, bytes, tailBase: -1 })
  return block.nextOffset
}

function blockKeys(env: Environment, topic: Topic, partition: number, from: number, end: number): LogKey[] {
  const range = { start: [topic.id, partition, from], end: [topic.id, partition, end], limit: BLOCKS_PER_COMMIT }
  return [...env.records.getKeys(range)]
}

/** Reads blocks whole; answers their size in the store. */
function addBlocks(env: Environment, keys: readonly LogKey[], block: RecordBlock): number {
  let bytes = 0
  for (const key of keys) {
    const stored = env.records.getBinaryFast(key)
    if (!stored) continue
    bytes += stored.length
    block.addStored(stored.subarray(0, stored.length), Number(key[2]), 0)
  }
  return bytes
}

/** A key as a Map's key: one character a byte. */
function keyText({ bytes, keyStarts, keyEnds }: RecordBlock, i: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + keyStarts[i], keyEnds[i] - keyStarts[i]).toString('latin1')
}
