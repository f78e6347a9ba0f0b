import { assert } from '../base/assert.ts'
import { growInt32, grownCapacity } from '../base/grow.ts'
import { snapshotField } from '../base/snapshot.ts'
import { type Batch, createBatch, takeRows } from '../batch/batch.ts'
import { type Column, datumAt, setInt64, takeColumn } from '../batch/column.ts'
import type { Datum, Schema } from '../batch/types.ts'
import type { Emit, Operator, SideOutput, StateSnapshot, Watermark } from '../dataflow/operator.ts'
import { comparisonOf } from '../expr/compare.ts'
import type { Expr, SortKey } from '../expr/expr.ts'
import { KeyTable } from '../state/key-table.ts'
import { type Compile, type Evaluate, evaluateRows } from './evaluate.ts'
import { splitLate } from './late.ts'

export interface RankOptions {
  /** The input's, then the rank where it is `shown`. */
  readonly schema: Schema
  readonly input: Schema
  readonly function: 'row_number' | 'rank' | 'dense_rank'
  /** PARTITION BY. */
  readonly keys: readonly Expr[]
  readonly order: readonly SortKey[]
  /** Rows of a higher rank do not come out. */
  readonly rankMax: number | undefined
  readonly shown: boolean
  /** Index among `keys` of window_end: once the watermark reaches its value, the partition is final and its rows go. */
  readonly windowEnd: number | undefined
  /** Rows come out once, when their partition is final. Else every change. */
  readonly final: boolean
  /** The input may take rows back, so rows behind `rankMax` may still come up and are kept. */
  readonly retractable: boolean
  readonly compile: Compile
  readonly side: SideOutput | undefined
}

const EMIT_ROWS_MAX = 8192

/**
 * ROW_NUMBER, RANK and DENSE_RANK: every row with its place in its partition. Each batch emits the difference between the places last
 * told of a partition's rows and those now. Rows that the order leaves equal follow one another by their other columns, so that the
 * answer does not depend on how they arrived. Where rows are only added, those beyond the highest rank wanted are forgotten at once.
 */
export class Rank implements Operator {
  readonly schema: Schema
  readonly #options: RankOptions
  readonly #evaluate: Evaluate
  readonly #keys: KeyTable
  readonly #rows: KeyTable
  readonly #compare: (a: number, b: number) => number
  readonly #isTie: (a: number, b: number) => boolean
  /** By row. */
  #weights = new Int32Array(16)
  #partitionOf = new Int32Array(16)
  #shownRanks = new Int32Array(16)
  #shownWeights = new Int32Array(16)
  /** By row: what it is ordered by, then its columns. */
  readonly #values: Datum[][] = []
  /** By partition: its rows in order. */
  readonly #partitions = new Map<number, number[]>()
  #watermark: Watermark = Number.NEGATIVE_INFINITY

