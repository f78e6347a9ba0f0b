import { unreachable } from '../base/assert.ts'
import { EXACT_POWERS } from '../batch/parse-number.ts'
import type { PathNode } from './json-path.ts'
import type { Piece, Shape } from './json-shape.ts'
import type { LineCursor } from './lines.ts'
import type { Slot } from './slot.ts'

/** What generated parsers fall back on: the general reader. Each takes the index of a value and answers the one after it, or −1. */
export interface Fallback {
  /** Makes the document at `start` the one that `value`, `visit` and `skip` are about. */
  enter(bytes: Uint8Array, start: number, end: number, row: number): void
  /** The same of the line that begins there; its line end is at or after `at`. */
  enterLine(bytes: Uint8Array, view: DataView, start: number, at: number, end: number, row: number): void
  value(slot: Slot, row: number, at: number): number
  visit(node: PathNode, at: number): number
  skip(at: number): number
  /** An ISO timestamp with its quotes, in the common spelling. Needs no `enter`. */
  timestamp(slot: Slot, row: number, bytes: Uint8Array, at: number, end: number): number
  /** A number with more digits than fit 31 bits. Needs no `enter`. */
  longDouble(slot: Slot, row: number, bytes: Uint8Array, at: number, end: number): number
}

/** Reads documents of one shape. */
export interface ShapeParser {
  /** One, into `row`. False: it is of another shape, or a value needs the general reader; nothing is decided then. */
  readonly one: (bytes: Uint8Array, view: DataView, start: number, end: number, row: number) => boolean
  /** The lines from the cursor to `end`, the last with its line end: until `rowMax`, or before one that `one` would not read. */
  readonly lines: (bytes: Uint8Array, view: DataView, end: number, rowMax: number, cursor: LineCursor) => void
}

/**
 * Generates the parsers of a shape: the literal pieces are compared in words of eight and four bytes, plain values are read in line,
 * everything else (escapes, long numbers, rare types) by the fallback. They accept nothing that the general reader would not read the same.
 */
export function compileShape(shape: Shape, fallback: Fallback): ShapeParser {
  const code = new ShapeCode()
  for (const piece of shape.pieces) code.piece(piece)
  for (const slot of shape.missing) code.missing(slot)
  const last = shape.pieces.at(-1)
  const ending = last?.kind === 'literal' ? last.bytes[last.bytes.length - 1] : 125
  const one = `
return function parseShape(b, view, start, end, row) {
  if (b[end - 1] !== ${ending}) return false
  ${VARIABLES}
  ${code.arrays.join('\n  ')}
  read: {
    ${code.text('f.enter(b, start, end, row)')}
    return p === end
  }
  return false
}`
  // Whatever ends the last number in it is at hand, since a line end follows.
  const lines = `
return function parseLines(b, view, end, rowMax, cursor) {
  let start = cursor.at, row = cursor.row
  ${VARIABLES}
  ${code.arrays.join('\n  ')}
  read: while (row < rowMax && p < end) {
    ${code.text('f.enterLine(b, view, start, p, end, row)')}
    if (b[p] === 10) p++
    else if (b[p] === 13 && b[p + 1] === 10) p += 2
    else break
    row++
    start = p
  }
  cursor.at = start
  cursor.row = row
}`
  const spansLines = shape.pieces.some(p => p.kind === 'literal' && p.bytes.includes(10))
  return {
    one: code.compile<ShapeParser['one']>(one, fallback),
    lines: spansLines ? noLines : code.compile<ShapeParser['lines']>(lines, fallback),
  }
}

/** No line holds such a document whole. */
const noLines: ShapeParser['lines'] = () => undefined

const VARIABLES = 'let p = start, entered = -1, s = 0, m = 0, n = 0, d = 0, e = 0, w = 0, x = 0, neg = 0'
const MISS = 'break read'
/** Stands for the call that makes the document the fallback's. */
const ENTER = '/*enter*/'
const [NULL, TRUE, FALS] = ['null', 'true', 'fals'].map(text => word(Buffer.from(text), 0))

