import { assert } from '../base/assert.ts'
import { decodeUtf8, encodeUtf8 } from '../batch/column.ts'

/**
 * How records lie in the store: many to a value, so that reading costs one look-up per hundreds of records.
 *
 *     0  u8   version = 1
 *     1  u8   flags: 1 keys, 2 headers, 4 gaps (offsets are not consecutive)
 *     4  u32  count
 *     8  f64  largest timestamp
 *     16 f64  timestamps[count], then i32 arrays [count]: value lengths (−1 null), key lengths (−1 null; flag 1),
 *             header lengths (flag 2), offsets less the block's own (flag 4); then record after record: key, value, headers
 *
 * The offset of the first record is the key of the value and not in it: a staged block gets its offsets when it is committed.
 */
const VERSION = 1
const HEADER_BYTES = 16
const KEYS = 1
const HEADERS = 2
const GAPS = 4
const NO_BYTES = new Uint8Array(0)

export interface LogHeader {
  readonly key: string
  readonly value: Uint8Array | null
}

/** One record, for people and tests; what is fast fills a BlockBuilder and reads a RecordBlock. */
export interface LogRecord {
  /** Missing or null: no key. */
  readonly key?: Uint8Array | null
  /** Null: with a key, the key is deleted. */
  readonly value: Uint8Array | null
  readonly timestampMs: number
  readonly headers?: readonly LogHeader[]
}

/** Collects records of one partition into a stored block. */
export class BlockBuilder {
  #count = 0
  #bytes: Buffer
  #byteCount = 0
  #times = new Float64Array(8)
  #values = new Int32Array(8)
  #keys = new Int32Array(8)
  #headers = new Int32Array(8)
  #deltas = new Int32Array(8)
  #flags = 0

  constructor(capacityBytes = 256) {
    this.#bytes = Buffer.allocUnsafeSlow(capacityBytes)
  }

  get count(): number {
    return this.#count
  }

  /** Bytes of keys, values and headers so far. */
  get byteCount(): number {
    return this.#byteCount
  }

