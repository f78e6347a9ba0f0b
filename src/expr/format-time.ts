import { dateOfDays, daysOfDate, isoWeek, isoWeekStart, splitMicros, weekday } from '../batch/civil.ts'
import type { Int64, Interval } from '../batch/types.ts'
import { ordinal, romanDigits } from './format-number.ts'

/** to_char for times: Postgres' templates. */

/** English names, January first. */
export const MONTHS = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
]
const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday']

/** Longest first, so that YYYY is not four Ys. */
const KEYWORDS =
  'SSSSS SSSS Y,YYY YYYY IYYY IDDD MONTH A\\.D\\. B\\.C\\. A\\.M\\. P\\.M\\. HH24 HH12 YYY IYY DDD DAY MON TZH TZM YY IY HH MI SS MS US FF[1-6] MM DD DY ID IW WW CC RM TZ OF AM PM AD BC Y I D W Q J'
const TOKEN = new RegExp(`"((?:[^"\\\\]|\\\\.)*)"|(FM|TM)?(${KEYWORDS.split(' ').join('|')})(TH)?|(.)`, 'gis')

/** One piece of a template. */
export interface Node {
  /** Undefined: stands as it is. */
  readonly keyword: string | undefined
  readonly written: string
  readonly fill: boolean
  /** TH or th behind it. */
  readonly ordinal: string | undefined
  readonly quoted: boolean
}

const patterns = new Map<string, Node[]>()

/** The template as fields and literal text. Remembered. */
export function parsePattern(pattern: string): Node[] {
  const known = patterns.get(pattern)
  if (known) return known
  const nodes = [...pattern.matchAll(TOKEN)].map(([, quoted, modifier, keyword, th, other]): Node => {
    const text = quoted?.replace(/\\(.)/g, '$1') ?? other
    return {
      keyword: keyword?.toUpperCase(),
      written: keyword ?? text ?? '',
      fill: modifier?.toUpperCase() !== 'FM',
      ordinal: th,
      quoted: quoted !== undefined,
    }
  })
  if (patterns.size > 200) patterns.clear()
  patterns.set(pattern, nodes)
  return nodes
}

/** What the fields of a template are filled from. */
export interface TimeParts {
  readonly year: number
  readonly month: number
  readonly day: number
  readonly hour: number
  readonly minute: number
  readonly second: number
  readonly micros: number
  /** Undefined for an interval, which has no calendar day. */
  readonly days: number | undefined
  /** Seconds east of UTC and the zone's short name, for a timestamptz. */
  readonly offset: number
  readonly zoneName: string
}

/** The fields of a wall time. */
export function partsOfTimestamp(local: Int64, offset = 0, zoneName = ''): TimeParts {
  const { days, ofDay } = splitMicros(local)
  return { ...dateOfDays(days), ...clockOf(ofDay), days, offset, zoneName }
}

export function partsOfInterval({ months, days, micros }: Interval): TimeParts {
  return {
    year: Math.trunc(months / 12),
    month: months % 12,
    day: days,
    ...clockOf(micros),
    days: undefined,
    offset: 0,
    zoneName: '',
  }
}

function clockOf(micros: number): { hour: number; minute: number; second: number; micros: number } {
  return {
    hour: Math.trunc(micros / 3_600_000_000),
    minute: Math.trunc(micros / 60_000_000) % 60,
    second: Math.trunc(micros / 1_000_000) % 60,
    micros: micros % 1_000_000,
  }
}

export function formatTimeParts(parts: TimeParts, pattern: string): string {
  return parsePattern(pattern)
    .map(node => {
      if (node.keyword === undefined) return node.written
      const text = fieldText(node, parts)
      return node.ordinal ? text + ordinal(Number(text.slice(-2)), node.ordinal === 'TH') : text
    })
    .join('')
}

