/** Packets of MQTT 3.1.1 and 5 as bytes. Field by field as in the OASIS texts, chapters 2 and 3. */
import { encodeUtf8 } from '../../src/batch/column.ts'

/** Control packet types: the high half of a packet's first byte. */
export const Type = {
  connect: 1,
  connack: 2,
  publish: 3,
  puback: 4,
  pubrec: 5,
  pubrel: 6,
  pubcomp: 7,
  subscribe: 8,
  suback: 9,
  pingreq: 12,
  pingresp: 13,
  disconnect: 14,
} as const

/** 4 is MQTT 3.1.1. */
export type Version = 4 | 5
export type Qos = 0 | 1 | 2

/** Properties of MQTT 5 that are read or written here. */
export const Property = {
  contentType: 3,
  responseTopic: 8,
  correlationData: 9,
  sessionExpiry: 17,
  serverKeepAlive: 19,
  reasonString: 31,
  receiveMaximum: 33,
  maximumQos: 36,
  retainAvailable: 37,
  user: 38,
  maximumPacketSize: 39,
} as const

/** Collects the body of one packet. */
export class PacketWriter {
  #bytes = new Uint8Array(128)
  #length = 0

  byte(value: number): this {
    this.#room(1)
    this.#bytes[this.#length++] = value
    return this
  }

  uint16(value: number): this {
    return this.byte(value >>> 8).byte(value & 255)
  }

  uint32(value: number): this {
    return this.uint16(value >>> 16).uint16(value & 0xffff)
  }

  varint(value: number): this {
    let rest = value
    for (; rest > 127; rest >>>= 7) this.byte((rest & 127) | 128)
    return this.byte(rest)
  }

  raw(bytes: Uint8Array): this {
    this.#room(bytes.length)
    this.#bytes.set(bytes, this.#length)
    this.#length += bytes.length
    return this
  }

  /** With its length in two bytes before it. */
  binary(bytes: Uint8Array): this {
    return this.uint16(bytes.length).raw(bytes)
  }

  text(text: string): this {
    return this.binary(encodeUtf8(text))
  }

