/** Parquet's hybrid of runs and bit-packed groups, for levels and dictionary ids: https://github.com/apache/parquet-format/blob/master/Encodings.md */
import type { Bytes } from './bytes.ts'
import { damaged } from './thrift.ts'

/** Bits that hold every value up to `most`. */
export function bitWidth(most: number): number {
  return 32 - Math.clz32(most)
}

/** Appends values[start … end), each of `width` bits, at most 24. */
export function writeHybrid(values: Int32Array, start: number, end: number, width: number, out: Bytes): void {
  const byteWidth = (width + 7) >>> 3
  out.reserve(16 + Math.ceil(((end - start) * Math.max(width, 1)) / 8) + ((end - start) >>> 3))
  let packedFrom = start
  for (let at = start; at < end; ) {
    let same = at + 1
    while (same < end && values[same] === values[at]) same++
    // A packed group holds whole eights, so one before a run takes from it what it needs.
    const missing = (8 - ((at - packedFrom) & 7)) & 7
    if (same - at - missing < 8) {
      at = same
      continue
    }
    const runStart = at + missing
    writePacked(values, packedFrom, runStart, width, out)
    out.varint((same - runStart) * 2)
    for (let i = 0; i < byteWidth; i++) out.byte((values[at] >>> (8 * i)) & 255)
    at = packedFrom = same
  }
  writePacked(values, packedFrom, end, width, out)
}

/** Whole groups of eight; what the last lacks is zero. */
function writePacked(values: Int32Array, start: number, end: number, width: number, out: Bytes): void {
  if (start === end) return
  const groups = (end - start + 7) >>> 3
  out.varint(groups * 2 + 1)
  out.reserve(groups * width + 4)
  const { bytes } = out
  let at = out.at
  let pending = 0
  let bits = 0
  for (let i = start; i < end; i++) {
    pending |= values[i] << bits
    bits += width
    while (bits >= 8) {
      bytes[at++] = pending
      pending >>>= 8
      bits -= 8
    }
  }
  if (bits > 0) bytes[at++] = pending
  const packedEnd = out.at + groups * width
  bytes.fill(0, at, packedEnd)
  out.at = packedEnd
}

/** Reads `count` values of `width` bits from bytes[start … end) into `to` from `at`. */
export function readHybrid(
  bytes: Uint8Array,
  start: number,
  end: number,
  width: number,
  to: Int32Array,
  at: number,
  count: number,
): void {
  let from = start
  let out = at
  const outEnd = at + count
  const byteWidth = (width + 7) >>> 3
  while (out < outEnd) {
    let header = 0
    for (let scale = 1; ; scale *= 128) {
      if (from >= end || scale > 2 ** 35) throw damaged('a run is cut off')
      const byte = bytes[from++]
      header += (byte & 127) * scale
      if (byte < 128) break
    }
    if (header % 2 === 0) {
      if (from + byteWidth > end) throw damaged('a run is cut off')
      let value = 0
      for (let i = 0; i < byteWidth; i++) value |= bytes[from++] << (8 * i)
      const runEnd = Math.min(outEnd, out + header / 2)
      if (runEnd === out) throw damaged('a run is empty')
      to.fill(value, out, runEnd)
      out = runEnd
      continue
    }
    const packed = ((header - 1) / 2) * 8
    const taken = Math.min(packed, outEnd - out)
    if (packed === 0 || from + Math.ceil((taken * width) / 8) > end) throw damaged('a run is cut off')
    unpack(bytes, from, width, to, out, taken)
    from += (packed / 8) * width
    out += taken
  }
}

/** `count` values of up to 32 bits each, lowest bits first. */
function unpack(bytes: Uint8Array, start: number, width: number, to: Int32Array, at: number, count: number): void {
  if (width > 24) {
    unpackWide(bytes, start, width, to, at, count)
    return
  }
  const mask = (1 << width) - 1
  let from = start
  let pending = 0
  let bits = 0
  for (let i = 0; i < count; i++) {
    while (bits < width) {
      pending |= bytes[from++] << bits
      bits += 8
    }
    to[at + i] = pending & mask
    pending >>>= width
    bits -= width
  }
}

function unpackWide(bytes: Uint8Array, start: number, width: number, to: Int32Array, at: number, count: number): void {
  for (let i = 0; i < count; i++) {
    let value = 0
    for (let bit = 0; bit < width; bit++) {
      const position = i * width + bit
      value |= ((bytes[start + (position >>> 3)] >>> (position & 7)) & 1) << bit
    }
    to[at + i] = value
  }
}
