import { EngineError } from '../base/errors.ts'
import { decodeUtf8, encodeUtf8 } from '../batch/column.ts'
import type { Arena } from './arena.ts'
import { pathTree } from './json-path.ts'
import { JsonReader } from './json-reader.ts'
import type { ValueReader, Verdict } from './row-decoder.ts'
import type { Slot } from './slot.ts'
import type { TextReader } from './text-reader.ts'
import { textFault } from './utf8.ts'

/** A column of a CSV record. */
export interface CsvColumn {
  readonly slot: Slot
  /** Name of its field in the header. */
  readonly field: string
  /** Field number from 0 where there is no header. */
  readonly position: number
}

/** Ways in which CSV differs. */
export interface CsvOptions {
  readonly delimiter: string
  readonly header: 'true' | 'false' | 'auto'
  /** An unquoted field of this text is NULL. */
  readonly nullText: string
  /** Any of these in a partition's first record makes that a header, when `header` is `auto`. */
  readonly names: readonly string[]
}

/** Where a partition's fields are. */
interface Layout {
  /** Field number of each column; −1: the header does not name it. */
  readonly positions: readonly number[]
  /** Undefined without a header. */
  readonly names: readonly string[] | undefined
}

const QUOTE = 34

/**
 * CSV by RFC 4180, and as found: quoted and unquoted fields mixed, spaces kept, empty lines passed over, a header with one name fewer
 * than the records have fields (then the first field is a row number without a name). The header is the first record of each
 * partition: who starts in the middle of a file gives its first record again.
 */
export class CsvReader implements ValueReader {
  reason = ''
  readonly #columns: readonly CsvColumn[]
  readonly #options: CsvOptions
  readonly #texts: TextReader
  readonly #arena: Arena
  readonly #json: JsonReader
  readonly #delimiter: number
  readonly #nullText: Uint8Array
  readonly #layouts = new Map<string, Layout>()
  #partition = ''
  #layout: Layout | undefined
  /** Start, end and kind (0 plain, 1 quoted, 2 quoted and in the arena) of the record's fields. */
  #fields = new Int32Array(48)
  #count = 0

  constructor(columns: readonly CsvColumn[], options: CsvOptions, texts: TextReader, arena: Arena) {
    this.#columns = columns
    this.#options = options
    this.#texts = texts
    this.#arena = arena
    this.#json = new JsonReader(pathTree([]).root, [], [], texts, arena)
    this.#delimiter = delimiterByte(options.delimiter)
    this.#nullText = encodeUtf8(options.nullText)
  }

  partition(name: string): void {
    this.#partition = name
    this.#layout = this.#layouts.get(name)
  }

