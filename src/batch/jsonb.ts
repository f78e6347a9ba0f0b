import { EngineError } from '../base/errors.ts'
import { encodeUtf8 } from './column.ts'
import { formatDecimal, parseDecimal } from './numeric.ts'

/** How deep arrays and objects may be nested, everywhere JSON is read. */
export const JSON_DEPTH_MAX = 512

const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y
// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON forbids them in strings
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y
const SPACE = /[ \t\n\r]*/y

/**
 * The text that stands for a jsonb value, as Postgres prints it: a space after `:` and `,`, keys by length then bytes, the last of
 * equal keys, numbers as exact decimals without exponents. Equal values have equal texts. Undefined: no JSON, nested more than
 * JSON_DEPTH_MAX deep, or with characters no text can hold (NUL, half a surrogate pair).
 */
export function canonicalJson(text: string): string | undefined {
  const reader = new Reader(text)
  try {
    const value = reader.value(0)
    return value !== undefined && reader.atEnd() ? value : undefined
  } catch (error) {
    if (error instanceof EngineError) return undefined // a number beyond numeric's limits
    throw error
  }
}

class Reader {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  atEnd(): boolean {
    return this.#peek() === ''
  }

  value(depth: number): string | undefined {
    if (depth > JSON_DEPTH_MAX) return undefined
    switch (this.#peek()) {
      case '{':
        return this.#object(depth)
      case '[':
        return this.#array(depth)
      case '"': {
        const text = this.#string()
        return text === undefined ? undefined : JSON.stringify(text)
      }
      case 't':
        return this.#word('true')
      case 'f':
        return this.#word('false')
      case 'n':
        return this.#word('null')
      default:
        return this.#number()
    }
  }

  #object(depth: number): string | undefined {
    const entries = new Map<string, string>()
    this.#at++
    if (this.#take('}')) return '{}'
    for (;;) {
      if (this.#peek() !== '"') return undefined
      const key = this.#string()
      if (key === undefined || !this.#take(':')) return undefined
      const value = this.value(depth + 1)
      if (value === undefined) return undefined
      entries.set(key, value)
      if (this.#take(',')) continue
      if (!this.#take('}')) return undefined
      const keys = [...entries.keys()].map(k => ({ key: k, bytes: encodeUtf8(k) }))
      keys.sort((a, b) => a.bytes.length - b.bytes.length || Buffer.compare(a.bytes, b.bytes))
      return `{${keys.map(k => `${JSON.stringify(k.key)}: ${entries.get(k.key)}`).join(', ')}}`
    }
  }

  #array(depth: number): string | undefined {
    const values: string[] = []
    this.#at++
    if (this.#take(']')) return '[]'
    for (;;) {
      const value = this.value(depth + 1)
      if (value === undefined) return undefined
      values.push(value)
      if (this.#take(',')) continue
      return this.#take(']') ? `[${values.join(', ')}]` : undefined
    }
  }

  #string(): string | undefined {
    const match = this.#match(STRING)
    if (match === undefined) return undefined
    const text = match.includes('\\') ? String(JSON.parse(match)) : match.slice(1, -1)
    return text.includes('\0') || !text.isWellFormed() ? undefined : text
  }

  #number(): string | undefined {
    const match = this.#match(NUMBER)
    if (match === undefined) return undefined
    if (match[0] !== '-' && !/[eE]/.test(match)) return match
    const decimal = parseDecimal(match)
    return decimal && formatDecimal(decimal)
  }

  #word(word: string): string | undefined {
    if (!this.#text.startsWith(word, this.#at)) return undefined
    this.#at += word.length
    return word
  }

  #match(regex: RegExp): string | undefined {
    regex.lastIndex = this.#at
    const match = regex.exec(this.#text)
    if (match === null) return undefined
    this.#at += match[0].length
    return match[0]
  }

  /** The next character that is no white space, not taken; '' at the end. */
  #peek(): string {
    this.#match(SPACE)
    return this.#text.charAt(this.#at)
  }

  #take(character: string): boolean {
    if (this.#peek() !== character) return false
    this.#at++
    return true
  }
}
