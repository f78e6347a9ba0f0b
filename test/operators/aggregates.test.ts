import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Batch, batchOfRows, rowAt } from '../../src/batch/batch.ts'
import { aggregate, call } from '../support/aggregate.ts'
import { play, schemaOf } from '../support/play.ts'

const schema = schemaOf(
  'k integer, v double, n integer, b boolean, s text, t timestamp, d numeric, sep text, i interval',
)

interface Row {
  readonly v: number | null
  readonly n: number | null
  readonly b: boolean | null
  readonly s: string | null
  readonly t: number
  readonly d: string | null
}

const line = (r: Row): string => `1 ${r.v} ${r.n} ${r.b} ${r.s} ${r.t} ${r.d} / ${r.n === null ? null : r.n * 1000}`

const present = <T>(list: readonly (T | null)[]): T[] => list.filter((x): x is T => x !== null)
const sorted = (list: readonly number[]): number[] => list.toSorted((a, b) => a - b)
const sum = (list: readonly number[]): number => list.reduce((a, b) => a + b, 0)
const orNull = <T, R>(list: readonly T[], f: (list: readonly T[]) => R): R | null =>
  list.length === 0 ? null : f(list)
const mean = (list: readonly number[]): number => sum(list) / list.length
const squares = (list: readonly number[]): number => sum(list.map(x => (x - mean(list)) ** 2))

/** The plainest way to each answer. Numbers are compared with a relative tolerance of 1e-9, everything else as text. */
const ORACLE: Record<string, (rows: readonly Row[]) => unknown> = {
  count: rows => rows.length,
  'count v': rows => present(rows.map(r => r.v)).length,
  'count distinct s': rows => new Set(present(rows.map(r => r.s))).size,
  'sum distinct n': rows => orNull([...new Set(present(rows.map(r => r.n)))], sum),
  'sum n': rows => orNull(present(rows.map(r => r.n)), sum),
  'sum v filter b': rows => orNull(present(rows.filter(r => r.b).map(r => r.v)), sum),
  'sum d': rows => orNull(present(rows.map(r => r.d)).map(Number), sum),
  'avg n': rows => orNull(present(rows.map(r => r.n)), mean),
  'avg v': rows => orNull(present(rows.map(r => r.v)), mean),
  'avg d': rows => orNull(present(rows.map(r => r.d)).map(Number), mean),
  'min v': rows => orNull(sorted(present(rows.map(r => r.v))), l => l[0]),
  'max n': rows => orNull(sorted(present(rows.map(r => r.n))), l => l.at(-1)),
  'min s': rows => orNull(present(rows.map(r => r.s)).sort(), l => l[0]),
  'max t': rows => orNull(sorted(rows.map(r => r.t)), l => l.at(-1)),
  'max d': rows => orNull(sorted(present(rows.map(r => r.d)).map(Number)), l => l.at(-1)),
  'stddev v': rows => {
    const l = present(rows.map(r => r.v))
    return l.length < 2 ? null : Math.sqrt(squares(l) / (l.length - 1))
  },
  'var_pop v': rows => orNull(present(rows.map(r => r.v)), l => squares(l) / l.length),
  'variance n': rows => {
    const l = present(rows.map(r => r.n))
    return l.length < 2 ? null : squares(l) / (l.length - 1)
  },
  'stddev_pop d': rows => orNull(present(rows.map(r => r.d)).map(Number), l => Math.sqrt(squares(l) / l.length)),
  'bool_and b': rows => orNull(present(rows.map(r => r.b)), l => l.every(Boolean)),
  'bool_or b': rows => orNull(present(rows.map(r => r.b)), l => l.some(Boolean)),
  'last v t': rows => by(rows, 'last'),
  'arg_min v t': rows => by(rows, 'first'),
  'string_agg s sep order t': rows =>
    orNull(
      rows.filter(r => r.s !== null).toSorted((a, b) => a.t - b.t),
      l => l.map(r => r.s).join('/'),
    ),
  'array_agg n order t desc': rows =>
    orNull(
      rows.toSorted((a, b) => b.t - a.t),
      l => `[${l.map(r => r.n).join(',')}]`.replaceAll(/(?<=[[,])(?=[,\]])/g, 'null'),
    ),
  'percentile_cont v 0.25': rows => orNull(sorted(present(rows.map(r => r.v))), l => interpolated(l, 0.25)),
  'percentile_disc n 0.9': rows =>
    orNull(sorted(present(rows.map(r => r.n))), l => l[Math.max(0, Math.ceil(0.9 * l.length) - 1)]),
  'median v': rows => orNull(sorted(present(rows.map(r => r.v))), l => interpolated(l, 0.5)),
  'mode n': rows => orNull(sorted(present(rows.map(r => r.n))), mode),
  'sum i': rows => orNull(present(rows.map(r => r.n)), l => `0m0d${sum(l) * 1000}us`),
}

