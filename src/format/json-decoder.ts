import { MICROS_PER_DAY } from '../batch/civil.ts'
import { parseDouble } from '../batch/parse-number.ts'
import { TimeReader } from '../batch/parse-time.ts'
import type { Arena } from './arena.ts'
import { compileShape, type Fallback, type ShapeParser } from './json-compile.ts'
import type { LooseChild, PathNode } from './json-path.ts'
import { JsonReader } from './json-reader.ts'
import { numberEnd } from './json-scan.ts'
import { shapeKey, shapeOf } from './json-shape.ts'
import { endOfLineIn, type LineCursor, withoutReturn } from './lines.ts'
import type { ValueReader, Verdict } from './row-decoder.ts'
import type { Slot } from './slot.ts'
import type { TextReader } from './text-reader.ts'

/** A topic has few producers, so few shapes; a document of none of them goes the general way. */
const SHAPES_MAX = 4
/** After a shape was learnt, so many documents go the general way before the next one is; doubles up to the maximum. */
const PATIENCE_MIN = 2
const PATIENCE_MAX = 65536

/** Reads JSON records: by a parser generated for the shape of the last ones, else by the general reader, whose verdict is the only one. */
export class JsonDecoder implements ValueReader {
  readonly #root: PathNode
  readonly #loose: readonly LooseChild[]
  readonly #slots: readonly Slot[]
  readonly #reader: JsonReader
  readonly #fallback: Fallback
  /** The one that matched last comes first. */
  #first: ShapeParser | undefined
  readonly #shapes: { readonly key: string; readonly parser: ShapeParser }[] = []
  #bytes: Uint8Array = new Uint8Array(0)
  #view: DataView = new DataView(new ArrayBuffer(0))
  #patience = 0
  #patienceNext = PATIENCE_MIN

  constructor(root: PathNode, loose: readonly LooseChild[], slots: readonly Slot[], texts: TextReader, arena: Arena) {
    this.#root = root
    this.#loose = loose
    this.#slots = slots
    this.#reader = new JsonReader(root, loose, slots, texts, arena)
    this.#fallback = fallbackOf(this.#reader)
  }

  get reason(): string {
    return this.#reader.reason
  }

  read(bytes: Uint8Array, start: number, end: number, row: number): Verdict {
    const first = this.#first
    if (first === undefined) return this.#general(bytes, start, end, row)
    const view = this.#viewOf(bytes)
    return first.one(bytes, view, start, end, row) ? 'row' : this.#others(bytes, view, start, end, row)
  }

  lines(bytes: Uint8Array, end: number, rowMax: number, cursor: LineCursor): void {
    const view = this.#viewOf(bytes)
    while (cursor.at < end && cursor.row < rowMax) {
      this.#first?.lines(bytes, view, end, rowMax, cursor)
      const { at, row } = cursor
      if (at === end || row === rowMax) return
      const lineEnd = endOfLineIn(view, at, end)
      const recordEnd = withoutReturn(bytes, at, lineEnd)
      if (recordEnd > at) {
        if (this.#others(bytes, view, at, recordEnd, row) !== 'row') return
        cursor.row++
      }
      cursor.at = lineEnd + 1
    }
  }

  #viewOf(bytes: Uint8Array): DataView {
    if (bytes !== this.#bytes) {
      this.#bytes = bytes
      this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    }
    return this.#view
  }

