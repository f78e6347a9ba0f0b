import { type DataType, type Storage, sameType, storageOf } from '../batch/types.ts'
import { inlineCast } from './cast.ts'
import type { Expr } from './expr.ts'
import type { TextRef } from './kernel.ts'
import { overloadById } from './scalar/registry.ts'

/**
 * An expression's value in generated code. `value` and `isNull` are expressions without side effects; `value` is only
 * meaningful where `isNull` is false, and may then be evaluated once (text is decoded by it). `text`: where it lies in bytes.
 */
export interface Code {
  readonly value: string
  /** `true`, `false` or the name of a boolean. */
  readonly isNull: string
  readonly text?: TextRef
}

/** Code for text that lies in bytes: decoded only where its value is used. */
export function ofText(text: TextRef, type: DataType): { value: string; text: TextRef } {
  const decode = type.kind === 'bytea' ? 'copyBytes' : 'decodeUtf8'
  return { value: `${decode}(${text.bytes}, ${text.start}, ${text.end})`, text }
}

/** The value, or null for NULL. */
export function nullableValue({ value, isNull }: Code): string {
  if (isNull === 'false') return value
  return isNull === 'true' ? 'null' : `(${isNull} ? null : ${value})`
}

/** The opposite of a boolean expression. */
export function negate(boolean: string): string {
  return boolean === 'true' ? 'false' : boolean === 'false' ? 'true' : `!${boolean}`
}

/** What a NULL row's variable holds: a value of the right JavaScript type keeps the loop's variables unboxed. */
export function defaultOf(storage: Storage): string {
  if (storage === 'bool') return 'false'
  if (storage === 'utf8') return `''`
  return storage === 'boxed' ? 'null' : '0'
}

/** Cheap to compute for every row and unable to fail: evaluating it needlessly is better than a branch. */
export function isSimple(expr: Expr): boolean {
  switch (expr.kind) {
    case 'column':
    case 'literal':
      return true
    case 'call': {
      const { body, strict } = overloadById(expr.id)
      return strict && 'inline' in body && expr.args.every(isSimple)
    }
    case 'and':
    case 'or':
      return expr.args.every(isSimple)
    case 'not':
    case 'is':
      return isSimple(expr.arg)
    case 'in':
      return isSimple(expr.arg) && expr.values.length <= 4 && storageOf(expr.arg.type) === 'int32'
    case 'cast':
      return isSimple(expr.arg) && inlineCast(expr.arg.type, expr.type) !== undefined
    default:
      return false
  }
}

/** Whether its text can be named as a place in bytes that exist already. */
export function liesInBytes(expr: Expr): boolean {
  if (storageOf(expr.type) !== 'utf8') return false
  switch (expr.kind) {
    case 'column':
    case 'literal':
      return true
    case 'cast':
      return (
        liesInBytes(expr.arg) &&
        (sameType(expr.arg.type, expr.type) || inlineCast(expr.arg.type, expr.type) !== undefined)
      )
    case 'case':
      return liesInBytes(expr.otherwise) && expr.branches.every(b => liesInBytes(b.then))
    case 'coalesce':
      return expr.args.every(liesInBytes)
    default:
      return false
  }
}
