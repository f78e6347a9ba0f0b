import { Bell } from '../../src/base/bell.ts'
import { randomBytes } from '../../src/base/clock.ts'
import { type EngineError, toEngineError } from '../../src/base/errors.ts'
import type { Polled, Position, Source, SourceContext } from '../../src/connector.ts'
import { backoffMs, PulsarClient } from './client.ts'
import { Hold } from './hold.ts'
import { type From, parseFrom } from './message-id.ts'
import type { StartMessage, TopicPattern } from './option-list.ts'
import { type PulsarSourceOptions, pulsarSourceOptions } from './options.ts'
import { PartitionConsumer } from './partition.ts'
import { partitionsOf, shortTopicName, withoutPartition } from './topic-name.ts'

/** How long a poll waits for rows. */
const POLL_WAIT_MS = 500
/** Fewer bytes than this for one partition would make the broker send message by message. */
const PARTITION_BYTES_MIN = 64 << 10

/** One partition of a topic, or a topic that has none. */
interface PartitionName {
  readonly topic: string
  /** −1 where the topic has none. */
  readonly partition: number
}

/**
 * Reads topics of Pulsar by reader positions: these lie in the engine's checkpoints. For a job that is stored, a durable
 * subscription beside the readers follows the checkpoints, so that brokers keep what was not read. Partitions are named by number when one topic was named
 * ('0' where it has none), else by the topic's name; a position is `{ "persistent://…-partition-0": "ledger:entry:next" }`.
 */
export class PulsarSource implements Source {
  readonly #options: PulsarSourceOptions
  readonly #context: SourceContext
  readonly #client: PulsarClient
  readonly #bell: Bell
  readonly #subscription: string
  readonly #partitions = new Map<string, PartitionConsumer>()
  /** By full name; none where nothing is acknowledged. */
  readonly #holds = new Map<string, Hold>()
  /** In the order in which they are asked for rows: who gave some goes to the end. */
  #turns: PartitionConsumer[] = []
  #bufferBytes = 0
  #refreshing = false
  #refreshAtMs = Number.POSITIVE_INFINITY
  #refreshFailures = 0
  #failure: EngineError | undefined
  #closed = false

  constructor(context: SourceContext) {
    this.#context = context
    this.#options = pulsarSourceOptions(context.options, context.job)
    this.#bell = new Bell(context.clock)
    this.#client = new PulsarClient(this.#options.client, context.clock, context.log)
    // Subscriptions of one name exclude each other, and these are nobody else's business.
    this.#subscription = `tidemark-${context.job}-${Buffer.from(randomBytes(6)).toString('hex')}`
  }

