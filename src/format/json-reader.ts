import { decodeUtf8, encodeUtf8 } from '../batch/column.ts'
import { canonicalJson, JSON_DEPTH_MAX } from '../batch/jsonb.ts'
import { type Datum, typeName } from '../batch/types.ts'
import type { Arena } from './arena.ts'
import { findKey, findLoose, type LooseChild, type PathNode } from './json-path.ts'
import { JsonScanner } from './json-scan.ts'
import type { ValueReader, Verdict } from './row-decoder.ts'
import type { Slot } from './slot.ts'
import type { TextReader } from './text-reader.ts'

/**
 * Reads JSON documents of any shape into slots: the way that is right for everything. `JsonDecoder` has a faster one for
 * documents like those before.
 */
export class JsonReader implements ValueReader {
  readonly scan: JsonScanner
  readonly #texts: TextReader
  readonly #root: PathNode
  readonly #loose: readonly LooseChild[]
  readonly #slots: readonly Slot[]
  /** By slot: twice the document's number, + 1 when found by the exact key. */
  readonly #seen: Float64Array
  #document = 0
  #row = 0
  #depth = 0

  constructor(root: PathNode, loose: readonly LooseChild[], slots: readonly Slot[], texts: TextReader, arena: Arena) {
    this.scan = new JsonScanner(arena)
    this.#root = root
    this.#loose = loose
    this.#slots = slots
    this.#texts = texts
    this.#seen = new Float64Array(slots.reduce((most, s) => Math.max(most, s.index + 1), 0))
  }

  get reason(): string {
    return this.scan.reason
  }

  /** Makes this the document that `value`, `visit` and `scan` are about. */
  enter(bytes: Uint8Array, start: number, end: number, row: number): void {
    const { scan } = this
    scan.bytes = bytes
    scan.start = start
    scan.end = end
    this.#row = row
    this.#depth = 0
  }

