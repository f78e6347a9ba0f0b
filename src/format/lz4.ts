/** LZ4 frames as Kafka's clients write them, and bare blocks as Pulsar's do: https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md. Checksums are not looked at: what they come in has its own. */
import { copyMatch, corrupt, hashAt } from './lz.ts'

const MAGIC = 0x184d2204
const BLOCK_BYTES = 64 << 10
/** Version 1, independent blocks of at most 64 KiB, no checksums; the last byte is the header's checksum. */
const FRAME_HEADER = [0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82]

/** An upper bound of the decoded size of the frame in bytes[start … end). */
export function lz4SizeMax(bytes: Uint8Array, start: number, end: number): number {
  const blockMax = 1 << (8 + 2 * ((bytes[start + 5] >> 4) & 7))
  let size = 0
  for (const block of blocks(bytes, start, end)) size += block.stored ? block.end - block.start : blockMax
  return size
}

/** Decodes a frame to `to[at …]`, which has room for `lz4SizeMax`; where it ended. */
export function lz4Decode(bytes: Uint8Array, start: number, end: number, to: Uint8Array, at: number): number {
  let out = at
  for (const block of blocks(bytes, start, end)) {
    if (block.stored) {
      to.set(bytes.subarray(block.start, block.end), out)
      out += block.end - block.start
    } else out = lz4DecodeBlock(bytes, block.start, block.end, to, out, at)
  }
  return out
}

function* blocks(
  bytes: Uint8Array,
  start: number,
  end: number,
): Generator<{ start: number; end: number; stored: boolean }> {
  if (end - start < 7 || uint32(bytes, start) !== MAGIC) throw corrupt('lz4')
  const flags = bytes[start + 4]
  let at = start + 7 + (flags & 8 ? 8 : 0) + (flags & 1 ? 4 : 0)
  while (at + 4 <= end) {
    const word = uint32(bytes, at)
    if (word === 0) return
    const size = word & 0x7fffffff
    const from = at + 4
    if (from + size > end) throw corrupt('lz4')
    yield { start: from, end: from + size, stored: word > 0x7fffffff }
    at = from + size + (flags & 16 ? 4 : 0)
  }
}

/** Decodes one bare block to `to[outStart …]`, which ends where there is no more room; matches may reach back to `frameStart`. Where it ended. */
export function lz4DecodeBlock(
  from: Uint8Array,
  start: number,
  end: number,
  to: Uint8Array,
  outStart: number,
  frameStart: number,
): number {
  let at = start
  let out = outStart
  for (;;) {
    const token = from[at++]
    let literals = token >>> 4
    if (literals === 15) {
      let byte: number
      do literals += byte = from[at++]
      while (byte === 255)
    }
    // Not written as `>`: what lies behind the memory reads as NaN.
    if (!(at + literals <= end && out + literals <= to.length)) throw corrupt('lz4')
    if (literals > 32) to.set(from.subarray(at, at + literals), out)
    else for (let i = 0; i < literals; i++) to[out + i] = from[at + i]
    at += literals
    out += literals
    if (at >= end) return out
    const distance = from[at] | (from[at + 1] << 8)
    at += 2
    let length = (token & 15) + 4
    if (length === 19) {
      let byte: number
      do length += byte = from[at++]
      while (byte === 255)
    }
    if (!(distance > 0 && out - distance >= frameStart && out + length <= to.length)) throw corrupt('lz4')
    out = copyMatch(to, out, distance, length)
  }
}

/** A frame of everything in bytes[0 … length). */
export function lz4Encode(bytes: Uint8Array, length: number): Uint8Array {
  const blockCount = Math.ceil(length / BLOCK_BYTES)
  const to = new Uint8Array(FRAME_HEADER.length + blockCount * (4 + BLOCK_BYTES + 512) + 4)
  to.set(FRAME_HEADER)
  let out = FRAME_HEADER.length
  const table = new Int32Array(1 << 13)
  for (let start = 0; start < length; start += BLOCK_BYTES) {
    const end = Math.min(length, start + BLOCK_BYTES)
    let size = encodeBlock(bytes, start, end, to, out + 4, table) - (out + 4)
    const stored = size >= end - start
    if (stored) {
      size = end - start
      to.set(bytes.subarray(start, end), out + 4)
    }
    putUint32(to, out, stored ? size | 0x80000000 : size)
    out += 4 + size
  }
  // A block that was not worth packing may have left bytes here.
  putUint32(to, out, 0)
  return to.subarray(0, out + 4)
}

/** Everything in bytes[start … end) as one bare block. */
export function lz4EncodeBlock(bytes: Uint8Array, start: number, end: number): Uint8Array {
  const length = end - start
  const to = new Uint8Array(length + Math.ceil(length / 255) + 16)
  return to.subarray(0, encodeBlock(bytes, start, end, to, 0, new Int32Array(1 << 13)))
}

/** Greedy, with a table of the last place of each hash of four bytes. The last five bytes must be literals, and no match may begin in the last twelve. */
function encodeBlock(
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
  const matchStartMax = end - 12
  const matchEndMax = end - 5
  for (let at = start; at < matchStartMax; ) {
    const hash = hashAt(from, at) >>> 19
    const candidate = table[hash]
    table[hash] = at
    const same =
      candidate >= 0 &&
      at - candidate < 65536 &&
      from[candidate] === from[at] &&
      from[candidate + 1] === from[at + 1] &&
      from[candidate + 2] === from[at + 2] &&
      from[candidate + 3] === from[at + 3]
    if (!same) {
      at += 1 + ((at - anchor) >>> 6)
      continue
    }
    let length = 4
    while (at + length < matchEndMax && from[candidate + length] === from[at + length]) length++
    out = putSequence(from, anchor, at, to, out, length - 4)
    to[out++] = (at - candidate) & 255
    to[out++] = (at - candidate) >>> 8
    if (length - 4 >= 15) out = putLength(to, out, length - 4 - 15)
    at += length
    anchor = at
  }
  return putSequence(from, anchor, end, to, out, 0)
}

function putSequence(from: Uint8Array, start: number, end: number, to: Uint8Array, at: number, match: number): number {
  const literals = end - start
  to[at] = (Math.min(literals, 15) << 4) | Math.min(match, 15)
  let out = at + 1
  if (literals >= 15) out = putLength(to, out, literals - 15)
  to.set(from.subarray(start, end), out)
  return out + literals
}

function putLength(to: Uint8Array, at: number, length: number): number {
  let out = at
  let rest = length
  for (; rest >= 255; rest -= 255) to[out++] = 255
  to[out++] = rest
  return out
}

function uint32(bytes: Uint8Array, at: number): number {
  return (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)) >>> 0
}

function putUint32(bytes: Uint8Array, at: number, value: number): void {
  for (let i = 0; i < 4; i++) bytes[at + i] = value >>> (8 * i)
}
