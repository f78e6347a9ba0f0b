import type { Clock } from '../base/clock.ts'
import { EngineError } from '../base/errors.ts'
import { appendBlock } from './append-block.ts'
import { Appender, type PendingBlock } from './appender.ts'
import { blockSummary, encodeHeaders, type LogRecord, RecordBlock } from './block.ts'
import { compact, expire, isDirty, removeBefore } from './cleanup.ts'
import { Environment } from './environment.ts'
import { Staging } from './staging.ts'
import {
  alterTopic,
  expectTopic,
  findTopic,
  forgetTopic,
  listTopics,
  partitionState,
  putTopic,
  TOPIC_DEFAULTS,
  type Topic,
  type TopicSpec,
} from './topics.ts'

/** Values removed in one transaction, so that nobody waits long behind it. */
const REMOVALS_PER_COMMIT = 512
const NO_BYTES = new Uint8Array(0)

/** Where a record ended up. */
export interface Place {
  readonly partition: number
  readonly offset: number
}

export interface PartitionDescription {
  readonly partition: number
  readonly first: number
  readonly next: number
  readonly bytes: number
}

/** Records for one topic; `partition` undefined: by key as Kafka's Java client does, or in turn. */
export interface Append {
  readonly topic: Topic
  readonly partition?: number
  readonly records: readonly LogRecord[]
}

/** Of a writer that must not write twice: becomes visible with the records. A second append with the same or an older epoch does nothing. */
export interface Marker {
  readonly sink: string
  readonly epoch: number
}

/** Opens the embedded topics under a data directory. Any number of threads may, and see one another's records within a millisecond. */
export function openLog(dataDir: string): Log {
  return new Log(Environment.open(dataDir))
}

/**
 * Durable partitioned topics in this process, with Kafka's meaning: records of a partition have consecutive offsets in the order
 * they were appended, and stay until retention or compaction takes them.
 */
export class Log {
  readonly #env: Environment
  readonly #turns = new Map<number, number>()

  constructor(env: Environment) {
    this.#env = env
  }

  close(): Promise<void> {
    return this.#env.close()
  }

  /** Throws 42P07 when the name is taken. */
  createTopic(name: string, spec: Partial<TopicSpec>, clock: Clock): Promise<Topic> {
    return this.#env.commit(() => putTopic(this.#env, name, { ...TOPIC_DEFAULTS, ...spec }, clock.nowMs()))
  }

  /** The topic of that name, made by `spec` when there is none. */
  ensureTopic(name: string, spec: Partial<TopicSpec>, clock: Clock): Promise<Topic> {
    const known = this.findTopic(name)
    if (known) return Promise.resolve(known)
    const whole = { ...TOPIC_DEFAULTS, ...spec }
    return this.#env.commit(() => findTopic(this.#env, name) ?? putTopic(this.#env, name, whole, clock.nowMs()))
  }

  alterTopic(name: string, change: Partial<TopicSpec>): Promise<Topic> {
    return this.#env.commit(() => alterTopic(this.#env, name, change))
  }

