import { createReadStream } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { createGunzip } from 'node:zlib'
import { EngineError } from '../../src/base/errors.ts'

/** Large enough that calls cost nothing, small enough to stay in the cache of the decoder. */
export const BLOCK_BYTES = 1 << 18
const READ_BYTES = 4 * BLOCK_BYTES

/** A file's bytes, block by block; no Buffers, whose slices share memory. */
export interface Blocks {
  /** The next block, good until the next call. Undefined: at the end, which may move if the file is followed. */
  next(): Promise<Uint8Array | undefined>
  close(): Promise<void>
}

/** The file from byte `position` of its (decompressed) content. */
export async function openBlocks(path: string, position: number): Promise<Blocks> {
  try {
    if (path.endsWith('.gz')) return new GzipBlocks(path, position)
    return new PlainBlocks(await open(path, 'r'), position)
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

/** Reads ahead, so that the disk and the decoder work at once, and more than a block at a time, because each request wakes a thread. */
class PlainBlocks implements Blocks {
  readonly #file: FileHandle
  readonly #buffers = [new Uint8Array(READ_BYTES), new Uint8Array(READ_BYTES)] as const
  #turn = 0
  #position: number
  #ahead: Promise<Uint8Array> | undefined
  /** Read, but not handed out. */
  #waiting: Uint8Array = new Uint8Array(0)

  constructor(file: FileHandle, position: number) {
    this.#file = file
    this.#position = position
  }

  async next(): Promise<Uint8Array | undefined> {
    if (this.#waiting.length === 0) {
      this.#waiting = await (this.#ahead ?? this.#read())
      this.#position += this.#waiting.length
      this.#ahead = undefined
      // Less than was asked for is the end as it was then: what comes later is asked for later.
      if (this.#waiting.length === READ_BYTES) {
        this.#ahead = this.#read()
        this.#ahead.catch(() => {}) // whoever awaits it hears of it
      }
    }
    const block = this.#waiting.subarray(0, BLOCK_BYTES)
    this.#waiting = this.#waiting.subarray(block.length)
    return block.length === 0 ? undefined : block
  }

  async close(): Promise<void> {
    await this.#ahead?.catch(() => {}) // nobody waits for it any more
    await this.#file.close()
  }

  async #read(): Promise<Uint8Array> {
    const buffer = this.#buffers[this.#turn]
    this.#turn = 1 - this.#turn
    const { bytesRead } = await this.#file.read(buffer, 0, READ_BYTES, this.#position)
    return buffer.subarray(0, bytesRead)
  }
}

/** There is no seeking in gzip: what lies before the position is decompressed and dropped. */
class GzipBlocks implements Blocks {
  readonly #path: string
  readonly #close: () => void
  readonly #blocks: AsyncIterator<Buffer>
  #skip: number

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

  async next(): Promise<Uint8Array | undefined> {
    for (;;) {
      const block = await this.#read()
      if (block === undefined) return undefined
      const skipped = Math.min(this.#skip, block.length)
      this.#skip -= skipped
      if (skipped < block.length) return block.subarray(skipped)
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
