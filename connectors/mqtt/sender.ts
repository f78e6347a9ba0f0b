import type { EngineError } from '../../src/base/errors.ts'
import type { Connection } from './connection.ts'
import {
  answerPacket,
  PacketWriter,
  Property,
  propertiesAt,
  type Qos,
  readUint16,
  Type,
  type Version,
} from './packets.ts'
import { publishRefused } from './reasons.ts'

/** A message to be published. */
export interface Message {
  readonly topic: string
  readonly payload: Uint8Array
  /** MQTT 5 only. */
  readonly user: readonly { readonly key: string; readonly value: Uint8Array }[]
  /** It lies in the outbox, so it survives without us. */
  readonly stored: boolean
}

export interface SenderOptions {
  readonly version: Version
  readonly qos: Qos
  readonly retain: boolean
  /** The next message to be sent; undefined: none now. */
  readonly next: () => Message | undefined
  /** The broker has it, or will never have it: then says why. */
  readonly done: (message: Message, refused: EngineError | undefined) => void
}

/** Unanswered messages at a time, where the broker allows more: enough for the way there and back. */
const WINDOW_MAX = 1000
/** At QoS 2 with MQTT 3.1.1, whose brokers have such a limit and cannot say so. */
const WINDOW_UNSAID = 20
/** Packets are given to the socket in pieces of about this size. */
const WRITE_BYTES = 64 << 10

/** Publishes messages in their order and waits for the broker's answers, many at a time. */
export class Sender {
  readonly #options: SenderOptions
  readonly #inFlight = new Map<number, Message>()
  /** QoS 2: PUBREL was sent, the id is in use until PUBCOMP. */
  readonly #releasing = new Set<number>()
  #connection: Connection | undefined
  #nextId = 0
  #blocked = false

  constructor(options: SenderOptions) {
    this.#options = options
  }

  /** Messages without an answer. */
  get unanswered(): number {
    return this.#inFlight.size
  }

  start(connection: Connection): void {
    this.#connection = connection
    this.#blocked = false
    connection.onDrained(() => {
      if (this.#connection !== connection) return
      this.#blocked = false
      this.send()
    })
    this.send()
  }

  /** The connection is lost. Answers what has to be sent again, in its order: sessions of senders are not kept. */
  stop(): Message[] {
    this.#connection = undefined
    const messages = [...this.#inFlight.values()]
    this.#inFlight.clear()
    this.#releasing.clear()
    return messages
  }

  /** Sends what can be sent now. */
  send(): void {
    const connection = this.#connection
    if (!connection) return
    const { next, done, qos, retain, version } = this.#options
    const unsaid = version === 4 && qos === 2 ? WINDOW_UNSAID : WINDOW_MAX
    const window = Math.min(unsaid, connection.limits.receiveMaximum)
    let packets: Uint8Array[] = []
    let bytes = 0
    const flush = (): void => {
      if (bytes > 0 && !connection.write(Buffer.concat(packets))) this.#blocked = true
      packets = []
      bytes = 0
    }
    while (!this.#blocked && this.#inFlight.size + this.#releasing.size < window) {
      const message = next()
      if (!message) break
      const level = Math.min(qos, connection.limits.maximumQos)
      const id = level === 0 ? 0 : this.#freeId()
      const packet = publishPacket(message, level, retain, id, version)
      if (packet.length > connection.limits.packetBytesMax) {
        done(message, publishRefused(149, message.topic))
        continue
      }
      packets.push(packet)
      bytes += packet.length
      if (level > 0) this.#inFlight.set(id, message)
      if (bytes >= WRITE_BYTES) flush()
      if (level === 0) done(message, undefined)
    }
    flush()
  }

  /** An answer of the broker. */
  answered(type: number, bytes: Uint8Array, at: number, end: number): void {
    const id = readUint16(bytes, at, end)
    const code = end > at + 2 ? bytes[at + 2] : 0
    const message = this.#inFlight.get(id)
    if (type === Type.pubcomp) this.#releasing.delete(id)
    else if (message) {
      this.#inFlight.delete(id)
      if (type === Type.pubrec && code < 128) {
        this.#releasing.add(id)
        this.#connection?.write(answerPacket(Type.pubrel, id))
      }
      const said = code >= 128 ? propertiesAt(bytes, at + 3, end).values.get(Property.reasonString) : undefined
      const text = said instanceof Uint8Array ? Buffer.from(said).toString() : ''
      this.#options.done(message, code >= 128 ? publishRefused(code, message.topic, text) : undefined)
    } else if (type === Type.pubrec) this.#connection?.write(answerPacket(Type.pubrel, id))
    this.send()
  }

  #freeId(): number {
    do this.#nextId = (this.#nextId % 65_535) + 1
    while (this.#inFlight.has(this.#nextId) || this.#releasing.has(this.#nextId))
    return this.#nextId
  }
}

function publishPacket(message: Message, qos: number, retain: boolean, id: number, version: Version): Uint8Array {
  const writer = new PacketWriter().text(message.topic)
  if (qos > 0) writer.uint16(id)
  if (version === 5) {
    writer.properties(w => {
      for (const { key, value } of message.user) w.byte(Property.user).text(key).binary(value)
    })
  }
  return writer.raw(message.payload).finish(Type.publish, (qos << 1) | (retain ? 1 : 0))
}
