import { type Snapshot, snapshotField } from '../base/snapshot.ts'
import { ColumnBuilder } from '../batch/builder.ts'
import { type Column, datumAt } from '../batch/column.ts'
import { datumKey } from '../batch/datum.ts'
import type { DataType, Datum } from '../batch/types.ts'
import type { Dictionary } from './dictionary.ts'
import { IdPool } from './id-pool.ts'

/** Values without a flat layout (numeric, interval, arrays, rows) by ids. The first of several equal spellings (1.0, 1.00) is kept. */
export class BoxedDictionary implements Dictionary {
  readonly #type: DataType
  readonly #ids = new IdPool(1)
  readonly #byKey = new Map<string, number>()
  #values: Datum[] = [null]

  constructor(type: DataType) {
    this.#type = type
  }

  encode(column: Column, rowCount: number, to: Int32Array, stride: number, at: number): void {
    for (let i = 0, t = at; i < rowCount; i++, t += stride) to[t] = this.#intern(datumAt(column, i))
  }

  find(column: Column): number {
    return this.#byKey.get(datumKey(datumAt(column, 0))) ?? -1
  }

  decode(words: Int32Array, count: number, stride: number, at: number): Column {
    const builder = new ColumnBuilder(this.#type, count)
    for (let i = 0, t = at; i < count; i++, t += stride) builder.append(this.#values[words[t]])
    return builder.finish()
  }

  retain(id: number): void {
    this.#ids.retain(id)
  }

  release(id: number): void {
    if (id === 0 || !this.#ids.release(id)) return
    this.#byKey.delete(datumKey(this.#values[id]))
    this.#values[id] = null
  }

  bytes(): number {
    return this.#byKey.size * 160 + this.#ids.bytes()
  }

  snapshot(): Snapshot {
    return { ids: this.#ids.snapshot(), values: this.#values.slice() }
  }

  restore(snapshot: Snapshot): void {
    this.#ids.restore(snapshotField.nested(snapshot, 'ids'))
    this.#values = snapshotField.array(snapshot, 'values').slice() as Datum[] // written by snapshot() from Datums
    this.#byKey.clear()
    this.#ids.forEach(id => {
      this.#byKey.set(datumKey(this.#values[id]), id)
    })
  }

  #intern(value: Datum): number {
    if (value === null) return 0
    const key = datumKey(value)
    const known = this.#byKey.get(key)
    if (known !== undefined) return known
    const id = this.#ids.take()
    this.#byKey.set(key, id)
    this.#values[id] = value
    return id
  }
}
