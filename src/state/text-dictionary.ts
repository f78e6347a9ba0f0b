import { growBytes, growInt32, grownCapacity, zeroInt32 } from '../base/grow.ts'
import { type Snapshot, snapshotField } from '../base/snapshot.ts'
import { type Column, expectStorage, type Utf8Column } from '../batch/column.ts'
import type { Dictionary } from './dictionary.ts'
import { IdPool } from './id-pool.ts'

/**
 * Text values by small ids, counted by who refers to them. Bytes are compared as bytes and kept once in an arena; nothing is
 * decoded. Space of values nobody refers to any more is recycled.
 */
export class TextDictionary implements Dictionary {
  #ids = new IdPool(1)
  #slots = new Int32Array(64)
  #starts = new Int32Array(16)
  #lengths = new Int32Array(16)
  #arena = new Uint8Array(1024)
  #arenaUsed = 0
  #arenaFreed = 0

  encode(column: Column, rowCount: number, to: Int32Array, stride: number, at: number): void {
    const text = expectStorage(column, 'utf8')
    for (let row = 0; row < rowCount; row++) {
      row = this.#lookUp(text, row, rowCount, to, stride, at)
      if (row === rowCount) break
      to[row * stride + at] = this.#insert(text.bytes, text.starts[row], text.ends[row])
    }
  }

  find(column: Column): number {
    const id = new Int32Array(1)
    return this.#lookUp(expectStorage(column, 'utf8'), 0, 1, id, 1, 0) === 1 ? id[0] : -1
  }

  decode(words: Int32Array, count: number, stride: number, at: number): Column {
    const starts = new Int32Array(count)
    const ends = new Int32Array(count)
    let valid: Uint8Array | undefined
    let total = 0
    for (let i = 0, t = at; i < count; i++, t += stride) total += this.#lengths[words[t]]
    const bytes = new Uint8Array(total)
    const arena = this.#arena
    let to = 0
    for (let i = 0, t = at; i < count; i++, t += stride) {
      const id = words[t]
      starts[i] = to
      if (id === 0) {
        valid ??= new Uint8Array(count).fill(1)
        valid[i] = 0
      }
      const start = this.#starts[id]
      const end = start + this.#lengths[id]
      for (let j = start; j < end; j++) bytes[to++] = arena[j]
      ends[i] = to
    }
    return { storage: 'utf8', starts, ends, bytes, valid }
  }

  retain(id: number): void {
    this.#ids.retain(id)
  }

