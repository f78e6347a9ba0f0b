import { assert } from '../../base/assert.ts'
import { type Snapshot, snapshotField } from '../../base/snapshot.ts'
import { ColumnBuilder } from '../../batch/builder.ts'
import { type Column, datumAt } from '../../batch/column.ts'
import type { DataType, Datum } from '../../batch/types.ts'
import type { Accumulator } from './accumulator.ts'
import { isNullRow } from './rows.ts'

export interface ByOrderOptions {
  /** Of the value, which is the result's. */
  readonly type: DataType
  /** Which argument orders: 1 for arg_max, 0 where the value orders itself (max). Undefined: the order is that of arrival. */
  readonly orderArgument: 0 | 1 | undefined
  readonly compare: ((a: Datum, b: Datum) => number) | undefined
  /** Keep the greatest, and of equals the latest; else the smallest, and of equals the earliest. */
  readonly last: boolean
}

/**
 * first, last, arg_min, arg_max where no row is taken back: the value that stands with the smallest or greatest order. Rows where value
 * or order is NULL are left out, so `last` is the last known value.
 */
export class ByOrder implements Accumulator {
  readonly #options: ByOrderOptions
  /** NULL: the group has no value. */
  #values: Datum[] = []
  #orders: Datum[] = []

  constructor(options: ByOrderOptions) {
    this.#options = options
  }

  reserve(capacity: number): void {
    while (this.#values.length < capacity) {
      this.#values.push(null)
      this.#orders.push(null)
    }
  }

  update(groups: Int32Array, rowCount: number, args: readonly Column[]): void {
    const { orderArgument, type } = this.#options
    const value = args[0]
    const order = orderArgument === undefined ? undefined : args[orderArgument]
    const bytea = type.kind === 'bytea'
    for (let i = 0; i < rowCount; i++) {
      if (isNullRow(value, i) || (order && isNullRow(order, i))) continue
      const at = order ? datumAt(order, i) : null
      if (this.#isBetter(groups[i], at)) this.#set(groups[i], datumAt(value, i, bytea), at)
    }
  }

  merge(groups: Int32Array, from: Accumulator, fromGroups: Int32Array, count: number): void {
    assert(from instanceof ByOrder, 'merge of another aggregate')
    for (let i = 0; i < count; i++) {
      const value = from.#values[fromGroups[i]]
      const order = from.#orders[fromGroups[i]]
      if (value !== null && this.#isBetter(groups[i], order)) this.#set(groups[i], value, order)
    }
  }

  output(groups: Int32Array, count: number): Column {
    const builder = new ColumnBuilder(this.#options.type, count)
    for (let i = 0; i < count; i++) builder.append(this.#values[groups[i]])
    return builder.finish()
  }

  free(group: number): void {
    this.#set(group, null, null)
  }

  snapshot(high: number): Snapshot {
    return { values: this.#values.slice(0, high), orders: this.#orders.slice(0, high) }
  }

  restore(snapshot: Snapshot, high: number): void {
    this.#values = snapshotField.array(snapshot, 'values').slice() as Datum[] // as snapshot() wrote them
    this.#orders = snapshotField.array(snapshot, 'orders').slice() as Datum[]
    assert(this.#values.length === high && this.#orders.length === high, 'snapshot of values is cut')
  }

  bytes(): number {
    return this.#values.length * 48
  }

  #isBetter(group: number, order: Datum): boolean {
    const { compare, last } = this.#options
    if (this.#values[group] === null) return true
    if (!compare) return last
    const sign = compare(order, this.#orders[group])
    return last ? sign >= 0 : sign < 0
  }

  #set(group: number, value: Datum, order: Datum): void {
    this.#values[group] = value
    this.#orders[group] = order
  }
}
