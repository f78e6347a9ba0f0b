import { expect, test } from 'vitest'
import { type Batch, batchOfRows, createBatch } from '../../src/batch/batch.ts'
import { datumAt } from '../../src/batch/column.ts'
import { BIGINT, type Datum, TEXT } from '../../src/batch/types.ts'
import { Repeat } from '../../src/operators/repeat.ts'

const schema = {
  fields: [
    { name: 'k', type: TEXT },
    { name: 'times', type: BIGINT },
  ],
}
const rows: Datum[][] = [
  ['a', 2],
  ['b', 0],
  ['c', -3],
  ['d', null],
  ['e', 5000],
]

function run(apart: boolean, weights?: readonly number[]): Batch[] {
  const { rowCount, columns } = batchOfRows(schema, rows)
  const out: Batch[] = []
  const input = createBatch(schema, rowCount, columns, weights && Int32Array.from(weights))
  new Repeat({ schema, count: 1, apart }).onBatch(input, 0, batch => out.push(batch))
  return out
}

test('a row has the weight that its count says, also where it is taken back', () => {
  const [batch, ...others] = run(false, [1, 1, 1, 1, -1])
  expect(others).toEqual([])
  expect(batch.rowCount).toBe(2)
  expect([datumAt(batch.columns[0], 0, false), datumAt(batch.columns[0], 1, false)]).toEqual(['a', 'e'])
  expect([...(batch.weights ?? [])]).toEqual([2, -5000])
})

test('or it comes so often, in batches that are not too large', () => {
  const batches = run(true)
  const keys = batches.flatMap(b => Array.from({ length: b.rowCount }, (_, i) => datumAt(b.columns[0], i, false)))
  expect(keys.filter(k => k === 'a')).toHaveLength(2)
  expect(keys.filter(k => k === 'e')).toHaveLength(5000)
  expect(keys).toHaveLength(5002)
  expect(Math.max(...batches.map(b => b.rowCount))).toBeLessThanOrEqual(4096)
  expect(batches.every(b => b.weights === undefined)).toBe(true)
})