  /** In the order of their names. */
  topics(): Topic[] {
    this.#env.refresh()
    return listTopics(this.#env)
  }

  findTopic(name: string): Topic | undefined {
    this.#env.refresh()
    return findTopic(this.#env, name)
  }

  /** Throws 42P01 that offers near names. */
  topic(name: string): Topic {
    this.#env.refresh()
    return expectTopic(this.#env, name)
  }

  describe(topic: Topic): PartitionDescription[] {
    this.#env.refresh()
    return Array.from({ length: topic.partitions }, (_, partition) => {
      const { first, next, bytes } = partitionState(this.#env, topic, partition)
      return { partition, first, next, bytes }
    })
  }

  /** Gone at once for everyone; its space is freed in pieces before this resolves. */
  async dropTopic(name: string): Promise<void> {
    const topic = await this.#env.commit(() => {
      const dropped = expectTopic(this.#env, name)
      forgetTopic(this.#env, dropped)
      this.#env.markChanged(dropped.id)
      return dropped
    })
    const range = { start: [topic.id], end: [topic.id + 1], limit: REMOVALS_PER_COMMIT }
    for (let removed = REMOVALS_PER_COMMIT; removed === REMOVALS_PER_COMMIT; ) {
      removed = await this.#env.commit(() => {
        const keys = [...this.#env.records.getKeys(range)]
        for (const key of keys) this.#env.records.removeSync(key)
        return keys.length
      })
    }
  }

  /** Durable when it resolves; appends of one turn share a commit. Answers where each record is. */
  append(topic: Topic, partition: number | undefined, records: readonly LogRecord[]): Promise<Place[]> {
    if (records.length === 0) return Promise.resolve([])
    const { blocks, partitions } = this.#pack({ topic, partition, records })
    return this.#env.commit(() => {
      const nextOffsets = new Map<number, number>()
      for (const block of blocks) {
        const base = appendBlock(this.#env, topic, block)
        if (!nextOffsets.has(block.partition)) nextOffsets.set(block.partition, base)
      }
      return partitions.map(p => {
        const offset = nextOffsets.get(p) ?? 0
        nextOffsets.set(p, offset + 1)
        return { partition: p, offset }
      })
    })
  }

  /** The same for what an Appender packed. */
  appendBlocks(topic: Topic, blocks: readonly PendingBlock[]): Promise<void> {
    return this.#env.commit(() => {
      for (const block of blocks) appendBlock(this.#env, topic, block)
    })
  }

  /** All or nothing, over any topics, together with the marker. False: the marker's epoch was written before, nothing was done. */
  appendAtomically(appends: readonly Append[], marker?: Marker): Promise<boolean> {
    const packed = appends.map(append => ({ topic: append.topic, blocks: this.#pack(append).blocks }))
    return this.#env.commit(() => {
      if (marker && (this.markedEpoch(marker.sink) ?? -1) >= marker.epoch) return false
      // Before the first write, because a refusal in the middle would leave half behind.
      for (const { topic } of packed) partitionState(this.#env, topic, 0)
      for (const { topic, blocks } of packed) for (const block of blocks) appendBlock(this.#env, topic, block)
      if (marker) this.#env.meta.putSync(['marker', marker.sink], marker.epoch)
      return true
    })
  }

  /** The newest epoch `sink` has made visible. */
  markedEpoch(sink: string): number | undefined {
    const epoch = this.#env.meta.get(['marker', sink])
    return typeof epoch === 'number' ? epoch : undefined
  }

  /**
   * Records from `offset` on (or from the first one still there), up to about `bytesMax` but at least a
   * stored block if there is any. Fills and returns `into`, whose memory is reused.
   */
  read(topic: Topic, partition: number, offset: number, bytesMax: number, into = new RecordBlock()): RecordBlock {
    this.#env.refresh()
    const { first, next } = partitionState(this.#env, topic, partition)
    into.clear(Math.max(offset, first))
    if (offset >= next) return into
    const from = into.nextOffset
    const key = [topic.id, partition, from]
    const end = [topic.id, partition, next]
    const records = this.#env.records
    let base = from
    // The block that holds `from` may begin before it.
    for (const found of records.getKeys({ start: key, end: [topic.id, partition], reverse: true, limit: 1 }))
      base = Number(found[2])
    for (const found of records.getKeys({ start: [topic.id, partition, base], end })) {
      const stored = records.getBinaryFast(found)
      if (!stored) break
      into.addStored(stored.subarray(0, stored.length), Number(found[2]), from)
      if (into.byteCount >= bytesMax) return into
    }
    // All that is there was seen: offsets that compaction took away need no second look.
    into.nextOffset = next
    return into
  }

  /** The first offset whose record has this timestamp or a later one; `next` when there is none. */
  offsetForTimestamp(topic: Topic, partition: number, timestampMs: number): number {
    this.#env.refresh()
    const { next } = partitionState(this.#env, topic, partition)
    const block = new RecordBlock()
    for (const key of this.#env.records.getKeys({ start: [topic.id, partition], end: [topic.id, partition, next] })) {
      const stored = this.#env.records.getBinaryFast(key)
      if (!stored || blockSummary(stored).maxTimestampMs < timestampMs) continue
      block.clear(0)
      block.addStored(stored.subarray(0, stored.length), Number(key[2]), 0)
      for (let i = 0; i < block.count; i++) if (block.timestampsMs[i] >= timestampMs) return block.offsets[i]
    }
    return next
  }

  /** Lets old records go, as each topic says. To be called now and then, by one thread. */
  async maintain(nowMs: number): Promise<void> {
    for (const topic of this.topics()) {
      try {
        for (let p = 0; p < topic.partitions; p++) {
          if (topic.cleanup === 'delete') await expire(this.#env, topic, p, nowMs)
          else if (isDirty(partitionState(this.#env, topic, p))) await compact(this.#env, topic, p, nowMs)
        }
      } catch (error) {
        // Dropped meanwhile.
        if (!(error instanceof EngineError) || error.sqlState !== '42P01') throw error
      }
    }
  }

  /** Records before the offset are gone for everyone; their space is freed block by block. */
  removeBefore(topic: Topic, partition: number, offset: number): Promise<void> {
    return removeBefore(this.#env, topic, partition, offset)
  }

  /** Compacts a topic now, however little was appended since the last time. `keysMax`: distinct keys held in memory. */
  async compact(topic: Topic, nowMs: number, keysMax?: number): Promise<void> {
    for (let p = 0; p < topic.partitions; p++) await compact(this.#env, topic, p, nowMs, keysMax)
  }

  /** For a sink that writes exactly once; its name is its own and stays over restarts. */
  staging(sink: string): Staging {
    return new Staging(this.#env, sink)
  }

  /** Calls back after every append to the topic, from whichever thread; returns how to stop. */
  listen(topic: Topic, listener: () => void): () => void {
    return this.#env.listen(topic.id, listener)
  }

  #pack(append: Append): { readonly blocks: PendingBlock[]; readonly partitions: number[] } {
    const { topic, partition, records } = append
    if (partition !== undefined && !(partition >= 0 && partition < topic.partitions)) {
      throw new EngineError('22023', `topic "${topic.name}" has no partition ${partition}`)
    }
    const turn = this.#turns.get(topic.id) ?? 0
    const appender = new Appender(topic, turn)
    this.#turns.set(topic.id, turn + 1)
    const partitions = records.map(({ key, value, timestampMs, headers }) =>
      appender.add(
        timestampMs,
        key ?? NO_BYTES,
        key ? 0 : -1,
        key ? key.length : -1,
        value ?? NO_BYTES,
        value ? 0 : -1,
        value ? value.length : -1,
        headers && headers.length > 0 ? encodeHeaders(headers) : NO_BYTES,
        partition,
      ),
    )
    return { blocks: appender.take(), partitions }
  }
}
