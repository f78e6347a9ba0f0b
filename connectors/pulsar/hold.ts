import { EngineError } from '../../src/base/errors.ts'
import type { PulsarClient } from './client.ts'
import { Command } from './commands.ts'
import type { Connection, ConsumerInbox } from './connection.ts'
import { type From, lastBefore, printFrom, writeMessageId } from './message-id.ts'

const FAILOVER = 2

/**
 * A durable subscription to one partition that is only acknowledged, never read from: the broker keeps what lies behind it, and
 * shows that as its backlog. Positions are the engine's, so that nothing is lost or doubled if acknowledgements are; and several
 * servers may use one name, which then keeps what none of them has behind it.
 */
export class Hold implements ConsumerInbox {
  readonly #topic: string
  readonly #subscription: string
  readonly #client: PulsarClient
  readonly #id: number
  #connection: Connection | undefined
  #acknowledged: From | undefined
  /** Entries not acknowledged, when the broker was asked last. */
  backlog: number | undefined

  constructor(topic: string, subscription: string, client: PulsarClient) {
    this.#topic = topic
    this.#subscription = subscription
    this.#client = client
    this.#id = client.newId()
  }

  /** Makes the subscription where there is none: behind the last message, or before the first. */
  async open(atEnd: boolean): Promise<void> {
    const connection = await this.#client.ownerOf(this.#topic)
    connection.attach(this.#id, this)
    await connection.request(Command.subscribe, `subscribe to ${this.#topic} as ${this.#subscription}`, w =>
      w
        .text(1, this.#topic)
        .text(2, this.#subscription)
        .number(3, FAILOVER)
        .number(4, this.#id)
        .flag(8, true)
        .number(13, atEnd ? 0 : 1)
        .flag(15, false),
    )
    this.#connection = connection
  }

  /** The broker may forget what is before this place. Does nothing where that is where it was. */
  async acknowledge(from: From): Promise<void> {
    if (this.#acknowledged && printFrom(this.#acknowledged) === printFrom(from)) return
    const last = lastBefore(from)
    const connection = await this.#opened()
    if (last) {
      await connection.request(Command.ack, `acknowledge messages of ${this.#topic}`, w =>
        w
          .number(1, this.#id)
          .number(2, 1)
          .message(3, id => writeMessageId(id, last)),
      )
    }
    this.#acknowledged = from
    await this.measure()
  }

  /** Asks for the backlog. */
  async measure(): Promise<void> {
    const connection = await this.#opened()
    const doing = `measure the backlog of ${this.#topic}`
    const answer = await connection.request(Command.consumerStats, doing, w => w.number(4, this.#id))
    this.backlog = 0
    for (let field = answer.next(); field; field = answer.next()) if (field === 15) this.backlog = answer.value
  }

  /** Lets go of all messages: the subscription is gone. Fails while others use it. */
  async remove(): Promise<void> {
    const connection = await this.#opened()
    await connection.request(Command.unsubscribe, `unsubscribe from ${this.#topic}`, w => w.number(1, this.#id))
  }

  close(): void {
    this.#connection?.detach(this.#id)
    this.#connection = undefined
  }

  entry(): void {
    // It grants the broker nothing to send.
  }

  lost(_why: EngineError): void {
    this.#connection = undefined
  }

  async #opened(): Promise<Connection> {
    if (!this.#connection) await this.open(false)
    if (this.#connection) return this.#connection
    throw new EngineError('08006', 'connection to Pulsar lost', { actor: 'external', retryable: true })
  }
}