function fieldText({ keyword = '', written, fill }: Node, parts: TimeParts): string {
  const { days } = parts
  const pad = (n: number, width: number): string => {
    const digits = fill ? String(Math.abs(n)).padStart(width, '0') : String(Math.abs(n))
    return n < 0 ? `-${digits}` : digits
  }
  const year = parts.year > 0 || days === undefined ? parts.year : 1 - parts.year
  switch (keyword) {
    case 'HH':
    case 'HH12':
      return pad(((parts.hour + 11) % 12) + 1, 2)
    case 'HH24':
      return pad(parts.hour, 2)
    case 'MI':
      return pad(parts.minute, 2)
    case 'SS':
      return pad(parts.second, 2)
    case 'MS':
      return pad(Math.floor(parts.micros / 1000), 3)
    case 'US':
      return pad(parts.micros, 6)
    case 'SSSS':
    case 'SSSSS':
      return String(parts.hour * 3600 + parts.minute * 60 + parts.second)
    case 'AM':
    case 'PM':
    case 'A.M.':
    case 'P.M.': {
      const half = parts.hour % 24 < 12 ? 'AM' : 'PM'
      return cased(keyword.includes('.') ? `${half[0]}.M.` : half, written)
    }
    case 'AD':
    case 'BC':
    case 'A.D.':
    case 'B.C.': {
      const era = parts.year > 0 ? 'AD' : 'BC'
      return cased(keyword.includes('.') ? `${era[0]}.${era[1]}.` : era, written)
    }
    case 'Y,YYY':
      return `${Math.floor(year / 1000)},${String(year % 1000).padStart(3, '0')}`
    case 'YYYY':
    case 'YYY':
    case 'YY':
    case 'Y':
      return pad(keyword.length === 4 ? year : year % 10 ** keyword.length, keyword.length)
    case 'MM':
      return pad(parts.month, 2)
    case 'DD':
      return pad(parts.day, 2)
    case 'MONTH':
      return name(MONTHS[parts.month - 1] ?? '', written, fill ? 9 : 0)
    case 'MON':
      return name((MONTHS[parts.month - 1] ?? '').slice(0, 3), written, 0)
    case 'RM': {
      const digits = parts.month > 0 ? romanDigits(parts.month) : ''
      return cased(fill ? digits.padEnd(4) : digits, written)
    }
    case 'Q':
      return String(Math.ceil(parts.month / 3))
    case 'CC':
      return pad(Math.ceil(year / 100), 2)
    case 'TZ':
      return written === 'tz' ? parts.zoneName.toLowerCase() : parts.zoneName
    case 'TZH':
      return `${parts.offset < 0 ? '-' : '+'}${pad2(Math.floor(Math.abs(parts.offset) / 3600))}`
    case 'TZM':
      return pad2(Math.floor(Math.abs(parts.offset) / 60) % 60)
    case 'OF': {
      const minutes = Math.floor(Math.abs(parts.offset) / 60)
      const tail = minutes % 60 === 0 ? '' : `:${pad2(minutes % 60)}`
      return `${parts.offset < 0 ? '-' : '+'}${pad2(Math.floor(minutes / 60))}${tail}`
    }
    default:
      if (keyword.startsWith('FF')) return pad2(parts.micros, 6).slice(0, Number(keyword[2]))
      return dayField(keyword, written, fill, days ?? 0, pad)
  }
}

function pad2(n: number, width = 2): string {
  return String(n).padStart(width, '0')
}

function dayField(
  keyword: string,
  written: string,
  fill: boolean,
  days: number,
  pad: (n: number, width: number) => string,
): string {
  const { year, day } = dateOfDays(days)
  const ofYear = days - daysOfDate(year, 1, 1) + 1
  const iso = isoWeek(days)
  switch (keyword) {
    case 'DAY':
      return name(DAYS[weekday(days)], written, fill ? 9 : 0)
    case 'DY':
      return name(DAYS[weekday(days)].slice(0, 3), written, 0)
    case 'DDD':
      return pad(ofYear, 3)
    case 'IDDD':
      return pad((iso.week - 1) * 7 + (days - isoWeekStart(days)) + 1, 3)
    case 'D':
      return String(weekday(days) + 1)
    case 'ID':
      return String(days - isoWeekStart(days) + 1)
    case 'W':
      return String(Math.floor((day - 1) / 7) + 1)
    case 'WW':
      return pad(Math.floor((ofYear - 1) / 7) + 1, 2)
    case 'IW':
      return pad(iso.week, 2)
    case 'J':
      return String(days + 2_440_588)
    default:
      // IYYY, IYY, IY, I.
      return pad(keyword.length === 4 ? iso.year : iso.year % 10 ** keyword.length, keyword.length)
  }
}

function cased(text: string, written: string): string {
  return written === written.toLowerCase() ? text.toLowerCase() : text
}

/** MONTH, Month or month: the case of the first two letters counts. */
function name(text: string, written: string, width: number): string {
  const upper = written[1] === written[1].toUpperCase()
  const shown = upper ? text.toUpperCase() : written[0] === written[0].toLowerCase() ? text.toLowerCase() : text
  return shown.padEnd(width)
}
