import { assert } from '../../base/assert.ts'
import { grownCapacity } from '../../base/grow.ts'
import { type Snapshot, snapshotField } from '../../base/snapshot.ts'
import { type Column, expectStorage, takeColumn, takeInt32 } from '../../batch/column.ts'
import type { AggregateCall, Expr } from '../expr.ts'
import type { Accumulator } from './accumulator.ts'
import { createAccumulator } from './create.ts'

/** One call, with where its arguments are among the computed columns. */
interface Member {
  readonly accumulator: Accumulator
  readonly args: readonly number[]
  readonly filter: number | undefined
}

/** The aggregates of one GROUP BY together: what they need computed, and their state by group id. */
export class AggregateSet {
  /** To be computed for every batch; `update` takes the columns in this order. Arguments, sort keys and filters, each once. */
  readonly inputs: readonly Expr[]
  readonly #members: readonly Member[]
  #capacity = 0

  constructor(calls: readonly AggregateCall[], retractable: boolean) {
    const inputs: Expr[] = []
    const indexByText = new Map<string, number>()
    const place = (expr: Expr): number => {
      // Plain data, so its text is its identity; bigint is the one thing JSON cannot write.
      const text = JSON.stringify(expr, (_, value) => (typeof value === 'bigint' ? `${value}n` : value))
      const known = indexByText.get(text)
      if (known !== undefined) return known
      indexByText.set(text, inputs.length)
      return inputs.push(expr) - 1
    }
    this.#members = calls.map(call => ({
      accumulator: createAccumulator(call, retractable),
      args: [...call.args.map(place), ...call.orderBy.map(key => place(key.expr))],
      filter: call.filter && place(call.filter),
    }))
    this.inputs = inputs
  }

  /** Makes room for groups below `high`. */
  reserve(high: number): void {
    if (high <= this.#capacity) return
    this.#capacity = grownCapacity(this.#capacity, high)
    for (const { accumulator } of this.#members) accumulator.reserve(this.#capacity)
  }

  update(groups: Int32Array, rowCount: number, columns: readonly Column[], weights: Int32Array | undefined): void {
    for (const { accumulator, args, filter } of this.#members) {
      const own = args.map(index => columns[index])
      if (filter === undefined) accumulator.update(groups, rowCount, own, weights)
      else updateFiltered(accumulator, groups, rowCount, own, weights, columns[filter])
    }
  }

  merge(groups: Int32Array, from: AggregateSet, fromGroups: Int32Array, count: number): void {
    this.#members.forEach((member, m) => {
      member.accumulator.merge(groups, from.#members[m].accumulator, fromGroups, count)
    })
  }

  /** One column an aggregate, in the order of the calls; `calls`: which, default all. */
  output(groups: Int32Array, count: number, calls?: readonly number[]): Column[] {
    const wanted = calls ? calls.map(c => this.#members[c]) : this.#members
    return wanted.map(member => member.accumulator.output(groups, count))
  }

  free(group: number): void {
    for (const { accumulator } of this.#members) accumulator.free(group)
  }

  /** With groups below `high`: of memory that only has been asked for there is none yet. */
  bytes(high: number): number {
    const bytes = this.#members.reduce((sum, member) => sum + member.accumulator.bytes(), 0)
    return this.#capacity === 0 ? 0 : Math.ceil((bytes * Math.min(high, this.#capacity)) / this.#capacity)
  }

  snapshot(high: number): Snapshot {
    this.reserve(high)
    return { members: this.#members.map(member => member.accumulator.snapshot(high)) }
  }

  restore(snapshot: Snapshot, high: number): void {
    const members = snapshotField.nestedArray(snapshot, 'members')
    assert(members.length === this.#members.length, 'snapshot has other aggregates')
    this.#members.forEach((member, m) => {
      member.accumulator.restore(members[m], high)
    })
    this.#capacity = high
  }
}

/** FILTER (WHERE …): only rows where the condition is TRUE. */
function updateFiltered(
  accumulator: Accumulator,
  groups: Int32Array,
  rowCount: number,
  args: readonly Column[],
  weights: Int32Array | undefined,
  condition: Column,
): void {
  const { values, valid } = expectStorage(condition, 'bool')
  const rows = new Int32Array(rowCount)
  let count = 0
  for (let i = 0; i < rowCount; i++) if (values[i] !== 0 && valid?.[i] !== 0) rows[count++] = i
  if (count === 0) return
  accumulator.update(
    takeInt32(groups, rows, count),
    count,
    args.map(column => takeColumn(column, rows, count)),
    weights && takeInt32(weights, rows, count),
  )
}
