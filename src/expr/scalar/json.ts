import { EngineError } from '../../base/errors.ts'
import {
  compareJson,
  formatJson,
  isArray,
  isObject,
  type JsonValue,
  jsonKind,
  jsonObject,
  parseJson,
} from '../../batch/jsonb.ts'
import { decimalOfInt, parseDecimal } from '../../batch/numeric.ts'
import { BOOLEAN, type DataType, type Datum, type Decimal, INTEGER, JSONB, TEXT } from '../../batch/types.ts'
import type { EvalContext } from '../expr.ts'
import { formatDatum } from '../text.ts'
import { ANY, ANYELEMENT, define, type Overload } from './overload.ts'

/** jsonb: access, tests, changes and making it from SQL values. */

const TEXT_ARRAY: DataType = { kind: 'array', element: TEXT }

function member(value: JsonValue, key: string): JsonValue | undefined {
  return isObject(value) ? value.get(key) : undefined
}

function element(value: JsonValue, index: number): JsonValue | undefined {
  return isArray(value) ? value.at(index) : undefined
}

function atPath(value: JsonValue, path: readonly (string | null)[]): JsonValue | undefined {
  let at: JsonValue | undefined = value
  for (const step of path) {
    if (at === undefined || step === null) return undefined
    at = isArray(at) ? (/^-?\d+$/.test(step) ? element(at, Number(step)) : undefined) : member(at, step)
  }
  return at
}

function asJson(value: JsonValue | undefined): string | null {
  return value === undefined ? null : formatJson(value)
}

/** JSON null is SQL NULL as text, a string loses its quotes. */
function asText(value: JsonValue | undefined): string | null {
  if (value === undefined || value === null) return null
  return typeof value === 'string' ? value : formatJson(value)
}

const access = [
  define('->', [JSONB, TEXT], JSONB, (json: string, key: string) => asJson(member(parseJson(json), key))),
  define('->', [JSONB, INTEGER], JSONB, (json: string, at: number) => asJson(element(parseJson(json), at))),
  define('->>', [JSONB, TEXT], TEXT, (json: string, key: string) => asText(member(parseJson(json), key))),
  define('->>', [JSONB, INTEGER], TEXT, (json: string, at: number) => asText(element(parseJson(json), at))),
  define('#>', [JSONB, TEXT_ARRAY], JSONB, (json: string, path: string[]) => asJson(atPath(parseJson(json), path))),
  define('#>>', [JSONB, TEXT_ARRAY], TEXT, (json: string, path: string[]) => asText(atPath(parseJson(json), path))),
  ...['jsonb_extract_path', 'json_extract_path'].map(name =>
    define(name, [JSONB, TEXT], JSONB, (json: string, path: string[]) => asJson(atPath(parseJson(json), path)), {
      variadic: true,
    }),
  ),
  ...['jsonb_extract_path_text', 'json_extract_path_text'].map(name =>
    define(name, [JSONB, TEXT], TEXT, (json: string, path: string[]) => asText(atPath(parseJson(json), path)), {
      variadic: true,
    }),
  ),
]

/** a @> b: every part of b is in a. Arrays are sets here; a top-level array may contain a bare scalar. */
function contains(a: JsonValue, b: JsonValue, top = true): boolean {
  if (isObject(a) && isObject(b)) {
    return [...b].every(([key, value]) => {
      const own = a.get(key)
      return own !== undefined && contains(own, value, false)
    })
  }
  if (isArray(a)) {
    if (isArray(b)) return b.every(item => a.some(own => contains(own, item, false)))
    return top && !isObject(b) && a.some(own => compareJson(own, b) === 0)
  }
  return !isArray(b) && !isObject(b) && !isObject(a) && compareJson(a, b) === 0
}

function hasKey(value: JsonValue, key: string): boolean {
  if (isObject(value)) return value.has(key)
  return isArray(value) ? value.includes(key) : value === key
}

