import { crc32c } from '../../src/base/crc32c.ts'
import type { RecordHeader } from '../../src/connector.ts'
import { CODECS, type Codec, compress } from './compression.ts'
import { BATCH_HEADER_BYTES } from './record-batch.ts'

/** Larger batches bring no more throughput, only latency; it stays well below the broker's default limit of 1 MiB. */
export const BATCH_BYTES = 256 << 10

/** Who writes; given by the broker, new after each transaction. */
export interface ProducerIdentity {
  readonly producerId: number
  readonly epoch: number
}

/** A batch ready to send, kept until it is acknowledged. */
export interface SealedBatch {
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly count: number
  /** Its place in the partition's sequence, by which the broker knows a repeated batch. −1 until it is first sent. */
  sequence: number
}

/** What a record has besides its key and value. */
export interface Beside {
  /** Milliseconds since 1970. */
  readonly timeMs: number
  readonly headers: readonly RecordHeader[] | undefined
}

const NO_HEADERS = Uint8Array.of(0)

/** Collects records into one batch of format 2, either all with times of their own or none: then theirs is that of the sealing, one moment for one write. */
export class BatchWriter {
  #bytes = new Uint8Array(BATCH_BYTES)
  #at = BATCH_HEADER_BYTES
  #count = 0
  /** Of the first record that came with a time, and of the latest. */
  #baseMs: number | undefined
  #lastMs = 0

  get count(): number {
    return this.#count
  }

  get size(): number {
    return this.#at
  }

