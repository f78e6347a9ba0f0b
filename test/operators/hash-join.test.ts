import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Batch, batchOfRows } from '../../src/batch/batch.ts'
import { BOOLEAN, type Schema } from '../../src/batch/types.ts'
import type { Operator, SideOutput } from '../../src/dataflow/operator.ts'
import { compileProjection } from '../../src/expr/compile.ts'
import type { Expr } from '../../src/expr/expr.ts'
import { resolveOperator } from '../../src/expr/resolve.ts'
import type { Compile } from '../../src/operators/evaluate.ts'
import { HashJoin, type HashJoinOptions } from '../../src/operators/hash-join.ts'
import { consolidate, play, schemaOf } from '../support/play.ts'

type Type = HashJoinOptions['type']
const TYPES: readonly Type[] = ['inner', 'left', 'right', 'full', 'semi', 'anti']

const left = schemaOf('k integer, v integer, t timestamp')
const right = schemaOf('k integer, w integer, t timestamp')
const both: Schema = { fields: [...left.fields, ...right.fields] }

const column = (schema: Schema, index: number): Expr => ({ kind: 'column', index, ...schema.fields[index] })

/** v <> w: a condition beyond the equality of k. */
function differ(): Expr {
  const args = [column(both, 1), column(both, 4)]
  const found = resolveOperator(
    '<>',
    args.map(a => a.type),
  )
  if (!found) throw new Error('integers compare')
  return { kind: 'call', id: found.id, name: '<>', args, type: BOOLEAN }
}

const compile: Compile = exprs => {
  let run: ReturnType<typeof compileProjection> | undefined
  return batch => {
    run ??= compileProjection(exprs, batch.schema)
    return run(batch, { nowMicros: 0, timeZone: 'UTC' })
  }
}

interface Settings {
  readonly keepMicros?: number
  readonly final?: boolean
  readonly residual?: boolean
}

function join(type: Type, { keepMicros, final = false, residual = false }: Settings = {}) {
  const lifetime = keepMicros === undefined ? undefined : { column: 2, keepMicros }
  const late = lifetime ? [{ column: 2, slackMicros: 0 }] : []
  return (side: SideOutput): Operator =>
    new HashJoin({
      schema: type === 'semi' || type === 'anti' ? left : both,
      type,
      left: { schema: left, keys: [column(left, 0)], lifetime, late },
      right: { schema: right, keys: [column(right, 0)], lifetime, late },
      residual: residual ? differ() : undefined,
      final,
      delayMicros: 0,
      compile,
      side,
    })
}

const inputs = [left, right]

test('a partner takes back the row that came alone; when it goes, that comes again', () => {
  const script = '+ 1 7 0\ninput 1\n+ 1 8 0\nrestart\n- 1 8 0'
  expect(play(join('left'), inputs, script)).toBe(
    '+ 1 7 0 null null null\n+ 1 7 0 1 8 0\n- 1 7 0 null null null\n- 1 7 0 1 8 0\n+ 1 7 0 null null null',
  )
  expect(play(join('semi'), inputs, script)).toBe('+ 1 7 0\n- 1 7 0')
  expect(play(join('anti'), inputs, script)).toBe('+ 1 7 0\n- 1 7 0\n+ 1 7 0')
})

test('a batch that leaves a row with a partner as before says nothing of it', () => {
  const script = '+ 1 7 0\ninput 1\n+ 1 8 0\n- 1 8 0\n+ 1 9 0'
  expect(play(join('semi'), inputs, script)).toBe('+ 1 7 0')
})

test('a final outer join gives a row alone when the watermark proves it, once', () => {
  const create = join('left', { keepMicros: 10, final: true })
  const script =
    '+ 1 7 100\n+ 2 7 105\ninput 1\n+ 1 8 95\nwatermark 109\nrestart\nwatermark 114\nwatermark 115\nwatermark 200'
  expect(play(create, inputs, script)).toBe('+ 1 7 100 1 8 95\n+ 2 7 105 null null null')
})

test('late rows go aside, of either side', () => {
  const create = join('inner', { keepMicros: 10 })
  expect(play(create, inputs, 'watermark 100\n+ 1 7 100\n+ 1 7 101\ninput 1\n+ 1 8 99\n+ 1 8 102')).toBe(
    'late 1 7 100\nlate 1 8 99\n+ 1 7 101 1 8 102',
  )
})

