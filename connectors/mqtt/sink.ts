import { Bell } from '../../src/base/bell.ts'
import { randomBytes } from '../../src/base/clock.ts'
import { EngineError, toEngineError } from '../../src/base/errors.ts'
import type { Batch } from '../../src/batch/batch.ts'
import type { Schema } from '../../src/batch/types.ts'
import type { Prepared, Sink, SinkContext } from '../../src/connector.ts'
import type { Connection } from './connection.ts'
import { Link, type LinkUser } from './link.ts'
import { type MqttSinkOptions, mqttSinkOptions } from './options.ts'
import { Outbox } from './outbox.ts'
import { Type } from './packets.ts'
import { type Message, Sender } from './sender.ts'
import { bindTemplate } from './template.ts'
import { topicPart } from './topics.ts'

/** Output in memory; more waits for the broker, or goes to disk while it is away. */
const MEMORY_BYTES_MAX = 4 << 20
/** What a message costs in memory besides its payload. */
const MESSAGE_BYTES = 200

type Texts = (batch: Batch, row: number) => string

/**
 * Publishes rows as they come, at least once. A checkpoint waits until the broker has answered for everything before it; while the broker is
 * away, what it does not have goes to disk instead, up to `buffer_bytes`, and from there to the broker when it is back, before anything newer. So
 * a job goes on without its broker, and its sources may forget what they gave: MQTT's could not give it again. Beyond the limit the job fails
 * and is tried again from its last checkpoint. A crash repeats what was sent since then.
 */
export class MqttSink implements Sink {
  readonly #options: MqttSinkOptions
  readonly #context: SinkContext
  readonly #bell: Bell
  readonly #link: Link
  readonly #sender: Sender
  #connection: Connection | undefined
  #outbox: Outbox | undefined
  /** Read from the outbox, not yet given to the sender; `#chunkLeft` of the chunk have no answer. */
  #chunk: Message[] = []
  #chunkLeft = 0
  #chunkEnd = 0
  /** Messages that are nowhere but here, in their order, and their bytes with those in flight. */
  #queue: Message[] = []
  #queueAt = 0
  #memoryBytes = 0
  #failure: EngineError | undefined
  #bound:
    | { readonly schema: Schema; readonly topic: Texts; readonly user: readonly (readonly [string, Texts])[] }
    | undefined