const tests = [
  define('@>', [JSONB, JSONB], BOOLEAN, (a: string, b: string) => contains(parseJson(a), parseJson(b))),
  define('<@', [JSONB, JSONB], BOOLEAN, (a: string, b: string) => contains(parseJson(b), parseJson(a))),
  define('?', [JSONB, TEXT], BOOLEAN, (json: string, key: string) => hasKey(parseJson(json), key)),
  define('?|', [JSONB, TEXT_ARRAY], BOOLEAN, (json: string, keys: (string | null)[]) => {
    const value = parseJson(json)
    return keys.some(key => key !== null && hasKey(value, key))
  }),
  define('?&', [JSONB, TEXT_ARRAY], BOOLEAN, (json: string, keys: (string | null)[]) => {
    const value = parseJson(json)
    return keys.every(key => key === null || hasKey(value, key))
  }),
]

function concatenate(a: JsonValue, b: JsonValue): JsonValue {
  if (isObject(a) && isObject(b)) return jsonObject([...a, ...b])
  return [...(isArray(a) ? a : [a]), ...(isArray(b) ? b : [b])]
}

function withoutKey(value: JsonValue, keys: readonly (string | null)[]): JsonValue {
  if (isObject(value)) return jsonObject([...value].filter(([key]) => !keys.includes(key)))
  if (isArray(value)) return value.filter(item => typeof item !== 'string' || !keys.includes(item))
  throw new EngineError('22023', 'cannot delete from scalar')
}

function withoutIndex(value: JsonValue, at: number): JsonValue {
  if (isObject(value)) throw new EngineError('22023', 'cannot delete from object using integer index')
  if (!isArray(value)) throw new EngineError('22023', 'cannot delete from scalar')
  const index = at < 0 ? value.length + at : at
  return value.filter((_, i) => i !== index)
}

function withoutNulls(value: JsonValue): JsonValue {
  if (isArray(value)) return value.map(withoutNulls)
  if (!isObject(value)) return value
  return jsonObject([...value].filter(([, v]) => v !== null).map(([k, v]) => [k, withoutNulls(v)]))
}

function set(value: JsonValue, path: readonly string[], to: JsonValue, create: boolean): JsonValue {
  const [step, ...rest] = path
  if (step === undefined) return value
  if (isObject(value)) {
    const own = value.get(step)
    if (own === undefined) return create && rest.length === 0 ? jsonObject([...value, [step, to]]) : value
    return jsonObject([...value, [step, rest.length === 0 ? to : set(own, rest, to, create)]])
  }
  if (!isArray(value)) return value
  if (!/^-?\d+$/.test(step)) {
    throw new EngineError('22P02', `path element at position 1 is not an integer: "${step}"`)
  }
  const at = Number(step) < 0 ? value.length + Number(step) : Number(step)
  if (at < 0 || at >= value.length) {
    if (!create || rest.length > 0) return value
    return at < 0 ? [to, ...value] : [...value, to]
  }
  return value.with(at, rest.length === 0 ? to : set(value[at], rest, to, create))
}

const changes = [
  define('||', [JSONB, JSONB], JSONB, (a: string, b: string) => formatJson(concatenate(parseJson(a), parseJson(b)))),
  define('-', [JSONB, TEXT], JSONB, (json: string, key: string) => formatJson(withoutKey(parseJson(json), [key]))),
  define('-', [JSONB, TEXT_ARRAY], JSONB, (json: string, keys: string[]) =>
    formatJson(withoutKey(parseJson(json), keys)),
  ),
  define('-', [JSONB, INTEGER], JSONB, (json: string, at: number) => formatJson(withoutIndex(parseJson(json), at))),
  define('jsonb_strip_nulls', [JSONB], JSONB, (json: string) => formatJson(withoutNulls(parseJson(json)))),
  define('jsonb_set', [JSONB, TEXT_ARRAY, JSONB], JSONB, (json: string, path: string[], to: string) =>
    formatJson(set(parseJson(json), path, parseJson(to), true)),
  ),
  define(
    'jsonb_set',
    [JSONB, TEXT_ARRAY, JSONB, BOOLEAN],
    JSONB,
    (j: string, path: string[], to: string, create: boolean) =>
      formatJson(set(parseJson(j), path, parseJson(to), create)),
  ),
  define('jsonb_pretty', [JSONB], TEXT, (json: string) => pretty(parseJson(json), '')),
]

