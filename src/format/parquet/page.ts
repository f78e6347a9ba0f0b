/** Values of one page, as columns without the missing ones. */
import { type Column, setInt64 } from '../../batch/column.ts'
import { bitWidth, readHybrid } from './levels.ts'
import { type Leaf, PHYSICAL } from './schema.ts'
import { damaged } from './thrift.ts'

/** As they lie in memory: BOOLEAN bool, INT32 int32, INT64 int64, FLOAT and DOUBLE float64, the others utf8 (INT96 as its 12 bytes). */
export function readValues(leaf: Leaf, encoding: number, bytes: Uint8Array, start: number, count: number): Column {
  switch (encoding) {
    case 0:
      return readPlain(leaf, bytes, start, count)
    case 3:
      return readBooleans(bytes, start, count)
    case 5:
      return readDeltas(leaf, bytes, start, count)
    case 6:
      return readDeltaLengths(bytes, start, count).column
    case 7:
      return readDeltaTexts(bytes, start, count)
    case 9:
      return readSplit(leaf, bytes, start, count)
    default:
      throw damaged(`encoding ${encoding} is not known`)
  }
}

const WIDTHS: Readonly<Record<number, number>> = {
  [PHYSICAL.INT32]: 4,
  [PHYSICAL.INT64]: 8,
  [PHYSICAL.INT96]: 12,
  [PHYSICAL.FLOAT]: 4,
  [PHYSICAL.DOUBLE]: 8,
}

function readPlain({ physical, fixedBytes }: Leaf, bytes: Uint8Array, start: number, count: number): Column {
  const valid = undefined
  if (physical === PHYSICAL.BOOLEAN) {
    need(bytes, start, (count + 7) >>> 3)
    const values = new Uint8Array(count)
    for (let i = 0; i < count; i++) values[i] = (bytes[start + (i >>> 3)] >>> (i & 7)) & 1
    return { storage: 'bool', values, valid }
  }
  if (physical === PHYSICAL.BYTES) {
    const starts = new Int32Array(count)
    const ends = new Int32Array(count)
    let at = start
    for (let i = 0; i < count; i++) {
      need(bytes, at, 4)
      const length = bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)
      if (length < 0) throw damaged('a text has no length')
      starts[i] = at + 4
      at = ends[i] = at + 4 + length
    }
    need(bytes, at, 0)
    return { storage: 'utf8', starts, ends, bytes, valid }
  }
  const width = WIDTHS[physical] ?? fixedBytes
  need(bytes, start, width * count)
  if (physical === PHYSICAL.FIXED || physical === PHYSICAL.INT96) {
    const starts = Int32Array.from({ length: count }, (_, i) => start + i * width)
    return { storage: 'utf8', starts, ends: starts.map(s => s + width), bytes, valid }
  }
  // A copy, which is aligned as arrays must be. A Buffer's own slice would be none.
  const { buffer } = new Uint8Array(bytes.subarray(start, start + width * count))
  if (physical === PHYSICAL.INT32) return { storage: 'int32', values: new Int32Array(buffer), valid }
  if (physical === PHYSICAL.INT64) return { storage: 'int64', words: new Int32Array(buffer), valid }
  if (physical === PHYSICAL.FLOAT) {
    return { storage: 'float64', values: Float64Array.from(new Float32Array(buffer)), valid }
  }
  return { storage: 'float64', values: new Float64Array(buffer), valid }
}

function need(bytes: Uint8Array, start: number, count: number): void {
  if (!(start + count <= bytes.length)) throw damaged('a page is cut off')
}

function readBooleans(bytes: Uint8Array, start: number, count: number): Column {
  const ids = new Int32Array(count)
  readHybrid(bytes, start + 4, bytes.length, 1, ids, 0, count)
  return { storage: 'bool', values: Uint8Array.from(ids), valid: undefined }
}

