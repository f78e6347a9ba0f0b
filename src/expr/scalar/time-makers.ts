import { EngineError } from '../../base/errors.ts'
import { daysInMonth, daysOfDate, joinMicros, MICROS_PER_DAY } from '../../batch/civil.ts'
import {
  BIGINT,
  BOOLEAN,
  DATE,
  DOUBLE,
  INTEGER,
  INTERVAL,
  type Int64,
  type Interval,
  TEXT,
  TIME,
  TIMESTAMP,
  TIMESTAMPTZ,
} from '../../batch/types.ts'
import {
  checkDate,
  checkTimestamp,
  isInfinite,
  isInfiniteDate,
  parseDateTimeText,
  timestampToDate,
  toInstant,
  toLocal,
} from '../datetime.ts'
import type { EvalContext } from '../expr.ts'
import { addMicros, INT64_MAX, INT64_MIN, int64OfNumber } from '../int64.ts'
import { intervalOf } from '../interval.ts'
import { fixedZone, type TimeZone, timeZone } from '../time-zone.ts'
import { define, type Overload } from './overload.ts'

/** Dates, times and intervals made from numbers, moved between zones, and brought into shape. */

const STABLE = { volatility: 'stable' } as const

function sessionZone(context: EvalContext): TimeZone {
  return timeZone(context.timeZone)
}

function outOfRange(what: string): EngineError {
  return new EngineError('22008', `${what} field value out of range`)
}

function makeDate(year: number, month: number, day: number): number {
  const y = year < 0 ? year + 1 : year
  if (year === 0 || month < 1 || month > 12 || day < 1 || day > daysInMonth(y, month)) throw outOfRange('date')
  return checkDate(daysOfDate(y, month, day))
}

function makeTime(hour: number, minute: number, second: number): number {
  const micros = (hour * 3600 + minute * 60) * 1_000_000 + Math.round(second * 1_000_000)
  if (hour < 0 || minute < 0 || minute > 59 || second < 0 || second > 60 || micros > MICROS_PER_DAY) {
    throw outOfRange('time')
  }
  return micros
}

function makeTimestamp(year: number, month: number, day: number, hour: number, minute: number, second: number): Int64 {
  return joinMicros(makeDate(year, month, day), makeTime(hour, minute, second))
}

const SIX = [INTEGER, INTEGER, INTEGER, INTEGER, INTEGER, DOUBLE]
type Six = [number, number, number, number, number, number]
const INTERVAL_PARTS = [INTEGER, INTEGER, INTEGER, INTEGER, INTEGER, INTEGER, DOUBLE]

const makers = [
  define('make_date', [INTEGER, INTEGER, INTEGER], DATE, makeDate),
  define('make_time', [INTEGER, INTEGER, DOUBLE], TIME, makeTime),
  define('make_timestamp', SIX, TIMESTAMP, makeTimestamp),
  define(
    'make_timestamptz',
    SIX,
    TIMESTAMPTZ,
    (...given: [...Six, EvalContext]) => {
      const [y, mo, d, h, mi, s, context] = given
      return toInstant(makeTimestamp(y, mo, d, h, mi, s), sessionZone(context))
    },
    STABLE,
  ),
  define('make_timestamptz', [...SIX, TEXT], TIMESTAMPTZ, (...given: [...Six, string]) => {
    const [y, mo, d, h, mi, s, zone] = given
    return toInstant(makeTimestamp(y, mo, d, h, mi, s), timeZone(zone))
  }),
  // years, months, weeks, days, hours, minutes, seconds: those left out are 0.
  ...INTERVAL_PARTS.map((_, i) =>
    define('make_interval', INTERVAL_PARTS.slice(0, i + 1), INTERVAL, (...given: unknown[]) => {
      const [y = 0, mo = 0, w = 0, d = 0, h = 0, mi = 0, s = 0] = given.slice(0, i + 1).map(Number)
      return intervalOf(y * 12 + mo, w * 7 + d, (h * 3600 + mi * 60) * 1_000_000 + Math.round(s * 1_000_000))
    }),
  ),
  define('to_timestamp', [DOUBLE], TIMESTAMPTZ, (seconds: number) => {
    if (Number.isNaN(seconds)) throw new EngineError('22008', 'timestamp cannot be NaN')
    if (!Number.isFinite(seconds)) return seconds > 0 ? INT64_MAX : INT64_MIN
    const whole = Math.floor(seconds)
    return checkTimestamp(addMicros(int64OfNumber(whole * 1_000_000), Math.round((seconds - whole) * 1_000_000)))
  }),
  // Flink: the epoch in units of 10^-precision seconds.
  define('to_timestamp_ltz', [BIGINT, INTEGER], TIMESTAMPTZ, (epoch: Int64, precision: number) => {
    if (precision < 0 || precision > 6) throw new EngineError('22023', 'the precision must be between 0 and 6')
    return checkTimestamp(int64OfNumber(Number(epoch) * 10 ** (6 - precision)))
  }),
  define(
    'from_unixtime',
    [BIGINT],
    TIMESTAMP,
    (seconds: Int64, context: EvalContext) => toLocal(int64OfNumber(Number(seconds) * 1_000_000), sessionZone(context)),
    STABLE,
  ),
  ...[TIMESTAMP, TIMESTAMPTZ].map(type =>
    define(
      'unix_timestamp',
      [type],
      BIGINT,
      (at: Int64, context: EvalContext) =>
        Math.floor(Number(type === TIMESTAMP ? toInstant(at, sessionZone(context)) : at) / 1_000_000),
      STABLE,
    ),
  ),
]

