import { EngineError } from '../src/base/errors.ts'
import { syntaxError } from './errors.ts'
import { lineCommentEnd, skipSpace } from './lexer.ts'

/** A quoted thing read from the text: its decoded value and where it ends, or what is wrong with it. */
export interface Quoted {
  readonly value: string
  readonly end: number
  readonly error?: EngineError
}

/** Reads a string constant whose opening quote is at `quote`, with its continuations on following lines. */
export function scanString(sql: string, quote: number, style: 'plain' | 'escape' | 'unicode'): Quoted {
  let raw = ''
  let at = quote
  while (true) {
    const end = style === 'escape' ? escapedEnd(sql, at + 1) : closingQuote(sql, at + 1, "'")
    if (end < 0) return failed(quote, syntaxError(quote, 'unterminated quoted string'))
    raw += sql.slice(at + 1, end)
    const next = continuation(sql, end + 1)
    if (next < 0) {
      at = end + 1
      break
    }
    at = next
  }
  if (style === 'escape') return decodeEscapes(quote, raw, at)
  const value = raw.includes("'") ? raw.replaceAll("''", "'") : raw
  return style === 'unicode' ? decodeUnicode(sql, quote, value, at) : { value, end: at }
}

/** Reads a quoted name whose opening quote is at `quote`. */
export function scanQuoted(sql: string, quote: number, unicode: boolean): Quoted {
  const end = closingQuote(sql, quote + 1, '"')
  if (end < 0) return failed(quote, syntaxError(quote, 'unterminated quoted identifier'))
  if (end === quote + 1) return failed(quote, syntaxError(quote, 'zero-length delimited identifier'))
  const value = sql.slice(quote + 1, end).replaceAll('""', '"')
  return unicode ? decodeUnicode(sql, quote, value, end + 1) : { value, end: end + 1 }
}

/** Reads `$tag$ … $tag$`. */
export function scanDollarQuoted(sql: string, at: number, tag: string): Quoted {
  const start = at + tag.length
  const end = sql.indexOf(tag, start)
  if (end < 0) return failed(at, syntaxError(at, 'unterminated dollar-quoted string'))
  return { value: sql.slice(start, end), end: end + tag.length }
}

function failed(end: number, error: EngineError): Quoted {
  return { value: '', end, error }
}

/** The closing quote, where two in a row stand for one; −1 when there is none. */
function closingQuote(sql: string, from: number, quote: string): number {
  let at = sql.indexOf(quote, from)
  while (at >= 0 && sql[at + 1] === quote) at = sql.indexOf(quote, at + 2)
  return at
}

function escapedEnd(sql: string, from: number): number {
  for (let at = from; at < sql.length; at++) {
    const c = sql.charCodeAt(at)
    if (c === 0x5c) at++
    else if (c === 0x27) {
      if (sql.charCodeAt(at + 1) !== 0x27) return at
      at++
    }
  }
  return -1
}

/** Where a string goes on: a quote after white space and `--` comments with a line break among them. −1 when it does not. */
function continuation(sql: string, from: number): number {
  let line = false
  for (let at = from; at < sql.length; at++) {
    const c = sql.charCodeAt(at)
    if (c === 0x0a || c === 0x0d) line = true
    else if (c === 0x2d && sql.charCodeAt(at + 1) === 0x2d) at = lineCommentEnd(sql, at) - 1
    else if (c === 0x27) return line ? at : -1
    else if (c !== 0x20 && !(c >= 0x09 && c <= 0x0d)) return -1
  }
  return -1
}

const simpleEscapes: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' }
const escapePattern = /''|\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|x([0-9a-fA-F]{1,2})|([0-7]{1,3})|([\s\S]))/g