function by(rows: readonly Row[], which: 'first' | 'last'): number | null {
  const list = rows.filter(r => r.v !== null).toSorted((a, b) => a.t - b.t)
  return (which === 'first' ? list[0] : list.at(-1))?.v ?? null
}

function interpolated(list: readonly number[], fraction: number): number {
  const at = fraction * (list.length - 1)
  const low = list[Math.floor(at)]
  return low + (list[Math.ceil(at)] - low) * (at - Math.floor(at))
}

function mode(list: readonly number[]): number {
  const count = (x: number): number => list.filter(y => y === x).length
  return list.toSorted((a, b) => count(b) - count(a) || a - b)[0]
}

const NAMES = Object.keys(ORACLE)
const calls = NAMES.map(name => {
  const words = name.split(' ')
  const fraction = words[0].startsWith('percentile') ? Number(words.pop()) : undefined
  return call(schema, words.join(' '), fraction)
})

function check(actual: string, rows: readonly Row[]): void {
  if (rows.length === 0) {
    expect(actual).toBe('')
    return
  }
  const values = actual.replace(/^\+ 1 /, '').split(' ')
  expect(values.length).toBe(NAMES.length)
  NAMES.forEach((name, i) => {
    const expected = ORACLE[name](rows)
    if (typeof expected === 'number')
      expect(Math.abs(Number(values[i]) - expected), `${name}: ${values[i]} for ${expected}`).toBeLessThanOrEqual(
        1e-9 * Math.max(1, Math.abs(expected)),
      )
    else expect(values[i], name).toBe(String(expected))
  })
}

const rowOf = (t: number): fc.Arbitrary<Row> =>
  fc.record({
    v: fc.oneof(
      fc.integer({ min: -40, max: 40 }).map(x => x / 8),
      fc.constant(null),
    ),
    n: fc.oneof(
      fc.integer({ min: -5, max: 5 }).map(x => x + 0),
      fc.constant(null),
    ),
    b: fc.constantFrom(true, false, null),
    s: fc.constantFrom('a', 'b', 'ab', 'é', null),
    t: fc.constant(t),
    d: fc.constantFrom('1.5', '1.50', '-2', '0.25', null),
  })

/** Times are distinct, so that "the last" is one row. */
const rows = fc
  .integer({ min: 0, max: 30 })
  .chain(length => fc.tuple(...Array.from({ length }, (_, t) => rowOf((t * 7) % 31))))

describe('every aggregate, against the plainest computation', () => {
  test('over additions', () => {
    const create = aggregate(schema, { keys: ['k'], calls })
    fc.assert(
      fc.property(rows, fc.integer({ min: 1, max: 12 }), fc.nat(30), (list, rowsPerBatch, cut) => {
        const script = list.map(r => `+ ${line(r)}`)
        script.splice(Math.min(cut, script.length), 0, 'restart')
        check(play(create, schema, script.join('\n'), { rowsPerBatch, consolidate: true }), list)
      }),
      { numRuns: 150 },
    )
  })

  test('over additions and rows taken back; nothing is left of what is all taken back', () => {
    const create = aggregate(schema, { keys: ['k'], calls, retractable: true })
    fc.assert(
      fc.property(
        rows,
        fc.array(fc.nat(), { maxLength: 40 }),
        fc.integer({ min: 1, max: 12 }),
        fc.nat(60),
        (list, picks, rowsPerBatch, cut) => {
          const left = [...list]
          const script = list.map(r => `+ ${line(r)}`)
          for (const pick of picks) {
            if (left.length === 0) break
            const [gone] = left.splice(pick % left.length, 1)
            // Anywhere behind the row itself.
            const from = script.indexOf(`+ ${line(gone)}`) + 1
            script.splice(from + (pick % (script.length - from + 1)), 0, `- ${line(gone)}`)
          }
          script.splice(Math.min(cut, script.length), 0, 'restart')
          check(play(create, schema, script.join('\n'), { rowsPerBatch, consolidate: true }), left)
        },
      ),
      { numRuns: 200 },
    )
  })
})

