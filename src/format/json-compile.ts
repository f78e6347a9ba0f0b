import { EXACT_POWERS } from '../batch/parse-number.ts'
import type { PathNode } from './json-path.ts'
import type { Piece, Shape } from './json-shape.ts'
import type { Slot } from './slot.ts'

/** What generated parsers fall back on: the general reader. Each takes the index of a value and answers the one after it, or −1. */
export interface Fallback {
  value(slot: Slot, row: number, at: number): number
  visit(node: PathNode, at: number): number
  skip(at: number): number
  /** An ISO timestamp with its quotes, in the common spelling. */
  timestamp(slot: Slot, row: number, at: number): number
  /** A number with more digits than fit 31 bits. */
  longDouble(slot: Slot, row: number, at: number): number
}

/** Reads a document of one shape into `row`. False: it is of another, or a value needs the general reader; nothing is decided then. */
export type ShapeParser = (bytes: Uint8Array, view: DataView, start: number, end: number, row: number) => boolean

/**
 * Generates the parser of a shape: the literal pieces are compared in words of four bytes, plain values are read in line, everything
 * else (escapes, long numbers, null, rare types) by the fallback. It accepts nothing that the general reader would not read the same.
 */
export function compileShape(shape: Shape, fallback: Fallback): ShapeParser {
  const slots: Slot[] = []
  const nodes: PathNode[] = []
  const code: string[] = []
  const slotName = (slot: Slot): string => `c${slots.includes(slot) ? slots.indexOf(slot) : slots.push(slot) - 1}`
  for (const piece of shape.pieces) {
    if (piece.kind === 'visit') {
      for (const slot of piece.node.below) code.push(`${slotName(slot)}.setNull(row)`)
      code.push(`if ((p = f.visit(nodes[${nodes.push(piece.node) - 1}], p)) < 0) return false`)
    } else code.push(pieceCode(piece, slotName))
  }
  for (const slot of shape.missing) code.push(`${slotName(slot)}.setNull(row)`)
  const last = shape.pieces.at(-1)
  const ending = last?.kind === 'literal' ? last.bytes[last.bytes.length - 1] : 125
  const body = `
return function parseShape(b, view, start, end, row) {
  if (b[end - 1] !== ${ending}) return false
  let p = start, s = 0, m = 0, n = 0, d = 0, e = 0, w = 0, x = 0, neg = 0
  ${code.join('\n  ')}
  return p === end
}`
  const names = slots.map((_, i) => `c${i}`)
  // The one place where text becomes code: made of byte values and slot numbers, never of what a record holds.
  const make = new Function('f', 'nodes', 'POWERS', ...names, body)
  return make(fallback, nodes, EXACT_POWERS, ...slots) as ShapeParser // the shape is in the text above
}

function pieceCode(piece: Exclude<Piece, { kind: 'visit' }>, slotName: (slot: Slot) => string): string {
  if (piece.kind === 'literal') return literalCode(piece.bytes)
  if (piece.kind === 'skip') return piece.byte === 34 ? skipStringCode() : 'if ((p = f.skip(p)) < 0) return false'
  const { slot, byte } = piece
  const name = slotName(slot)
  const general = `if ((p = f.value(${name}, row, p)) < 0) return false`
  const isNumber = byte === 45 || (byte >= 48 && byte <= 57)
  const { kind } = slot.type
  if (
    byte === 34 &&
    (kind === 'text' || kind === 'unknown' || (kind === 'varchar' && slot.type.length === undefined))
  ) {
    return textCode(name)
  }
  if (isNumber && (kind === 'double' || kind === 'real')) return doubleCode(name, kind === 'real')
  if (isNumber && (kind === 'integer' || kind === 'smallint')) return int32Code(name, kind === 'smallint')
  if (isNumber && kind === 'bigint') return int64Code(name, 1)
  const isInstant = kind === 'timestamp' || kind === 'timestamptz'
  if (isNumber && isInstant) {
    const unit = slot.time.kind === 'epoch' ? slot.time.unit : slot.time.kind === 'auto' ? 'ms' : 'ns'
    if (unit !== 'ns') return int64Code(name, unit === 's' ? 1_000_000 : unit === 'ms' ? 1000 : 1)
  }
  if (byte === 34 && isInstant && (slot.time.kind === 'auto' || slot.time.kind === 'iso')) {
    return `if ((p = f.timestamp(${name}, row, p)) < 0) return false`
  }
  if (kind === 'boolean' && (byte === 116 || byte === 102)) return booleanCode(name)
  return general
}

function word(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)
}

/** Words first; the last one overlaps the one before. */
function literalCode(bytes: Uint8Array): string {
  const { length } = bytes
  const tests = [`p + ${length} > end`]
  if (length < 4) for (let i = 0; i < length; i++) tests.push(`b[p + ${i}] !== ${bytes[i]}`)
  else {
    for (let i = 0; i + 4 <= length; i += 4) tests.push(`view.getInt32(p + ${i}, true) !== ${word(bytes, i)}`)
    if (length % 4 !== 0) tests.push(`view.getInt32(p + ${length - 4}, true) !== ${word(bytes, length - 4)}`)
  }
  return `if (${tests.join(' || ')}) return false\n  p += ${length}`
}

