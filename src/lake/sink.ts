import { assert } from '../base/assert.ts'
import { randomBytes } from '../base/clock.ts'
import { EngineError } from '../base/errors.ts'
import { type Batch, takeRows } from '../batch/batch.ts'
import type { Schema } from '../batch/types.ts'
import type { FileFormat, FileWriter, Prepared, Sink, SinkContext } from '../connector.ts'
import { type RollingOptions, toRollingOptions } from './options.ts'
import { Partitioner } from './partitions.ts'
import type { Place, Staged } from './place.ts'
import { decodeSegment, encodeSegment } from './segment.ts'

/** A file under way, one a folder. */
interface OpenFile {
  readonly folder: string
  readonly writer: FileWriter
  readonly sinceMs: number
  /** Counts writes: who waits longest for a row has the least. */
  lastWrite: number
  /** Segments that hold rows of it: the first, the last, and how many. */
  segments: { readonly first: number; readonly last: number; readonly count: number } | undefined
  /** Rows since the last checkpoint. */
  fresh: Batch[]
}

/** What a checkpoint needs to know of one. */
interface KeptFile {
  readonly folder: string
  readonly sinceMs: number
  readonly first: number
  readonly last: number
  readonly count: number
}

/** What a checkpoint holds. */
interface LakePrepared {
  readonly publish: readonly Staged[]
  readonly files: readonly KeptFile[]
  /** Segments that nobody needs once the files are visible. */
  readonly drop: readonly number[]
}

/** More make a restart slow, so a file that lives through so many checkpoints is finished. */
const SEGMENTS_MAX = 1000

/**
 * Writes files into folders, each visible once and whole. Exactly once: a file that is finished is staged (uploaded, not visible) before
 * the checkpoint and published after it. Files may live longer than a checkpoint: each checkpoint then stores the rows that came since
 * the one before, a segment, beside the files; a restart reads the segments of unfinished files again. So a row is stored twice at most,
 * however long a file grows, and what a crash leaves is never visible.
 */
export class LakeSink implements Sink {
  readonly #context: SinkContext
  readonly #options: RollingOptions
  readonly #place: Place
  readonly #format: FileFormat
  #partitioner: Partitioner | undefined
  readonly #files = new Map<string, OpenFile>()
  #finished: Staged[] = []
  /** Segments that are stored, and the number of the next. */
  #segments: number[] = []
  #nextSegment = 1
  /** Of this run: begins the names of its files, which sort by time. */
  #run = ''
  #fileCount = 0
  #writes = 0
  #ended = false

  /** `id` is the one that the place was opened for. */
  constructor(context: SinkContext, place: Place, id: string) {
    this.#context = context
    this.#options = toRollingOptions(context.options)
    this.#place = place
    assert(context.files !== undefined, 'the engine makes files')
    this.#format = context.files(this.#options.compression)
    this.#run = id
  }

