import { createHash } from 'node:crypto'
import { EngineError } from '../../base/errors.ts'
import { BIGINT, BOOLEAN, BYTEA, type DataType, type Datum, INTEGER, type Int64, TEXT } from '../../batch/types.ts'
import type { EvalContext } from '../expr.ts'
import { formatDatum, hexBytes } from '../text.ts'
import { ANY, ANYNONARRAY, define, type Overload } from './overload.ts'

/** Functions of text. Positions and lengths count characters (code points), as in Postgres. */

const TEXT_LENGTH_MAX = 1 << 28

/** The characters of a text: a string where every unit is one, else an array. Nearly all text takes the first way. */
function characters(text: string): string | string[] {
  return /[\ud800-\udfff]/.test(text) ? [...text] : text
}

function joined(piece: string | string[]): string {
  return typeof piece === 'string' ? piece : piece.join('')
}

function lengthOf(text: string): number {
  return characters(text).length
}

function tooLong(): EngineError {
  return new EngineError('54000', 'requested length too large')
}

function substring(text: string, start: number, count?: number): string {
  if (count !== undefined && count < 0) throw new EngineError('22011', 'negative substring length not allowed')
  const from = Math.max(0, start - 1)
  const to = count === undefined ? undefined : Math.max(0, start - 1 + count)
  return joined(characters(text).slice(from, to))
}

function left(text: string, count: number): string {
  return joined(characters(text).slice(0, count))
}

function right(text: string, count: number): string {
  const all = characters(text)
  if (count === 0) return ''
  return joined(all.slice(count < 0 ? -count : Math.max(0, all.length - count)))
}

function trimStart(text: string, set: string): string {
  const trimmed = new Set(set)
  const all = [...text]
  const from = all.findIndex(c => !trimmed.has(c))
  return from < 0 ? '' : all.slice(from).join('')
}

function trimEnd(text: string, set: string): string {
  const trimmed = new Set(set)
  const all = [...text]
  return all.slice(0, all.findLastIndex(c => !trimmed.has(c)) + 1).join('')
}

/** 1-based place of `part`, 0 when it is not there. */
function position(text: string, part: string): number {
  const at = text.indexOf(part)
  return at < 0 ? 0 : lengthOf(text.slice(0, at)) + 1
}

function pad(text: string, length: number, fill: string, before: boolean): string {
  const count = Math.max(0, length)
  if (count > TEXT_LENGTH_MAX) throw tooLong()
  const all = [...text]
  if (all.length >= count) return all.slice(0, count).join('')
  const unit = [...fill]
  if (unit.length === 0) return text
  const padding = Array.from({ length: count - all.length }, (_, i) => unit[i % unit.length]).join('')
  return before ? padding + text : text + padding
}

function repeat(text: string, count: number): string {
  if (count <= 0) return ''
  if (text.length * count > TEXT_LENGTH_MAX) throw tooLong()
  return text.repeat(count)
}

function translate(text: string, from: string, to: string): string {
  const targets = [...to]
  const map = new Map<string, string>()
  for (const [i, c] of [...from].entries()) if (!map.has(c)) map.set(c, targets[i] ?? '')
  return [...text].map(c => map.get(c) ?? c).join('')
}

function splitPart(text: string, separator: string, n: number): string {
  if (n === 0) throw new EngineError('22023', 'field position must not be zero')
  if (separator === '') return n === 1 || n === -1 ? text : ''
  return text.split(separator).at(n > 0 ? n - 1 : n) ?? ''
}

function capitalized(text: string): string {
  return text.toLowerCase().replace(/[\p{L}\p{N}]+/gu, word => {
    const [first] = word
    return first.toUpperCase() + word.slice(first.length)
  })
}

function overlay(text: string, replacement: string, start: number, count: number): string {
  if (start <= 0) throw new EngineError('22011', 'negative substring length not allowed')
  const all = characters(text)
  return joined(all.slice(0, start - 1)) + replacement + joined(all.slice(Math.max(0, start - 1 + count)))
}

function character(code: number): string {
  if (code === 0) throw new EngineError('54000', 'null character not permitted')
  if (code < 0) throw new EngineError('54000', 'character number must be positive')
  if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) {
    throw new EngineError('54000', `requested character not valid for encoding: ${code}`)
  }
  return String.fromCodePoint(code)
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
}

