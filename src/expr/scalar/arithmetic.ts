import { EngineError } from '../../base/errors.ts'
import {
  absDecimal,
  addDecimals,
  divideDecimals,
  moduloDecimals,
  multiplyDecimals,
  negateDecimal,
  subtractDecimals,
} from '../../batch/numeric.ts'
import { BIGINT, type DataType, DOUBLE, INTEGER, type Int64, NUMERIC, REAL, SMALLINT } from '../../batch/types.ts'
import { floatOverflow } from '../cast.ts'
import {
  add32,
  add64,
  check16,
  check32,
  checkedInt64,
  divide32,
  divide64,
  divisionByZero,
  modulo32,
  modulo64,
  multiply32,
  multiply64,
  negate64,
  subtract32,
  subtract64,
} from '../int64.ts'
import { powerDecimals, sqrtDecimal } from '../numeric-math.ts'
import { define, type Overload } from './overload.ts'

/** + − * / % ^ |/ ||/ @ and the operators on bits. Integers are checked, integer division truncates. */

const smallint = [
  define('+', [SMALLINT, SMALLINT], SMALLINT, (a: number, b: number) => check16(a + b)),
  define('-', [SMALLINT, SMALLINT], SMALLINT, (a: number, b: number) => check16(a - b)),
  define('*', [SMALLINT, SMALLINT], SMALLINT, (a: number, b: number) => check16(a * b + 0)),
  define('/', [SMALLINT, SMALLINT], SMALLINT, (a: number, b: number) => check16(divide32(a, b))),
  define('%', [SMALLINT, SMALLINT], SMALLINT, modulo32),
]
const integer = [
  define('+', [INTEGER, INTEGER], INTEGER, add32),
  define('-', [INTEGER, INTEGER], INTEGER, subtract32),
  define('*', [INTEGER, INTEGER], INTEGER, multiply32),
  define('/', [INTEGER, INTEGER], INTEGER, divide32),
  define('%', [INTEGER, INTEGER], INTEGER, modulo32),
]
const bigint = [
  define('+', [BIGINT, BIGINT], BIGINT, add64),
  define('-', [BIGINT, BIGINT], BIGINT, subtract64),
  define('*', [BIGINT, BIGINT], BIGINT, multiply64),
  define('/', [BIGINT, BIGINT], BIGINT, divide64),
  define('%', [BIGINT, BIGINT], BIGINT, modulo64),
]
const FLOAT_PAIRS: readonly (readonly [DataType, DataType, DataType])[] = [
  [REAL, REAL, REAL],
  [REAL, DOUBLE, DOUBLE],
  [DOUBLE, REAL, DOUBLE],
  [DOUBLE, DOUBLE, DOUBLE],
]
// A real beside anything wider than an integer is computed as double precision: hence the mixed pairs.
const floats = FLOAT_PAIRS.flatMap(([left, right, type]) => {
  const round = type === REAL ? Math.fround : (value: number): number => value
  return [
    define('+', [left, right], type, (a: number, b: number) => checkedFloat(round(a + b), a, b)),
    define('-', [left, right], type, (a: number, b: number) => checkedFloat(round(a - b), a, b)),
    define('*', [left, right], type, (a: number, b: number) => {
      const product = checkedFloat(round(a * b), a, b)
      if (product === 0 && a !== 0 && b !== 0) throw new EngineError('22003', 'value out of range: underflow')
      return product
    }),
    define('/', [left, right], type, (a: number, b: number) => {
      if (b === 0 && !Number.isNaN(a)) throw divisionByZero()
      const quotient = checkedFloat(round(a / b), a, b)
      if (quotient === 0 && a !== 0 && Number.isFinite(b)) {
        throw new EngineError('22003', 'value out of range: underflow')
      }
      return quotient
    }),
  ]
})
const numeric = [
  define('+', [NUMERIC, NUMERIC], NUMERIC, addDecimals),
  define('-', [NUMERIC, NUMERIC], NUMERIC, subtractDecimals),
  define('*', [NUMERIC, NUMERIC], NUMERIC, multiplyDecimals),
  define('/', [NUMERIC, NUMERIC], NUMERIC, divideDecimals),
  define('%', [NUMERIC, NUMERIC], NUMERIC, moduloDecimals),
  define('^', [NUMERIC, NUMERIC], NUMERIC, powerDecimals),
  define('^', [DOUBLE, DOUBLE], DOUBLE, powerFloats),
]