/** The code of a shape's pieces, one after another; at `p` in bytes `b`, which are good up to `end`. */
class ShapeCode {
  /** The slots' arrays as variables. */
  readonly arrays: string[] = []
  readonly #slots: Slot[] = []
  readonly #nodes: PathNode[] = []
  readonly #parts: string[] = []

  piece(piece: Piece): void {
    this.#parts.push(this.#code(piece))
  }

  missing(slot: Slot): void {
    this.#parts.push(`${this.#name(slot)}.setNull(row)`)
  }

  text(enter: string): string {
    const once = `if (entered !== start) { entered = start; ${enter} }`
    return this.#parts.join('\n    ').replaceAll(ENTER, once)
  }

  /** The one place where text becomes code: made of byte values and slot numbers, never of what a record holds. */
  compile<T>(body: string, fallback: Fallback): T {
    const names = this.#slots.map((_, i) => `c${i}`)
    const make = new Function('f', 'nodes', 'POWERS', ...names, body)
    return make(fallback, this.#nodes, EXACT_POWERS, ...this.#slots) as T // the caller wrote the body
  }

  #name(slot: Slot): string {
    const known = this.#slots.indexOf(slot)
    return `c${known >= 0 ? known : this.#slots.push(slot) - 1}`
  }

  #array(slot: Slot, field: 'bools' | 'ints' | 'doubles' | 'starts' | 'ends'): string {
    const name = this.#name(slot)
    const variable = `${name}_${field}`
    const declaration = `const ${variable} = ${name}.${field}`
    if (!this.arrays.includes(declaration)) this.arrays.push(declaration)
    return variable
  }

  #code(piece: Piece): string {
    switch (piece.kind) {
      case 'literal':
        return literalCode(piece.bytes)
      case 'visit': {
        const nulls = piece.node.below.map(slot => `${this.#name(slot)}.setNull(row)`)
        const node = `nodes[${this.#nodes.push(piece.node) - 1}]`
        return [...nulls, ENTER, `if ((p = f.visit(${node}, p)) < 0) ${MISS}`].join('\n    ')
      }
      case 'skip':
        return skipCode(piece.byte)
      case 'slot':
        return this.#slotCode(piece.slot, piece.byte)
      default:
        return unreachable(piece)
    }
  }

  #slotCode(slot: Slot, byte: number): string {
    const name = this.#name(slot)
    const { kind } = slot.type
    const isNumber = byte === 45 || (byte >= 48 && byte <= 57)
    const isText = kind === 'text' || kind === 'unknown' || (kind === 'varchar' && slot.type.length === undefined)
    if (byte === 34 && isText) return textCode(name, this.#array(slot, 'starts'), this.#array(slot, 'ends'))
    if (isNumber && (kind === 'double' || kind === 'real')) {
      return doubleCode(name, this.#array(slot, 'doubles'), kind === 'real')
    }
    if (isNumber && (kind === 'integer' || kind === 'smallint')) {
      return int32Code(name, this.#array(slot, 'ints'), kind === 'smallint')
    }
    if (isNumber && kind === 'bigint') return int64Code(name, this.#array(slot, 'ints'), 1)
    const isInstant = kind === 'timestamp' || kind === 'timestamptz'
    if (isNumber && isInstant) {
      const unit = slot.time.kind === 'epoch' ? slot.time.unit : slot.time.kind === 'auto' ? 'ms' : 'ns'
      const factor = unit === 's' ? 1_000_000 : unit === 'ms' ? 1000 : 1
      if (unit !== 'ns') return int64Code(name, this.#array(slot, 'ints'), factor)
    }
    if (byte === 34 && isInstant && (slot.time.kind === 'auto' || slot.time.kind === 'iso')) return timestampCode(name)
    if (kind === 'boolean' && (byte === 116 || byte === 102)) return booleanCode(name, this.#array(slot, 'bools'))
    return generalCode(name, 'p')
  }
}

/** The value that begins at `from`, by the general reader. */
function generalCode(name: string, from: string): string {
  return `if (p + 4 <= end && view.getInt32(${from}, true) === ${NULL}) { ${name}.setNull(row); p = ${from} + 4 }
    else { ${ENTER}; if ((p = f.value(${name}, row, ${from})) < 0) ${MISS} }`
}

function skipGeneralCode(from: string): string {
  return `{ ${ENTER}; if ((p = f.skip(${from})) < 0) ${MISS} }`
}

function word(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)
}

/** Words first; the last one overlaps the one before. */
function literalCode(bytes: Uint8Array): string {
  const { length } = bytes
  const tests = [`p + ${length} > end`]
  const words = new DataView(bytes.buffer, bytes.byteOffset, length)
  // ASCII as a double is neither NaN nor zero, so doubles are equal exactly where their bytes are.
  const size = length >= 8 && bytes.every(byte => byte > 0 && byte < 127) ? 8 : 4
  const test = (at: number): string =>
    size === 8
      ? `view.getFloat64(p + ${at}, true) !== ${words.getFloat64(at, true)}`
      : `view.getInt32(p + ${at}, true) !== ${words.getInt32(at, true)}`
  if (length < 4) for (let i = 0; i < length; i++) tests.push(`b[p + ${i}] !== ${bytes[i]}`)
  else {
    for (let i = 0; i + size <= length; i += size) tests.push(test(i))
    if (length % size !== 0) tests.push(test(length - size))
  }
  return `if (${tests.join(' || ')}) ${MISS}\n    p += ${length}`
}

/**
 * From p, after the opening quote, to the first byte that is a quote, a backslash, below 32 or above 127: four at a time. In
 * ((w ^ "…") − 1…) | ((w ^ \…) − 1…) | (w − 32…) | w the lowest high bit marks the first such byte.
 */
const SCAN_TEXT = `for (;;) {
      if (p + 4 > end) ${MISS}
      w = view.getInt32(p, true)
      x = (((w ^ 0x22222222) - 0x01010101) | ((w ^ 0x5c5c5c5c) - 0x01010101) | (w - 0x20202020) | w) & 0x80808080
      if (x !== 0) {
        p += (31 - Math.clz32(x & -x)) >> 3
        break
      }
      p += 4
    }`

function textCode(name: string, starts: string, ends: string): string {
  return `if (b[p] !== 34) { ${generalCode(name, 'p')} } else {
    s = ++p
    ${SCAN_TEXT}
    if (b[p] === 34) { ${starts}[row] = s; ${ends}[row] = p++ }
    else { ${generalCode(name, 's - 1')} }
    }`
}

function timestampCode(name: string): string {
  return `s = p
    if ((p = f.timestamp(${name}, row, b, s, end)) < 0) { p = s; ${generalCode(name, 's')} }`
}

function skipCode(byte: number): string {
  if (byte === 34) {
    return `if (b[p] !== 34) ${skipGeneralCode('p')} else {
    s = ++p
    ${SCAN_TEXT}
    if (b[p] === 34) p++
    else ${skipGeneralCode('s - 1')}
    }`
  }
  if (byte === 45 || (byte >= 48 && byte <= 57)) {
    return `s = p
    if (b[p] === 45) p++
    m = p < end ? b[p] - 48 : -1
    if (m >>> 0 > 9) ${skipGeneralCode('s')} else {
    p++
    if (m !== 0) while ((b[p] - 48) >>> 0 <= 9) p++
    if (b[p] === 46) {
      n = ++p
      while ((b[p] - 48) >>> 0 <= 9) p++
      if (p === n) ${MISS}
    }
    if ((b[p] | 32) === 101) ${skipGeneralCode('s')}
    }`
  }
  if (byte === 116 || byte === 102 || byte === 110) {
    return `w = p + 5 <= end ? view.getInt32(p, true) : 0
    if (w === ${TRUE} || w === ${NULL}) p += 4
    else if (w === ${FALS} && b[p + 4] === 101) p += 5
    else ${skipGeneralCode('p')}`
  }
  return skipGeneralCode('p')
}

/** Four digits at p into `to`, by two multiplications, if all are digits: then p goes on and `then` is done. */
function fourDigits(to: string, then: string): string {
  return `if (p + 4 <= end && ((((w = view.getInt32(p, true) ^ 0x30303030) + 0x06060606) | w) & 0xf0f0f0f0) === 0) {
      w = (Math.imul(w, 2561) >>> 8) & 0xff00ff
      ${to} = (Math.imul(${to}, 10000) + (Math.imul(w, 6553601) >>> 16)) | 0
      p += 4
      ${then}
    }`
}

/** The first digit at p, after a sign, into `m`, which p does not pass yet; what is no number goes to the general reader. */
function numberCode(name: string, rest: string): string {
  return `s = p
    neg = b[p] === 45 ? 1 : 0
    p += neg
    m = p < end ? b[p] - 48 : -1
    if (m >>> 0 > 9) { p = s; ${generalCode(name, 's')} } else {
    ${rest}
    }`
}

/** Up to nine digits in 31 bits, divided once by an exact power of ten: correctly rounded (Clinger). Digits end before `end`: see `ending`. */
function doubleCode(name: string, doubles: string, real: boolean): string {
  const value = real ? 'Math.fround(neg !== 0 ? -x : x)' : 'neg !== 0 ? -x : x'
  return numberCode(
    name,
    `p++
    if (m !== 0) while ((d = b[p] - 48) >>> 0 <= 9) { m = (Math.imul(m, 10) + d) | 0; p++ }
    n = p - s - neg
    e = 0
    if (b[p] === 46) {
      e = ++p
      ${fourDigits('m', '')}
      while ((d = b[p] - 48) >>> 0 <= 9) { m = (Math.imul(m, 10) + d) | 0; p++ }
      e = p - e
      if (e === 0) ${MISS}
    }
    if (n + e > 9 || (b[p] | 32) === 101) {
      if ((p = f.longDouble(${name}, row, b, s, end)) < 0) { p = s; ${ENTER}; if ((p = f.value(${name}, row, s)) < 0) ${MISS} }
    } else { const x = e === 0 ? m : m / POWERS[e]; ${doubles}[row] = ${value} }`,
  )
}

function int32Code(name: string, ints: string, small: boolean): string {
  const range = small ? ' || m > 32767' : ''
  return numberCode(
    name,
    `p++
    if (m !== 0) while ((d = b[p] - 48) >>> 0 <= 9) { m = (Math.imul(m, 10) + d) | 0; p++ }
    if (p - s - neg > 9 || b[p] === 46 || (b[p] | 32) === 101${range}) { ${generalCode(name, 's')} }
    else ${ints}[row] = neg !== 0 ? -m : m`,
  )
}

/** Nine digits, then up to six more: fifteen are exact in a double, and times `factor` within 2^53. */
function int64Code(name: string, ints: string, factor: number): string {
  const most = Math.floor(Number.MAX_SAFE_INTEGER / factor)
  return numberCode(
    name,
    `n = p + 9
    e = x = 0
    if (m === 0) p++
    else {
      m = 0
      ${fourDigits('m', fourDigits('m', ''))}
      while (p < n && (d = b[p] - 48) >>> 0 <= 9) { m = (Math.imul(m, 10) + d) | 0; p++ }
      if (p === n) {
        ${fourDigits('x', 'e = 4')}
        while (e < 7 && (d = b[p] - 48) >>> 0 <= 9) { x = (Math.imul(x, 10) + d) | 0; p++; e++ }
      }
    }
    const v = e === 0 ? m : m * POWERS[e] + x
    if (e > 6 || v > ${most} || b[p] === 46 || (b[p] | 32) === 101) { ${generalCode(name, 's')} }
    else {
      const t = ${factor === 1 ? '' : `${factor} * `}(neg !== 0 ? 0 - v : v)
      const h = Math.floor(t * ${1 / 4294967296})
      ${ints}[2 * row] = t - h * 4294967296
      ${ints}[2 * row + 1] = h
    }`,
  )
}

function booleanCode(name: string, bools: string): string {
  return `w = p + 5 <= end ? view.getInt32(p, true) : 0
    if (w === ${TRUE}) { ${bools}[row] = 1; p += 4 }
    else if (w === ${FALS} && b[p + 4] === 101) { ${bools}[row] = 0; p += 5 }
    else { ${generalCode(name, 'p')} }`
}
