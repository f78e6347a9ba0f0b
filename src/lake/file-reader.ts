import { Readable } from 'node:stream'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import { EngineError } from '../base/errors.ts'
import { type Batch, sliceBatch } from '../batch/batch.ts'
import type { Field } from '../batch/types.ts'
import type { BadRecord, RecordDecoder } from '../connector.ts'
import { footerBytes, type ParquetFile, readFooter, TAIL_BYTES } from '../format/parquet/footer.ts'
import { readRowGroup } from '../format/parquet/reader.ts'
import { RecordSplitter } from '../format/split.ts'
import type { ListedFile, Listing } from './listing.ts'

/** Rows of a file that came at once. */
export interface FileRows {
  readonly batch: Batch
  readonly bad: readonly BadRecord[]
}

/** Reads one file, from where a checkpoint says. */
export interface FileReader {
  /** At most so many rows; undefined at the end. */
  next(rowsMax: number): Promise<FileRows | undefined>
  /** Where `next` goes on, as JSON: row group and row in it, or a byte of the decompressed content. */
  position(): readonly number[]
  close(): Promise<void>
}

/** Most footers are smaller, so one request brings them. */
const TAIL_GUESS = 64 << 10
const BLOCK_BYTES = 1 << 20

export async function openParquet(listing: Listing, file: ListedFile): Promise<ParquetFile> {
  const start = Math.max(0, file.size - TAIL_GUESS)
  const tail = await listing.range(file, start, file.size)
  const footer = footerBytes(tail)
  const footerStart = file.size - TAIL_BYTES - footer
  if (footerStart < 0) throw new EngineError('22000', 'the Parquet file is damaged: it is shorter than its footer')
  if (footerStart >= start) return readFooter(tail.subarray(footerStart - start, tail.length - TAIL_BYTES))
  return readFooter(await listing.range(file, footerStart, file.size - TAIL_BYTES))
}

/** One row group at a time is in memory, of it the columns of `fields`. */
export async function parquetReader(
  listing: Listing,
  file: ListedFile,
  fields: readonly Field[],
  from: readonly number[],
): Promise<FileReader> {
  const parquet = await openParquet(listing, file)
  let [group, row] = from.length === 2 ? from : [0, 0]
  let rows: Batch | undefined
  return {
    next: async rowsMax => {
      while (group < parquet.rowGroups.length) {
        rows ??= await readRowGroup(parquet, parquet.rowGroups[group], fields, (start, end) =>
          listing.range(file, start, end),
        )
        if (row < rows.rowCount) {
          const end = Math.min(rows.rowCount, row + rowsMax)
          const batch = sliceBatch(rows, row, end)
          row = end
          return { batch, bad: [] }
        }
        group++
        row = 0
        rows = undefined
      }
      return undefined
    },
    position: () => [group, row],
    close: async () => {},
  }
}

/** Records of text, plain or compressed, by the name. A restart reads the file again from its beginning, and gives what comes after. */
export function recordReader(
  listing: Listing,
  file: ListedFile,
  decoder: RecordDecoder,
  from: readonly number[],
): FileReader {
  const { mode, delimiter } = decoder.framing ?? { mode: 'lines', delimiter: 44 }
  const splitter = new RecordSplitter(mode, { delimiter })
  const blocks = contentOf(listing, file)
  const [skipped = 0] = from
  let offset = skipped
  let record = 0
  let ended = false
  const advance = async (): Promise<void> => {
    const rest = splitter.bytes.subarray(splitter.bytes.length - splitter.rest)
    const { done, value } = await blocks.next()
    record = 0
    if (done) {
      splitter.finish(rest)
      ended = true
    } else splitter.push(joined(rest, value))
    splitter.cut()
    if (skipped === 0) return
    // The first record may name the fields.
    if (mode === 'csv' && splitter.base + (splitter.bounds[0] ?? 0) === 0 && splitter.count > 0) {
      decoder.begin(splitter.bytes, listing.where, listing.where)
      decoder.record(splitter.bounds[0], splitter.bounds[1], 0, -1, -1, -1)
      decoder.finish()
    }
    while (record < splitter.count && splitter.base + splitter.bounds[2 * record] < skipped) record++
  }
  return {
    next: async rowsMax => {
      while (record >= splitter.count) {
        if (ended) return undefined
        await advance()
      }
      const { bytes, bounds, base, count } = splitter
      decoder.begin(bytes, listing.where, listing.where)
      for (let rows = 0; record < count && rows < rowsMax; record++) {
        const start = bounds[2 * record]
        const end = bounds[2 * record + 1]
        if (start === end) continue
        decoder.record(start, end, base + start, -1, -1, -1)
        if (decoder.wantsHeaders) decoder.headers([])
        rows++
      }
      offset = record < count ? base + bounds[2 * record] : splitter.position
      return decoder.finish()
    },
    position: () => [offset],
    close: async () => {
      await blocks.return(undefined)
    },
  }
}

function joined(rest: Uint8Array, block: Uint8Array): Uint8Array {
  if (rest.length === 0) return block
  const bytes = new Uint8Array(rest.length + block.length)
  bytes.set(rest)
  bytes.set(block, rest.length)
  return bytes
}

async function* contentOf(listing: Listing, file: ListedFile): AsyncGenerator<Uint8Array, void, undefined> {
  const compressed = Readable.from(rangesOf(listing, file), { objectMode: false, highWaterMark: BLOCK_BYTES })
  const unpack = /\.gz$/i.test(file.name)
    ? createGunzip({ chunkSize: BLOCK_BYTES })
    : /\.zst$/i.test(file.name)
      ? createZstdDecompress({ chunkSize: BLOCK_BYTES })
      : undefined
  const content = unpack ? compressed.pipe(unpack) : compressed
  // `pipe` does not hand errors on.
  if (unpack) compressed.on('error', error => unpack.destroy(error))
  try {
    for await (const block of content) {
      const bytes: unknown = block
      if (bytes instanceof Uint8Array) yield new Uint8Array(bytes)
    }
  } catch (error) {
    if (error instanceof EngineError) throw error
    throw new EngineError('22000', 'the file cannot be decompressed', { actor: 'external', cause: error })
  } finally {
    compressed.destroy()
    unpack?.destroy()
  }
}

async function* rangesOf(listing: Listing, file: ListedFile): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < file.size; at += BLOCK_BYTES) {
    yield await listing.range(file, at, Math.min(file.size, at + BLOCK_BYTES))
  }
}
