/** Entries to be stored: a batch of messages each, packed whole. https://pulsar.apache.org/docs/next/developing-binary-protocol/#batch-messages */
import { assert } from '../../src/base/assert.ts'
import { crc32c } from '../../src/base/crc32c.ts'
import type { RecordHeader } from '../../src/connector.ts'
import { Command } from './commands.ts'
import { CODECS, type Codec, pack } from './compression.ts'
import { ProtoWriter } from './protobuf.ts'

/** As the Java client's default: larger entries bring no more throughput, only latency. */
const ENTRY_BYTES = 128 << 10
/** Room before the messages for the frame, the command and the metadata, which are written when the entry is sent. */
const HEAD_BYTES = 1 << 10
const CHECKSUM_MAGIC = 0x0e01

/** One message as the sink has it; used again for each. A null value begins at −1, and so does a key that is not there. */
export interface OutgoingMessage {
  key: Uint8Array
  keyStart: number
  keyEnd: number
  /** The key is no text: its bytes are Base64, and readers are told. */
  keyIsBase64: boolean
  value: Uint8Array
  valueStart: number
  valueEnd: number
  /** −1: none. */
  eventMs: number
  properties: readonly RecordHeader[] | undefined
}

/** Messages ready to send, kept until they are stored. */
export interface SealedEntry {
  /** The messages lie at bytes[at …]; what is before is room. */
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly at: number
  readonly count: number
  /** Before packing. */
  readonly unpackedSize: number
  /** Number of its first message in the partition's sequence, −1 until it is first sent. */
  sequence: number
  /** The whole frame, within `bytes`, once it was sent. */
  frame: Uint8Array | undefined
}

/** A transaction of the coordinator's, as the protocol has it. */
export interface TransactionId {
  readonly most: number
  readonly least: number
}

/** What an entry says of who writes it. */
export interface Stamp {
  readonly producerId: number
  readonly producerName: string
  readonly transaction: TransactionId | undefined
  readonly schemaVersion: Uint8Array | undefined
  readonly codec: Codec
  readonly publishMs: number
}

/** Collects messages into one entry. */
export class EntryWriter {
  #bytes = new Uint8Array(HEAD_BYTES + ENTRY_BYTES)
  #at = HEAD_BYTES
  #count = 0

  get count(): number {
    return this.#count
  }

