import { Bell } from '../../src/base/bell.ts'
import { randomBytes } from '../../src/base/clock.ts'
import { EngineError, toEngineError } from '../../src/base/errors.ts'
import type { Batch } from '../../src/batch/batch.ts'
import type { RecordDecoder } from '../../src/connector.ts'
import type { PulsarClient } from './client.ts'
import { BrokerError, Command } from './commands.ts'
import type { Connection, ConsumerInbox } from './connection.ts'
import { END, type TransactionCoordinator } from './coordinator.ts'
import { EntryCursor, NOTHING_ELSE } from './entry.ts'
import type { OutgoingMessage, TransactionId } from './entry-writer.ts'
import { type MessageId, writeMessageId } from './message-id.ts'
import { TopicProducer } from './producer.ts'

/** Of the log itself. */
export const SUBSCRIPTION = 'tidemark'
const PERMITS = 1000
/** Whoever restores a checkpoint that is not the last may ask for an older transaction. */
const REMEMBERED = 10
const CONSUMER_BUSY = 5

/**
 * A topic beside the output that tells how transactions ended, which the coordinator forgets. Each is noted there before anything
 * is sent in it ("begun"), so that the next process can abort what this one leaves open; and once more as part of itself ("done"):
 * that row is there exactly when the transaction was committed. One process at a time holds the topic's subscription, which also
 * keeps the rows that may still be asked for; older ones go as the namespace retains.
 */
export class TransactionLog implements ConsumerInbox {
  readonly topic: string
  readonly #client: PulsarClient
  readonly #coordinator: TransactionCoordinator
  readonly #timeoutMs: number
  readonly #producer: TopicProducer
  readonly #id: number
  readonly #bell: Bell
  #connection: Connection | undefined
  /** By transaction: committed or not, as far as was read. */
  readonly #known = new Map<string, 'begun' | 'done'>()
  #barrier = ''
  #reached = false
  #failure: EngineError | undefined
  #received = 0
  /** Where the last rows of the latest transactions lie, oldest first. */
  #done: MessageId[] = []

