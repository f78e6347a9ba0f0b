import { constants, gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { assert } from '../../src/base/assert.ts'
import { notSupported } from '../../src/base/errors.ts'
import { corrupt } from '../../src/format/lz.ts'
import { lz4Decode, lz4Encode, lz4SizeMax } from '../../src/format/lz4.ts'
import { snappyDecode, snappyEncode, snappySize } from '../../src/format/snappy.ts'

/** As batch attributes number them. */
export const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const
export type Codec = (typeof CODECS)[number]

/** One batch unpacked is at most this: a small batch of zeros must not take all memory. */
const UNPACKED_BYTES_MAX = 128 << 20

/** A place in memory. */
export interface Span {
  readonly bytes: Uint8Array
  readonly start: number
  readonly end: number
}

/**
 * Memory for unpacked records, used again: two pieces in turn, each filled by several batches. A piece stays as it is until the
 * other is full, so what was given out last is good while the next is made.
 */
export class Arena {
  #bytes: Uint8Array
  #other: Uint8Array
  #used = 0

  constructor(size: number) {
    this.#bytes = new Uint8Array(size)
    this.#other = new Uint8Array(0)
  }

  /** Room for `size` bytes behind what is there, or at the start of the other piece. */
  room(size: number): { bytes: Uint8Array; at: number } {
    if (this.#used + size > this.#bytes.length) {
      const next = this.#other.length >= Math.max(size, this.#bytes.length) ? this.#other : undefined
      this.#other = this.#bytes
      this.#bytes = next ?? new Uint8Array(Math.max(size, this.#bytes.length))
      this.#used = 0
    }
    return { bytes: this.#bytes, at: this.#used }
  }

  /** What was put into the last room ends here. */
  taken(end: number): void {
    this.#used = end
  }
}

/** The records of a batch of this codec at bytes[start … end), unpacked into the arena. */
export function decompress(codec: number, bytes: Uint8Array, start: number, end: number, arena: Arena): Span {
  const name = CODECS[codec]
  if (name === 'lz4' || name === 'snappy') {
    const [size, decode] = name === 'lz4' ? [lz4SizeMax, lz4Decode] : [snappySize, snappyDecode]
    const sizeMax = size(bytes, start, end)
    if (sizeMax > UNPACKED_BYTES_MAX) throw corrupt(name)
    const room = arena.room(sizeMax)
    const to = decode(bytes, start, end, room.bytes, room.at)
    arena.taken(to)
    return { bytes: room.bytes, start: room.at, end: to }
  }
  if (name !== 'gzip' && name !== 'zstd') throw notSupported(`compression codec ${codec} of Kafka`)
  const unpacked = inflate(name, bytes.subarray(start, end))
  const room = arena.room(unpacked.length)
  room.bytes.set(unpacked, room.at)
  arena.taken(room.at + unpacked.length)
  return { bytes: room.bytes, start: room.at, end: room.at + unpacked.length }
}

function inflate(codec: 'gzip' | 'zstd', packed: Uint8Array): Uint8Array {
  try {
    const options = { maxOutputLength: UNPACKED_BYTES_MAX }
    return codec === 'gzip' ? gunzipSync(packed, options) : zstdDecompressSync(packed, options)
  } catch {
    throw corrupt(codec)
  }
}

/** Packs bytes[0 … length) into memory of its own. */
export function compress(codec: Codec, bytes: Uint8Array, length: number): Uint8Array {
  assert(codec !== 'none', 'nothing to pack')
  if (codec === 'lz4') return lz4Encode(bytes, length)
  if (codec === 'snappy') return snappyEncode(bytes, length)
  const raw = bytes.subarray(0, length)
  // Levels for speed: a stream is read soon, and the broker's disk is cheap.
  if (codec === 'gzip') return gzipSync(raw, { level: 1 })
  return zstdCompressSync(raw, { params: { [constants.ZSTD_c_compressionLevel]: 1 } })
}