  /** Properties, with their length before them. MQTT 5 has them in nearly every packet. */
  properties(write: (writer: PacketWriter) => void): this {
    const inner = new PacketWriter()
    write(inner)
    return this.varint(inner.#length).raw(inner.#bytes.subarray(0, inner.#length))
  }

  /** The whole packet; `flags` is the low half of its first byte. */
  finish(type: number, flags = 0): Uint8Array {
    const head = new PacketWriter().byte((type << 4) | flags).varint(this.#length)
    return head.raw(this.#bytes.subarray(0, this.#length)).#bytes.slice(0, head.#length)
  }

  #room(count: number): void {
    if (this.#length + count <= this.#bytes.length) return
    const larger = new Uint8Array(Math.max(2 * this.#bytes.length, this.#length + count))
    larger.set(this.#bytes)
    this.#bytes = larger
  }
}

/** A PUBACK, PUBREC, PUBREL or PUBCOMP that says all is well. */
export function answerPacket(type: number, id: number): Uint8Array {
  // Of these only PUBREL has a flag, and always.
  return Uint8Array.of((type << 4) | (type === Type.pubrel ? 2 : 0), 2, id >>> 8, id & 255)
}

/** Several of them, one after the other. */
export function answerPackets(answers: readonly { readonly type: number; readonly id: number }[]): Uint8Array {
  const packets = new Uint8Array(4 * answers.length)
  answers.forEach(({ type, id }, i) => {
    packets.set(answerPacket(type, id), 4 * i)
  })
  return packets
}

/** A PUBLISH as it lies in bytes: positions only, so that one object serves all of a batch. */
export class PublishView {
  qos = 0
  retain = false
  duplicate = false
  topicStart = 0
  topicEnd = 0
  /** 0 at QoS 0. */
  id = 0
  propertiesStart = 0
  propertiesEnd = 0
  payloadStart = 0
  end = 0

  /** The body is bytes[at … end). Throws RangeError where it does not hold what it must. */
  read(flags: number, bytes: Uint8Array, at: number, end: number, version: Version): this {
    this.retain = (flags & 1) !== 0
    this.qos = (flags >>> 1) & 3
    this.duplicate = (flags & 8) !== 0
    this.topicStart = at + 2
    this.topicEnd = this.topicStart + readUint16(bytes, at, end)
    let next = this.topicEnd
    this.id = 0
    if (this.qos > 0) {
      this.id = readUint16(bytes, next, end)
      next += 2
    }
    this.propertiesStart = this.propertiesEnd = next
    if (version === 5) {
      const [length, start] = readVarint(bytes, next, end)
      this.propertiesStart = start
      this.propertiesEnd = next = start + length
    }
    if (next > end) throw new RangeError('a message that ends before its payload')
    this.payloadStart = next
    this.end = end
    return this
  }
}

/** Properties by id, the last of each; user properties in their order. */
export interface Properties {
  readonly values: ReadonlyMap<number, number | Uint8Array>
  readonly user: readonly { readonly key: string; readonly value: Uint8Array }[]
}

const NO_PROPERTIES: Properties = { values: new Map(), user: [] }

/** Properties that are a byte, two bytes, four bytes, or a number of variable length; all others are text or binary. */
const SIZES: Readonly<Record<number, number | undefined>> = {
  ...{ 1: 1, 23: 1, 25: 1, 36: 1, 37: 1, 40: 1, 41: 1, 42: 1 },
  ...{ 19: 2, 33: 2, 34: 2, 35: 2 },
  ...{ 2: 4, 17: 4, 24: 4, 39: 4 },
}
const SUBSCRIPTION_ID = 11

/** Those in bytes[at … end), without their length. */
export function readProperties(bytes: Uint8Array, at: number, end: number): Properties {
  if (at >= end) return NO_PROPERTIES
  const values = new Map<number, number | Uint8Array>()
  const user: { key: string; value: Uint8Array }[] = []
  const binary = (from: number): Uint8Array => {
    const start = from + 2
    const stop = start + readUint16(bytes, from, end)
    if (stop > end) throw new RangeError('a property that ends after its packet')
    return bytes.subarray(start, stop)
  }
  for (let next = at; next < end; ) {
    const id = bytes[next++]
    const size = SIZES[id]
    if (id === SUBSCRIPTION_ID) next = readVarint(bytes, next, end)[1]
    else if (size !== undefined) {
      let value = 0
      for (let i = 0; i < size; i++) value = value * 256 + bytes[next + i]
      values.set(id, value)
      next += size
    } else {
      const first = binary(next)
      next += 2 + first.length
      if (id !== Property.user) values.set(id, first)
      else {
        const value = binary(next)
        next += 2 + value.length
        user.push({ key: Buffer.from(first).toString(), value })
      }
    }
  }
  return { values, user }
}

/** The properties that begin at `at` with their length; none in packets that end before. */
export function propertiesAt(bytes: Uint8Array, at: number, end: number): Properties {
  if (at >= end) return NO_PROPERTIES
  const [length, start] = readVarint(bytes, at, end)
  return readProperties(bytes, start, Math.min(end, start + length))
}

export function readUint16(bytes: Uint8Array, at: number, end: number): number {
  if (at + 2 > end) throw new RangeError('a packet that ends in the middle of a field')
  return (bytes[at] << 8) | bytes[at + 1]
}

/** A number of up to four bytes, and where it ends. Throws RangeError where it has not ended before `end`. */
export function readVarint(bytes: Uint8Array, at: number, end: number): [value: number, next: number] {
  let value = 0
  for (let i = 0; i < 4 && at + i < end; i++) {
    value |= (bytes[at + i] & 127) << (7 * i)
    if (bytes[at + i] < 128) return [value, at + i + 1]
  }
  throw new RangeError('a length that does not end')
}
