import { EngineError } from '../base/errors.ts'
import { absDecimal, formatDecimal, parseDecimal, pow10, roundDecimal, signOf } from '../batch/numeric.ts'
import type { Decimal } from '../batch/types.ts'

/** to_char and to_number for numbers: Postgres' templates of 9, 0, D, G, S, MI, PL, SG, PR, V, TH, RN, FM, EEEE. */

interface Node {
  /** A keyword in upper case, or `text` for what stands as it is. */
  readonly kind: string
  readonly text: string
}

const TOKEN = /"((?:[^"\\]|\\.)*)"|(EEEE|FM|MI|PL|PR|RN|SG|TH|[90.,DGLSVB])|(.)/gis

function parsePattern(pattern: string): Node[] {
  return [...pattern.matchAll(TOKEN)].map(([whole, quoted, word]) => {
    if (quoted !== undefined) return { kind: 'text', text: quoted.replace(/\\(.)/g, '$1') }
    return { kind: word?.toUpperCase() ?? 'text', text: whole }
  })
}

const has = (nodes: readonly Node[], kind: string): boolean => nodes.some(n => n.kind === kind)
const isDigit = (node: Node): boolean => node.kind === '9' || node.kind === '0'
const isPoint = (node: Node): boolean => node.kind === '.' || node.kind === 'D'

/** The number in the template's form. */
export function formatNumber(value: Decimal, pattern: string): string {
  const nodes = parsePattern(pattern)
  const fill = !has(nodes, 'FM')
  if (has(nodes, 'RN')) return roman(value, pattern.includes('rn'), fill)
  if (has(nodes, 'EEEE')) return exponential(value, nodes)
  const layout = layoutOf(nodes)
  const shifted = layout.shift > 0 ? { unscaled: value.unscaled * pow10(layout.shift), scale: value.scale } : value
  const rounded = roundDecimal(shifted, layout.after)
  const negative = signOf(rounded) < 0
  const [whole, fraction = ''] = value.special
    ? ['#'.repeat(layout.before + 1), '']
    : formatDecimal(absDecimal(rounded)).split('.')
  const overflow = whole.length > layout.before && !(whole === '0' && layout.before === 0)
  const digits = overflow ? '#'.repeat(layout.before) : whole === '0' ? zeroDigits(layout) : whole
  const after = overflow ? '#'.repeat(layout.after) : fraction
  return place(nodes, digits.padStart(layout.before), after, negative, fill, whole)
}

interface Layout {
  /** Places for digits before and after the point; `shift`: places after V. */
  readonly before: number
  readonly after: number
  readonly shift: number
}

function layoutOf(nodes: readonly Node[]): Layout {
  const point = nodes.findIndex(isPoint)
  const v = nodes.findIndex(n => n.kind === 'V')
  const before = nodes.filter((n, i) => isDigit(n) && (point < 0 || i < point)).length
  const after = point < 0 ? 0 : nodes.filter((n, i) => isDigit(n) && i > point).length
  const shift = v < 0 ? 0 : nodes.filter((n, i) => isDigit(n) && i > v).length
  return { before, after, shift }
}

// A zero before the point is shown where nothing would be otherwise.
function zeroDigits({ before, after }: Layout): string {
  return after > 0 || before === 0 ? '' : '0'
}

function place(
  nodes: readonly Node[],
  digits: string,
  fraction: string,
  negative: boolean,
  fill: boolean,
  whole: string,
) {
  const firstZero = nodes.findIndex(n => n.kind === '0')
  const lastZero = nodes.findLastIndex(n => n.kind === '0')
  const point = nodes.findIndex(isPoint)
  const explicit = has(nodes, 'S') || has(nodes, 'MI') || has(nodes, 'SG') || has(nodes, 'PR')
  const leadingS = has(nodes, 'S') && nodes.findIndex(n => n.kind === 'S') < nodes.findIndex(isDigit)
  const sign = negative ? '-' : leadingS ? '+' : fill && !leadingS ? ' ' : ''
  let out = ''
  let at = 0
  let past = 0
  let started = false
  const start = (): void => {
    if (started) return
    started = true
    if (!explicit || leadingS) out += sign
    else if (has(nodes, 'PR')) out += negative ? '<' : fill ? ' ' : ''
  }
  // Places that stay blank come before the sign.
  const significant = fraction.replace(/0+$/, '').length
  for (const [i, node] of nodes.entries()) {
    const afterPoint = point >= 0 && i > point
    if (isDigit(node) && !afterPoint) {
      const digit = digits[at++]
      const zero = firstZero >= 0 && i >= firstZero
      if (digit !== ' ' || zero) {
        start()
        out += digit === ' ' ? '0' : digit
      } else if (fill) out += ' '
    } else if (isDigit(node)) {
      start()
      const place = past++
      const kept = fill || place < significant || i <= lastZero || fraction[place] === '#'
      if (kept) out += fraction[place] ?? '0'
    } else if (isPoint(node)) {
      start()
      out += '.'
    } else if (node.kind === ',' || node.kind === 'G') out += started ? ',' : fill ? ' ' : ''
    else out += other(node, negative, fill, leadingS, whole)
  }
  if (has(nodes, 'PR')) out += negative ? '>' : fill ? ' ' : ''
  return out
}

