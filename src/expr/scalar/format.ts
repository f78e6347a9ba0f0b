import { decimalOfInt, decimalOfNumber } from '../../batch/numeric.ts'
import {
  BIGINT,
  DATE,
  type Datum,
  type Decimal,
  DOUBLE,
  INTEGER,
  INTERVAL,
  type Int64,
  type Interval,
  NUMERIC,
  REAL,
  TEXT,
  TIMESTAMP,
  TIMESTAMPTZ,
} from '../../batch/types.ts'
import { checkTimestamp, dateToTimestamp, isInfinite, timestampToDate, toInstant, toLocal } from '../datetime.ts'
import type { EvalContext } from '../expr.ts'
import { formatNumber, parseNumber } from '../format-number.ts'
import { formatTimeParts, partsOfInterval, partsOfTimestamp } from '../format-time.ts'
import { addMicros } from '../int64.ts'
import { parseTime } from '../read-time.ts'
import { timeZone } from '../time-zone.ts'
import { define, type Overload } from './overload.ts'

/** to_char, to_date, to_timestamp and to_number with Postgres' templates. */

const STABLE = { volatility: 'stable' } as const

function timestampToChar(at: Int64, pattern: string): Datum {
  return isInfinite(at) ? null : formatTimeParts(partsOfTimestamp(at), pattern)
}

function instantToChar(at: Int64, pattern: string, context: EvalContext): Datum {
  if (isInfinite(at)) return null
  const zone = timeZone(context.timeZone)
  const offset = zone.offsetAt(Math.floor(Number(at) / 1_000_000))
  return formatTimeParts(partsOfTimestamp(toLocal(at, zone), offset, zone.name), pattern)
}

/** An instant read by a template; without an offset in the text the session's zone holds. */
function readInstant(text: string, pattern: string, context: EvalContext): Int64 {
  const { local, offset } = parseTime(text, pattern)
  if (offset !== undefined) return checkTimestamp(addMicros(local, -offset * 1_000_000))
  return checkTimestamp(toInstant(local, timeZone(context.timeZone)))
}

export const formatFunctions: readonly Overload[] = [
  define('to_char', [INTEGER, TEXT], TEXT, (n: number, pattern: string) => formatNumber(decimalOfInt(n), pattern)),
  define('to_char', [BIGINT, TEXT], TEXT, (n: Int64, pattern: string) => formatNumber(decimalOfInt(n), pattern)),
  define('to_char', [NUMERIC, TEXT], TEXT, (n: Decimal, pattern: string) => formatNumber(n, pattern)),
  define('to_char', [REAL, TEXT], TEXT, (n: number, pattern: string) => formatNumber(decimalOfNumber(n, 6), pattern)),
  define('to_char', [DOUBLE, TEXT], TEXT, (n: number, pattern: string) =>
    formatNumber(decimalOfNumber(n, 15), pattern),
  ),
  define('to_char', [TIMESTAMP, TEXT], TEXT, timestampToChar),
  define('to_char', [TIMESTAMPTZ, TEXT], TEXT, instantToChar, STABLE),
  define('to_char', [INTERVAL, TEXT], TEXT, (a: Interval, pattern: string) =>
    formatTimeParts(partsOfInterval(a), pattern),
  ),
  // Flink and ksqlDB. A date is a timestamp here as everywhere.
  define('date_format', [TIMESTAMP, TEXT], TEXT, (at: Int64, pattern: string) =>
    timestampToChar(at, javaPattern(pattern)),
  ),
  define(
    'date_format',
    [TIMESTAMPTZ, TEXT],
    TEXT,
    (at: Int64, pattern: string, context: EvalContext) => instantToChar(at, javaPattern(pattern), context),
    STABLE,
  ),
  define('to_date', [TEXT, TEXT], DATE, (text: string, pattern: string) =>
    timestampToDate(parseTime(text, pattern).local),
  ),
  define('to_timestamp', [TEXT, TEXT], TIMESTAMPTZ, readInstant, STABLE),
  define('to_number', [TEXT, TEXT], NUMERIC, parseNumber),
  define('to_char', [DATE, TEXT], TEXT, (days: number, pattern: string) =>
    timestampToChar(dateToTimestamp(days), pattern),
  ),
]

const JAVA: Readonly<Record<string, string>> = {
  yyyy: 'YYYY',
  yy: 'YY',
  MM: 'MM',
  dd: 'DD',
  HH: 'HH24',
  hh: 'HH12',
  mm: 'MI',
  ss: 'SS',
  SSS: 'MS',
  SSSSSS: 'US',
  EEE: 'Dy',
  EEEE: 'FMDay',
  MMM: 'Mon',
  MMMM: 'FMMonth',
  a: 'AM',
  DDD: 'DDD',
}

/** The template that means what a Java date pattern does: `yyyy-MM-dd HH:mm:ss`. */
function javaPattern(pattern: string): string {
  return pattern.replace(/'([^']*)'|([a-zA-Z])\2*/g, (run, quoted?: string) => {
    if (quoted !== undefined) return `"${quoted || "'"}"`
    return Object.hasOwn(JAVA, run) ? JAVA[run] : run
  })
}
