import { assert } from '../base/assert.ts'
import { growInt32, grownCapacity } from '../base/grow.ts'
import { snapshotField } from '../base/snapshot.ts'
import { type Batch, createBatch, takeRows } from '../batch/batch.ts'
import { type Column, expectStorage, isNull } from '../batch/column.ts'
import type { Schema } from '../batch/types.ts'
import type { Emit, Operator, SideOutput, StateSnapshot } from '../dataflow/operator.ts'
import { KeyTable } from '../state/key-table.ts'
import { CONTENTS_ROWS_MAX } from '../state/row-store.ts'
import { pickFromTwo } from './changes.ts'

export interface UpsertOptions {
  /** Of what comes out: the input's first columns. The last tells deletions; one before it, if there is one, is Debezium's `op`. */
  readonly schema: Schema
  /** Columns that no two rows share. */
  readonly keys: readonly number[]
  /** A read: the rows come out once, at the end, instead of every change. */
  readonly final: boolean
  /** Where a row with a NULL in its key goes. Undefined: it is left out. */
  readonly side: SideOutput | undefined
}

/**
 * Turns the newest row of each key into changes: a row replaces the one with its key, a deletion takes it back. Of several rows with one key
 * in a batch the last counts. Keeps each key's row.
 */
export class Upsert implements Operator {
  readonly schema: Schema
  readonly #options: UpsertOptions
  readonly #keys: KeyTable
  readonly #rows: KeyTable
  /** By key: the number of its row, −1 for none. */
  #current = new Int32Array(16)
  /** By key: 1 while a later row of the batch has it. */
  #seen = new Uint8Array(16)

  constructor(options: UpsertOptions) {
    const { schema, keys } = options
    this.schema = schema
    this.#options = options
    this.#keys = new KeyTable(keys.map(k => schema.fields[k].type))
    this.#rows = new KeyTable(schema.fields.map(f => f.type))
  }

  onBatch(input: Batch, _input: number, emit: Emit): void {
    const { columns, rowCount } = this.#withKeys(input)
    if (rowCount === 0) return
    const given = columns.slice(0, this.schema.fields.length)
    const deleted = deletions(columns.slice(given.length), rowCount)
    const keys = this.#keys.assign(
      this.#options.keys.map(k => given[k]),
      rowCount,
    )
    this.#reserve()
    for (const key of this.#keys.created) this.#current[key] = -1
    const last = this.#lastOfEach(keys, rowCount)
    const live = last.filter(i => deleted[i] === 0)
    const batch = takeRows(createBatch(this.schema, rowCount, given), live, live.length)
    const numbers = this.#rows.assign(batch.columns, live.length)
    const gone: number[] = []
    const added: number[] = []
    live.forEach((i, n) => {
      const key = keys[i]
      if (this.#current[key] === numbers[n]) return
      if (this.#current[key] >= 0) gone.push(this.#current[key])
      this.#current[key] = numbers[n]
      added.push(n)
    })
    for (const i of last) {
      if (deleted[i] === 0) continue
      if (this.#current[keys[i]] >= 0) gone.push(this.#current[keys[i]])
      this.#keys.free(keys[i])
    }
    if (!this.#options.final && gone.length + added.length > 0) emit(this.#changes(batch, gone, added))
    for (const row of gone) this.#rows.free(row)
  }

  onEnd(emit: Emit): void {
    if (!this.#options.final) return
    const all = this.#rows.all()
    for (let start = 0; start < all.length; start += CONTENTS_ROWS_MAX) {
      const some = all.subarray(start, start + CONTENTS_ROWS_MAX)
      emit(createBatch(this.schema, some.length, this.#rows.keys(some, some.length)))
    }
  }

  snapshot(): StateSnapshot {
    return {
      keys: this.#keys.snapshot(),
      rows: this.#rows.snapshot(),
      current: this.#current.subarray(0, this.#keys.high),
    }
  }

  restore(snapshot: StateSnapshot): void {
    this.#keys.restore(snapshotField.nested(snapshot, 'keys'))
    this.#rows.restore(snapshotField.nested(snapshot, 'rows'))
    const current = snapshotField.int32(snapshot, 'current')
    assert(current.length === this.#keys.high, 'snapshot of keyed rows is cut')
    this.#reserve()
    this.#current.set(current)
  }

  stateBytes(): number {
    return this.#keys.bytes() + this.#rows.bytes() + this.#current.byteLength + this.#seen.byteLength
  }

  /** Without rows whose key has a NULL, which go aside. */
  #withKeys(batch: Batch): Batch {
    const { keys, side } = this.#options
    const nullable = keys.map(k => batch.columns[k]).filter(c => c.storage === 'boxed' || c.valid !== undefined)
    if (nullable.length === 0) return batch
    const kept = Int32Array.from({ length: batch.rowCount }, (_, i) => i).filter(i => {
      const whole = !nullable.some((column: Column) => isNull(column, i))
      if (!whole) side?.bad(batch, i, `the key is NULL: ${keys.map(k => this.schema.fields[k].name).join(', ')}`)
      return whole
    })
    return kept.length === batch.rowCount ? batch : takeRows(batch, kept, kept.length)
  }

  /** The last row of each key, in order. */
  #lastOfEach(keys: Int32Array, rowCount: number): Int32Array<ArrayBuffer> {
    const last = new Int32Array(rowCount)
    let from = rowCount
    for (let i = rowCount - 1; i >= 0; i--) {
      if (this.#seen[keys[i]] === 1) continue
      this.#seen[keys[i]] = 1
      last[--from] = i
    }
    for (let i = from; i < rowCount; i++) this.#seen[keys[last[i]]] = 0
    return last.slice(from)
  }

  #changes(batch: Batch, gone: readonly number[], added: readonly number[]): Batch {
    const old = this.#rows.keys(Int32Array.from(gone), gone.length)
    const count = gone.length + added.length
    const picks = Int32Array.from({ length: count }, (_, i) =>
      i < gone.length ? i : gone.length + added[i - gone.length],
    )
    const columns = old.map((column, c) => pickFromTwo(column, gone.length, batch.columns[c], picks, count))
    const weights = Int32Array.from({ length: count }, (_, i) => (i < gone.length ? -1 : 1))
    return createBatch(this.schema, count, columns, weights)
  }

  #reserve(): void {
    const { high } = this.#keys
    if (high <= this.#current.length) return
    this.#current = growInt32(this.#current, grownCapacity(this.#current.length, high))
    this.#seen = new Uint8Array(this.#current.length)
  }
}

const LETTER_D = 100

/** By row: 1 where it is a deletion. */
function deletions(told: readonly Column[], rowCount: number): Uint8Array {
  const { values } = expectStorage(told[told.length - 1], 'bool')
  if (told.length === 1) return values
  const { bytes, starts, ends, valid } = expectStorage(told[0], 'utf8')
  const deleted = values.slice(0, rowCount)
  for (let i = 0; i < rowCount; i++) {
    if (valid?.[i] !== 0 && ends[i] === starts[i] + 1 && bytes[starts[i]] === LETTER_D) deleted[i] = 1
  }
  return deleted
}
