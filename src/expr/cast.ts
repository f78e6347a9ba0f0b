import { assert } from '../base/assert.ts'
import { EngineError } from '../base/errors.ts'
import { MICROS_PER_DAY, splitMicros } from '../batch/civil.ts'
import { isNumber, jsonKind, parseJson } from '../batch/jsonb.ts'
import { decimalOfInt, decimalOfNumber, decimalToInt, decimalToNumber, fitDecimal } from '../batch/numeric.ts'
import type { DataType, Datum, Decimal, Int64, Interval } from '../batch/types.ts'
import { typeName } from '../batch/types.ts'
import { canCast } from './coerce.ts'
import { dateToTimestamp, timestampToDate, toInstant, toLocal } from './datetime.ts'
import type { EvalContext } from './expr.ts'
import { int64OfNumber, outOfRange, roundHalfEven } from './int64.ts'
import { fitVarchar, formatDatum, parseDatum } from './text.ts'
import { timeZone } from './time-zone.ts'

/** Turns a value that is not NULL into another type, with Postgres' errors. */
export type CastFunction = (value: never, context: EvalContext) => Datum

/** How a value of `from` becomes `to` by an explicit CAST. */
export function castFunction(from: DataType, to: DataType): CastFunction {
  assert(canCast(from, to, 'explicit'), `${typeName(from)} can be cast to ${typeName(to)}`)
  if (to.kind === 'text' || to.kind === 'varchar') return toText(from, to)
  if (from.kind === 'text' || from.kind === 'varchar' || from.kind === 'unknown') {
    return (value: string, context) => parseDatum(value, to, context)
  }
  if (from.kind === 'array' && to.kind === 'array') return castList(from.element, to.element)
  if (from.kind === 'row' && to.kind === 'row') {
    const casts = from.fields.map((f, i) => nullable(castFunction(f.type, to.fields[i].type)))
    return (value: readonly never[], context) => value.map((v, i) => casts[i](v, context))
  }
  if (from.kind === 'map' && to.kind === 'map') {
    const key = nullable(castFunction(from.key, to.key))
    const item = nullable(castFunction(from.value, to.value))
    return (value: readonly (readonly never[])[], context) => value.map(e => [key(e[0], context), item(e[1], context)])
  }
  return simpleCast(from, to)
}

/**
 * The same as a JavaScript expression, where the cast can neither fail nor needs the context: widening numbers. It is given an
 * expression and may be given garbage for NULL rows. Undefined: use the function.
 */
export function inlineCast(from: DataType, to: DataType): ((value: string) => string) | undefined {
  const same = (value: string): string => value
  const single = (value: string): string => `Math.fround(${value})`
  if (from.kind === to.kind && from.kind !== 'numeric' && from.kind !== 'varchar' && !isNested(from)) return same
  switch (from.kind) {
    case 'smallint':
    case 'integer':
      if (to.kind === 'integer' || to.kind === 'bigint' || to.kind === 'double') return same
      return to.kind === 'real' ? single : undefined
    case 'bigint':
      if (to.kind === 'double') return value => `Number(${value})`
      return to.kind === 'real' ? value => `Math.fround(Number(${value}))` : undefined
    case 'real':
      return to.kind === 'double' ? same : undefined
    case 'text':
    case 'varchar':
      return to.kind === 'text' || (to.kind === 'varchar' && to.length === undefined) ? same : undefined
    default:
      return undefined
  }
}

function isNested(type: DataType): boolean {
  return type.kind === 'array' || type.kind === 'row' || type.kind === 'map'
}

function nullable(cast: CastFunction): CastFunction {
  return (value: never, context) => (value === null ? null : cast(value, context))
}

function castList(from: DataType, to: DataType): CastFunction {
  const cast = castFunction(from, to)
  const item: CastFunction = (value: never, context) => {
    if (value === null) return null
    // Arrays of arrays carry the element type of their innermost values.
    return Array.isArray(value) && from.kind !== 'array' && from.kind !== 'row'
      ? list(value as never, context)
      : cast(value, context)
  }
  const list: CastFunction = (value: readonly never[], context) => value.map(v => item(v, context))
  return list
}

function toText(from: DataType, to: DataType): CastFunction {
  const length = to.kind === 'varchar' ? to.length : undefined
  if (from.kind === 'boolean') return (value: boolean) => fitVarchar(value ? 'true' : 'false', length, true)
  if (from.kind === 'text' || from.kind === 'varchar') return (value: string) => fitVarchar(value, length, true)
  return (value: never, context) => fitVarchar(formatDatum(value, from, context), length, true)
}