function encode(bytes: Uint8Array, format: string): string {
  switch (format.toLowerCase()) {
    case 'hex':
      return bufferOf(bytes).toString('hex')
    case 'base64':
      return bufferOf(bytes)
        .toString('base64')
        .replace(/.{76}(?=.)/g, '$&\n')
    case 'escape':
      return [...bytes]
        .map(b =>
          b === 92 ? '\\\\' : b === 0 || b > 127 ? `\\${b.toString(8).padStart(3, '0')}` : String.fromCharCode(b),
        )
        .join('')
    default:
      throw new EngineError('22023', `unrecognized encoding: "${format}"`)
  }
}

function decode(text: string, format: string): Uint8Array {
  switch (format.toLowerCase()) {
    case 'hex':
      return hexBytes(text.replace(/\s/g, ''))
    case 'base64': {
      const compact = text.replace(/\s/g, '')
      const wrong = /[^A-Za-z0-9+/=]/.exec(compact)
      if (wrong) throw new EngineError('22023', `invalid symbol "${wrong[0]}" found while decoding base64 sequence`)
      return Uint8Array.from(Buffer.from(compact, 'base64'))
    }
    case 'escape':
      return Uint8Array.from(
        Buffer.from(
          text.replace(/\\(\\|[0-3][0-7]{2})/g, (_, c: string) =>
            c === '\\' ? c : String.fromCharCode(Number.parseInt(c, 8)),
          ),
          'latin1',
        ),
      )
    default:
      throw new EngineError('22023', `unrecognized encoding: "${format}"`)
  }
}

function decodeText(bytes: Uint8Array): string {
  return new TextDecoder('utf-8', { ignoreBOM: true, fatal: true }).decode(bytes)
}

/** Double quotes where an identifier needs them. */
function quoteIdent(name: string): string {
  return /^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`
}

function quoteLiteral(text: string): string {
  const quoted = `'${text.replaceAll(`'`, `''`).replaceAll('\\', '\\\\')}'`
  return text.includes('\\') ? `E${quoted}` : quoted
}

/** format(text, …): %s %I %L with position, width and -. */
function formatText(pattern: string, values: readonly (string | null)[]): string {
  let next = 0
  return pattern.replace(/%(?:(\d+)\$)?(-)?(\d+|\*)?(.?)/g, (_, place, minus, width, type) => {
    if (type === '%') return '%'
    if (type !== 's' && type !== 'I' && type !== 'L') {
      throw new EngineError(
        '22023',
        type === '' ? 'unterminated format() type specifier' : `unrecognized format() type specifier "${type}"`,
        { hint: 'For a single "%" use "%%".' },
      )
    }
    let columns = width === undefined ? 0 : Number(width)
    if (width === '*') columns = Number(values[next++] ?? 0)
    const at = place === undefined ? next : Number(place) - 1
    next = at + 1
    if (at < 0) throw new EngineError('22023', 'format specifies argument 0, but arguments are numbered from 1')
    if (at >= values.length) throw new EngineError('22023', 'too few arguments for format()')
    const value = values[at]
    if (type === 'I' && value === null)
      throw new EngineError('22004', 'null values cannot be formatted as an SQL identifier')
    const text =
      type === 's'
        ? (value ?? '')
        : type === 'I'
          ? quoteIdent(value ?? '')
          : value === null
            ? 'NULL'
            : quoteLiteral(value)
    return minus || columns < 0 ? text.padEnd(Math.abs(columns)) : text.padStart(columns)
  })
}

/** Text of variadic arguments of any type; null stays. Booleans print as t and f. */
function textsOf(types: readonly DataType[]): (values: readonly Datum[], context: EvalContext) => (string | null)[] {
  return (values, context) => values.map((v, i) => (v === null ? null : formatDatum(v, types[i], context)))
}

