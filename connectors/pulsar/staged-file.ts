import { type FileHandle, mkdir, open, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { EngineError } from '../../src/base/errors.ts'
import { restoredEntry, type SealedEntry } from './entry-writer.ts'

/** Partition, messages, size before packing, size; 32 bits each. */
const HEAD_BYTES = 16

/** Sealed entries in a folder, a file for each epoch, until they are committed. Files of one epoch are written once. */
export class StagedFiles {
  readonly #folder: string
  #file: FileHandle | undefined
  #name = ''
  #count = 0

  constructor(folder: string) {
    this.#folder = folder
  }

  /** Removes all files but one. */
  async clean(but: string | undefined): Promise<void> {
    await mkdir(this.#folder, { recursive: true })
    for (const name of await readdir(this.#folder)) if (name !== but) await this.remove(name)
  }

  async write(partition: number, entry: SealedEntry): Promise<void> {
    if (!this.#file) {
      this.#name = `${process.pid}-${this.#count++}`
      this.#file = await open(join(this.#folder, this.#name), 'w', 0o600)
    }
    const size = entry.bytes.length - entry.at
    const head = Buffer.alloc(HEAD_BYTES)
    for (const [i, value] of [partition, entry.count, entry.unpackedSize, size].entries())
      head.writeUInt32LE(value, 4 * i)
    await this.#file.writev([head, entry.bytes.subarray(entry.at)])
  }

  /** Makes what was written durable; gives its name, undefined when that was nothing. */
  async seal(): Promise<string | undefined> {
    const file = this.#file
    if (!file) return undefined
    this.#file = undefined
    await file.sync()
    await file.close()
    const folder = await open(this.#folder, 'r')
    await folder.sync().finally(() => folder.close())
    return this.#name
  }

  /** The entries of a file in their order; undefined when it is not there. */
  async read(name: string): Promise<AsyncGenerator<{ partition: number; entry: SealedEntry }> | undefined> {
    const file = await open(join(this.#folder, name), 'r').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined
      throw error
    })
    return file && entriesOf(file)
  }

  async remove(name: string): Promise<void> {
    await rm(join(this.#folder, name), { force: true })
  }

  async close(): Promise<void> {
    const file = this.#file
    this.#file = undefined
    await file?.close()
  }
}

async function* entriesOf(file: FileHandle): AsyncGenerator<{ partition: number; entry: SealedEntry }> {
  try {
    for (;;) {
      const head = await readFully(file, HEAD_BYTES)
      if (!head) return
      const [partition, count, unpackedSize, size] = [0, 4, 8, 12].map(at => head.readUInt32LE(at))
      const messages = await readFully(file, size)
      if (!messages) throw new EngineError('XX001', 'a file of staged messages ends too early')
      yield { partition, entry: restoredEntry(messages, count, unpackedSize) }
    }
  } finally {
    await file.close()
  }
}

async function readFully(file: FileHandle, size: number): Promise<Buffer | undefined> {
  const buffer = Buffer.allocUnsafe(size)
  for (let at = 0; at < size; ) {
    const { bytesRead } = await file.read(buffer, at, size - at)
    if (bytesRead === 0) return undefined
    at += bytesRead
  }
  return buffer
}