/** The first of each value, then of each the second byte, and so on. */
function readSplit(leaf: Leaf, bytes: Uint8Array, start: number, count: number): Column {
  const width = WIDTHS[leaf.physical] ?? leaf.fixedBytes
  need(bytes, start, width * count)
  const joined = new Uint8Array(width * count)
  for (let b = 0; b < width; b++) {
    for (let i = 0; i < count; i++) joined[i * width + b] = bytes[start + b * count + i]
  }
  return readPlain(leaf, joined, 0, count)
}

function readDeltas({ physical }: Leaf, bytes: Uint8Array, start: number, count: number): Column {
  const { values } = decodeDeltas(bytes, start, count)
  if (physical === PHYSICAL.INT32) {
    const numbers = Int32Array.from({ length: count }, (_, i) => Number(BigInt.asIntN(32, BigInt(values[i]))))
    return { storage: 'int32', values: numbers, valid: undefined }
  }
  const words = new Int32Array(2 * count)
  for (let i = 0; i < count; i++) setInt64(words, i, values[i])
  return { storage: 'int64', words, valid: undefined }
}

interface Deltas {
  readonly values: Float64Array | readonly bigint[]
  readonly end: number
}

/** DELTA_BINARY_PACKED. */
function decodeDeltas(bytes: Uint8Array, start: number, count: number): Deltas {
  return decodeSafe(bytes, start, count) ?? decodeWide(bytes, start, count)
}

/** With numbers; undefined where one is not safe. */
function decodeSafe(bytes: Uint8Array, start: number, count: number): Deltas | undefined {
  const reader = new DeltaReader(bytes, start)
  const { miniblocks, perMiniblock, total } = reader.header(count)
  const values = new Float64Array(count)
  let value = Number(reader.zigzag())
  if (count > 0) values[0] = value
  for (let i = 1; i < total; ) {
    const least = Number(reader.zigzag())
    const widths = reader.take(miniblocks)
    for (let m = 0; m < miniblocks && i < total; m++) {
      const width = widths[m]
      if (width > 52) return undefined
      const packed = reader.take((width * perMiniblock) / 8)
      for (let k = 0; k < perMiniblock && i < total; k++, i++) {
        value += least + bitsAt(packed, k * width, width)
        if (!(value < 2 ** 52 && value > -(2 ** 52))) return undefined
        if (i < count) values[i] = value
      }
    }
  }
  return { values, end: reader.at }
}

/** Sums wrap at 64 bits. */
function decodeWide(bytes: Uint8Array, start: number, count: number): Deltas {
  const reader = new DeltaReader(bytes, start)
  const { miniblocks, perMiniblock, total } = reader.header(count)
  const values: bigint[] = []
  let value = reader.zigzag()
  if (count > 0) values.push(value)
  for (let i = 1; i < total; ) {
    const least = reader.zigzag()
    const widths = reader.take(miniblocks)
    for (let m = 0; m < miniblocks && i < total; m++) {
      const width = widths[m]
      if (width > 64) throw damaged('differences are misshapen')
      const packed = reader.take((width * perMiniblock) / 8)
      for (let k = 0; k < perMiniblock && i < total; k++, i++) {
        value = BigInt.asIntN(64, value + least + wideBitsAt(packed, k * width, width))
        if (i < count) values.push(value)
      }
    }
  }
  return { values, end: reader.at }
}

/** Up to 52 bits. */
function bitsAt(bytes: Uint8Array, at: number, width: number): number {
  let value = 0
  let shift = -(at & 7)
  for (let byte = at >>> 3; shift < width; byte++, shift += 8) {
    value += shift < 0 ? bytes[byte] >>> -shift : lowBits(bytes[byte], width - shift) * 2 ** shift
  }
  return shift - 8 < 0 ? value % 2 ** width : value
}

function lowBits(byte: number, count: number): number {
  return count < 8 ? byte & ((1 << count) - 1) : byte
}