function other(node: Node, negative: boolean, fill: boolean, leadingS: boolean, whole: string): string {
  switch (node.kind) {
    case 'S':
      return leadingS ? '' : negative ? '-' : '+'
    case 'SG':
      return negative ? '-' : '+'
    case 'MI':
      return negative ? '-' : fill ? ' ' : ''
    case 'PL':
      return negative ? (fill ? ' ' : '') : '+'
    case 'TH':
      return negative ? '' : ordinal(Number(whole.slice(-2)), node.text === 'TH')
    case 'text':
      return node.text
    default:
      return ''
  }
}

/** st, nd, rd or th. */
export function ordinal(n: number, upper: boolean): string {
  const teen = Math.floor(n / 10) % 10 === 1
  const suffix = teen ? 'th' : (['th', 'st', 'nd', 'rd'][n % 10] ?? 'th')
  return upper ? suffix.toUpperCase() : suffix
}

function exponential(value: Decimal, nodes: readonly Node[]): string {
  const { after } = layoutOf(nodes)
  const text = Number(formatDecimal(value)).toExponential(after)
  const padded = text.replace(/e([+-])(\d)$/, 'e$10$2')
  return value.unscaled < 0n || has(nodes, 'FM') ? padded : ` ${padded}`
}

const ROMAN: readonly (readonly [number, string])[] = [
  [1000, 'M'],
  [900, 'CM'],
  [500, 'D'],
  [400, 'CD'],
  [100, 'C'],
  [90, 'XC'],
  [50, 'L'],
  [40, 'XL'],
  [10, 'X'],
  [9, 'IX'],
  [5, 'V'],
  [4, 'IV'],
  [1, 'I'],
]

/** A whole number from 1 in Roman digits. */
export function romanDigits(n: number): string {
  let rest = n
  let out = ''
  for (const [size, digits] of ROMAN) {
    for (; rest >= size; rest -= size) out += digits
  }
  return out
}

function roman(value: Decimal, lower: boolean, fill: boolean): string {
  const n = Number(roundDecimal(value, 0).unscaled)
  const digits = n > 0 && n < 4000 ? romanDigits(n) : '#'.repeat(15)
  const cased = lower ? digits.toLowerCase() : digits
  return fill ? cased.padStart(15) : cased
}

/** Reads a number written in the template's form. Throws 22P02. */
export function parseNumber(text: string, pattern: string): Decimal {
  const nodes = parsePattern(pattern)
  let digits = ''
  let negative = false
  let at = 0
  let fraction = -1
  for (const node of nodes) {
    if (at >= text.length) break
    if (isDigit(node)) {
      if (text[at] === ' ') at++
      if (text[at] === '-' || text[at] === '+') negative ||= text[at++] === '-'
      if (/\d/.test(text.charAt(at))) digits += text[at++]
      else if (text[at] === '.' && fraction < 0 && !nodes.some(isPoint)) break
    } else if (isPoint(node)) {
      if (text[at] === '.') at++
      fraction = digits.length
    } else if (node.kind === ',' || node.kind === 'G') {
      if (text[at] === ',') at++
    } else if (['S', 'MI', 'PL', 'SG', 'PR'].includes(node.kind)) {
      if (/[-+<]/.test(text[at])) negative ||= text[at++] !== '+'
    } else if (node.kind === 'L' || node.kind === 'text') {
      if (!/[\d+-]/.test(text[at])) at++
    }
  }
  const shown = fraction < 0 ? digits : `${digits.slice(0, fraction)}.${digits.slice(fraction)}`
  const value = parseDecimal(`${negative ? '-' : ''}${shown}`)
  if (!value) throw new EngineError('22P02', `invalid input syntax for type numeric: "${text}"`)
  return value
}
