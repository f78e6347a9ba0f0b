import { EngineError } from '../base/errors.ts'
import { partitionOfKey } from '../base/murmur2.ts'
import { BlockBuilder } from './block.ts'
import type { Topic } from './topics.ts'

/** Payload at which a block is closed: large enough that look-ups vanish, small enough that a read stops near its limit. */
export const BLOCK_BYTES = 128 * 1024
const NO_BYTES = new Uint8Array(0)

/** A finished block for one partition; its offsets are given when it is committed. */
export interface PendingBlock {
  readonly partition: number
  readonly count: number
  readonly stored: Buffer
}

/**
 * Spreads records over a topic's partitions and packs them into blocks. A record with a key goes where Kafka's Java client would
 * put it; records without one fill a block of one partition, then of the next.
 */
export class Appender {
  readonly #topic: Topic
  readonly #builders: (BlockBuilder | undefined)[] = []
  #blocks: PendingBlock[] = []
  #turn: number
  /** Bytes waiting for `take`. */
  byteCount = 0

  constructor(topic: Topic, firstPartition = 0) {
    this.#topic = topic
    this.#turn = firstPartition % topic.partitions
  }

  /**
   * Copies one record, to `partition` if that is given; answers its partition. Start −1 is null. Throws 54000 when the record is
   * larger than the topic takes, and 23502 when it has no key and the topic is compacted.
   */
  add(
    timestampMs: number,
    keyBytes: Uint8Array,
    keyStart: number,
    keyEnd: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    headers: Uint8Array = NO_BYTES,
    partition?: number,
  ): number {
    const { partitions, recordBytesMax, cleanup, name } = this.#topic
    const size = keyEnd - keyStart + (end - start) + headers.length
    if (size > recordBytesMax) {
      throw new EngineError('54000', `a record of ${size} bytes is larger than topic "${name}" takes`, {
        detail: `The limit is ${recordBytesMax} bytes for key, value and headers together.`,
        hint: 'Create the topic with a larger max_record_bytes.',
      })
    }
    if (keyStart < 0 && cleanup === 'compact') {
      throw new EngineError('23502', `topic "${name}" is compacted: its records need a key`)
    }
    const p = partition ?? (keyStart < 0 ? this.#turn : partitionOfKey(keyBytes, keyStart, keyEnd, partitions))
    let builder = this.#builders[p]
    if (!builder) {
      builder = new BlockBuilder()
      this.#builders[p] = builder
    }
    builder.add(Math.floor(timestampMs), keyBytes, keyStart, keyEnd, bytes, start, end, headers)
    this.byteCount += size
    if (builder.byteCount >= BLOCK_BYTES) this.#close(p)
    return p
  }

  /** All blocks so far, each partition's in order; the appender is empty again. */
  take(): PendingBlock[] {
    for (let p = 0; p < this.#builders.length; p++) this.#close(p)
    const blocks = this.#blocks
    this.#blocks = []
    this.byteCount = 0
    return blocks
  }

  #close(partition: number): void {
    const builder = this.#builders[partition]
    if (!builder || builder.count === 0) return
    this.#blocks.push({ partition, count: builder.count, stored: builder.finish() })
    if (partition === this.#turn) this.#turn = (this.#turn + 1) % this.#topic.partitions
  }
}
