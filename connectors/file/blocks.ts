import { createReadStream, readSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { createGunzip } from 'node:zlib'
import { EngineError } from '../../src/base/errors.ts'
import { grownCapacity } from '../../src/base/grow.ts'

/** Large enough that calls cost nothing, small enough to stay in the cache of the decoder. */
export const BLOCK_BYTES = 1 << 18

/** A file's bytes, block by block; no Buffers, whose slices share memory. */
export interface Blocks {
  /**
   * The last `rest` bytes of what was given before, and the next block; good until the next call. Nothing but the rest: at the end, which may
   * move if the file is followed.
   */
  next(rest: number): Promise<Uint8Array>
  close(): Promise<void>
}

/** The file from byte `position` of its (decompressed) content. */
export async function openBlocks(path: string, position: number): Promise<Blocks> {
  try {
    if (path.endsWith('.gz')) return new GzipBlocks(path, position)
    return new PlainBlocks(path, await open(path, 'r'), position)
  } catch (error) {
    throw fileError(path, error)
  }
}

/** A file of the world that cannot be read or written, said so that its owner can act. */
export function fileError(path: string, error: unknown): unknown {
  if (!(error instanceof Error) || !('code' in error)) return error
  const missing = error.code === 'ENOENT'
  return new EngineError(
    missing ? '58P01' : '58030',
    missing ? `there is no file ${path}` : `cannot use the file ${path}: ${error.code}`,
    {
      detail: error.message,
      hint: 'Paths are those of the machine the engine runs on, relative to where it was started.',
      actor: 'external',
      cause: error,
    },
  )
}

/**
 * Reads in this thread. The system reads files ahead by itself, so that mostly a block is but copied, in some twenty microseconds; handing that to another
 * thread costs more than it takes, and what that thread copies lies in the cache of another core.
 */
class PlainBlocks implements Blocks {
  readonly #path: string
  readonly #file: FileHandle
  #position: number
  #buffer = new Uint8Array(BLOCK_BYTES + 4096)
  /** So much of it was given. */
  #end = 0

  constructor(path: string, file: FileHandle, position: number) {
    this.#path = path
    this.#file = file
    this.#position = position
  }

  async next(rest: number): Promise<Uint8Array> {
    const kept = this.#buffer.subarray(this.#end - rest, this.#end)
    const needed = rest + BLOCK_BYTES
    if (this.#buffer.length < needed) this.#buffer = new Uint8Array(grownCapacity(this.#buffer.length, needed))
    this.#buffer.set(kept)
    const count = this.#read(rest)
    this.#position += count
    this.#end = rest + count
    return this.#buffer.subarray(0, this.#end)
  }

  async close(): Promise<void> {
    await this.#file.close()
  }

  #read(to: number): number {
    try {
      return readSync(this.#file.fd, this.#buffer, to, BLOCK_BYTES, this.#position)
    } catch (error) {
      throw fileError(this.#path, error)
    }
  }
}

/** There is no seeking in gzip: what lies before the position is decompressed and dropped. */
class GzipBlocks implements Blocks {
  readonly #path: string
  readonly #close: () => void
  readonly #blocks: AsyncIterator<Buffer>
  #skip: number
  #last: Uint8Array = new Uint8Array(0)

  constructor(path: string, position: number) {
    this.#path = path
    this.#skip = position
    const compressed = createReadStream(path, { highWaterMark: BLOCK_BYTES })
    const plain = compressed.pipe(createGunzip({ chunkSize: BLOCK_BYTES }))
    // `pipe` does not hand errors on.
    compressed.on('error', error => plain.destroy(error))
    this.#blocks = plain[Symbol.asyncIterator]()
    this.#close = () => {
      compressed.destroy()
      plain.destroy()
    }
  }

  async next(rest: number): Promise<Uint8Array> {
    const kept = this.#last.subarray(this.#last.length - rest)
    for (;;) {
      const block = await this.#read()
      if (block === undefined) {
        this.#last = kept
        return kept
      }
      const skipped = Math.min(this.#skip, block.length)
      this.#skip -= skipped
      if (skipped === block.length) continue
      this.#last = new Uint8Array(rest + block.length - skipped)
      this.#last.set(kept)
      this.#last.set(block.subarray(skipped), rest)
      return this.#last
    }
  }

  async close(): Promise<void> {
    this.#close()
  }

  async #read(): Promise<Uint8Array | undefined> {
    try {
      const { done, value } = await this.#blocks.next()
      return done ? undefined : new Uint8Array(value.buffer, value.byteOffset, value.length)
    } catch (error) {
      throw fileError(this.#path, error)
    }
  }
}
