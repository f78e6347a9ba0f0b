import { growInt32, grownCapacity } from '../base/grow.ts'
import { type Snapshot, snapshotField } from '../base/snapshot.ts'
import { type Column, expectStorage, int64AsNumber } from '../batch/column.ts'
import type { Dictionary } from './dictionary.ts'
import { IdPool } from './id-pool.ts'

/**
 * 64-bit values by small ids, counted by who refers to them: for columns with few distinct values among many groups, which
 * window bounds are. A group then keeps 4 bytes instead of 8, and "every group of a closed window" is a search by id.
 */
export class Int64Dictionary implements Dictionary {
  #ids = new IdPool(1)
  #slots = new Int32Array(64)
  #words = new Int32Array(32)

  encode(column: Column, rowCount: number, to: Int32Array, stride: number, at: number): void {
    const { words, valid } = expectStorage(column, 'int64')
    // Neighbours in time share their window: most rows repeat the value of the row before.
    let low = 0
    let high = 0
    let id = -1
    for (let i = 0, t = at; i < rowCount; i++, t += stride) {
      if (valid && valid[i] === 0) {
        to[t] = 0
        continue
      }
      if (id < 0 || words[2 * i] !== low || words[2 * i + 1] !== high) {
        low = words[2 * i]
        high = words[2 * i + 1]
        id = this.#intern(low, high)
      }
      to[t] = id
    }
  }

  find(column: Column): number {
    const { words } = expectStorage(column, 'int64')
    return this.#slots[this.#slotOf(words[0], words[1])] || -1
  }

  decode(ids: Int32Array, count: number, stride: number, at: number): Column {
    const words = new Int32Array(2 * count)
    let valid: Uint8Array | undefined
    for (let i = 0, t = at; i < count; i++, t += stride) {
      const id = ids[t]
      if (id === 0) {
        valid ??= new Uint8Array(count).fill(1)
        valid[i] = 0
        continue
      }
      words[2 * i] = this.#words[2 * id]
      words[2 * i + 1] = this.#words[2 * id + 1]
    }
    return { storage: 'int64', words, valid }
  }

  /** Ids whose value is at most `limit`, ascending by value. */
  atMost(limit: number): number[] {
    const found: number[] = []
    this.#ids.forEach(id => {
      if (int64AsNumber(this.#words, id) <= limit) found.push(id)
    })
    return found.sort((a, b) => int64AsNumber(this.#words, a) - int64AsNumber(this.#words, b))
  }

  /** The smallest value in use; Infinity when there is none. */
  smallest(): number {
    let smallest = Number.POSITIVE_INFINITY
    this.#ids.forEach(id => {
      smallest = Math.min(smallest, int64AsNumber(this.#words, id))
    })
    return smallest
  }

  retain(id: number): void {
    this.#ids.retain(id)
  }

  release(id: number): void {
    if (id !== 0 && this.#ids.release(id)) this.#unlink(id)
  }

  bytes(): number {
    return (this.#slots.length + this.#words.length) * 4 + this.#ids.bytes()
  }

  snapshot(): Snapshot {
    return { ids: this.#ids.snapshot(), words: this.#words.subarray(0, 2 * this.#ids.high) }
  }

  restore(snapshot: Snapshot): void {
    this.#ids.restore(snapshotField.nested(snapshot, 'ids'))
    this.#words = snapshotField.int32(snapshot, 'words').slice()
    this.#rehash()
  }

  #intern(low: number, high: number): number {
    const slots = this.#slots
    const slot = this.#slotOf(low, high)
    if (slots[slot] !== 0) return slots[slot]
    const id = this.#ids.take()
    if (2 * id >= this.#words.length) {
      this.#words = growInt32(this.#words, 2 * grownCapacity(this.#words.length >>> 1, id + 1))
    }
    this.#words[2 * id] = low
    this.#words[2 * id + 1] = high
    slots[slot] = id
    if (this.#ids.size * 3 > slots.length * 2) this.#rehash()
    return id
  }

  /** The slot that holds the value, or the empty one where it belongs. */
  #slotOf(low: number, high: number): number {
    const slots = this.#slots
    const mask = slots.length - 1
    let slot = hashInt64(low, high) & mask
    for (;;) {
      const id = slots[slot]
      if (id === 0 || (this.#words[2 * id] === low && this.#words[2 * id + 1] === high)) return slot
      slot = (slot + 1) & mask
    }
  }

  #hash(id: number): number {
    return hashInt64(this.#words[2 * id], this.#words[2 * id + 1])
  }

  /** See TextDictionary: later entries of the probe sequence move up. */
  #unlink(id: number): void {
    const slots = this.#slots
    const mask = slots.length - 1
    let hole = this.#hash(id) & mask
    while (slots[hole] !== id) hole = (hole + 1) & mask
    let next = hole
    for (;;) {
      next = (next + 1) & mask
      const other = slots[next]
      if (other === 0) break
      if (((next - this.#hash(other)) & mask) >= ((next - hole) & mask)) {
        slots[hole] = other
        hole = next
      }
    }
    slots[hole] = 0
  }

  #rehash(): void {
    let length = 64
    while (this.#ids.size * 2 > length) length *= 2
    const slots = new Int32Array(length)
    this.#ids.forEach(id => {
      let slot = this.#hash(id) & (length - 1)
      while (slots[slot] !== 0) slot = (slot + 1) & (length - 1)
      slots[slot] = id
    })
    this.#slots = slots
  }
}

function hashInt64(low: number, high: number): number {
  let hash = Math.imul(low ^ 0x2545f491, 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 15) ^ high, 0xc2b2ae35)
  return hash ^ (hash >>> 16)
}
