import { existsSync } from 'node:fs'
import { type FileHandle, mkdir, open, readdir, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { assert } from '../../src/base/assert.ts'
import type { Batch } from '../../src/batch/batch.ts'
import type { EncodedRecords, Prepared, Sink, SinkContext } from '../../src/connector.ts'
import { BLOCK_BYTES, fileError } from './blocks.ts'
import { toFileOptions } from './options.ts'

/** Bytes [from, to) of the file, waiting beside it under a name that says so. */
interface Piece {
  readonly from: number
  readonly to: number
}

/**
 * Appends to one file. Exactly once: an epoch's bytes are collected in a file beside it and copied to their place at the commit.
 * Where that place is was fixed when they were prepared, so copying again changes nothing.
 */
export class FileSink implements Sink {
  readonly #context: SinkContext
  readonly #path: string
  /** Length of the file once all that was prepared is committed. */
  #end = 0
  #piece: { readonly file: FileHandle; length: number } | undefined

  constructor(context: SinkContext) {
    this.#context = context
    this.#path = toFileOptions(context.options).path
  }

  open(recovered: Prepared | undefined): Promise<void> {
    return this.#doing(async () => {
      await mkdir(dirname(this.#path), { recursive: true })
      const piece = recovered && pieceOf(recovered)
      if (piece) await this.#publish(piece)
      for (const name of await readdir(dirname(this.#path))) {
        if (name.startsWith(this.#pieceName(''))) await rm(join(dirname(this.#path), name), { force: true })
      }
      const file = await open(this.#path, 'a')
      try {
        // What lies beyond belongs to rows that come again.
        if (piece) await file.truncate(piece.to)
        this.#end = (await file.stat()).size
      } finally {
        await file.close()
      }
    })
  }

  write(batch: Batch): Promise<void> {
    return this.#doing(async () => {
      const { encoder } = this.#context
      const first = this.#piece === undefined && this.#end === 0
      this.#piece ??= { file: await open(this.#pieceFile(this.#end), 'w'), length: 0 }
      const lines = linesOf(encoder.encode(batch), encoder.terminator)
      const bytes = first && encoder.header ? Buffer.concat([encoder.header, lines]) : lines
      await this.#piece.file.writeFile(bytes)
      this.#piece.length += bytes.length
    })
  }

  prepare(): Promise<Prepared | undefined> {
    return this.#doing(async () => {
      const piece = this.#piece
      if (!piece) return undefined
      this.#piece = undefined
      await piece.file.sync()
      await piece.file.close()
      const from = this.#end
      this.#end += piece.length
      await syncFolder(dirname(this.#path))
      return { from, to: this.#end }
    })
  }

  commit(prepared: Prepared): Promise<void> {
    return this.#doing(() => this.#publish(pieceOf(prepared)))
  }

  async close(): Promise<void> {
    const piece = this.#piece
    this.#piece = undefined
    await piece?.file.close()
  }

  /** Copies a piece to its place, unless that was done. */
  async #publish({ from, to }: Piece): Promise<void> {
    const waiting = this.#pieceFile(from)
    // It goes once its copy is on disk, so its absence says that all is done.
    if (!existsSync(waiting)) return
    const source = await open(waiting, 'r')
    const target = await open(this.#path, 'r+').catch(() => open(this.#path, 'w+'))
    try {
      const buffer = Buffer.allocUnsafe(Math.min(BLOCK_BYTES, to - from))
      for (let at = 0; at < to - from; ) {
        const { bytesRead } = await source.read(buffer, 0, buffer.length, at)
        assert(bytesRead > 0, 'the piece is as long as was prepared')
        await target.write(buffer, 0, bytesRead, from + at)
        at += bytesRead
      }
      await target.sync()
    } finally {
      await source.close()
      await target.close()
    }
    if (from === 0) await syncFolder(dirname(this.#path))
    await rm(waiting, { force: true })
  }

  #pieceName(from: number | ''): string {
    return `.${basename(this.#path)}.uncommitted-${from}`
  }

  #pieceFile(from: number): string {
    return join(dirname(this.#path), this.#pieceName(from))
  }

  async #doing<T>(action: () => Promise<T>): Promise<T> {
    try {
      return await action()
    } catch (error) {
      throw fileError(this.#path, error)
    }
  }
}

function pieceOf(prepared: Prepared): Piece {
  const { from, to } = prepared
  assert(typeof from === 'number' && typeof to === 'number', 'prepared by this sink')
  return { from, to }
}

/** The records, each with its end. */
function linesOf(records: EncodedRecords, terminator: Uint8Array): Buffer {
  const { count, bytes, offsets } = records
  const lines = Buffer.allocUnsafe(offsets[count] - offsets[0] + count * terminator.length)
  let at = 0
  for (let i = 0; i < count; i++) {
    const length = offsets[i + 1] - offsets[i]
    lines.set(bytes.subarray(offsets[i], offsets[i + 1]), at)
    lines.set(terminator, at + length)
    at += length + terminator.length
  }
  return lines
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