  /** False when the entry is full without it; a message too large for any entry gets one of its own. */
  append(message: OutgoingMessage): boolean {
    const { keyStart, keyEnd, valueStart, valueEnd, eventMs, properties } = message
    const keyBytes = keyStart < 0 ? 0 : keyEnd - keyStart
    const valueBytes = valueStart < 0 ? 0 : valueEnd - valueStart
    const packed = properties && packProperties(properties)
    const needed = this.#at + 4 + (packed?.length ?? 0) + keyBytes + valueBytes + 40
    if (needed > this.#bytes.length) {
      if (this.#count > 0) return false
      this.#bytes = new Uint8Array(needed)
    }
    const bytes = this.#bytes
    const head = this.#at
    let at = head + 4
    if (packed) at = copy(packed, 0, packed.length, bytes, at)
    if (keyStart >= 0) {
      bytes[at++] = 0x12
      at = putVarint(bytes, at, keyBytes)
      at = copy(message.key, keyStart, keyEnd, bytes, at)
    }
    bytes[at++] = 0x18
    at = putVarint(bytes, at, valueBytes)
    if (eventMs > 0) {
      bytes[at++] = 0x28
      at = putVarint(bytes, at, Math.floor(eventMs))
    }
    if (message.keyIsBase64) {
      bytes[at++] = 0x30
      bytes[at++] = 1
    }
    if (valueStart < 0) {
      bytes[at++] = 0x48
      bytes[at++] = 1
    }
    putUint32(bytes, head, at - head - 4)
    if (valueStart >= 0) at = copy(message.value, valueStart, valueEnd, bytes, at)
    this.#at = at
    this.#count++
    return true
  }

  /** What was collected; this writer is empty again. `spare` is memory of an earlier entry to go on with. */
  seal(codec: Codec, spare: Uint8Array<ArrayBuffer> | undefined): SealedEntry {
    const size = this.#at - HEAD_BYTES
    const count = this.#count
    let bytes = this.#bytes
    if (codec === 'none') {
      bytes = bytes.subarray(0, this.#at)
      this.#bytes = isSpare(spare) ? spare : new Uint8Array(HEAD_BYTES + ENTRY_BYTES)
    } else {
      const packed = pack(codec, bytes, HEAD_BYTES, this.#at)
      bytes = new Uint8Array(HEAD_BYTES + packed.length)
      bytes.set(packed, HEAD_BYTES)
      if (this.#bytes.length > HEAD_BYTES + ENTRY_BYTES) this.#bytes = new Uint8Array(HEAD_BYTES + ENTRY_BYTES)
    }
    this.#at = HEAD_BYTES
    this.#count = 0
    return { bytes, at: HEAD_BYTES, count, unpackedSize: size, sequence: -1, frame: undefined }
  }
}

/** An entry as it was kept outside: messages that were sealed before. */
export function restoredEntry(messages: Uint8Array, count: number, unpackedSize: number): SealedEntry {
  const bytes = new Uint8Array(HEAD_BYTES + messages.length)
  bytes.set(messages, HEAD_BYTES)
  return { bytes, at: HEAD_BYTES, count, unpackedSize, sequence: -1, frame: undefined }
}

/** The memory of an entry that is not needed any more, if it can hold another. */
export function spareOf(entry: SealedEntry): Uint8Array<ArrayBuffer> | undefined {
  const bytes = new Uint8Array(entry.bytes.buffer)
  return isSpare(bytes) ? bytes : undefined
}

function isSpare(bytes: Uint8Array<ArrayBuffer> | undefined): bytes is Uint8Array<ArrayBuffer> {
  return bytes?.length === HEAD_BYTES + ENTRY_BYTES
}

/** Makes the entry a frame that the broker takes. Its sequence must be given before. */
export function stamp(entry: SealedEntry, by: Stamp): Uint8Array {
  const { sequence, count, bytes } = entry
  assert(sequence >= 0, 'the entry has its place in the sequence')
  const highest = sequence + count - 1
  const { transaction } = by
  const metadata = new ProtoWriter()
  metadata.text(1, by.producerName).number(2, sequence).number(3, Math.floor(by.publishMs))
  if (by.codec !== 'none') metadata.number(8, CODECS.indexOf(by.codec)).number(9, entry.unpackedSize)
  metadata.number(11, count)
  if (by.schemaVersion) metadata.data(16, by.schemaVersion)
  if (transaction) metadata.number(22, transaction.least).number(23, transaction.most)
  metadata.number(24, highest)
  const command = new ProtoWriter().number(1, Command.send).message(Command.send, w => {
    w.number(1, by.producerId).number(2, sequence).number(3, count)
    if (transaction) w.number(4, transaction.least).number(5, transaction.most)
    // The broker compares with the first id and remembers this one: without it, it would remember the first.
    w.number(6, highest)
  })
  const meta = metadata.finish()
  const head = command.finish()
  const start = entry.at - (8 + head.length + 10 + meta.length)
  assert(start >= 0, 'the head has room')
  let at = start
  putUint32(bytes, at, bytes.length - start - 4)
  putUint32(bytes, at + 4, head.length)
  bytes.set(head, at + 8)
  at += 8 + head.length
  bytes[at] = CHECKSUM_MAGIC >> 8
  bytes[at + 1] = CHECKSUM_MAGIC & 255
  putUint32(bytes, at + 6, meta.length)
  bytes.set(meta, at + 10)
  putUint32(bytes, at + 2, crc32c(bytes, at + 6, bytes.length))
  entry.frame = bytes.subarray(start)
  return entry.frame
}

/** Fields 1 of SingleMessageMetadata. */
function packProperties(properties: readonly RecordHeader[]): Uint8Array {
  const writer = new ProtoWriter()
  for (const { key, value } of properties) {
    if (value) writer.message(1, pair => pair.text(1, key).data(2, value))
  }
  return writer.finish()
}

function putVarint(bytes: Uint8Array, start: number, value: number): number {
  let at = start
  let rest = value
  for (; rest > 0x7fffffff; rest = Math.floor(rest / 128)) bytes[at++] = (rest % 128) | 128
  for (; rest > 127; rest >>>= 7) bytes[at++] = (rest & 127) | 128
  bytes[at++] = rest
  return at
}

function putUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24
  bytes[at + 1] = value >>> 16
  bytes[at + 2] = value >>> 8
  bytes[at + 3] = value
}

function copy(from: Uint8Array, start: number, end: number, to: Uint8Array, at: number): number {
  if (end - start > 64) to.set(from.subarray(start, end), at)
  else for (let i = start, j = at; i < end; i++, j++) to[j] = from[i]
  return at + end - start
}
