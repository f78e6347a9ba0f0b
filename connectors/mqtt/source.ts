import { Bell } from '../../src/base/bell.ts'
import { randomBytes } from '../../src/base/clock.ts'
import { EngineError } from '../../src/base/errors.ts'
import { decodeUtf8 } from '../../src/batch/column.ts'
import type { BadRecord, Polled, Position, RecordHeader, Source, SourceContext } from '../../src/connector.ts'
import type { Connection } from './connection.ts'
import { type Answer, Deliveries, idsOf } from './deliveries.ts'
import { Inbox, type Segment } from './inbox.ts'
import { Link, type LinkUser } from './link.ts'
import { type MqttSourceOptions, mqttSourceOptions } from './options.ts'
import { answerPackets, Property, PublishView, readProperties, readUint16, Type } from './packets.ts'
import { subscriptionRefused } from './reasons.ts'

/** How long a poll waits for rows. */
const POLL_WAIT_MS = 500
/** A bounded read goes on this long after its first message: others that the broker has stored come right behind it. */
const SAMPLE_MS = 500
/** A topic filter has no partitions. */
const PARTITION = '0'
const RAW_MAX = 65_536

/**
 * Reads topic filters of MQTT. A broker keeps nothing that was acknowledged and cannot be asked for the past, so what a restart can
 * rely on is what it was not told: messages of QoS 1 and 2 are acknowledged when a checkpoint holds them, and until then the
 * broker keeps them for the session of this source (see `Deliveries` for what comes twice). A position is
 * `{ "messages": 4711, "held": "12-14" }`: how many were read, and the QoS 2 packet ids that may come again. QoS 0 is lost
 * with the connection. A bounded read, for samples, ends a moment after what was there on subscribing.
 */
export class MqttSource implements Source {
  readonly #options: MqttSourceOptions
  readonly #context: SourceContext
  readonly #bell: Bell
  readonly #link: Link
  readonly #deliveries: Deliveries
  readonly #inbox: Inbox
  readonly #durable: boolean
  readonly #view = new PublishView()
  #connection: Connection | undefined
  /** Number of the message that was given last. */
  #given = 0
  /** There was a session before the one that a connection begins. */
  #goesOn = false
  #failure: EngineError | undefined
  #endsMs = Number.POSITIVE_INFINITY

  constructor(context: SourceContext) {
    const { session, clock, job } = context
    this.#context = context
    this.#options = mqttSourceOptions(context.options)
    this.#bell = new Bell(clock)
    this.#durable = session !== undefined
    this.#deliveries = new Deliveries(this.#durable)
    const { addresses, security, version, clientId, keepAliveSeconds, receiveMaximum } = this.#options
    const { bufferBytes, messageBytesMax, sessionExpirySeconds } = this.#options
    this.#inbox = new Inbox(bufferBytes)
    const own = clientId ?? `tidemark-${session ?? job}`
    const login = {
      version,
      // Whoever reads without a session must not take that of a job.
      clientId: this.#durable ? own : `${own}-${Buffer.from(randomBytes(6)).toString('hex')}`,
      keepAliveSeconds,
      sessionExpirySeconds: this.#durable ? sessionExpirySeconds : 0,
      receiveMaximum,
      packetBytesMax: messageBytesMax,
    }
    const user: LinkUser = {
      opened: connection => this.#opened(connection),
      ready: connection => this.#subscribe(connection),
      packet: (...packet) => this.#packet(...packet),
      lost: () => {
        this.#connection = undefined
      },
      failed: error => {
        this.#failure = error
        this.#bell.ring()
      },
    }
    this.#link = new Link({ addresses, security, login, durable: this.#durable }, user, context)
  }