  /** False when the batch is full without it; a record too large for any batch gets one of its own. A null value or key is start −1. */
  append(
    key: Uint8Array | undefined,
    keyStart: number,
    keyEnd: number,
    value: Uint8Array,
    valueStart: number,
    valueEnd: number,
    beside?: Beside,
  ): boolean {
    const keyBytes = key ? keyEnd - keyStart : 0
    const valueBytes = valueStart < 0 ? 0 : valueEnd - valueStart
    const keyLength = key ? zigzag(keyBytes) : 1
    const valueLength = valueStart < 0 ? 1 : zigzag(valueBytes)
    const delta = zigzag(this.#count)
    const timeDelta = beside && this.#count > 0 ? zigzagLong(beside.timeMs - (this.#baseMs ?? beside.timeMs)) : 0
    const headers = beside?.headers ? headerBytes(beside.headers) : NO_HEADERS
    const lengths = varintBytes(delta) + varintBytes(keyLength) + varintBytes(valueLength)
    // The attributes are one zero byte.
    const length = 1 + longBytes(timeDelta) + lengths + keyBytes + valueBytes + headers.length
    const needed = this.#at + length + 5
    if (needed > this.#bytes.length) {
      if (this.#count > 0) return false
      this.#bytes = new Uint8Array(needed)
    }
    const bytes = this.#bytes
    let at = putVarint(bytes, this.#at, zigzag(length))
    bytes[at++] = 0
    at = putLong(bytes, at, timeDelta)
    at = putVarint(bytes, at, delta)
    at = putVarint(bytes, at, keyLength)
    if (key) at = copy(key, keyStart, keyEnd, bytes, at)
    at = putVarint(bytes, at, valueLength)
    if (valueStart >= 0) at = copy(value, valueStart, valueEnd, bytes, at)
    at = copy(headers, 0, headers.length, bytes, at)
    if (beside) {
      this.#lastMs = this.#count === 0 ? beside.timeMs : Math.max(this.#lastMs, beside.timeMs)
      if (this.#count === 0) this.#baseMs = beside.timeMs
    }
    this.#at = at
    this.#count++
    return true
  }

  /** The batch so far, without an identity yet; this writer is empty again. `spare` is memory of an earlier batch to go on with. */
  seal(
    codec: Codec,
    transactional: boolean,
    timestampMs: number,
    spare: Uint8Array<ArrayBuffer> | undefined,
  ): SealedBatch {
    const count = this.#count
    let batch = this.#bytes
    let size = this.#at
    if (codec === 'none') this.#bytes = spare?.length === BATCH_BYTES ? spare : new Uint8Array(BATCH_BYTES)
    else {
      const packed = compress(codec, batch.subarray(BATCH_HEADER_BYTES, size), size - BATCH_HEADER_BYTES)
      size = BATCH_HEADER_BYTES + packed.length
      batch = new Uint8Array(size)
      batch.set(packed, BATCH_HEADER_BYTES)
      if (this.#bytes.length > BATCH_BYTES) this.#bytes = new Uint8Array(BATCH_BYTES)
    }
    this.#at = BATCH_HEADER_BYTES
    this.#count = 0
    const view = new DataView(batch.buffer)
    const [first, last] = this.#baseMs === undefined ? [timestampMs, timestampMs] : [this.#baseMs, this.#lastMs]
    this.#baseMs = undefined
    view.setBigInt64(0, 0n)
    view.setInt32(8, size - 12)
    view.setInt32(12, -1)
    view.setInt8(16, 2)
    view.setInt16(21, CODECS.indexOf(codec) | (transactional ? 16 : 0))
    view.setInt32(23, count - 1)
    view.setBigInt64(27, BigInt(Math.floor(first)))
    view.setBigInt64(35, BigInt(Math.floor(last)))
    view.setInt32(57, count)
    return { bytes: batch.subarray(0, size), count, sequence: -1 }
  }
}

/** Says who wrote the batch, and its place in the sequence. */
export function stamp(batch: SealedBatch, identity: ProducerIdentity, sequence: number): void {
  const { bytes } = batch
  batch.sequence = sequence
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  view.setBigInt64(43, BigInt(identity.producerId))
  view.setInt16(51, identity.epoch)
  view.setInt32(53, sequence)
  view.setUint32(17, crc32c(bytes, 21, bytes.length))
}

function zigzag(value: number): number {
  return value << 1
}

function varintBytes(value: number): number {
  return value < 128 ? 1 : value < 16384 ? 2 : value < 2097152 ? 3 : value < 268435456 ? 4 : 5
}

function putVarint(bytes: Uint8Array, start: number, value: number): number {
  let at = start
  let rest = value
  for (; rest > 127; rest >>>= 7) bytes[at++] = (rest & 127) | 128
  bytes[at++] = rest
  return at
}

/** Of milliseconds, which may be more than 32 bits apart. */
function zigzagLong(value: number): number {
  return value < 0 ? -2 * value - 1 : 2 * value
}

function longBytes(value: number): number {
  let count = 1
  for (let rest = value; rest > 127; rest = Math.floor(rest / 128)) count++
  return count
}

function putLong(bytes: Uint8Array, start: number, value: number): number {
  let at = start
  let rest = value
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes[at++] = (rest % 128) | 128
  bytes[at++] = rest
  return at
}

/** Their number, then each with its lengths; a null value has −1. */
function headerBytes(headers: readonly RecordHeader[]): Uint8Array {
  const parts = headers.map(({ key, value }) => ({ key: Buffer.from(key), value }))
  const size = parts.reduce((sum, { key, value }) => sum + key.length + (value?.length ?? 0) + 10, 5)
  const bytes = new Uint8Array(size)
  let at = putVarint(bytes, 0, zigzag(parts.length))
  for (const { key, value } of parts) {
    at = copy(key, 0, key.length, bytes, putVarint(bytes, at, zigzag(key.length)))
    at = putVarint(bytes, at, value ? zigzag(value.length) : 1)
    if (value) at = copy(value, 0, value.length, bytes, at)
  }
  return bytes.subarray(0, at)
}

function copy(from: Uint8Array, start: number, end: number, to: Uint8Array, at: number): number {
  if (end - start > 64) to.set(from.subarray(start, end), at)
  else for (let i = start, j = at; i < end; i++, j++) to[j] = from[i]
  return at + end - start
}
