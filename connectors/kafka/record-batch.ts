/** Record batches (format 2) as they lie in a fetch answer: headers, aborted transactions, records. */

import { crc32c } from '../../src/base/crc32c.ts'
import { EngineError } from '../../src/base/errors.ts'
import type { RecordDecoder, RecordHeader } from '../../src/connector.ts'

export const BATCH_HEADER_BYTES = 61
const TWO_32 = 4294967296

export interface AbortedTransaction {
  readonly producerId: number
  readonly firstOffset: number
}

/** A batch's header. `at` … `end` is the whole batch in `bytes`. */
export interface BatchHeader {
  readonly at: number
  readonly end: number
  readonly baseOffset: number
  readonly lastOffset: number
  /** 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd. */
  readonly codec: number
  readonly transactional: boolean
  /** Holds the end of a transaction instead of records. */
  readonly control: boolean
  readonly baseTimestamp: number
  /** The broker's time of all records, where the topic wants that instead of the producer's. */
  readonly appendTimestamp: number | undefined
  readonly producerId: number
  readonly recordCount: number
}

/** The offset after the last whole batch in bytes[start … end), without looking inside; `from` when there is none. */
export function offsetAfter(bytes: Uint8Array, start: number, end: number, from: number): number {
  let next = from
  for (let at = start; at + BATCH_HEADER_BYTES <= end; ) {
    const batchEnd = at + 12 + int32(bytes, at + 8)
    if (batchEnd > end || batchEnd < at + BATCH_HEADER_BYTES) break
    next = Math.max(next, int64(bytes, at) + int32(bytes, at + 23) + 1)
    at = batchEnd
  }
  return next
}

/** The batch at `at`; undefined where the answer ends or cuts the last batch off. Throws XX001 when its checksum is wrong. */
export function readBatchHeader(bytes: Uint8Array, at: number, end: number, where: string): BatchHeader | undefined {
  if (at + BATCH_HEADER_BYTES > end) return undefined
  const batchEnd = at + 12 + int32(bytes, at + 8)
  if (batchEnd > end) return undefined
  const magic = bytes[at + 16]
  const baseOffset = int64(bytes, at)
  if (batchEnd < at + BATCH_HEADER_BYTES) throw damaged(`a record batch too short at offset ${baseOffset} of ${where}`)
  if (magic !== 2) {
    const hint = 'The topic holds messages from before Kafka 0.11; copy it with a newer client.'
    throw new EngineError('0A000', `message format ${magic} at offset ${baseOffset} of ${where}`, {
      actor: 'external',
      hint,
    })
  }
  if (crc32c(bytes, at + 21, batchEnd) !== int32(bytes, at + 17) >>> 0) {
    throw damaged(`wrong checksum of the records at offset ${baseOffset} of ${where}`)
  }
  const attributes = (bytes[at + 21] << 8) | bytes[at + 22]
  return {
    at,
    end: batchEnd,
    baseOffset,
    lastOffset: baseOffset + int32(bytes, at + 23),
    codec: attributes & 7,
    transactional: (attributes & 16) !== 0,
    control: (attributes & 32) !== 0,
    baseTimestamp: int64(bytes, at + 27),
    appendTimestamp: attributes & 8 ? int64(bytes, at + 35) : undefined,
    producerId: int64(bytes, at + 43),
    recordCount: int32(bytes, at + 57),
  }
}

function damaged(message: string): EngineError {
  const hint =
    "The network or the broker's disk damaged them; they are read again. start_offsets goes past them if they stay so."
  return new EngineError('XX001', message, { actor: 'external', retryable: true, hint })
}

/**
 * Tells the batches of aborted transactions while the batches of one answer are walked in order. The broker names each
 * aborted transaction that touches the answer with its first offset; it lasts until that producer's next abort marker, in this
 * answer or a later one. So one producer may be in and out several times within one answer.
 */
export class AbortedFilter {
  readonly #coming: readonly AbortedTransaction[]
  readonly #open = new Set<number>()
  #next = 0

  constructor(aborted: readonly AbortedTransaction[]) {
    this.#coming = aborted.length < 2 ? aborted : [...aborted].sort((a, b) => a.firstOffset - b.firstOffset)
  }

  /** True when nobody shall see the batch's records: an aborted one, or a control batch. */
  hides(batch: BatchHeader, bytes: Uint8Array): boolean {
    while (this.#next < this.#coming.length && this.#coming[this.#next].firstOffset <= batch.lastOffset) {
      this.#open.add(this.#coming[this.#next++].producerId)
    }
    if (!batch.control) return batch.transactional && this.#open.has(batch.producerId)
    if (isAbortMarker(batch, bytes)) this.#open.delete(batch.producerId)
    return true
  }
}

/** A control record's key is its version and its type: 0 abort, 1 commit. */
function isAbortMarker(batch: BatchHeader, bytes: Uint8Array): boolean {
  let at = skipVarint(bytes, batch.at + BATCH_HEADER_BYTES) + 1 // length, attributes
  at = skipVarint(bytes, skipVarint(bytes, at)) // timestamp and offset deltas
  const key = skipVarint(bytes, at)
  return bytes[key + 2] === 0 && bytes[key + 3] === 0
}

