import {
  BIGINT,
  BOOLEAN,
  BYTEA,
  DATE,
  type DataType,
  DOUBLE,
  INTEGER,
  INTERVAL,
  JSONB,
  NUMERIC,
  REAL,
  SMALLINT,
  TEXT,
  TIME,
  TIMESTAMP,
  TIMESTAMPTZ,
  UUID,
} from '../../batch/types.ts'
import { comparisonOf } from '../compare.ts'
import type { TextRef } from '../kernel.ts'
import { ANYARRAY, type Body, define, type Overload, RECORD } from './overload.ts'

/** = <> < <= > >= for every type. */

type Op = '=' | '<>' | '<' | '<=' | '>' | '>='
const OPS: readonly Op[] = ['=', '<>', '<', '<=', '>', '>=']
const JS: Readonly<Record<Op, string>> = { '=': '===', '<>': '!==', '<': '<', '<=': '<=', '>': '>', '>=': '>=' }

/** Values that JavaScript compares as SQL does. A mix of number and bigint too: both are canonical. */
const ORDERED: readonly DataType[] = [BOOLEAN, SMALLINT, INTEGER, BIGINT, DATE, TIME, TIMESTAMP, TIMESTAMPTZ]

export const comparison: readonly Overload[] = OPS.flatMap(op => [
  ...ORDERED.map(type => define(op, [type, type], BOOLEAN, { inline: (a, b) => `(${a} ${JS[op]} ${b})` })),
  ...[REAL, DOUBLE].flatMap(left =>
    [REAL, DOUBLE].map(right => define(op, [left, right], BOOLEAN, { inline: (a, b) => floats(op, a, b) })),
  ),
  ...[TEXT, BYTEA, UUID].map(type => define(op, [type, type], BOOLEAN, text(op, type))),
  ...[NUMERIC, INTERVAL, JSONB].map(type => define(op, [type, type], BOOLEAN, { call: compared(op, type) })),
  ...[ANYARRAY, RECORD].map(type => define(op, [type, type], BOOLEAN, { make: args => compared(op, args[0]) })),
])

/** NaN = NaN, and NaN is above everything. JavaScript's own comparisons with NaN are false. */
function floats(op: Op, a: string, b: string): string {
  switch (op) {
    case '=':
      return `(${a} === ${b} || (${a} !== ${a} && ${b} !== ${b}))`
    case '<>':
      return `(${a} !== ${b} && (${a} === ${a} || ${b} === ${b}))`
    case '<':
      return `(${a} < ${b} || (${b} !== ${b} && ${a} === ${a}))`
    case '<=':
      return `(${a} <= ${b} || ${b} !== ${b})`
    case '>':
      return `(${a} > ${b} || (${a} !== ${a} && ${b} === ${b}))`
    default:
      return `(${a} >= ${b} || ${a} !== ${a})`
  }
}

function compared(op: Op, type: DataType): (a: never, b: never) => boolean {
  const compare = comparisonOf(type)
  switch (op) {
    case '=':
      return (a, b) => compare(a, b) === 0
    case '<>':
      return (a, b) => compare(a, b) !== 0
    case '<':
      return (a, b) => compare(a, b) < 0
    case '<=':
      return (a, b) => compare(a, b) <= 0
    case '>':
      return (a, b) => compare(a, b) > 0
    default:
      return (a, b) => compare(a, b) >= 0
  }
}

function text(op: Op, type: DataType): Body {
  const call = compared(op, type)
  if (op === '=') return { call, bytes: equal }
  if (op === '<>') return { call, bytes: (a, b) => `!${equal(a, b)}` }
  return {
    call,
    bytes: (a, b) => `(compareBytes(${a.bytes}, ${a.start}, ${a.end}, ${b.bytes}, ${b.start}, ${b.end}) ${op} 0)`,
  }
}

/** Longer constants are compared in a loop, to keep the generated code small. */
const UNROLLED_BYTES_MAX = 24

/** Equality of two pieces of text in bytes, as an expression. */
export function equal(a: TextRef, b: TextRef): string {
  if (a.constant && !b.constant) return equal(b, a)
  const { constant } = b
  if (!constant || constant.length > UNROLLED_BYTES_MAX) {
    return `equalBytes(${a.bytes}, ${a.start}, ${a.end}, ${b.bytes}, ${b.start}, ${b.end})`
  }
  const tests = [...constant].map((byte, i) => ` && ${a.bytes}[${a.start} + ${i}] === ${byte}`)
  return `(${a.end} - ${a.start} === ${constant.length}${tests.join('')})`
}