function wideBitsAt(bytes: Uint8Array, at: number, width: number): bigint {
  if (width <= 32) return BigInt(bitsAt(bytes, at, width))
  return BigInt(bitsAt(bytes, at, 32)) | (BigInt(bitsAt(bytes, at + 32, width - 32)) << 32n)
}

class DeltaReader {
  readonly #bytes: Uint8Array
  at: number

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes
    this.at = at
  }

  header(count: number): { miniblocks: number; perMiniblock: number; total: number } {
    const blockSize = Number(this.#big())
    const miniblocks = Number(this.#big())
    const total = Number(this.#big())
    const perMiniblock = blockSize / miniblocks
    if (!(miniblocks > 0 && perMiniblock % 8 === 0 && total >= count)) throw damaged('differences are misshapen')
    return { miniblocks, perMiniblock, total }
  }

  zigzag(): bigint {
    const value = this.#big()
    return BigInt.asIntN(64, (value >> 1n) ^ -(value & 1n))
  }

  take(count: number): Uint8Array {
    need(this.#bytes, this.at, count)
    this.at += count
    return this.#bytes.subarray(this.at - count, this.at)
  }

  #big(): bigint {
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const [byte] = this.take(1)
      value |= BigInt(byte & 127) << shift
      if (byte < 128) return value
    }
    throw damaged('differences are misshapen')
  }
}

type Texts = Extract<Column, { storage: 'utf8' }>

function readDeltaLengths(bytes: Uint8Array, start: number, count: number): { column: Texts } {
  const { values, end } = decodeDeltas(bytes, start, count)
  const starts = new Int32Array(count)
  const ends = new Int32Array(count)
  let at = end
  for (let i = 0; i < count; i++) {
    starts[i] = at
    at = ends[i] = at + Number(values[i])
    if (ends[i] < starts[i]) throw damaged('a text has no length')
  }
  need(bytes, at, 0)
  return { column: { storage: 'utf8', starts, ends, bytes, valid: undefined } }
}

/** Each text begins as the one before it did, for so many bytes. */
function readDeltaTexts(bytes: Uint8Array, start: number, count: number): Column {
  const prefixes = decodeDeltas(bytes, start, count)
  const { column: suffixes } = readDeltaLengths(bytes, prefixes.end, count)
  const starts = new Int32Array(count)
  const ends = new Int32Array(count)
  let total = 0
  for (let i = 0; i < count; i++) total += Number(prefixes.values[i]) + suffixes.ends[i] - suffixes.starts[i]
  const to = new Uint8Array(total)
  let at = 0
  for (let i = 0; i < count; i++) {
    const prefix = Number(prefixes.values[i])
    if (prefix < 0 || (i === 0 ? prefix > 0 : prefix > ends[i - 1] - starts[i - 1]))
      throw damaged('a text has no beginning')
    starts[i] = at
    if (prefix > 0) to.copyWithin(at, starts[i - 1], starts[i - 1] + prefix)
    to.set(suffixes.bytes.subarray(suffixes.starts[i], suffixes.ends[i]), at + prefix)
    at = ends[i] = at + prefix + suffixes.ends[i] - suffixes.starts[i]
  }
  return { storage: 'utf8', starts, ends, bytes: to, valid: undefined }
}

/** Levels of one page: with their length before them (`sized`), or in bytes of their own. Where they end. */
export function readLevels(
  bytes: Uint8Array,
  start: number,
  most: number,
  sized: boolean,
  to: Int32Array,
  at: number,
  count: number,
): number {
  if (most === 0) return start
  if (!sized) {
    readHybrid(bytes, start, bytes.length, bitWidth(most), to, at, count)
    return bytes.length
  }
  need(bytes, start, 4)
  const length = new DataView(bytes.buffer, bytes.byteOffset + start).getUint32(0, true)
  need(bytes, start + 4, length)
  readHybrid(bytes, start + 4, start + 4 + length, bitWidth(most), to, at, count)
  return start + 4 + length
}