const signs = [
  define('-', [SMALLINT], SMALLINT, (a: number) => check16(0 - a)),
  define('-', [INTEGER], INTEGER, (a: number) => check32(0 - a)),
  define('-', [BIGINT], BIGINT, negate64),
  define('-', [REAL], REAL, { inline: a => `(-${a})` }),
  define('-', [DOUBLE], DOUBLE, { inline: a => `(-${a})` }),
  define('-', [NUMERIC], NUMERIC, negateDecimal),
  ...[SMALLINT, INTEGER, BIGINT, REAL, DOUBLE, NUMERIC].map(type => define('+', [type], type, { inline: a => a })),
  ...['@', 'abs'].flatMap(name => [
    define(name, [SMALLINT], SMALLINT, (a: number) => check16(Math.abs(a))),
    define(name, [INTEGER], INTEGER, (a: number) => check32(Math.abs(a))),
    define(name, [BIGINT], BIGINT, (a: Int64) => (a < 0 ? negate64(a) : a)),
    define(name, [REAL], REAL, { inline: a => `Math.abs(${a})` }),
    define(name, [DOUBLE], DOUBLE, { inline: a => `Math.abs(${a})` }),
    define(name, [NUMERIC], NUMERIC, absDecimal),
  ]),
]

const roots = [
  define('|/', [DOUBLE], DOUBLE, squareRoot),
  define('sqrt', [DOUBLE], DOUBLE, squareRoot),
  define('sqrt', [NUMERIC], NUMERIC, sqrtDecimal),
  define('||/', [DOUBLE], DOUBLE, { inline: a => `Math.cbrt(${a})` }),
  define('cbrt', [DOUBLE], DOUBLE, { inline: a => `Math.cbrt(${a})` }),
]

const bits = [
  ...[SMALLINT, INTEGER].flatMap(type => [
    define('&', [type, type], type, { inline: (a, b) => `(${a} & ${b})` }),
    define('|', [type, type], type, { inline: (a, b) => `(${a} | ${b})` }),
    define('#', [type, type], type, { inline: (a, b) => `(${a} ^ ${b})` }),
    define('~', [type], type, { inline: a => `(~${a})` }),
    define('>>', [type, INTEGER], type, { inline: (a, b) => `(${a} >> ${b})` }),
  ]),
  define('<<', [INTEGER, INTEGER], INTEGER, { inline: (a, b) => `(${a} << ${b})` }),
  define('<<', [SMALLINT, INTEGER], SMALLINT, { inline: (a, b) => `((${a} << ${b}) << 16 >> 16)` }),
  ...bits64(BIGINT),
]

function bits64(type: DataType): Overload[] {
  const narrow = (value: bigint): Int64 => checkedInt64(BigInt.asIntN(64, value))
  return [
    define('&', [type, type], type, (a: Int64, b: Int64) => narrow(BigInt(a) & BigInt(b))),
    define('|', [type, type], type, (a: Int64, b: Int64) => narrow(BigInt(a) | BigInt(b))),
    define('#', [type, type], type, (a: Int64, b: Int64) => narrow(BigInt(a) ^ BigInt(b))),
    define('~', [type], type, (a: Int64) => narrow(~BigInt(a))),
    define('<<', [type, INTEGER], type, (a: Int64, b: number) => narrow(BigInt(a) << BigInt(b & 63))),
    define('>>', [type, INTEGER], type, (a: Int64, b: number) => narrow(BigInt(a) >> BigInt(b & 63))),
  ]
}

export const arithmetic: readonly Overload[] = [
  ...smallint,
  ...integer,
  ...bigint,
  ...floats,
  ...numeric,
  ...signs,
  ...roots,
  ...bits,
]

function checkedFloat(result: number, a: number, b: number): number {
  if (result - result !== 0 && isInfinite(result) && !isInfinite(a) && !isInfinite(b)) throw floatOverflow()
  return result
}

function isInfinite(value: number): boolean {
  return value === Number.POSITIVE_INFINITY || value === Number.NEGATIVE_INFINITY
}

function squareRoot(a: number): number {
  if (a < 0) throw new EngineError('2201F', 'cannot take square root of a negative number')
  return Math.sqrt(a)
}

/** a^b of doubles with Postgres' errors. */
export function powerFloats(a: number, b: number): number {
  if (a === 0 && b < 0) throw new EngineError('2201F', 'zero raised to a negative power is undefined')
  if (a < 0 && Number.isFinite(a) && Number.isFinite(b) && !Number.isInteger(b)) {
    throw new EngineError('2201F', 'a negative number raised to a non-integer power yields a complex result')
  }
  // JavaScript makes 1^NaN and 1^infinity NaN; IEEE and Postgres say 1.
  if (a === 1 || b === 0) return 1
  if (a === -1 && isInfinite(b)) return 1
  const result = a ** b
  if (isInfinite(result) && !isInfinite(a) && !isInfinite(b)) throw floatOverflow()
  if (result === 0 && a !== 0 && !isInfinite(a) && !isInfinite(b)) {
    throw new EngineError('22003', 'value out of range: underflow')
  }
  return result
}