test('rows that no partner can find any more are forgotten: after ten times the bound there are as many as after two', () => {
  for (const type of TYPES) {
    const operator = join(type, { keepMicros: 10_000_000, final: true })({ late: () => {}, bad: () => {} })
    const bytes: number[] = []
    for (let second = 0; second <= 100; second++) {
      const time = second * 1_000_000
      const rows = Array.from({ length: 200 }, (_, i) => [second * 200 + i, 0, time])
      operator.onBatch(batchOfRows(left, rows), 0, () => {})
      operator.onBatch(batchOfRows(right, rows.slice(100)), 1, () => {})
      operator.onWatermark?.(time - 1, () => {})
      if (second === 20 || second === 100) bytes.push(operator.stateBytes?.() ?? 0)
    }
    expect(bytes[1], type).toBeLessThanOrEqual(bytes[0] * 1.1)
  }
})

interface Change {
  readonly side: 0 | 1
  readonly row: readonly [number | null, number]
  readonly batchEnds: boolean
  readonly restart: boolean
}

const change: fc.Arbitrary<Change> = fc.record({
  side: fc.constantFrom<0 | 1>(0, 1),
  row: fc.tuple(fc.constantFrom<number | null>(null, 0, 1, 2), fc.integer({ min: 0, max: 2 })),
  batchEnds: fc.boolean(),
  restart: fc.integer({ min: 0, max: 9 }).map(n => n === 0),
})

describe('incremental = recomputed, over any changes, cut and restarted anywhere', () => {
  for (const type of TYPES) {
    for (const residual of [false, true]) {
      test(`${type}${residual ? ' with a further condition' : ''}`, () => {
        fc.assert(
          fc.property(fc.array(change, { maxLength: 30 }), changes => {
            const kept: (readonly [number | null, number])[][] = [[], []]
            const lines: string[] = []
            for (const { side, row, batchEnds, restart } of changes) {
              // A row that is there goes again in half of the cases.
              const there = kept[side].findIndex(r => r[0] === row[0] && r[1] === row[1])
              const back = there >= 0 && batchEnds
              if (back) kept[side].splice(there, 1)
              else kept[side].push(row)
              lines.push(`input ${side}`, `${back ? '-' : '+'} ${row[0]} ${row[1]} 0`)
              if (restart) lines.push('restart')
            }
            const got = play(join(type, { residual }), inputs, grouped(lines, changes), { consolidate: true })
            expect(got).toBe(consolidate(expected(type, residual, kept[0], kept[1])).join('\n'))
          }),
          { numRuns: 150 },
        )
      })
    }
  }
})

/** Neighbouring rows of one side go in one batch, unless one ends it. */
function grouped(lines: readonly string[], changes: readonly Change[]): string {
  let at = -1
  return lines
    .filter(line => {
      if (!line.startsWith('input')) return true
      at++
      return at === 0 || changes[at].side !== changes[at - 1].side || changes[at - 1].batchEnds
    })
    .join('\n')
}

function expected(
  type: Type,
  residual: boolean,
  lefts: readonly (readonly [number | null, number])[],
  rights: readonly (readonly [number | null, number])[],
): string[] {
  const meet = (l: readonly [number | null, number], r: readonly [number | null, number]): boolean =>
    l[0] !== null && l[0] === r[0] && (!residual || l[1] !== r[1])
  const text = ([k, v]: readonly [number | null, number]): string => `${k} ${v} 0`
  const nulls = 'null null null'
  const lone = lefts.filter(l => !rights.some(r => meet(l, r)))
  if (type === 'semi') return lefts.filter(l => rights.some(r => meet(l, r))).map(l => `+ ${text(l)}`)
  if (type === 'anti') return lone.map(l => `+ ${text(l)}`)
  const pairs = lefts.flatMap(l => rights.filter(r => meet(l, r)).map(r => `+ ${text(l)} ${text(r)}`))
  const loneRight = rights.filter(r => !lefts.some(l => meet(l, r)))
  return [
    ...pairs,
    ...(type === 'left' || type === 'full' ? lone.map(l => `+ ${text(l)} ${nulls}`) : []),
    ...(type === 'right' || type === 'full' ? loneRight.map(r => `+ ${nulls} ${text(r)}`) : []),
  ]
}

test('very many pairs come in pieces', () => {
  const operator = join('inner')({ late: () => {}, bad: () => {} })
  const rows = (n: number) => Array.from({ length: n }, (_, i) => [1, i, 0])
  const sizes: number[] = []
  const take = (batch: Batch): void => void sizes.push(batch.rowCount)
  operator.onBatch(batchOfRows(left, rows(100)), 0, take)
  operator.onBatch(batchOfRows(right, rows(100)), 1, take)
  expect(sizes.reduce((a, b) => a + b, 0)).toBe(10_000)
  expect(Math.max(...sizes)).toBeLessThanOrEqual(4096)
})
