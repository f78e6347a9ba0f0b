import { EngineError } from '../../base/errors.ts'
import { dateOfDays, daysInMonth, joinMicros, MICROS_PER_DAY, splitMicros } from '../../batch/civil.ts'
import { decimalToNumber } from '../../batch/numeric.ts'
import {
  BIGINT,
  DATE,
  type DataType,
  type Decimal,
  DOUBLE,
  INTEGER,
  INTERVAL,
  type Int64,
  type Interval,
  NUMERIC,
  TEXT,
  TIME,
  TIMESTAMP,
  TIMESTAMPTZ,
} from '../../batch/types.ts'
import {
  checkDate,
  checkTimestamp,
  dateToTimestamp,
  isInfinite,
  isInfiniteDate,
  timestampToDate,
  toInstant,
  toLocal,
} from '../datetime.ts'
import type { EvalContext } from '../expr.ts'
import {
  extractFromInterval,
  extractFromTime,
  extractFromTimestamp,
  truncateInterval,
  truncateTimestamp,
} from '../extract.ts'
import { addMicros } from '../int64.ts'
import {
  addDaysAndMonths,
  addIntervals,
  addToTimestamp,
  divideInterval,
  intervalMicros,
  intervalOf,
  multiplyInterval,
  negateInterval,
} from '../interval.ts'
import { type TimeZone, timeZone } from '../time-zone.ts'
import { define, type Overload } from './overload.ts'

/** Clock, arithmetic and parts of dates, times and intervals. */

const STABLE = { volatility: 'stable' } as const

function sessionZone(context: EvalContext): TimeZone {
  return timeZone(context.timeZone)
}

function now(context: EvalContext): number {
  return Math.floor(context.nowMicros)
}

function localNow(context: EvalContext): Int64 {
  return toLocal(now(context), sessionZone(context))
}

const clock = [
  ...['now', 'current_timestamp', 'transaction_timestamp', 'statement_timestamp', 'clock_timestamp', 'proctime'].map(
    name => define(name, [], TIMESTAMPTZ, now, STABLE),
  ),
  define('localtimestamp', [], TIMESTAMP, localNow, STABLE),
  define('current_date', [], DATE, (context: EvalContext) => timestampToDate(localNow(context)), STABLE),
  ...['localtime', 'current_time'].map(name =>
    define(name, [], TIME, (context: EvalContext) => splitMicros(localNow(context)).ofDay, STABLE),
  ),
  define('unix_timestamp', [], BIGINT, (context: EvalContext) => Math.floor(context.nowMicros / 1_000_000), STABLE),
]

/** An instant moved by an interval: months and days in local time, then exact time. */
function addToInstant(instant: Int64, by: Interval, zone: TimeZone): Int64 {
  if (isInfinite(instant)) return instant
  if (by.months === 0 && by.days === 0) return checkTimestamp(addMicros(instant, by.micros))
  const moved = toInstant(addDaysAndMonths(toLocal(instant, zone), by.months, by.days), zone)
  return checkTimestamp(addMicros(moved, by.micros))
}

function addToLocal(local: Int64, by: Interval): Int64 {
  return isInfinite(local) ? local : checkTimestamp(addToTimestamp(local, by))
}

function wrapTime(micros: number): number {
  return ((micros % MICROS_PER_DAY) + MICROS_PER_DAY) % MICROS_PER_DAY
}

/** The exact difference as days and time, the way Postgres subtracts timestamps. */
function difference(a: Int64, b: Int64): Interval {
  if (isInfinite(a) || isInfinite(b)) throw new EngineError('22008', 'cannot subtract infinite timestamps')
  const micros = typeof a === 'number' && typeof b === 'number' ? a - b : Number(BigInt(a) - BigInt(b))
  const days = Math.trunc(micros / MICROS_PER_DAY)
  return intervalOf(0, days, micros - days * MICROS_PER_DAY)
}

function addDays(days: number, count: number): number {
  return isInfiniteDate(days) ? days : checkDate(days + count)
}