  read(bytes: Uint8Array, start: number, end: number, row: number): Verdict {
    if (end > start && bytes[end - 1] === 10) end--
    if (end > start && bytes[end - 1] === 13) end--
    if (start === end) return 'none'
    if (!this.#split(bytes, start, end)) return 'bad'
    if (this.#layout === undefined) {
      this.#layout = this.#layoutOf(bytes)
      this.#layouts.set(this.#partition, this.#layout)
      if (this.#layout.names) return 'none'
    }
    const { positions, names } = this.#layout
    const shift = names && this.#count === names.length + 1 ? 1 : 0
    if (names && this.#count - shift !== names.length) {
      return this.#fail(`${this.#count} fields where the header names ${names.length}`)
    }
    for (let i = 0; i < positions.length; i++) {
      const { slot, field } = this.#columns[i]
      if (positions[i] < 0) return this.#fail(`column "${slot.name}": the header has no "${field}"`)
      if (!this.#set(slot, row, bytes, positions[i] + shift)) return 'bad'
    }
    return 'row'
  }

  /** From the partition's first record. */
  #layoutOf(bytes: Uint8Array): Layout {
    const found = Array.from({ length: this.#count }, (_, i) => this.#text(bytes, i).trim())
    const folded = found.map(f => f.toLowerCase())
    const { header } = this.#options
    const isHeader =
      header === 'auto' ? this.#options.names.some(n => folded.includes(n.toLowerCase())) : header === 'true'
    if (!isHeader) return { positions: this.#columns.map(c => c.position), names: undefined }
    const positions = this.#columns.map(({ field }) => {
      const exact = found.indexOf(field)
      return exact >= 0 ? exact : folded.indexOf(field.toLowerCase())
    })
    return { positions, names: found }
  }

  #set(slot: Slot, row: number, bytes: Uint8Array, field: number): boolean {
    if (field >= this.#count) {
      this.#fail(`column "${slot.name}" is field ${field + 1}, and there are ${this.#count}`)
      return false
    }
    const [start, end, kind] = [this.#fields[3 * field], this.#fields[3 * field + 1], this.#fields[3 * field + 2]]
    if (kind === 0 && this.#isNull(bytes, start, end)) {
      slot.setNull(row)
      return true
    }
    const from = kind === 2 ? this.#arena.bytes : bytes
    const fault = textFault(from, start, end)
    if (fault !== undefined) {
      this.#fail(`column "${slot.name}": ${fault}`)
      return false
    }
    if (slot.children.length > 0) return this.#setNested(slot, row, from, start, end)
    const done = this.#texts.set(slot, row, from, start, end, kind === 2)
    if (!done) this.reason = this.#texts.reason
    return done
  }

  /** Arrays, rows and maps are written as JSON. */
  #setNested(slot: Slot, row: number, bytes: Uint8Array, start: number, end: number): boolean {
    const done = this.#json.readAlone(slot, bytes, start, end, row)
    if (!done) this.#fail(`column "${slot.name}": ${this.#json.reason}`)
    return done
  }

  #isNull(bytes: Uint8Array, start: number, end: number): boolean {
    const text = this.#nullText
    if (end - start !== text.length) return false
    for (let i = 0; i < text.length; i++) if (text[i] !== bytes[start + i]) return false
    return true
  }

  /** Finds the fields of the record. */
  #split(bytes: Uint8Array, start: number, end: number): boolean {
    const delimiter = this.#delimiter
    let at = start
    let count = 0
    for (;;) {
      if (3 * count === this.#fields.length) this.#growFields()
      if (at < end && bytes[at] === QUOTE) {
        at = this.#quotedField(bytes, at, end, count)
        if (at < 0) return false
      } else {
        const from = at
        while (at < end && bytes[at] !== delimiter) at++
        this.#setField(count, from, at, 0)
      }
      count++
      if (at === end) break
      at++
    }
    this.#count = count
    return true
  }

  #quotedField(bytes: Uint8Array, open: number, end: number, field: number): number {
    let from = open + 1
    let at = from
    let copied = -1
    for (;;) {
      while (at < end && bytes[at] !== QUOTE) at++
      if (at >= end) {
        this.#fail(`field ${field + 1}: the quote is not closed`)
        return -1
      }
      if (at + 1 >= end || bytes[at + 1] !== QUOTE) break
      // A doubled quote stands for one.
      const start = this.#arena.copy(bytes, from, at + 1)
      if (copied < 0) copied = start
      at += 2
      from = at
    }
    if (at + 1 < end && bytes[at + 1] !== this.#delimiter) {
      this.#fail(`field ${field + 1}: a delimiter must follow the closing quote`)
      return -1
    }
    if (copied < 0) this.#setField(field, from, at, 1)
    else {
      this.#arena.copy(bytes, from, at)
      this.#setField(field, copied, this.#arena.end, 2)
    }
    return at + 1
  }

  #setField(field: number, start: number, end: number, kind: number): void {
    this.#fields[3 * field] = start
    this.#fields[3 * field + 1] = end
    this.#fields[3 * field + 2] = kind
  }

  #growFields(): void {
    const fields = new Int32Array(2 * this.#fields.length)
    fields.set(this.#fields)
    this.#fields = fields
  }

  #fail(reason: string): Verdict {
    this.reason = reason
    return 'bad'
  }

  #text(bytes: Uint8Array, field: number): string {
    const from = this.#fields[3 * field + 2] === 2 ? this.#arena.bytes : bytes
    return decodeUtf8(from, this.#fields[3 * field], this.#fields[3 * field + 1])
  }
}

/** The byte of a delimiter option; `\t` is a tab. Throws EngineError 22023. */
export function delimiterByte(delimiter: string): number {
  const bytes = encodeUtf8(delimiter === '\\t' ? '\t' : delimiter)
  if (bytes.length === 1 && bytes[0] !== QUOTE && bytes[0] !== 10 && bytes[0] !== 13) return bytes[0]
  throw new EngineError('22023', `invalid delimiter "${delimiter}"`, { hint: 'Give one character: , ; | or a tab.' })
}
