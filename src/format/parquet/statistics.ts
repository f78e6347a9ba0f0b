/** Least and greatest value of a chunk, so that readers skip it. */
import { type Column, expectStorage } from '../../batch/column.ts'
import { type Leaf, PHYSICAL } from './schema.ts'

/** PLAIN, without a length. */
export interface Bounds {
  readonly min: Uint8Array
  readonly max: Uint8Array
}

/** Longer bounds cost every reader of the footer more than they help it. */
const TEXT_MAX = 128

export interface Piece {
  readonly column: Column
  readonly count: number
}

/** Undefined where there is no value, or no useful bound. `count` values lie in the pieces. */
export function boundsOf(leaf: Leaf, pieces: readonly Piece[], count: number): Bounds | undefined {
  if (count === 0) return undefined
  const [{ column }] = pieces
  switch (column.storage) {
    case 'bool': {
      const values = pieces.map(p => expectStorage(p.column, 'bool').values.subarray(0, p.count))
      const byte = (value: boolean): Uint8Array => Uint8Array.of(Number(value))
      return { min: byte(values.every(v => !v.includes(0))), max: byte(values.some(v => v.includes(1))) }
    }
    case 'int32':
      return int32Bounds(pieces)
    case 'int64':
      return int64Bounds(pieces)
    case 'float64':
      return float64Bounds(pieces, leaf.physical === PHYSICAL.FLOAT)
    case 'utf8':
      return textBounds(pieces, leaf.type.kind === 'numeric')
    default:
      return undefined
  }
}

function int32Bounds(pieces: readonly Piece[]): Bounds {
  let min = 0x7fffffff
  let max = -0x80000000
  for (const { column, count } of pieces) {
    const { values } = expectStorage(column, 'int32')
    for (let i = 0; i < count; i++) {
      const value = values[i]
      if (value < min) min = value
      if (value > max) max = value
    }
  }
  return { min: bytesOf(Int32Array.of(min)), max: bytesOf(Int32Array.of(max)) }
}

function int64Bounds(pieces: readonly Piece[]): Bounds {
  let minHigh = 0x7fffffff
  let minLow = 0xffffffff
  let maxHigh = -0x80000000
  let maxLow = 0
  for (const { column, count } of pieces) {
    const { words } = expectStorage(column, 'int64')
    for (let i = 0; i < 2 * count; i += 2) {
      const high = words[i + 1]
      const low = words[i] >>> 0
      if (high < minHigh || (high === minHigh && low < minLow)) {
        minHigh = high
        minLow = low
      }
      if (high > maxHigh || (high === maxHigh && low > maxLow)) {
        maxHigh = high
        maxLow = low
      }
    }
  }
  return { min: bytesOf(Int32Array.of(minLow, minHigh)), max: bytesOf(Int32Array.of(maxLow, maxHigh)) }
}

/** With a NaN there are none: for some readers it is above all, and they would skip it. The zeros count as equal, so the outer one is told. */
function float64Bounds(pieces: readonly Piece[], single: boolean): Bounds | undefined {
  let min = Number.POSITIVE_INFINITY
  let max = Number.NEGATIVE_INFINITY
  for (const { column, count } of pieces) {
    const { values } = expectStorage(column, 'float64')
    for (let i = 0; i < count; i++) {
      const value = values[i]
      if (value < min) min = value
      if (value > max) max = value
      if (Number.isNaN(value)) return undefined
    }
  }
  if (min === 0) min = -0
  if (max === 0) max = 0
  return single
    ? { min: bytesOf(Float32Array.of(min)), max: bytesOf(Float32Array.of(max)) }
    : { min: bytesOf(Float64Array.of(min)), max: bytesOf(Float64Array.of(max)) }
}

/** Bytes are compared as unsigned numbers, also those of text; decimals by their sign first. */
function textBounds(pieces: readonly Piece[], signed: boolean): Bounds | undefined {
  const flip = signed ? 0x80 : 0
  let min: Uint8Array | undefined
  let max: Uint8Array | undefined
  for (const { column, count } of pieces) {
    const { bytes, starts, ends } = expectStorage(column, 'utf8')
    for (let i = 0; i < count; i++) {
      if (min === undefined || less(bytes, starts[i], ends[i], min, flip)) min = bytes.subarray(starts[i], ends[i])
      if (max === undefined || greater(bytes, starts[i], ends[i], max, flip)) max = bytes.subarray(starts[i], ends[i])
    }
  }
  if (min === undefined || max === undefined || min.length > TEXT_MAX || max.length > TEXT_MAX) return undefined
  return { min: min.slice(), max: max.slice() }
}

function less(bytes: Uint8Array, start: number, end: number, than: Uint8Array, flip: number): boolean {
  const length = Math.min(end - start, than.length)
  for (let i = 0; i < length; i++) {
    if (bytes[start + i] !== than[i]) {
      return i === 0 ? (bytes[start] ^ flip) < (than[0] ^ flip) : bytes[start + i] < than[i]
    }
  }
  return end - start < than.length
}

function greater(bytes: Uint8Array, start: number, end: number, than: Uint8Array, flip: number): boolean {
  const length = Math.min(end - start, than.length)
  for (let i = 0; i < length; i++) {
    if (bytes[start + i] !== than[i]) {
      return i === 0 ? (bytes[start] ^ flip) > (than[0] ^ flip) : bytes[start + i] > than[i]
    }
  }
  return end - start > than.length
}

function bytesOf(view: ArrayBufferView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
}