  /** The document in bytes[start … end) into every slot at `row`; what is missing becomes NULL.  */
  read(bytes: Uint8Array, start: number, end: number, row: number): Verdict {
    const { scan } = this
    this.enter(bytes, start, end, row)
    this.#document++
    let at = scan.space(start)
    if (at === end) {
      scan.reason = 'empty record'
      return 'bad'
    }
    const root = this.#root
    const needs = root.keys.length > 0 ? 123 : root.elements.length > 0 ? 91 : bytes[at]
    if (bytes[at] !== needs) {
      const kind = valueKind(bytes[at])
      if (kind === undefined) scan.fail(at, 'value expected')
      else scan.reason = `expected a JSON ${needs === 123 ? 'object' : 'array'}, found ${kind}`
      return 'bad'
    }
    at = this.visit(root, at)
    if (at < 0) return 'bad'
    at = scan.space(at)
    if (at !== end) {
      scan.fail(at, 'nothing expected after the value')
      return 'bad'
    }
    const never = 2 * this.#document
    for (const slot of this.#slots) if (this.#seen[slot.index] < never) slot.setNull(row)
    return 'row'
  }

  /** A document that is one column's value: an array in a CSV field, say. */
  readAlone(slot: Slot, bytes: Uint8Array, start: number, end: number, row: number): boolean {
    const { scan } = this
    this.enter(bytes, start, end, row)
    const at = this.value(slot, row, scan.space(start))
    if (at < 0) return false
    const after = scan.space(at)
    if (after < end) scan.fail(after, 'nothing expected after the value')
    return after === end
  }

  /** A value at a place in the tree, into the slots there and below. */
  visit(node: PathNode, at: number): number {
    let after = -1
    for (const slot of node.slots) {
      after = this.value(slot, this.#row, at)
      if (after < 0) return after
      this.#seen[slot.index] = 2 * this.#document + 1
    }
    const nested = node.keys.length > 0 ? 123 : node.elements.length > 0 ? 91 : 0
    if (nested === 0) return after < 0 ? this.scan.skip(at) : after
    // The key may come a second time: the last one counts, also with what it does not have.
    for (const slot of node.below) if (!node.slots.includes(slot)) this.#seen[slot.index] = 0
    if (this.scan.bytes[at] === 123 && node.keys.length > 0) return this.#object(node, at)
    if (this.scan.bytes[at] === 91 && node.elements.length > 0) return this.#array(node, at)
    return this.scan.skip(at)
  }

  #object(node: PathNode, open: number): number {
    const { scan } = this
    const { bytes, end } = scan
    if (++this.#depth > JSON_DEPTH_MAX) return scan.tooDeep()
    let at = scan.space(open + 1)
    if (at < end && bytes[at] === 125) {
      this.#depth--
      return at + 1
    }
    let next = 0
    for (;;) {
      if (at >= end || bytes[at] !== 34) return scan.fail(at, 'key expected')
      const arenaEnd = scan.arena.end
      at = scan.string(at)
      if (at < 0) return at
      const keyBytes = scan.textInArena ? scan.arena.bytes : bytes
      const keyStart = scan.textStart
      const keyEnd = scan.textEnd
      at = scan.colon(at)
      if (at < 0) return at
      at = scan.space(at)
      if (at >= end) return scan.fail(at, '')
      const found = findKey(node, keyBytes, keyStart, keyEnd, next)
      if (found >= 0) {
        next = found + 1
        scan.arena.end = arenaEnd
        at = this.visit(node.keys[found].node, at)
      } else {
        const slot = node === this.#root ? findLoose(this.#loose, keyBytes, keyStart, keyEnd) : undefined
        scan.arena.end = arenaEnd
        if (slot === undefined || this.#seen[slot.index] === 2 * this.#document + 1) at = scan.skip(at)
        else {
          at = this.value(slot, this.#row, at)
          this.#seen[slot.index] = 2 * this.#document
        }
      }
      if (at < 0) return at
      at = scan.space(at)
      if (at < end && bytes[at] === 44) at = scan.space(at + 1)
      else if (at < end && bytes[at] === 125) {
        this.#depth--
        return at + 1
      } else return scan.fail(at, 'comma or } expected')
    }
  }

  #array(node: PathNode, open: number): number {
    const { scan } = this
    if (++this.#depth > JSON_DEPTH_MAX) return scan.tooDeep()
    return this.#elements(open, (at, index) => {
      const child = node.elements.find(e => e.index === index)
      return child ? this.visit(child.node, at) : scan.skip(at)
    })
  }

  /** Each element of the array that opens at `open`. */
  #elements(open: number, element: (at: number, index: number) => number): number {
    const { scan } = this
    const { bytes, end } = scan
    let at = scan.space(open + 1)
    let index = 0
    if (at < end && bytes[at] === 93) {
      this.#depth--
      return at + 1
    }
    for (;;) {
      at = scan.space(at)
      if (at >= end) return scan.fail(at, '')
      at = element(at, index++)
      if (at < 0) return at
      at = scan.space(at)
      if (at < end && bytes[at] === 44) at++
      else if (at < end && bytes[at] === 93) {
        this.#depth--
        return at + 1
      } else return scan.fail(at, 'comma or ] expected')
    }
  }

  /** One value into one slot. `at` is its first byte. */
  value(slot: Slot, row: number, at: number): number {
    const { scan } = this
    const { bytes } = scan
    const byte = bytes[at]
    if (byte === 110) {
      const after = scan.word(at)
      if (after >= 0) slot.setNull(row)
      return after
    }
    if (slot.type.kind === 'jsonb') return this.#json(slot, row, at)
    if (slot.children.length > 0) return this.#nested(slot, row, at)
    if (byte === 34) {
      const after = scan.string(at)
      if (after < 0) return after
      const from = scan.textInArena ? scan.arena.bytes : bytes
      return this.#text(slot, row, from, scan.textStart, scan.textEnd, scan.textInArena) ? after : -1
    }
    if (byte === 123 || byte === 91) return this.#mismatch(slot, at)
    const number = byte === 45 || (byte >= 48 && byte <= 57)
    const after = number ? scan.number(at) : scan.word(at)
    if (after < 0) return after
    const { kind } = slot.type
    if (number ? kind === 'bytea' || kind === 'uuid' || kind === 'interval' : kind !== 'boolean' && !isText(slot)) {
      return this.#mismatch(slot, at)
    }
    return this.#text(slot, row, bytes, at, after, false) ? after : -1
  }

  #text(slot: Slot, row: number, bytes: Uint8Array, start: number, end: number, inArena: boolean): boolean {
    const done = this.#texts.set(slot, row, bytes, start, end, inArena)
    if (!done) this.scan.reason = this.#texts.reason
    return done
  }

