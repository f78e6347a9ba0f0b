import { EngineError } from '../base/errors.ts'
import { encodeUtf8 } from '../batch/column.ts'
import type { Field } from '../batch/types.ts'
import type { Polled, Position, Source, SourceContext } from '../connector.ts'
import { type FileReader, type FileRows, openParquet, parquetReader, recordReader } from './file-reader.ts'
import { PartitionColumns, partitionFields } from './hive.ts'
import { type ListedFile, type Listing, nameHash } from './listing.ts'

/** What a source of many files can be told. */
export interface ReadingOptions {
  /** Wait for new files, when those that are there are read. */
  readonly follow: boolean
  readonly listMs: number
}

const WAIT_MS = 500
/** What is wrong with one file, and not with the place: it is put aside, and the next is read. */
const OF_ONE_FILE = new Set(['22000', '42804', '55000', '58P01'])

interface Current {
  readonly file: ListedFile
  readonly reader: FileReader
  readonly folders: PartitionColumns
}

interface Resumed {
  readonly name: string
  readonly etag: string
  readonly at: readonly number[]
}

/**
 * Reads files below a place in the order of their names, then new ones as they are found there; folders such as dt=2026-01-01 give
 * columns. Which are read is known by their names: a file that is written again under its name is not read again. All are one
 * partition, since time goes on from file to file. A file that cannot be read is a bad record.
 */
export class LakeSource implements Source {
  readonly #context: SourceContext
  readonly #listing: Listing
  readonly #options: ReadingOptions
  readonly #fields: readonly Field[]
  /** Hashes of the names of files that are read; a new array with each. */
  #done: readonly string[] = []
  #doneSet = new Set<string>()
  #pending: ListedFile[] = []
  #current: Current | undefined
  /** A file in the midst of which the checkpoint was taken. */
  #resumed: Resumed | undefined
  #listedMs: number | undefined

  constructor(context: SourceContext, listing: Listing, options: ReadingOptions) {
    this.#context = context
    this.#listing = listing
    this.#options = options
    this.#fields = context.columns ?? []
  }

  async open(position: Position | undefined): Promise<void> {
    if (position) {
      this.#done = position.done as readonly string[] // position() made it
      this.#resumed = position.current as Resumed | undefined
      this.#doneSet = new Set(this.#done)
    }
    await this.#list()
    if (!this.#resumed) return
    // It was begun before all others that are left.
    const { name, etag } = this.#resumed
    const file = this.#pending.find(f => f.name === name)
    if (file?.etag === etag) this.#pending = [file, ...this.#pending.filter(f => f !== file)]
    else {
      this.#context.log.warn({ file: name }, 'a file was removed or replaced while it was read; its rest is not read')
      this.#finish(name)
      this.#pending = this.#pending.filter(f => f !== file)
    }
  }

  async poll(rowsMax: number, signal: AbortSignal): Promise<Polled> {
    for (;;) {
      const rows = await this.#read(rowsMax)
      if (rows) return { kind: 'rows', partition: this.#listing.where, ...rows }
      if (this.#pending.length > 0) continue
      if (this.#context.bounded || !this.#options.follow) return { kind: 'end' }
      const { clock } = this.#context
      const waitMs = (this.#listedMs ?? 0) + this.#options.listMs - clock.monotonicMs()
      if (waitMs > 0) {
        await clock.sleep(Math.min(waitMs, WAIT_MS), signal)
        if (waitMs > WAIT_MS || signal.aborted) return { kind: 'idle' }
      }
      await this.#list()
      if (this.#pending.length === 0) return { kind: 'idle' }
    }
  }

  position(): Position {
    const { file, reader } = this.#current ?? {}
    const current = file && reader ? { name: file.name, etag: file.etag, at: reader.position() } : this.#resumed
    return { done: this.#done, current }
  }

  partitions(): readonly string[] {
    return [this.#listing.where]
  }

  async close(): Promise<void> {
    await this.#current?.reader.close()
    this.#current = undefined
    await this.#listing.close()
  }

  /** Rows of the file under way, or of the next; undefined when that has none, or there is no next. */
  async #read(rowsMax: number): Promise<FileRows | undefined> {
    const file = this.#current?.file ?? this.#pending[0]
    if (!file) return undefined
    try {
      this.#current ??= await this.#begin(file)
      const rows = await this.#current.reader.next(rowsMax)
      if (rows) return { batch: this.#current.folders.fill(rows.batch), bad: rows.bad }
      await this.#leave(file)
      return undefined
    } catch (error) {
      if (!(error instanceof EngineError) || !OF_ONE_FILE.has(error.sqlState)) throw error
      await this.#leave(file)
      return this.#unreadable(file, error)
    }
  }

  async #begin(file: ListedFile): Promise<Current> {
    const from = this.#resumed?.name === file.name ? this.#resumed.at : []
    const folders = new PartitionColumns(file.name, this.#fields)
    const reader = this.#context.filesOnly
      ? await parquetReader(this.#listing, file, this.#fields, from)
      : recordReader(this.#listing, file, this.#context.decoder, from)
    return { file, reader, folders }
  }

  async #leave(file: ListedFile): Promise<void> {
    await this.#current?.reader.close()
    this.#current = undefined
    this.#finish(file.name)
    this.#pending = this.#pending.filter(f => f !== file)
  }

  #finish(name: string): void {
    this.#resumed = undefined
    const hash = nameHash(name)
    this.#done = [...this.#done, hash]
    this.#doneSet.add(hash)
  }

  #unreadable(file: ListedFile, { message }: EngineError): FileRows {
    const { decoder } = this.#context
    decoder.begin(new Uint8Array(0), this.#listing.where, this.#listing.where)
    const { batch } = decoder.finish()
    const reason = `${file.name}: ${message}`
    return { batch, bad: [{ partition: this.#listing.where, offset: 0, reason, raw: encodeUtf8(file.name) }] }
  }

  async #list(): Promise<void> {
    this.#listedMs = this.#context.clock.monotonicMs()
    const files = await this.#listing.list()
    this.#pending = files.filter(f => !this.#doneSet.has(nameHash(f.name)) && f.name !== this.#current?.file.name)
  }
}

/** The columns of the first Parquet file of a place, those of its folders with them; undefined when there is none. */
export async function describeFiles(listing: Listing): Promise<readonly Field[] | undefined> {
  try {
    const [first] = await listing.list()
    if (!first) return undefined
    const { columns } = await openParquet(listing, first)
    const own = columns.map(({ name, type }) => ({ name, type }))
    const folders = partitionFields(first.name)
    return [...own.filter(c => !folders.some(f => f.name === c.name)), ...folders]
  } finally {
    await listing.close()
  }
}
