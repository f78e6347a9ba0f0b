import { EngineError } from '../base/errors.ts'
import { grownCapacity } from '../base/grow.ts'

/** How a file is cut into records. */
export type SplitMode = 'lines' | 'csv'

const LF = 10
const CR = 13
const QUOTE = 34

/**
 * Cuts a stream of bytes into records: lines, or CSV records, whose quoted fields may hold line ends. Give it blocks; take whole
 * records. `lines`: the byte 10 ends one, a 13 before it belongs to the end; the last may lack it. The bytes of a record that spans
 * blocks are joined in a buffer of the splitter's own; others stay where they are.
 */
export class RecordSplitter {
  /** Where the records just found are: the block given, or a joined buffer. */
  bytes: Uint8Array = new Uint8Array(0)
  /** Position in the stream of bytes[0]. */
  base: number
  /** Record i lies at [bounds[2i], bounds[2i + 1]) of `bytes`, without its line end. */
  bounds = new Int32Array(512)
  count = 0
  /** Bytes of the stream up to the end of the last whole record: a restart goes on there. */
  position: number
  readonly #csv: boolean
  readonly #delimiter: number
  readonly #recordMax: number
  /** The beginning of a record whose end has not come. */
  #rest: Uint8Array = new Uint8Array(0)
  /** The rest and a block; used again, because a fresh one a block keeps the garbage collector busy. */
  #joined = new Uint8Array(0)

  constructor(
    mode: SplitMode,
    options: { readonly position?: number; readonly recordMax?: number; readonly delimiter?: number } = {},
  ) {
    this.#csv = mode === 'csv'
    this.position = this.base = options.position ?? 0
    this.#recordMax = options.recordMax ?? 64 * 1024 * 1024
    this.#delimiter = options.delimiter ?? 44
  }

  /** Finds the whole records in what is left over and `block`. They are good until the next push, if `block` stays untouched. */
  push(block: Uint8Array): void {
    let bytes = block
    const rest = this.#rest
    if (rest.length > 0) {
      const length = rest.length + block.length
      if (this.#joined.length < length) this.#joined = new Uint8Array(grownCapacity(this.#joined.length, length))
      bytes = this.#joined.subarray(0, length)
      bytes.set(rest)
      bytes.set(block, rest.length)
    }
    this.base = this.position
    const done = this.#scan(bytes)
    // A copy: the block's memory is the caller's, and a Buffer's `slice` would share it.
    this.#rest = new Uint8Array(bytes.subarray(done))
    this.position += done
    if (this.#rest.length > this.#recordMax) {
      const hint = this.#csv ? 'Is a quote left open?' : 'Are the records separated by line ends?'
      throw new EngineError('54000', `a record is longer than ${this.#recordMax} bytes at byte ${this.position}`, {
        hint,
      })
    }
  }

  /** The stream has ended: the last record, if it had no line end. */
  finish(): void {
    const bytes = this.#rest
    this.bytes = bytes
    this.base = this.position
    this.count = 0
    if (bytes.length === 0) return
    this.#add(this.#afterMark(bytes), bytes.length)
    this.position += bytes.length
    this.#rest = bytes.subarray(0, 0)
  }

  /** Answers where the last whole record ends. */
  #scan(bytes: Uint8Array): number {
    this.bytes = bytes
    this.count = 0
    let start = this.#afterMark(bytes)
    const first = start
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    for (;;) {
      const end = this.#csv ? this.#csvEnd(bytes, start) : lineEnd(view, start, bytes.length)
      if (end < 0) return start === first ? 0 : start
      this.#add(start, end)
      start = end + 1
    }
  }

  /** The first byte after a byte order mark, which a file may begin with. */
  #afterMark(bytes: Uint8Array): number {
    return this.position === 0 && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0
  }

  /** A quote opens a quoted field only at the field's beginning; elsewhere it is a character like others. */
  #csvEnd(bytes: Uint8Array, start: number): number {
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
    this.bounds[2 * this.count + 1] = end > start && this.bytes[end - 1] === CR ? end - 1 : end
    this.count++
  }
}

/** Index of the next line feed, −1 when there is none. Four bytes a step: in ((x − 1…) & ~x) the lowest high bit marks the first zero byte. */
function lineEnd(view: DataView, start: number, length: number): number {
  let at = start
  for (; at + 4 <= length; at += 4) {
    const x = view.getInt32(at, true) ^ 0x0a0a0a0a
    const found = (x - 0x01010101) & ~x & 0x80808080
    if (found !== 0) return at + ((31 - Math.clz32(found & -found)) >> 3)
  }
  for (; at < length; at++) if (view.getUint8(at) === LF) return at
  return -1
}