const lengths = ['length', 'char_length', 'character_length'].map(name => define(name, [TEXT], INTEGER, lengthOf))
const cases = [
  define('lower', [TEXT], TEXT, (text: string) => text.toLowerCase()),
  define('lcase', [TEXT], TEXT, (text: string) => text.toLowerCase()),
  define('upper', [TEXT], TEXT, (text: string) => text.toUpperCase()),
  define('ucase', [TEXT], TEXT, (text: string) => text.toUpperCase()),
  define('initcap', [TEXT], TEXT, capitalized),
]
const pieces = [
  ...['substr', 'substring'].flatMap(name => [
    define(name, [TEXT, INTEGER], TEXT, (text: string, start: number) => substring(text, start)),
    define(name, [TEXT, INTEGER, INTEGER], TEXT, (t: string, start: number, count: number) =>
      substring(t, start, count),
    ),
    define(name, [BYTEA, INTEGER, INTEGER], BYTEA, (bytes: Uint8Array, start: number, count: number) =>
      bytes.slice(Math.max(0, start - 1), Math.max(0, start - 1 + count)),
    ),
  ]),
  define('left', [TEXT, INTEGER], TEXT, left),
  define('right', [TEXT, INTEGER], TEXT, right),
  define('split_part', [TEXT, TEXT, INTEGER], TEXT, splitPart),
  define('overlay', [TEXT, TEXT, INTEGER], TEXT, (t: string, r: string, start: number) =>
    overlay(t, r, start, lengthOf(r)),
  ),
  define('overlay', [TEXT, TEXT, INTEGER, INTEGER], TEXT, overlay),
]
const trims = [
  ...['btrim', 'trim'].flatMap(name => [
    define(name, [TEXT], TEXT, (text: string) => trimEnd(trimStart(text, ' '), ' ')),
    define(name, [TEXT, TEXT], TEXT, (text: string, set: string) => trimEnd(trimStart(text, set), set)),
  ]),
  define('ltrim', [TEXT], TEXT, (text: string) => trimStart(text, ' ')),
  define('ltrim', [TEXT, TEXT], TEXT, trimStart),
  define('rtrim', [TEXT], TEXT, (text: string) => trimEnd(text, ' ')),
  define('rtrim', [TEXT, TEXT], TEXT, trimEnd),
]
const changes = [
  define('replace', [TEXT, TEXT, TEXT], TEXT, (text: string, from: string, to: string) =>
    from === '' ? text : text.replaceAll(from, () => to),
  ),
  define('translate', [TEXT, TEXT, TEXT], TEXT, translate),
  define('lpad', [TEXT, INTEGER], TEXT, (text: string, length: number) => pad(text, length, ' ', true)),
  define('lpad', [TEXT, INTEGER, TEXT], TEXT, (t: string, length: number, fill: string) => pad(t, length, fill, true)),
  define('rpad', [TEXT, INTEGER], TEXT, (text: string, length: number) => pad(text, length, ' ', false)),
  define('rpad', [TEXT, INTEGER, TEXT], TEXT, (t: string, length: number, fill: string) => pad(t, length, fill, false)),
  define('repeat', [TEXT, INTEGER], TEXT, repeat),
  define('reverse', [TEXT], TEXT, (text: string) => [...text].reverse().join('')),
]
const searches = [
  define('position', [TEXT, TEXT], INTEGER, position),
  define('strpos', [TEXT, TEXT], INTEGER, position),
  define('instr', [TEXT, TEXT], INTEGER, position),
  define('starts_with', [TEXT, TEXT], BOOLEAN, (text: string, prefix: string) => text.startsWith(prefix)),
  define('^@', [TEXT, TEXT], BOOLEAN, (text: string, prefix: string) => text.startsWith(prefix)),
  define('ascii', [TEXT], INTEGER, (text: string) => text.codePointAt(0) ?? 0),
  define('chr', [INTEGER], TEXT, character),
]
const joins = [
  define('||', [TEXT, TEXT], TEXT, (a: string, b: string) => a + b),
  define('||', [ANYNONARRAY, TEXT], TEXT, {
    make:
      ([type]) =>
      (a: Datum, b: string, context: EvalContext) =>
        asText(a, type, context) + b,
  }),
  define('||', [TEXT, ANYNONARRAY], TEXT, {
    make:
      ([, type]) =>
      (a: string, b: Datum, context: EvalContext) =>
        a + asText(b, type, context),
  }),
  define('||', [BYTEA, BYTEA], BYTEA, (a: Uint8Array, b: Uint8Array) => Uint8Array.from([...a, ...b])),
  define(
    'concat',
    [ANY],
    TEXT,
    {
      make: types => {
        const texts = textsOf(types)
        return (values: readonly Datum[], context: EvalContext) => texts(values, context).join('')
      },
    },
    { strict: false, variadic: true },
  ),
  define(
    'concat_ws',
    [TEXT, ANY],
    TEXT,
    {
      make: types => {
        const texts = textsOf(types.slice(1))
        return (separator: string | null, values: readonly Datum[], context: EvalContext) =>
          separator === null
            ? null
            : texts(values, context)
                .filter(t => t !== null)
                .join(separator)
      },
    },
    { strict: false, variadic: true },
  ),
  define(
    'format',
    [TEXT, ANY],
    TEXT,
    {
      make: types => {
        const texts = textsOf(types.slice(1))
        return (pattern: string | null, values: readonly Datum[], context: EvalContext) =>
          pattern === null ? null : formatText(pattern, texts(values, context))
      },
    },
    { strict: false, variadic: true },
  ),
  define('format', [TEXT], TEXT, (pattern: string) => formatText(pattern, [])),
]