/**
 * From p, after the opening quote, to the first byte that is a quote, a backslash, below 32 or above 127: four at a time. In
 * ((w ^ "…") − 1…) | ((w ^ \…) − 1…) | (w − 32…) | w the lowest high bit marks the first such byte.
 */
const SCAN_TEXT = `for (;;) {
    if (p + 4 > end) return false
    w = view.getInt32(p, true)
    x = (((w ^ 0x22222222) - 0x01010101) | ((w ^ 0x5c5c5c5c) - 0x01010101) | (w - 0x20202020) | w) & 0x80808080
    if (x !== 0) {
      p += (31 - Math.clz32(x & -x)) >> 3
      break
    }
    p += 4
  }`

function textCode(name: string): string {
  return `if (b[p] !== 34) { if ((p = f.value(${name}, row, p)) < 0) return false } else {
  s = ++p
  ${SCAN_TEXT}
  if (b[p] === 34) { ${name}.starts[row] = s; ${name}.ends[row] = p++ }
  else if ((p = f.value(${name}, row, s - 1)) < 0) return false
  }`
}

function skipStringCode(): string {
  return `if (b[p] !== 34) { if ((p = f.skip(p)) < 0) return false } else {
  s = ++p
  ${SCAN_TEXT}
  if (b[p] === 34) p++
  else if ((p = f.skip(s - 1)) < 0) return false
  }`
}

/** Up to nine digits in 31 bits, divided once by an exact power of ten: correctly rounded (Clinger). Digits end before `end`: see `ending`. */
function doubleCode(name: string, real: boolean): string {
  const value = real ? 'Math.fround(neg !== 0 ? -x : x)' : 'neg !== 0 ? -x : x'
  return `s = p
  neg = b[p] === 45 ? 1 : 0
  p += neg
  m = b[p] - 48
  if (m >>> 0 > 9) { if ((p = f.value(${name}, row, s)) < 0) return false } else {
  p++
  if (m !== 0) while ((d = b[p] - 48) >>> 0 <= 9) { m = (Math.imul(m, 10) + d) | 0; p++ }
  n = p - s - neg
  e = 0
  if (b[p] === 46) {
    p++
    while ((d = b[p] - 48) >>> 0 <= 9) { m = (Math.imul(m, 10) + d) | 0; p++; e++ }
    if (e === 0) return false
  }
  if (n + e > 9 || (b[p] | 32) === 101) { if ((p = f.longDouble(${name}, row, s)) < 0) return false }
  else { const x = e === 0 ? m : m / POWERS[e]; ${name}.doubles[row] = ${value} }
  }`
}

function int32Code(name: string, small: boolean): string {
  const range = small ? ' || m > 32767' : ''
  return `s = p
  neg = b[p] === 45 ? 1 : 0
  p += neg
  m = b[p] - 48
  if (m >>> 0 > 9) { if ((p = f.value(${name}, row, s)) < 0) return false } else {
  p++
  if (m !== 0) while ((d = b[p] - 48) >>> 0 <= 9) { m = (Math.imul(m, 10) + d) | 0; p++ }
  if (p - s - neg > 9 || b[p] === 46 || (b[p] | 32) === 101${range}) { if ((p = f.value(${name}, row, s)) < 0) return false }
  else ${name}.ints[row] = neg !== 0 ? -m : m
  }`
}

/** Nine digits, then up to six more: fifteen are exact in a double, and times `factor` within 2^53. */
function int64Code(name: string, factor: number): string {
  const most = Math.floor(Number.MAX_SAFE_INTEGER / factor)
  return `s = p
  neg = b[p] === 45 ? 1 : 0
  p += neg
  m = b[p] - 48
  if (m >>> 0 > 9) { if ((p = f.value(${name}, row, s)) < 0) return false } else {
  n = p + 9
  p++
  if (m !== 0) while (p < n && (d = b[p] - 48) >>> 0 <= 9) { m = (Math.imul(m, 10) + d) | 0; p++ }
  e = 0
  x = 0
  if (p === n) while (e < 7 && (d = b[p] - 48) >>> 0 <= 9) { x = (Math.imul(x, 10) + d) | 0; p++; e++ }
  const v = e === 0 ? m : m * POWERS[e] + x
  if (e > 6 || v > ${most} || b[p] === 46 || (b[p] | 32) === 101) { if ((p = f.value(${name}, row, s)) < 0) return false }
  else {
    const t = ${factor === 1 ? '' : `${factor} * `}(neg !== 0 ? 0 - v : v)
    const h = Math.floor(t * ${1 / 4294967296})
    ${name}.ints[2 * row] = t - h * 4294967296
    ${name}.ints[2 * row + 1] = h
  }
  }`
}

function booleanCode(name: string): string {
  const [yes, no] = ['true', 'fals'].map(text => word(Buffer.from(text), 0))
  return `w = p + 5 <= end ? view.getInt32(p, true) : 0
  if (w === ${yes}) { ${name}.bools[row] = 1; p += 4 }
  else if (w === ${no} && b[p + 4] === 101) { ${name}.bools[row] = 0; p += 5 }
  else if ((p = f.value(${name}, row, p)) < 0) return false`
}
