/** What a broker stores in one piece: a message, or a batch of them. https://pulsar.apache.org/docs/next/developing-binary-protocol/ */
import { crc32c } from '../../src/base/crc32c.ts'
import { EngineError, notSupported } from '../../src/base/errors.ts'
import type { Int64 } from '../../src/batch/types.ts'
import type { RecordDecoder, RecordHeader } from '../../src/connector.ts'
import { unpack } from './compression.ts'
import { ProtoReader } from './protobuf.ts'

const MAGIC_BROKER_METADATA = 0x0e02
const MAGIC_CHECKSUM = 0x0e01

/** What is to be told of a message besides its value, key and time. */
export interface Wanted {
  readonly headers: boolean
  /** Of `METADATA`. */
  readonly metadata: readonly string[] | undefined
  /** Of the schema that values must have, in hexadecimal digits; undefined: any. */
  readonly schemaVersion: string | undefined
}

export const NOTHING_ELSE: Wanted = { headers: false, metadata: undefined, schemaVersion: undefined }

/** What INCLUDE may name of a message of Pulsar besides the usual. */
export const METADATA = {
  message_id: 'text',
  publish_time: 'timestamptz',
  event_time: 'timestamptz',
  producer_name: 'text',
} as const

/** Which of its times a message goes by; one without an event time goes by that of its publishing. */
export type MessageTime = 'event' | 'publish'

/** What a message says of itself, and where its key lies; used again for each message of a batch. */
interface MessageFields {
  keyStart: number
  keyEnd: number
  keyIsBase64: boolean
  eventMs: number
  isNull: boolean
  size: number
  compactedOut: boolean
  headers: RecordHeader[] | undefined
}

interface EntryFields extends MessageFields {
  publishMs: number
  producer: string
  codec: number
  unpackedSize: number
  /** −1: one message that is not in a batch. */
  count: number
  marker: boolean
}

/** How many messages of the consumer's permits an entry took: known without unpacking it. One, where it is damaged. */
export function messagesOf(bytes: Uint8Array, at: number): number {
  try {
    const span = metadataSpan(bytes, at)
    const reader = new ProtoReader(bytes, span.start, span.end)
    for (let field = reader.next(); field; field = reader.next()) if (field === 11) return reader.value
  } catch {
    // Whoever reads the entry says so.
  }
  return 1
}

/** A piece of a message that was too large for one entry. */
export interface Chunk {
  readonly uuid: string
  readonly number: number
  readonly count: number
  readonly totalBytes: number
  /** The metadata without checksum, and the piece, which lie in the entry's memory. */
  readonly metadata: Uint8Array
  readonly piece: Uint8Array
}

/** The piece in an entry; undefined when it holds whole messages. Throws 22000 where it is damaged. */
export function chunkOf(bytes: Uint8Array, at: number, end: number): Chunk | undefined {
  const span = metadataSpan(bytes, at)
  let [uuid, number, count, totalBytes] = ['', 0, 1, 0]
  const reader = new ProtoReader(bytes, span.start, span.end)
  for (let field = reader.next(); field; field = reader.next()) {
    if (field === 26) uuid = reader.text
    else if (field === 27) count = reader.value
    else if (field === 28) totalBytes = reader.value
    else if (field === 29) number = reader.value
  }
  if (count <= 1) return undefined
  checkSum(bytes, span, end)
  return {
    ...{ uuid, number, count, totalBytes },
    metadata: bytes.subarray(span.start - 4, span.end),
    piece: bytes.subarray(span.end, end),
  }
}

/** Gives the messages of one entry, pausing wherever the engine has enough. */
export class EntryCursor {
  /** In which the values given lie. */
  readonly bytes: Uint8Array
  readonly #reader: ProtoReader
  readonly #entry: EntryFields
  readonly #message: MessageFields
  readonly #offset: Int64
  readonly #id: EntryId
  readonly #time: MessageTime
  readonly #wanted: Wanted
  #at: number
  readonly #end: number
  /** Number of the message that comes next. */
  next = 0