  constructor(options: RankOptions) {
    const { keys, order, input } = options
    this.schema = options.schema
    this.#options = options
    this.#evaluate = options.compile([...keys, ...order.map(key => key.expr)])
    this.#keys = new KeyTable(keys.map(key => key.type))
    this.#rows = new KeyTable(input.fields.map(field => field.type))
    const plain = { descending: false, nullsFirst: false }
    const places = [
      ...order.map(key => ({ ...key, type: key.expr.type })),
      ...input.fields.map(({ type }) => ({ ...plain, type })),
    ].map(placeOrder)
    const compareFirst = (a: number, b: number, count: number): number => {
      const [left, right] = [this.#values[a], this.#values[b]]
      for (let i = 0; i < count; i++) {
        const sign = places[i](left[i], right[i])
        if (sign !== 0) return sign
      }
      return 0
    }
    this.#compare = (a, b) => compareFirst(a, b, places.length) || a - b
    this.#isTie = (a, b) => compareFirst(a, b, order.length) === 0
  }

  onBatch(input: Batch, _input: number, emit: Emit): void {
    const { keys, side, windowEnd } = this.#options
    let { batch, columns } = evaluateRows(this.#evaluate, input, side)
    const split = windowEnd === undefined ? undefined : splitLate(columns[windowEnd], batch.rowCount, this.#watermark)
    if (split) {
      side?.late(batch, split.late, split.late.length, this.#watermark)
      const { open } = split
      batch = takeRows(batch, open, open.length)
      columns = columns.map(column => takeColumn(column, open, open.length))
    }
    const { rowCount, weights } = batch
    if (rowCount === 0) return
    const partitions = this.#keys.assign(columns, rowCount)
    const rows = this.#assign(batch, columns.slice(keys.length), partitions)
    for (let i = 0; i < rowCount; i++) this.#weights[rows[i]] += weights ? weights[i] : 1
    const changes = new Changes()
    const settled = new Changes()
    const unused: number[] = []
    for (const partition of new Set(partitions.subarray(0, rowCount))) {
      // What is taken back comes first: of two rows with one place, or one partition, the new one is the last word.
      const kept = this.#settle(partition, settled)
      changes.moveFrom(settled)
      const list = this.#partitions.get(partition) ?? []
      for (const row of list) if (!kept.has(row)) unused.push(row)
      this.#partitions.set(
        partition,
        list.filter(row => kept.has(row)),
      )
      if (kept.size === 0) this.#forget(partition)
    }
    this.#give(changes, emit)
    for (const row of unused) this.#rows.free(row)
  }

  onWatermark(watermark: Watermark, emit: Emit): void {
    this.#watermark = watermark
    const { windowEnd } = this.#options
    if (windowEnd === undefined || this.#keys.smallest(windowEnd) > watermark) return
    this.#close(this.#keys.atMost(windowEnd, watermark), emit)
  }

  onEnd(emit: Emit): void {
    if (this.#options.final) this.#close(this.#keys.all(), emit)
  }

  snapshot(): StateSnapshot {
    const { high } = this.#rows
    return {
      watermark: this.#watermark,
      keys: this.#keys.snapshot(),
      rows: this.#rows.snapshot(),
      weights: this.#weights.subarray(0, high),
      partitions: this.#partitionOf.subarray(0, high),
      shownRanks: this.#shownRanks.subarray(0, high),
      shownWeights: this.#shownWeights.subarray(0, high),
    }
  }

  restore(snapshot: StateSnapshot): void {
    this.#watermark = snapshotField.number(snapshot, 'watermark')
    this.#keys.restore(snapshotField.nested(snapshot, 'keys'))
    this.#rows.restore(snapshotField.nested(snapshot, 'rows'))
    this.#reserve(this.#rows.high)
    this.#weights.set(snapshotField.int32(snapshot, 'weights'))
    this.#shownRanks.set(snapshotField.int32(snapshot, 'shownRanks'))
    this.#shownWeights.set(snapshotField.int32(snapshot, 'shownWeights'))
    const partitions = snapshotField.int32(snapshot, 'partitions')
    const all = this.#rows.all()
    if (all.length === 0) return
    const batch = createBatch(this.#options.input, all.length, this.#rows.keys(all, all.length))
    const order = this.#evaluate(batch).slice(this.#options.keys.length)
    for (let i = 0; i < all.length; i++) this.#insert(all[i], partitions[all[i]], batch, order, i)
  }

  stateBytes(): number {
    const values = this.#options.order.length + this.#options.input.fields.length
    return this.#keys.bytes() + this.#rows.bytes() + this.#rows.size * (40 + 16 * values)
  }

  /** The number of each row; new ones get one, with weight 0, at their place in their partition. */
  #assign(batch: Batch, order: readonly Column[], partitions: Int32Array): Int32Array {
    const rows = this.#rows.assign(batch.columns, batch.rowCount)
    this.#reserve(this.#rows.high)
    const created = new Set(this.#rows.created)
    for (let i = 0; i < batch.rowCount && created.size > 0; i++) {
      if (!created.delete(rows[i])) continue
      this.#weights[rows[i]] = this.#shownWeights[rows[i]] = 0
      this.#insert(rows[i], partitions[i], batch, order, i)
    }
    return rows
  }

  #insert(row: number, partition: number, batch: Batch, order: readonly Column[], at: number): void {
    const types = [...this.#options.order.map(key => key.expr.type), ...this.#options.input.fields.map(f => f.type)]
    this.#values[row] = [...order, ...batch.columns].map((column, c) => datumAt(column, at, types[c].kind === 'bytea'))
    this.#partitionOf[row] = partition
    const list = this.#partitions.get(partition)
    if (!list) {
      this.#partitions.set(partition, [row])
      return
    }
    let low = 0
    let high = list.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#compare(list[middle], row) < 0) low = middle + 1
      else high = middle
    }
    list.splice(low, 0, row)
  }

  /** Tells what changed in a partition; answers the rows to keep. */
  #settle(partition: number, changes: Changes): Set<number> {
    const { rankMax = Number.POSITIVE_INFINITY, retractable, final } = this.#options
    const numbered = this.#options.function === 'row_number'
    const kept = new Set<number>()
    let before = 0
    let rank = 0
    let distinct = 0
    let last: number | undefined
    for (const row of this.#partitions.get(partition) ?? []) {
      const weight = this.#weights[row]
      let count = 0
      if (weight > 0) {
        const tie = last !== undefined && !numbered && this.#isTie(last, row)
        if (!tie) {
          rank = before + 1
          distinct++
        }
        last = row
        before += weight
        const place = this.#options.function === 'dense_rank' ? distinct : rank
        count = numbered ? Math.max(0, Math.min(weight, rankMax - rank + 1)) : place <= rankMax ? weight : 0
        if (!final) this.#tell(row, place, count, changes)
        else this.#shownRanks[row] = place
      } else if (!final) this.#tell(row, 0, 0, changes)
      this.#shownWeights[row] = count
      if (weight !== 0 && (retractable || count > 0)) kept.add(row)
    }
    return kept
  }

  #tell(row: number, rank: number, count: number, changes: Changes): void {
    const shown = this.#shownWeights[row]
    const moved = this.#options.shown && this.#shownRanks[row] !== rank
    if (moved ? shown > 0 || count > 0 : shown !== count) {
      if (!moved && (!this.#options.shown || this.#options.function !== 'row_number'))
        changes.add(row, rank, count - shown)
      else {
        this.#addRanked(row, this.#shownRanks[row], shown, -1, changes)
        this.#addRanked(row, rank, count, 1, changes)
      }
    }
    this.#shownRanks[row] = rank
  }

  /** A row that is there several times has several numbers, and one rank. */
  #addRanked(row: number, rank: number, count: number, sign: 1 | -1, changes: Changes): void {
    if (this.#options.function === 'row_number' && this.#options.shown) {
      for (let n = 0; n < count; n++) changes.add(row, rank + n, sign)
    } else if (count > 0) changes.add(row, rank, sign * count)
  }

  /** Partitions that will not change any more come out, where nothing of them did before, and are forgotten. */
  #close(partitions: Int32Array, emit: Emit): void {
    const changes = new Changes()
    const gone: number[] = []
    for (const partition of partitions) {
      for (const row of this.#partitions.get(partition) ?? []) {
        if (this.#options.final) this.#addRanked(row, this.#shownRanks[row], this.#shownWeights[row], 1, changes)
        gone.push(row)
      }
    }
    this.#give(changes, emit)
    for (const row of gone) this.#rows.free(row)
    for (const partition of partitions) this.#forget(partition)
  }

  #forget(partition: number): void {
    this.#partitions.delete(partition)
    this.#keys.free(partition)
  }

  #give({ rows, ranks, weights }: Changes, emit: Emit): void {
    for (let from = 0; from < rows.length; from += EMIT_ROWS_MAX) {
      const count = Math.min(EMIT_ROWS_MAX, rows.length - from)
      const columns = this.#rows.keys(Int32Array.from(rows.slice(from, from + count)), count)
      const words = new Int32Array(2 * count)
      for (let i = 0; i < count; i++) setInt64(words, i, ranks[from + i])
      const rank = this.#options.shown ? [{ storage: 'int64' as const, words, valid: undefined }] : []
      const weight = Int32Array.from(weights.slice(from, from + count))
      emit(createBatch(this.schema, count, [...columns, ...rank], weight.some(w => w !== 1) ? weight : undefined))
    }
  }

  #reserve(rows: number): void {
    if (rows <= this.#weights.length) return
    const capacity = grownCapacity(this.#weights.length, rows)
    this.#weights = growInt32(this.#weights, capacity)
    this.#partitionOf = growInt32(this.#partitionOf, capacity)
    this.#shownRanks = growInt32(this.#shownRanks, capacity)
    this.#shownWeights = growInt32(this.#shownWeights, capacity)
  }
}

/** Rows to give out. */
class Changes {
  readonly rows: number[] = []
  readonly ranks: number[] = []
  readonly weights: number[] = []

  add(row: number, rank: number, weight: number): void {
    assert(weight !== 0, 'a change changes something')
    this.rows.push(row)
    this.ranks.push(rank)
    this.weights.push(weight)
  }

  /** Empties another: first what it takes back. */
  moveFrom(other: Changes): void {
    for (const sign of [-1, 1]) {
      for (const [i, weight] of other.weights.entries()) {
        if (Math.sign(weight) === sign) this.add(other.rows[i], other.ranks[i], weight)
      }
    }
    other.rows.length = other.ranks.length = other.weights.length = 0
  }
}

/** The order of two values, perhaps NULL, that a sort key asks for. */
function placeOrder(
  key: Pick<SortKey, 'descending' | 'nullsFirst'> & { readonly type: Expr['type'] },
): (a: Datum, b: Datum) => number {
  const compare = comparisonOf(key.type) as (a: Datum, b: Datum) => number // given values of the type only
  return (a, b) => {
    if (a !== null && b !== null) return key.descending ? compare(b, a) : compare(a, b)
    if (a === b) return 0
    return (a === null) === key.nullsFirst ? -1 : 1
  }
}
