import { assert } from '../../base/assert.ts'
import { expectStorage, int64AsNumber } from '../../batch/column.ts'
import { Bytes } from './bytes.ts'
import { writeDelta } from './delta.ts'
import { type Dictionary, dictionaryOf32, dictionaryOf64, dictionaryOfText } from './dictionary.ts'
import { bitWidth, writeHybrid } from './levels.ts'
import { type Leaf, PHYSICAL } from './schema.ts'
import { type Bounds, boundsOf, type Piece } from './statistics.ts'

export const ENCODING = { PLAIN: 0, RLE: 3, DELTA_BINARY_PACKED: 5, RLE_DICTIONARY: 8 } as const

/** Values of one leaf in a row group, without the missing ones. */
export interface LeafValues {
  readonly leaf: Leaf
  /** All of one storage. */
  readonly pieces: readonly Piece[]
  readonly valueCount: number
  readonly levelCount: number
  /** Undefined: everything is there. */
  readonly definitions: Int32Array | undefined
  /** Undefined: nothing repeats. */
  readonly repetitions: Int32Array | undefined
}

export interface Page {
  readonly kind: 'dictionary' | 'data'
  readonly valueCount: number
  readonly encoding: number
  /** Uncompressed. */
  readonly body: Uint8Array
}

export interface EncodedChunk {
  readonly leaf: Leaf
  readonly pages: readonly Page[]
  readonly levelCount: number
  readonly nullCount: number
  readonly bounds: Bounds | undefined
}

/** Rows a page has: what a reader decodes at once. */
const PAGE_LEVELS = 1 << 15

export function encodeChunk(values: LeafValues): EncodedChunk {
  const { leaf, levelCount, valueCount, pieces, definitions } = values
  const encode = valueEncoder(values)
  const pages: Page[] = []
  const { dictionary } = encode
  if (dictionary) {
    pages.push({ kind: 'dictionary', valueCount: dictionary.count, encoding: ENCODING.PLAIN, body: dictionary.bytes })
  }
  let value = 0
  for (let start = 0; start < levelCount; ) {
    const end = pageEnd(values, start)
    const present = definitions === undefined ? end - start : countPresent(definitions, start, end, leaf.definitionMax)
    const { encoding, bytes } = encode.range(value, value + present)
    const out = new Bytes(64 + bytes.length)
    writeLevels(values, start, end, out)
    out.append(bytes)
    pages.push({ kind: 'data', valueCount: end - start, encoding, body: out.take() })
    value += present
    start = end
  }
  assert(value === valueCount, 'levels and values agree')
  const different = dictionary ? [{ column: dictionary.column, count: dictionary.count }] : pieces
  const bounds = boundsOf(leaf, different, valueCount)
  return { leaf, pages, levelCount, nullCount: levelCount - valueCount, bounds }
}

/** A page ends where a row does. */
function pageEnd({ levelCount, repetitions }: LeafValues, start: number): number {
  let end = Math.min(levelCount, start + PAGE_LEVELS)
  if (repetitions) while (end < levelCount && repetitions[end] !== 0) end++
  return end
}

function countPresent(definitions: Int32Array, start: number, end: number, full: number): number {
  let count = 0
  for (let i = start; i < end; i++) if (definitions[i] === full) count++
  return count
}

function writeLevels({ leaf, definitions, repetitions }: LeafValues, start: number, end: number, out: Bytes): void {
  if (leaf.repetitionMax > 0 && repetitions) writeSized(repetitions, start, end, bitWidth(leaf.repetitionMax), out)
  if (leaf.definitionMax === 0) return
  const width = bitWidth(leaf.definitionMax)
  if (definitions) writeSized(definitions, start, end, width, out)
  else writeSized(new Int32Array(end - start).fill(leaf.definitionMax), 0, end - start, width, out)
}

function writeSized(levels: Int32Array, start: number, end: number, width: number, out: Bytes): void {
  const sizeAt = out.at
  out.u32(0)
  writeHybrid(levels, start, end, width, out)
  const size = out.at - sizeAt - 4
  for (let i = 0; i < 4; i++) out.bytes[sizeAt + i] = size >>> (8 * i)
}

interface ValueEncoder {
  readonly dictionary: Dictionary | undefined
  /** Values [start, end) of the chunk. */
  range(start: number, end: number): { readonly encoding: number; readonly bytes: Uint8Array }
}

