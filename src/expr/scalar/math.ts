import { EngineError } from '../../base/errors.ts'
import {
  ceilDecimal,
  compareDecimals,
  decimalOfInt,
  divideDecimals,
  floorDecimal,
  moduloDecimals,
  multiplyDecimals,
  roundDecimal,
  signOf,
  subtractDecimals,
  trimTrailingZeros,
  truncDecimal,
} from '../../batch/numeric.ts'
import {
  BIGINT,
  type DataType,
  type Datum,
  type Decimal,
  DOUBLE,
  INTEGER,
  type Int64,
  NUMERIC,
  SMALLINT,
} from '../../batch/types.ts'
import { floatOverflow } from '../cast.ts'
import { type Comparison, compareFloats, comparisonOf } from '../compare.ts'
import { check32, checkedInt64, modulo32, modulo64, roundHalfEven } from '../int64.ts'
import { expDecimal, lnDecimal, log10Decimal, logDecimals, powerDecimals } from '../numeric-math.ts'
import { powerFloats } from './arithmetic.ts'
import { ANYELEMENT, define, type Overload } from './overload.ts'

/** Mathematical functions beyond the operators. */

const rounding = [
  ...['ceil', 'ceiling'].flatMap(name => [
    define(name, [NUMERIC], NUMERIC, ceilDecimal),
    define(name, [DOUBLE], DOUBLE, { inline: a => `Math.ceil(${a})` }),
  ]),
  define('floor', [NUMERIC], NUMERIC, floorDecimal),
  define('floor', [DOUBLE], DOUBLE, { inline: a => `Math.floor(${a})` }),
  define('round', [NUMERIC], NUMERIC, (a: Decimal) => roundDecimal(a, 0)),
  define('round', [NUMERIC, INTEGER], NUMERIC, (a: Decimal, digits: number) => roundDecimal(a, digits)),
  define('round', [DOUBLE], DOUBLE, (a: number) => (Number.isFinite(a) ? roundHalfEven(a) : a)),
  define('trunc', [NUMERIC], NUMERIC, (a: Decimal) => truncDecimal(a, 0)),
  define('trunc', [NUMERIC, INTEGER], NUMERIC, (a: Decimal, digits: number) => truncDecimal(a, digits)),
  define('trunc', [DOUBLE], DOUBLE, { inline: a => `Math.trunc(${a})` }),
  define('truncate', [NUMERIC, INTEGER], NUMERIC, (a: Decimal, digits: number) => truncDecimal(a, digits)),
  define('sign', [NUMERIC], NUMERIC, (a: Decimal) => (a.special === 'NaN' ? a : decimalOfInt(signOf(a)))),
  define('sign', [DOUBLE], DOUBLE, { inline: a => `Math.sign(${a})` }),
  define('scale', [NUMERIC], INTEGER, (a: Decimal) => (a.special ? null : a.scale)),
  define('min_scale', [NUMERIC], INTEGER, (a: Decimal) => (a.special ? null : trimTrailingZeros(a).scale)),
  define('trim_scale', [NUMERIC], NUMERIC, trimTrailingZeros),
]

function logarithm(value: number, of: (value: number) => number): number {
  if (value === 0) throw new EngineError('2201E', 'cannot take logarithm of zero')
  if (value < 0) throw new EngineError('2201E', 'cannot take logarithm of a negative number')
  return of(value)
}

function exponential(value: number): number {
  const result = Math.exp(value)
  if (result === Number.POSITIVE_INFINITY && value !== result) throw floatOverflow()
  if (result === 0 && value !== Number.NEGATIVE_INFINITY) {
    throw new EngineError('22003', 'value out of range: underflow')
  }
  return result
}

