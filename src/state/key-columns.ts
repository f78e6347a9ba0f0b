import { unreachable } from '../base/assert.ts'
import type { Snapshot } from '../base/snapshot.ts'
import { type Column, expectStorage } from '../batch/column.ts'
import { type DataType, storageOf } from '../batch/types.ts'
import { BoxedDictionary } from './boxed-dictionary.ts'
import type { Dictionary } from './dictionary.ts'
import { Int64Dictionary } from './int64-dictionary.ts'
import { TextDictionary } from './text-dictionary.ts'

/** Further columns go by dictionary: word 0 has no null bit left for them. */
const DIRECT_MAX = 32

/** Where and how one key column lies in a key's words. */
type KeyColumn =
  | { readonly kind: 'dictionary'; readonly at: number; readonly dictionary: Dictionary }
  /** The value itself; bit `nullBit` of word 0 says NULL. */
  | { readonly kind: 'bool' | 'int32' | 'int64' | 'float64'; readonly at: number; readonly nullBit: number }

/** These words of a key, from word `at` on. */
export interface KeyMatch {
  readonly at: number
  readonly words: Int32Array
}

/**
 * Rows' keys as a fixed number of 32-bit words each, equal exactly where the keys are equal in the sense of GROUP BY (NULL equals
 * NULL, −0 equals 0, NaN equals NaN). Integers and doubles lie in the words themselves, everything else by its dictionary id.
 */
export class KeyColumns {
  /** Words a key has. */
  readonly stride: number
  readonly #columns: readonly KeyColumn[]
  readonly #hasNullWord: boolean

