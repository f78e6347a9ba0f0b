import { promisify } from 'node:util'
import { brotliDecompressSync, constants, gunzipSync, zstdCompress, zstdDecompressSync } from 'node:zlib'
import { lz4DecodeBlock } from '../lz4.ts'
import { snappyDecode, snappyEncodeBare } from '../snappy.ts'
import { damaged } from './thrift.ts'

export type Compression = 'none' | 'snappy' | 'zstd'

/** By name, the format's number. */
export const CODECS: Readonly<Record<Compression, number>> = { none: 0, snappy: 1, zstd: 6 }

const zstd = promisify(zstdCompress)
/** The fastest: at 3 it takes nearly twice the time for a few percent of size. */
const ZSTD_LEVEL = 1

/** zstd works in a thread of Node's pool, snappy at once. */
export async function compress(bytes: Uint8Array, compression: Compression): Promise<Uint8Array> {
  if (compression === 'none') return bytes
  if (compression === 'snappy') return snappyEncodeBare(bytes, 0, bytes.length)
  return await zstd(bytes, { params: { [constants.ZSTD_c_compressionLevel]: ZSTD_LEVEL } })
}

/** A page of a file of any writer; `codec` is the format's number. */
export function decompress(bytes: Uint8Array, codec: number, size: number): Uint8Array {
  try {
    switch (codec) {
      case 0:
        return bytes
      case 1: {
        const to = new Uint8Array(size)
        if (snappyDecode(bytes, 0, bytes.length, to, 0) !== size) break
        return to
      }
      case 2:
        return gunzipSync(bytes)
      case 4:
        return brotliDecompressSync(bytes)
      case 6:
        return zstdDecompressSync(bytes)
      case 7: {
        const to = new Uint8Array(size)
        if (lz4DecodeBlock(bytes, 0, bytes.length, to, 0, 0) !== size) break
        return to
      }
    }
  } catch {
    throw damaged('a page cannot be decompressed')
  }
  throw damaged(codec === 1 || codec === 7 ? 'a page cannot be decompressed' : `compression ${codec} is not known`)
}
