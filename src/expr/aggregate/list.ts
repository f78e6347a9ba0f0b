import { assert } from '../../base/assert.ts'
import { type Snapshot, snapshotField } from '../../base/snapshot.ts'
import { ColumnBuilder } from '../../batch/builder.ts'
import { type Column, datumAt } from '../../batch/column.ts'
import { datumKey } from '../../batch/datum.ts'
import type { DataType, Datum } from '../../batch/types.ts'
import type { Accumulator } from './accumulator.ts'

export interface ListOptions {
  readonly argTypes: readonly DataType[]
  readonly type: DataType
  /** Leave rows out whose first argument is NULL. */
  readonly skipNulls: boolean
  /** ORDER BY; rows it calls equal stay in order of arrival. Undefined: order of arrival. */
  readonly compare: ((a: readonly Datum[], b: readonly Datum[]) => number) | undefined
  /** The result over the rows, at least one. Over none it is NULL. */
  readonly finish: (rows: readonly (readonly Datum[])[]) => Datum
}

/**
 * Aggregates whose result has every row in it (array_agg, string_agg), or depends on the order they came in: each group keeps its rows in
 * order of arrival. Taking back removes the latest equal row.
 */
export class ListAccumulator implements Accumulator {
  readonly #options: ListOptions
  #lists: (Datum[][] | undefined)[] = []

  constructor(options: ListOptions) {
    this.#options = options
  }

  reserve(): void {}

  update(groups: Int32Array, rowCount: number, args: readonly Column[], weights: Int32Array | undefined): void {
    const { argTypes, skipNulls } = this.#options
    for (let i = 0; i < rowCount; i++) {
      const row = argTypes.map((type, a) => datumAt(args[a], i, type.kind === 'bytea'))
      if (skipNulls && row[0] === null) continue
      const weight = weights ? weights[i] : 1
      for (let n = 0; n < weight; n++) this.#list(groups[i]).push(row)
      for (let n = 0; n > weight; n--) this.#takeBack(groups[i], row)
    }
  }

  merge(groups: Int32Array, from: Accumulator, fromGroups: Int32Array, count: number): void {
    assert(from instanceof ListAccumulator, 'merge of another aggregate')
    for (let i = 0; i < count; i++) {
      const list = from.#lists[fromGroups[i]]
      if (list) for (const row of list) this.#list(groups[i]).push(row)
    }
  }

  output(groups: Int32Array, count: number): Column {
    const { compare, finish, type } = this.#options
    const builder = new ColumnBuilder(type, count)
    for (let i = 0; i < count; i++) {
      const list = this.#lists[groups[i]]
      if (!list || list.length === 0) builder.appendNull()
      else builder.append(finish(compare ? list.toSorted(compare) : list))
    }
    return builder.finish()
  }

  free(group: number): void {
    this.#lists[group] = undefined
  }

  snapshot(high: number): Snapshot {
    return { lists: Array.from({ length: high }, (_, group) => this.#lists[group]?.slice() ?? null) }
  }

  restore(snapshot: Snapshot, high: number): void {
    const lists = snapshotField.array(snapshot, 'lists')
    assert(lists.length === high, 'snapshot of lists is cut')
    this.#lists = lists.map(list => (Array.isArray(list) ? (list.slice() as Datum[][]) : undefined)) // as snapshot() wrote them
  }

  bytes(): number {
    return this.#lists.reduce((sum, list) => sum + 8 + (list ? 32 + list.length * 80 : 0), 0)
  }

  #list(group: number): Datum[][] {
    const known = this.#lists[group]
    if (known) return known
    const list: Datum[][] = []
    this.#lists[group] = list
    return list
  }

  #takeBack(group: number, row: Datum[]): void {
    const list = this.#list(group)
    const key = datumKey(row)
    const at = list.findLastIndex(other => datumKey(other) === key)
    // Taken back before it was added cannot come from a relation; ignoring it keeps the rest right.
    if (at >= 0) list.splice(at, 1)
    if (list.length === 0) this.#lists[group] = undefined
  }
}