/** `timezone(zone, x)`: what AT TIME ZONE is bound to. */
const zones = [
  define('timezone', [TEXT, TIMESTAMP], TIMESTAMPTZ, (zone: string, at: Int64) => toInstant(at, timeZone(zone))),
  define('timezone', [TEXT, TIMESTAMPTZ], TIMESTAMP, (zone: string, at: Int64) => toLocal(at, timeZone(zone))),
  // AT LOCAL.
  define(
    'timezone',
    [TIMESTAMP],
    TIMESTAMPTZ,
    (at: Int64, context: EvalContext) => toInstant(at, sessionZone(context)),
    STABLE,
  ),
  define(
    'timezone',
    [TIMESTAMPTZ],
    TIMESTAMP,
    (at: Int64, context: EvalContext) => toLocal(at, sessionZone(context)),
    STABLE,
  ),
  define('timezone', [INTERVAL, TIMESTAMP], TIMESTAMPTZ, (by: Interval, at: Int64) =>
    toInstant(at, zoneOfInterval(by)),
  ),
  define('timezone', [INTERVAL, TIMESTAMPTZ], TIMESTAMP, (by: Interval, at: Int64) => toLocal(at, zoneOfInterval(by))),
  define(
    'date',
    [TIMESTAMPTZ],
    DATE,
    (at: Int64, context: EvalContext) => timestampToDate(toLocal(at, sessionZone(context))),
    STABLE,
  ),
  define('date', [TIMESTAMP], DATE, timestampToDate),
  define(
    'date',
    [TEXT],
    DATE,
    (text: string, context: EvalContext) => parseDateTimeText(text, 'date', context),
    STABLE,
  ),
]

function zoneOfInterval(by: Interval): TimeZone {
  if (by.months !== 0 || by.days !== 0) {
    throw new EngineError('22023', 'interval time zone must not include months or days')
  }
  return fixedZone('', by.micros / 1_000_000)
}

const justify = [
  define('justify_hours', [INTERVAL], INTERVAL, justifyHours),
  define('justify_days', [INTERVAL], INTERVAL, justifyDays),
  define('justify_interval', [INTERVAL], INTERVAL, (a: Interval) => sameSigns(justifyDays(justifyHours(a)))),
]

function justifyHours({ months, days, micros }: Interval): Interval {
  const carried = Math.trunc(micros / MICROS_PER_DAY)
  let d = days + carried
  let t = micros - carried * MICROS_PER_DAY
  if (d > 0 && t < 0) {
    t += MICROS_PER_DAY
    d--
  } else if (d < 0 && t > 0) {
    t -= MICROS_PER_DAY
    d++
  }
  return intervalOf(months, d, t)
}

function justifyDays({ months, days, micros }: Interval): Interval {
  const carried = Math.trunc(days / 30)
  let m = months + carried
  let d = days - carried * 30
  if (m > 0 && d < 0) {
    d += 30
    m--
  } else if (m < 0 && d > 0) {
    d -= 30
    m++
  }
  return intervalOf(m, d, micros)
}

function sameSigns(a: Interval): Interval {
  let { months, days, micros } = a
  if (months > 0 && (days < 0 || (days === 0 && micros < 0))) {
    days += 30
    months--
  } else if (months < 0 && (days > 0 || (days === 0 && micros > 0))) {
    days -= 30
    months++
  }
  if (days > 0 && micros < 0) {
    micros += MICROS_PER_DAY
    days--
  } else if (days < 0 && micros > 0) {
    micros -= MICROS_PER_DAY
    days++
  }
  return intervalOf(months, days, micros)
}

const tests = [
  define('isfinite', [DATE], BOOLEAN, (days: number) => !isInfiniteDate(days)),
  define('isfinite', [TIMESTAMP], BOOLEAN, (at: Int64) => !isInfinite(at)),
  define('isfinite', [TIMESTAMPTZ], BOOLEAN, (at: Int64) => !isInfinite(at)),
  define('isfinite', [INTERVAL], BOOLEAN, () => true),
]

export const timeMakers: readonly Overload[] = [...makers, ...zones, ...justify, ...tests]
