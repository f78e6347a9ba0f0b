import { EngineError } from '../../base/errors.ts'
import { BOOLEAN, type DataType, type Datum, INTEGER, TEXT } from '../../batch/types.ts'
import { comparisonOf } from '../compare.ts'
import type { EvalContext } from '../expr.ts'
import { formatDatum } from '../text.ts'
import { ANYARRAY, ANYELEMENT, define, type Overload } from './overload.ts'

/** Arrays. Elements equal as IS NOT DISTINCT FROM has it where Postgres does so (position, remove, replace). */

const sameAsFirst = (args: readonly DataType[]): DataType => args[0]
const sameAsLast = (args: readonly DataType[]): DataType => args[args.length - 1]
const LOOSE = { strict: false }

function elementOf(type: DataType): DataType {
  return type.kind === 'array' ? type.element : type
}

type Same = (a: Datum, b: Datum) => boolean
function sameElements(arrayType: DataType): Same {
  const compare = comparisonOf(elementOf(arrayType)) as (a: Datum, b: Datum) => number // of the element type
  return (a, b) => (a === null || b === null ? a === b : compare(a, b) === 0)
}

function lengthOf(list: readonly Datum[], dimension: number): number | null {
  let at: Datum = list
  for (let i = 1; i < dimension; i++) at = Array.isArray(at) ? (at[0] ?? null) : null
  return Array.isArray(at) && at.length > 0 && dimension > 0 ? at.length : null
}

function join(list: readonly Datum[], separator: string, absent: string | null, type: DataType, context: EvalContext) {
  const texts = list.map(v => (v === null ? absent : formatDatum(v, elementOf(type), context)))
  return texts.filter(t => t !== null).join(separator)
}

const facts = [
  define('array_length', [ANYARRAY, INTEGER], INTEGER, lengthOf),
  define('array_upper', [ANYARRAY, INTEGER], INTEGER, lengthOf),
  define('array_lower', [ANYARRAY, INTEGER], INTEGER, (list: Datum[], dimension: number) =>
    lengthOf(list, dimension) === null ? null : 1,
  ),
  define('cardinality', [ANYARRAY], INTEGER, (list: Datum[]) => list.flat(8).length),
  define('array_ndims', [ANYARRAY], INTEGER, (list: Datum[]) => {
    let depth = 0
    for (let at: Datum = list; Array.isArray(at) && at.length > 0; at = at[0]) depth++
    return depth === 0 ? null : depth
  }),
]

const changes = [
  define(
    'array_append',
    [ANYARRAY, ANYELEMENT],
    sameAsFirst,
    (l: Datum[] | null, v: Datum) => [...(l ?? []), v],
    LOOSE,
  ),
  define(
    'array_prepend',
    [ANYELEMENT, ANYARRAY],
    sameAsLast,
    (v: Datum, l: Datum[] | null) => [v, ...(l ?? [])],
    LOOSE,
  ),
  define('array_cat', [ANYARRAY, ANYARRAY], sameAsFirst, concatenate, LOOSE),
  define('||', [ANYARRAY, ANYARRAY], sameAsFirst, concatenate, LOOSE),
  define('||', [ANYARRAY, ANYELEMENT], sameAsFirst, (l: Datum[] | null, v: Datum) => [...(l ?? []), v], LOOSE),
  define('||', [ANYELEMENT, ANYARRAY], sameAsLast, (v: Datum, l: Datum[] | null) => [v, ...(l ?? [])], LOOSE),
  define(
    'array_remove',
    [ANYARRAY, ANYELEMENT],
    sameAsFirst,
    {
      make: ([type]) => {
        const same = sameElements(type)
        return (list: Datum[] | null, value: Datum) => list?.filter(v => !same(v, value)) ?? null
      },
    },
    LOOSE,
  ),
  define(
    'array_replace',
    [ANYARRAY, ANYELEMENT, ANYELEMENT],
    sameAsFirst,
    {
      make: ([type]) => {
        const same = sameElements(type)
        return (list: Datum[] | null, from: Datum, to: Datum) => list?.map(v => (same(v, from) ? to : v)) ?? null
      },
    },
    LOOSE,
  ),
  define('array_slice', [ANYARRAY, INTEGER, INTEGER], sameAsFirst, (list: Datum[], lower: number, upper: number) =>
    upper < 1 ? [] : list.slice(Math.max(lower, 1) - 1, upper),
  ),
  define('trim_array', [ANYARRAY, INTEGER], sameAsFirst, (list: Datum[], count: number) => {
    if (count < 0 || count > list.length) {
      throw new EngineError('2202E', `number of elements to trim must be between 0 and ${list.length}`)
    }
    return list.slice(0, list.length - count)
  }),
]

