import { assert } from '../base/assert.ts'
import { snapshotField } from '../base/snapshot.ts'
import { type Batch, createBatch, takeRows } from '../batch/batch.ts'
import { ColumnBuilder } from '../batch/builder.ts'
import { type Column, expectStorage, int64AsNumber, isNull, takeColumn } from '../batch/column.ts'
import type { Schema } from '../batch/types.ts'
import type { Emit, Operator, SideOutput, StateSnapshot, Watermark } from '../dataflow/operator.ts'
import type { Expr } from '../expr/expr.ts'
import { JoinRows } from '../state/join-rows.ts'
import { KeyTable } from '../state/key-table.ts'
import { type Compile, type Evaluate, evaluateRows } from './evaluate.ts'
import { selectTrue } from './filter.ts'

/** One input of a join. */
export interface JoinInput {
  readonly schema: Schema
  /** What must be equal, as many as of the other input and of the same types. */
  readonly keys: readonly Expr[]
  /** Once the watermark reaches a row's time and this, it finds no partner any more. Undefined: it may at any time. */
  readonly lifetime: { readonly column: number; readonly keepMicros: number } | undefined
  /** A row is late when the watermark has reached any of these times and its slack. */
  readonly late: readonly { readonly column: number; readonly slackMicros: number }[]
}

export interface HashJoinOptions {
  /** Left columns, then right ones; the left ones alone for semi and anti. */
  readonly schema: Schema
  readonly type: 'inner' | 'left' | 'right' | 'full' | 'semi' | 'anti'
  readonly left: JoinInput
  readonly right: JoinInput
  /** What else must be TRUE, over the left's columns and the right's behind them. */
  readonly residual: Expr | undefined
  /** Rows without a partner come out when that is certain. Else at once, and are taken back when one comes. */
  readonly final: boolean
  readonly delayMicros: number
  readonly compile: Compile
  readonly side: SideOutput | undefined
}

/** Pairs are made, tested and given out so many at a time: one key may have very many on both sides. */
const PAIRS_MAX = 4096

/**
 * Joins two changing inputs. With A and B for what was seen of each and ∘ for the join, Δ(A ∘ B) = ΔA ∘ B, then the same for ΔB: each
 * batch meets the other side's rows and joins its own side's. A row without a partner (outer, anti) is known by the sum of its partners'
 * weights.
 *
 * Rows that can find no partner any more are forgotten; late rows, whose partners may be gone, are left out. A row with a NULL key
 * never has a partner and is not kept.
 */
export class HashJoin implements Operator {
  readonly schema: Schema
  /** Lateness is judged to the microsecond. */
  readonly gridMicros: number | undefined
  readonly watermarkDelayMicros: number
  readonly #pairSchema: Schema
  readonly #keys: KeyTable
  readonly #sides: readonly [Side, Side]
  readonly #residual: Evaluate | undefined
  readonly #final: boolean
  readonly #type: HashJoinOptions['type']
  readonly #side: SideOutput | undefined
  #watermark: Watermark = Number.NEGATIVE_INFINITY

