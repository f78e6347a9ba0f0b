import { EngineError } from '../base/errors.ts'

/** How COPY's rows are written; the characters are ASCII. */
export interface CopySyntax {
  readonly kind: 'text' | 'csv'
  readonly delimiter: string
  readonly nullText: string
  readonly quote: string
  readonly escape: string
  /** CSV: fields that NULL's text does not make NULL, and those that it does although quoted. */
  readonly notNull: (field: number) => boolean
  readonly nullQuoted: (field: number) => boolean
}

/** A row and the line that it begins in, from 1. */
export interface CopyRow {
  readonly line: number
  /** null for NULL. */
  readonly fields: readonly (string | null)[]
}

/** A row longer than this is a quote that never ends, or no text at all. */
const ROW_CHARACTERS_MAX = 16 * 1024 * 1024

const LETTERS: Readonly<Record<string, string | undefined>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' }

/**
 * Text to rows as Postgres' COPY FROM reads it, however it is cut into pieces: `push` answers the rows that are whole. Lines end as the first one does in Postgres;
 * here each may end with \n or \r\n. A line `\.` ends the data.
 */
export class CopyRows {
  readonly #syntax: CopySyntax
  readonly #decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false })
  #rest = ''
  /** Where in #rest the search for the end of its row goes on, and whether that is inside quotes: a long row is looked through once. */
  #searched = 0
  #quoted = false
  #line = 1
  #ended = false

  constructor(syntax: CopySyntax) {
    this.#syntax = syntax
  }

  push(bytes: Uint8Array): CopyRow[] {
    return this.#take(this.#decode(bytes), false)
  }

  /** The rest: a last line without its end. */
  finish(): CopyRow[] {
    const rows = this.#take(this.#decode(undefined), true)
    if (this.#quoted) throw new EngineError('22P04', 'unterminated CSV quoted field')
    return rows
  }

  #decode(bytes: Uint8Array | undefined): string {
    try {
      return bytes ? this.#decoder.decode(bytes, { stream: true }) : this.#decoder.decode()
    } catch (cause) {
      throw new EngineError('22021', 'invalid byte sequence for encoding "UTF8"', { cause })
    }
  }

  #take(text: string, last: boolean): CopyRow[] {
    if (this.#ended) return []
    this.#rest += text
    const rows: CopyRow[] = []
    let start = 0
    for (;;) {
      const end = this.#rowEnd()
      const whole = end >= 0
      if (!whole && !(last && start < this.#rest.length && !this.#quoted)) break
      const stop = whole ? end : this.#rest.length
      const line = this.#rest.slice(start, this.#rest[stop - 1] === '\r' && stop > start ? stop - 1 : stop)
      start = whole ? end + 1 : stop
      if (line === '\\.') {
        this.#ended = true
        break
      }
      rows.push({ line: this.#line, fields: this.#syntax.kind === 'text' ? this.#textRow(line) : this.#csvRow(line) })
      this.#line += line.split('\n').length
      if (!whole) break
    }
    this.#rest = this.#ended ? '' : this.#rest.slice(start)
    this.#searched -= start
    if (this.#rest.length > ROW_CHARACTERS_MAX)
      throw new EngineError('54000', `a row of more than ${ROW_CHARACTERS_MAX} characters`)
    return rows
  }

  /** The next line end that ends a row, from where the search stopped; −1 when it has not come yet. */
  #rowEnd(): number {
    const { kind, quote } = this.#syntax
    const escaping = this.#syntax.escape
    if (kind === 'text') {
      for (let from = this.#searched; ; ) {
        const end = this.#rest.indexOf('\n', from)
        if (end < 0) {
          this.#searched = Math.max(from, this.#rest.length)
          return -1
        }
        from = end + 1
        // A backslash before it makes it part of the value; two are a backslash.
        let slashes = 0
        while (this.#rest[end - 1 - slashes] === '\\') slashes++
        if (slashes % 2 === 0) {
          this.#searched = from
          return end
        }
      }
    }
    let at = this.#searched
    for (; at < this.#rest.length; at++) {
      const c = this.#rest[at]
      if (this.#quoted && c === escaping && escaping !== quote) {
        if (at + 1 === this.#rest.length) break // what it escapes has not come yet
        const next = this.#rest[at + 1]
        if (next === quote || next === escaping) at++
      } else if (c === quote) this.#quoted = !this.#quoted
      else if (c === '\n' && !this.#quoted) {
        this.#searched = at + 1
        return at
      }
    }
    this.#searched = at
    return -1
  }

  #textRow(line: string): CopyRow['fields'] {
    const { delimiter, nullText } = this.#syntax
    if (!line.includes('\\')) return line.split(delimiter).map(field => (field === nullText ? null : field))
    const fields: (string | null)[] = []
    let start = 0
    for (let at = 0; start <= line.length; at++) {
      if (line[at] === '\\') at++
      else if (at >= line.length || line[at] === delimiter) {
        const field = line.slice(start, at)
        fields.push(field === nullText ? null : unescaped(field))
        start = at + 1
      }
    }
    return fields
  }

  #csvRow(line: string): CopyRow['fields'] {
    const { delimiter, quote, nullText, notNull, nullQuoted } = this.#syntax
    const escaping = this.#syntax.escape
    const fields: (string | null)[] = []
    let at = 0
    for (;;) {
      let value = ''
      let wasQuoted = false
      let inside = false
      for (; at < line.length; at++) {
        const c = line[at]
        if (inside && c === escaping && (line[at + 1] === quote || line[at + 1] === escaping)) value += line[++at]
        else if (c === quote) {
          inside = !inside
          wasQuoted = true
        } else if (c === delimiter && !inside) break
        else value += c
      }
      const n = fields.length
      const isNull = value === nullText && (wasQuoted ? nullQuoted(n) : !notNull(n))
      fields.push(isNull ? null : value)
      if (at >= line.length) return fields
      at++
    }
  }
}

/** \t, \N's letters aside: octal, hexadecimal and single characters after a backslash. Bytes above 127 given so are Latin-1 characters. */
function unescaped(field: string): string {
  if (!field.includes('\\')) return field
  return field.replace(/\\(?:([0-7]{1,3})|x([0-9a-fA-F]{1,2})|([\s\S]))/g, (_, octal, hex, character) => {
    if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8) & 0xff)
    if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16))
    return LETTERS[character] ?? character
  })
}