  #mismatch(slot: Slot, at: number): -1 {
    const { scan } = this
    const after = scan.skip(at)
    if (after < 0) return -1
    const text = decodeUtf8(scan.bytes, at, Math.min(after, at + 60)) + (after > at + 60 ? '…' : '')
    const kind = valueKind(scan.bytes[at])
    scan.reason = `column "${slot.name}": expected ${typeName(slot.type)}, found ${kind} ${text}`
    return -1
  }

  #json(slot: Slot, row: number, at: number): number {
    const { scan } = this
    const after = scan.skip(at)
    if (after < 0) return after
    const text = canonicalJson(decodeUtf8(scan.bytes, at, after))
    if (text === undefined) {
      scan.reason = `column "${slot.name}": jsonb cannot hold NUL or half a surrogate pair`
      return -1
    }
    const made = encodeUtf8(text)
    const start = scan.arena.copy(made, 0, made.length)
    slot.setText(row, ~start, scan.arena.end)
    return after
  }

  /** Arrays, rows (by field name) and maps. */
  #nested(slot: Slot, row: number, at: number): number {
    const { scan } = this
    const { type, children } = slot
    const opening = type.kind === 'array' ? 91 : 123
    if (scan.bytes[at] !== opening) return this.#mismatch(slot, at)
    if (++this.#depth > JSON_DEPTH_MAX) return scan.tooDeep()
    const values: Datum[] = []
    let after: number
    if (type.kind === 'array') {
      after = this.#elements(at, start => {
        const end = this.value(children[0], 0, start)
        if (end >= 0) values.push(children[0].datum(0, scan.bytes, scan.arena.bytes))
        return end
      })
    } else if (type.kind === 'row') {
      for (const _ of children) values.push(null)
      after = this.#members(at, (key, start) => {
        const index = type.fields.findIndex(f => f.name === key)
        if (index < 0) return scan.skip(start)
        const end = this.value(children[index], 0, start)
        if (end >= 0) values[index] = children[index].datum(0, scan.bytes, scan.arena.bytes)
        return end
      })
    } else {
      const entries = new Map<string, Datum>()
      after = this.#members(at, (key, start) => {
        const end = this.value(children[1], 0, start)
        if (end >= 0) entries.set(key, children[1].datum(0, scan.bytes, scan.arena.bytes))
        return end
      })
      if (after >= 0) {
        for (const [key, value] of entries) {
          const text = encodeUtf8(key)
          if (!this.#text(children[0], 0, text, 0, text.length, false)) return -1
          values.push([children[0].datum(0, text, scan.arena.bytes), value])
        }
      }
    }
    if (after >= 0) slot.boxed[row] = values
    return after
  }

  /** Each key and value of the object that opens at `open`. */
  #members(open: number, member: (key: string, at: number) => number): number {
    const { scan } = this
    const { bytes, end } = scan
    let at = scan.space(open + 1)
    if (at < end && bytes[at] === 125) {
      this.#depth--
      return at + 1
    }
    for (;;) {
      if (at >= end || bytes[at] !== 34) return scan.fail(at, 'key expected')
      at = scan.string(at)
      if (at < 0) return at
      const key = decodeUtf8(scan.textInArena ? scan.arena.bytes : bytes, scan.textStart, scan.textEnd)
      at = scan.colon(at)
      if (at < 0) return at
      at = scan.space(at)
      if (at >= end) return scan.fail(at, '')
      at = member(key, at)
      if (at < 0) return at
      at = scan.space(at)
      if (at < end && bytes[at] === 44) at = scan.space(at + 1)
      else if (at < end && bytes[at] === 125) {
        this.#depth--
        return at + 1
      } else return scan.fail(at, 'comma or } expected')
    }
  }
}

function isText(slot: Slot): boolean {
  const { kind } = slot.type
  return kind === 'text' || kind === 'varchar' || kind === 'unknown'
}

function valueKind(byte: number): string | undefined {
  if (byte === 123) return 'an object'
  if (byte === 91) return 'an array'
  if (byte === 34) return 'a string'
  if (byte === 116 || byte === 102) return 'a boolean'
  if (byte === 110) return 'null'
  return byte === 45 || (byte >= 48 && byte <= 57) ? 'a number' : undefined
}
