import { assert } from '../base/assert.ts'
import { growBytes, growInt32, grownCapacity } from '../base/grow.ts'
import { type Snapshot, snapshotField } from '../base/snapshot.ts'

/** What a count of one byte holds. */
const BYTE_MAX = 255

/** Small dense ids with a count of who refers to each; freed ids are given out again, the latest freed first. */
export class IdPool {
  readonly #first: number
  /** A byte each, and four once one id has more: most have few, and there may be millions. */
  #references: Uint8Array<ArrayBuffer> | Int32Array<ArrayBuffer> = new Uint8Array(16)
  #free = new Int32Array(16)
  #freeCount = 0
  #high: number

  /** Ids below `first` are never given out. */
  constructor(first: number) {
    this.#first = first
    this.#high = first
  }

  /** One above the largest id ever in use. */
  get high(): number {
    return this.#high
  }

  /** How many are in use. */
  get size(): number {
    return this.#high - this.#first - this.#freeCount
  }

  /** A free id, with no references yet. */
  take(): number {
    if (this.#freeCount > 0) return this.#free[--this.#freeCount]
    if (this.#high === this.#references.length) {
      const capacity = grownCapacity(this.#high, this.#high + 1)
      this.#references =
        this.#references instanceof Int32Array
          ? growInt32(this.#references, capacity)
          : growBytes(this.#references, capacity)
    }
    return this.#high++
  }

  retain(id: number): void {
    if (this.#references[id] === BYTE_MAX && this.#references instanceof Uint8Array) {
      this.#references = Int32Array.from(this.#references)
    }
    this.#references[id]++
  }

  /** True when that was the last reference: the id is free now. */
  release(id: number): boolean {
    assert(this.#references[id] > 0, 'release of an id nobody holds')
    if (--this.#references[id] > 0) return false
    if (this.#freeCount === this.#free.length) {
      this.#free = growInt32(this.#free, grownCapacity(this.#freeCount, this.#freeCount + 1))
    }
    this.#free[this.#freeCount++] = id
    return true
  }

  /** Ids in use, ascending, including ones taken and not yet retained. */
  forEach(visit: (id: number) => void): void {
    const free = new Set(this.#free.subarray(0, this.#freeCount))
    for (let id = this.#first; id < this.#high; id++) if (!free.has(id)) visit(id)
  }

  bytes(): number {
    return this.#high * this.#references.BYTES_PER_ELEMENT + this.#freeCount * 4
  }

  snapshot(): Snapshot {
    return {
      high: this.#high,
      references: this.#references.subarray(0, this.#high),
      free: this.#free.subarray(0, this.#freeCount),
    }
  }

  restore(snapshot: Snapshot): void {
    this.#high = snapshotField.number(snapshot, 'high')
    this.#references =
      snapshot.references instanceof Int32Array
        ? snapshot.references.slice()
        : snapshotField.bytes(snapshot, 'references').slice()
    this.#free = snapshotField.int32(snapshot, 'free').slice()
    this.#freeCount = this.#free.length
    assert(this.#references.length === this.#high, 'snapshot of ids is cut')
  }
}