  async open(position: Position | undefined): Promise<void> {
    if (position) {
      const { messages, held = '' } = position
      if (typeof messages !== 'number' || typeof held !== 'string')
        throw new EngineError('XX001', 'the checkpoint does not hold a position of MQTT', {
          detail: JSON.stringify(position),
        })
      this.#goesOn = true
      this.#given = messages
      this.#deliveries.restore(messages, idsOf(held))
    }
    await this.#link.open(position === undefined)
    if (this.#context.bounded) this.#endsMs = this.#context.clock.monotonicMs() + this.#options.sampleWaitMs
  }

  async poll(rowsMax: number, signal: AbortSignal): Promise<Polled> {
    const { clock, bounded } = this.#context
    // Nobody will say that these are safe: whoever asks for more has had them.
    if (!this.#durable) this.#tell(this.#deliveries.acknowledged(this.#given, '', this.#connection !== undefined))
    const start = clock.monotonicMs()
    for (;;) {
      const now = clock.monotonicMs()
      if (bounded && now >= this.#endsMs) return { kind: 'end' }
      if (this.#inbox.head || (this.#durable && this.#deliveries.releasedSince)) {
        if (bounded) this.#endsMs = Math.min(this.#endsMs, now + SAMPLE_MS)
        return this.#give(rowsMax)
      }
      // Rows that came before a failure are given first.
      if (this.#failure) throw this.#failure
      const left = Math.min(start + POLL_WAIT_MS, this.#endsMs) - now
      if (left <= 0 || signal.aborted) return { kind: 'idle' }
      await this.#bell.wait(left, signal)
    }
  }

  position(): Position {
    const held = this.#deliveries.held(this.#given)
    return held === '' ? { messages: this.#given } : { messages: this.#given, held }
  }

  partitions(): readonly string[] {
    return [PARTITION]
  }

  async acknowledge({ messages, held = '' }: Position): Promise<void> {
    this.#tell(this.#deliveries.acknowledged(Number(messages), String(held), this.#connection !== undefined))
  }

  /** The broker sends at most so many more before it hears of a checkpoint. */
  needsCheckpoint(): boolean {
    return this.#durable && 2 * this.#deliveries.unacknowledged >= this.#options.receiveMaximum
  }

  async close(): Promise<void> {
    this.#failure ??= new EngineError('08003', 'the source is closed')
    this.#link.close()
    this.#bell.ring()
  }

  #opened(connection: Connection): void {
    this.#connection = connection
    if (connection.sessionPresent) return
    this.#deliveries.forget()
    if (!this.#goesOn || !this.#durable) return
    const text = 'the MQTT broker no longer has the session of this job: what was published meanwhile is not there'
    this.#context.log.warn({ job: this.#context.job }, text)
  }

  async #subscribe(connection: Connection): Promise<void> {
    this.#goesOn = true
    // A session has its subscriptions; asking again would bring what the broker has stored once more.
    if (connection.sessionPresent) return
    const { filters, qos, retained } = this.#options
    const codes = await connection.subscribe(filters, qos, retained)
    for (const [i, filter] of filters.entries())
      if ((codes[i] ?? 128) >= 128) throw subscriptionRefused(codes[i] ?? 128, connection.version, filter)
  }

  #packet(first: number, bytes: Uint8Array, at: number, end: number, cut: number): void {
    const type = first >>> 4
    if (type === Type.pubrel) {
      const answer = this.#deliveries.released(readUint16(bytes, at, end))
      if (answer) this.#tell([answer])
      this.#bell.ring()
    } else if (type === Type.publish) {
      const { id, qos, duplicate } = this.#view.read(first & 15, bytes, at, end, this.#options.version)
      if (!this.#deliveries.arrived(id, qos, duplicate)) {
        if (this.#deliveries.answer) this.#tell([this.#deliveries.answer])
        return
      }
      this.#inbox.add(first, bytes, at, end, cut, this.#context.clock.nowMs())
      if (this.#inbox.full) this.#connection?.setPaused(true)
      this.#bell.ring()
    }
  }

  #tell(answers: readonly Answer[]): void {
    if (answers.length > 0) this.#connection?.write(answerPackets(answers))
  }

  /** May be no row at all: what was skipped, or released, is in the position. */
  #give(rowsMax: number): Polled {
    const { decoder } = this.#context
    this.#deliveries.releasedSince = false
    const tooLarge: BadRecord[] = []
    decoder.begin(NO_BYTES, '', PARTITION)
    let left = rowsMax
    for (let segment = this.#inbox.head; segment && left > 0; segment = this.#inbox.head) {
      const until = Math.min(segment.firsts.length, segment.next + left)
      left -= until - segment.next
      while (segment.next < until) this.#record(segment, segment.next++, tooLarge)
      if (until === segment.firsts.length) this.#inbox.drop()
    }
    if (this.#inbox.roomy) this.#connection?.setPaused(false)
    const { batch, bad } = decoder.finish()
    return { kind: 'rows', partition: PARTITION, batch, bad: [...bad, ...tooLarge] }
  }

  #record({ bytes, arrivedMs, firsts, starts, ends, cuts }: Segment, i: number, tooLarge: BadRecord[]): void {
    const { decoder } = this.#context
    const offset = ++this.#given
    const view = this.#view.read(firsts[i] & 15, bytes, starts[i], ends[i], this.#options.version)
    const { topicStart, topicEnd, payloadStart, end } = view
    if (view.retain && !this.#options.retained) return
    const topic = decodeUtf8(bytes, topicStart, topicEnd)
    const cut = cuts.get(i)
    if (cut !== undefined) {
      const reason = `message of ${end - payloadStart + cut} bytes on ${topic}: more than max_message_bytes`
      const raw = bytes.slice(payloadStart, Math.min(end, payloadStart + RAW_MAX))
      tooLarge.push({ partition: PARTITION, offset, reason, raw })
      return
    }
    decoder.begin(bytes, topic, PARTITION)
    // What others call the key: it tells the device, and messages of one topic are in order.
    decoder.record(payloadStart, end, offset, arrivedMs, topicStart, topicEnd)
    if (decoder.wantsHeaders) decoder.headers(headersOf(bytes, view))
  }
}

const NO_BYTES = new Uint8Array(0)
const NAMED: readonly (readonly [string, number])[] = [
  ['mqtt.content_type', Property.contentType],
  ['mqtt.response_topic', Property.responseTopic],
  ['mqtt.correlation_data', Property.correlationData],
]

/** User properties, and what else a message carries under names that begin with `mqtt.`. */
function headersOf(bytes: Uint8Array, view: PublishView): RecordHeader[] {
  const { values, user } = readProperties(bytes, view.propertiesStart, view.propertiesEnd)
  const headers: RecordHeader[] = [...user]
  const add = (key: string, value: string | Uint8Array): number =>
    headers.push({ key, value: typeof value === 'string' ? Buffer.from(value) : value })
  add('mqtt.qos', String(view.qos))
  add('mqtt.retain', String(view.retain))
  add('mqtt.duplicate', String(view.duplicate))
  for (const [name, property] of NAMED) {
    const value = values.get(property)
    if (value instanceof Uint8Array) add(name, value)
  }
  return headers
}
