import { assert } from '../../base/assert.ts'
import { type Snapshot, snapshotField } from '../../base/snapshot.ts'
import { ColumnBuilder } from '../../batch/builder.ts'
import { type Column, datumAt } from '../../batch/column.ts'
import { datumKey } from '../../batch/datum.ts'
import type { DataType, Datum } from '../../batch/types.ts'
import type { Accumulator } from './accumulator.ts'

/** Equal argument rows, and how often they are there. */
export interface BagEntry {
  readonly row: readonly Datum[]
  count: number
}

export interface BagOptions {
  /** Columns before it are not kept. Default: 0. */
  readonly firstArgument?: number
  /** Of the arguments kept, in order. */
  readonly argTypes: readonly DataType[]
  readonly type: DataType
  /** Leave rows out where one of so many first kept arguments is NULL. */
  readonly present: number
  /** Order of the entries `finish` is given. Undefined: any. */
  readonly compare: ((a: BagEntry, b: BagEntry) => number) | undefined
  /** The result over the entries, all of count ≥ 1 and at least one. */
  readonly finish: (entries: readonly BagEntry[]) => Datum
  /** The result over no rows. */
  readonly empty: Datum
}

interface Bag {
  readonly byKey: Map<Datum, BagEntry>
  /** In order up to the last output; later ones behind, dead ones still in it. Sorting a long run with a short tail is linear. */
  entries: BagEntry[]
  changed: boolean
}

/**
 * Aggregates that need all values: each group keeps its distinct argument rows and how often each is there. Serves what no few
 * numbers can say (percentiles, mode, DISTINCT) and min and max where rows are taken back. Counts may be negative for a while.
 */
export class BagAccumulator implements Accumulator {
  readonly #options: BagOptions
  #bags: (Bag | undefined)[] = []

  constructor(options: BagOptions) {
    this.#options = options
  }

  reserve(): void {}

  update(groups: Int32Array, rowCount: number, args: readonly Column[], weights: Int32Array | undefined): void {
    const { argTypes, present, firstArgument = 0 } = this.#options
    const bytea = argTypes.map(type => type.kind === 'bytea')
    for (let i = 0; i < rowCount; i++) {
      const row: Datum[] = []
      for (let a = 0; a < argTypes.length; a++) row.push(datumAt(args[firstArgument + a], i, bytea[a]))
      if (anyNull(row, present)) continue
      this.#add(groups[i], row, weights ? weights[i] : 1)
    }
  }

  merge(groups: Int32Array, from: Accumulator, fromGroups: Int32Array, count: number): void {
    assert(from instanceof BagAccumulator, 'merge of another aggregate')
    for (let i = 0; i < count; i++) {
      const bag = from.#bags[fromGroups[i]]
      if (bag) for (const { row, count: rows } of bag.byKey.values()) this.#add(groups[i], row, rows)
    }
  }

  output(groups: Int32Array, count: number): Column {
    const builder = new ColumnBuilder(this.#options.type, count)
    for (let i = 0; i < count; i++) builder.append(this.#result(this.#bags[groups[i]]))
    return builder.finish()
  }

  free(group: number): void {
    this.#bags[group] = undefined
  }

  snapshot(high: number): Snapshot {
    const bags = Array.from({ length: high }, (_, group) => {
      const bag = this.#bags[group]
      return bag ? [...bag.byKey.values()].map(entry => [entry.count, ...entry.row]) : null
    })
    return { bags }
  }

  restore(snapshot: Snapshot, high: number): void {
    const bags = snapshotField.array(snapshot, 'bags')
    assert(bags.length === high, 'snapshot of bags is cut')
    this.#bags = []
    bags.forEach((entries, group) => {
      if (entries === null) return
      assert(Array.isArray(entries), 'a bag is a list of entries')
      for (const [count, ...row] of entries as [number, ...Datum[]][]) this.#add(group, row, count) // as snapshot() wrote them
    })
  }

  bytes(): number {
    return this.#bags.reduce((sum, bag) => sum + 8 + (bag ? 100 + bag.byKey.size * 120 : 0), 0)
  }

  #add(group: number, row: readonly Datum[], weight: number): void {
    let bag = this.#bags[group]
    if (!bag) {
      bag = { byKey: new Map(), entries: [], changed: false }
      this.#bags[group] = bag
    }
    const key = row.length === 1 && isOwnKey(row[0]) ? row[0] : datumKey(row)
    const entry = bag.byKey.get(key)
    bag.changed = true
    if (!entry) {
      const added = { row, count: weight }
      bag.byKey.set(key, added)
      bag.entries.push(added)
      return
    }
    entry.count += weight
    // The entry itself is dropped from the list at the next output, by its count.
    if (entry.count === 0) bag.byKey.delete(key)
    if (bag.byKey.size === 0) this.#bags[group] = undefined
  }

  #result(bag: Bag | undefined): Datum {
    if (!bag) return this.#options.empty
    if (bag.changed) {
      bag.entries = bag.entries.filter(entry => entry.count > 0)
      if (this.#options.compare) bag.entries.sort(this.#options.compare)
      bag.changed = false
    }
    return bag.entries.length === 0 ? this.#options.empty : this.#options.finish(bag.entries)
  }
}

/** Values a Map compares as SQL does: it holds NaN equal to NaN and 0 to −0. Never equal to a datumKey of several values. */
function isOwnKey(value: Datum): boolean {
  return (
    typeof value === 'number' || typeof value === 'bigint' || typeof value === 'string' || typeof value === 'boolean'
  )
}

function anyNull(row: readonly Datum[], count: number): boolean {
  for (let i = 0; i < count; i++) if (row[i] === null) return true
  return false
}
