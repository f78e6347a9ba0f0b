import { assert } from '../base/assert.ts'
import { EngineError } from '../base/errors.ts'
import { endOfLine, withoutReturn } from './lines.ts'

/** How a file is cut into records. */
export type SplitMode = 'lines' | 'csv'

const LF = 10
const QUOTE = 34

/**
 * Finds the whole records in a stream of bytes: lines, or CSV records, whose quoted fields may hold line ends. Give it blocks, each
 * with the last `rest` bytes of the one before in front. `lines`: the byte 10 ends one, a 13 before it belongs to the end; the last may lack it.
 */
export class RecordSplitter {
  /** Where the records just found are. */
  bytes: Uint8Array = new Uint8Array(0)
  /** Position in the stream of bytes[0]. */
  base: number
  /** Whole records, each with its line end, lie in bytes[start … end). */
  start = 0
  end = 0
  /** So many bytes behind them are the beginning of a record whose end has not come. */
  rest = 0
  /** After `cut`: record i lies at [bounds[2i], bounds[2i + 1]), without its line end. */
  bounds = new Int32Array(512)
  count = 0
  /** Bytes of the stream up to the end of the last whole record: a restart goes on there. */
  position: number
  readonly #csv: boolean
  readonly #delimiter: number
  readonly #recordMax: number

  constructor(
    mode: SplitMode,
    options: { readonly position?: number; readonly recordMax?: number; readonly delimiter?: number } = {},
  ) {
    this.#csv = mode === 'csv'
    this.position = this.base = options.position ?? 0
    this.#recordMax = options.recordMax ?? 64 * 1024 * 1024
    this.#delimiter = options.delimiter ?? 44
  }

  /** Finds the whole records in `bytes`, the rest and a block. They are good as long as nobody touches the bytes. */
  push(bytes: Uint8Array): void {
    this.#begin(bytes)
    this.end = this.#csv ? this.#csvRecords() : bytes.lastIndexOf(LF) + 1
    // A mark alone is no record.
    if (this.end < this.start) this.start = this.end = 0
    this.position += this.end
    this.rest = bytes.length - this.end
    if (this.rest > this.#recordMax) {
      const hint = this.#csv ? 'Is a quote left open?' : 'Are the records separated by line ends?'
      throw new EngineError('54000', `a record is longer than ${this.#recordMax} bytes at byte ${this.position}`, {
        hint,
      })
    }
  }

  /** The stream has ended: the last record, if it had no line end, gets one. `given`: the rest. */
  finish(given: Uint8Array): void {
    const { rest } = this
    assert(given.length === rest, 'not the rest')
    const bytes = new Uint8Array(rest + 1)
    bytes.set(given)
    bytes[rest] = LF
    this.#begin(bytes)
    this.end = rest === 0 ? this.start : rest + 1
    if (this.#csv && rest > 0) this.#add(this.start, withoutReturn(bytes, this.start, rest))
    this.position += rest
    this.rest = 0
  }

  /** Nothing new has come. */
  clear(): void {
    this.start = this.end
    this.count = 0
  }

  /** Fills `bounds` with the records found last. */
  cut(): void {
    if (this.#csv) return // `push` could not find where they end otherwise
    for (let at = this.start; at < this.end; ) {
      const lineEnd = endOfLine(this.bytes, at, this.end)
      this.#add(at, withoutReturn(this.bytes, at, lineEnd))
      at = lineEnd + 1
    }
  }

  #begin(bytes: Uint8Array): void {
    this.bytes = bytes
    this.base = this.position
    this.count = 0
    // A file may begin with a byte order mark.
    this.start = this.position === 0 && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0
  }

  /** Answers where the last whole record ends. */
  #csvRecords(): number {
    for (let at = this.start; ; ) {
      const end = this.#csvEnd(at)
      if (end < 0) return this.count === 0 ? 0 : at
      this.#add(at, withoutReturn(this.bytes, at, end))
      at = end + 1
    }
  }

  /** A quote opens a quoted field only at the field's beginning; elsewhere it is a character like others. */
  #csvEnd(start: number): number {
    const { bytes } = this
    const { length } = bytes
    let at = start
    while (at < length) {
      if (bytes[at] === QUOTE) {
        for (;;) {
          at = bytes.indexOf(QUOTE, at + 1)
          if (at < 0) return -1
          if (at + 1 < length && bytes[at + 1] === QUOTE) at++
          else break
        }
      }
      while (at < length && bytes[at] !== this.#delimiter && bytes[at] !== LF) at++
      if (at < length && bytes[at] === LF) return at
      at++
    }
    return -1
  }

  #add(start: number, end: number): void {
    if (2 * this.count === this.bounds.length) {
      const bounds = new Int32Array(2 * this.bounds.length)
      bounds.set(this.bounds)
      this.bounds = bounds
    }
    this.bounds[2 * this.count] = start
    this.bounds[2 * this.count + 1] = end
    this.count++
  }
}
