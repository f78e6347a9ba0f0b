import { assert } from '../base/assert.ts'
import { growFloat64, growInt32, grownCapacity } from '../base/grow.ts'
import { type Snapshot, snapshotField } from '../base/snapshot.ts'
import type { Column } from '../batch/column.ts'
import type { DataType } from '../batch/types.ts'
import { KeyTable } from './key-table.ts'

/** The rows of one partition, by time. */
export interface SessionPartition {
  readonly number: number
  rows: number[]
  /** No session of it ends before. */
  dueMicros: number
}

/** Takes a row, the bounds of the session it is in, in microseconds, and how often it is there; 0: not any more. */
export type Move = (row: number, start: number, end: number, weight: number) => void

/** Partitions whose sessions end at about one time are looked at together. */
const BUCKETS_A_GAP = 16

/**
 * The rows of open sessions, each distinct row once, in the order of time by partition, and the bounds that were last told of each. A row
 * may weigh less than nothing for a while, when it is taken back before it came; it is in no session then.
 */
export class SessionRows {
  readonly #table: KeyTable
  readonly #gapMicros: number
  readonly #bucketMicros: number
  /** By row. */
  #weights = new Int32Array(16)
  #times = new Float64Array(16)
  /** −1: in no partition. */
  #partitionOf = new Int32Array(16)
  #shownWeights = new Int32Array(16)
  #shownStarts = new Float64Array(16)
  #shownEnds = new Float64Array(16)
  readonly #partitions = new Map<number, SessionPartition>()
  readonly #buckets = new Map<number, Set<SessionPartition>>()

  constructor(types: readonly DataType[], gapMicros: number) {
    this.#table = new KeyTable(types)
    this.#gapMicros = gapMicros
    this.#bucketMicros = Math.max(1, Math.floor(gapMicros / BUCKETS_A_GAP))
  }

  /** The number of each row; new ones are in no partition yet. The array is reused. */
  assign(columns: readonly Column[], rowCount: number): Int32Array {
    const rows = this.#table.assign(columns, rowCount)
    this.#reserve(this.#table.high)
    for (const row of this.#table.created) {
      this.#weights[row] = this.#shownWeights[row] = 0
      this.#partitionOf[row] = -1
    }
    return rows
  }

  /** Made when there is none. */
  partition(number: number): SessionPartition {
    const known = this.#partitions.get(number)
    if (known) return known
    const partition = { number, rows: [], dueMicros: Number.POSITIVE_INFINITY }
    this.#partitions.set(number, partition)
    return partition
  }