  constructor(context: SinkContext) {
    this.#context = context
    this.#options = mqttSinkOptions(context.options)
    this.#bell = new Bell(context.clock)
    const { addresses, security, version, keepAliveSeconds, qos, retain, clientId } = this.#options
    const { job, instance } = context
    const random = (): string => Buffer.from(randomBytes(6)).toString('hex')
    const login = {
      // Not that of a source of the same job.
      ...{ version, clientId: clientId ?? `tidemark-${job}-${instance ?? random()}-out`, keepAliveSeconds },
      ...{ sessionExpirySeconds: 0, receiveMaximum: 100, packetBytesMax: 1 << 20 },
    }
    this.#sender = new Sender({
      ...{ version, qos, retain },
      next: () => this.#next(),
      done: (message, refused) => this.#done(message, refused),
    })
    const user: LinkUser = {
      opened: connection => {
        this.#connection = connection
      },
      ready: async connection => {
        if (retain && !connection.limits.retain)
          throw new EngineError('0A000', 'the MQTT broker does not store messages, as option retain asks for')
        this.#sender.start(connection)
      },
      packet: (first, bytes, at, end) => {
        if (first >>> 4 !== Type.publish) this.#sender.answered(first >>> 4, bytes, at, end)
      },
      lost: () => this.#lost(),
      failed: error => this.#fail(error),
    }
    this.#link = new Link({ addresses, security, login, durable: false }, user, context)
  }

  async open(recovered: Prepared | undefined): Promise<void> {
    const { dataDir, job, instance, clock, schema } = this.#context
    if (schema) this.#bind(schema)
    if (instance !== undefined)
      this.#outbox = await Outbox.open(dataDir, `mqtt.outbox.${job}`, recovered === undefined, clock)
    // A job that ran before goes on without its broker; a new one shall hear that its address is wrong.
    if (recovered) this.#link.openLater()
    else await this.#link.open(true)
  }

  async write(batch: Batch): Promise<void> {
    const { encoder } = this.#context
    const { topic, user } = this.#bind(batch.schema)
    const { count, bytes, offsets, deleted } = encoder.encode(batch)
    for (let row = 0; row < count; row++) {
      // An empty message makes a broker forget the one it has stored.
      const payload = deleted?.[row] === 1 ? NO_BYTES : bytes.slice(offsets[row], offsets[row + 1])
      const properties = user.map(([key, value]) => ({ key, value: Buffer.from(value(batch, row)) }))
      this.#queue.push({ topic: topic(batch, row), payload, user: properties, stored: false })
      this.#memoryBytes += payload.length + MESSAGE_BYTES
    }
    this.#sender.send()
    await this.#until(() => this.#memoryBytes <= MEMORY_BYTES_MAX)
  }

  async prepare(): Promise<Prepared | undefined> {
    await this.#until(() => this.#memoryBytes === 0)
    // Tells `open` that the job ran.
    return { outbox: this.#outbox !== undefined }
  }

  /** What was prepared is with the broker, or on its way there. */
  async commit(): Promise<void> {}

  async close(): Promise<void> {
    this.#fail(new EngineError('08003', 'the sink is closed'))
    this.#link.close()
    this.#sender.stop()
    const outbox = this.#outbox
    this.#outbox = undefined
    await outbox?.close()
  }

  /** Waits for the broker while it is there, and uses the disk while it is not. */
  async #until(enough: () => boolean): Promise<void> {
    const { clock } = this.#context
    const { deliveryTimeoutMs, bufferBytes } = this.#options
    const deadline = clock.monotonicMs() + deliveryTimeoutMs
    if (this.#failure) throw this.#failure
    while (!enough()) {
      const outbox = this.#outbox
      const away = this.#connection === undefined || this.#backlogged
      if (away && outbox && outbox.bytes + this.#memoryBytes <= bufferBytes) {
        await this.#store(outbox)
        continue
      }
      const left = deadline - clock.monotonicMs()
      if (left <= 0) throw this.#tooSlow()
      await this.#bell.wait(left)
      if (this.#failure) throw this.#failure
    }
  }

  async #store(outbox: Outbox): Promise<void> {
    // What comes back from a lost connection meanwhile is newer than none of these, and is stored by the next round.
    const messages = this.#queue.slice(this.#queueAt)
    this.#queue = []
    this.#queueAt = 0
    if (messages.length === 0) return await this.#bell.wait(10)
    await outbox.append(messages)
    for (const { payload } of messages) this.#memoryBytes -= payload.length + MESSAGE_BYTES
    this.#sender.send()
  }

  /** Messages on disk go first. */
  get #backlogged(): boolean {
    return this.#chunkLeft > 0 || (this.#outbox !== undefined && !this.#outbox.empty)
  }

  #next(): Message | undefined {
    const stored = this.#chunk.shift()
    if (stored) return stored
    if (this.#chunkLeft > 0) return undefined
    if (this.#outbox && !this.#outbox.empty) {
      const { messages, end } = this.#outbox.read()
      this.#chunk = messages
      this.#chunkLeft = messages.length
      this.#chunkEnd = end
      return this.#chunk.shift()
    }
    if (this.#queueAt < this.#queue.length) return this.#queue[this.#queueAt++]
    this.#queue = []
    this.#queueAt = 0
    return undefined
  }

  #done(message: Message, refused: EngineError | undefined): void {
    if (refused && (refused.retryable || refused.sqlState === '42501')) {
      this.#fail(refused)
      return
    }
    // One the broker will never take must not hold up the others.
    if (refused)
      this.#context.log.error(
        { job: this.#context.job, topic: message.topic, error: refused.message },
        'a message was dropped',
      )
    if (!message.stored) this.#memoryBytes -= message.payload.length + MESSAGE_BYTES
    else if (--this.#chunkLeft === 0)
      this.#outbox?.remove(this.#chunkEnd).catch(error => this.#fail(toEngineError(error)))
    this.#bell.ring()
  }

  #lost(): void {
    this.#connection = undefined
    const again = this.#sender.stop()
    this.#chunk.unshift(...again.filter(m => m.stored))
    this.#queue = [...again.filter(m => !m.stored), ...this.#queue.slice(this.#queueAt)]
    this.#queueAt = 0
    this.#bell.ring()
  }

  #fail(error: EngineError): void {
    this.#failure ??= error
    this.#bell.ring()
  }

  #tooSlow(): EngineError {
    const { deliveryTimeoutMs, bufferBytes } = this.#options
    const details = { actor: 'external', retryable: true } as const
    if (this.#connection && !this.#backlogged)
      return new EngineError(
        '58030',
        `the MQTT broker did not answer for a message within ${deliveryTimeoutMs} ms`,
        details,
      )
    if (!this.#outbox) return new EngineError('08006', `the MQTT broker was away for ${deliveryTimeoutMs} ms`, details)
    return new EngineError(
      '53100',
      `the MQTT broker is away, and buffer_bytes (${bufferBytes}) of output wait for it`,
      {
        ...details,
        hint: 'The job is tried again, and goes on when the broker is back. A larger buffer_bytes bridges longer.',
      },
    )
  }

  #bind(schema: Schema) {
    if (this.#bound?.schema === schema) return this.#bound
    const { topic, userProperties } = this.#options
    this.#bound = {
      schema,
      topic: bindTemplate(topic, schema, topicPart),
      user: userProperties.map(({ name, value }) => [name, bindTemplate(value, schema, text => text)] as const),
    }
    return this.#bound
  }
}

const NO_BYTES = new Uint8Array(0)
