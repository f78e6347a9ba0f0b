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
/** Read at once by a compaction: takes the thread ten milliseconds. */
const PIECE_BYTES = 2 * 1024 * 1024
/** Keys of one round, and their bytes: some 30 MB, and 64 at most. */
const KEYS_MAX = 250_000
const KEY_BYTES_MAX = 32 * 1024 * 1024

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
  const range = {
    start: [topic.id, partition, first],
    end: [topic.id, partition, state.next],
    limit: BLOCKS_PER_COMMIT,
  }
  for (const key of [...env.records.getKeys(range)]) {
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

/** Lets go of the records before `offset`. A block that also holds later ones stays until these go. */
export async function removeBefore(env: Environment, topic: Topic, partition: number, offset: number): Promise<void> {
  for (let more = true; more; ) more = await env.commit(() => removeSomeBefore(env, topic, partition, offset))
}

/** Inside a commit; true when there may be more to remove. */
function removeSomeBefore(env: Environment, topic: Topic, partition: number, offset: number): boolean {
  const state = partitionState(env, topic, partition)
  let { bytes, tailBase } = state
  // From the beginning: a block that `first` lies in begins before it.
  const range = { start: [topic.id, partition], end: [topic.id, partition, offset], limit: BLOCKS_PER_COMMIT }
  let removed = 0
  for (const key of [...env.records.getKeys(range)]) {
    const stored = env.records.getBinaryFast(key)
    if (!stored) break
    const base = Number(key[2])
    const size = stored.length
    if (base + blockSummary(stored).count > offset) break
    env.records.removeSync(key)
    bytes -= size
    if (base === tailBase) tailBase = -1
    removed++
  }
  const first = Math.max(state.first, Math.min(offset, state.next))
  putPartition(env, topic.id, partition, { ...state, first, bytes, tailBase })
  return removed === BLOCKS_PER_COMMIT
}

/** True when enough was appended since the last compaction to be worth one. */
export function isDirty({ bytes, compactedBytes }: PartitionState): boolean {
  return bytes > 2 * compactedBytes + DIRTY_BYTES_MIN
}

/**
 * Keeps the newest record of each key, at its offset; deletions go after a day. What was appended since the last time is gone through in
 * rounds of `keysMax` distinct keys: each drops, from the beginning on, what a record of the round has replaced. So memory does not
 * depend on the number of keys, at the price of a pass a round: Kafka's log cleaner does the same. Records appended while it runs stay.
 */
export async function compact(
  env: Environment,
  topic: Topic,
  partition: number,
  nowMs: number,
  keysMax = KEYS_MAX,
): Promise<void> {
  env.refresh()
  const { first, next: end, compactedTo } = partitionState(env, topic, partition)
  let dirty = Math.max(first, compactedTo)
  do {
    const { newest, upTo } = await newestOffsets(env, topic, partition, dirty, end, keysMax)
    const kept = (from: RecordBlock, i: number): boolean => {
      const offset = from.offsets[i]
      if (offset >= upTo) return true
      if ((newest.get(keyText(from, i)) ?? offset) > offset) return false
      return from.starts[i] >= 0 || from.timestampsMs[i] >= nowMs - TOMBSTONE_MS
    }
    for (let from: number | undefined = first; from !== undefined; ) {
      const start: number = from
      from = await env.commit(() => rewriteSome(env, topic, partition, start, upTo, kept))
    }
    await env.commit(() => {
      const state = partitionState(env, topic, partition)
      const compactedBytes = upTo < end ? state.compactedBytes : state.bytes
      putPartition(env, topic.id, partition, { ...state, compactedBytes, compactedTo: upTo })
    })
    dirty = upTo
  } while (dirty < end)
}

/** The newest offset of each key from `dirty` on, until there are many keys; all records before `upTo` have been seen. */
async function newestOffsets(
  env: Environment,
  topic: Topic,
  partition: number,
  dirty: number,
  end: number,
  keysMax: number,
): Promise<{ readonly newest: ReadonlyMap<string, number>; readonly upTo: number }> {
  const newest = new Map<string, number>()
  const block = new RecordBlock()
  let keyBytes = 0
  let from = dirty
  // Records may have been added to a block that was there the last time.
  const holder = { start: [topic.id, partition, dirty], end: [topic.id, partition], reverse: true, limit: 1 }
  for (const key of env.records.getKeys(holder)) from = Number(key[2])
  while (from < end && newest.size < keysMax && keyBytes < KEY_BYTES_MAX) {
    const { keys } = readBlocks(env, topic, partition, from, end, block)
    if (keys.length === 0) return { newest, upTo: end }
    for (let i = 0; i < block.count; i++) {
      newest.set(keyText(block, i), block.offsets[i])
      keyBytes += block.keyEnds[i] - block.keyStarts[i]
    }
    from = block.nextOffset
    // Lets the thread do other things between two pieces, and reads go on in a newer snapshot.
    await env.commit(() => {})
  }
  return { newest, upTo: Math.max(from, dirty) }
}

/** Inside a commit: packs what is kept of the next blocks anew, unless that is all. Answers where to go on. */
function rewriteSome(
  env: Environment,
  topic: Topic,
  partition: number,
  from: number,
  end: number,
  kept: (block: RecordBlock, i: number) => boolean,
): number | undefined {
  const state = partitionState(env, topic, partition)
  const block = new RecordBlock()
  const { keys, storedBytes } = readBlocks(env, topic, partition, from, end, block)
  if (keys.length === 0) return undefined
  const rows: number[] = []
  for (let i = 0; i < block.count; i++) if (kept(block, i)) rows.push(i)
  if (rows.length === block.count && storedBytes > (keys.length * BLOCK_BYTES) / 2) return block.nextOffset
  let bytes = state.bytes - storedBytes
  for (const key of keys) env.records.removeSync(key)
  const builder = new BlockBuilder()
  let base = 0
  const put = (): void => {
    if (builder.count === 0) return
    const stored = builder.finish()
    env.records.putSync([topic.id, partition, base], stored)
    bytes += stored.length
  }
  for (const i of rows) {
    if (builder.count === 0) base = block.offsets[i]
    copyRecord(block, i, base, builder)
    if (builder.byteCount >= BLOCK_BYTES) put()
  }
  put()
  // The newest block may be one of these: its key has changed, so nothing is joined to it any more.
  putPartition(env, topic.id, partition, { ...state, bytes, tailBase: -1 })
  return block.nextOffset
}

/** Reads the next blocks whole into `block`, until they are a piece. */
function readBlocks(
  env: Environment,
  topic: Topic,
  partition: number,
  from: number,
  end: number,
  block: RecordBlock,
): { readonly keys: readonly LogKey[]; readonly storedBytes: number } {
  const keys: LogKey[] = []
  let storedBytes = 0
  block.clear(from)
  for (const key of env.records.getKeys({ start: [topic.id, partition, from], end: [topic.id, partition, end] })) {
    const stored = env.records.getBinaryFast(key)
    if (!stored) break
    keys.push(key)
    storedBytes += stored.length
    block.addStored(stored.subarray(0, stored.length), Number(key[2]), 0)
    if (storedBytes >= PIECE_BYTES || keys.length === BLOCKS_PER_COMMIT) break
  }
  return { keys, storedBytes }
}

/** A key as a Map's key: one character a byte. */
function keyText({ bytes, keyStarts, keyEnds }: RecordBlock, i: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + keyStarts[i], keyEnds[i] - keyStarts[i]).toString('latin1')
}
