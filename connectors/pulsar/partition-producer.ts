import { EngineError, toEngineError } from '../../src/base/errors.ts'
import { backoffMs, type PulsarClient } from './client.ts'
import { Command } from './commands.ts'
import type { Codec } from './compression.ts'
import type { Connection, ProducerInbox } from './connection.ts'
import {
  EntryWriter,
  type OutgoingMessage,
  type SealedEntry,
  spareOf,
  stamp,
  type TransactionId,
} from './entry-writer.ts'
import { type MessageId, NOWHERE } from './message-id.ts'

/** As the broker's schema registry has it. */
export interface UploadedSchema {
  /** Of Schema.Type in PulsarApi.proto. */
  readonly type: number
  readonly data: string
}

export interface ProducerOptions {
  /** By which the broker knows what it has stored, where deduplication is on. Undefined: the broker gives one that nobody else has. */
  readonly name: string | undefined
  readonly codec: Codec
  readonly schema: UploadedSchema | undefined
  /**
   * False: what was under way when a connection was lost may have been stored or not, and only a new start from the last checkpoint
   * puts that right. True: it is sent again, and the broker drops what it has if it can tell.
   */
  readonly resend: boolean
}

const SPARE_MAX = 16

/**
 * Writes to one partition (or a topic without). An entry leaves when it is full or when nothing is under way: alone under little
 * load, full under much, with no linger to choose.
 */
export class PartitionProducer implements ProducerInbox {
  readonly topic: string
  readonly #client: PulsarClient
  readonly #options: ProducerOptions
  readonly #wake: () => void
  readonly #id: number
  readonly #writer = new EntryWriter()
  readonly #spare: Uint8Array<ArrayBuffer>[] = []
  #name: string
  #schemaVersion: Uint8Array | undefined
  #connection: Connection | undefined
  #opening = false
  #openings = 0
  #closed = false
  /** Given up by the broker while it was being introduced. */
  #interrupted = false
  #failures = 0
  /** Nothing has gone forward since then, though something waits; 0: it does. Monotonic milliseconds. */
  #stuckSinceMs = 0
  #retryAtMs = 0
  /** Not acknowledged, in their order; the first `sent` are under way. */
  readonly #entries: SealedEntry[] = []
  #sent = 0
  #next = 0
  /** Highest sequence id that the broker has stored of this name: −1 for nothing, and where deduplication is off. */
  lastStored = -1
  /** Where the entry that was stored last lies. */
  lastId: MessageId = NOWHERE
  /** What is sent from now on belongs to it. */
  transaction: TransactionId | undefined
  /** What no waiting helps against. */
  failure: EngineError | undefined
  /** Bytes of entries that are not stored yet. */
  pendingBytes = 0

  constructor(topic: string, client: PulsarClient, options: ProducerOptions, wake: () => void) {
    this.topic = topic
    this.#client = client
    this.#options = options
    this.#wake = wake
    this.#name = options.name ?? ''
    this.#id = client.newId()
  }

  /** Nothing waits to be stored. */
  get idle(): boolean {
    return this.#entries.length === 0 && this.#writer.count === 0
  }

  /** Since when nothing was stored though something waits to be, in monotonic milliseconds; 0: all goes well. */
  get stuckSinceMs(): number {
    return this.#stuckSinceMs
  }

  /** When it wants to be reminded to try again; Infinity when it does not. */
  get retryAtMs(): number {
    return this.#connection || this.#opening || this.idle ? Number.POSITIVE_INFINITY : this.#retryAtMs
  }

  /** Sequence id of the message that is written next. */
  get next(): number {
    return this.#next
  }

  /** Goes on behind what was written under this name before. */
  continueAt(sequence: number): void {
    this.#next = sequence
  }