  /** Throws 0A000 for what cannot be read yet, and 22000 for what is damaged. */
  constructor(frame: Uint8Array, at: number, end: number, id: EntryId, time: MessageTime, wanted: Wanted) {
    const meta = metadataSpan(frame, at)
    checkSum(frame, meta, end)
    this.#id = id
    this.#time = time
    this.#wanted = wanted
    this.#offset = offsetOf(id)
    const entry = readEntryFields(frame, meta.start, meta.end, wanted)
    this.#entry = entry
    this.#message = entry.count < 0 ? entry : emptyFields()
    if (entry.codec === 0) {
      this.bytes = frame
      this.#at = meta.end
      this.#end = end
    } else {
      // A key outside the batch follows what was unpacked, so that both lie in one memory.
      const keyBytes = entry.keyStart < 0 || entry.count >= 0 ? 0 : entry.keyEnd - entry.keyStart
      const bytes = unpack(entry.codec, frame.subarray(meta.end, end), entry.unpackedSize, keyBytes)
      if (keyBytes > 0) {
        bytes.set(frame.subarray(entry.keyStart, entry.keyEnd), entry.unpackedSize)
        entry.keyStart = entry.unpackedSize
        entry.keyEnd = entry.keyStart + keyBytes
      }
      this.bytes = bytes
      this.#at = 0
      this.#end = entry.unpackedSize
    }
    this.#reader = new ProtoReader(this.bytes)
  }

  /** How many messages there are, told apart or not. */
  get count(): number {
    return this.#entry.marker ? 0 : Math.abs(this.#entry.count)
  }

  get done(): boolean {
    return this.next >= this.count
  }