  /**
   * A record: key keyBytes[keyStart … keyEnd), value bytes[start … end), encoded headers likewise; a start of −1 means null.
   * `delta` is its offset less the first record's; left out, records follow on one another.
   */
  add(
    timestampMs: number,
    keyBytes: Uint8Array,
    keyStart: number,
    keyEnd: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    headers: Uint8Array = NO_BYTES,
    delta = this.#count === 0 ? 0 : this.#deltas[this.#count - 1] + 1,
  ): void {
    const row = this.#count
    if (row === this.#times.length) this.#growRows()
    this.#times[row] = timestampMs
    this.#deltas[row] = delta
    this.#keys[row] = this.#copy(keyBytes, keyStart, keyEnd)
    this.#values[row] = this.#copy(bytes, start, end)
    this.#headers[row] = this.#copy(headers, 0, headers.length)
    if (keyStart >= 0) this.#flags |= KEYS
    if (headers.length > 0) this.#flags |= HEADERS
    if (delta !== row) this.#flags |= GAPS
    this.#count = row + 1
  }

  /** The stored form; the builder is empty again afterwards and may be filled anew. */
  finish(): Buffer {
    const count = this.#count
    assert(count > 0, 'a block has records')
    const flags = this.#flags
    const arrays = 1 + (flags & KEYS ? 1 : 0) + (flags & HEADERS ? 1 : 0) + (flags & GAPS ? 1 : 0)
    const index = HEADER_BYTES + 8 * count + 4 * count * arrays
    const block = Buffer.allocUnsafeSlow(index + this.#byteCount)
    let max = -Infinity
    for (let i = 0; i < count; i++) if (this.#times[i] > max) max = this.#times[i]
    block[0] = VERSION
    block[1] = flags
    block[2] = block[3] = 0
    block.writeUInt32LE(count, 4)
    block.writeDoubleLE(max, 8)
    block.set(bytesOf(this.#times, count), HEADER_BYTES)
    let at = HEADER_BYTES + 8 * count
    const put = (array: Int32Array): void => {
      block.set(bytesOf(array, count), at)
      at += 4 * count
    }
    put(this.#values)
    if (flags & KEYS) put(this.#keys)
    if (flags & HEADERS) put(this.#headers)
    if (flags & GAPS) put(this.#deltas)
    block.set(this.#bytes.subarray(0, this.#byteCount), at)
    this.#count = this.#byteCount = this.#flags = 0
    return block
  }

  /** Length of what was copied, −1 for null. */
  #copy(from: Uint8Array, start: number, end: number): number {
    if (start < 0) return -1
    const length = end - start
    const at = this.#byteCount
    if (at + length > this.#bytes.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(this.#bytes.length * 2, at + length))
      larger.set(this.#bytes.subarray(0, at))
      this.#bytes = larger
    }
    // Below this length the call of `set` costs more than the loop.
    if (length < 48) for (let i = 0; i < length; i++) this.#bytes[at + i] = from[start + i]
    else this.#bytes.set(from.subarray(start, end), at)
    this.#byteCount = at + length
    return length
  }

  #growRows(): void {
    const size = this.#times.length * 2
    this.#times = grown(this.#times, new Float64Array(size))
    this.#values = grown(this.#values, new Int32Array(size))
    this.#keys = grown(this.#keys, new Int32Array(size))
    this.#headers = grown(this.#headers, new Int32Array(size))
    this.#deltas = grown(this.#deltas, new Int32Array(size))
  }
}

/**
 * Records read from one partition, in one run of bytes. Row i has value bytes[starts[i] … ends[i]), key and headers likewise,
 * a start of −1 being null. Its memory is used again by the next read into it.
 */
export class RecordBlock {
  count = 0
  /** Where the next read goes on. */
  nextOffset = 0
  bytes: Uint8Array = NO_BYTES
  byteCount = 0
  offsets = new Float64Array(256)
  timestampsMs = new Float64Array(256)
  starts = new Int32Array(256)
  ends = new Int32Array(256)
  keyStarts = new Int32Array(256)
  keyEnds = new Int32Array(256)
  /** Encoded headers; `headersAt` decodes them. Start −1: none. */
  headerStarts = new Int32Array(256)
  headerEnds = new Int32Array(256)

  clear(nextOffset: number): void {
    this.count = 0
    this.byteCount = 0
    this.nextOffset = nextOffset
  }

  /** Appends the records of a stored block whose offsets are at least `from`. */
  addStored(stored: Uint8Array, baseOffset: number, from: number): void {
    const { count, times, values, keys, headers, deltas, payload } = parse(stored)
    let row = 0
    let skipped = 0
    while (row < count && baseOffset + (deltas ? deltas[row] : row) < from) {
      skipped += Math.max(0, values[row]) + (keys ? Math.max(0, keys[row]) : 0) + (headers ? headers[row] : 0)
      row++
    }
    this.#reserve(this.count + count - row, this.byteCount + stored.length - payload - skipped)
    let at = this.byteCount
    this.bytes.set(stored.subarray(payload + skipped), at)
    let to = this.count
    for (; row < count; row++, to++) {
      this.offsets[to] = baseOffset + (deltas ? deltas[row] : row)
      this.timestampsMs[to] = times[row]
      const key = keys ? keys[row] : -1
      this.keyStarts[to] = key < 0 ? -1 : at
      if (key > 0) at += key
      this.keyEnds[to] = key < 0 ? -1 : at
      const value = values[row]
      this.starts[to] = value < 0 ? -1 : at
      if (value > 0) at += value
      this.ends[to] = value < 0 ? -1 : at
      const header = headers ? headers[row] : 0
      this.headerStarts[to] = header === 0 ? -1 : at
      at += header
      this.headerEnds[to] = header === 0 ? -1 : at
    }
    this.byteCount = at
    this.count = to
    if (to > 0) this.nextOffset = Math.max(this.nextOffset, this.offsets[to - 1] + 1)
  }

  /** Headers of row i. */
  headersAt(row: number): LogHeader[] {
    return this.headerStarts[row] < 0
      ? []
      : decodeHeaders(this.bytes.subarray(this.headerStarts[row], this.headerEnds[row]))
  }

  /** Row i as an object; copies. Not for hot loops. */
  recordAt(row: number): LogRecord & { readonly offset: number } {
    const slice = (start: number, end: number): Uint8Array | null => (start < 0 ? null : this.bytes.slice(start, end))
    return {
      offset: this.offsets[row],
      timestampMs: this.timestampsMs[row],
      key: slice(this.keyStarts[row], this.keyEnds[row]),
      value: slice(this.starts[row], this.ends[row]),
      headers: this.headersAt(row),
    }
  }

  #reserve(rows: number, byteCount: number): void {
    if (rows > this.offsets.length) {
      const size = Math.max(rows, this.offsets.length * 2)
      this.offsets = grown(this.offsets, new Float64Array(size))
      this.timestampsMs = grown(this.timestampsMs, new Float64Array(size))
      this.starts = grown(this.starts, new Int32Array(size))
      this.ends = grown(this.ends, new Int32Array(size))
      this.keyStarts = grown(this.keyStarts, new Int32Array(size))
      this.keyEnds = grown(this.keyEnds, new Int32Array(size))
      this.headerStarts = grown(this.headerStarts, new Int32Array(size))
      this.headerEnds = grown(this.headerEnds, new Int32Array(size))
    }
    if (byteCount > this.bytes.length) {
      const larger = new Uint8Array(Math.max(byteCount, this.bytes.length * 2))
      larger.set(this.bytes.subarray(0, this.byteCount))
      this.bytes = larger
    }
  }
}

/** What retention and look-ups need of a stored block, without reading its records. */
export function blockSummary(stored: Uint8Array): { readonly count: number; readonly maxTimestampMs: number } {
  const view = new DataView(stored.buffer, stored.byteOffset, HEADER_BYTES)
  return { count: view.getUint32(4, true), maxTimestampMs: view.getFloat64(8, true) }
}

/** Headers as bytes: key length, key, value length (−1 null), value, for each. */
export function encodeHeaders(headers: readonly LogHeader[]): Uint8Array {
  const parts: Uint8Array[] = []
  for (const { key, value } of headers) {
    const name = encodeUtf8(key)
    const lengths = new Int32Array([name.length, value === null ? -1 : value.length])
    parts.push(bytesOf(lengths, 2), name, value ?? NO_BYTES)
  }
  return Buffer.concat(parts)
}

function decodeHeaders(bytes: Uint8Array): LogHeader[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const headers: LogHeader[] = []
  for (let at = 0; at < bytes.length; ) {
    const keyEnd = at + 8 + view.getInt32(at, true)
    const length = view.getInt32(at + 4, true)
    const key = decodeUtf8(bytes, at + 8, keyEnd)
    headers.push({ key, value: length < 0 ? null : bytes.slice(keyEnd, keyEnd + length) })
    at = keyEnd + Math.max(0, length)
  }
  return headers
}

interface ParsedBlock {
  readonly count: number
  readonly times: Float64Array
  readonly values: Int32Array
  readonly keys: Int32Array | undefined
  readonly headers: Int32Array | undefined
  readonly deltas: Int32Array | undefined
  /** Where the records' bytes begin. */
  readonly payload: number
}

/** The index is copied once, because a value in the store may lie at any address and typed arrays want multiples of eight. */
function parse(stored: Uint8Array): ParsedBlock {
  assert(stored[0] === VERSION, `block version ${stored[0]}`)
  const flags = stored[1]
  const { count } = blockSummary(stored)
  const arrays = 1 + (flags & KEYS ? 1 : 0) + (flags & HEADERS ? 1 : 0) + (flags & GAPS ? 1 : 0)
  const payload = HEADER_BYTES + 8 * count + 4 * count * arrays
  const { buffer } = new Uint8Array(stored.subarray(HEADER_BYTES, payload))
  let at = 8 * count
  const next = (): Int32Array => {
    const array = new Int32Array(buffer, at, count)
    at += 4 * count
    return array
  }
  return {
    count,
    times: new Float64Array(buffer, 0, count),
    values: next(),
    keys: flags & KEYS ? next() : undefined,
    headers: flags & HEADERS ? next() : undefined,
    deltas: flags & GAPS ? next() : undefined,
    payload,
  }
}

function bytesOf(array: Float64Array | Int32Array, count: number): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, count * array.BYTES_PER_ELEMENT)
}

function grown<T extends { set(from: T): void }>(from: T, to: T): T {
  to.set(from)
  return to
}
