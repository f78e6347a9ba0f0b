import { EngineError } from '../base/errors.ts'
import { compareDecimals, formatDecimal, parseDecimal } from './numeric.ts'
import type { Decimal } from './types.ts'

/** How deep arrays and objects may be nested, everywhere JSON is read. */
export const JSON_DEPTH_MAX = 512

/**
 * jsonb as Postgres has it: numbers are exact decimals, keys of an object are unique (the last one wins) and ordered by
 * length, then bytes. A Datum holds the canonical text; these are the values in between.
 */
export type JsonValue = null | boolean | string | Decimal | readonly JsonValue[] | JsonObject
export type JsonObject = ReadonlyMap<string, JsonValue>

/**
 * The canonical text of JSON text, as Postgres prints it: equal values have equal texts. Undefined: no JSON, nested more than
 * JSON_DEPTH_MAX deep, or with what jsonb cannot hold (NUL, half a surrogate pair, a number beyond numeric's limits).
 */
export function canonicalJson(text: string): string | undefined {
  try {
    return formatJson(parseJson(text))
  } catch (error) {
    if (error instanceof EngineError) return undefined
    throw error
  }
}

/** Reads JSON text. Throws 22P02 as Postgres does for type json. */
export function parseJson(text: string): JsonValue {
  let at = 0
  const fail = (detail: string): EngineError =>
    new EngineError('22P02', 'invalid input syntax for type json', { detail })
  const token = (): string => /^[^\s,:[\]{}]*/.exec(text.slice(at))?.[0] || text.charAt(at)
  const unexpected = (): EngineError =>
    fail(at >= text.length ? 'The input string ended unexpectedly.' : `Token "${token()}" is invalid.`)
  const skip = (): void => {
    for (; at < text.length; at++) {
      const c = text.charCodeAt(at)
      if (c !== 32 && c !== 9 && c !== 10 && c !== 13) return
    }
  }
  const string = (): string => {
    const start = at++
    let simple = true
    for (; at < text.length; at++) {
      const c = text.charCodeAt(at)
      if (c === 34) break
      if (c === 92) {
        simple = false
        at++
      } else if (c < 32) {
        throw fail(`Character with value 0x${c.toString(16).padStart(2, '0')} must be escaped.`)
      }
    }
    if (at >= text.length) throw fail('The input string ended unexpectedly.')
    at++
    if (simple) return text.slice(start + 1, at - 1)
    try {
      const value: unknown = JSON.parse(text.slice(start, at))
      const decoded = String(value)
      if (decoded.includes('\0')) {
        throw new EngineError('22P05', 'unsupported Unicode escape sequence', {
          detail: '\\u0000 cannot be converted to text.',
        })
      }
      if (!decoded.isWellFormed()) throw fail('Unicode high surrogate must not follow a high surrogate.')
      return decoded
    } catch (cause) {
      if (cause instanceof EngineError) throw cause
      throw fail('Escape sequence is invalid.')
    }
  }
  const value = (depth: number): JsonValue => {
    if (depth > JSON_DEPTH_MAX) {
      throw new EngineError('54001', `JSON is nested deeper than ${JSON_DEPTH_MAX} levels`)
    }
    skip()
    const c = text.charAt(at)
    if (c === '{') return object(depth)
    if (c === '[') return array(depth)
    if (c === '"') return string()
    NUMBER.lastIndex = at
    const match = NUMBER.exec(text)
    if (!match) throw unexpected()
    at += match[0].length
    if (match[0] === 'null') return null
    if (match[0] === 'true') return true
    if (match[0] === 'false') return false
    const number = parseDecimal(match[0])
    if (!number) throw unexpected()
    return number
  }
  const array = (depth: number): JsonValue => {
    const items: JsonValue[] = []
    at++
    skip()
    if (text[at] === ']') {
      at++
      return items
    }
    for (;;) {
      items.push(value(depth + 1))
      skip()
      const c = text[at]
      if (c !== ',' && c !== ']') throw unexpected()
      at++
      if (c === ']') return items
    }
  }
  const object = (depth: number): JsonValue => {
    const entries: [string, JsonValue][] = []
    at++
    skip()
    if (text[at] === '}') {
      at++
      return jsonObject(entries)
    }
    for (;;) {
      skip()
      if (text[at] !== '"') throw unexpected()
      const key = string()
      skip()
      if (text[at] !== ':') throw unexpected()
      at++
      entries.push([key, value(depth + 1)])
      skip()
      const c = text[at]
      if (c !== ',' && c !== '}') throw unexpected()
      at++
      if (c === '}') return jsonObject(entries)
    }
  }
  const result = value(0)
  skip()
  if (at < text.length) throw unexpected()
  return result
}

