/** Packing and unpacking of entries; a codec's number in the protocol is its place in the list. */
import { constants, deflateSync, inflateSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { notSupported } from '../../src/base/errors.ts'
import { corrupt } from '../../src/format/lz.ts'
import { lz4DecodeBlock, lz4EncodeBlock } from '../../src/format/lz4.ts'
import { snappyDecode, snappyEncodeBare, snappySize } from '../../src/format/snappy.ts'

export const CODECS = ['none', 'lz4', 'zlib', 'zstd', 'snappy'] as const
export type Codec = (typeof CODECS)[number]

/** One entry unpacked is at most this: a small one of zeros must not take all memory. */
const UNPACKED_BYTES_MAX = 128 << 20

/** bytes[start … end) packed, in memory of its own. */
export function pack(codec: Exclude<Codec, 'none'>, bytes: Uint8Array, start: number, end: number): Uint8Array {
  if (codec === 'lz4') return lz4EncodeBlock(bytes, start, end)
  if (codec === 'snappy') return snappyEncodeBare(bytes, start, end)
  const raw = bytes.subarray(start, end)
  // Levels for speed: a stream is read soon, and the broker's disk is cheap.
  if (codec === 'zlib') return deflateSync(raw, { level: 1 })
  return zstdCompressSync(raw, { params: { [constants.ZSTD_c_compressionLevel]: 1 } })
}

/** Unpacks `size` bytes into memory of their own with `spare` bytes behind. Throws 22000 for what is damaged, 0A000 for an unknown codec. */
export function unpack(codec: number, packed: Uint8Array, size: number, spare: number): Uint8Array {
  const name = CODECS[codec]
  if (name === undefined) throw notSupported(`compression ${codec} of Pulsar`)
  if (size < 0 || size > UNPACKED_BYTES_MAX) throw corrupt(name)
  const to = new Uint8Array(size + spare)
  let end = 0
  if (name === 'lz4') end = lz4DecodeBlock(packed, 0, packed.length, to, 0, 0)
  else if (name === 'snappy') {
    if (snappySize(packed, 0, packed.length) !== size) throw corrupt(name)
    end = snappyDecode(packed, 0, packed.length, to, 0)
  } else {
    const unpacked = inflate(name, packed, size)
    if (spare === 0 && unpacked.length === size) return unpacked
    if (unpacked.length !== size) throw corrupt(name)
    to.set(unpacked)
    end = size
  }
  if (end !== size) throw corrupt(name)
  return to
}

function inflate(name: 'none' | 'zlib' | 'zstd', packed: Uint8Array, size: number): Uint8Array {
  try {
    const options = { maxOutputLength: Math.max(size, 1) }
    if (name !== 'zlib') return zstdDecompressSync(packed, options)
    // Java's client flushes such a stream and never ends it.
    return inflateSync(packed, { ...options, finishFlush: constants.Z_SYNC_FLUSH })
  } catch {
    throw corrupt(name)
  }
}