/** A dictionary where values repeat; else differences for 64-bit integers that are near one another; else the plain values. */
function valueEncoder({ leaf, pieces, valueCount }: LeafValues): ValueEncoder {
  const storage = pieces.length === 0 ? undefined : pieces[0].column.storage
  switch (storage) {
    case undefined:
      return { dictionary: undefined, range: () => ({ encoding: ENCODING.PLAIN, bytes: new Uint8Array(0) }) }
    case 'bool':
      return plain((start, end) => bitsOf(joinedBytes(pieces, valueCount), start, end))
    case 'int32': {
      const values = new Int32Array(valueCount)
      copy(pieces, (column, at, count) => values.set(expectStorage(column, 'int32').values.subarray(0, count), at))
      const dictionary = dictionaryOf32(values, valueCount, 'int32')
      return dictionary ? byDictionary(dictionary) : plain((start, end) => bytesOf(values.subarray(start, end)))
    }
    case 'int64':
      return wideIntegers(pieces, valueCount)
    case 'float64': {
      const values = new Float64Array(valueCount)
      copy(pieces, (column, at, count) => values.set(expectStorage(column, 'float64').values.subarray(0, count), at))
      if (leaf.physical === PHYSICAL.FLOAT) {
        const singles = Float32Array.from(values)
        const dictionary = dictionaryOf32(new Int32Array(singles.buffer), valueCount, 'float64')
        return dictionary ? byDictionary(dictionary) : plain((start, end) => bytesOf(singles.subarray(start, end)))
      }
      const dictionary = dictionaryOf64(new Int32Array(values.buffer), valueCount, 'float64')
      return dictionary ? byDictionary(dictionary) : plain((start, end) => bytesOf(values.subarray(start, end)))
    }
    case 'utf8': {
      const dictionary = dictionaryOfText(pieces, valueCount, leaf.fixedBytes)
      return dictionary
        ? byDictionary(dictionary)
        : plain((start, end) => plainText(pieces, leaf.fixedBytes, start, end))
    }
    default:
      throw new Error(`${storage} is no leaf`)
  }
}

function plain(range: (start: number, end: number) => Uint8Array): ValueEncoder {
  return {
    dictionary: undefined,
    range: (start, end) => ({ encoding: ENCODING.PLAIN, bytes: range(start, end) }),
  }
}

function byDictionary(dictionary: Dictionary): ValueEncoder {
  const width = bitWidth(Math.max(0, dictionary.count - 1))
  return {
    dictionary,
    range: (start, end) => {
      const out = new Bytes(64 + (((end - start) * width) >>> 3))
      out.byte(width)
      writeHybrid(dictionary.ids, start, end, width, out)
      return { encoding: ENCODING.RLE_DICTIONARY, bytes: out.take() }
    },
  }
}

function wideIntegers(pieces: readonly Piece[], valueCount: number): ValueEncoder {
  const words = new Int32Array(2 * valueCount)
  copy(pieces, (column, at, count) => words.set(expectStorage(column, 'int64').words.subarray(0, 2 * count), 2 * at))
  const dictionary = dictionaryOf64(words, valueCount, 'int64')
  if (dictionary) return byDictionary(dictionary)
  const numbers = new Float64Array(valueCount)
  let safe = true
  for (let i = 0; i < valueCount; i++) {
    numbers[i] = int64AsNumber(words, i)
    if (!(numbers[i] < 2 ** 52 && numbers[i] > -(2 ** 52))) safe = false
  }
  return {
    dictionary: undefined,
    range: (start, end) => {
      const delta = safe ? writeDelta(numbers, start, end) : undefined
      if (delta) return { encoding: ENCODING.DELTA_BINARY_PACKED, bytes: delta }
      return { encoding: ENCODING.PLAIN, bytes: bytesOf(words.subarray(2 * start, 2 * end)) }
    },
  }
}

function copy(pieces: readonly Piece[], take: (column: Piece['column'], at: number, count: number) => void): void {
  let at = 0
  for (const { column, count } of pieces) {
    take(column, at, count)
    at += count
  }
}

function joinedBytes(pieces: readonly Piece[], count: number): Uint8Array {
  const values = new Uint8Array(count)
  copy(pieces, (column, at, rows) => values.set(expectStorage(column, 'bool').values.subarray(0, rows), at))
  return values
}

function bitsOf(values: Uint8Array, start: number, end: number): Uint8Array {
  const bytes = new Uint8Array((end - start + 7) >>> 3)
  for (let i = start; i < end; i++) bytes[(i - start) >>> 3] |= values[i] << ((i - start) & 7)
  return bytes
}

function plainText(pieces: readonly Piece[], fixedBytes: number, start: number, end: number): Uint8Array {
  const out = new Bytes((end - start) * 16)
  let first = 0
  for (const { column, count } of pieces) {
    const from = Math.max(0, start - first)
    const to = Math.min(count, end - first)
    if (from < to) appendText(column, from, to, fixedBytes, out)
    first += count
  }
  return out.take()
}

function appendText(column: Piece['column'], from: number, to: number, fixedBytes: number, out: Bytes): void {
  const { bytes, starts, ends } = expectStorage(column, 'utf8')
  for (let i = from; i < to; i++) {
    const start = starts[i]
    const length = ends[i] - start
    out.reserve(length + 4)
    if (fixedBytes === 0) out.u32(length)
    if (length < 32) for (let j = 0; j < length; j++) out.bytes[out.at + j] = bytes[start + j]
    else out.bytes.set(bytes.subarray(start, start + length), out.at)
    out.at += length
  }
}

function bytesOf(view: ArrayBufferView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
}