  async open(recovered: Prepared | undefined): Promise<void> {
    const { clock } = this.#context
    const stamp = new Date(clock.nowMs()).toISOString().replace(/[-:.]/g, '')
    this.#run = `${this.#run}-${stamp}-${Buffer.from(randomBytes(3)).toString('hex')}`
    const { own } = this.#place
    const last = recovered && preparedBy(recovered)
    if (this.#context.schema) this.#partitioner = new Partitioner(this.#context.schema, this.#options.partitionBy)
    if (!last) await this.#tryOut()
    for (const staged of last?.publish ?? []) await this.#place.publish(staged)
    await this.#place.sweep()
    const stored = (await own.list(SEGMENTS)).map(key => Number(key.slice(SEGMENTS.length)))
    const needed = stored.filter(n => last?.files.some(f => f.first <= n && n <= f.last) && !last.drop.includes(n))
    for (const n of stored) if (!needed.includes(n)) await own.delete(segmentKey(n))
    this.#segments = needed
    this.#nextSegment = Math.max(0, ...stored, ...(last?.files ?? []).map(f => f.last)) + 1
    if (last) await this.#restore(last.files)
  }

  async write(batch: Batch): Promise<void> {
    const rows = expandWeights(batch)
    this.#partitioner ??= new Partitioner(rows.schema, this.#options.partitionBy)
    for (const [folder, part] of this.#partitioner.split(rows)) {
      const file = this.#files.get(folder) ?? (await this.#begin(folder, part.schema, this.#context.clock.nowMs()))
      file.lastWrite = ++this.#writes
      file.fresh.push(part)
      await file.writer.write(part)
      const { rollBytes, rollRows } = this.#options
      if (file.writer.bytes >= rollBytes || file.writer.rows >= rollRows) await this.#finish(file)
    }
    await this.#shrink()
  }

  dueInMs(): number {
    const nowMs = this.#context.clock.nowMs()
    let due = Number.POSITIVE_INFINITY
    for (const file of this.#files.values()) due = Math.min(due, this.#leftMs(file, nowMs))
    return due
  }

  sourcesEnded(): void {
    this.#ended = true
  }

  async prepare(): Promise<Prepared | undefined> {
    const nowMs = this.#context.clock.nowMs()
    for (const file of [...this.#files.values()])
      if (this.#ended || this.#leftMs(file, nowMs) <= 0) await this.#finish(file)
    await this.#keepFresh()
    const files: KeptFile[] = []
    for (const { folder, sinceMs, segments } of this.#files.values()) {
      assert(segments !== undefined, 'a file under way has rows, and they are kept')
      files.push({ folder, sinceMs, ...segments })
    }
    const publish = this.#finished
    this.#finished = []
    const drop = this.#segments.filter(n => !files.some(f => f.first <= n && n <= f.last))
    this.#segments = this.#segments.filter(n => !drop.includes(n))
    if (files.length === 0 && publish.length === 0 && drop.length === 0) return undefined
    const prepared: LakePrepared = { publish, files, drop }
    return { ...prepared }
  }

  async commit(prepared: Prepared): Promise<void> {
    const { publish, drop } = preparedBy(prepared)
    for (const staged of publish) await this.#place.publish(staged)
    for (const n of drop) await this.#place.own.delete(segmentKey(n))
  }

  async close(): Promise<void> {
    this.#files.clear()
    await this.#place.close()
  }

  /** Who may not write here is to hear of it from CREATE SINK, and not when the first file is finished. */
  async #tryOut(): Promise<void> {
    const { own } = this.#place
    await own.put('writable', [])
    await own.delete('writable')
  }

  /** A clock that was set back must not keep a file open. */
  #leftMs({ sinceMs, segments }: OpenFile, nowMs: number): number {
    return (segments?.count ?? 0) >= SEGMENTS_MAX ? 0 : this.#options.rollMs - Math.abs(nowMs - sinceMs)
  }

  async #begin(folder: string, schema: Schema, sinceMs: number): Promise<OpenFile> {
    if (this.#files.size >= this.#options.openFiles) {
      const [idle] = [...this.#files.values()].sort((a, b) => a.lastWrite - b.lastWrite)
      await this.#finish(idle)
    }
    const writer = this.#format.create(schema)
    const file: OpenFile = { folder, writer, sinceMs, lastWrite: 0, segments: undefined, fresh: [] }
    this.#files.set(folder, file)
    return file
  }

  async #finish(file: OpenFile): Promise<void> {
    this.#files.delete(file.folder)
    const parts = await file.writer.finish()
    const name = `${this.#run}-${String(++this.#fileCount).padStart(4, '0')}${this.#format.extension}`
    this.#finished.push(await this.#place.stage(file.folder + name, parts))
  }

  /** Finishes the largest files until the rest is within its limit. */
  async #shrink(): Promise<void> {
    let bytes = 0
    for (const { writer } of this.#files.values()) bytes += writer.bytes
    while (bytes > this.#options.bufferBytes) {
      const [largest] = [...this.#files.values()].sort((a, b) => b.writer.bytes - a.writer.bytes)
      bytes -= largest.writer.bytes
      await this.#finish(largest)
    }
  }

  /** Stores the rows since the last checkpoint of the files that go on. */
  async #keepFresh(): Promise<void> {
    const fresh = [...this.#files.values()].filter(file => file.fresh.length > 0)
    if (fresh.length === 0) return
    const n = this.#nextSegment++
    const rows = new Map(fresh.map(file => [file.folder, file.fresh]))
    await this.#place.own.put(segmentKey(n), await encodeSegment(rows))
    this.#segments.push(n)
    for (const file of fresh) {
      file.fresh = []
      file.segments = { first: file.segments?.first ?? n, last: n, count: (file.segments?.count ?? 0) + 1 }
    }
  }

  /** Makes the files under way again of what the segments hold. */
  async #restore(files: readonly KeptFile[]): Promise<void> {
    const found = new Map<string, number>()
    for (const n of this.#segments) {
      const bytes = await this.#place.own.get(segmentKey(n))
      const rows = bytes && (await decodeSegment(bytes, segmentKey(n)))
      for (const { folder, sinceMs, first, last, count } of files) {
        const batches = rows?.get(folder)
        if (batches === undefined || n < first || n > last) continue
        found.set(folder, (found.get(folder) ?? 0) + 1)
        const file = this.#files.get(folder) ?? (await this.#begin(folder, batches[0].schema, sinceMs))
        file.segments = { first, last, count }
        for (const batch of batches) await file.writer.write(batch)
      }
    }
    const lost = files.find(({ folder, count }) => found.get(folder) !== count)
    if (!lost) return
    throw new EngineError('58030', `rows of the unfinished file in "${lost.folder}" are gone`, {
      actor: 'external',
      hint: `Something else has deleted objects below _tidemark; the rows must be read again by a new sink.`,
    })
  }
}

const SEGMENTS = 'rows/'

function segmentKey(n: number): string {
  return SEGMENTS + String(n).padStart(12, '0')
}

function preparedBy(prepared: Prepared): LakePrepared {
  assert(Array.isArray(prepared.publish) && Array.isArray(prepared.files), 'prepared by this sink')
  return prepared as unknown as LakePrepared // checked as far as it can be mixed up
}

/** Names a sink among all that write to a place, stable over restarts; safe in file names. */
export function sinkId({ job, instance }: Pick<SinkContext, 'job' | 'instance'>): string {
  const safe = job.replace(/[^A-Za-z0-9_]/gu, c => `=${c.codePointAt(0)?.toString(16)}=`)
  return `${safe}-${instance ?? Buffer.from(randomBytes(6)).toString('hex')}`
}

/** A row that is added several times, as so many rows. */
function expandWeights(batch: Batch): Batch {
  const { weights, rowCount } = batch
  if (weights === undefined) return batch
  const rows: number[] = []
  for (let row = 0; row < rowCount; row++) {
    assert(weights[row] > 0, 'nothing is taken back from files')
    for (let n = 0; n < weights[row]; n++) rows.push(row)
  }
  return { ...takeRows({ ...batch, weights: undefined }, Int32Array.from(rows), rows.length) }
}