const arithmetic = [
  define('+', [DATE, INTEGER], DATE, addDays),
  define('+', [INTEGER, DATE], DATE, (count: number, days: number) => addDays(days, count)),
  define('-', [DATE, INTEGER], DATE, (days: number, count: number) => addDays(days, -count)),
  define('-', [DATE, DATE], INTEGER, (a: number, b: number) => {
    if (isInfiniteDate(a) || isInfiniteDate(b)) throw new EngineError('22008', 'cannot subtract infinite dates')
    return a - b
  }),
  define('+', [DATE, TIME], TIMESTAMP, (days: number, micros: number) => addMicros(dateToTimestamp(days), micros)),
  define('+', [TIME, DATE], TIMESTAMP, (micros: number, days: number) => addMicros(dateToTimestamp(days), micros)),
  define('+', [DATE, INTERVAL], TIMESTAMP, (days: number, by: Interval) => addToLocal(dateToTimestamp(days), by)),
  define('+', [INTERVAL, DATE], TIMESTAMP, (by: Interval, days: number) => addToLocal(dateToTimestamp(days), by)),
  define('-', [DATE, INTERVAL], TIMESTAMP, (days: number, by: Interval) =>
    addToLocal(dateToTimestamp(days), negateInterval(by)),
  ),
  define('+', [TIMESTAMP, INTERVAL], TIMESTAMP, addToLocal),
  define('+', [INTERVAL, TIMESTAMP], TIMESTAMP, (by: Interval, at: Int64) => addToLocal(at, by)),
  define('-', [TIMESTAMP, INTERVAL], TIMESTAMP, (at: Int64, by: Interval) => addToLocal(at, negateInterval(by))),
  define('-', [TIMESTAMP, TIMESTAMP], INTERVAL, difference),
  define(
    '+',
    [TIMESTAMPTZ, INTERVAL],
    TIMESTAMPTZ,
    (at: Int64, by: Interval, context: EvalContext) => addToInstant(at, by, sessionZone(context)),
    STABLE,
  ),
  define(
    '+',
    [INTERVAL, TIMESTAMPTZ],
    TIMESTAMPTZ,
    (by: Interval, at: Int64, context: EvalContext) => addToInstant(at, by, sessionZone(context)),
    STABLE,
  ),
  define(
    '-',
    [TIMESTAMPTZ, INTERVAL],
    TIMESTAMPTZ,
    (at: Int64, by: Interval, context: EvalContext) => addToInstant(at, negateInterval(by), sessionZone(context)),
    STABLE,
  ),
  define('-', [TIMESTAMPTZ, TIMESTAMPTZ], INTERVAL, difference),
  define('+', [TIME, INTERVAL], TIME, (at: number, by: Interval) => wrapTime(at + by.micros)),
  define('+', [INTERVAL, TIME], TIME, (by: Interval, at: number) => wrapTime(at + by.micros)),
  define('-', [TIME, INTERVAL], TIME, (at: number, by: Interval) => wrapTime(at - by.micros)),
  define('-', [TIME, TIME], INTERVAL, (a: number, b: number) => intervalOf(0, 0, a - b)),
  define('+', [INTERVAL, INTERVAL], INTERVAL, addIntervals),
  define('-', [INTERVAL, INTERVAL], INTERVAL, (a: Interval, b: Interval) => addIntervals(a, negateInterval(b))),
  define('-', [INTERVAL], INTERVAL, negateInterval),
  define('+', [INTERVAL], INTERVAL, { inline: a => a }),
  define('*', [INTERVAL, DOUBLE], INTERVAL, multiplyInterval),
  define('*', [DOUBLE, INTERVAL], INTERVAL, (factor: number, a: Interval) => multiplyInterval(a, factor)),
  define('/', [INTERVAL, DOUBLE], INTERVAL, divideInterval),
]

function extractors(name: string, returns: DataType): Overload[] {
  const finish = (value: Decimal | null): Decimal | number | null =>
    value === null || returns === NUMERIC ? value : decimalToNumber(value)
  return [
    define(name, [TEXT, DATE], returns, (field: string, days: number) => {
      const local = dateToTimestamp(days)
      return finish(extractFromTimestamp(field, local, DATE, undefined, local))
    }),
    define(name, [TEXT, TIMESTAMP], returns, (field: string, at: Int64) =>
      finish(extractFromTimestamp(field, at, TIMESTAMP, undefined, at)),
    ),
    define(
      name,
      [TEXT, TIMESTAMPTZ],
      returns,
      (field: string, at: Int64, context: EvalContext) => {
        const zone = sessionZone(context)
        const offset = isInfinite(at) ? 0 : zone.offsetAt(Math.floor(Number(at) / 1_000_000))
        return finish(extractFromTimestamp(field, toLocal(at, zone), TIMESTAMPTZ, offset, at))
      },
      STABLE,
    ),
    define(name, [TEXT, TIME], returns, (field: string, at: number) => finish(extractFromTime(field, at))),
    define(name, [TEXT, INTERVAL], returns, (field: string, a: Interval) => finish(extractFromInterval(field, a))),
  ]
}

