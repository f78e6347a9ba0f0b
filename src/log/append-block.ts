import type { PendingBlock } from './appender.ts'
import { BlockBuilder, RecordBlock } from './block.ts'
import type { Environment } from './environment.ts'
import { partitionState, putPartition, type Topic } from './topics.ts'

/** Newest blocks below this size are rewritten together with what comes next, so that a trickle reads as fast as a flood. */
const SMALL_BLOCK_BYTES = 4096
const NO_BYTES = new Uint8Array(0)
/** Used within one call only; making them anew costs more than the joining. */
const joinedBlock = new RecordBlock()
const joinedBuilder = new BlockBuilder()

/** Inside a commit: gives the block its offsets; answers the first. */
export function appendBlock(env: Environment, topic: Topic, block: PendingBlock): number {
  const { partition, count, stored } = block
  const state = partitionState(env, topic, partition)
  const { next, bytes, tailBase, tailBytes } = state
  const small = tailBase >= 0 && tailBytes + stored.length < SMALL_BLOCK_BYTES
  const tail = small ? env.records.getBinary([topic.id, partition, tailBase]) : undefined
  const base = tail ? tailBase : next
  const value = tail ? joined(tail, tailBase, stored, next) : stored
  env.records.putSync([topic.id, partition, base], value)
  env.markChanged(topic.id)
  putPartition(env, topic.id, partition, {
    ...state,
    next: next + count,
    bytes: bytes + value.length - (tail ? tailBytes : 0),
    tailBase: base,
    tailBytes: value.length,
  })
  return next
}

/** One stored block out of two that follow one another. */
function joined(tail: Uint8Array, tailBase: number, stored: Uint8Array, base: number): Buffer {
  const block = joinedBlock
  block.clear(0)
  block.addStored(tail, tailBase, 0)
  block.addStored(stored, base, 0)
  for (let i = 0; i < block.count; i++) copyRecord(block, i, tailBase, joinedBuilder)
  return joinedBuilder.finish()
}

/** Appends row i of a block to a builder whose first record has the offset `base`. */
export function copyRecord(from: RecordBlock, i: number, base: number, to: BlockBuilder): void {
  const { bytes, timestampsMs, keyStarts, keyEnds, starts, ends, headerStarts, headerEnds, offsets } = from
  const headers = headerStarts[i] < 0 ? NO_BYTES : bytes.subarray(headerStarts[i], headerEnds[i])
  to.add(timestampsMs[i], bytes, keyStarts[i], keyEnds[i], bytes, starts[i], ends[i], headers, offsets[i] - base)
}
