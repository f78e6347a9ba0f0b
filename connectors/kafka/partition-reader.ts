import type { RecordDecoder } from '../../src/connector.ts'
import { type Arena, decompress } from './compression.ts'
import type { FetchedPartition } from './fetch.ts'
import { AbortedFilter, BATCH_HEADER_BYTES, offsetAfter, RecordCursor, readBatchHeader } from './record-batch.ts'

/** Where the source stands in one partition. */
export class PartitionState {
  readonly topic: string
  readonly partition: number
  /** As the engine knows it. */
  readonly name: string
  leader: number
  /** The next record to give to the engine: the position. */
  next: number
  /** The next record to ask the broker for: ahead of `next` by what is in memory. */
  fetchNext: number
  /** Where a bounded source stops; Infinity otherwise. */
  readonly end: number
  /** The end of what may be read, when last heard of. */
  logEnd: number
  /** Part of a request under way or of an answer not yet looked at: must not be asked for a second time. */
  busy = false
  retryAtMs = 0
  failures = 0

  constructor(
    topic: string,
    partition: number,
    name: string,
    leader: number,
    next: number,
    end: number,
    logEnd: number,
  ) {
    this.topic = topic
    this.partition = partition
    this.name = name
    this.leader = leader
    this.next = next
    this.fetchNext = next
    this.end = end
    this.logEnd = logEnd
  }

  get ended(): boolean {
    return this.next >= this.end
  }
}

/** Reads what one fetch answer holds of one partition, batch by batch, pausing wherever the engine has enough. */
export class PartitionReader {
  readonly state: PartitionState
  readonly #part: FetchedPartition
  readonly #filter: AbortedFilter | undefined
  readonly #arena: Arena
  #at: number
  #cursor: RecordCursor | undefined
  #afterBatch = 0

  /** Moves `state.fetchNext` behind the answer at once, so that the next request need not wait for the records to be read. */
  constructor(part: FetchedPartition, state: PartitionState, committedOnly: boolean, arena: Arena) {
    this.state = state
    this.#part = part
    this.#filter = committedOnly ? new AbortedFilter(part.aborted) : undefined
    this.#arena = arena
    this.#at = part.start
    state.fetchNext = offsetAfter(part.bytes, part.start, part.end, state.fetchNext)
  }

  /**
   * Gives at most `rowsMax` records to the decoder, all lying in one memory, and moves the position behind them and behind
   * what nobody may see. False: there were none, and this part of the answer is finished.
   */
  give(decoder: RecordDecoder, rowsMax: number): boolean {
    const { state } = this
    let bytes: Uint8Array | undefined
    for (let given = 0; given < rowsMax; ) {
      const cursor = this.#cursor ?? this.#nextBatch()
      if (!cursor) break
      if (bytes === undefined) decoder.begin(cursor.bytes, state.topic, String(state.partition))
      else if (cursor.bytes !== bytes) break
      bytes = cursor.bytes
      const read = cursor.give(decoder, rowsMax - given, state.next, state.end)
      given += read.given
      // Compaction may have removed a batch's last records: behind the batch is behind them.
      state.next = cursor.done ? Math.min(this.#afterBatch, state.end) : read.next
      if (cursor.done) this.#cursor = undefined
    }
    return bytes !== undefined
  }

  #nextBatch(): RecordCursor | undefined {
    const { state } = this
    const { bytes, end } = this.#part
    for (;;) {
      const batch = readBatchHeader(bytes, this.#at, end, `${state.topic}/${state.partition}`)
      if (!batch) return undefined
      this.#at = batch.end
      const hidden = this.#filter ? this.#filter.hides(batch, bytes) : batch.control
      if (hidden || batch.lastOffset < state.next || batch.recordCount === 0 || batch.baseOffset >= state.end) {
        state.next = Math.max(state.next, Math.min(batch.lastOffset + 1, state.end))
        continue
      }
      const start = batch.at + BATCH_HEADER_BYTES
      const span =
        batch.codec === 0
          ? { bytes, start, end: batch.end }
          : decompress(batch.codec, bytes, start, batch.end, this.#arena)
      this.#afterBatch = batch.lastOffset + 1
      this.#cursor = new RecordCursor(batch, span.bytes, span.start, span.end)
      return this.#cursor
    }
  }
}
