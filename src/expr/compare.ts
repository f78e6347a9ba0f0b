import { unreachable } from '../base/assert.ts'
import { compareJson, compareText, parseJson } from '../batch/jsonb.ts'
import { compareDecimals } from '../batch/numeric.ts'
import type { DataType, Datum } from '../batch/types.ts'
import { compareIntervals } from './interval.ts'

/** Negative, 0 or positive. */
export type Comparison = (a: never, b: never) => number

/** SQL order of two values of a type, neither NULL; NULLs inside arrays and rows come last and are equal to one another. NaN is the greatest number. */
export function comparisonOf(type: DataType): Comparison {
  switch (type.kind) {
    case 'boolean':
    case 'smallint':
    case 'integer':
    case 'bigint':
    case 'date':
    case 'time':
    case 'timestamp':
    case 'timestamptz':
      return compareOrdered
    case 'real':
    case 'double':
      return compareFloats
    case 'text':
    case 'varchar':
    case 'uuid':
    case 'unknown':
      return compareText
    case 'bytea':
      return (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b)
    case 'numeric':
      return compareDecimals
    case 'interval':
      return compareIntervals
    case 'jsonb':
      return (a: string, b: string) => (a === b ? 0 : compareJson(parseJson(a), parseJson(b)))
    case 'array':
      return compareLists(() => comparisonOf(type.element))
    case 'row': {
      const fields = type.fields.map(f => comparisonOf(f.type))
      return compareLists(i => fields[i])
    }
    case 'map':
      return compareLists(() => compareLists(i => comparisonOf(i === 0 ? type.key : type.value)))
    default:
      return unreachable(type)
  }
}

function compareOrdered(a: number, b: number): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** NaN equals NaN and is above infinity; −0 equals 0. */
export function compareFloats(a: number, b: number): number {
  if (a < b) return -1
  if (a > b) return 1
  if (a === b) return 0
  return Number(Number.isNaN(a)) - Number(Number.isNaN(b))
}

function compareLists(comparison: (i: number) => Comparison): Comparison {
  return (a: readonly Datum[], b: readonly Datum[]) => {
    const length = Math.min(a.length, b.length)
    for (let i = 0; i < length; i++) {
      const x = a[i]
      const y = b[i]
      if (x === null || y === null) {
        if (x === y) continue
        return x === null ? 1 : -1
      }
      const nested = Array.isArray(x) && Array.isArray(y) && comparison(i) === compareOrdered
      const order = nested
        ? compareLists(() => compareOrdered)(x as never, y as never)
        : comparison(i)(x as never, y as never)
      if (order !== 0) return order
    }
    return a.length - b.length
  }
}