/** C-style escapes. Those that name bytes must make UTF-8 together with their neighbours. */
function decodeEscapes(quote: number, raw: string, end: number): Quoted {
  const invalid = (message: string, sqlState = '22025'): Quoted =>
    failed(quote, new EngineError(sqlState, message, { position: quote + 1 }))
  let value = ''
  let bytes: number[] = []
  let last = 0
  let problem: Quoted | undefined
  const flush = (): void => {
    if (bytes.length === 0) return
    try {
      value += new TextDecoder('utf-8', { fatal: true }).decode(Uint8Array.from(bytes))
    } catch {
      problem ??= invalid('invalid byte sequence for encoding "UTF8" in an escape string', '22021')
    }
    bytes = []
  }
  escapePattern.lastIndex = 0
  for (const match of raw.matchAll(escapePattern)) {
    if (match.index > last) {
      flush()
      value += raw.slice(last, match.index)
    }
    last = match.index + match[0].length
    const [whole, short, long, hex, octal, other] = match
    if (hex !== undefined || octal !== undefined) {
      const byte = hex !== undefined ? Number.parseInt(hex, 16) : Number.parseInt(octal, 8) & 0xff
      if (byte === 0) return invalid('invalid byte sequence for encoding "UTF8": 0x00', '22021')
      bytes.push(byte)
      continue
    }
    flush()
    if (whole === "''") value += "'"
    else if (short !== undefined || long !== undefined) {
      const code = Number.parseInt(short ?? long, 16)
      if (code === 0 || code > 0x10ffff) return invalid('invalid Unicode escape value', '42601')
      value += String.fromCodePoint(code)
    } else if (other === 'u' || other === 'U') return invalid('invalid Unicode escape', '22025')
    else value += simpleEscapes[other] && other !== 'v' ? simpleEscapes[other] : other
  }
  flush()
  if (problem !== undefined) return problem
  value += raw.slice(last)
  if (!value.isWellFormed()) return invalid('invalid Unicode surrogate pair', '42601')
  return { value, end }
}

/** `\XXXX` and `\+XXXXXX` of U& strings and names, and the UESCAPE that may follow. */
function decodeUnicode(sql: string, quote: number, value: string, end: number): Quoted {
  const clause = uescape(sql, end)
  if (clause.error !== undefined) return clause
  const mark = clause.value
  let out = ''
  for (let i = 0; i < value.length; i++) {
    if (value[i] !== mark) {
      out += value[i]
      continue
    }
    if (value[i + 1] === mark) {
      out += mark
      i++
      continue
    }
    const match = /^(?:([0-9a-fA-F]{4})|\+([0-9a-fA-F]{6}))/.exec(value.slice(i + 1, i + 8))
    if (match === null)
      return failed(quote, syntaxError(quote, 'invalid Unicode escape', 'Unicode escapes are \\XXXX or \\+XXXXXX.'))
    const code = Number.parseInt(match[1] ?? match[2], 16)
    if (code === 0 || code > 0x10ffff) return failed(quote, syntaxError(quote, 'invalid Unicode escape value'))
    out += String.fromCodePoint(code)
    i += match[0].length
  }
  if (!out.isWellFormed()) return failed(quote, syntaxError(quote, 'invalid Unicode surrogate pair'))
  return { value: out, end: clause.end }
}

/** The escape character, a backslash unless UESCAPE 'c' follows. */
function uescape(sql: string, from: number): Quoted {
  const at = skipSpace(sql, from)
  if (!/^uescape(?![A-Za-z0-9_$\u0080-\uffff])/i.test(sql.slice(at, at + 8))) return { value: '\\', end: from }
  const quote = skipSpace(sql, at + 7)
  if (sql[quote] !== "'") return failed(at, syntaxError(quote, 'UESCAPE must be followed by a simple string literal'))
  const mark = scanString(sql, quote, 'plain')
  if (mark.error === undefined && (mark.value.length !== 1 || /[0-9a-fA-F+'"\s]/.test(mark.value)))
    return failed(quote, syntaxError(quote, 'invalid Unicode escape character'))
  return mark
}