  constructor(topic: string, client: PulsarClient, coordinator: TransactionCoordinator, timeoutMs: number) {
    this.topic = topic
    this.#client = client
    this.#coordinator = coordinator
    this.#timeoutMs = timeoutMs
    this.#id = client.newId()
    this.#bell = new Bell(client.clock)
    const options = { name: undefined, codec: 'none', schema: undefined, resend: true } as const
    this.#producer = new TopicProducer([topic], client, {
      ...options,
      bufferBytesMax: 1 << 20,
      deliveryTimeoutMs: timeoutMs,
    })
  }

  /** Waits a while for another process to let go. Throws 55006 when it does not. */
  async open(): Promise<void> {
    await this.#producer.open()
    const busy = (error: EngineError): boolean => error instanceof BrokerError && error.code === CONSUMER_BUSY
    try {
      await this.#client.retrying(this.#timeoutMs, () => this.#subscribe(), busy)
    } catch (error) {
      if (!(error instanceof BrokerError) || error.code !== CONSUMER_BUSY) throw error
      throw new EngineError('55006', `another process holds the subscription "${SUBSCRIPTION}" of ${this.topic}`, {
        actor: 'external',
        retryable: true,
        hint: 'Stop it: it writes the same output, from a copy of this data directory.',
      })
    }
  }

  /** Durable before anything is sent in the transaction. */
  async noteBegun(transaction: TransactionId): Promise<void> {
    await this.#write(`begun ${nameOf(transaction)}`, undefined)
  }

  /** Durable, and visible with the transaction's commit. */
  async noteDone(transaction: TransactionId): Promise<void> {
    await this.#write(`done ${nameOf(transaction)}`, transaction)
    this.#done.push(this.#producer.lanes[0].lastId)
  }

  /** Aborts all transactions that an earlier process left open, except `but`. */
  async abortOthers(but: TransactionId | undefined): Promise<void> {
    const kept = but && nameOf(but)
    const barrier = this.#readAll()
    // Behind an open transaction nothing is visible, so each that is ended may show another.
    const abort = async (): Promise<void> => {
      for (const [name, state] of this.#known) {
        if (state === 'done' || name === kept) continue
        const [most, least] = name.split(':').map(Number)
        await this.#coordinator.end({ most, least }, END.abort)
        this.#client.log.info({ topic: this.topic, transaction: name }, 'aborted what an earlier process left open')
        this.#known.set(name, 'done')
      }
    }
    for (let reached = false; !reached; ) {
      const seen = this.#received
      await abort()
      reached = await barrier(seen)
    }
    await abort()
  }

  /** For a transaction that the coordinator does not know any more. */
  async wasCommitted(transaction: TransactionId): Promise<boolean> {
    const barrier = this.#readAll()
    for (let seen = this.#received; !(await barrier(seen)); ) seen = this.#received
    return this.#known.get(nameOf(transaction)) === 'done'
  }

  /** Nobody will ask for old transactions any more: the broker may let go of their rows. */
  forgetOld(): void {
    this.#known.clear()
    if (this.#done.length <= REMEMBERED) return
    const [old] = this.#done.splice(0, this.#done.length - REMEMBERED)
    if (!this.#connection) void this.#subscribe().catch(() => undefined)
    this.#connection?.send(Command.ack, w =>
      w
        .number(1, this.#id)
        .number(2, 1)
        .message(3, id => writeMessageId(id, old)),
    )
  }

  close(): void {
    const connection = this.#connection
    connection?.detach(this.#id)
    connection
      ?.request(Command.closeConsumer, 'leave the log of transactions', w => w.number(1, this.#id))
      .catch(() => undefined)
    this.#producer.close()
  }

  entry(bytes: Uint8Array, at: number, end: number, ledger: number, entry: number): void {
    try {
      const rows: string[] = []
      const messages = new EntryCursor(bytes, at, end, { ledger, entry, partition: -1 }, 'publish', NOTHING_ELSE)
      messages.give(rowsInto(rows, messages.bytes), Number.POSITIVE_INFINITY, 0, messages.count)
      for (const row of rows) this.#take(row)
      this.#received++
      this.#connection?.send(Command.flow, w => w.number(1, this.#id).number(2, Math.max(1, messages.count)))
    } catch (error) {
      this.#failure ??= toEngineError(error)
    }
    this.#bell.ring()
  }

  lost(why: EngineError): void {
    this.#failure ??= why
    this.#connection = undefined
    this.#bell.ring()
  }

  #take(row: string): void {
    const [what, name] = row.split(' ')
    if (what === 'begun' && !this.#known.has(name)) this.#known.set(name, what)
    else if (what === 'done') this.#known.set(name, what)
    else if (row === this.#barrier) this.#reached = true
  }

  async #subscribe(): Promise<void> {
    const connection = await this.#client.ownerOf(this.topic)
    connection.attach(this.#id, this)
    await connection.request(Command.subscribe, `read ${this.topic}`, w =>
      w.text(1, this.topic).text(2, SUBSCRIPTION).number(3, 0).number(4, this.#id).flag(8, true).number(13, 1),
    )
    this.#connection = connection
    this.#failure = undefined
    connection.send(Command.flow, w => w.number(1, this.#id).number(2, PERMITS))
  }

  /** Writes a row and tells, at each call, whether everything before it has been read; else it waits for more than `seen` entries. */
  #readAll(): (seen: number) => Promise<boolean> {
    this.#barrier = `until ${Buffer.from(randomBytes(12)).toString('hex')}`
    this.#reached = false
    const deadline = this.#client.clock.monotonicMs() + this.#timeoutMs
    let written = false
    return async seen => {
      if (!written) await this.#write(this.#barrier, undefined)
      written = true
      while (!this.#reached && this.#received === seen) {
        // All rows come again with a new subscription.
        if (this.#failure) await this.#client.retrying(this.#timeoutMs, () => this.#subscribe())
        const left = deadline - this.#client.clock.monotonicMs()
        if (left <= 0) {
          throw new EngineError('58030', `the log of transactions ${this.topic} cannot be read to its end`, {
            actor: 'external',
            retryable: true,
            hint: 'A transaction of another program is open in it. Nobody else may write there.',
          })
        }
        await this.#bell.wait(Math.min(left, 100))
      }
      return this.#reached
    }
  }

  async #write(row: string, transaction: TransactionId | undefined): Promise<void> {
    const value = Buffer.from(row)
    const [lane] = this.#producer.lanes
    lane.transaction = transaction
    const message: OutgoingMessage = {
      ...{ key: value, keyStart: -1, keyEnd: -1, keyIsBase64: false, eventMs: -1, properties: undefined },
      ...{ value, valueStart: 0, valueEnd: value.length },
    }
    this.#producer.append(0, message)
    await this.#producer.flush()
  }
}

function nameOf({ most, least }: TransactionId): string {
  return `${most}:${least}`
}

function rowsInto(rows: string[], bytes: Uint8Array): RecordDecoder {
  return {
    wantsHeaders: false,
    rowCount: 0,
    begin: () => undefined,
    record: (start, end) => void rows.push(Buffer.from(bytes.subarray(start, end)).toString()),
    headers: () => undefined,
    reject: () => undefined,
    finish: (): { batch: Batch; bad: [] } => {
      throw new EngineError('XX000', 'rows of the log are taken one by one')
    },
  }
}