  async open(position: Position | undefined): Promise<void> {
    const found = await this.#findPartitions()
    this.#bufferBytes = Math.max(PARTITION_BYTES_MIN, Math.floor(this.#options.bufferBytes / Math.max(1, found.length)))
    const consumers = found.map(name => this.#make(name, this.#startOf(name, position)))
    // Before the first is read, so that nothing can go in between.
    const atEnd = position === undefined && this.#options.start === 'latest'
    await Promise.all(found.map(name => this.#hold(fullName(name), atEnd)))
    await Promise.all(consumers.map(consumer => consumer.open(this.#context.bounded)))
    for (const consumer of consumers) this.#add(consumer)
    this.#refreshLater()
  }

  async poll(rowsMax: number, signal: AbortSignal): Promise<Polled> {
    const { clock, bounded, decoder } = this.#context
    const start = clock.monotonicMs()
    for (;;) {
      const now = clock.monotonicMs()
      for (const consumer of this.#turns) consumer.tend(now)
      if (now >= this.#refreshAtMs && !bounded) this.#refresh()
      for (const consumer of this.#turns) {
        if (!consumer.give(decoder, rowsMax)) continue
        this.#turns = [...this.#turns.filter(c => c !== consumer), consumer]
        const { batch, bad } = decoder.finish()
        return { kind: 'rows', partition: consumer.name, batch, bad }
      }
      // Rows that came before a failure are given first.
      this.#dropDeleted()
      const failure = this.#failure ?? this.#turns.find(c => c.failure)?.failure
      if (failure) throw failure
      if (bounded && this.#turns.every(consumer => consumer.ended)) return { kind: 'end' }
      const left = start + POLL_WAIT_MS - now
      if (left <= 0 || signal.aborted || this.#closed) return { kind: 'idle' }
      const retryAt = Math.min(
        this.#refreshing ? Number.POSITIVE_INFINITY : this.#refreshAtMs,
        ...this.#turns.map(c => c.retryAtMs),
      )
      await this.#bell.wait(Math.min(left, Math.max(10, retryAt - now)), signal)
    }
  }

  position(): Position {
    return Object.fromEntries(Array.from(this.#partitions.values(), consumer => [consumer.topic, consumer.position()]))
  }

  partitions(): readonly string[] {
    return Array.from(this.#partitions.values(), consumer => consumer.name)
  }

  async acknowledge(position: Position): Promise<void> {
    await Promise.all(
      Array.from(this.#holds, ([topic, hold]) => {
        const from = position[topic]
        return from === undefined ? undefined : hold.acknowledge(parseFrom(from))
      }),
    )
  }

  /** Brokers count entries: an estimate by how many messages those had that came. Exact when it is none. */
  lag(): number | undefined {
    let lag = 0
    for (const [topic, { backlog }] of this.#holds) {
      if (backlog === undefined) return undefined
      lag += backlog * (this.#partitions.get(topic)?.messagesPerEntry ?? 1)
    }
    return this.#holds.size === 0 ? undefined : Math.round(lag)
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const hold of this.#holds.values()) hold.close()
    for (const consumer of this.#partitions.values()) consumer.close()
    this.#client.close()
    this.#bell.ring()
  }

  async #findPartitions(): Promise<PartitionName[]> {
    const { topics, pattern } = this.#options
    const named = pattern ? await this.#matching(pattern) : topics
    const found = await Promise.all(
      named.map(async topic => {
        const count = await this.#client.partitionCount(topic)
        return count === 0
          ? [{ topic, partition: -1 }]
          : Array.from({ length: count }, (_, partition) => ({ topic, partition }))
      }),
    )
    return found.flat()
  }

  /** Our own topics begin with two underscores, as Pulsar's do. */
  async #matching({ namespace, topics }: TopicPattern): Promise<string[]> {
    const all = await this.#client.topicsOf(namespace)
    const names = new Set(all.map(withoutPartition))
    return [...names].filter(name => {
      const short = name.slice(name.lastIndexOf('/') + 1)
      return topics.test(short) && !short.startsWith('__')
    })
  }

  /** Topics of a pattern come and go; one that was named must be there. */
  #dropDeleted(): void {
    if (!this.#options.pattern) return
    for (const consumer of this.#turns.filter(c => c.failure?.sqlState === '42P01')) {
      this.#context.log.info({ topic: consumer.topic }, 'a topic was deleted')
      consumer.close()
      this.#partitions.delete(consumer.topic)
      this.#holds.delete(consumer.topic)
      this.#turns = this.#turns.filter(c => c !== consumer)
    }
  }

  async #hold(topic: string, atEnd: boolean): Promise<void> {
    if (this.#context.session === undefined) return
    const hold = new Hold(topic, this.#options.subscription, this.#client)
    await hold.open(atEnd)
    this.#holds.set(topic, hold)
  }

  #make(name: PartitionName, from: From | 'latest'): PartitionConsumer {
    const { time, topics, schemaVersion } = this.#options
    const topic = fullName(name)
    const short = topics.length === 1 ? String(Math.max(name.partition, 0)) : shortTopicName(topic)
    const options = { subscription: this.#subscription, time, schemaVersion, bufferBytes: this.#bufferBytes }
    const place = { name: short, topic, partition: name.partition }
    return new PartitionConsumer(place, from, this.#client, options, () => this.#bell.ring())
  }

  #add(consumer: PartitionConsumer): void {
    this.#partitions.set(consumer.topic, consumer)
    this.#turns.push(consumer)
  }

  #startOf(name: PartitionName, position: Position | undefined): From | 'latest' {
    // A partition that the position does not know appeared since: all in it is new.
    if (position) return parseFrom(position[fullName(name)] ?? 'earliest')
    const { start } = this.#options
    if (typeof start === 'string' || 'timestampMs' in start) return start
    const message = start.messages.find(m => m.partition === name.partition)
    return message ? beginningWith(message) : 'earliest'
  }

  #refreshLater(): void {
    this.#refreshAtMs = this.#context.clock.monotonicMs() + this.#options.metadataRefreshMs
  }

  /** Looks for new partitions, beside the polls. */
  #refresh(): void {
    if (this.#refreshing || this.#closed) return
    this.#refreshing = true
    this.#refreshLater()
    this.#addNewPartitions().then(
      () => {
        for (const hold of this.#holds.values()) hold.measure().catch(() => undefined)
        this.#refreshing = false
        this.#refreshFailures = 0
        this.#bell.ring()
      },
      (cause: unknown) => {
        this.#refreshing = false
        const error = toEngineError(cause)
        if (this.#closed) return
        if (!error.retryable) this.#failure = error
        this.#context.log.warn({ error: error.message }, 'cannot ask Pulsar for new partitions; trying again')
        this.#refreshAtMs = this.#context.clock.monotonicMs() + backoffMs(this.#refreshFailures++)
        this.#bell.ring()
      },
    )
  }

  async #addNewPartitions(): Promise<void> {
    for (const name of await this.#findPartitions()) {
      if (this.#partitions.has(fullName(name))) continue
      // Everything in a partition that appeared while reading is newer than the start.
      const consumer = this.#make(name, 'earliest')
      await this.#hold(consumer.topic, false)
      await consumer.open(false)
      if (this.#closed) return consumer.close()
      this.#context.log.info({ topic: consumer.topic }, 'reading a new partition')
      this.#add(consumer)
    }
  }
}

function fullName({ topic, partition }: PartitionName): string {
  return partition < 0 ? topic : `${topic}-partition-${partition}`
}

function beginningWith({ ledger, entry, batch }: StartMessage): From {
  return { ledger, entry, next: Math.max(batch, 0) }
}

/** Drops the subscriptions that a job leaves behind: they would hold messages for ever. */
export async function forgetSubscriptions(context: Omit<SourceContext, 'decoder' | 'bounded'>): Promise<void> {
  const { client: clientOptions, topics, pattern, subscription } = pulsarSourceOptions(context.options, context.job)
  const client = new PulsarClient(clientOptions, context.clock, context.log)
  try {
    const all = pattern ? await client.topicsOf(pattern.namespace) : topics
    for (const topic of pattern
      ? all.filter(t => pattern.topics.test(withoutPartition(t).slice(t.lastIndexOf('/') + 1)))
      : all) {
      for (const each of partitionsOf(topic, pattern ? 0 : await client.partitionCount(topic)))
        await new Hold(each, subscription, client).remove()
    }
  } finally {
    client.close()
  }
}
