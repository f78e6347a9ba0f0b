import { EngineError, toEngineError } from '../../src/base/errors.ts'
import type { RecordDecoder } from '../../src/connector.ts'
import { Chunks } from './chunks.ts'
import { backoffMs, type PulsarClient } from './client.ts'
import { Command } from './commands.ts'
import type { Connection, ConsumerInbox } from './connection.ts'
import { chunkOf, EntryCursor, type MessageTime, messagesOf, offsetOf, type Wanted } from './entry.ts'
import {
  compareEntries,
  type From,
  type MessageId,
  NOWHERE,
  printFrom,
  readMessageId,
  WHOLE,
  writeMessageId,
} from './message-id.ts'
import type { ProtoReader } from './protobuf.ts'

/** Before anything is known of a topic's messages: few, for each may be 5 MiB and a batch is sent whole. */
const FIRST_PERMITS = 16
/** Enough to keep a broker sending while a poll is worked on: ten times more brought a tenth more. */
const PERMITS_MAX = 20_000
/** Java's constants for the places before the first and behind the last message. */
const BEFORE_ALL = { ledger: -1, entry: -1 }
const BEHIND_ALL = { ledger: 2n ** 63n - 1n, entry: 2n ** 63n - 1n }

export interface PartitionOptions {
  readonly subscription: string
  readonly time: MessageTime
  /** Of the schema that values must have; undefined: any. */
  readonly schemaVersion: string | undefined
  /** Bytes that may wait here for polls. */
  readonly bufferBytes: number
}

interface Waiting {
  readonly frame: Uint8Array
  readonly at: number
  readonly end: number
  readonly ledger: number
  readonly entry: number
  readonly messages: number
}

/** The entry being given to the engine. */
interface Reading {
  readonly messages: EntryCursor
  readonly ledger: number
  readonly entry: number
}

/**
 * Reads one partition (or a topic without) as Pulsar's readers do: a subscription that is forgotten with the connection, begun
 * at a message id. Subscribes again by itself, behind what has arrived, when the broker or its connection goes away. Start ids
 * name whole entries, and the first entry comes again: what was read of it is skipped here.
 */
export class PartitionConsumer implements ConsumerInbox {
  /** As the engine knows it. */
  readonly name: string
  readonly topic: string
  /** −1 in a topic without partitions. */
  readonly partition: number
  readonly #client: PulsarClient
  readonly #options: PartitionOptions
  readonly #wake: () => void
  readonly #id: number
  #from: From | 'latest'
  /** Where a bounded read ends: behind this message. */
  #last: MessageId | undefined
  #ended = false
  #connection: Connection | undefined
  #subscribed = false
  #subscribing = false
  /** Given up by the broker while it was subscribing. */
  #interrupted = false
  #closed = false
  #failures = 0
  #retryAtMs = 0
  /** What no waiting helps against: polls throw it. */
  failure: EngineError | undefined
  readonly #queue: Waiting[] = []
  #queuedMessages = 0
  /** Granted to the broker and not yet used. */
  #permits = 0
  /** Of all that came, for estimates. */
  #entryCount = 0
  #messageCount = 0
  /** Of recent entries, rising at once and falling slowly. */
  #messageBytes = 0
  #arrived: { ledger: number; entry: number } | undefined
  #cursor: Reading | undefined
  readonly #chunks = new Chunks()
  /** Entries before the position come again for the pieces in them. */
  #collecting = false

  constructor(
    { name, topic, partition }: { readonly name: string; readonly topic: string; readonly partition: number },
    from: From | 'latest',
    client: PulsarClient,
    options: PartitionOptions,
    wake: () => void,
  ) {
    this.name = name
    this.topic = topic
    this.partition = partition
    this.#from = from
    this.#client = client
    this.#options = options
    this.#wake = wake
    this.#id = client.newId()
    this.#collecting = typeof from === 'object' && 'pieces' in from && from.pieces !== undefined
  }

  /** Subscribes for the first time; fails as the broker says. Bounded: until the last message that is there now. */
  async open(bounded: boolean): Promise<void> {
    const found = await this.#subscribe(bounded || this.#from === 'latest')
    if (this.#from === 'latest') {
      const { last } = found ?? {}
      this.#from = last ? { ledger: last.ledger, entry: last.entry, next: Math.max(last.batch, 0) + 1 } : 'earliest'
    }
    if (bounded) {
      const { last, deleted } = found ?? {}
      this.#last = last
      // What retention has taken away does not come any more, though its id is still the last.
      const gone = !last || (deleted && compareEntries(deleted, last) >= 0)
      if (gone || this.#isBehind(last)) {
        this.#end()
        return
      }
    }
    this.#grant()
  }

  /** On average, of what came; 1 before anything did. */
  get messagesPerEntry(): number {
    return this.#entryCount === 0 ? 1 : this.#messageCount / this.#entryCount
  }

  get ended(): boolean {
    return this.#ended
  }

  /** When it wants to be reminded to try again; Infinity when it does not. */
  get retryAtMs(): number {
    return this.#subscribed || this.#subscribing || this.#ended ? Number.POSITIVE_INFINITY : this.#retryAtMs
  }

