import { assert } from '../../base/assert.ts'
import { growBytes, growFloat64, growInt32 } from '../../base/grow.ts'
import { type Snapshot, snapshotField } from '../../base/snapshot.ts'
import { type Column, expectStorage } from '../../batch/column.ts'
import type { Accumulator } from './accumulator.ts'

/** min and max of real and double precision where no row is taken back. NaN is the largest, as in Postgres. */
export class FloatExtreme implements Accumulator {
  readonly #max: boolean
  #values = new Float64Array(0)
  #present = new Uint8Array(0)

  constructor(max: boolean) {
    this.#max = max
  }

  reserve(capacity: number): void {
    if (capacity <= this.#values.length) return
    this.#values = growFloat64(this.#values, capacity)
    this.#present = growBytes(this.#present, capacity)
  }

  update(groups: Int32Array, rowCount: number, args: readonly Column[]): void {
    const { values, valid } = expectStorage(args[0], 'float64')
    takeFloats(this.#values, this.#present, groups, undefined, rowCount, values, valid, this.#max)
  }

  merge(groups: Int32Array, from: Accumulator, fromGroups: Int32Array, count: number): void {
    assert(from instanceof FloatExtreme, 'merge of another aggregate')
    takeFloats(this.#values, this.#present, groups, fromGroups, count, from.#values, from.#present, this.#max)
  }

  output(groups: Int32Array, count: number): Column {
    const values = new Float64Array(count)
    for (let i = 0; i < count; i++) values[i] = this.#values[groups[i]]
    return { storage: 'float64', values, valid: presence(this.#present, groups, count) }
  }

  free(group: number): void {
    this.#present[group] = 0
  }

  snapshot(high: number): Snapshot {
    return { values: this.#values.subarray(0, high), present: this.#present.subarray(0, high) }
  }

  restore(snapshot: Snapshot, high: number): void {
    this.#values = snapshotField.float64(snapshot, 'values').slice()
    this.#present = snapshotField.bytes(snapshot, 'present').slice()
    assert(this.#values.length === high && this.#present.length === high, 'snapshot of extremes is cut')
  }

  bytes(): number {
    return this.#values.byteLength + this.#present.byteLength
  }
}

/** `rows` undefined: row i is value i. */
function takeFloats(
  best: Float64Array,
  present: Uint8Array,
  groups: Int32Array,
  rows: Int32Array | undefined,
  count: number,
  values: Float64Array,
  valid: Uint8Array | undefined,
  max: boolean,
): void {
  for (let i = 0; i < count; i++) {
    const row = rows ? rows[i] : i
    if (valid && valid[row] === 0) continue
    const group = groups[i]
    const value = values[row]
    const known = best[group]
    const better = max ? value > known || Number.isNaN(value) : value < known || Number.isNaN(known)
    if (better || present[group] === 0) {
      best[group] = value
      present[group] = 1
    }
  }
}

/** min and max of integers, dates and times where no row is taken back: values of one word (int32) or two (int64). */
export class IntegerExtreme implements Accumulator {
  readonly #max: boolean
  readonly #wide: boolean
  #words = new Int32Array(0)
  #present = new Uint8Array(0)

  constructor(max: boolean, wide: boolean) {
    this.#max = max
    this.#wide = wide
  }

  reserve(capacity: number): void {
    if (capacity <= this.#present.length) return
    this.#words = growInt32(this.#words, this.#wide ? 2 * capacity : capacity)
    this.#present = growBytes(this.#present, capacity)
  }

  update(groups: Int32Array, rowCount: number, args: readonly Column[]): void {
    const take = this.#wide ? takeInt64s : takeInt32s
    const words = this.#wide ? expectStorage(args[0], 'int64').words : expectStorage(args[0], 'int32').values
    take(this.#words, this.#present, groups, undefined, rowCount, words, args[0].valid, this.#max)
  }

  merge(groups: Int32Array, from: Accumulator, fromGroups: Int32Array, count: number): void {
    assert(from instanceof IntegerExtreme && from.#wide === this.#wide, 'merge of another aggregate')
    const take = this.#wide ? takeInt64s : takeInt32s
    take(this.#words, this.#present, groups, fromGroups, count, from.#words, from.#present, this.#max)
  }

  output(groups: Int32Array, count: number): Column {
    const valid = presence(this.#present, groups, count)
    if (!this.#wide) {
      const values = new Int32Array(count)
      for (let i = 0; i < count; i++) values[i] = this.#words[groups[i]]
      return { storage: 'int32', values, valid }
    }
    const words = new Int32Array(2 * count)
    for (let i = 0; i < count; i++) {
      words[2 * i] = this.#words[2 * groups[i]]
      words[2 * i + 1] = this.#words[2 * groups[i] + 1]
    }
    return { storage: 'int64', words, valid }
  }

  free(group: number): void {
    this.#present[group] = 0
  }

  snapshot(high: number): Snapshot {
    return { words: this.#words.subarray(0, this.#wide ? 2 * high : high), present: this.#present.subarray(0, high) }
  }

  restore(snapshot: Snapshot, high: number): void {
    this.#words = snapshotField.int32(snapshot, 'words').slice()
    this.#present = snapshotField.bytes(snapshot, 'present').slice()
    assert(this.#present.length === high, 'snapshot of extremes is cut')
  }

  bytes(): number {
    return this.#words.byteLength + this.#present.byteLength
  }
}

function takeInt32s(
  best: Int32Array,
  present: Uint8Array,
  groups: Int32Array,
  rows: Int32Array | undefined,
  count: number,
  values: Int32Array,
  valid: Uint8Array | undefined,
  max: boolean,
): void {
  for (let i = 0; i < count; i++) {
    const row = rows ? rows[i] : i
    if (valid && valid[row] === 0) continue
    const group = groups[i]
    const value = values[row]
    if (present[group] === 0 || (max ? value > best[group] : value < best[group])) {
      best[group] = value
      present[group] = 1
    }
  }
}

function takeInt64s(
  best: Int32Array,
  present: Uint8Array,
  groups: Int32Array,
  rows: Int32Array | undefined,
  count: number,
  words: Int32Array,
  valid: Uint8Array | undefined,
  max: boolean,
): void {
  for (let i = 0; i < count; i++) {
    const row = rows ? rows[i] : i
    if (valid && valid[row] === 0) continue
    const group = groups[i]
    const low = words[2 * row]
    const high = words[2 * row + 1]
    const knownHigh = best[2 * group + 1]
    const less = high < knownHigh || (high === knownHigh && low >>> 0 < best[2 * group] >>> 0)
    if (present[group] === 0 || less !== max) {
      best[2 * group] = low
      best[2 * group + 1] = high
      present[group] = 1
    }
  }
}

/** min and max of text, bytea and uuid where no row is taken back: by bytes, the C collation. */
export class TextExtreme implements Accumulator {
  readonly #max: boolean
  #values: (Uint8Array | undefined)[] = []

  constructor(max: boolean) {
    this.#max = max
  }

  reserve(): void {}

  update(groups: Int32Array, rowCount: number, args: readonly Column[]): void {
    const { starts, ends, bytes, valid } = expectStorage(args[0], 'utf8')
    for (let i = 0; i < rowCount; i++) {
      if (valid?.[i] !== 0) this.#take(groups[i], bytes, starts[i], ends[i])
    }
  }

  merge(groups: Int32Array, from: Accumulator, fromGroups: Int32Array, count: number): void {
    assert(from instanceof TextExtreme, 'merge of another aggregate')
    for (let i = 0; i < count; i++) {
      const value = from.#values[fromGroups[i]]
      if (value) this.#take(groups[i], value, 0, value.length)
    }
  }

  output(groups: Int32Array, count: number): Column {
    const starts = new Int32Array(count)
    const ends = new Int32Array(count)
    const valid = new Uint8Array(count)
    let total = 0
    for (let i = 0; i < count; i++) total += this.#values[groups[i]]?.length ?? 0
    const bytes = new Uint8Array(total)
    let at = 0
    for (let i = 0; i < count; i++) {
      const value = this.#values[groups[i]]
      starts[i] = at
      if (value) {
        bytes.set(value, at)
        at += value.length
        valid[i] = 1
      }
      ends[i] = at
    }
    return { storage: 'utf8', starts, ends, bytes, valid: valid.includes(0) ? valid : undefined }
  }

  free(group: number): void {
    this.#values[group] = undefined
  }

  snapshot(high: number): Snapshot {
    return { values: Array.from({ length: high }, (_, group) => this.#values[group] ?? null) }
  }

  restore(snapshot: Snapshot, high: number): void {
    const values = snapshotField.array(snapshot, 'values')
    assert(values.length === high, 'snapshot of extremes is cut')
    this.#values = values.map(value => (value instanceof Uint8Array ? value.slice() : undefined))
  }

  bytes(): number {
    return this.#values.reduce((sum, value) => sum + 8 + (value ? 80 + value.length : 0), 0)
  }

  #take(group: number, bytes: Uint8Array, start: number, end: number): void {
    const known = this.#values[group]
    if (known) {
      const order = compareBytes(bytes, start, end, known)
      if (this.#max ? order <= 0 : order >= 0) return
    }
    this.#values[group] = bytes.slice(start, end)
  }
}

function compareBytes(a: Uint8Array, start: number, end: number, b: Uint8Array): number {
  const length = Math.min(end - start, b.length)
  for (let i = 0; i < length; i++) if (a[start + i] !== b[i]) return a[start + i] - b[i]
  return end - start - b.length
}

function presence(present: Uint8Array, groups: Int32Array, count: number): Uint8Array | undefined {
  for (let i = 0; i < count; i++) {
    if (present[groups[i]] !== 0) continue
    const valid = new Uint8Array(count)
    for (let j = 0; j < count; j++) valid[j] = present[groups[j]]
    return valid
  }
  return undefined
}