// Casts booleans as || does: true, not t.
function asText(value: Datum, type: DataType, context: EvalContext): string {
  return typeof value === 'boolean' ? String(value) : formatDatum(value, type, context)
}

const bytes = [
  define('octet_length', [TEXT], INTEGER, {
    call: (text: string) => Buffer.byteLength(text),
    bytes: a => `(${a.end} - ${a.start})`,
  }),
  define('octet_length', [BYTEA], INTEGER, {
    call: (b: Uint8Array) => b.length,
    bytes: a => `(${a.end} - ${a.start})`,
  }),
  define('length', [BYTEA], INTEGER, { call: (b: Uint8Array) => b.length, bytes: a => `(${a.end} - ${a.start})` }),
  define('bit_length', [TEXT], INTEGER, (text: string) => Buffer.byteLength(text) * 8),
  define('bit_length', [BYTEA], INTEGER, (b: Uint8Array) => b.length * 8),
  define('md5', [TEXT], TEXT, (text: string) => createHash('md5').update(text).digest('hex')),
  define('md5', [BYTEA], TEXT, (b: Uint8Array) => createHash('md5').update(b).digest('hex')),
  define('sha256', [BYTEA], BYTEA, (b: Uint8Array) => Uint8Array.from(createHash('sha256').update(b).digest())),
  define('sha512', [BYTEA], BYTEA, (b: Uint8Array) => Uint8Array.from(createHash('sha512').update(b).digest())),
  define('encode', [BYTEA, TEXT], TEXT, encode),
  define('decode', [TEXT, TEXT], BYTEA, decode),
  define('convert_from', [BYTEA, TEXT], TEXT, (b: Uint8Array) => decodeText(b)),
  define('convert_to', [TEXT, TEXT], BYTEA, (text: string) => Uint8Array.from(Buffer.from(text))),
  define('get_byte', [BYTEA, INTEGER], INTEGER, (b: Uint8Array, at: number) => {
    if (at < 0 || at >= b.length) throw new EngineError('2202E', `index ${at} out of valid range, 0..${b.length - 1}`)
    return b[at]
  }),
  define('to_hex', [INTEGER], TEXT, (n: number) => (n >>> 0).toString(16)),
  define('to_hex', [BIGINT], TEXT, (n: Int64) => BigInt.asUintN(64, BigInt(n)).toString(16)),
]
const quotes = [
  define('quote_ident', [TEXT], TEXT, quoteIdent),
  define('quote_literal', [TEXT], TEXT, quoteLiteral),
  define('quote_nullable', [TEXT], TEXT, (t: string | null) => (t === null ? 'NULL' : quoteLiteral(t)), {
    strict: false,
  }),
]

export const textFunctions: readonly Overload[] = [
  ...lengths,
  ...cases,
  ...pieces,
  ...trims,
  ...changes,
  ...searches,
  ...joins,
  ...bytes,
  ...quotes,
]
