import type { EngineError } from '../src/base/errors.ts'
import { syntaxError } from './errors.ts'
import { type Quoted, scanDollarQuoted, scanQuoted, scanString } from './strings.ts'

/**
 * A lexical element. `text` is the meaning: folded for words, decoded for strings and quoted names, digits for bit strings, the
 * number for parameters, the characters for numbers and operators. [at, end) is its place in the text.
 */
export interface Token {
  readonly kind: 'word' | 'quoted' | 'string' | 'bits' | 'number' | 'parameter' | 'op' | 'end' | 'error'
  readonly text: string
  readonly at: number
  readonly end: number
  /** Of kind `error`: what is wrong here, thrown when the parser gets so far. It ends the list. */
  readonly error?: EngineError
}

const operatorCharacters = '~!@#^&|`?+-*/%<>='
const selfCharacters = ',()[].;:'
/** With one of these inside, an operator may end in + or −. */
const signKeepers = /[~!@#^&|`?%]/
const identifierRest = /[A-Za-z0-9_$\u0080-\uffff]*/y
const digits = '[0-9](?:_?[0-9])*'
const numberPattern = new RegExp(
  `0[xX](?:_?[0-9a-fA-F])+|0[oO](?:_?[0-7])+|0[bB](?:_?[01])+|(?:${digits}(?:\\.(?!\\.)(?:${digits})?)?|\\.${digits})(?:[eE][+-]?${digits})?`,
  'y',
)
const dollarTag = /\$(?:[A-Za-z_\u0080-\uffff][A-Za-z0-9_\u0080-\uffff]*)?\$/y
const lineEnd = /[\n\r]/g

/** Cuts a text into tokens by Postgres' rules, the last of kind `end` or `error`. Comments and white space are dropped. */
export function tokenize(sql: string): Token[] {
  const tokens: Token[] = []
  // A byte order mark is what some editors put before a script.
  let at = sql.charCodeAt(0) === 0xfeff ? 1 : 0
  const push = (kind: Token['kind'], text: string, end: number): void => {
    tokens.push({ kind, text, at, end })
    at = end
  }
  const quoted = (kind: Token['kind'], result: Quoted): void => {
    if (result.error !== undefined)
      tokens.push({ kind: 'error', text: '', at: result.end, end: sql.length, error: result.error })
    else push(kind, result.value, result.end)
  }
  const bad = (message: string, end: number): void => {
    tokens.push({ kind: 'error', text: sql.slice(at, end), at, end, error: syntaxError(at, message) })
  }
  while (true) {
    at = skipSpace(sql, at)
    if (at >= sql.length) {
      if (at === sql.length) push('end', '', at)
      else {
        at = Math.max(0, sql.lastIndexOf('/*'))
        bad('unterminated /* comment', sql.length)
      }
      return tokens
    }
    const c = sql.charCodeAt(at)
    if (isIdentifierStart(c)) {
      const next = sql.charCodeAt(at + 1)
      if (next === 0x27 && isStringPrefix(c)) {
        if (c === 0x45 || c === 0x65) quoted('string', scanString(sql, at + 1, 'escape'))
        else if (c === 0x4e || c === 0x6e) push('word', 'nchar', at + 1)
        else {
          const bits = scanString(sql, at + 1, 'plain')
          quoted('bits', bits.error === undefined ? { ...bits, value: sql[at].toLowerCase() + bits.value } : bits)
        }
      } else if ((c === 0x55 || c === 0x75) && next === 0x26 && sql.charCodeAt(at + 2) === 0x27)
        quoted('string', scanString(sql, at + 2, 'unicode'))
      else if ((c === 0x55 || c === 0x75) && next === 0x26 && sql.charCodeAt(at + 2) === 0x22)
        quoted('quoted', scanQuoted(sql, at + 2, true))
      else {
        identifierRest.lastIndex = at
        identifierRest.test(sql)
        push('word', foldCase(sql.slice(at, identifierRest.lastIndex)), identifierRest.lastIndex)
      }
    } else if (c === 0x27) quoted('string', scanString(sql, at, 'plain'))
    else if (c === 0x22) quoted('quoted', scanQuoted(sql, at, false))
    else if (isDigit(c) || (c === 0x2e && isDigit(sql.charCodeAt(at + 1)))) {
      numberPattern.lastIndex = at
      numberPattern.test(sql)
      const end = numberPattern.lastIndex
      if (isIdentifierStart(sql.charCodeAt(end)))
        bad(`trailing junk after numeric literal at or near "${junk(sql, at)}"`, end)
      else push('number', sql.slice(at, end), end)
    } else if (c === 0x24) {
      dollarTag.lastIndex = at
      if (dollarTag.test(sql)) quoted('string', scanDollarQuoted(sql, at, sql.slice(at, dollarTag.lastIndex)))
      else {
        let end = at + 1
        while (isDigit(sql.charCodeAt(end))) end++
        if (end === at + 1) bad('syntax error at or near "$"', end)
        else if (isIdentifierStart(sql.charCodeAt(end)))
          bad(`trailing junk after parameter at or near "${junk(sql, at)}"`, end)
        else if (Number(sql.slice(at + 1, end)) > 0x7fffffff) bad('parameter number too large', end)
        else push('parameter', String(Number(sql.slice(at + 1, end))), end)
      }
    } else if (selfCharacters.includes(sql[at])) {
      const pair = sql.slice(at, at + 2)
      if (pair === '::' || pair === ':=' || pair === '..') push('op', pair, at + 2)
      else push('op', sql[at], at + 1)
    } else if (operatorCharacters.includes(sql[at])) {
      const end = operatorEnd(sql, at)
      const op = sql.slice(at, end)
      push('op', op === '!=' ? '<>' : op, end)
    } else bad(`syntax error at or near ${JSON.stringify(String.fromCodePoint(sql.codePointAt(at) ?? 0))}`, at + 1)
    if (tokens.length > 0 && tokens[tokens.length - 1].kind === 'error') return tokens
  }
}

/** The next offset that is neither white space nor comment; beyond the end when a comment does not end. */
export function skipSpace(sql: string, from: number): number {
  let at = from
  while (true) {
    const c = sql.charCodeAt(at)
    if (c === 0x20 || (c >= 0x09 && c <= 0x0d)) at++
    else if (c === 0x2d && sql.charCodeAt(at + 1) === 0x2d) at = lineCommentEnd(sql, at)
    else if (c === 0x2f && sql.charCodeAt(at + 1) === 0x2a) at = blockCommentEnd(sql, at)
    else return at
  }
}

/** The offset of the line break that ends a `--` comment, or the end of the text. */
export function lineCommentEnd(sql: string, at: number): number {
  lineEnd.lastIndex = at
  return lineEnd.test(sql) ? lineEnd.lastIndex - 1 : sql.length
}

function blockCommentEnd(sql: string, from: number): number {
  let depth = 1
  for (let at = from + 2; at < sql.length; at++) {
    const c = sql.charCodeAt(at)
    if (c === 0x2a && sql.charCodeAt(at + 1) === 0x2f) {
      at++
      if (--depth === 0) return at + 1
    } else if (c === 0x2f && sql.charCodeAt(at + 1) === 0x2a) {
      at++
      depth++
    }
  }
  return sql.length + 1
}

function operatorEnd(sql: string, at: number): number {
  let end = at + 1
  while (end < sql.length && operatorCharacters.includes(sql[end])) {
    const pair = sql.slice(end, end + 2)
    if (pair === '--' || pair === '/*') break
    end++
  }
  // `a=-1` is `=` and `−1`: a long operator gives back the signs at its end, unless it is of a kind SQL itself never has.
  if (end - at > 1 && !signKeepers.test(sql.slice(at, end))) {
    while (end - at > 1 && (sql[end - 1] === '+' || sql[end - 1] === '-')) end--
  }
  return end
}

/** ASCII only, as Postgres does in UTF-8. */
function foldCase(word: string): string {
  const lower = word.toLowerCase()
  if (lower.length === word.length && isAscii(word)) return lower
  return word.replace(/[A-Z]/g, letter => letter.toLowerCase())
}

function isAscii(word: string): boolean {
  for (let i = 0; i < word.length; i++) if (word.charCodeAt(i) > 0x7f) return false
  return true
}

function isIdentifierStart(c: number): boolean {
  return (c >= 0x61 && c <= 0x7a) || (c >= 0x41 && c <= 0x5a) || c === 0x5f || c >= 0x80
}

function isDigit(c: number): boolean {
  return c >= 0x30 && c <= 0x39
}

/** b e n x before a quote. */
function isStringPrefix(c: number): boolean {
  const lower = c | 0x20
  return lower === 0x62 || lower === 0x65 || lower === 0x6e || lower === 0x78
}

function junk(sql: string, at: number): string {
  identifierRest.lastIndex = at + 1
  identifierRest.test(sql)
  return sql.slice(at, identifierRest.lastIndex)
}
