import { Bell } from '../../src/base/bell.ts'
import { EngineError } from '../../src/base/errors.ts'
import type { Polled, Position, RecordDecoder, Source, SourceContext } from '../../src/connector.ts'
import { BrokerFetcher } from './broker-fetcher.ts'
import { backoffMs, Cluster } from './cluster.ts'
import { Arena } from './compression.ts'
import { brokerError, Code, isRetryable } from './error-codes.ts'
import type { FetchedPartition } from './fetch.ts'
import { commitOffsets, EARLIEST, LATEST, listOffsets, type PartitionRef, partitionKey } from './offsets.ts'
import { type KafkaSourceOptions, kafkaSourceOptions } from './options.ts'
import { PartitionReader, PartitionState } from './partition-reader.ts'
import { findPartitions, startOffsets } from './start.ts'

/**
 * How long a poll waits for rows, and how long the broker holds a fetch that finds none: rows end both at once. Longer costs less while
 * nothing comes, but a partition that is new, or has a new leader, waits for the fetch under way.
 */
const POLL_WAIT_MS = 2000
const ACKNOWLEDGE_TIMEOUT_MS = 10_000
const SETTLE_MS = 250
/** Unpacked records: some batches share one piece of memory, so that one batch of rows can point into several. */
const ARENA_BYTES = 2 << 20

/**
 * Reads topics of Kafka. Not a group member: partitions are the engine's to share out and positions lie in its checkpoints;
 * offsets are only noted with the group for people's lag tools. A poll gives rows of one partition. Brokers may go away and
 * come back: polls then find nothing until they are back. Partitions are named by number when one topic was named, else
 * `topic/number`; a position is `{ "topic/number": next offset }`.
 */
export class KafkaSource implements Source {
  readonly #options: KafkaSourceOptions
  readonly #context: SourceContext
  readonly #decoder: RecordDecoder
  readonly #cluster: Cluster
  readonly #states = new Map<string, PartitionState>()
  readonly #fetchers = new Map<number, BrokerFetcher>()
  readonly #arena = new Arena(ARENA_BYTES)
  /** In the order in which they are asked for: who was served goes to the end. */
  #turns: PartitionState[] = []
  #fetcherTurn = 0
  #refreshing = false
  #refreshAtMs = Number.POSITIVE_INFINITY
  #refreshFailures = 0
  /** Ends the wait of the poll under way. */
  readonly #bell: Bell
  /** What polls throw from now on: the engine opens a new source from its checkpoint. */
  #failure: EngineError | undefined
  #closed = false

  constructor(context: SourceContext) {
    this.#context = context
    this.#decoder = context.decoder
    this.#options = kafkaSourceOptions(context.options, context.job)
    this.#bell = new Bell(context.clock)
    this.#cluster = new Cluster(this.#options.cluster, context.clock, context.log)
  }