/** `year(ts)`, `hour(ts)` and so on, as Flink has them. */
const parts = ['year', 'quarter', 'month', 'week', 'hour', 'minute', 'second'].flatMap(field => [
  define(field, [DATE], BIGINT, (days: number) => wholeField(field, dateToTimestamp(days))),
  define(field, [TIMESTAMP], BIGINT, (at: Int64) => wholeField(field, at)),
  define(
    field,
    [TIMESTAMPTZ],
    BIGINT,
    (at: Int64, context: EvalContext) => wholeField(field, toLocal(at, sessionZone(context))),
    STABLE,
  ),
])

function wholeField(field: string, local: Int64): number | null {
  const value = extractFromTimestamp(field, local, TIMESTAMP, undefined, local)
  return value && Math.floor(decimalToNumber(value))
}

function truncateInstant(field: string, at: Int64, zone: TimeZone): Int64 {
  return toInstant(truncateTimestamp(field, toLocal(at, zone), TIMESTAMPTZ), zone)
}

const truncation = [
  define('date_trunc', [TEXT, TIMESTAMP], TIMESTAMP, (field: string, at: Int64) =>
    truncateTimestamp(field, at, TIMESTAMP),
  ),
  define(
    'date_trunc',
    [TEXT, TIMESTAMPTZ],
    TIMESTAMPTZ,
    (field: string, at: Int64, context: EvalContext) => truncateInstant(field, at, sessionZone(context)),
    STABLE,
  ),
  define('date_trunc', [TEXT, TIMESTAMPTZ, TEXT], TIMESTAMPTZ, (field: string, at: Int64, zone: string) =>
    truncateInstant(field, at, timeZone(zone)),
  ),
  define('date_trunc', [TEXT, INTERVAL], INTERVAL, truncateInterval),
  ...[TIMESTAMP, TIMESTAMPTZ].map(type => define('date_bin', [INTERVAL, type, type], type, bin)),
]

function bin(stride: Interval, at: Int64, origin: Int64): Int64 {
  if (isInfinite(at)) return at
  if (stride.months !== 0) {
    throw new EngineError('0A000', 'timestamps cannot be binned into intervals containing months or years')
  }
  const size = BigInt(intervalMicros(stride))
  if (size <= 0n) throw new EngineError('22008', 'stride must be greater than zero')
  const past = BigInt(at) - BigInt(origin)
  const rest = ((past % size) + size) % size
  return addMicros(at, -Number(rest))
}

/** Years, months, days and time between, counting whole months from the earlier one, as age() does. */
function age(later: Int64, earlier: Int64): Interval {
  if (isInfinite(later) || isInfinite(earlier)) throw new EngineError('22008', 'cannot subtract infinite timestamps')
  if (later < earlier) return negateInterval(age(earlier, later))
  const a = splitMicros(later)
  const b = splitMicros(earlier)
  const from = dateOfDays(b.days)
  const to = dateOfDays(a.days)
  let micros = a.ofDay - b.ofDay
  let days = to.day - from.day
  let months = (to.year - from.year) * 12 + to.month - from.month
  if (micros < 0) {
    micros += MICROS_PER_DAY
    days--
  }
  if (days < 0) {
    days += daysInMonth(from.year, from.month)
    months--
  }
  return intervalOf(months, days, micros)
}

const ages = [
  define('age', [TIMESTAMP, TIMESTAMP], INTERVAL, age),
  define(
    'age',
    [TIMESTAMPTZ, TIMESTAMPTZ],
    INTERVAL,
    (a: Int64, b: Int64, context: EvalContext) =>
      age(toLocal(a, sessionZone(context)), toLocal(b, sessionZone(context))),
    STABLE,
  ),
  ...[TIMESTAMP, TIMESTAMPTZ].map(type =>
    define(
      'age',
      [type],
      INTERVAL,
      (at: Int64, context: EvalContext) => {
        const today = joinMicros(splitMicros(localNow(context)).days, 0)
        return age(today, type === TIMESTAMP ? at : toLocal(at, sessionZone(context)))
      },
      STABLE,
    ),
  ),
]

export const datetimeFunctions: readonly Overload[] = [
  ...clock,
  ...arithmetic,
  ...extractors('extract', NUMERIC),
  ...extractors('date_part', DOUBLE),
  ...parts,
  ...truncation,
  ...ages,
]
