/** Rows of unfinished files, as a checkpoint's share of them is kept. */
import { promisify } from 'node:util'
import { constants, zstdCompress, zstdDecompress } from 'node:zlib'
import { EngineError } from '../base/errors.ts'
import type { Batch } from '../batch/batch.ts'
import { deserialize, serialize } from '../state/serialize.ts'

const compress = promisify(zstdCompress)
const decompress = promisify(zstdDecompress)
const PARAMS = { [constants.ZSTD_c_compressionLevel]: 1, [constants.ZSTD_c_checksumFlag]: 1 }

/** By folder. */
export type SegmentRows = ReadonlyMap<string, readonly Batch[]>

/** The graph's length, then everything as the checkpoint's own state is written, compressed and with a checksum. */
export async function encodeSegment(rows: SegmentRows): Promise<Uint8Array[]> {
  const { parts, graphLength } = serialize(rows)
  const head = Buffer.alloc(8)
  head.writeDoubleLE(graphLength)
  return [head, await compress(Buffer.concat(parts), { params: PARAMS })]
}

/** Throws 58030 where the bytes are not those that were written. */
export async function decodeSegment(bytes: Buffer, name: string): Promise<SegmentRows> {
  try {
    const body = await decompress(bytes.subarray(8))
    return deserialize(body, bytes.readDoubleLE(0)) as SegmentRows // the checksum says that encodeSegment made it
  } catch (cause) {
    throw new EngineError('58030', `the kept rows ${name} are damaged`, { actor: 'external', cause })
  }
}