const powers = [
  ...['power', 'pow'].flatMap(name => [
    define(name, [NUMERIC, NUMERIC], NUMERIC, powerDecimals),
    define(name, [DOUBLE, DOUBLE], DOUBLE, powerFloats),
  ]),
  define('exp', [NUMERIC], NUMERIC, expDecimal),
  define('exp', [DOUBLE], DOUBLE, exponential),
  define('ln', [NUMERIC], NUMERIC, lnDecimal),
  define('ln', [DOUBLE], DOUBLE, (a: number) => logarithm(a, Math.log)),
  ...['log', 'log10'].flatMap(name => [
    define(name, [NUMERIC], NUMERIC, log10Decimal),
    define(name, [DOUBLE], DOUBLE, (a: number) => logarithm(a, Math.log10)),
  ]),
  define('log', [NUMERIC, NUMERIC], NUMERIC, logDecimals),
]

function greatestCommonDivisor(a: bigint, b: bigint): bigint {
  let [x, y] = [a < 0n ? -a : a, b < 0n ? -b : b]
  while (y !== 0n) [x, y] = [y, x % y]
  return x
}

function leastCommonMultiple(a: bigint, b: bigint): bigint {
  if (a === 0n || b === 0n) return 0n
  const product = (a / greatestCommonDivisor(a, b)) * b
  return product < 0n ? -product : product
}

function ofDecimals(of: (a: bigint, b: bigint) => bigint): (a: Decimal, b: Decimal) => Decimal {
  return (a, b) => {
    if (a.special || b.special) return { unscaled: 0n, scale: 0, special: 'NaN' }
    const scale = Math.max(a.scale, b.scale)
    return { unscaled: of(roundDecimal(a, scale).unscaled, roundDecimal(b, scale).unscaled), scale }
  }
}

const integers = [
  define('mod', [SMALLINT, SMALLINT], SMALLINT, modulo32),
  define('mod', [INTEGER, INTEGER], INTEGER, modulo32),
  define('mod', [BIGINT, BIGINT], BIGINT, modulo64),
  define('mod', [NUMERIC, NUMERIC], NUMERIC, moduloDecimals),
  define('div', [NUMERIC, NUMERIC], NUMERIC, (a: Decimal, b: Decimal) => wholeQuotient(a, b)),
  ...(
    [
      ['gcd', greatestCommonDivisor],
      ['lcm', leastCommonMultiple],
    ] as const
  ).flatMap(([name, of]) => [
    define(name, [INTEGER, INTEGER], INTEGER, (a: number, b: number) => check32(Number(of(BigInt(a), BigInt(b))))),
    define(name, [BIGINT, BIGINT], BIGINT, (a: Int64, b: Int64) => checkedInt64(of(BigInt(a), BigInt(b)))),
    define(name, [NUMERIC, NUMERIC], NUMERIC, ofDecimals(of)),
  ]),
  define('factorial', [BIGINT], NUMERIC, (n: Int64) => {
    if (n < 0) throw new EngineError('22003', 'factorial of a negative number is undefined')
    if (n > 3000) throw new EngineError('22003', 'value overflows numeric format')
    let product = 1n
    for (let i = 2n; i <= BigInt(n); i++) product *= i
    return { unscaled: product, scale: 0 }
  }),
]

function wholeQuotient(a: Decimal, b: Decimal): Decimal {
  if (a.special || b.special || b.unscaled === 0n) return truncDecimal(divideDecimals(a, b), 0)
  const scale = Math.max(a.scale, b.scale)
  return { unscaled: roundDecimal(a, scale).unscaled / roundDecimal(b, scale).unscaled, scale: 0 }
}

const DEGREE = 'Math.PI / 180'
function outOfDomain(): EngineError {
  return new EngineError('22003', 'input is out of range')
}