  /** What the first shape's parser has given up. */
  #others(bytes: Uint8Array, view: DataView, start: number, end: number, row: number): Verdict {
    for (let i = 1; i < this.#shapes.length; i++) {
      this.#forget(row)
      const shape = this.#shapes[i]
      if (!shape.parser.one(bytes, view, start, end, row)) continue
      this.#shapes.splice(i, 1)
      this.#lead(shape)
      return 'row'
    }
    this.#forget(row)
    return this.#general(bytes, start, end, row)
  }

  /** What a parser that gave up has set. */
  #forget(row: number): void {
    for (const slot of this.#slots) if (slot.storage !== 'boxed') slot.valid[row] = 1
  }

  #lead(shape: { readonly key: string; readonly parser: ShapeParser }): void {
    this.#shapes.unshift(shape)
    this.#first = shape.parser
  }

  #general(bytes: Uint8Array, start: number, end: number, row: number): Verdict {
    const verdict = this.#reader.read(bytes, start, end, row)
    if (verdict === 'row' && --this.#patience < 0) this.#learn()
    return verdict
  }

  /** From the document just read. */
  #learn(): void {
    this.#patience = this.#patienceNext
    this.#patienceNext = Math.min(2 * this.#patienceNext, PATIENCE_MAX)
    const shape = shapeOf(this.#reader.scan, this.#root, this.#loose)
    if (shape === undefined) return
    const key = shapeKey(shape)
    if (this.#shapes.some(s => s.key === key)) return
    if (this.#shapes.length === SHAPES_MAX) this.#shapes.pop()
    this.#lead({ key, parser: compileShape(shape, this.#fallback) })
  }
}

function fallbackOf(reader: JsonReader): Fallback {
  const { scan } = reader
  const clock = new IsoClock()
  return {
    enter: (bytes, start, end, row) => reader.enter(bytes, start, end, row),
    enterLine: (bytes, view, start, at, end, row) =>
      reader.enter(bytes, start, withoutReturn(bytes, start, endOfLineIn(view, at, end)), row),
    value: (slot, row, at) => reader.value(slot, row, at),
    visit: (node, at) => reader.visit(node, at),
    skip: at => scan.skip(at),
    timestamp(slot, row, bytes, at, end) {
      const after = clock.read(bytes, at, end)
      if (after < 0) return after
      const high = Math.floor(clock.micros / 4294967296)
      slot.ints[2 * row] = clock.micros - high * 4294967296
      slot.ints[2 * row + 1] = high
      return after
    },
    longDouble(slot, row, bytes, at, end) {
      if (slot.type.kind === 'real') return -1
      const after = numberEnd(bytes, at, end)
      const value = after < 0 ? undefined : parseDouble(bytes, at, after)
      if (value === undefined || Math.abs(value) > Number.MAX_VALUE) return -1
      slot.doubles[row] = value
      return after
    },
  }
}

/** Reads the common spellings of an instant in a JSON string; remembers the day, which records share. */
class IsoClock {
  /** Since 1970 UTC, within ±2^53. */
  micros = 0
  readonly #reader = new TimeReader()
  readonly #day = new Uint8Array(10)
  #dayMicros = 0

  /** `"2026-02-03T04:05:06.789Z"` at its opening quote; −1: another spelling. */
  read(bytes: Uint8Array, at: number, end: number): number {
    if (at + 21 > end || bytes[at] !== 34) return -1
    const first = at + 1
    const day = this.#day
    for (let i = 0; i < 10; i++) if (day[i] !== bytes[first + i]) return this.#newDay(bytes, at, end)
    const separator = bytes[first + 10]
    if ((separator !== 84 && separator !== 32) || bytes[first + 13] !== 58 || bytes[first + 16] !== 58) return -1
    const hour = pair(bytes, first + 11)
    const minute = pair(bytes, first + 14)
    const second = pair(bytes, first + 17)
    if (hour < 0 || minute < 0 || second < 0 || hour > 23 || minute > 59 || second > 59) return -1
    let i = first + 19
    let fraction = 0
    if (bytes[i] === 46) {
      let unit = 100_000
      const digits = ++i
      while (i < end && unit >= 1 && bytes[i] >= 48 && bytes[i] <= 57) {
        fraction += unit * (bytes[i++] - 48)
        unit = unit === 1 ? 0 : unit / 10
      }
      if (i === digits) return -1
    }
    if (i < end && bytes[i] === 90) i++
    if (i >= end || bytes[i] !== 34) return -1
    this.micros = this.#dayMicros + ((hour * 60 + minute) * 60 + second) * 1_000_000 + fraction
    return i + 1
  }

  #newDay(bytes: Uint8Array, at: number, end: number): number {
    const first = at + 1
    if (!this.#reader.read(bytes, first, first + 10)) return -1
    const micros = this.#reader.days * MICROS_PER_DAY
    // Far years are not exact in a double.
    if (!Number.isSafeInteger(micros + MICROS_PER_DAY) || !Number.isSafeInteger(micros)) return -1
    this.#dayMicros = micros
    this.#day.set(bytes.subarray(first, first + 10))
    return this.read(bytes, at, end)
  }
}

function pair(bytes: Uint8Array, at: number): number {
  const tens = bytes[at] - 48
  const ones = bytes[at + 1] - 48
  return tens >>> 0 <= 9 && ones >>> 0 <= 9 ? tens * 10 + ones : -1
}
