import { EngineError } from '../base/errors.ts'
import { daysInMonth, daysOfDate, isoWeekStart, joinMicros, MICROS_PER_DAY } from '../batch/civil.ts'
import type { Int64 } from '../batch/types.ts'
import { MONTHS, type Node, parsePattern } from './format-time.ts'

/** to_timestamp and to_date: times read by Postgres' templates. */

interface Read {
  year?: number
  month?: number
  day?: number
  dayOfYear?: number
  hour?: number
  minute?: number
  second?: number
  micros?: number
  ofDay?: number
  julian?: number
  half?: 'am' | 'pm'
  bc?: boolean
  offset?: number
  isoYear?: number
  isoWeek?: number
  isoDay?: number
}

/** Reads a time by a template. `offset`: seconds east of UTC, when the text said. Throws 22007 or 22008. */
export function parseTime(text: string, pattern: string): { local: Int64; offset: number | undefined } {
  const read: Read = {}
  const nodes = parsePattern(pattern)
  let at = 0
  for (const [i, node] of nodes.entries()) {
    if (node.keyword === undefined) {
      if (node.quoted) at += node.written.length
      else if (/[^a-z0-9]/i.test(node.written)) {
        while (at < text.length && /[^a-z0-9+-]/i.test(text[at])) at++
        if (/[-+]/.test(text.charAt(at)) && !nodes[i + 1]?.keyword?.startsWith('TZ')) at++
        while (at < text.length && /\s/.test(text[at])) at++
      } else at++
      continue
    }
    while (at < text.length && /\s/.test(text[at])) at++
    at += readField(node, text, at, read, isFixed(nodes, i))
    if (node.ordinal) at += 2
  }
  return { local: assemble(read, text), offset: read.offset }
}

/** Digits are counted where another number follows at once. */
function isFixed(nodes: readonly Node[], i: number): boolean {
  const next = nodes[i + 1]
  return (
    nodes[i].fill && next?.keyword !== undefined && !/^(MON|DAY|DY|AM|PM|A\.|P\.|TZ|RM|BC|AD|B\.)/.test(next.keyword)
  )
}

const WIDTHS: Readonly<Record<string, number>> = {
  YYYY: 4,
  IYYY: 4,
  YYY: 3,
  YY: 2,
  Y: 1,
  DDD: 3,
  IDDD: 3,
  MS: 3,
  US: 6,
  J: 7,
  SSSS: 5,
  SSSSS: 5,
  Q: 1,
  D: 1,
  ID: 1,
  W: 1,
}

function readField({ keyword = '' }: Node, text: string, at: number, read: Read, fixed: boolean): number {
  const rest = text.slice(at)
  const wrong = (): EngineError =>
    new EngineError('22007', `invalid value "${rest.slice(0, WIDTHS[keyword] ?? 2)}" for "${keyword}"`)
  if (keyword === 'MONTH' || keyword === 'MON') {
    const found = MONTHS.findIndex(m =>
      rest.toLowerCase().startsWith((keyword === 'MON' ? m.slice(0, 3) : m).toLowerCase()),
    )
    if (found < 0) throw wrong()
    read.month = found + 1
    return keyword === 'MON' ? 3 : MONTHS[found].length
  }
  if (keyword === 'DAY' || keyword === 'DY') return /^[a-z]*/i.exec(rest)?.[0].length ?? 0
  if (/^(AM|PM|A\.M\.|P\.M\.)$/.test(keyword)) {
    const match = /^([ap])\.?m\.?/i.exec(rest)
    if (!match) throw wrong()
    read.half = match[1].toLowerCase() === 'a' ? 'am' : 'pm'
    return match[0].length
  }
  if (/^(AD|BC|A\.D\.|B\.C\.)$/.test(keyword)) {
    read.bc = /^b/i.test(rest)
    return keyword.length
  }
  if (keyword === 'TZH' || keyword === 'TZM' || keyword === 'OF' || keyword === 'TZ')
    return readZone(keyword, rest, read)
  const width = WIDTHS[keyword] ?? (keyword.startsWith('FF') ? Number(keyword[2]) : 2)
  const limit = fixed || keyword === 'MS' || keyword === 'US' || keyword.startsWith('FF') ? width : 18
  const digits = new RegExp(`^[+-]?\\d{1,${limit}}`).exec(rest)?.[0]
  if (digits === undefined) throw wrong()
  store(keyword, digits, read)
  return digits.length
}

function readZone(keyword: string, rest: string, read: Read): number {
  const match = keyword === 'TZM' ? /^(\d\d)()/.exec(rest) : /^([+-]?\d\d?)(?::?(\d\d))?/.exec(rest)
  if (!match) return 0
  if (keyword === 'TZM') read.offset = (read.offset ?? 0) + Math.sign(read.offset ?? 1) * Number(match[1]) * 60
  else read.offset = Number(match[1]) * 3600
  return keyword === 'TZH' ? match[1].length : match[0].length
}

function store(keyword: string, digits: string, read: Read): void {
  const value = Number(digits)
  switch (keyword) {
    case 'YYYY':
    case 'YYY':
    case 'YY':
    case 'Y':
      read.year = digits.length <= 2 && keyword !== 'YYYY' ? value + (value < 70 ? 2000 : 1900) : value
      break
    case 'IYYY':
      read.isoYear = value
      break
    case 'IW':
      read.isoWeek = value
      break
    case 'ID':
      read.isoDay = value
      break
    case 'MM':
      read.month = value
      break
    case 'DD':
      read.day = value
      break
    case 'DDD':
      read.dayOfYear = value
      break
    case 'J':
      read.julian = value
      break
    case 'HH':
    case 'HH12':
    case 'HH24':
      read.hour = value
      break
    case 'MI':
      read.minute = value
      break
    case 'SS':
      read.second = value
      break
    case 'SSSS':
    case 'SSSSS':
      read.ofDay = value
      break
    default:
      if (keyword === 'MS' || keyword === 'US' || keyword.startsWith('FF')) read.micros = Number(digits.padEnd(6, '0'))
  }
}

function assemble(read: Read, text: string): Int64 {
  const range = (): EngineError => new EngineError('22008', `date/time field value out of range: "${text}"`)
  const { minute = 0, second = 0, micros = 0, half } = read
  let { hour = 0 } = read
  if (half) {
    if (hour < 1 || hour > 12) {
      throw new EngineError('22007', `hour "${hour}" is invalid for the 12-hour clock`)
    }
    hour = (hour % 12) + (half === 'pm' ? 12 : 0)
  }
  if (hour > 24 || minute > 59 || second > 60) throw range()
  const ofDay =
    read.ofDay === undefined ? (hour * 3600 + minute * 60 + second) * 1_000_000 + micros : read.ofDay * 1_000_000
  if (ofDay > MICROS_PER_DAY) throw range()
  return joinMicros(dayOf(read, range), ofDay)
}

function dayOf(read: Read, range: () => EngineError): number {
  if (read.julian !== undefined) return read.julian - 2_440_588
  if (read.isoYear !== undefined && read.isoWeek !== undefined) {
    return isoWeekStart(daysOfDate(read.isoYear, 1, 4)) + (read.isoWeek - 1) * 7 + (read.isoDay ?? 1) - 1
  }
  const given = read.year ?? read.isoYear ?? 0
  // Year 0, also when none is given, is 1 BC.
  const year = read.bc ? 1 - given : given
  if (read.dayOfYear !== undefined) return daysOfDate(year, 1, 1) + read.dayOfYear - 1
  const { month = 1, day = 1 } = read
  if (month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) throw range()
  return daysOfDate(year, month, day)
}