function simpleCast(from: DataType, to: DataType): CastFunction {
  switch (to.kind) {
    case 'boolean':
      if (from.kind === 'jsonb') return (value: string) => jsonBoolean(value)
      return from.kind === 'boolean' ? (value: boolean) => value : (value: number) => value !== 0
    case 'smallint':
    case 'integer':
    case 'bigint':
      return toInteger(from, to.kind)
    case 'real':
      return toReal(from)
    case 'double':
      if (from.kind === 'numeric') return (value: Decimal) => finite(decimalToNumber(value), value, 'double precision')
      if (from.kind === 'jsonb') return (value: string) => decimalToNumber(jsonNumber(value, 'double precision'))
      return (value: Int64) => Number(value)
    case 'numeric':
      return toNumeric(from, to.precision, to.scale)
    case 'date':
      if (from.kind === 'timestamp') return timestampToDate
      if (from.kind === 'timestamptz') {
        return (value: Int64, context) => timestampToDate(toLocal(value, timeZone(context.timeZone)))
      }
      break
    case 'time':
      if (from.kind === 'timestamp') return (value: Int64) => splitMicros(value).ofDay
      if (from.kind === 'timestamptz') {
        return (value: Int64, context) => splitMicros(toLocal(value, timeZone(context.timeZone))).ofDay
      }
      if (from.kind === 'interval') return (value: Interval) => splitMicros(value.micros).ofDay
      break
    case 'timestamp':
      if (from.kind === 'date') return dateToTimestamp
      if (from.kind === 'timestamptz') return (value: Int64, context) => toLocal(value, timeZone(context.timeZone))
      break
    case 'timestamptz':
      if (from.kind === 'date') {
        return (value: number, context) => toInstant(dateToTimestamp(value), timeZone(context.timeZone))
      }
      if (from.kind === 'timestamp') return (value: Int64, context) => toInstant(value, timeZone(context.timeZone))
      break
    case 'interval':
      if (from.kind === 'time') return (value: number) => ({ months: 0, days: 0, micros: value % MICROS_PER_DAY })
      break
    default:
      break
  }
  return (value: Datum) => value
}

function toInteger(from: DataType, to: 'smallint' | 'integer' | 'bigint'): CastFunction {
  const limit = to === 'smallint' ? 32768 : 2147483648
  const fit = (value: Int64): Int64 => {
    if (to !== 'bigint' && (value >= limit || value < -limit)) throw outOfRange(to)
    return value
  }
  if (from.kind === 'boolean') return (value: boolean) => (value ? 1 : 0)
  if (from.kind === 'numeric') return (value: Decimal) => decimalToInt(value, to)
  if (from.kind === 'jsonb') return (value: string) => decimalToInt(jsonNumber(value, to), to)
  if (from.kind === 'real' || from.kind === 'double') {
    if (to === 'bigint') return int64OfNumber
    return (value: number) => {
      const rounded = roundHalfEven(value)
      if (!(rounded < limit && rounded >= -limit)) throw outOfRange(to)
      return rounded + 0
    }
  }
  return fit
}

function toReal(from: DataType): CastFunction {
  if (from.kind === 'numeric') {
    return (value: Decimal) => finite(Math.fround(decimalToNumber(value)), value, 'real')
  }
  if (from.kind === 'jsonb') return (value: string) => Math.fround(decimalToNumber(jsonNumber(value, 'real')))
  return (value: Int64) => {
    const wide = Number(value)
    const single = Math.fround(wide)
    if (!Number.isFinite(single) && Number.isFinite(wide)) throw floatOverflow()
    if (single === 0 && wide !== 0) throw new EngineError('22003', 'value out of range: underflow')
    return single
  }
}

/** 22003: a floating-point result is infinite although its inputs are not. */
export function floatOverflow(): EngineError {
  return new EngineError('22003', 'value out of range: overflow')
}

function finite(value: number, from: Decimal, type: string): number {
  if (!Number.isFinite(value) && !from.special) throw new EngineError('22003', `value is out of range for type ${type}`)
  return value
}

function toNumeric(from: DataType, precision: number | undefined, scale: number | undefined): CastFunction {
  const fitted = (value: Decimal): Decimal => fitDecimal(value, precision, scale)
  if (from.kind === 'numeric') return fitted
  if (from.kind === 'jsonb') return (value: string) => fitted(jsonNumber(value, 'numeric'))
  if (from.kind === 'real' || from.kind === 'double') {
    const digits = from.kind === 'real' ? 6 : 15
    return (value: number) => fitted(decimalOfNumber(value, digits))
  }
  return (value: Int64) => fitted(decimalOfInt(value))
}

function jsonNumber(text: string, type: string): Decimal {
  const value = parseJson(text)
  if (isNumber(value)) return value
  throw new EngineError('22023', `cannot cast jsonb ${jsonKind(value)} to type ${type}`)
}

function jsonBoolean(text: string): boolean {
  const value = parseJson(text)
  if (typeof value === 'boolean') return value
  const kind = isNumber(value) ? 'numeric' : jsonKind(value)
  throw new EngineError('22023', `cannot cast jsonb ${kind} to type boolean`)
}
