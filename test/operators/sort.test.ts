import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Batch, batchOfRows, rowAt } from '../../src/batch/batch.ts'
import { compileColumnReferences, compilerFor } from '../../src/operators/evaluate.ts'
import { Filter } from '../../src/operators/filter.ts'
import { Project } from '../../src/operators/project.ts'
import { Sort } from '../../src/operators/sort.ts'
import { column } from '../support/aggregate.ts'
import { play, schemaOf } from '../support/play.ts'

const schema = schemaOf('s text, v double, t timestamp')

test('by several keys, each in its direction, NULLs where they are asked for, ties in order of arrival', () => {
  const keys = [
    { expr: column(schema, 's'), descending: true, nullsFirst: false },
    { expr: column(schema, 'v'), descending: false, nullsFirst: true },
  ]
  const create = () => new Sort({ schema, keys, offset: 0, compile: compileColumnReferences })
  expect(
    play(create, schema, '+ a 1 1\n+ null 5 2\n+ b NaN 3\n+ b 2 4\n+ b null 5\n+ a 1 6\nend', { rowsPerBatch: 2 }),
  ).toBe('+ b null 5\n+ b 2 4\n+ b NaN 3\n+ a 1 1\n+ a 1 6\n+ null 5 2')
})

test('limit and offset cut the whole order', () => {
  const value = fc.oneof(fc.integer({ min: -9, max: 9 }), fc.constant(null))
  fc.assert(
    fc.property(
      fc.array(value),
      fc.option(fc.nat(12), { nil: undefined }),
      fc.nat(5),
      fc.boolean(),
      (values, limit, offset, descending) => {
        const keys = [{ expr: column(schema, 'v'), descending, nullsFirst: descending }]
        const script = values.map((v, i) => `+ x ${v} ${i}`)
        const rank = (v: number | null): number => (v === null ? 100 : v)
        const expected = values
          .map((v, i) => ({ v, i }))
          .sort((a, b) => (rank(a.v) - rank(b.v)) * (descending ? -1 : 1) || a.i - b.i)
          .slice(offset, limit === undefined ? undefined : offset + limit)
          .map(({ v, i }) => `+ x ${v} ${i}`)
        const create = () => new Sort({ schema, keys, limit, offset, compile: compileColumnReferences })
        expect(play(create, schema, [...script, 'end'].join('\n'), { rowsPerBatch: 3 })).toBe(expected.join('\n'))
      },
    ),
  )
})

test('a limit over many rows holds few of them', () => {
  const keys = [{ expr: column(schema, 'v'), descending: true, nullsFirst: true }]
  const sort = new Sort({ schema, keys, limit: 3, offset: 1, compile: compileColumnReferences })
  const out: Batch[] = []
  for (let b = 0; b < 60; b++) {
    sort.onBatch(
      batchOfRows(
        schema,
        Array.from({ length: 1000 }, (_, i) => ['x', (i * 60 + b) % 59_999, b * 1000 + i]),
      ),
    )
  }
  expect(sort.stateBytes()).toBeLessThan(20_000 * 3 * 12)
  sort.onEnd(batch => out.push(batch))
  expect(out.flatMap(batch => Array.from({ length: batch.rowCount }, (_, i) => rowAt(batch, i)[1]))).toEqual([
    59_997, 59_996, 59_995,
  ])
})

test('a row an expression fails on is bad, the others go on; in a read the error stands', () => {
  const numbers = schemaOf('a integer, b integer')
  const exprs = [{ kind: 'cast', arg: column(numbers, 'a'), type: { kind: 'smallint' } }] as const
  const compile = compilerFor(numbers, () => ({ nowMicros: 0, timeZone: 'UTC' }))
  const script = '+ 1 1\n+ 70000 2\n+ 3 3\n+ 80000 0\n+ -5 1'
  const output = { fields: [{ name: 'a', type: { kind: 'smallint' } as const }] }
  expect(play(side => new Project({ schema: output, exprs, compile, side }), numbers, script)).toBe(
    'bad 70000 2 : smallint out of range\nbad 80000 0 : smallint out of range\n+ 1\n+ 3\n+ -5',
  )
  expect(() => play(() => new Project({ schema: output, exprs, compile, side: undefined }), numbers, script)).toThrow(
    'smallint out of range',
  )
})

test('a filter keeps what is TRUE', () => {
  const flags = schemaOf('n integer, keep boolean')
  const create = () =>
    new Filter({ schema: flags, predicate: column(flags, 'keep'), compile: compileColumnReferences, side: undefined })
  expect(play(create, flags, '+ 1 true\n+ 2 false\n- 3 true\n+ 4 null')).toBe('+ 1 true\n- 3 true')
})
