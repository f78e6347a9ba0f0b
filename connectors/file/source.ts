import { globSync, type Stats } from 'node:fs'
import { stat } from 'node:fs/promises'
import { EngineError } from '../../src/base/errors.ts'
import type { Framing, Polled, Position, RecordDecoder, Source, SourceContext } from '../../src/connector.ts'
import { RecordSplitter } from '../../src/format/split.ts'
import { type Blocks, fileError, openBlocks } from './blocks.ts'
import { type FileOptions, toFileOptions } from './options.ts'

/** How often a followed file is looked at while nothing comes. */
const LOOK_MS = 100
const WAIT_MS = 500

/** Where reading of one file stands. */
interface FilePosition {
  /** Bytes of the (decompressed) content handed out. */
  readonly offset: number
  /** Tells a file from another that takes its name. */
  readonly inode: number
}

/** A file being read. */
interface Current {
  readonly path: string
  readonly inode: number
  readonly blocks: Blocks
  readonly splitter: RecordSplitter
  /** Undefined: records go to the decoder one by one. */
  readonly lines: RecordDecoder['lines']
  /** Next record of the splitter to hand out; or next byte, where the decoder takes lines. */
  next: number
  ended: boolean
}

/** The files of a path or pattern, in the order of their names. */
export function findFiles(path: string): string[] {
  return /[*?[{]/.test(path) ? globSync(path).sort() : [path]
}

export function framingOf(path: string, given: Framing | undefined): Framing {
  return given ?? { mode: /\.csv(\.gz)?$/i.test(path) ? 'csv' : 'lines', delimiter: 44 }
}

/** Reads files one after another, each a partition. A followed one stays open, so that what is written to it until it is replaced is read. */
export class FileSource implements Source {
  readonly #context: SourceContext
  readonly #options: FileOptions
  readonly #follow: boolean
  #paths: string[] = []
  readonly #positions = new Map<string, FilePosition>()
  /** Files that are read to the end and cannot grow. */
  readonly #done = new Set<string>()
  readonly #open = new Map<string, Current>()

  constructor(context: SourceContext) {
    this.#context = context
    this.#options = toFileOptions(context.options)
    this.#follow = this.#options.follow && !context.bounded
  }

  async open(position: Position | undefined): Promise<void> {
    const { path } = this.#options
    const files = (position?.files ?? {}) as Record<string, FilePosition> // position() made it
    for (const [name, at] of Object.entries(files)) this.#positions.set(name, at)
    this.#paths = findFiles(path)
    for (const name of this.#paths) if (!this.#follow) await statOf(name)
    if (this.#paths.length === 0 && !this.#follow) {
      throw new EngineError('58P01', `no file matches ${path}`, { actor: 'external' })
    }
  }

  async poll(rowsMax: number, signal: AbortSignal): Promise<Polled> {
    for (let waitedMs = 0; ; waitedMs += LOOK_MS) {
      const polled = await this.#read(rowsMax)
      if (polled) return polled
      if (!this.#follow) return { kind: 'end' }
      if (waitedMs >= WAIT_MS || signal.aborted) return { kind: 'idle' }
      await this.#context.clock.sleep(LOOK_MS, signal)
      this.#paths = findFiles(this.#options.path)
    }
  }

  position(): Position {
    return { files: Object.fromEntries(this.#positions) }
  }

  partitions(): readonly string[] {
    return this.#paths
  }

  async close(): Promise<void> {
    for (const current of this.#open.values()) await this.#leave(current, false)
  }

  /** The next rows of any file; undefined when all are at their end. */
  async #read(rowsMax: number): Promise<Polled | undefined> {
    for (const path of this.#paths) {
      while (!this.#done.has(path)) {
        const current = this.#open.get(path) ?? (await this.#enter(path))
        if (!current) break
        if (current.next < (current.lines ? current.splitter.end : current.splitter.count)) {
          return this.#decode(current, rowsMax)
        }
        if (current.ended) await this.#leave(current, true)
        else if (!(await this.#advance(current))) break
      }
    }
    return undefined
  }

  /** Finds the records of the next block. False: nothing new in a followed file. */
  async #advance(current: Current): Promise<boolean> {
    const { path, splitter } = current
    const bytes = await current.blocks.next(splitter.rest)
    if (bytes.length > splitter.rest) splitter.push(bytes)
    else if (!this.#follow || path.endsWith('.gz')) {
      splitter.finish(bytes)
      current.ended = true
    } else {
      // The last line may still be being written: it waits.
      splitter.clear()
      if (!(await this.#replaced(current))) return false
      this.#positions.delete(path)
      await this.#leave(current, false)
    }
    if (!current.lines) splitter.cut()
    current.next = current.lines ? splitter.start : 0
    return true
  }

  /** Whether a followed file, read to its end, is no longer what goes by its name. */
  async #replaced({ path, inode, splitter }: Current): Promise<boolean> {
    const stats = await stat(path).catch(() => undefined)
    if (!stats || (stats.ino === inode && stats.size >= splitter.position)) return false
    this.#context.log.warn(
      { path },
      `the file was ${stats.ino === inode ? 'truncated' : 'replaced'}; it is read from its beginning`,
    )
    return true
  }

  #decode(current: Current, rowsMax: number): Polled {
    const { decoder } = this.#context
    const { path, splitter, inode, lines } = current
    decoder.begin(splitter.bytes, this.#options.path, path)
    if (lines) current.next = lines(current.next, splitter.end, splitter.base, rowsMax)
    else this.#giveRecords(current, rowsMax)
    const { next } = current
    const { base, bounds, count, end, position } = splitter
    const offset = lines ? (next < end ? base + next : position) : next < count ? base + bounds[2 * next] : position
    this.#positions.set(path, { offset, inode })
    return { kind: 'rows', partition: path, ...decoder.finish() }
  }

  #giveRecords(current: Current, rowsMax: number): void {
    const { decoder } = this.#context
    const { bounds, base, count } = current.splitter
    let record = current.next
    for (let rows = 0; record < count && rows < rowsMax; record++) {
      const start = bounds[2 * record]
      const end = bounds[2 * record + 1]
      if (start === end) continue
      decoder.record(start, end, base + start, -1, -1, -1)
      if (decoder.wantsHeaders) decoder.headers([])
      rows++
    }
    current.next = record
  }

  /** Opens a file where its position says. Undefined: it is not there, which a followed one may be for a while. */
  async #enter(path: string): Promise<Current | undefined> {
    const found = await this.#offsetIn(path)
    if (found === undefined) return undefined
    const { offset, inode } = found
    const { decoder } = this.#context
    const { mode, delimiter } = framingOf(path, decoder.framing)
    if (mode === 'csv' && offset > 0) await this.#giveFirstRecord(path, delimiter)
    const splitter = new RecordSplitter(mode, { position: offset, delimiter })
    const lines = mode === 'lines' ? decoder.lines : undefined
    const current = { path, inode, blocks: await openBlocks(path, offset), splitter, lines, next: 0, ended: false }
    this.#open.set(path, current)
    return current
  }

  /** Where to go on in a file. */
  async #offsetIn(path: string): Promise<FilePosition | undefined> {
    const stats = await statOf(path).catch(error => {
      if (this.#follow) return undefined
      throw error
    })
    if (!stats) return undefined
    const at = this.#positions.get(path)
    const inode = stats.ino
    if (!at) return { offset: 0, inode }
    if (this.#follow && at.inode !== inode) {
      this.#context.log.warn({ path }, 'the file was replaced; the new one is read from its beginning')
      return { offset: 0, inode }
    }
    if (!path.endsWith('.gz') && stats.size < at.offset) {
      this.#context.log.warn(
        { path, size: stats.size, offset: at.offset },
        'the file was truncated; it is read from its beginning',
      )
      return { offset: 0, inode }
    }
    return { offset: at.offset, inode }
  }

  /** A CSV file's first record may name the fields; where it does not, it was handed out already and its row is dropped. */
  async #giveFirstRecord(path: string, delimiter: number): Promise<void> {
    const { decoder } = this.#context
    const splitter = new RecordSplitter('csv', { delimiter })
    const blocks = await openBlocks(path, 0)
    try {
      while (splitter.count === 0) {
        const bytes = await blocks.next(splitter.rest)
        if (bytes.length > splitter.rest) splitter.push(bytes)
        else {
          splitter.finish(bytes)
          break
        }
      }
      if (splitter.count === 0) return
      decoder.begin(splitter.bytes, this.#options.path, path)
      decoder.record(splitter.bounds[0], splitter.bounds[1], 0, -1, -1, -1)
      decoder.finish()
    } finally {
      await blocks.close()
    }
  }

  async #leave(current: Current, done: boolean): Promise<void> {
    this.#open.delete(current.path)
    if (done) this.#done.add(current.path)
    await current.blocks.close()
  }
}

async function statOf(path: string): Promise<Stats> {
  try {
    return await stat(path)
  } catch (error) {
    throw fileError(path, error)
  }
}