  /** Gives messages number `from` to `to` − 1, at most `rowsMax`, skipping what is before. How many were given. */
  give(decoder: RecordDecoder, rowsMax: number, from: number, to: number): number {
    let given = 0
    const end = Math.min(this.count, to)
    while (this.next < end && given < rowsMax) {
      const [start, stop] = this.#advance()
      const message = this.#message
      const wanted = this.next >= from && !message.compactedOut
      this.next++
      if (!wanted) continue
      if (message.keyIsBase64) decodeBase64(this.bytes, message)
      const timeMs = this.#time === 'event' && message.eventMs > 0 ? message.eventMs : this.#entry.publishMs
      decoder.record(message.isNull ? -1 : start, stop, this.#offset, timeMs, message.keyStart, message.keyEnd)
      if (this.#wanted.headers) decoder.headers(message.headers ?? [])
      if (this.#wanted.metadata) this.#tell(decoder, this.#wanted.metadata)
      given++
    }
    return given
  }

  #tell(decoder: RecordDecoder, wanted: readonly string[]): void {
    const { ledger, entry, partition } = this.#id
    const batch = this.#entry.count < 0 ? '' : `:${this.next - 1}`
    for (const name of wanted) {
      if (name === 'message_id') decoder.metadata?.(name, `${ledger}:${entry}:${partition}${batch}`)
      else if (name === 'publish_time') decoder.metadata?.(name, this.#entry.publishMs)
      else if (name === 'event_time') decoder.metadata?.(name, this.#message.eventMs > 0 ? this.#message.eventMs : null)
      else if (name === 'producer_name') decoder.metadata?.(name, this.#entry.producer)
    }
  }

  /** Reads the next message's own fields and gives where its payload lies. */
  #advance(): readonly [number, number] {
    const message = this.#message
    if (this.#entry.count < 0) return [this.#at, this.#end]
    const { bytes } = this
    const size = uint32(bytes, this.#at)
    const start = this.#at + 4
    const payload = start + size
    const reader = this.#reader
    if (payload > this.#end) throw damaged()
    resetFields(message)
    reader.reset(bytes, start, payload)
    for (let field = reader.next(); field; field = reader.next()) {
      if (field === 1) {
        if (this.#wanted.headers) addHeader(message, reader)
      } else if (field === 2) {
        message.keyStart = reader.start
        message.keyEnd = reader.end
      } else if (field === 3) message.size = reader.value
      else if (field === 4) message.compactedOut = reader.value === 1
      else if (field === 5) message.eventMs = reader.value
      else if (field === 6) message.keyIsBase64 = reader.value === 1
      else if (field === 9) message.isNull = reader.value === 1
    }
    const end = payload + message.size
    if (message.size < 0 || end > this.#end) throw damaged()
    this.#at = end
    return [payload, end]
  }
}

function readEntryFields(frame: Uint8Array, start: number, end: number, wanted: Wanted): EntryFields {
  const own = { publishMs: -1, producer: '', codec: 0, unpackedSize: 0, count: -1, marker: false }
  const fields: EntryFields = { ...emptyFields(), ...own }
  const reader = new ProtoReader(frame, start, end)
  let version = ''
  for (let field = reader.next(); field; field = reader.next()) {
    if (field === 1) {
      if (wanted.metadata) fields.producer = reader.text
    } else if (field === 3) fields.publishMs = reader.value
    else if (field === 4) {
      if (wanted.headers) addHeader(fields, reader)
    } else if (field === 6) {
      fields.keyStart = reader.start
      fields.keyEnd = reader.end
    } else if (field === 8) fields.codec = reader.value
    else if (field === 9) fields.unpackedSize = reader.value
    else if (field === 11) fields.count = reader.value
    else if (field === 12) fields.eventMs = reader.value
    else if (field === 13) throw notSupported('a message that its producer encrypted')
    else if (field === 16 && wanted.schemaVersion !== undefined)
      version = Buffer.from(frame.subarray(reader.start, reader.end)).toString('hex')
    else if (field === 17) fields.keyIsBase64 = reader.value === 1
    else if (field === 20) fields.marker = true
    else if (field === 25) fields.isNull = reader.value === 1
  }
  if (wanted.schemaVersion !== undefined && version !== wanted.schemaVersion && !fields.marker)
    throw new EngineError('22000', `written by version "${version}" of the schema, not "${wanted.schemaVersion}"`)
  return fields
}

function emptyFields(): MessageFields {
  return {
    keyStart: -1,
    keyEnd: -1,
    keyIsBase64: false,
    eventMs: 0,
    isNull: false,
    size: 0,
    compactedOut: false,
    headers: undefined,
  }
}

function resetFields(fields: MessageFields): void {
  fields.keyStart = -1
  fields.keyEnd = -1
  fields.keyIsBase64 = false
  fields.eventMs = 0
  fields.isNull = false
  fields.size = 0
  fields.compactedOut = false
  fields.headers = undefined
}

/** A property; its text is UTF-8 as headers of other brokers are bytes. */
function addHeader(fields: MessageFields, reader: ProtoReader): void {
  const pair = reader.message()
  let key = ''
  let value: Uint8Array = new Uint8Array(0)
  for (let field = pair.next(); field; field = pair.next()) {
    if (field === 1) key = pair.text
    else if (field === 2) value = pair.bytes.subarray(pair.start, pair.end)
  }
  fields.headers ??= []
  fields.headers.push({ key, value })
}

/** A key that is not text is sent as base64; its bytes need less room, so they take its place. A message is read once. */
function decodeBase64(bytes: Uint8Array, fields: MessageFields): void {
  if (fields.keyStart < 0) return
  const key = Buffer.from(
    Buffer.from(bytes.buffer, bytes.byteOffset + fields.keyStart, fields.keyEnd - fields.keyStart).toString('latin1'),
    'base64',
  )
  bytes.set(key, fields.keyStart)
  fields.keyEnd = fields.keyStart + key.length
}

/** Where an entry lies. */
export interface EntryId {
  readonly ledger: number
  readonly entry: number
  /** −1 in a topic without partitions. */
  readonly partition: number
}

/** One number an entry, as Pulsar's own functions make it; messages of a batch share it. */
export function offsetOf(id: { readonly ledger: number; readonly entry: number }): Int64 {
  const offset = id.ledger * 2 ** 28 + id.entry
  return Number.isSafeInteger(offset) ? offset : BigInt(id.ledger) * 268435456n + BigInt(id.entry)
}

interface MetadataSpan {
  readonly start: number
  readonly end: number
  /** Undefined: the producer wrote none. */
  readonly checksum: number | undefined
  /** Where the bytes with the checksum begin. */
  readonly checked: number
}

function metadataSpan(bytes: Uint8Array, from: number): MetadataSpan {
  let at = from
  if (uint16(bytes, at) === MAGIC_BROKER_METADATA) at += 6 + uint32(bytes, at + 2)
  let checksum: number | undefined
  if (uint16(bytes, at) === MAGIC_CHECKSUM) {
    checksum = uint32(bytes, at + 2)
    at += 6
  }
  const start = at + 4
  const end = start + uint32(bytes, at)
  if (!(end <= bytes.length)) throw damaged()
  return { start, end, checksum, checked: at }
}

function checkSum(bytes: Uint8Array, span: MetadataSpan, end: number): void {
  if (span.checksum !== undefined && crc32c(bytes, span.checked, end) !== span.checksum)
    throw new EngineError('22000', 'an entry of Pulsar that does not have its checksum', { actor: 'external' })
}

function damaged(): EngineError {
  return new EngineError('22000', 'an entry of Pulsar that ends before its last message', { actor: 'external' })
}

function uint16(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 8) | bytes[at + 1]
}

function uint32(bytes: Uint8Array, at: number): number {
  return ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0
}
