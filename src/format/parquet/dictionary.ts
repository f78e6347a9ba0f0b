import { type Column, expectStorage } from '../../batch/column.ts'
import { Bytes } from './bytes.ts'

/** The different values of a chunk in the order they come, and of each value the index of its equal. */
export interface Dictionary {
  readonly ids: Int32Array
  readonly count: number
  /** PLAIN. */
  readonly bytes: Uint8Array
  /** The same as a column. */
  readonly column: Column
}

/** More are not worth it: neither cache nor index width would be small. */
const ENTRIES_MAX = 1 << 15
const BYTES_MAX = 1 << 20
/** After so many values, too many different ones end the attempt. */
const TRIAL = 2048

function tooMany(different: number, seen: number): boolean {
  return different > ENTRIES_MAX || (seen >= TRIAL && different > seen / 2)
}

/** Values of 32 bits. Undefined: there are too many different ones. */
export function dictionaryOf32(words: Int32Array, count: number, as: 'int32' | 'float64'): Dictionary | undefined {
  const ids = new Int32Array(count)
  const mask = 2 * ENTRIES_MAX - 1
  const table = new Int32Array(mask + 1)
  const entries = new Int32Array(Math.min(count, ENTRIES_MAX + 1))
  let different = 0
  for (let i = 0; i < count; i++) {
    const word = words[i]
    let slot = (Math.imul(word, 0x9e3779b1) >>> 15) & mask
    let id = table[slot]
    while (id !== 0 && entries[id - 1] !== word) {
      slot = (slot + 1) & mask
      id = table[slot]
    }
    if (id === 0) {
      if (tooMany(different + 1, i)) return undefined
      entries[different++] = word
      id = table[slot] = different
    }
    ids[i] = id - 1
  }
  if (different > count / 2) return undefined
  const values = entries.slice(0, different)
  const column: Column =
    as === 'int32'
      ? { storage: as, values, valid: undefined }
      : { storage: as, values: Float64Array.from(new Float32Array(values.buffer)), valid: undefined }
  return { ids, count: different, bytes: bytesOf(values), column }
}

/** Values of 64 bits, doubles among them: bit patterns are compared. */
export function dictionaryOf64(words: Int32Array, count: number, as: 'int64' | 'float64'): Dictionary | undefined {
  const ids = new Int32Array(count)
  const mask = 2 * ENTRIES_MAX - 1
  const table = new Int32Array(mask + 1)
  const entries = new Int32Array(2 * Math.min(count, ENTRIES_MAX + 1))
  let different = 0
  for (let i = 0; i < count; i++) {
    const low = words[2 * i]
    const high = words[2 * i + 1]
    let slot = (Math.imul(low ^ Math.imul(high, 0x85ebca6b), 0x9e3779b1) >>> 15) & mask
    let id = table[slot]
    while (id !== 0 && (entries[2 * id - 2] !== low || entries[2 * id - 1] !== high)) {
      slot = (slot + 1) & mask
      id = table[slot]
    }
    if (id === 0) {
      if (tooMany(different + 1, i)) return undefined
      entries[2 * different] = low
      entries[2 * different + 1] = high
      id = table[slot] = ++different
    }
    ids[i] = id - 1
  }
  if (different > count / 2) return undefined
  const values = entries.slice(0, 2 * different)
  const column: Column =
    as === 'int64'
      ? { storage: as, words: values, valid: undefined }
      : { storage: as, values: new Float64Array(values.buffer), valid: undefined }
  return { ids, count: different, bytes: bytesOf(values), column }
}

/** Text in several pieces, or values of `fixedBytes` each where that is not 0. */
export function dictionaryOfText(
  pieces: readonly { readonly column: Column; readonly count: number }[],
  count: number,
  fixedBytes: number,
): Dictionary | undefined {
  const ids = new Int32Array(count)
  const mask = 2 * ENTRIES_MAX - 1
  const table = new Int32Array(mask + 1)
  const hashes = new Int32Array(Math.min(count, ENTRIES_MAX + 1))
  const starts = new Int32Array(Math.min(count, ENTRIES_MAX + 1))
  const lengths = new Int32Array(Math.min(count, ENTRIES_MAX + 1))
  const out = new Bytes(4096)
  let different = 0
  let row = 0
  for (const { column, count: rows } of pieces) {
    const { bytes, starts: froms, ends } = expectStorage(column, 'utf8')
    for (let i = 0; i < rows; i++, row++) {
      const from = froms[i]
      const length = ends[i] - from
      const hash = hashOf(bytes, from, length)
      let slot = (hash >>> 15) & mask
      let id = table[slot]
      while (
        id !== 0 &&
        (hashes[id - 1] !== hash ||
          lengths[id - 1] !== length ||
          !equal(out.bytes, starts[id - 1], bytes, from, length))
      ) {
        slot = (slot + 1) & mask
        id = table[slot]
      }
      if (id === 0) {
        if (tooMany(different + 1, row) || out.at + length > BYTES_MAX) return undefined
        if (fixedBytes === 0) out.u32(length)
        hashes[different] = hash
        starts[different] = out.at
        lengths[different] = length
        out.append(bytes.subarray(from, from + length))
        id = table[slot] = ++different
      }
      ids[row] = id - 1
    }
  }
  if (different > count / 2) return undefined
  const from = starts.subarray(0, different)
  const column: Column = {
    storage: 'utf8',
    bytes: out.bytes,
    starts: from,
    ends: from.map((start, id) => start + lengths[id]),
    valid: undefined,
  }
  return { ids, count: different, bytes: out.take(), column }
}

function hashOf(bytes: Uint8Array, start: number, length: number): number {
  let hash = length
  const end = start + length
  let at = start
  for (; at + 4 <= end; at += 4) {
    const word = bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)
    hash = Math.imul(hash ^ word, 0x9e3779b1)
    hash ^= hash >>> 15
  }
  for (; at < end; at++) hash = Math.imul(hash ^ bytes[at], 0x01000193)
  return Math.imul(hash ^ (hash >>> 13), 0x85ebca6b)
}

function equal(a: Uint8Array, aStart: number, b: Uint8Array, bStart: number, length: number): boolean {
  for (let i = 0; i < length; i++) if (a[aStart + i] !== b[bStart + i]) return false
  return true
}

function bytesOf(words: Int32Array): Uint8Array {
  return new Uint8Array(words.buffer, words.byteOffset, words.byteLength)
}