  add(partition: SessionPartition, row: number, time: number, weight: number): void {
    if (this.#partitionOf[row] < 0) {
      this.#times[row] = time
      this.#partitionOf[row] = partition.number
      partition.rows.splice(this.#firstBehind(partition, time), 0, row)
    }
    this.#weights[row] += weight
    // What is left of a session that lost a row ends no earlier than its first row allows.
    const earliest = weight > 0 ? time : this.#times[partition.rows[0]]
    if (earliest + this.#gapMicros < partition.dueMicros) this.#setDue(partition, earliest + this.#gapMicros)
  }

  /** True when a row at this time would be in a session of the partition. */
  reaches(partition: SessionPartition, time: number): boolean {
    const { rows } = partition
    for (let i = this.#firstBehind(partition, time - this.#gapMicros); i < rows.length; i++) {
      if (this.#times[rows[i]] - time >= this.#gapMicros) return false
      if (this.#weights[rows[i]] > 0) return true
    }
    return false
  }

  /** Tells what changed since it was last told: each row's old bounds with their weight negative, then its new ones. */
  tellMoves(partition: SessionPartition, tell: Move): void {
    for (const row of partition.rows) if (this.#weights[row] <= 0) this.#tellMove(row, 0, 0, 0, tell)
    this.#eachSession(partition, (rows, start, end) => {
      for (const row of rows) this.#tellMove(row, start, end, this.#weights[row], tell)
    })
  }

  /** Takes rows that came to nothing out of the partition; `free` them then. */
  dropEmpty(partition: SessionPartition): void {
    if (!partition.rows.some(row => this.#weights[row] === 0)) return
    for (const row of partition.rows) if (this.#weights[row] === 0) this.#partitionOf[row] = -1
    partition.rows = partition.rows.filter(row => this.#weights[row] !== 0)
  }

  /** Partitions that may have sessions that end at or before `limit`. */
  due(limit: number): SessionPartition[] {
    const due: SessionPartition[] = []
    for (const [bucket, partitions] of this.#buckets) {
      if (bucket * this.#bucketMicros > limit) continue
      for (const partition of partitions) if (partition.dueMicros <= limit) due.push(partition)
    }
    return due
  }

  /** Takes out the rows of sessions that end at or before `limit`, and answers them; `tell` is told of those in sessions. `free` them then. */
  takeClosed(partition: SessionPartition, limit: number, tell: Move): number[] {
    const open = new Set<number>()
    let due = Number.POSITIVE_INFINITY
    this.#eachSession(partition, (rows, start, end) => {
      if (end <= limit) {
        for (const row of rows) tell(row, start, end, this.#weights[row])
        return
      }
      due = Math.min(due, end)
      for (const row of rows) open.add(row)
    })
    for (const row of partition.rows) {
      const end = this.#times[row] + this.#gapMicros
      if (this.#weights[row] > 0 || end <= limit) continue
      due = Math.min(due, end)
      open.add(row)
    }
    const closed = partition.rows.filter(row => !open.has(row))
    for (const row of closed) this.#partitionOf[row] = -1
    partition.rows = partition.rows.filter(row => open.has(row))
    this.#setDue(partition, due)
    return closed
  }

  columns(rows: Int32Array, count: number): Column[] {
    return this.#table.keys(rows, count)
  }

  /** Forgets those of the rows that are in no partition. */
  free(rows: Iterable<number>): void {
    for (const row of new Set(rows)) if (this.#partitionOf[row] < 0) this.#table.free(row)
  }

  /** Forgets a partition without rows. */
  forget(partition: SessionPartition): void {
    assert(partition.rows.length === 0, 'a partition that is forgotten has no rows')
    this.#setDue(partition, Number.POSITIVE_INFINITY)
    this.#partitions.delete(partition.number)
  }

  bytes(): number {
    return this.#table.bytes() + this.#weights.length * 36 + this.#table.size * 8 + this.#partitions.size * 100
  }

  snapshot(): Snapshot {
    const { high } = this.#table
    return {
      table: this.#table.snapshot(),
      weights: this.#weights.subarray(0, high),
      times: this.#times.subarray(0, high),
      partitions: this.#partitionOf.subarray(0, high),
      shownWeights: this.#shownWeights.subarray(0, high),
      shownStarts: this.#shownStarts.subarray(0, high),
      shownEnds: this.#shownEnds.subarray(0, high),
    }
  }

  restore(snapshot: Snapshot): void {
    this.#table.restore(snapshotField.nested(snapshot, 'table'))
    this.#reserve(this.#table.high)
    this.#weights.set(snapshotField.int32(snapshot, 'weights'))
    this.#times.set(snapshotField.float64(snapshot, 'times'))
    this.#partitionOf.set(snapshotField.int32(snapshot, 'partitions'))
    this.#shownWeights.set(snapshotField.int32(snapshot, 'shownWeights'))
    this.#shownStarts.set(snapshotField.float64(snapshot, 'shownStarts'))
    this.#shownEnds.set(snapshotField.float64(snapshot, 'shownEnds'))
    for (const row of this.#table.all().sort((a, b) => this.#times[a] - this.#times[b])) {
      this.partition(this.#partitionOf[row]).rows.push(row)
    }
    for (const partition of this.#partitions.values()) {
      this.#setDue(partition, this.#times[partition.rows[0]] + this.#gapMicros)
    }
  }

  /** Rows that are there, in runs each closer than the gap to the one before. */
  #eachSession({ rows }: SessionPartition, visit: (rows: readonly number[], start: number, end: number) => void): void {
    const there = rows.filter(row => this.#weights[row] > 0)
    let from = 0
    for (let i = 1; i <= there.length; i++) {
      const last = this.#times[there[i - 1]]
      if (i < there.length && this.#times[there[i]] - last < this.#gapMicros) continue
      visit(there.slice(from, i), this.#times[there[from]], last + this.#gapMicros)
      from = i
    }
  }

  #tellMove(row: number, start: number, end: number, weight: number, tell: Move): void {
    const shown = this.#shownWeights[row]
    const stays = shown > 0 && weight > 0 && this.#shownStarts[row] === start && this.#shownEnds[row] === end
    if (stays ? shown === weight : shown === weight && weight === 0) return
    if (stays) tell(row, start, end, weight - shown)
    else {
      if (shown > 0) tell(row, this.#shownStarts[row], this.#shownEnds[row], -shown)
      if (weight > 0) tell(row, start, end, weight)
    }
    this.#shownWeights[row] = weight
    this.#shownStarts[row] = start
    this.#shownEnds[row] = end
  }

  /** Where the first row later than `time` is in the partition. */
  #firstBehind({ rows }: SessionPartition, time: number): number {
    let low = 0
    let high = rows.length
    // Mostly it is the end.
    if (high > 0 && this.#times[rows[high - 1]] <= time) return high
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#times[rows[middle]] <= time) low = middle + 1
      else high = middle
    }
    return low
  }

  #setDue(partition: SessionPartition, dueMicros: number): void {
    const [old, now] = [partition.dueMicros, dueMicros].map(due => Math.floor(due / this.#bucketMicros))
    partition.dueMicros = dueMicros
    if (old === now) return
    const left = this.#buckets.get(old)
    left?.delete(partition)
    if (left?.size === 0) this.#buckets.delete(old)
    if (now === Number.POSITIVE_INFINITY) return
    const joined = this.#buckets.get(now)
    if (joined) joined.add(partition)
    else this.#buckets.set(now, new Set([partition]))
  }

  #reserve(rows: number): void {
    if (rows <= this.#weights.length) return
    const capacity = grownCapacity(this.#weights.length, rows)
    this.#weights = growInt32(this.#weights, capacity)
    this.#partitionOf = growInt32(this.#partitionOf, capacity)
    this.#shownWeights = growInt32(this.#shownWeights, capacity)
    this.#times = growFloat64(this.#times, capacity)
    this.#shownStarts = growFloat64(this.#shownStarts, capacity)
    this.#shownEnds = growFloat64(this.#shownEnds, capacity)
  }
}
