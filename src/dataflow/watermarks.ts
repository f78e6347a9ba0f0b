import { assert } from '../base/assert.ts'
import { type Snapshot, snapshotField } from '../base/snapshot.ts'
import type { Watermark } from './operator.ts'

export interface WatermarkOptions {
  /** How far the watermark stays behind the latest time seen. */
  readonly delayMicros: number
  /** After this long without rows a partition holds nothing back. Infinity: never, as in bounded reads. */
  readonly idleTimeoutMs: number
  /** Times further ahead of the wall clock than this move nothing; see `futureLimit`. Infinity: all are believed. */
  readonly maxFutureMicros: number
}

interface Partition {
  /** Latest event time, microseconds; −Infinity before the first row. */
  latest: number
  /** When it last had rows, or was first known, or the source was started. */
  activeMs: number
}

const MICROS_PER_MS = 1000

/**
 * The watermark of one source: a partition's is its latest event time less the delay, the source's is the smallest of its partitions'.
 * A partition silent for the idle time-out holds nothing back; when all are, the watermark moves on at the wall clock's pace from the
 * latest time seen, so that windows close although nothing comes. At its pace, not to its reading: whoever plays last year's data and
 * pauses must not find the rest late. It never goes back. Time is passed in.
 */
export class SourceWatermarks {
  readonly #options: WatermarkOptions
  readonly #partitions = new Map<string, Partition>()
  #watermark: Watermark = Number.NEGATIVE_INFINITY

  constructor(options: WatermarkOptions) {
    this.#options = options
  }

  get current(): Watermark {
    return this.#watermark
  }

  /** The partitions there are now. A new one holds the watermark until it has rows or counts as idle; one that is gone no longer does. */
  setPartitions(names: readonly string[], nowMs: number): void {
    for (const name of this.#partitions.keys()) if (!names.includes(name)) this.#partitions.delete(name)
    for (const name of names) this.#partition(name, nowMs)
  }

  /** The source was started or resumed just now: silence counts from here, not from before the pause. */
  resume(nowMs: number): void {
    for (const partition of this.#partitions.values()) partition.activeMs = nowMs
  }

  /** A partition brought rows, the latest at `latest` (−Infinity: rows without a usable time). Answers the watermark after them. */
  observe(name: string, latest: number, nowMs: number): Watermark {
    const partition = this.#partition(name, nowMs)
    partition.activeMs = nowMs
    partition.latest = Math.max(partition.latest, latest)
    return this.#advance(nowMs)
  }

  /** Time has passed. Answers the watermark now. */
  tick(nowMs: number): Watermark {
    return this.#advance(nowMs)
  }

  /**
   * When the watermark next moves if nothing comes: a partition falls silent, or that of a quiet source passes a multiple of `gridMicros`,
   * for in between nothing closes. Infinity: never, or to no effect.
   */
  nextMs(nowMs: number, gridMicros: number): number {
    const { idleTimeoutMs } = this.#options
    let next = Number.POSITIVE_INFINITY
    let quiet = true
    for (const partition of this.#partitions.values()) {
      if (this.#isIdle(partition, nowMs)) continue
      quiet = false
      next = Math.min(next, partition.activeMs + idleTimeoutMs)
    }
    if (!quiet || gridMicros === Number.POSITIVE_INFINITY) return next
    const watermark = this.#quiet(nowMs)
    if (watermark === Number.NEGATIVE_INFINITY) return next
    const closing = (Math.floor(Math.max(watermark, this.#watermark) / gridMicros) + 1) * gridMicros
    return nowMs + (closing - watermark) / MICROS_PER_MS
  }

  /**
   * What the watermark would be while rows of `name` come, as a function of that partition's latest time t: max(floor, min(ceiling,
   * t − delay)). Lets a batch be walked row by row without asking for each.
   */
  bounds(name: string, nowMs: number): { readonly floor: number; readonly ceiling: number; readonly latest: number } {
    const own = this.#partition(name, nowMs)
    let ceiling = Number.POSITIVE_INFINITY
    for (const [other, partition] of this.#partitions) {
      if (other !== name && !this.#isIdle(partition, nowMs)) ceiling = Math.min(ceiling, this.#own(partition))
    }
    return { floor: this.#watermark, ceiling, latest: own.latest }
  }

  /** Times above it are not believed. */
  futureLimit(nowMs: number): number {
    return nowMs * MICROS_PER_MS + this.#options.maxFutureMicros
  }

  snapshot(): Snapshot {
    return {
      watermark: this.#watermark,
      partitions: [...this.#partitions.keys()],
      latest: Float64Array.from(this.#partitions.values(), partition => partition.latest),
    }
  }

  /** Silence counts from `nowMs`: how long the process was away says nothing about the source. */
  restore(snapshot: Snapshot, nowMs: number): void {
    this.#watermark = snapshotField.number(snapshot, 'watermark')
    const latest = snapshotField.float64(snapshot, 'latest')
    const names = snapshotField.array(snapshot, 'partitions')
    assert(names.length === latest.length, 'snapshot of watermarks is cut')
    this.#partitions.clear()
    names.forEach((name, i) => {
      this.#partitions.set(String(name), { latest: latest[i], activeMs: nowMs })
    })
  }

  #partition(name: string, nowMs: number): Partition {
    let partition = this.#partitions.get(name)
    if (!partition) {
      partition = { latest: Number.NEGATIVE_INFINITY, activeMs: nowMs }
      this.#partitions.set(name, partition)
    }
    return partition
  }

  #isIdle(partition: Partition, nowMs: number): boolean {
    return nowMs - partition.activeMs >= this.#options.idleTimeoutMs
  }

  #own(partition: Partition): number {
    return partition.latest - this.#options.delayMicros
  }

  /** All are idle, or there is none: the latest time seen, moved on by as long as the source has been quiet. */
  #quiet(nowMs: number): Watermark {
    let latest = Number.NEGATIVE_INFINITY
    let activeMs = Number.NEGATIVE_INFINITY
    for (const partition of this.#partitions.values()) {
      latest = Math.max(latest, partition.latest)
      activeMs = Math.max(activeMs, partition.activeMs)
    }
    // Before the first row there is no window to close.
    if (latest === Number.NEGATIVE_INFINITY) return latest
    return latest + (nowMs - activeMs) * MICROS_PER_MS - this.#options.delayMicros
  }

  #advance(nowMs: number): Watermark {
    let merged = Number.POSITIVE_INFINITY
    for (const partition of this.#partitions.values()) {
      if (!this.#isIdle(partition, nowMs)) merged = Math.min(merged, this.#own(partition))
    }
    if (merged === Number.POSITIVE_INFINITY) merged = this.#quiet(nowMs)
    this.#watermark = Math.max(this.#watermark, merged)
    return this.#watermark
  }
}