  position(): string {
    const from = this.#from
    if (typeof from !== 'object' || 'timestampMs' in from) return printFrom(from === 'latest' ? 'earliest' : from)
    // Until they have come again, the pieces before the position are still to be read.
    return printFrom({ ...from, pieces: this.#chunks.first ?? (this.#collecting ? from.pieces : undefined) })
  }

  /** Subscribes again if it is time; called with every poll. */
  tend(nowMs: number): void {
    if (this.#closed || this.failure || nowMs < this.retryAtMs) return
    this.#subscribing = true
    this.#subscribe(false).then(
      () => {
        this.#subscribing = false
        if (this.#failures > 0) this.#client.log.info({ topic: this.topic }, 'reading from Pulsar again')
        this.#failures = 0
        this.#grant()
        this.#wake()
      },
      (cause: unknown) => {
        this.#subscribing = false
        const error = toEngineError(cause)
        if (error.retryable) this.#retryAtMs = this.#client.clock.monotonicMs() + backoffMs(this.#failures++)
        else if (!this.#closed) this.failure = error
        this.#wake()
      },
    )
  }

  /** Gives at most `rowsMax` messages to the decoder and moves the position behind them. False: nothing is there. */
  give(decoder: RecordDecoder, rowsMax: number): boolean {
    let any = false
    const { schemaVersion } = this.#options
    const wanted = { headers: decoder.wantsHeaders, metadata: decoder.wantsMetadata, schemaVersion }
    for (let given = 0; given < rowsMax && !this.#ended; ) {
      const waiting = this.#cursor ? undefined : this.#take()
      const reading = this.#cursor ?? waiting
      if (!reading) break
      const { ledger, entry } = reading
      const before = given
      let next = WHOLE
      try {
        this.#cursor ??= waiting && this.#open(waiting, wanted)
        const cursor = this.#cursor
        if (cursor) {
          const { messages } = cursor
          const last = this.#last && compareEntries(this.#last, cursor) === 0 ? this.#last : undefined
          const stop = last ? Math.max(last.batch, 0) + 1 : messages.count
          decoder.begin(messages.bytes, this.topic, this.name)
          given += messages.give(decoder, rowsMax - given, this.#skipIn(cursor), stop)
          if (!messages.done) next = Math.max(messages.next, this.#skipIn(cursor))
          if (messages.done || messages.next >= stop) this.#cursor = undefined
        }
      } catch (error) {
        // What was given of it stays; the rest is one bad record.
        this.#cursor = undefined
        given = rowsMax
        if (this.#skipIn(reading) < WHOLE) this.#reject(decoder, reading, error)
      }
      any ||= given > before
      if (!this.#isRead(reading)) this.#from = { ledger, entry, next }
      if (this.#last && this.#isBehind(this.#last)) this.#end()
    }
    this.#grant()
    return any
  }

  entry(bytes: Uint8Array, at: number, end: number, ledger: number, entry: number): void {
    if (this.#closed || this.#ended) return
    const messages = messagesOf(bytes, at)
    this.#permits = Math.max(0, this.#permits - messages)
    const here = { ledger, entry }
    // After a new subscription the last entry comes a second time.
    if ((this.#isRead(here) && !this.#collecting) || (this.#arrived && compareEntries(here, this.#arrived) <= 0)) {
      this.#grant()
      return
    }
    this.#arrived = here
    const each = (end - at) / Math.max(messages, 1)
    this.#messageBytes = Math.max(each, this.#messageBytes * 0.99)
    this.#queue.push({ frame: bytes, at, end, ledger, entry, messages })
    this.#queuedMessages += messages
    this.#entryCount++
    this.#messageCount += messages
    this.#wake()
  }

  lost(why: EngineError): void {
    this.#interrupted = true
    if (!this.#subscribed) return
    this.#client.log.warn({ topic: this.topic, error: why.message }, 'reading from Pulsar is interrupted; trying again')
    this.#drop()
    this.#retryAtMs = 0
    this.#wake()
  }

  close(): void {
    this.#closed = true
    const connection = this.#connection
    const doing = `stop reading ${this.topic}`
    if (this.#subscribed)
      connection?.request(Command.closeConsumer, doing, w => w.number(1, this.#id)).catch(() => undefined)
    this.#drop()
  }

  #drop(): void {
    this.#connection?.detach(this.#id)
    this.#connection = undefined
    this.#subscribed = false
    this.#permits = 0
  }

  #end(): void {
    this.#ended = true
    this.#queue.length = 0
    this.#queuedMessages = 0
    this.close()
  }

  /** Gives the end of the topic, where asked. */
  async #subscribe(askLast: boolean): Promise<TopicEnd | undefined> {
    const doing = `read ${this.topic}`
    const connection = await this.#client.ownerOf(this.topic)
    const from: From | 'latest' = this.#arrived ? { ...this.#arrived, next: 0 } : this.#from
    await this.#register(
      connection,
      typeof from === 'object' && 'pieces' in from && from.pieces ? { ...from.pieces, next: 0 } : from,
    )
    if (typeof from === 'object' && 'timestampMs' in from) {
      // The broker ends the consumer to move it; the subscription stays, where it was moved to.
      const timeMs = Math.max(0, Math.floor(from.timestampMs))
      await connection.request(Command.seek, doing, w => w.number(1, this.#id).number(4, timeMs))
      await this.#register(connection, 'earliest')
    }
    let end: TopicEnd | undefined
    if (askLast) end = readEnd(await connection.request(Command.getLastMessageId, doing, w => w.number(1, this.#id)))
    if (this.#closed) {
      connection.detach(this.#id)
      throw new EngineError('08003', 'the source is closed')
    }
    if (this.#interrupted || connection.failed)
      throw new EngineError('08006', 'connection to Pulsar lost', { actor: 'external', retryable: true })
    this.#connection = connection
    this.#subscribed = true
    return end
  }

  async #register(connection: Connection, from: From | 'latest'): Promise<void> {
    const start =
      from === 'latest'
        ? BEHIND_ALL
        : typeof from === 'object' && 'ledger' in from && from.entry >= 0
          ? from
          : BEFORE_ALL
    this.#interrupted = false
    connection.attach(this.#id, this)
    await connection.request(Command.subscribe, `read ${this.topic}`, w => {
      w.text(1, this.topic).text(2, this.#options.subscription).number(3, 0).number(4, this.#id)
      w.flag(8, false)
      w.message(9, id => writeMessageId(id, start))
      // The broker goes by field 13, latest or earliest, where the start id lies behind the end. The topic must be there.
      w.number(13, start === BEFORE_ALL ? 1 : 0).flag(15, false)
    })
  }

  /** Lets the broker send as many messages as fit the buffer, judged by the size of those that came; in large steps. */
  #grant(): void {
    if (!this.#subscribed) return
    const fit = this.#messageBytes > 0 ? Math.floor(this.#options.bufferBytes / this.#messageBytes) : FIRST_PERMITS
    const wanted = Math.max(1, Math.min(PERMITS_MAX, fit))
    const held = this.#permits + this.#queuedMessages
    if (held > wanted / 2) return
    const more = wanted - held
    this.#permits += more
    this.#connection?.send(Command.flow, w => w.number(1, this.#id).number(2, more))
  }

  #take(): Waiting | undefined {
    const waiting = this.#queue.shift()
    if (waiting) this.#queuedMessages -= waiting.messages
    return waiting
  }

  /** Undefined: only a piece of a message, or read before. Throws what is wrong with the entry. */
  #open(waiting: Waiting, wanted: Wanted): Reading | undefined {
    const { ledger, entry } = waiting
    const id = { ledger, entry, partition: this.partition }
    const read = this.#isRead(waiting)
    if (this.#collecting && !read) this.#collecting = false
    const { time } = this.#options
    const chunk = chunkOf(waiting.frame, waiting.at, waiting.end)
    if (!chunk) {
      return read
        ? undefined
        : { ledger, entry, messages: new EntryCursor(waiting.frame, waiting.at, waiting.end, id, time, wanted) }
    }
    const whole = this.#chunks.add(chunk, id)
    if (read || whole === undefined) return undefined
    if (whole === 'broken') throw new EngineError('22000', 'a piece of a message whose other pieces are not there')
    return { ledger, entry, messages: new EntryCursor(whole, 0, whole.length, id, time, wanted) }
  }

  #reject(decoder: RecordDecoder, reading: Waiting | Reading, error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error)
    this.#client.log.warn({ topic: this.topic, ledger: reading.ledger, entry: reading.entry, reason }, 'a bad entry')
    const [bytes, at, end] =
      'frame' in reading
        ? [reading.frame, reading.at, reading.end]
        : [reading.messages.bytes, 0, reading.messages.bytes.length]
    decoder.begin(bytes, this.topic, this.name)
    decoder.reject(at, end, offsetOf(reading), reason)
  }

  /** How many messages of an entry were read before. */
  #skipIn(place: { readonly ledger: number; readonly entry: number }): number {
    const from = this.#from
    return typeof from === 'object' && 'ledger' in from && compareEntries(from, place) === 0 ? from.next : 0
  }

  /** The whole entry lies before the position. */
  #isRead(place: { readonly ledger: number; readonly entry: number }): boolean {
    const from = this.#from
    return typeof from === 'object' && 'ledger' in from && compareEntries(place, from) < 0
  }

  #isBehind(last: MessageId): boolean {
    const from = this.#from
    if (typeof from !== 'object' || 'timestampMs' in from) return false
    const order = compareEntries(from, last)
    return order > 0 || (order === 0 && from.next > Math.max(last.batch, 0))
  }
}

interface TopicEnd {
  /** Undefined: there never was a message. */
  readonly last: MessageId | undefined
  /** The broker gives nothing up to here. */
  readonly deleted: MessageId
}

function readEnd(answer: ProtoReader): TopicEnd {
  let [last, deleted] = [NOWHERE, NOWHERE]
  for (let field = answer.next(); field; field = answer.next()) {
    if (field === 1) last = readMessageId(answer.message())
    else if (field === 3) deleted = readMessageId(answer.message())
  }
  return { last: last.entry < 0 ? undefined : last, deleted }
}