  async open(position: Position | undefined): Promise<void> {
    const { start, committedOnly, topics } = this.#options
    const found = await findPartitions(this.#cluster, topics)
    const offsets = await startOffsets(this.#cluster, found, start, position, committedOnly)
    const ends = this.#context.bounded
      ? await this.#presentEnds(found)
      : await listOffsets(this.#cluster, found, LATEST, committedOnly)
    for (const ref of found) {
      const end = ends.get(partitionKey(ref)) ?? 0
      this.#add(ref.topic, ref.partition, ref.leader, offsets.get(partitionKey(ref)) ?? 0, end)
    }
    this.#refreshLater()
  }

  async poll(rowsMax: number, signal: AbortSignal): Promise<Polled> {
    const { clock, bounded } = this.#context
    const start = clock.monotonicMs()
    for (;;) {
      if (this.#failure) throw this.#failure
      const now = clock.monotonicMs()
      if (now >= this.#refreshAtMs) this.#refresh()
      const polled = this.#read(rowsMax)
      if (polled) return polled
      if (bounded && this.#turns.every(state => state.ended)) return { kind: 'end' }
      this.#askIdleBrokers(now)
      const left = start + POLL_WAIT_MS - now
      if (left <= 0 || signal.aborted || this.#closed) return { kind: 'idle' }
      await this.#bell.wait(Math.min(left, this.#nextRetryMs(now)), signal)
    }
  }

  position(): Position {
    return Object.fromEntries(Array.from(this.#states, ([key, state]) => [key, state.next]))
  }

  partitions(): readonly string[] {
    return Array.from(this.#states.values(), state => state.name)
  }

  async acknowledge(position: Position): Promise<void> {
    const offsets = Object.entries(position).map(([key, next]) => {
      const slash = key.lastIndexOf('/')
      return { topic: key.slice(0, slash), partition: Number(key.slice(slash + 1)), offset: Number(next) }
    })
    if (offsets.length > 0) await commitOffsets(this.#cluster, this.#options.group, offsets, ACKNOWLEDGE_TIMEOUT_MS)
  }

  lag(): number | undefined {
    let lag = 0
    for (const state of this.#states.values()) lag += Math.max(0, Math.min(state.logEnd, state.end) - state.next)
    return lag
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const fetcher of this.#fetchers.values()) fetcher.close()
    this.#cluster.close()
    this.#bell.ring()
  }

  /**
   * Where a bounded read ends. A commit is answered some milliseconds before its records may be read: who writes, commits and
   * then reads shall see them, so an open transaction is given a moment to end.
   */
  async #presentEnds(partitions: readonly PartitionRef[]): Promise<Map<string, number>> {
    const { committedOnly } = this.#options
    const { clock } = this.#context
    const start = clock.monotonicMs()
    const written = await listOffsets(this.#cluster, partitions, LATEST, false)
    for (;;) {
      const ends = committedOnly ? await listOffsets(this.#cluster, partitions, LATEST, true) : written
      const settled = [...ends].every(([key, end]) => end >= (written.get(key) ?? 0))
      if (settled || clock.monotonicMs() - start > SETTLE_MS) return ends
      await clock.sleep(5)
    }
  }

  #add(topic: string, partition: number, leader: number, next: number, end: number): void {
    const { topics } = this.#options
    const key = partitionKey({ topic, partition })
    const name = !(topics instanceof RegExp) && topics.length === 1 ? String(partition) : key
    const stop = this.#context.bounded ? end : Number.POSITIVE_INFINITY
    const state = new PartitionState(topic, partition, name, leader, next, stop, end)
    this.#states.set(key, state)
    this.#turns.push(state)
  }

  /** Rows of the next partition that has some; brokers take turns. */
  #read(rowsMax: number): Polled | undefined {
    const fetchers = [...this.#fetchers.values()]
    for (let i = 0; i < fetchers.length; i++) {
      const turn = (this.#fetcherTurn + i) % fetchers.length
      const fetcher = fetchers[turn]
      for (;;) {
        // Also behind the last part of an answer: the next may have rung while nobody waited.
        if (fetcher.reading.length === 0) this.#takeUp(fetcher)
        if (fetcher.reading.length === 0) break
        const reader = fetcher.reading[0]
        if (!this.#give(reader, rowsMax)) {
          fetcher.reading.shift()
          continue
        }
        this.#fetcherTurn = turn + 1
        const { batch, bad } = this.#decoder.finish()
        const { name, partition } = reader.state
        const named = name === String(partition) ? bad : bad.map(record => ({ ...record, partition: name }))
        return { kind: 'rows', partition: name, batch, bad: named }
      }
    }
    return undefined
  }

  #give(reader: PartitionReader, rowsMax: number): boolean {
    try {
      return reader.give(this.#decoder, rowsMax)
    } catch (error) {
      // The request ahead already asks for what follows: only a new source can read this again.
      if (error instanceof EngineError) this.#failure = error
      throw error
    }
  }

  /** Begins a new answer, and asks for the next before it is read. */
  #takeUp(fetcher: BrokerFetcher): void {
    const parts = fetcher.take()
    if (!parts) return
    const served = new Set<PartitionState>()
    for (const part of parts) {
      const state = this.#states.get(partitionKey(part))
      if (!state) continue
      state.busy = false
      if (part.code !== Code.none) {
        this.#partitionFailed(part, state)
        continue
      }
      state.failures = 0
      state.logEnd = this.#options.committedOnly ? part.lastStableOffset : part.highWatermark
      if (part.end === part.start) continue
      fetcher.reading.push(new PartitionReader(part, state, this.#options.committedOnly, this.#arena))
      served.add(state)
    }
    this.#turns = [...this.#turns.filter(state => !served.has(state)), ...served]
    this.#askIdleBrokers(this.#context.clock.monotonicMs())
  }

  #partitionFailed(part: FetchedPartition, state: PartitionState): void {
    const where = partitionKey(part)
    if (part.code === Code.offsetOutOfRange) {
      state.busy = true
      this.#resetOffset(state).catch((error: EngineError) => {
        state.busy = false
        if (error.retryable) this.#delay(state)
        else this.#failure = error
        this.#bell.ring()
      })
      return
    }
    const error = brokerError(part.code, `read ${where}`)
    if (!isRetryable(part.code)) {
      this.#failure = error
      return
    }
    if (state.failures === 0)
      this.#context.log.info({ partition: where, error: error.message }, 'looking for the leader of a partition')
    this.#delay(state)
    this.#refreshAtMs = 0
  }

  #delay(state: PartitionState): void {
    state.retryAtMs = this.#context.clock.monotonicMs() + backoffMs(state.failures++)
  }

  /** The broker no longer has the position, or not yet: fails with what is lost, or goes on where the options say. */
  async #resetOffset(state: PartitionState): Promise<void> {
    const key = partitionKey(state)
    const earliest = (await listOffsets(this.#cluster, [state], EARLIEST, false)).get(key) ?? 0
    const latest = (await listOffsets(this.#cluster, [state], LATEST, false)).get(key) ?? 0
    const { onOffsetReset } = this.#options
    const lost =
      state.next < earliest
        ? `records ${state.next} to ${earliest - 1} of ${key} are gone: the broker keeps ${earliest} to ${latest - 1}`
        : `${key} ends at ${latest}, before the position ${state.next}: the topic was made anew or lost records`
    if (onOffsetReset === 'fail') {
      const hint =
        "Keep records longer (retention.ms), or say on_offset_reset = 'earliest' or 'latest' to go on without them."
      throw new EngineError('58030', lost, { actor: 'external', hint })
    }
    state.next = onOffsetReset === 'earliest' ? earliest : latest
    state.fetchNext = state.next
    state.busy = false
    this.#context.log.warn({ partition: key, goesOnAt: state.next }, lost)
    this.#bell.ring()
  }

  #askIdleBrokers(nowMs: number): void {
    const byLeader = new Map<number, PartitionState[]>()
    for (const state of this.#turns) {
      if (state.busy || state.leader < 0 || state.fetchNext >= state.end || state.retryAtMs > nowMs) continue
      const group = byLeader.get(state.leader)
      if (group) group.push(state)
      else byLeader.set(state.leader, [state])
    }
    for (const [leader, partitions] of byLeader) {
      const fetcher = this.#fetchers.get(leader) ?? this.#addFetcher(leader)
      if (fetcher.readyAtMs <= nowMs) fetcher.ask(partitions)
    }
  }

  #addFetcher(id: number): BrokerFetcher {
    const { fetchBytesMax: bytesMax, partitionBytesMax, committedOnly } = this.#options
    const limits = { waitMs: POLL_WAIT_MS, bytesMax, partitionBytesMax, committedOnly }
    const fetcher = new BrokerFetcher(id, this.#cluster, limits, failure => {
      if (failure) {
        this.#context.log.warn(
          { broker: id, error: failure.message },
          'fetching from a Kafka broker failed; trying again',
        )
        if (!failure.retryable) this.#failure = failure
        this.#refreshAtMs = 0
      }
      this.#bell.ring()
    })
    this.#fetchers.set(id, fetcher)
    return fetcher
  }

  #nextRetryMs(nowMs: number): number {
    let at = this.#refreshing ? Number.POSITIVE_INFINITY : this.#refreshAtMs
    // What is ready now and was not asked has nothing to be asked for.
    for (const { readyAtMs } of this.#fetchers.values()) if (readyAtMs > nowMs) at = Math.min(at, readyAtMs)
    for (const state of this.#turns) if (state.retryAtMs > nowMs) at = Math.min(at, state.retryAtMs)
    return Math.max(at - nowMs, 10)
  }

  #refreshLater(): void {
    this.#refreshAtMs = this.#context.clock.monotonicMs() + this.#options.metadataRefreshMs
  }

  /** Looks for new leaders, partitions and topics, beside the fetches. */
  #refresh(): void {
    if (this.#refreshing || this.#closed) return
    this.#refreshing = true
    this.#refreshLater()
    this.#takeMetadata().then(
      () => {
        this.#refreshing = false
        this.#refreshFailures = 0
        this.#bell.ring()
      },
      (error: unknown) => {
        this.#refreshing = false
        const message = error instanceof Error ? error.message : String(error)
        if (!this.#closed)
          this.#context.log.warn({ error: message }, 'cannot ask Kafka where the partitions are; trying again')
        this.#refreshAtMs = this.#context.clock.monotonicMs() + backoffMs(this.#refreshFailures++)
        this.#bell.ring()
      },
    )
  }

  async #takeMetadata(): Promise<void> {
    const { topics } = this.#options
    const found = await findPartitions(this.#cluster, topics, { mustExist: false })
    for (const ref of found) {
      const state = this.#states.get(partitionKey(ref))
      if (state) state.leader = ref.leader
    }
    const fresh = found.filter(ref => ref.leader >= 0 && !this.#states.has(partitionKey(ref)))
    if (fresh.length === 0 || this.#context.bounded) return
    // Everything in a partition that appeared while reading is newer than the start.
    const starts = await listOffsets(this.#cluster, fresh, EARLIEST, false)
    for (const ref of fresh) {
      const key = partitionKey(ref)
      this.#context.log.info({ partition: key }, 'reading a new partition')
      const start = starts.get(key) ?? 0
      this.#add(ref.topic, ref.partition, ref.leader, start, start)
    }
  }
}
