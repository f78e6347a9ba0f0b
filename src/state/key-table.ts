import { assert } from '../base/assert.ts'
import { growInt32, grownCapacity, zeroInt32 } from '../base/grow.ts'
import { type Snapshot, snapshotField } from '../base/snapshot.ts'
import type { Column } from '../batch/column.ts'
import type { DataType } from '../batch/types.ts'
import { KeyColumns, type KeyMatch } from './key-columns.ts'

/**
 * Keys of rows → dense group ids, by open addressing over typed arrays. Ids of freed groups are given out again, so that arrays
 * indexed by group stay as long as the most groups there were at one time. Not a hash is stored: a key's few words are hashed again
 * when the table grows, which is rarer than memory is dear.
 */
export class KeyTable {
  readonly #keys: KeyColumns
  readonly #stride: number
  #slots = new Int32Array(64)
  #words: Int32Array<ArrayBuffer>
  #high = 0
  #free = new Int32Array(16)
  #freeCount = 0
  #rowWords = new Int32Array(0)
  #groups = new Int32Array(0)
  #created = new Int32Array(16)
  #createdCount = 0

  constructor(types: readonly DataType[]) {
    this.#keys = new KeyColumns(types)
    this.#stride = this.#keys.stride
    this.#words = new Int32Array(16 * this.#stride)
  }

  /** Groups there are. */
  get size(): number {
    return this.#high - this.#freeCount
  }

  /** One above the largest group id ever in use. */
  get high(): number {
    return this.#high
  }

  /** Groups the last `assign` made, in order of their first row; the array is reused. */
  get created(): Int32Array {
    return this.#created.subarray(0, this.#createdCount)
  }