const NUMBER = /(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|null|true|false)(?![\w.+-])/y

/** An object in jsonb's key order; of equal keys the last one stays. */
export function jsonObject(entries: readonly (readonly [string, JsonValue])[]): JsonObject {
  const unique = new Map(entries)
  return new Map([...unique].sort((a, b) => compareKeys(a[0], b[0])))
}

function compareKeys(a: string, b: string): number {
  const left = Buffer.byteLength(a)
  const right = Buffer.byteLength(b)
  if (left !== right) return left - right
  return compareText(a, b)
}

/** By code point, which is the order of the UTF-8 bytes. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(i)
    // Surrogates stand for code points above all others: lift them over U+E000 … U+FFFF.
    if (x !== y) return (x >= 0xd800 && x < 0xe000 ? x + 0x10000 : x) - (y >= 0xd800 && y < 0xe000 ? y + 0x10000 : y)
  }
  return a.length - b.length
}

/** The canonical text: `{"a": 1, "b": [true, null]}`. */
export function formatJson(value: JsonValue): string {
  if (value === null) return 'null'
  if (typeof value === 'boolean') return value ? 'true' : 'false'
  if (typeof value === 'string') return quoteJson(value)
  if (isArray(value)) return `[${value.map(formatJson).join(', ')}]`
  if (isObject(value)) return `{${[...value].map(([k, v]) => `${quoteJson(k)}: ${formatJson(v)}`).join(', ')}}`
  return formatDecimal(value)
}

function quoteJson(text: string): string {
  return JSON.stringify(text)
}

export function isArray(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value)
}

export function isObject(value: JsonValue): value is JsonObject {
  return value instanceof Map
}

/** jsonb's order: Object > Array > Boolean > Number > String > Null; more elements or pairs first; then by content. */
export function compareJson(a: JsonValue, b: JsonValue): number {
  const rank = jsonRank(a) - jsonRank(b)
  if (rank !== 0) return rank
  if (a === null || b === null) return 0
  if (typeof a === 'string' && typeof b === 'string') return compareText(a, b)
  if (typeof a === 'boolean' && typeof b === 'boolean') return Number(a) - Number(b)
  if (isArray(a) && isArray(b)) {
    if (a.length !== b.length) return a.length - b.length
    for (let i = 0; i < a.length; i++) {
      const order = compareJson(a[i], b[i])
      if (order !== 0) return order
    }
    return 0
  }
  if (isObject(a) && isObject(b)) return compareObjects(a, b)
  if (isNumber(a) && isNumber(b)) return compareDecimals(a, b)
  return 0
}

function compareObjects(a: JsonObject, b: JsonObject): number {
  if (a.size !== b.size) return a.size - b.size
  const right = [...b]
  let i = 0
  for (const [key, value] of a) {
    const [otherKey, otherValue] = right[i++]
    const order = compareText(key, otherKey) || compareJson(value, otherValue)
    if (order !== 0) return order
  }
  return 0
}

export function isNumber(value: JsonValue): value is Decimal {
  return typeof value === 'object' && value !== null && 'unscaled' in value
}

function jsonRank(value: JsonValue): number {
  if (value === null) return 0
  if (typeof value === 'string') return 1
  if (typeof value === 'boolean') return 3
  if (isArray(value)) return value.length === 0 ? -1 : 4
  return isObject(value) ? 5 : 2
}

/** `jsonb_typeof`. */
export function jsonKind(value: JsonValue): string {
  if (value === null) return 'null'
  if (typeof value === 'string') return 'string'
  if (typeof value === 'boolean') return 'boolean'
  return isArray(value) ? 'array' : isObject(value) ? 'object' : 'number'
}