  release(id: number): void {
    if (id === 0 || !this.#ids.release(id)) return
    this.#unlink(id)
    this.#arenaFreed += this.#lengths[id]
    this.#lengths[id] = 0
    if (this.#arenaFreed > 4096 && this.#arenaFreed * 2 > this.#arenaUsed) this.#compact()
  }

  bytes(): number {
    return this.#slots.length * 4 + this.#ids.high * 8 + this.#arenaUsed + this.#ids.bytes()
  }

  snapshot(): Snapshot {
    const high = this.#ids.high
    return {
      ids: this.#ids.snapshot(),
      starts: this.#starts.subarray(0, high),
      lengths: this.#lengths.subarray(0, high),
      arena: this.#arena.subarray(0, this.#arenaUsed),
      freed: this.#arenaFreed,
    }
  }

  restore(snapshot: Snapshot): void {
    this.#ids.restore(snapshotField.nested(snapshot, 'ids'))
    this.#starts = snapshotField.int32(snapshot, 'starts').slice()
    this.#lengths = snapshotField.int32(snapshot, 'lengths').slice()
    this.#arena = snapshotField.bytes(snapshot, 'arena').slice()
    this.#arenaUsed = this.#arena.length
    this.#arenaFreed = snapshotField.number(snapshot, 'freed')
    this.#rehash()
  }

  /** Ids of rows from `row` on, up to the first whose text is new; answers that row, or rowCount. */
  #lookUp(text: Utf8Column, row: number, rowCount: number, to: Int32Array, stride: number, at: number): number {
    const { starts, ends, bytes, valid } = text
    const slots = this.#slots
    const ownStarts = this.#starts
    const lengths = this.#lengths
    const arena = viewOf(this.#arena)
    const given = viewOf(bytes)
    const mask = slots.length - 1
    for (let i = row; i < rowCount; i++) {
      if (valid && valid[i] === 0) {
        to[i * stride + at] = 0
        continue
      }
      const start = starts[i]
      const end = ends[i]
      const length = end - start
      let hash: number
      // Keys are mostly that long: four words hold them, loaded once for the hash and the comparison.
      if (length >= 8 && length <= 16) {
        const first = given.getInt32(start, true)
        const second = given.getInt32(start + 4, true)
        const third = given.getInt32(end - 8, true)
        const last = given.getInt32(end - 4, true)
        hash = mix(length, first, second, third, last)
        const id = slots[hash & mask]
        const own = ownStarts[id]
        if (
          lengths[id] === length &&
          arena.getInt32(own, true) === first &&
          arena.getInt32(own + 4, true) === second &&
          arena.getInt32(own + length - 8, true) === third &&
          arena.getInt32(own + length - 4, true) === last
        ) {
          to[i * stride + at] = id
          continue
        }
      } else hash = hashText(given, start, end)
      let slot = hash & mask
      let id = slots[slot]
      while (id !== 0 && (lengths[id] !== length || !sameText(arena, ownStarts[id], given, start, length))) {
        slot = (slot + 1) & mask
        id = slots[slot]
      }
      if (id === 0) return i
      to[i * stride + at] = id
    }
    return rowCount
  }

  #insert(bytes: Uint8Array, start: number, end: number): number {
    const length = end - start
    const id = this.#ids.take()
    if (id >= this.#starts.length) {
      const capacity = grownCapacity(this.#starts.length, id + 1)
      this.#starts = growInt32(this.#starts, capacity)
      this.#lengths = growInt32(this.#lengths, capacity)
    }
    if (this.#arenaUsed + length > this.#arena.length) {
      this.#arena = growBytes(
        this.#arena,
        8 * grownCapacity(this.#arena.length >>> 3, (this.#arenaUsed + length + 7) >>> 3),
      )
    }
    for (let j = 0; j < length; j++) this.#arena[this.#arenaUsed + j] = bytes[start + j]
    this.#starts[id] = this.#arenaUsed
    this.#lengths[id] = length
    this.#arenaUsed += length
    this.#link(viewOf(this.#arena), id)
    if (this.#ids.size * 2 > this.#slots.length) this.#rehash()
    return id
  }

  #link(arena: DataView, id: number): void {
    const mask = this.#slots.length - 1
    let slot = this.#hash(arena, id) & mask
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask
    this.#slots[slot] = id
  }

  /** Takes the id out of the table, moving later entries of the probe sequence up so that no search breaks off early. */
  #unlink(id: number): void {
    const slots = this.#slots
    const mask = slots.length - 1
    const arena = viewOf(this.#arena)
    let hole = this.#hash(arena, id) & mask
    while (slots[hole] !== id) hole = (hole + 1) & mask
    let next = hole
    for (;;) {
      next = (next + 1) & mask
      const other = slots[next]
      if (other === 0) break
      if (((next - this.#hash(arena, other)) & mask) >= ((next - hole) & mask)) {
        slots[hole] = other
        hole = next
      }
    }
    slots[hole] = 0
  }

  #rehash(): void {
    let length = 64
    while (this.#ids.size * 2 > length) length *= 2
    this.#slots = zeroInt32(this.#slots, length)
    const arena = viewOf(this.#arena)
    this.#ids.forEach(id => {
      this.#link(arena, id)
    })
  }

  /** Computed again when the table grows, which is rarer than memory is dear. `arena` is a view of `#arena`. */
  #hash(arena: DataView, id: number): number {
    return hashText(arena, this.#starts[id], this.#starts[id] + this.#lengths[id])
  }

  #compact(): void {
    const used = this.#arenaUsed - this.#arenaFreed
    const arena = new Uint8Array(Math.max(1024, used))
    let at = 0
    this.#ids.forEach(id => {
      const start = this.#starts[id]
      arena.set(this.#arena.subarray(start, start + this.#lengths[id]), at)
      this.#starts[id] = at
      at += this.#lengths[id]
    })
    this.#arena = arena
    this.#arenaUsed = at
    this.#arenaFreed = 0
  }
}

// A DataView reads four bytes at any address in one load; a Uint8Array would take four loads and shifts.
function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** Of the first and last eight bytes by words that may overlap, and of what lies in between. */
function hashText(text: DataView, start: number, end: number): number {
  const length = end - start
  if (length < 4) {
    let word = 0
    for (let i = start; i < end; i++) word = (word << 8) | text.getUint8(i)
    return mix(length, word, 0, 0, 0)
  }
  const first = text.getInt32(start, true)
  const last = text.getInt32(end - 4, true)
  if (length < 8) return mix(length, first, 0, 0, last)
  let seed = length
  for (let i = start + 8; i + 8 < end; i += 4) seed = rolled(Math.imul(seed ^ text.getInt32(i, true), 0x85ebca6b))
  return mix(seed, first, text.getInt32(start + 4, true), text.getInt32(end - 8, true), last)
}

/** The words' products do not wait for one another. The length is in it so that zero bytes count. */
function mix(seed: number, first: number, second: number, third: number, last: number): number {
  const sum =
    Math.imul(first, 0x9e3779b1) +
    Math.imul(second, 0x85ebca77) +
    Math.imul(third, 0x27d4eb2f) +
    Math.imul(last, 0xc2b2ae3d)
  const hash = Math.imul(rolled(seed ^ sum), 0x85ebca6b)
  return hash ^ (hash >>> 13)
}

function rolled(hash: number): number {
  return hash ^ (hash >>> 15)
}

/** Whether a[aStart …) and b[bStart …) agree for `length` bytes. */
function sameText(a: DataView, aStart: number, b: DataView, bStart: number, length: number): boolean {
  if (length >= 4) {
    const last = length - 4
    for (let i = 0; i < last; i += 4) if (a.getInt32(aStart + i, true) !== b.getInt32(bStart + i, true)) return false
    return a.getInt32(aStart + last, true) === b.getInt32(bStart + last, true)
  }
  for (let i = 0; i < length; i++) if (a.getUint8(aStart + i) !== b.getUint8(bStart + i)) return false
  return true
}
