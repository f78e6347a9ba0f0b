import { EngineError } from '../base/errors.ts'
import { daysInMonth, daysOfDate, MICROS_PER_DAY } from '../batch/civil.ts'
import { decodeUtf8 } from '../batch/column.ts'
import { type EpochUnit, epochMicros, TimeReader } from '../batch/parse-time.ts'
import type { Int64 } from '../batch/types.ts'

/**
 * How a column's dates and times are written. `auto`: ISO 8601 or Postgres' spelling, with or without zone; a whole number (also as
 * a string of digits) is milliseconds since 1970, one with a fraction seconds. Nothing is guessed from the size of a number.
 */
export type TimeFormat =
  | { readonly kind: 'auto' }
  | { readonly kind: 'iso' }
  | { readonly kind: 'epoch'; readonly unit: EpochUnit }
  | { readonly kind: 'pattern'; readonly pattern: string; readonly steps: readonly Step[] }

type Part =
  | 'year'
  | 'month'
  | 'monthName'
  | 'day'
  | 'hour'
  | 'hour12'
  | 'minute'
  | 'second'
  | 'fraction'
  | 'half'
  | 'zone'
type Step = { readonly part: Part; readonly digits: number } | { readonly literal: number }

/** The value of a column's FORMAT: `iso`, `epoch_s`, `epoch_ms`, `epoch_us`, `epoch_ns` or a pattern. Throws EngineError 22023. */
export function parseTimeFormat(text: string | undefined): TimeFormat {
  if (text === undefined) return { kind: 'auto' }
  switch (text.toLowerCase()) {
    case 'iso':
      return { kind: 'iso' }
    case 'epoch_s':
      return { kind: 'epoch', unit: 's' }
    case 'epoch_ms':
      return { kind: 'epoch', unit: 'ms' }
    case 'epoch_us':
      return { kind: 'epoch', unit: 'us' }
    case 'epoch_ns':
      return { kind: 'epoch', unit: 'ns' }
    default:
      return { kind: 'pattern', pattern: text, steps: compilePattern(text) }
  }
}

/** Microseconds since 1970 (of the day, for a time) that text or a number's digits mean in a format; undefined: they mean none. */
export function readInstant(
  reader: TimeReader,
  format: TimeFormat,
  bytes: Uint8Array,
  start: number,
  end: number,
  zoned: boolean,
): Int64 | undefined {
  switch (format.kind) {
    case 'iso':
      return readIso(reader, bytes, start, end, zoned)
    case 'epoch':
      // ISO cannot be mistaken for a count, and it is what our own encoder writes into such a topic.
      return epochMicros(bytes, start, end, format.unit) ?? readIso(reader, bytes, start, end, zoned)
    case 'pattern':
      return readPattern(format.steps, bytes, start, end, zoned)
    case 'auto':
      return (
        readIso(reader, bytes, start, end, zoned) ??
        epochMicros(bytes, start, end, hasPoint(bytes, start, end) ? 's' : 'ms')
      )
  }
}

function readIso(reader: TimeReader, bytes: Uint8Array, start: number, end: number, zoned: boolean): Int64 | undefined {
  return reader.read(bytes, start, end) ? reader.instant(zoned) : undefined
}

function hasPoint(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (bytes[i] === 46) return true
  return false
}

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']

/** Letters of java.time (`MM/dd/yyyy HH:mm:ss.SSS`) and of Postgres' to_timestamp (`MM/DD/YYYY HH24:MI:SS.MS`). */
const JAVA: readonly (readonly [RegExp, Part])[] = [
  [/^(yyyy|uuuu)/, 'year'],
  [/^(MMM)/, 'monthName'],
  [/^(MM?)/, 'month'],
  [/^(dd?)/, 'day'],
  [/^(HH?)/, 'hour'],
  [/^(hh?)/, 'hour12'],
  [/^(mm?)/, 'minute'],
  [/^(ss?)/, 'second'],
  [/^(S+)/, 'fraction'],
  [/^(a)/, 'half'],
  [/^(X+|x+|Z+)/, 'zone'],
]
const POSTGRES: readonly (readonly [RegExp, Part])[] = [
  [/^(YYYY)/i, 'year'],
  [/^(MON)/i, 'monthName'],
  [/^(MM)/i, 'month'],
  [/^(DD)/i, 'day'],
  [/^(HH24)/i, 'hour'],
  [/^(HH12|HH)/i, 'hour12'],
  [/^(MI)/i, 'minute'],
  [/^(SS)/i, 'second'],
  [/^(MS|US|FF\d?)/i, 'fraction'],
  [/^(AM|PM)/i, 'half'],
  [/^(TZH:?TZM|TZH|OF)/i, 'zone'],
]

