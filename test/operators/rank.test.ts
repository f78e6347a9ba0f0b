import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Operator, SideOutput } from '../../src/dataflow/operator.ts'
import { compileColumnReferences } from '../../src/operators/evaluate.ts'
import { Rank, type RankOptions } from '../../src/operators/rank.ts'
import { play, schemaOf } from '../support/play.ts'

const input = schemaOf('k text, v integer, w integer')
const schema = schemaOf('k text, v integer, w integer, n bigint')
const column = (index: number) => ({ kind: 'column' as const, index, ...input.fields[index] })

type Settings = Partial<Pick<RankOptions, 'function' | 'rankMax' | 'shown' | 'final' | 'retractable'>>

/** By k, in the order of v, NULLs last. */
function rank(settings: Settings = {}, watch = (_: Rank): void => {}): (side: SideOutput) => Operator {
  return side => {
    const operator = new Rank({
      schema: settings.shown === false ? input : schema,
      input,
      function: 'row_number',
      keys: [column(0)],
      order: [{ expr: column(1), descending: false, nullsFirst: false }],
      rankMax: undefined,
      shown: true,
      windowEnd: undefined,
      final: false,
      retractable: true,
      compile: compileColumnReferences,
      side,
      ...settings,
    })
    watch(operator)
    return operator
  }
}

test('a better row takes the place of others; when it goes they come up again', () => {
  const script = '+ a 5 0\n+ a 7 0\n+ a 3 0\nrestart\n- a 3 0'
  expect(play(rank({ rankMax: 2 }), input, script, { rowsPerBatch: 1 })).toBe(
    '+ a 5 0 1\n+ a 7 0 2\n- a 5 0 1\n- a 7 0 2\n+ a 3 0 1\n+ a 5 0 2\n- a 3 0 1\n- a 5 0 2\n+ a 5 0 1\n+ a 7 0 2',
  )
})

test('who does not ask for the place is not told that it moved', () => {
  expect(play(rank({ rankMax: 2, shown: false }), input, '+ a 5 0\n+ a 3 0\n+ a 4 0', { rowsPerBatch: 1 })).toBe(
    '+ a 5 0\n+ a 3 0\n- a 5 0\n+ a 4 0',
  )
})

test('rows beyond the best are forgotten where none is taken back', () => {
  const held = (rows: number): number => {
    let last: Rank | undefined
    const script = Array.from({ length: rows }, (_, n) => `+ a ${(n * 37) % 100} 0`).join('\n')
    play(
      rank({ rankMax: 3, retractable: false }, operator => {
        last = operator
      }),
      input,
      script,
      { rowsPerBatch: 10 },
    )
    return last?.stateBytes() ?? 0
  }
  expect(held(2000)).toBeLessThan(2 * held(200))
})

const FUNCTIONS = ['row_number', 'rank', 'dense_rank'] as const
const row = fc.record({
  k: fc.constantFrom('a', 'b'),
  v: fc.constantFrom('0', '1', '2', '3', 'null'),
  w: fc.integer({ min: 0, max: 2 }),
})
type Row = { k: string; v: string; w: number }

/** By the definition. */
function recomputed(
  rows: readonly Row[],
  { function: name = 'row_number', rankMax = 1000, shown = true }: Settings,
): string[] {
  const number = (v: string): number => (v === 'null' ? Number.POSITIVE_INFINITY : Number(v))
  return ['a', 'b']
    .flatMap(k => {
      const own = rows.filter(r => r.k === k).sort((x, y) => (x.v === y.v ? x.w - y.w : number(x.v) - number(y.v)))
      return own.flatMap((r, i) => {
        const before = own.filter(o => number(o.v) < number(r.v))
        const places = {
          row_number: i + 1,
          rank: before.length + 1,
          dense_rank: new Set(before.map(o => o.v)).size + 1,
        }
        const place = places[name]
        return place > rankMax ? [] : [`+ ${r.k} ${r.v} ${r.w}${shown ? ` ${place}` : ''}`]
      })
    })
    .sort()
}

test('incremental equals recomputed, at any batch size, across restarts; what is taken back leaves nothing', () => {
  fc.assert(
    fc.property(
      fc.array(row, { maxLength: 30 }),
      fc.nat(30),
      fc.nat(30),
      fc.integer({ min: 1, max: 9 }),
      fc.constantFrom(...FUNCTIONS),
      fc.constantFrom(undefined, 1, 2, 4),
      fc.boolean(),
      (rows, cut, back, rowsPerBatch, name, rankMax, shown) => {
        const settings = { function: name, rankMax, shown }
        const add = rows.map(({ k, v, w }) => `+ ${k} ${v} ${w}`)
        const removed = Math.min(back, rows.length)
        const lines = [...add, ...add.slice(0, removed).map(line => `-${line.slice(1)}`)]
        lines.splice(Math.min(cut, lines.length), 0, 'restart')
        const script = lines.join('\n')
        const kept = recomputed(rows.slice(removed), settings).join('\n')
        const options = { rowsPerBatch, consolidate: true }
        expect(play(rank(settings), input, script, options)).toBe(kept)
        expect(play(rank({ ...settings, final: true }), input, `${script}\nend`, options)).toBe(kept)
        if (removed > 0) return
        expect(play(rank({ ...settings, retractable: false }), input, script, options)).toBe(kept)
      },
    ),
    { numRuns: 300 },
  )
})