  constructor(types: readonly DataType[]) {
    this.#hasNullWord = types.slice(0, DIRECT_MAX).some(isDirect)
    let at = this.#hasNullWord ? 1 : 0
    let nullBit = 1
    this.#columns = types.map((type, c): KeyColumn => {
      const storage = storageOf(type)
      const start = at
      if (c < DIRECT_MAX && isDirect(type) && storage !== 'utf8' && storage !== 'boxed') {
        at += storage === 'int64' || storage === 'float64' ? 2 : 1
        const column: KeyColumn = { kind: storage, at: start, nullBit }
        nullBit <<= 1
        return column
      }
      at += 1
      return { kind: 'dictionary', at: start, dictionary: createDictionary(type) }
    })
    this.stride = Math.max(1, at)
  }

  /** The key of row i to to[i · stride …). */
  encode(columns: readonly Column[], rowCount: number, to: Int32Array): void {
    const { stride } = this
    if (this.#hasNullWord || this.#columns.length === 0) for (let i = 0; i < rowCount; i++) to[i * stride] = 0
    for (let c = 0; c < this.#columns.length; c++) {
      const key = this.#columns[c]
      if (key.kind === 'dictionary') key.dictionary.encode(columns[c], rowCount, to, stride, key.at)
      else encodeDirect(key.kind, key.at, key.nullBit, columns[c], rowCount, to, stride)
    }
  }

  /** The keys words[i · stride …) back as columns that own their memory; `columns`: which, default all. */
  decode(words: Int32Array, count: number, columns?: readonly number[]): Column[] {
    const wanted = columns ? columns.map(c => this.#columns[c]) : this.#columns
    return wanted.map(key =>
      key.kind === 'dictionary'
        ? key.dictionary.decode(words, count, this.stride, key.at)
        : decodeDirect(key.kind, key.at, key.nullBit, words, count, this.stride),
    )
  }

  /** The key at words[at …) is kept: its dictionary values live on. */
  retain(words: Int32Array, at: number): void {
    for (const key of this.#columns) if (key.kind === 'dictionary') key.dictionary.retain(words[at + key.at])
  }

  release(words: Int32Array, at: number): void {
    for (const key of this.#columns) if (key.kind === 'dictionary') key.dictionary.release(words[at + key.at])
  }

  /** The words of a key whose column `index` equals row 0 of `value`, which is not NULL. */
  match(index: number, value: Column): KeyMatch {
    const key = this.#columns[index]
    const words = new Int32Array(2)
    if (key.kind === 'dictionary') {
      words[0] = key.dictionary.find(value)
      return { at: key.at, words: words.subarray(0, 1) }
    }
    encodeDirect(key.kind, 0, 0, value, 1, words, 2)
    const wide = key.kind === 'int64' || key.kind === 'float64'
    return { at: key.at, words: wide ? words : words.subarray(0, 1) }
  }

  /** Word and dictionary of a timestamp column, for searches by its value. */
  timeColumn(index: number): { readonly at: number; readonly dictionary: Int64Dictionary } | undefined {
    const key = this.#columns[index]
    return key.kind === 'dictionary' && key.dictionary instanceof Int64Dictionary
      ? { at: key.at, dictionary: key.dictionary }
      : undefined
  }

  bytes(): number {
    return this.#columns.reduce((sum, key) => sum + (key.kind === 'dictionary' ? key.dictionary.bytes() : 0), 0)
  }

  snapshot(): Snapshot[] {
    return this.#columns.map(key => (key.kind === 'dictionary' ? key.dictionary.snapshot() : {}))
  }

  restore(snapshots: readonly Snapshot[]): void {
    this.#columns.forEach((key, c) => {
      if (key.kind === 'dictionary') key.dictionary.restore(snapshots[c])
    })
  }
}

function isDirect(type: DataType): boolean {
  const storage = storageOf(type)
  return storage === 'bool' || storage === 'int32' || storage === 'float64' || type.kind === 'bigint'
}

function createDictionary(type: DataType): Dictionary {
  const storage = storageOf(type)
  if (storage === 'utf8') return new TextDictionary()
  if (storage === 'int64') return new Int64Dictionary()
  return new BoxedDictionary(type)
}

type DirectKind = 'bool' | 'int32' | 'int64' | 'float64'

function encodeDirect(
  kind: DirectKind,
  at: number,
  nullBit: number,
  column: Column,
  rowCount: number,
  to: Int32Array,
  stride: number,
): void {
  const wide = kind === 'int64' || kind === 'float64'
  switch (kind) {
    case 'bool': {
      const { values } = expectStorage(column, 'bool')
      for (let i = 0, t = at; i < rowCount; i++, t += stride) to[t] = values[i]
      break
    }
    case 'int32': {
      const { values } = expectStorage(column, 'int32')
      for (let i = 0, t = at; i < rowCount; i++, t += stride) to[t] = values[i]
      break
    }
    case 'int64':
      copyWords(expectStorage(column, 'int64').words, rowCount, to, at, stride)
      break
    case 'float64':
      copyDoubles(expectStorage(column, 'float64').values, rowCount, to, at, stride)
      break
    default:
      unreachable(kind)
  }
  const { valid } = column
  if (!valid) return
  for (let i = 0; i < rowCount; i++) {
    if (valid[i] !== 0) continue
    const row = i * stride
    to[row] |= nullBit
    to[row + at] = 0
    if (wide) to[row + at + 1] = 0
  }
}

function copyWords(words: Int32Array, rowCount: number, to: Int32Array, at: number, stride: number): void {
  for (let i = 0, t = at; i < rowCount; i++, t += stride) {
    to[t] = words[2 * i]
    to[t + 1] = words[2 * i + 1]
  }
}

function copyDoubles(values: Float64Array, rowCount: number, to: Int32Array, at: number, stride: number): void {
  const words = new Int32Array(values.buffer, values.byteOffset, 2 * rowCount)
  for (let i = 0, t = at; i < rowCount; i++, t += stride) {
    const value = values[i]
    // One spelling each for zero and for NaN, so that equal means equal words.
    to[t] = value === 0 || Number.isNaN(value) ? 0 : words[2 * i]
    to[t + 1] = value === 0 ? 0 : Number.isNaN(value) ? 0x7ff80000 : words[2 * i + 1]
  }
}

function decodeDirect(
  kind: DirectKind,
  at: number,
  nullBit: number,
  words: Int32Array,
  count: number,
  stride: number,
): Column {
  let valid: Uint8Array | undefined
  for (let i = 0; i < count; i++) {
    if ((words[i * stride] & nullBit) === 0) continue
    valid ??= new Uint8Array(count).fill(1)
    valid[i] = 0
  }
  if (kind === 'int64' || kind === 'float64') {
    const pairs = new Int32Array(2 * count)
    for (let i = 0, t = at; i < count; i++, t += stride) {
      pairs[2 * i] = words[t]
      pairs[2 * i + 1] = words[t + 1]
    }
    if (kind === 'int64') return { storage: 'int64', words: pairs, valid }
    return { storage: 'float64', values: new Float64Array(pairs.buffer), valid }
  }
  if (kind === 'int32') {
    const values = new Int32Array(count)
    for (let i = 0, t = at; i < count; i++, t += stride) values[i] = words[t]
    return { storage: 'int32', values, valid }
  }
  const values = new Uint8Array(count)
  for (let i = 0, t = at; i < count; i++, t += stride) values[i] = words[t]
  return { storage: 'bool', values, valid }
}