  /** Introduces itself to the broker; fails as that says. */
  async open(): Promise<void> {
    const doing = `write to ${this.topic}`
    const connection = await this.#client.ownerOf(this.topic)
    connection.attachProducer(this.#id, this)
    this.#interrupted = false
    const { schema } = this.#options
    try {
      const answer = await connection.request(Command.producer, doing, w => {
        w.text(1, this.topic).number(2, this.#id)
        if (this.#name !== '') w.text(4, this.#name)
        if (schema) w.message(7, s => s.text(1, 'tidemark').text(3, schema.data).number(4, schema.type))
        w.number(8, this.#openings++).flag(9, this.#options.name !== undefined)
        // Answered when the topic's own part in transactions is ready.
        w.flag(12, !this.#options.resend)
      })
      for (let field = answer.next(); field; field = answer.next()) {
        if (field === 2) this.#name = answer.text
        else if (field === 3) this.lastStored = answer.value
        else if (field === 4 && answer.end > answer.start)
          this.#schemaVersion = answer.bytes.slice(answer.start, answer.end)
      }
    } catch (error) {
      connection.detachProducer(this.#id)
      throw error
    }
    if (connection.failed || this.#interrupted) throw lostConnection()
    if (this.#closed) {
      connection.detachProducer(this.#id)
      throw new EngineError('08003', 'the sink is closed')
    }
    this.#connection = connection
  }

  /** Introduces itself anew, to learn what the broker has stored. Nothing may be under way. */
  async reopen(): Promise<void> {
    const connection = this.#connection
    this.#connection = undefined
    connection?.detachProducer(this.#id)
    await connection?.request(Command.closeProducer, `stop writing to ${this.topic}`, w => w.number(1, this.#id))
    await this.open()
  }

  /** Adds a message; true when that filled an entry. */
  append(message: OutgoingMessage): boolean {
    if (this.#writer.append(message)) return false
    this.seal()
    this.#send()
    this.#writer.append(message)
    return true
  }

  /** Ends the entry under way, if there is one; gives it, for whoever keeps entries himself. */
  seal(): SealedEntry | undefined {
    if (this.#writer.count === 0) return undefined
    const entry = this.#writer.seal(this.#options.codec, this.#spare.pop())
    this.add(entry)
    return entry
  }

  /** Takes an entry to be sent after those that are there. */
  add(entry: SealedEntry): void {
    entry.sequence = this.#next
    this.#next += entry.count
    this.pendingBytes += entry.bytes.length
    this.#stuckSinceMs ||= this.#client.clock.monotonicMs()
    this.#entries.push(entry)
  }

  /** Sends what can be sent, and opens again what was lost if it is time; with every wait of the sink. */
  tend(nowMs: number): void {
    if (this.failure || this.#closed || this.idle) return
    if (!this.#connection) {
      if (!this.#opening && nowMs >= this.#retryAtMs) this.#reopen()
      return
    }
    if (this.#entries.length === this.#sent && this.#sent === 0) this.seal()
    this.#send()
  }

  stored(sequenceId: number, id: MessageId): void {
    if (id.entry >= 0) this.lastId = id
    this.lastStored = Math.max(this.lastStored, sequenceId)
    this.#failures = 0
    this.#dropStored(sequenceId)
    this.#stuckSinceMs = this.#entries.length === 0 ? 0 : this.#client.clock.monotonicMs()
    this.#wake()
  }

  refused(_sequenceId: number, why: EngineError): void {
    if (why.retryable) this.lost(why)
    else this.failure ??= why
    this.#wake()
  }

  lost(why: EngineError): void {
    this.#connection?.detachProducer(this.#id)
    this.#connection = undefined
    this.#interrupted = true
    if (this.#closed) return
    if (this.#sent > 0 && !this.#options.resend) this.failure ??= why
    this.#sent = 0
    // At once, unless nothing was stored since the last time.
    this.#retryAtMs = this.#failures === 0 ? 0 : this.#client.clock.monotonicMs() + backoffMs(this.#failures)
    this.#failures++
    this.#wake()
  }

  close(): void {
    this.#closed = true
    const connection = this.#connection
    this.#connection = undefined
    if (!connection) return
    connection.detachProducer(this.#id)
    connection
      .request(Command.closeProducer, `stop writing to ${this.topic}`, w => w.number(1, this.#id))
      .catch(() => undefined)
  }

  #send(): void {
    const connection = this.#connection
    while (connection && this.#sent < this.#entries.length) {
      const entry = this.#entries[this.#sent]
      const frame = entry.frame ?? this.#stamp(entry)
      // The frame's own four bytes of length and the command are not counted; a few more do not matter.
      if (frame.length > connection.messageBytesMax) {
        this.failure ??= tooLarge(entry, frame.length, connection.messageBytesMax, this.topic)
        return
      }
      connection.sendFrame(frame)
      this.#sent++
    }
  }

  #stamp(entry: SealedEntry): Uint8Array {
    return stamp(entry, {
      producerId: this.#id,
      producerName: this.#name,
      transaction: this.transaction,
      schemaVersion: this.#schemaVersion,
      codec: this.#options.codec,
      publishMs: this.#client.clock.nowMs(),
    })
  }

  #reopen(): void {
    this.#opening = true
    this.open().then(
      () => {
        this.#opening = false
        this.#dropStored(this.lastStored)
        this.#sent = 0
        this.#wake()
      },
      (cause: unknown) => {
        this.#opening = false
        const error = toEngineError(cause)
        if (error.retryable) this.#retryAtMs = this.#client.clock.monotonicMs() + backoffMs(this.#failures++)
        else this.failure ??= error
        this.#wake()
      },
    )
  }

  #dropStored(sequenceId: number): void {
    while (this.#entries.length > 0) {
      const [entry] = this.#entries
      if (entry.sequence + entry.count - 1 > sequenceId) return
      this.#entries.shift()
      this.#sent = Math.max(0, this.#sent - 1)
      this.pendingBytes -= entry.bytes.length
      const spare = this.#options.codec === 'none' && this.#spare.length < SPARE_MAX ? spareOf(entry) : undefined
      if (spare) this.#spare.push(spare)
    }
  }
}

/** For whoever waits for one that cannot send. */
export function lostConnection(): EngineError {
  return new EngineError('08006', 'connection to Pulsar lost', { actor: 'external', retryable: true })
}

function tooLarge(entry: SealedEntry, size: number, sizeMax: number, topic: string): EngineError {
  const what = entry.count === 1 ? 'a message' : `a batch of ${entry.count} messages`
  return new EngineError(
    '54000',
    `${what} of ${size} bytes for ${topic} is larger than the ${sizeMax} that the broker takes`,
    {
      actor: 'external',
      hint: "Raise maxMessageSize of the brokers, or set the option compression = 'zstd'.",
    },
  )
}