describe('by example, as Postgres answers', () => {
  const one = (text: string, script: string, fraction?: number): string =>
    play(aggregate(schema, { keys: [], calls: [call(schema, text, fraction)], final: true }), schema, `${script}\nend`)
  const v = (...values: (number | string)[]): string => values.map(x => `+ 1 ${x} 0 true a 0 0 / 0`).join('\n')
  const n = (...values: number[]): string => values.map(x => `+ 1 0 ${x} true a 0 0 / 0`).join('\n')

  test('averages of integers have 16 significant digits', () => {
    expect(one('avg n', n(1, 2))).toBe('+ 1.5000000000000000')
    expect(one('avg n', n(1, 1, 2))).toBe('+ 1.3333333333333333')
    expect(one('avg n', n(10000, 20001))).toBe('+ 15000.500000000000')
    expect(one('stddev n', n(1, 2, 4))).toBe('+ 1.5275252316519467')
    expect(one('variance n', n(1, 2, 4))).toBe('+ 2.3333333333333333')
  })

  test('NaN is the greatest, infinities of both signs make no sum', () => {
    expect(one('max v', v(1, 'NaN', 3))).toBe('+ NaN')
    expect(one('min v', v('NaN', 1, 3))).toBe('+ 1')
    expect(one('sum v', v('Infinity', 1))).toBe('+ Infinity')
    expect(one('sum v', v('Infinity', '-Infinity'))).toBe('+ NaN')
    expect(one('stddev_pop v', v('Infinity', 1))).toBe('+ NaN')
  })

  test('sums of doubles lose nothing to cancellation, in any order', () => {
    expect(one('sum v', v(1e16, 1, -1e16))).toBe('+ 1')
    expect(one('sum v', v(1, 1e16, -1e16))).toBe('+ 1')
  })

  test('variance of values far from zero', () => {
    expect(one('var_pop v', v(1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16))).toBe('+ 22.5')
  })

  test('no rows', () => {
    for (const name of ['sum n', 'avg v', 'min s', 'stddev v', 'bool_or b', 'array_agg n', 'median v']) {
      expect(one(name, ''), name).toBe('+ null')
    }
    expect(one('count distinct n', '')).toBe('+ 0')
  })
})

test('wrong types are refused with what the aggregate takes', () => {
  expect(() => call(schema, 'sum s')).toThrow('function sum(text) does not exist')
  expect(() => call(schema, 'bool_and n')).toThrow('function bool_and(integer) does not exist')
})

test('an average of more values than four bytes count, added at once and across a restart, and taken back', () => {
  const input = schemaOf('k integer, v double')
  const most = 2 ** 31 - 1
  const create = aggregate(input, {
    keys: ['k'],
    calls: [call(input, 'avg v'), call(input, 'count v')],
    retractable: true,
  })
  const silent = { late: () => {}, bad: () => {} }
  const outputs: unknown[][] = []
  const emit = (batch: Batch): void => {
    for (let i = 0; i < batch.rowCount; i++) if (batch.weights?.[i] === 1) outputs.push(rowAt(batch, i))
  }
  let operator = create(silent)
  const add = (v: number, weight: number): void => operator.onBatch(batchOfRows(input, [[1, v]], [weight]), 0, emit)
  add(1, most)
  add(3, most)
  const snapshot = structuredClone(operator.snapshot?.() ?? {})
  operator = create(silent)
  operator.restore?.(snapshot)
  add(5, most)
  add(5, -most)
  add(3, -most)
  expect(outputs).toEqual([
    [1, 1, most],
    [1, 2, 2 * most],
    [1, 3, 3 * most],
    [1, 2, 2 * most],
    [1, 1, most],
  ])
})
