import { assert } from '../base/assert.ts'
import { growInt32, grownCapacity } from '../base/grow.ts'
import { type Snapshot, snapshotField } from '../base/snapshot.ts'
import { type Column, expectStorage, int64AsNumber } from '../batch/column.ts'
import type { DataType } from '../batch/types.ts'
import { KeyTable } from './key-table.ts'

/** Rows of about one time go together; a bucket that is cut is looked at again at each advance. */
const BUCKETS_A_LIFE = 64
const BUCKET_MIN_MICROS = 1_000_000

/**
 * The rows of one side of a join, each distinct row once, in lists by key. A row has a weight (which may be negative for a while, when it
 * is taken back before it came), the sum of the weights of its partners, and a time after which it can go.
 */
export class JoinRows {
  readonly #rows: KeyTable
  readonly #time: number | undefined
  readonly #bucketMicros: number
  /** By row. */
  weights = new Int32Array(16)
  partners = new Int32Array(16)
  #keys = new Int32Array(16)
  #next = new Int32Array(16)
  #previous = new Int32Array(16)
  #times = new Float64Array(0)
  /** By key: its first row, −1 for none. */
  #heads = new Int32Array(0)
  /** Rows by the time they can go. May name rows that went early, and whoever has their number now. */
  readonly #buckets = new Map<number, number[]>()

  /** `time`: index of the timestamp column by which rows go, and how long they stay. None: they stay. */
  constructor(types: readonly DataType[], time?: { readonly column: number; readonly keepMicros: number }) {
    this.#rows = new KeyTable(types)
    this.#time = time?.column
    this.#bucketMicros = Math.max(BUCKET_MIN_MICROS, Math.abs(time?.keepMicros ?? 0) / BUCKETS_A_LIFE)
    if (time) this.#times = new Float64Array(16)
  }

  get size(): number {
    return this.#rows.size
  }

  /** The number of each row; new ones get one, with weight 0, in the list of their key. The array is reused. */
  add(columns: readonly Column[], keys: Int32Array, rowCount: number): Int32Array {
    const rows = this.#rows.assign(columns, rowCount)
    if (this.#rows.high > this.weights.length) this.#grow(this.#rows.high)
    const { created } = this.#rows
    for (let i = 0; i < created.length; i++) this.#keys[created[i]] = -1
    const time = this.#time === undefined ? undefined : expectStorage(columns[this.#time], 'int64')
    for (let i = 0; i < rowCount && created.length > 0; i++) {
      const row = rows[i]
      if (this.#keys[row] >= 0) continue
      this.#link(row, keys[i])
      this.weights[row] = this.partners[row] = 0
      if (!time) continue
      const isNull = time.valid !== undefined && time.valid[i] === 0
      this.#remember(row, isNull ? Number.POSITIVE_INFINITY : int64AsNumber(time.words, i))
    }
    return rows
  }

  /** The first row of a key, −1 for none; then the next of the same key. */
  first(key: number): number {
    return key < this.#heads.length ? this.#heads[key] : -1
  }

  next(row: number): number {
    return this.#next[row]
  }

  keyOf(row: number): number {
    return this.#keys[row]
  }

  columns(rows: Int32Array, count: number): Column[] {
    return this.#rows.keys(rows, count)
  }

  /** Forgets a row. */
  drop(row: number): void {
    const [next, previous] = [this.#next[row], this.#previous[row]]
    if (previous >= 0) this.#next[previous] = next
    else this.#heads[this.#keys[row]] = next
    if (next >= 0) this.#previous[next] = previous
    this.#keys[row] = -1
    this.#rows.free(row)
  }

  /** Rows whose time is at most `limit`. */
  doneBy(limit: number): Int32Array {
    const done: number[] = []
    for (const [bucket, rows] of this.#buckets) {
      if (bucket * this.#bucketMicros > limit) continue
      const left: number[] = []
      for (const row of rows) {
        if (this.#keys[row] < 0) continue
        if (this.#times[row] <= limit) done.push(row)
        else if (Math.floor(this.#times[row] / this.#bucketMicros) === bucket) left.push(row)
      }
      if (left.length === 0) this.#buckets.delete(bucket)
      else this.#buckets.set(bucket, left)
    }
    // A number given out again within one bucket stands there twice.
    return Int32Array.from(new Set(done))
  }

  all(): Int32Array {
    return this.#rows.all()
  }

  bytes(): number {
    const arrays = this.weights.byteLength * 5 + this.#times.byteLength + this.#heads.byteLength
    return this.#rows.bytes() + arrays + (this.#times.length > 0 ? 8 * this.size : 0)
  }

  snapshot(): Snapshot {
    const { high } = this.#rows
    return {
      rows: this.#rows.snapshot(),
      weights: this.weights.subarray(0, high),
      partners: this.partners.subarray(0, high),
      keys: this.#keys.subarray(0, high),
      times: this.#times.subarray(0, high),
    }
  }

  restore(snapshot: Snapshot): void {
    this.#rows.restore(snapshotField.nested(snapshot, 'rows'))
    const { high } = this.#rows
    this.#grow(high)
    this.weights.set(snapshotField.int32(snapshot, 'weights'))
    this.partners.set(snapshotField.int32(snapshot, 'partners'))
    const keys = snapshotField.int32(snapshot, 'keys')
    const times = snapshotField.float64(snapshot, 'times')
    assert(keys.length === high, 'snapshot of joined rows is cut')
    // Rows of one key need not come in their old order.
    for (const row of this.#rows.all()) {
      this.#link(row, keys[row])
      if (this.#time !== undefined) this.#remember(row, times[row])
    }
  }

  #link(row: number, key: number): void {
    if (key >= this.#heads.length) {
      const heads = new Int32Array(grownCapacity(this.#heads.length, key + 1)).fill(-1)
      heads.set(this.#heads)
      this.#heads = heads
    }
    const head = this.#heads[key]
    this.#keys[row] = key
    this.#next[row] = head
    this.#previous[row] = -1
    if (head >= 0) this.#previous[head] = row
    this.#heads[key] = row
  }

  #remember(row: number, time: number): void {
    this.#times[row] = time
    if (time === Number.POSITIVE_INFINITY) return
    const bucket = Math.floor(time / this.#bucketMicros)
    const rows = this.#buckets.get(bucket)
    if (rows) rows.push(row)
    else this.#buckets.set(bucket, [row])
  }

  #grow(rows: number): void {
    const capacity = grownCapacity(this.weights.length, rows)
    this.weights = growInt32(this.weights, capacity)
    this.partners = growInt32(this.partners, capacity)
    this.#keys = growInt32(this.#keys, capacity)
    this.#next = growInt32(this.#next, capacity)
    this.#previous = growInt32(this.#previous, capacity)
    if (this.#time === undefined) return
    const times = new Float64Array(capacity)
    times.set(this.#times)
    this.#times = times
  }
}
