import type { Snapshot } from '../base/snapshot.ts'
import { type Batch, sliceBatch, takeRows } from '../batch/batch.ts'
import { expectStorage, int64AsNumber } from '../batch/column.ts'
import type { Graph, NodeId } from './graph.ts'
import type { SideOutput, Watermark } from './operator.ts'
import { SourceWatermarks, type WatermarkOptions } from './watermarks.ts'

export interface SourceNodeOptions {
  readonly graph: Graph
  /** The graph's input this source feeds. */
  readonly input: NodeId
  /** Undefined: the source has no event time, and never a watermark. */
  readonly watermark?: WatermarkOptions & {
    /** Index of the time column in the source's batches. */
    readonly column: number
  }
  readonly side: SideOutput
}

/**
 * Pushes polled batches into a graph such that what comes out does not depend on where polls cut the stream: whether a row is late is
 * judged as if it were a batch of its own. For that the watermark is followed through the batch. When no row is older than the watermark
 * the whole batch leads to, which is the rule, the batch goes whole and the watermark behind it; else the batch is cut before each row
 * that the rows before it in the batch make late, with the watermark in between; only where a window behind the source closes in
 * between, for else nobody sees it. Slices share memory.
 */
export class SourceNode {
  readonly #options: SourceNodeOptions
  readonly #watermarks: SourceWatermarks | undefined

  constructor(options: SourceNodeOptions) {
    this.#options = options
    this.#watermarks = options.watermark && new SourceWatermarks(options.watermark)
  }

  get watermark(): Watermark {
    return this.#watermarks?.current ?? Number.NEGATIVE_INFINITY
  }

  /** See `SourceWatermarks.setPartitions`; call after open and when partitions change. */
  setPartitions(names: readonly string[], nowMs: number): void {
    this.#watermarks?.setPartitions(names, nowMs)
  }

  /** See `SourceWatermarks.resume`. */
  resume(nowMs: number): void {
    this.#watermarks?.resume(nowMs)
  }

  /** Rows of one partition, in its order. Rows without a time, or with one too far ahead, go where bad rows go. */
  push(partition: string, polled: Batch, nowMs: number): void {
    const { graph, input, watermark } = this.#options
    if (!watermark || !this.#watermarks) {
      if (polled.rowCount > 0) graph.push(input, polled)
      return
    }
    const { column, delayMicros } = watermark
    const times = expectStorage(polled.columns[column], 'int64')
    const range = timeRange(times.words, polled.rowCount)
    const limit = this.#watermarks.futureLimit(nowMs)
    const allGood = !times.valid && range.latest <= limit
    const batch = allGood ? polled : this.#believable(polled, column, limit)
    if (batch.rowCount === 0) {
      this.#advance(this.#watermarks.observe(partition, Number.NEGATIVE_INFINITY, nowMs))
      return
    }
    const { words } = expectStorage(batch.columns[column], 'int64')
    const { earliest, latest } = allGood ? range : timeRange(words, batch.rowCount)
    const bounds = this.#watermarks.bounds(partition, nowMs)
    const course: Course = { ...bounds, delay: delayMicros, grid: this.#gridMicros }
    if (earliest >= watermarkAt(course, Math.max(bounds.latest, latest))) graph.push(input, batch)
    else this.#pushCut(batch, words, course)
    this.#advance(this.#watermarks.observe(partition, latest, nowMs))
  }

  /** Nothing came, time passed: idle partitions let go, a quiet source follows the wall clock. True when a window may have closed by it. */
  tick(nowMs: number): boolean {
    if (!this.#watermarks) return false
    const gridMicros = this.#gridMicros
    const before = Math.floor(this.#watermarks.current / gridMicros)
    const after = this.#watermarks.tick(nowMs)
    this.#advance(after)
    return gridMicros !== Number.POSITIVE_INFINITY && Math.floor(after / gridMicros) !== before
  }

  /** When `tick` is to be called next; see `SourceWatermarks.nextMs`. */
  nextTickMs(nowMs: number): number {
    return this.#watermarks?.nextMs(nowMs, this.#gridMicros) ?? Number.POSITIVE_INFINITY
  }

  /** The source has given everything. */
  end(): void {
    this.#options.graph.end(this.#options.input)
  }

  snapshot(): Snapshot {
    return this.#watermarks?.snapshot() ?? {}
  }

  restore(snapshot: Snapshot, nowMs: number): void {
    if (!this.#watermarks) return
    this.#watermarks.restore(snapshot, nowMs)
    this.#advance(this.#watermarks.current)
  }

  get #gridMicros(): number {
    return this.#options.graph.gridMicros(this.#options.input)
  }

  #advance(watermark: Watermark): void {
    this.#options.graph.advance(this.#options.input, watermark)
  }

  #believable(batch: Batch, column: number, limit: number): Batch {
    const { words, valid } = expectStorage(batch.columns[column], 'int64')
    const { rowCount } = batch
    const rows = new Int32Array(rowCount)
    let count = 0
    for (let i = 0; i < rowCount; i++) {
      const reason =
        valid && valid[i] === 0
          ? 'the event time is NULL'
          : int64AsNumber(words, i) > limit
            ? 'the event time is further ahead of the clock than max_future allows'
            : undefined
      if (reason === undefined) rows[count++] = i
      else this.#options.side.bad(batch, i, reason)
    }
    return count === rowCount ? batch : takeRows(batch, rows, count)
  }

  #pushCut(batch: Batch, words: Int32Array, course: Course): void {
    const { graph, input } = this.#options
    let { latest } = course
    let advanced = watermarkAt(course, latest)
    let start = 0
    for (let i = 0; i < batch.rowCount; i++) {
      const time = int64AsNumber(words, i)
      if (time > latest) {
        latest = time
        continue
      }
      const watermark = watermarkAt(course, latest)
      if (watermark === advanced || time >= watermark) continue
      if (i > start) graph.push(input, sliceBatch(batch, start, i))
      this.#advance(watermark)
      advanced = watermark
      start = i
    }
    graph.push(input, sliceBatch(batch, start, batch.rowCount))
  }
}

/** How the source's watermark follows the latest time of the partition that a batch is of. */
interface Course {
  readonly floor: number
  readonly ceiling: number
  readonly latest: number
  readonly delay: number
  readonly grid: number
}

/** Down to the grid of the windows behind the source: none closes between that and the exact watermark. */
function watermarkAt({ floor, ceiling, delay, grid }: Course, latest: number): Watermark {
  if (grid === Number.POSITIVE_INFINITY) return Number.NEGATIVE_INFINITY
  const exact = Math.max(floor, Math.min(ceiling, latest - delay))
  return exact === Number.NEGATIVE_INFINITY ? exact : Math.floor(exact / grid) * grid
}

function timeRange(words: Int32Array, rowCount: number): { earliest: number; latest: number } {
  let earliest = Number.POSITIVE_INFINITY
  let latest = Number.NEGATIVE_INFINITY
  for (let i = 0; i < rowCount; i++) {
    const time = int64AsNumber(words, i)
    if (time < earliest) earliest = time
    if (time > latest) latest = time
  }
  return { earliest, latest }
}