  /** The group of every row; makes the ones there are not yet. The array is reused by the next call. */
  assign(columns: readonly Column[], rowCount: number): Int32Array {
    const groups = this.#prepare(columns, rowCount)
    const stride = this.#stride
    const rows = this.#rowWords
    this.#createdCount = 0
    for (let row = 0; row < rowCount; row++) {
      row = lookUp(this.#slots, this.#words, rows, stride, row, rowCount, groups)
      if (row === rowCount) break
      groups[row] = this.#insert(rows, row * stride, findSlot(this.#slots, this.#words, rows, row * stride, stride))
    }
    return groups
  }

  /** The key columns of the given groups; `columns`: which, default all. */
  keys(groups: Int32Array, count: number, columns?: readonly number[]): Column[] {
    const stride = this.#stride
    const words = new Int32Array(count * stride)
    for (let i = 0; i < count; i++) {
      const from = groups[i] * stride
      for (let k = 0; k < stride; k++) words[i * stride + k] = this.#words[from + k]
    }
    return this.#keys.decode(words, count, columns)
  }

  /** The group's key is forgotten; its id may come back as another group. */
  free(group: number): void {
    const at = group * this.#stride
    this.#unlink(group)
    this.#keys.release(this.#words, at)
    if (this.#freeCount === this.#free.length) {
      this.#free = growInt32(this.#free, grownCapacity(this.#freeCount, this.#freeCount + 1))
    }
    this.#free[this.#freeCount++] = group
  }

  /** All groups, ascending by id. */
  all(): Int32Array {
    const free = this.freeFlags()
    const groups = new Int32Array(this.size)
    let count = 0
    for (let group = 0; group < this.#high; group++) if (free[group] === 0) groups[count++] = group
    return groups
  }

  /** Groups whose timestamp key `index` is at most `limit`, ascending by it, then by id. NULLs never. */
  atMost(index: number, limit: number): Int32Array {
    const { at, dictionary } = this.#timeColumn(index)
    const ids = dictionary.atMost(limit)
    if (ids.length === 0) return new Int32Array(0)
    const rank = new Map(ids.map((id, r): [number, number] => [id, r]))
    const lists: number[][] = ids.map(() => [])
    const free = this.freeFlags()
    const stride = this.#stride
    let count = 0
    for (let group = 0; group < this.#high; group++) {
      if (free[group] !== 0) continue
      const r = rank.get(this.#words[group * stride + at])
      if (r === undefined) continue
      lists[r].push(group)
      count++
    }
    const groups = new Int32Array(count)
    let to = 0
    for (const list of lists) for (const group of list) groups[to++] = group
    return groups
  }

  /** The smallest value of timestamp key `index`; Infinity when there is none. */
  smallest(index: number): number {
    return this.#timeColumn(index).dictionary.smallest()
  }

  /** What groups whose key `index` equals row 0 of `value`, which is not NULL, can be told by. */
  match(index: number, value: Column): KeyMatch {
    return this.#keys.match(index, value)
  }

  /** False: the group's key is another one. A NULL may pass for a zero. */
  matches(group: number, { at, words }: KeyMatch): boolean {
    const start = group * this.#stride + at
    for (let k = 0; k < words.length; k++) if (this.#words[start + k] !== words[k]) return false
    return true
  }

  /** By group id: 1 where there is no group. */
  freeFlags(): Uint8Array {
    const free = new Uint8Array(this.#high)
    for (let i = 0; i < this.#freeCount; i++) free[this.#free[i]] = 1
    return free
  }

  bytes(): number {
    const scratch = this.#rowWords.length + this.#groups.length + this.#created.length
    const words = this.#high * this.#stride + this.#freeCount
    return (this.#slots.length + words + scratch) * 4 + this.#keys.bytes()
  }

  snapshot(): Snapshot {
    return {
      words: this.#words.subarray(0, this.#high * this.#stride),
      free: this.#free.subarray(0, this.#freeCount),
      keys: this.#keys.snapshot(),
    }
  }

  restore(snapshot: Snapshot): void {
    this.#words = snapshotField.int32(snapshot, 'words').slice()
    this.#free = snapshotField.int32(snapshot, 'free').slice()
    assert(this.#words.length % this.#stride === 0, 'snapshot of keys has another width')
    this.#high = this.#words.length / this.#stride
    this.#freeCount = this.#free.length
    this.#keys.restore(snapshotField.nestedArray(snapshot, 'keys'))
    this.#rehash()
  }

  #timeColumn(index: number): NonNullable<ReturnType<KeyColumns['timeColumn']>> {
    const column = this.#keys.timeColumn(index)
    assert(column !== undefined, `key ${index} is no timestamp`)
    return column
  }

  #prepare(columns: readonly Column[], rowCount: number): Int32Array {
    if (this.#groups.length < rowCount) {
      this.#groups = new Int32Array(rowCount)
      this.#rowWords = new Int32Array(rowCount * this.#stride)
    }
    this.#keys.encode(columns, rowCount, this.#rowWords)
    return this.#groups
  }

  #insert(rows: Int32Array, at: number, slot: number): number {
    const stride = this.#stride
    const group = this.#freeCount > 0 ? this.#free[--this.#freeCount] : this.#high++
    const to = group * stride
    if (to >= this.#words.length) {
      this.#words = growInt32(this.#words, stride * grownCapacity(this.#words.length / stride, group + 1))
    }
    for (let k = 0; k < stride; k++) this.#words[to + k] = rows[at + k]
    this.#keys.retain(this.#words, to)
    if (this.#createdCount === this.#created.length) {
      this.#created = growInt32(this.#created, this.#createdCount * 2)
    }
    this.#created[this.#createdCount++] = group
    this.#slots[slot] = group + 1
    if (this.size * 3 > this.#slots.length * 2) this.#rehash()
    return group
  }

  /** Takes the group out of the table, moving later entries of the probe sequence up so that no search breaks off early. */
  #unlink(group: number): void {
    const slots = this.#slots
    const stride = this.#stride
    const mask = slots.length - 1
    let hole = hashWords(this.#words, group * stride, stride) & mask
    while (slots[hole] !== group + 1) hole = (hole + 1) & mask
    let next = hole
    for (;;) {
      next = (next + 1) & mask
      const other = slots[next]
      if (other === 0) break
      const home = hashWords(this.#words, (other - 1) * stride, stride)
      if (((next - home) & mask) >= ((next - hole) & mask)) {
        slots[hole] = other
        hole = next
      }
    }
    slots[hole] = 0
  }

  #rehash(): void {
    let length = 64
    while (this.size * 2 > length) length *= 2
    const slots = zeroInt32(this.#slots, length)
    const stride = this.#stride
    for (const group of this.all()) {
      let slot = hashWords(this.#words, group * stride, stride) & (length - 1)
      while (slots[slot] !== 0) slot = (slot + 1) & (length - 1)
      slots[slot] = group + 1
    }
    this.#slots = slots
  }
}

/** The groups of rows from `row` on, up to the first whose key is new; answers that row, or rowCount. */
function lookUp(
  slots: Int32Array,
  words: Int32Array,
  rows: Int32Array,
  stride: number,
  row: number,
  rowCount: number,
  groups: Int32Array,
): number {
  if (stride === 1) return lookUpIds(slots, words, rows, row, rowCount, groups)
  for (let i = row; i < rowCount; i++) {
    const group = slots[findSlot(slots, words, rows, i * stride, stride)]
    if (group === 0) return i
    groups[i] = group - 1
  }
  return rowCount
}

/** The same for keys of one word. */
function lookUpIds(
  slots: Int32Array,
  words: Int32Array,
  rows: Int32Array,
  row: number,
  rowCount: number,
  groups: Int32Array,
): number {
  const mask = slots.length - 1
  for (let i = row; i < rowCount; i++) {
    const id = rows[i]
    let slot = id & mask
    let entry = slots[slot]
    while (entry !== 0 && words[entry - 1] !== id) {
      slot = (slot + 1) & mask
      entry = slots[slot]
    }
    if (entry === 0) return i
    groups[i] = entry - 1
  }
  return rowCount
}

/** The slot that holds the key rows[at …), or the empty one where it belongs. */
function findSlot(slots: Int32Array, words: Int32Array, rows: Int32Array, at: number, stride: number): number {
  const mask = slots.length - 1
  let slot = hashWords(rows, at, stride) & mask
  for (;;) {
    const entry = slots[slot]
    if (entry === 0 || sameWords(words, (entry - 1) * stride, rows, at, stride)) return slot
    slot = (slot + 1) & mask
  }
}

// Keys of up to three words, which windows by one more column are, go without a loop.
function sameWords(a: Int32Array, aStart: number, b: Int32Array, bStart: number, stride: number): boolean {
  if (a[aStart] !== b[bStart]) return false
  if (stride === 1) return true
  if (a[aStart + 1] !== b[bStart + 1]) return false
  if (stride === 2) return true
  if (a[aStart + 2] !== b[bStart + 2]) return false
  for (let k = 3; k < stride; k++) if (a[aStart + k] !== b[bStart + k]) return false
  return true
}

function hashWords(words: Int32Array, at: number, stride: number): number {
  // One word is an id of a dictionary, see `KeyColumns`: as dense as slots are, so nearly every one has a slot of its own.
  if (stride === 1) return words[at]
  let hash = Math.imul(words[at] ^ 0x2545f491, 0x9e3779b1)
  hash = (hash + Math.imul(words[at + 1], 0x85ebca77)) | 0
  if (stride > 2) hash = (hash + Math.imul(words[at + 2], 0xc2b2ae3d)) | 0
  for (let k = 3; k < stride; k++) hash = (Math.imul(hash ^ (hash >>> 15), 0x27d4eb2f) + words[at + k]) | 0
  hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b)
  return hash ^ (hash >>> 13)
}
