import { type DataType, type Datum, typeName } from '../../batch/types.ts'
import { compileSource, type TextRef } from '../kernel.ts'

/**
 * What a declaration may ask of an argument: a concrete type, or a family. `any` takes each argument as it is; all
 * `anyelement` and elements of `anyarray` of one call are brought to one common type; `anynonarray` and `record` are filters.
 */
export type ArgType = DataType | { readonly kind: Family }
export type Family = 'any' | 'anyelement' | 'anyarray' | 'anynonarray' | 'record'

/** Immutable: only its arguments count. Stable: also the EvalContext. Volatile: another result every time. */
export type Volatility = 'immutable' | 'stable' | 'volatile'

/**
 * How a call runs. Values are Datums (see there), so a function of text takes a string.
 * `inline`: a JavaScript expression over expressions. It must not throw, whatever numbers NULL rows happen to hold.
 * `call`: gets the arguments and then the EvalContext; variadic arguments come as one array; may return null.
 * `make`: makes such a function for one call site, so that it can look at types and remember a compiled pattern.
 */
export type Body =
  | { readonly inline: (...args: string[]) => string }
  | {
      readonly call: (...args: never[]) => Datum
      /** The same over text that lies in bytes: saves decoding when all arguments do. An expression over places. */
      readonly bytes?: (...args: TextRef[]) => string
    }
  | { readonly make: (args: readonly DataType[], type: DataType) => (...args: never[]) => Datum }

/** One row of the library: a function or an operator for given argument types. */
export interface Overload {
  /** Key in plans: `lower(text)`, `+(integer,integer)`. */
  readonly id: string
  readonly name: string
  readonly args: readonly ArgType[]
  /** The last argument may come any number of times, at least once. */
  readonly variadic: boolean
  readonly returns: DataType | ((args: readonly DataType[]) => DataType)
  readonly volatility: Volatility
  /** NULL in, NULL out, without running the body. Otherwise the body sees nulls. */
  readonly strict: boolean
  readonly body: Body
}

interface Options {
  readonly volatility?: Volatility
  readonly strict?: boolean
  readonly variadic?: boolean
}

/** Declares one overload. A plain function as body is a `call`. */
export function define(
  name: string,
  args: readonly ArgType[],
  returns: Overload['returns'],
  body: Body | ((...args: never[]) => Datum),
  options: Options = {},
): Overload {
  const { volatility = 'immutable', strict = true, variadic = false } = options
  const id = `${name}(${args.map(argName).join(',')}${variadic ? '…' : ''})`
  const called = typeof body === 'function' ? { call: body } : body
  return { id, name, args, variadic, returns, volatility, strict, body: called }
}

/** The argument's type in signatures: `integer`, `anyarray`. */
export function argName(type: ArgType): string {
  return isFamily(type) ? type.kind : typeName(type)
}

export function isFamily(type: ArgType): type is { readonly kind: Family } {
  switch (type.kind) {
    case 'any':
    case 'anyelement':
    case 'anyarray':
    case 'anynonarray':
    case 'record':
      return true
    default:
      return false
  }
}

/** Any family, for declarations. */
export const ANY: ArgType = { kind: 'any' }
export const ANYELEMENT: ArgType = { kind: 'anyelement' }
export const ANYARRAY: ArgType = { kind: 'anyarray' }
export const ANYNONARRAY: ArgType = { kind: 'anynonarray' }
export const RECORD: ArgType = { kind: 'record' }

/** A function that runs `overload` on Datums outside generated loops; NULLs of strict ones are the caller's affair. */
export function functionOf(overload: Overload, args: readonly DataType[], type: DataType): (...args: never[]) => Datum {
  const { body } = overload
  if ('call' in body) return body.call
  if ('make' in body) return body.make(args, type)
  const names = args.map((_, i) => `a${i}`)
  return compileSource([], [], `(${names.join(', ')}) => ${body.inline(...names)}`) as (...args: never[]) => Datum // generated just so
}
