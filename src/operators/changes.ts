import { unreachable } from '../base/assert.ts'
import { type Column, expectStorage } from '../batch/column.ts'
import type { Datum } from '../batch/types.ts'

/** Sets flags[i] where row i of the two columns differs; NULL equals NULL, NaN equals NaN. */
export function flagDifferences(a: Column, b: Column, count: number, flags: Uint8Array): void {
  for (let i = 0; i < count; i++) if (flags[i] === 0 && differs(a, b, i)) flags[i] = 1
}

function differs(a: Column, b: Column, row: number): boolean {
  if (a.storage === 'boxed') return !sameDatum(a.values[row], expectStorage(b, 'boxed').values[row])
  const present = a.valid?.[row] !== 0
  if (present !== (b.valid?.[row] !== 0)) return true
  if (!present) return false
  switch (a.storage) {
    case 'bool':
      return a.values[row] !== expectStorage(b, 'bool').values[row]
    case 'int32':
      return a.values[row] !== expectStorage(b, 'int32').values[row]
    case 'float64':
      return !Object.is(a.values[row], expectStorage(b, 'float64').values[row])
    case 'int64': {
      const other = expectStorage(b, 'int64').words
      return a.words[2 * row] !== other[2 * row] || a.words[2 * row + 1] !== other[2 * row + 1]
    }
    case 'utf8': {
      const other = expectStorage(b, 'utf8')
      const length = a.ends[row] - a.starts[row]
      if (other.ends[row] - other.starts[row] !== length) return true
      for (let k = 0; k < length; k++) {
        if (a.bytes[a.starts[row] + k] !== other.bytes[other.starts[row] + k]) return true
      }
      return false
    }
    default:
      return unreachable(a)
  }
}

/** The same to the last detail: 1.0 is not 1.00. */
export function sameDatum(a: Datum, b: Datum): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return Object.is(a, b)
  if (a instanceof Uint8Array) return b instanceof Uint8Array && Buffer.compare(a, b) === 0
  if (Array.isArray(a))
    return Array.isArray(b) && a.length === b.length && a.every((value, i) => sameDatum(value, b[i]))
  if ('unscaled' in a)
    return 'unscaled' in b && a.unscaled === b.unscaled && a.scale === b.scale && a.special === b.special
  return 'months' in a && 'months' in b && a.months === b.months && a.days === b.days && a.micros === b.micros
}

/** Rows of two columns as one: row i of the answer is picks[i] of `first`, or picks[i] − firstCount of `second`. */
export function pickFromTwo(
  first: Column,
  firstCount: number,
  second: Column,
  picks: Int32Array,
  count: number,
): Column {
  if (first.storage === 'boxed') {
    const other = expectStorage(second, 'boxed')
    const values: Datum[] = new Array(count)
    for (let i = 0; i < count; i++) {
      values[i] = picks[i] < firstCount ? first.values[picks[i]] : other.values[picks[i] - firstCount]
    }
    return { storage: 'boxed', values, valid: undefined }
  }
  const valid = pickValidity(first.valid, firstCount, second.valid, picks, count)
  switch (first.storage) {
    case 'bool':
      return {
        storage: 'bool',
        values: pickBytes(first.values, firstCount, expectStorage(second, 'bool').values, picks, count),
        valid,
      }
    case 'int32':
      return {
        storage: 'int32',
        values: pickInt32(first.values, firstCount, expectStorage(second, 'int32').values, picks, count),
        valid,
      }
    case 'int64':
      return {
        storage: 'int64',
        words: pickPairs(first.words, firstCount, expectStorage(second, 'int64').words, picks, count),
        valid,
      }
    case 'float64': {
      const other = expectStorage(second, 'float64').values
      const values = new Float64Array(count)
      for (let i = 0; i < count; i++)
        values[i] = picks[i] < firstCount ? first.values[picks[i]] : other[picks[i] - firstCount]
      return { storage: 'float64', values, valid }
    }
    case 'utf8': {
      const other = expectStorage(second, 'utf8')
      const shift = first.bytes.length
      const bytes = new Uint8Array(shift + other.bytes.length)
      bytes.set(first.bytes)
      bytes.set(other.bytes, shift)
      const moved = (offsets: Int32Array): Int32Array => offsets.map(offset => offset + shift)
      return {
        storage: 'utf8',
        starts: pickInt32(first.starts, firstCount, moved(other.starts), picks, count),
        ends: pickInt32(first.ends, firstCount, moved(other.ends), picks, count),
        bytes,
        valid,
      }
    }
    default:
      return unreachable(first)
  }
}

function pickValidity(
  first: Uint8Array | undefined,
  firstCount: number,
  second: Uint8Array | undefined,
  picks: Int32Array,
  count: number,
): Uint8Array | undefined {
  if (!first && !second) return undefined
  const valid = new Uint8Array(count)
  for (let i = 0; i < count; i++) {
    valid[i] = picks[i] < firstCount ? (first?.[picks[i]] ?? 1) : (second?.[picks[i] - firstCount] ?? 1)
  }
  return valid
}

function pickBytes(
  first: Uint8Array,
  firstCount: number,
  second: Uint8Array,
  picks: Int32Array,
  count: number,
): Uint8Array {
  const to = new Uint8Array(count)
  for (let i = 0; i < count; i++) to[i] = picks[i] < firstCount ? first[picks[i]] : second[picks[i] - firstCount]
  return to
}

function pickInt32(
  first: Int32Array,
  firstCount: number,
  second: Int32Array,
  picks: Int32Array,
  count: number,
): Int32Array {
  const to = new Int32Array(count)
  for (let i = 0; i < count; i++) to[i] = picks[i] < firstCount ? first[picks[i]] : second[picks[i] - firstCount]
  return to
}

function pickPairs(
  first: Int32Array,
  firstCount: number,
  second: Int32Array,
  picks: Int32Array,
  count: number,
): Int32Array {
  const to = new Int32Array(2 * count)
  for (let i = 0; i < count; i++) {
    const from = picks[i] < firstCount ? first : second
    const row = picks[i] < firstCount ? picks[i] : picks[i] - firstCount
    to[2 * i] = from[2 * row]
    to[2 * i + 1] = from[2 * row + 1]
  }
  return to
}