/** A walk through the records of one batch that may pause between records. */
export class RecordCursor {
  readonly bytes: Uint8Array
  readonly #batch: BatchHeader
  readonly #end: number
  #at: number
  #left: number

  /** The records, not compressed, are bytes[start … end). */
  constructor(batch: BatchHeader, bytes: Uint8Array, start: number, end: number) {
    this.bytes = bytes
    this.#batch = batch
    this.#at = start
    this.#end = end
    this.#left = batch.recordCount
  }

  get done(): boolean {
    return this.#left === 0
  }

  /** Gives at most `rowsMax` records with offsets in [from, to) to the decoder; the offset after the last record seen. */
  give(
    decoder: RecordDecoder,
    rowsMax: number,
    from: number,
    to: number,
  ): { readonly given: number; readonly next: number } {
    const { bytes } = this
    const { baseOffset, baseTimestamp, appendTimestamp } = this.#batch
    let at = this.#at
    let left = this.#left
    let given = 0
    let next = from
    for (; left > 0 && given < rowsMax; left--) {
      let byte = bytes[at++]
      const length = unzigzag(byte < 128 ? byte : longVarint(bytes, at, byte & 127))
      if (byte > 127) at = varintEnd
      const end = at + length
      at++ // Attributes: none are defined.
      byte = bytes[at++]
      const timestampDelta = unzigzag(byte < 128 ? byte : longVarint(bytes, at, byte & 127))
      if (byte > 127) at = varintEnd
      byte = bytes[at++]
      const offset = baseOffset + unzigzag(byte < 128 ? byte : longVarint(bytes, at, byte & 127))
      if (byte > 127) at = varintEnd
      byte = bytes[at++]
      const keyLength = unzigzag(byte < 128 ? byte : longVarint(bytes, at, byte & 127))
      if (byte > 127) at = varintEnd
      const keyStart = keyLength < 0 ? -1 : at
      const keyEnd = keyLength < 0 ? -1 : at + keyLength
      if (keyLength > 0) at = keyEnd
      byte = bytes[at++]
      const valueLength = unzigzag(byte < 128 ? byte : longVarint(bytes, at, byte & 127))
      if (byte > 127) at = varintEnd
      const valueEnd = valueLength < 0 ? at : at + valueLength
      // Not written as `>`: what lies behind the memory reads as NaN.
      if (!(valueEnd <= end && end <= this.#end))
        throw damaged(`a record past the end of its batch at offset ${baseOffset}`)
      if (offset >= to) {
        left = 0
        next = to
        break
      }
      if (offset >= from) {
        const timestamp = appendTimestamp ?? (baseTimestamp < 0 ? -1 : baseTimestamp + timestampDelta)
        decoder.record(valueLength < 0 ? -1 : at, valueLength < 0 ? -1 : valueEnd, offset, timestamp, keyStart, keyEnd)
        if (decoder.wantsHeaders) decoder.headers(readHeaders(bytes, valueEnd, end))
        given++
        next = offset + 1
      }
      at = end
    }
    this.#at = at
    this.#left = left
    return { given, next }
  }
}

/** Where the varint ends that `longVarint` read last: two results without an object each. */
let varintEnd = 0

/** The rest of a varint whose first byte had the low bits `first`; `at` is behind that byte. Arithmetic, for values past 32 bits. */
function longVarint(bytes: Uint8Array, at: number, first: number): number {
  let value = first
  let end = at
  for (let scale = 128; ; scale *= 128) {
    const byte = bytes[end++]
    value += (byte & 127) * scale
    if (byte < 128 || byte === undefined) break
  }
  varintEnd = end
  return value
}

function unzigzag(value: number): number {
  if (value <= 0x7fffffff) return (value >>> 1) ^ -(value & 1)
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2
}

function skipVarint(bytes: Uint8Array, start: number): number {
  let at = start
  while (bytes[at++] > 127);
  return at
}

const text = new TextDecoder()

function readHeaders(bytes: Uint8Array, start: number, end: number): RecordHeader[] {
  let at = start
  const length = (): number => {
    const value = unzigzag(readVarint(bytes, at))
    at = varintEnd
    return value
  }
  const headers: RecordHeader[] = []
  for (let count = length(); count > 0; count--) {
    const keyLength = length()
    const key = text.decode(bytes.subarray(at, at + keyLength))
    at += keyLength
    const valueLength = length()
    const value = valueLength < 0 ? null : bytes.subarray(at, at + valueLength)
    at += Math.max(0, valueLength)
    if (keyLength < 0 || !(at <= end)) throw damaged('record headers past the end of their record')
    headers.push({ key, value })
  }
  return headers
}

function readVarint(bytes: Uint8Array, at: number): number {
  const byte = bytes[at]
  if (byte > 127) return longVarint(bytes, at + 1, byte & 127)
  varintEnd = at + 1
  return byte
}

function int32(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]
}

function int64(bytes: Uint8Array, at: number): number {
  return int32(bytes, at) * TWO_32 + (int32(bytes, at + 4) >>> 0)
}