  constructor(options: HashJoinOptions) {
    const { schema, type, left, right, residual, final, delayMicros, compile, side } = options
    assert(left.keys.length === right.keys.length, 'keys of both sides pair up')
    this.schema = schema
    this.gridMicros = left.late.length > 0 || right.late.length > 0 ? 1 : undefined
    this.watermarkDelayMicros = delayMicros
    this.#pairSchema = { fields: [...left.schema.fields, ...right.schema.fields] }
    this.#keys = new KeyTable(left.keys.map(key => key.type))
    this.#sides = [
      newSide(
        left,
        0,
        ['left', 'full', 'anti'].includes(type),
        ['left', 'full', 'semi', 'anti'].includes(type),
        compile,
      ),
      newSide(right, 1, ['right', 'full'].includes(type), ['right', 'full'].includes(type), compile),
    ]
    this.#residual = residual && compile([residual])
    this.#final = final
    this.#type = type
    this.#side = side
  }

  onBatch(input: Batch, from: number, emit: Emit): void {
    const own = this.#sides[from]
    const other = this.#sides[1 - from]
    const evaluated = evaluateRows(own.evaluate, this.#timely(input, own), this.#side)
    const { batch, columns } = this.#withKeys(evaluated.batch, evaluated.columns, own, emit)
    const { rowCount, weights } = batch
    if (rowCount === 0) return
    const keys = this.#keys.assign(columns, rowCount)
    const found = own.counts ? new Int32Array(rowCount) : undefined
    const before = other.counts ? new Map<number, number>() : undefined
    this.#pair(batch, keys, own, other, found, before, emit)
    const rows = own.rows.add(batch.columns, keys, rowCount)
    for (let i = 0; i < rowCount; i++) {
      own.rows.weights[rows[i]] += weights ? weights[i] : 1
      if (found) own.rows.partners[rows[i]] = found[i]
    }
    for (let i = 0; i < rowCount; i++) {
      const row = rows[i]
      if (own.rows.keyOf(row) >= 0 && own.rows.weights[row] === 0) own.rows.drop(row)
    }
    this.#forgetKeys(keys, rowCount)
    if (found) this.#emitAlone(batch, found, own, emit)
    if (before) this.#emitTurned(other, before, emit)
  }

  onWatermark(watermark: Watermark, emit: Emit): void {
    this.#watermark = watermark
    for (const side of this.#sides) {
      if (!side.input.lifetime) continue
      this.#finish(side, side.rows.doneBy(watermark - side.input.lifetime.keepMicros), emit)
    }
  }

  onEnd(emit: Emit): void {
    if (this.#final) for (const side of this.#sides) this.#finish(side, side.rows.all(), emit)
  }

  snapshot(): StateSnapshot {
    const [left, right] = this.#sides
    return { keys: this.#keys.snapshot(), left: left.rows.snapshot(), right: right.rows.snapshot() }
  }

  restore(snapshot: StateSnapshot): void {
    const [left, right] = this.#sides
    this.#keys.restore(snapshotField.nested(snapshot, 'keys'))
    left.rows.restore(snapshotField.nested(snapshot, 'left'))
    right.rows.restore(snapshotField.nested(snapshot, 'right'))
  }

  stateBytes(): number {
    return this.#sides.reduce((sum, side) => sum + side.rows.bytes(), this.#keys.bytes())
  }

  /** Without late rows, which go aside. */
  #timely(batch: Batch, { input }: Side): Batch {
    if (input.late.length === 0 || this.#watermark === Number.NEGATIVE_INFINITY) return batch
    const late = new Uint8Array(batch.rowCount)
    for (const { column, slackMicros } of input.late) {
      const { words, valid } = expectStorage(batch.columns[column], 'int64')
      const limit = this.#watermark - slackMicros
      for (let i = 0; i < late.length; i++) {
        if (valid?.[i] !== 0 && int64AsNumber(words, i) <= limit) late[i] = 1
      }
    }
    return this.#without(batch, late, lateRows => {
      this.#side?.late(batch, lateRows, lateRows.length, this.#watermark)
    })
  }

  /** Without rows that have a NULL in their key; where such rows are preserved, they come out alone. */
  #withKeys(
    batch: Batch,
    columns: readonly Column[],
    own: Side,
    emit: Emit,
  ): { readonly batch: Batch; readonly columns: readonly Column[] } {
    const nullable = columns.filter(column => column.storage === 'boxed' || column.valid !== undefined)
    if (nullable.length === 0) return { batch, columns }
    const without = new Uint8Array(batch.rowCount)
    for (const column of nullable) {
      for (let i = 0; i < without.length; i++) if (isNull(column, i)) without[i] = 1
    }
    let kept = new Int32Array(0)
    const rest = this.#without(
      batch,
      without,
      rows => {
        if (own.preserved) this.#emitPadded(takeRows(batch, rows, rows.length), own, emit)
      },
      rows => {
        kept = rows
      },
    )
    if (rest === batch) return { batch, columns }
    return { batch: rest, columns: columns.map(column => takeColumn(column, kept, kept.length)) }
  }

  /** The batch without the rows flagged, which are told. */
  #without(
    batch: Batch,
    flags: Uint8Array,
    tell: (rows: Int32Array<ArrayBuffer>) => void,
    keep: (rows: Int32Array<ArrayBuffer>) => void = () => {},
  ): Batch {
    if (!flags.includes(1)) return batch
    const rows = Int32Array.from(flags.keys()).filter(i => flags[i] === 1)
    const others = Int32Array.from(flags.keys()).filter(i => flags[i] === 0)
    tell(rows)
    keep(others)
    return takeRows(batch, others, others.length)
  }

  /** Gives out the pairs of a batch with the other side's rows, and counts the partners. */
  #pair(
    batch: Batch,
    keys: Int32Array,
    own: Side,
    other: Side,
    found: Int32Array | undefined,
    before: Map<number, number> | undefined,
    emit: Emit,
  ): void {
    const mine = new Int32Array(Math.min(PAIRS_MAX, batch.rowCount * Math.max(1, other.rows.size)))
    const theirs = new Int32Array(mine.length)
    let count = 0
    const flush = (): void => {
      if (count > 0) this.#givePairs(batch, mine, theirs, count, own, other, found, before, emit)
      count = 0
    }
    for (let i = 0; i < batch.rowCount; i++) {
      for (let row = other.rows.first(keys[i]); row >= 0; row = other.rows.next(row)) {
        mine[count] = i
        theirs[count++] = row
        if (count === mine.length) flush()
      }
    }
    flush()
  }

  #givePairs(
    batch: Batch,
    mine: Int32Array,
    theirs: Int32Array,
    count: number,
    own: Side,
    other: Side,
    found: Int32Array | undefined,
    before: Map<number, number> | undefined,
    emit: Emit,
  ): void {
    const given = batch.columns.map(column => takeColumn(column, mine, count))
    const met = other.rows.columns(theirs, count)
    const columns = own.number === 0 ? [...given, ...met] : [...met, ...given]
    const weights = new Int32Array(count)
    for (let p = 0; p < count; p++)
      weights[p] = (batch.weights ? batch.weights[mine[p]] : 1) * other.rows.weights[theirs[p]]
    const all = createBatch(this.#pairSchema, count, columns, weights)
    const picked = this.#residual ? this.#matching(this.#residual, all) : undefined
    const size = picked ? picked.length : count
    for (let k = 0; k < size; k++) {
      const p = picked ? picked[k] : k
      const row = theirs[p]
      if (found) found[mine[p]] += other.rows.weights[row]
      if (!before) continue
      if (!before.has(row)) before.set(row, other.rows.partners[row])
      other.rows.partners[row] += batch.weights ? batch.weights[mine[p]] : 1
    }
    if (this.#type === 'semi' || this.#type === 'anti' || size === 0) return
    emit(plainWeights(picked ? takeRows(all, picked, size) : all))
  }

  /** Pairs for which the rest of the condition is TRUE. One it fails on goes aside, as if it were not. */
  #matching(residual: Evaluate, pairs: Batch): Int32Array {
    const numbered = new Int32Array(pairs.rowCount)
    try {
      const [condition] = residual(pairs)
      return numbered.slice(0, selectTrue(condition, pairs.rowCount, numbered))
    } catch (error) {
      if (!this.#side || pairs.rowCount === 1) {
        if (!this.#side) throw error
        this.#side.bad(pairs, 0, error instanceof Error ? error.message : String(error))
        return new Int32Array(0)
      }
    }
    const middle = pairs.rowCount >>> 1
    const half = (start: number, end: number): Int32Array => {
      const rows = Int32Array.from({ length: end - start }, (_, i) => start + i)
      return this.#matching(residual, takeRows(pairs, rows, rows.length)).map(i => i + start)
    }
    return Int32Array.from([...half(0, middle), ...half(middle, pairs.rowCount)])
  }

  /** New rows that are given out for themselves: without a partner (outer, anti), with one (semi). */
  #emitAlone(batch: Batch, found: Int32Array, side: Side, emit: Emit): void {
    const wanted = this.#type === 'semi'
    if (!wanted && this.#final) return
    const rows = Int32Array.from(found.keys()).filter(i => (found[i] !== 0) === wanted)
    if (rows.length > 0) this.#emitPadded(takeRows(batch, rows, rows.length), side, emit)
  }

  /** Rows of the other side that found their first partner, or lost their last. */
  #emitTurned(side: Side, before: ReadonlyMap<number, number>, emit: Emit): void {
    const semi = this.#type === 'semi'
    if (this.#final && !semi) return
    const rows: number[] = []
    const weights: number[] = []
    for (const [row, old] of before) {
      const now = side.rows.partners[row]
      if ((old === 0) === (now === 0)) continue
      rows.push(row)
      weights.push((now === 0) === semi ? -side.rows.weights[row] : side.rows.weights[row])
    }
    if (rows.length > 0) this.#emitRows(side, Int32Array.from(rows), Int32Array.from(weights), emit)
  }

  /** Rows that will find no partner any more: those that have none come out now, where they did not before; all are forgotten. */
  #finish(side: Side, rows: Int32Array, emit: Emit): void {
    if (rows.length === 0) return
    if (this.#final && side.preserved) {
      const alone = rows.filter(row => side.rows.partners[row] === 0)
      for (let start = 0; start < alone.length; start += PAIRS_MAX) {
        const some = alone.slice(start, start + PAIRS_MAX)
        this.#emitRows(
          side,
          some,
          some.map(row => side.rows.weights[row]),
          emit,
        )
      }
    }
    const keys = rows.map(row => side.rows.keyOf(row))
    for (const row of rows) side.rows.drop(row)
    this.#forgetKeys(keys, keys.length)
  }

  #emitRows(side: Side, rows: Int32Array, weights: Int32Array, emit: Emit): void {
    const columns = side.rows.columns(rows, rows.length)
    this.#emitPadded(createBatch(side.input.schema, rows.length, columns, weights), side, emit)
  }

  /** Rows of one side; the other side's columns, where the output has them, are NULL. */
  #emitPadded(batch: Batch, side: Side, emit: Emit): void {
    const { rowCount, weights } = batch
    const one = this.#type === 'semi' || this.#type === 'anti'
    const nulls = one
      ? []
      : this.#sides[1 - side.number].input.schema.fields.map(({ type }) => {
          const builder = new ColumnBuilder(type, rowCount)
          for (let i = 0; i < rowCount; i++) builder.appendNull()
          return builder.finish()
        })
    const columns = side.number === 0 ? [...batch.columns, ...nulls] : [...nulls, ...batch.columns]
    emit(plainWeights(createBatch(this.schema, rowCount, columns, weights)))
  }

  #forgetKeys(keys: Int32Array, count: number): void {
    const [left, right] = this.#sides
    const gone = new Set<number>()
    for (let i = 0; i < count; i++) {
      if (left.rows.first(keys[i]) < 0 && right.rows.first(keys[i]) < 0) gone.add(keys[i])
    }
    for (const key of gone) this.#keys.free(key)
  }
}

interface Side {
  readonly number: 0 | 1
  readonly input: JoinInput
  readonly rows: JoinRows
  readonly evaluate: Evaluate
  /** Its rows come out without a partner. */
  readonly preserved: boolean
  /** It must know which of its rows have partners. */
  readonly counts: boolean
}

function newSide(input: JoinInput, number: 0 | 1, preserved: boolean, counts: boolean, compile: Compile): Side {
  const rows = new JoinRows(
    input.schema.fields.map(field => field.type),
    input.lifetime,
  )
  return { number, input, rows, evaluate: compile(input.keys), preserved, counts }
}

/** No weights where all are one: who takes no row back says so. */
function plainWeights(batch: Batch): Batch {
  return batch.weights?.every(weight => weight === 1) ? { ...batch, weights: undefined } : batch
}