function compilePattern(pattern: string): Step[] {
  const letters = /YYYY|HH24|HH12|MI|DD/.test(pattern) ? POSTGRES : JAVA
  const steps: Step[] = []
  let rest = pattern
  while (rest !== '') {
    const quoted = /^'([^']*)'|^"([^"]*)"/.exec(rest)
    const known = letters.map(([regex, part]) => ({ match: regex.exec(rest), part })).find(l => l.match !== null)
    if (quoted) {
      for (const byte of Buffer.from(quoted[1] ?? quoted[2])) steps.push({ literal: byte })
      rest = rest.slice(quoted[0].length)
    } else if (known?.match) {
      steps.push({ part: known.part, digits: known.match[0].length })
      rest = rest.slice(known.match[0].length)
    } else if (/^[A-Za-z]/.test(rest) && !/^[TZ]/.test(rest)) {
      const hint = "Use epoch_s, epoch_ms, epoch_us, epoch_ns, iso, or a pattern such as 'MM/dd/yyyy HH:mm:ss'."
      throw new EngineError('22023', `time format "${pattern}": "${rest}" is not known`, { hint })
    } else {
      const character = String.fromCodePoint(rest.codePointAt(0) ?? 0)
      for (const byte of Buffer.from(character)) steps.push({ literal: byte })
      rest = rest.slice(character.length)
    }
  }
  return steps
}

const zoneReader = new TimeReader()

function readPattern(
  steps: readonly Step[],
  bytes: Uint8Array,
  start: number,
  end: number,
  zoned: boolean,
): Int64 | undefined {
  let at = start
  let [year, month, day, hour, minute, second, micros, offset] = [1970, 1, 1, 0, 0, 0, 0, 0]
  let half = -1
  for (let i = 0; i < steps.length; i++) {
    const step = steps[i]
    if ('literal' in step) {
      if (at >= end || bytes[at++] !== step.literal) return undefined
      continue
    }
    if (step.part === 'monthName' || step.part === 'half') {
      const length = step.part === 'half' ? 2 : 3
      const word = decodeUtf8(bytes, at, Math.min(end, at + length)).toLowerCase()
      if (step.part === 'half') half = ['am', 'pm'].indexOf(word)
      else month = MONTHS.indexOf(word) + 1
      if (month === 0 || (step.part === 'half' && half < 0)) return undefined
      at += length
      continue
    }
    if (step.part === 'zone') {
      // Read as the zone of a time of day, up to the end: zones come last.
      const zone = Buffer.concat([Buffer.from('00:00'), bytes.subarray(at, end)])
      if (at >= end || !zoneReader.readTime(zone, 0, zone.length)) return undefined
      offset = zoneReader.offsetSeconds ?? 0
      at = end
      continue
    }
    // A number runs on to the next non-digit unless another number follows at once, as in yyyyMMdd.
    const next = steps[i + 1]
    const fixed = step.part === 'fraction' ? 9 : step.part === 'year' ? 4 : 2
    const most = next !== undefined && 'part' in next ? step.digits : fixed
    const first = at
    let value = 0
    while (at < end && at - first < most && bytes[at] >= 48 && bytes[at] <= 57) value = value * 10 + (bytes[at++] - 48)
    if (at === first) return undefined
    if (step.part === 'year') year = value
    else if (step.part === 'month') month = value
    else if (step.part === 'day') day = value
    else if (step.part === 'hour' || step.part === 'hour12') hour = value
    else if (step.part === 'minute') minute = value
    else if (step.part === 'second') second = value
    else micros = Math.round(value * 10 ** (6 - (at - first)))
  }
  if (half >= 0) {
    if (hour < 1 || hour > 12) return undefined
    hour = (hour % 12) + 12 * half
  }
  if (at !== end || month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) return undefined
  if (hour > 24 || minute > 59 || second > 60) return undefined
  const seconds = (hour * 60 + minute) * 60 + second - (zoned ? offset : 0)
  return daysOfDate(year, month, day) * MICROS_PER_DAY + seconds * 1_000_000 + micros
}