function pretty(value: JsonValue, indent: string): string {
  const inner = `${indent}    `
  if (isArray(value)) {
    if (value.length === 0) return `[\n${indent}]`
    return `[\n${value.map(v => inner + pretty(v, inner)).join(',\n')}\n${indent}]`
  }
  if (isObject(value)) {
    if (value.size === 0) return `{\n${indent}}`
    return `{\n${[...value].map(([k, v]) => `${inner}${formatJson(k)}: ${pretty(v, inner)}`).join(',\n')}\n${indent}}`
  }
  return formatJson(value)
}

const facts = ['jsonb', 'json'].flatMap(prefix => [
  define(`${prefix}_typeof`, [JSONB], TEXT, (json: string) => jsonKind(parseJson(json))),
  define(`${prefix}_array_length`, [JSONB], INTEGER, (json: string) => {
    const value = parseJson(json)
    if (isArray(value)) return value.length
    throw new EngineError('22023', `cannot get array length of ${isObject(value) ? 'a non-array' : 'a scalar'}`)
  }),
])

/** A SQL value as JSON: numbers and booleans as such, rows as objects, arrays as arrays, the rest as its text. */
function toJson(value: Datum, type: DataType, context: EvalContext): JsonValue {
  if (value === null) return null
  switch (type.kind) {
    case 'boolean':
      return value === true
    case 'jsonb':
      return parseJson(String(value))
    case 'smallint':
    case 'integer':
    case 'bigint':
      return typeof value === 'number' || typeof value === 'bigint' ? decimalOfInt(value) : null
    case 'real':
    case 'double':
    case 'numeric': {
      const text = formatDatum(value, type, context)
      const number: Decimal | undefined = parseDecimal(text)
      return number && !number.special ? number : text
    }
    case 'array':
      return Array.isArray(value) ? value.map((v: Datum) => toJson(v, type.element, context)) : null
    case 'row':
      return Array.isArray(value)
        ? jsonObject(type.fields.map((f, i) => [f.name, toJson(value[i], f.type, context)]))
        : null
    case 'map':
      return Array.isArray(value)
        ? jsonObject(value.map((e: Datum[]) => [String(e[0]), toJson(e[1], type.value, context)]))
        : null
    case 'timestamp':
    case 'timestamptz': {
      // JSON has ISO 8601 with a T, and hours and minutes of the offset.
      const text = formatDatum(value, type, context).replace(' ', 'T')
      return type.kind === 'timestamptz' ? text.replace(/([+-]\d\d)$/, '$1:00') : text
    }
    default:
      return formatDatum(value, type, context)
  }
}

const makers = ['jsonb', 'json'].flatMap(prefix => [
  define(`to_${prefix}`, [ANYELEMENT], JSONB, {
    make:
      ([type]) =>
      (value: Datum, context: EvalContext) =>
        formatJson(toJson(value, type, context)),
  }),
  define(
    `${prefix}_build_array`,
    [ANY],
    JSONB,
    {
      make: types => (values: readonly Datum[], context: EvalContext) =>
        formatJson(values.map((v, i) => toJson(v, types[i], context))),
    },
    { strict: false, variadic: true },
  ),
  define(`${prefix}_build_array`, [], JSONB, () => '[]'),
  define(
    `${prefix}_build_object`,
    [ANY],
    JSONB,
    { make: types => (values: readonly Datum[], context: EvalContext) => buildObject(values, types, context) },
    { strict: false, variadic: true },
  ),
  define(`${prefix}_build_object`, [], JSONB, () => '{}'),
])

function buildObject(values: readonly Datum[], types: readonly DataType[], context: EvalContext): string {
  if (values.length % 2 !== 0) {
    throw new EngineError('22023', 'argument list must have even number of elements', {
      hint: 'The arguments of jsonb_build_object() must consist of alternating keys and values.',
    })
  }
  const entries: [string, JsonValue][] = []
  for (let i = 0; i < values.length; i += 2) {
    if (values[i] === null) throw new EngineError('22023', `argument ${i + 1}: key must not be null`)
    const key = toJson(values[i], types[i], context)
    entries.push([typeof key === 'string' ? key : formatJson(key), toJson(values[i + 1], types[i + 1], context)])
  }
  return formatJson(jsonObject(entries))
}

export const jsonFunctions: readonly Overload[] = [...access, ...tests, ...changes, ...facts, ...makers]