function concatenate(a: Datum[] | null, b: Datum[] | null): Datum[] | null {
  if (a === null || b === null) return a ?? b
  return [...a, ...b]
}

const searches = [
  define(
    'array_position',
    [ANYARRAY, ANYELEMENT],
    INTEGER,
    {
      make: ([type]) => {
        const same = sameElements(type)
        return (list: Datum[] | null, value: Datum) => {
          const at = list?.findIndex(v => same(v, value)) ?? -1
          return at < 0 ? null : at + 1
        }
      },
    },
    LOOSE,
  ),
  define(
    'array_positions',
    [ANYARRAY, ANYELEMENT],
    { kind: 'array', element: INTEGER },
    {
      make: ([type]) => {
        const same = sameElements(type)
        return (list: Datum[] | null, value: Datum) => list?.flatMap((v, i) => (same(v, value) ? [i + 1] : [])) ?? null
      },
    },
    LOOSE,
  ),
  contained('@>', (all, some, same) => some.every(v => v !== null && all.some(own => own !== null && same(own, v)))),
  contained('<@', (some, all, same) => some.every(v => v !== null && all.some(own => own !== null && same(own, v)))),
  contained('&&', (a, b, same) => a.some(v => v !== null && b.some(own => own !== null && same(own, v)))),
  define('array_contains', [ANYARRAY, ANYELEMENT], BOOLEAN, {
    make: ([type]) => {
      const same = sameElements(type)
      return (list: Datum[], value: Datum) => list.some(v => same(v, value))
    },
  }),
]

function contained(name: string, test: (a: Datum[], b: Datum[], same: Same) => boolean): Overload {
  return define(name, [ANYARRAY, ANYARRAY], BOOLEAN, {
    make: ([type]) => {
      const same = sameElements(type)
      return (a: Datum[], b: Datum[]) => test(a, b, same)
    },
  })
}

const OPS: Readonly<Record<string, (order: number) => boolean>> = {
  '=': order => order === 0,
  '<>': order => order !== 0,
  '<': order => order < 0,
  '<=': order => order <= 0,
  '>': order => order > 0,
  '>=': order => order >= 0,
}

/** `value op ANY (array)` and ALL, as calls named `any=`, `all<` …: NULL when NULL elements leave the answer open. */
const quantified = Object.entries(OPS).flatMap(([op, holds]) =>
  (['any', 'all'] as const).map(quantifier =>
    define(`${quantifier}${op}`, [ANYELEMENT, ANYARRAY], BOOLEAN, {
      make: ([type]) => {
        const compare = comparisonOf(type) as (a: Datum, b: Datum) => number // of the element type
        return (value: Datum, list: Datum[]) => {
          let open = false
          for (const item of list) {
            if (item === null) open = true
            else if (holds(compare(value, item)) === (quantifier === 'any')) return quantifier === 'any'
          }
          return open ? null : quantifier === 'all'
        }
      },
    }),
  ),
)

const texts = [
  define('array_to_string', [ANYARRAY, TEXT], TEXT, {
    make:
      ([type]) =>
      (list: Datum[], separator: string, context: EvalContext) =>
        join(list, separator, null, type, context),
  }),
  define(
    'array_to_string',
    [ANYARRAY, TEXT, TEXT],
    TEXT,
    {
      make:
        ([type]) =>
        (list: Datum[] | null, separator: string | null, absent: string | null, context: EvalContext) =>
          list === null || separator === null ? null : join(list, separator, absent, type, context),
    },
    LOOSE,
  ),
]

export const arrayFunctions: readonly Overload[] = [...facts, ...changes, ...searches, ...quantified, ...texts]
