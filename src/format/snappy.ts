/** Snappy, bare and in the framing of the Java library: https://github.com/google/snappy/blob/main/format_description.txt */
import { copyMatch, corrupt, hashAt } from './lz.ts'

/** The Java library's stream: this, two version words, then blocks with a big-endian length before each. */
const JAVA_MAGIC = [0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0]
const JAVA_HEADER_BYTES = 16
const BLOCK_BYTES = 32 << 10

/** The decoded size of bytes[start … end). */
export function snappySize(bytes: Uint8Array, start: number, end: number): number {
  let size = 0
  for (const block of blocks(bytes, start, end)) size += readSize(bytes, block.start).size
  return size
}

/** Decodes to `to[at …]`, which has room for `snappySize`; where it ended. */
export function snappyDecode(bytes: Uint8Array, start: number, end: number, to: Uint8Array, at: number): number {
  let out = at
  for (const block of blocks(bytes, start, end)) out = decodeBlock(bytes, block.start, block.end, to, out)
  return out
}

function* blocks(bytes: Uint8Array, start: number, end: number): Generator<{ start: number; end: number }> {
  if (end - start < JAVA_HEADER_BYTES || !JAVA_MAGIC.every((byte, i) => bytes[start + i] === byte)) {
    yield { start, end }
    return
  }
  for (let at = start + JAVA_HEADER_BYTES; at + 4 <= end; ) {
    const size = (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]
    if (size < 0 || at + 4 + size > end) throw corrupt('snappy')
    yield { start: at + 4, end: at + 4 + size }
    at += 4 + size
  }
}

function readSize(bytes: Uint8Array, start: number): { size: number; at: number } {
  let size = 0
  let at = start
  for (let scale = 1; at < start + 5; scale *= 128) {
    const byte = bytes[at++]
    size += (byte & 127) * scale
    if (byte < 128) return { size, at }
  }
  throw corrupt('snappy')
}

function decodeBlock(from: Uint8Array, start: number, end: number, to: Uint8Array, outStart: number): number {
  const { size, at: first } = readSize(from, start)
  const outEnd = outStart + size
  let at = first
  let out = outStart
  while (at < end) {
    const tag = from[at++]
    const kind = tag & 3
    if (kind === 0) {
      let length = (tag >>> 2) + 1
      if (length > 60) {
        const count = length - 60
        length = 1
        for (let i = 0; i < count; i++) length += from[at + i] * 2 ** (8 * i)
        at += count
      }
      // Not written as `>`: what lies behind the memory reads as NaN.
      if (!(at + length <= end && out + length <= outEnd)) throw corrupt('snappy')
      if (length > 32) to.set(from.subarray(at, at + length), out)
      else for (let i = 0; i < length; i++) to[out + i] = from[at + i]
      at += length
      out += length
      continue
    }
    const length = kind === 1 ? ((tag >>> 2) & 7) + 4 : (tag >>> 2) + 1
    let distance: number
    if (kind === 1) distance = ((tag >>> 5) << 8) | from[at++]
    else {
      distance = from[at] | (from[at + 1] << 8)
      if (kind === 3) distance += (from[at + 2] | (from[at + 3] << 8)) * 65536
      at += kind === 3 ? 4 : 2
    }
    if (!(distance > 0 && out - distance >= outStart && out + length <= outEnd)) throw corrupt('snappy')
    out = copyMatch(to, out, distance, length)
  }
  if (out !== outEnd) throw corrupt('snappy')
  return out
}

/** Everything in bytes[0 … length), in the Java library's framing, which every Kafka client reads. */
export function snappyEncode(bytes: Uint8Array, length: number): Uint8Array {
  const blockCount = Math.ceil(length / BLOCK_BYTES)
  const to = new Uint8Array(JAVA_HEADER_BYTES + blockCount * (4 + 32 + BLOCK_BYTES + BLOCK_BYTES / 6) + 4)
  to.set([...JAVA_MAGIC, 0, 0, 0, 1, 0, 0, 0, 1])
  let out = JAVA_HEADER_BYTES
  const table = new Int32Array(1 << 13)
  for (let start = 0; start < length; start += BLOCK_BYTES) {
    const end = Math.min(length, start + BLOCK_BYTES)
    const blockEnd = encodeBody(bytes, start, end, to, putSize(to, out + 4, end - start), table)
    const size = blockEnd - out - 4
    for (let i = 0; i < 4; i++) to[out + i] = size >>> (24 - 8 * i)
    out = blockEnd
  }
  return to.subarray(0, out)
}

/** Everything in bytes[start … end) in the bare format, without framing. */
export function snappyEncodeBare(bytes: Uint8Array, start: number, end: number): Uint8Array {
  const length = end - start
  const to = new Uint8Array(32 + length + Math.ceil(length / 6))
  const table = new Int32Array(1 << 13)
  let out = putSize(to, 0, length)
  // Distances have 16 bits.
  for (let from = start; from < end; from += BLOCK_BYTES)
    out = encodeBody(bytes, from, Math.min(end, from + BLOCK_BYTES), to, out, table)
  return to.subarray(0, out)
}

function putSize(to: Uint8Array, at: number, size: number): number {
  let out = at
  let rest = size
  for (; rest > 127; rest >>>= 7) to[out++] = (rest & 127) | 128
  to[out++] = rest
  return out
}

function encodeBody(
  from: Uint8Array,
  start: number,
  end: number,
  to: Uint8Array,
  outStart: number,
  table: Int32Array,
): number {
  table.fill(-1)
  let out = outStart
  let anchor = start
  for (let at = start; at < end - 4; ) {
    const hash = hashAt(from, at) >>> 19
    const candidate = table[hash]
    table[hash] = at
    const same =
      candidate >= 0 &&
      from[candidate] === from[at] &&
      from[candidate + 1] === from[at + 1] &&
      from[candidate + 2] === from[at + 2] &&
      from[candidate + 3] === from[at + 3]
    if (!same) {
      at += 1 + ((at - anchor) >>> 5)
      continue
    }
    let length = 4
    while (at + length < end && from[candidate + length] === from[at + length]) length++
    out = putLiterals(from, anchor, at, to, out)
    const distance = at - candidate
    for (let left = length; left > 0; ) {
      const part = Math.min(left, 64)
      to[out++] = ((part - 1) << 2) | 2
      to[out++] = distance & 255
      to[out++] = distance >>> 8
      left -= part
    }
    at += length
    anchor = at
  }
  return putLiterals(from, anchor, end, to, out)
}

function putLiterals(from: Uint8Array, start: number, end: number, to: Uint8Array, at: number): number {
  const length = end - start
  if (length === 0) return at
  let out = at
  if (length <= 60) to[out++] = (length - 1) << 2
  else if (length <= 256) {
    to[out++] = 60 << 2
    to[out++] = length - 1
  } else {
    to[out++] = 61 << 2
    to[out++] = (length - 1) & 255
    to[out++] = (length - 1) >>> 8
  }
  to.set(from.subarray(start, end), out)
  return out + length
}