const trigonometry = [
  define('pi', [], DOUBLE, { inline: () => 'Math.PI' }),
  define('degrees', [DOUBLE], DOUBLE, { inline: a => `(${a} / (${DEGREE}))` }),
  define('radians', [DOUBLE], DOUBLE, { inline: a => `(${a} * (${DEGREE}))` }),
  ...(['sin', 'cos', 'tan'] as const).map(name =>
    define(name, [DOUBLE], DOUBLE, (a: number) => {
      if (Math.abs(a) === Number.POSITIVE_INFINITY) throw outOfDomain()
      return Math[name](a)
    }),
  ),
  define('cot', [DOUBLE], DOUBLE, (a: number) => 1 / Math.tan(a)),
  ...(['asin', 'acos', 'atanh'] as const).map(name =>
    define(name, [DOUBLE], DOUBLE, (a: number) => {
      if (a > 1 || a < -1) throw outOfDomain()
      return Math[name](a)
    }),
  ),
  define('acosh', [DOUBLE], DOUBLE, (a: number) => {
    if (a < 1) throw outOfDomain()
    return Math.acosh(a)
  }),
  ...['atan', 'sinh', 'cosh', 'tanh', 'asinh'].map(name =>
    define(name, [DOUBLE], DOUBLE, { inline: a => `Math.${name}(${a})` }),
  ),
  define('atan2', [DOUBLE, DOUBLE], DOUBLE, { inline: (y, x) => `Math.atan2(${y}, ${x})` }),
]

function bucketOfDecimal(value: Decimal, low: Decimal, high: Decimal, count: number): number {
  if (value.special === 'NaN' || low.special === 'NaN' || high.special === 'NaN') {
    throw bucketError('operand, lower bound, and upper bound cannot be NaN')
  }
  const direction = compareDecimals(high, low)
  checkBuckets(count, direction === 0)
  const past = compareDecimals(value, low) * direction
  if (past < 0) return 0
  if (compareDecimals(value, high) * direction >= 0) return check32(count + 1)
  const share = divideDecimals(
    multiplyDecimals(subtractDecimals(value, low), decimalOfInt(count)),
    subtractDecimals(high, low),
  )
  return Number(truncDecimal(share, 0).unscaled) + 1
}

function bucketOfFloat(value: number, low: number, high: number, count: number): number {
  if (Number.isNaN(value) || Number.isNaN(low) || Number.isNaN(high)) {
    throw bucketError('operand, lower bound, and upper bound cannot be NaN')
  }
  if (!Number.isFinite(low) || !Number.isFinite(high)) throw bucketError('lower and upper bounds must be finite')
  checkBuckets(count, low === high)
  const up = low < high
  if (up ? value < low : value > low) return 0
  if (up ? value >= high : value <= high) return check32(count + 1)
  return Math.min(count, Math.floor(((value - low) / (high - low)) * count) + 1)
}

function checkBuckets(count: number, equal: boolean): void {
  if (count <= 0) throw bucketError('count must be greater than zero')
  if (equal) throw bucketError('lower bound cannot equal upper bound')
}

function bucketError(message: string): EngineError {
  return new EngineError('2201G', message)
}

const buckets = [
  define('width_bucket', [NUMERIC, NUMERIC, NUMERIC, INTEGER], INTEGER, bucketOfDecimal),
  define('width_bucket', [DOUBLE, DOUBLE, DOUBLE, INTEGER], INTEGER, bucketOfFloat),
]

/** greatest and least pass over NULLs; NaN is the greatest number. */
function extreme(name: string, sign: 1 | -1): Overload {
  const returns = (args: readonly DataType[]): DataType => args[0]
  const make = (args: readonly DataType[]): ((values: readonly Datum[]) => Datum) => {
    const compare: Comparison = args[0].kind === 'double' ? compareFloats : comparisonOf(args[0])
    return values => {
      let best: Datum = null
      for (const value of values) {
        if (value === null) continue
        if (best === null || compare(value as never, best as never) * sign > 0) best = value
      }
      return best
    }
  }
  return define(name, [ANYELEMENT], returns, { make }, { strict: false, variadic: true })
}

export const mathFunctions: readonly Overload[] = [
  ...rounding,
  ...powers,
  ...integers,
  ...trigonometry,
  ...buckets,
  extreme('greatest', 1),
  extreme('least', -1),
]
