import fc from 'fast-check'
import { expect, test } from 'vitest'
import { batchOfRows } from '../../src/batch/batch.ts'
import type { Schema } from '../../src/batch/types.ts'
import type { Operator, SideOutput } from '../../src/dataflow/operator.ts'
import { Upsert } from '../../src/operators/upsert.ts'
import { play, schemaOf } from '../support/play.ts'

const input = schemaOf('k text, v integer, deleted boolean')
const schema: Schema = { fields: input.fields.slice(0, 2) }
const upsert =
  (final = false) =>
  (side: SideOutput): Operator =>
    new Upsert({ schema, keys: [0], final, side })

test('a row replaces the one of its key; a deletion takes it back; the same row again is no change', () => {
  const script =
    '+ a 1 false\n+ a 2 false\n+ a 2 false\n+ a null true\nrestart\n+ a 3 false\n+ a null true\n+ a null true'
  expect(play(upsert(), input, script, { rowsPerBatch: 1 })).toBe('+ a 1\n- a 1\n+ a 2\n- a 2\n+ a 3\n- a 3')
})

test('of a batch the last row of a key counts, and changes come old before new', () => {
  const script = '+ a 1 false\n+ b 1 false\n+ a 2 false\n+ b null true\nrestart\n+ a 3 false\n+ b 4 false'
  expect(play(upsert(), input, script, { rowsPerBatch: 4 })).toBe('+ a 2\n- a 2\n+ a 3\n+ b 4')
})

test('a row without a key goes aside', () => {
  expect(play(upsert(), input, '+ null 1 false\n+ a 1 false')).toBe('bad null 1 false : the key is NULL: k\n+ a 1')
})

test('any rows, cut and restarted anywhere: what is left is the last row of each key, in a read as in a job', () => {
  const row = fc.record({
    key: fc.constantFrom('a', 'b', 'c'),
    value: fc.integer({ min: 0, max: 2 }),
    deleted: fc.boolean(),
    restart: fc.integer({ min: 0, max: 5 }).map(n => n === 0),
  })
  fc.assert(
    fc.property(fc.array(row, { maxLength: 20 }), fc.integer({ min: 1, max: 5 }), (rows, rowsPerBatch) => {
      const last = new Map<string, number>()
      const lines: string[] = []
      for (const { key, value, deleted, restart } of rows) {
        if (deleted) last.delete(key)
        else last.set(key, value)
        lines.push(`+ ${key} ${deleted ? 'null' : value} ${deleted}`)
        if (restart) lines.push('restart')
      }
      const expected = [...last].map(([key, value]) => `+ ${key} ${value}`).sort()
      const script = lines.join('\n')
      expect(play(upsert(), input, script, { rowsPerBatch, consolidate: true })).toBe(expected.join('\n'))
      const read = play(upsert(true), input, `${script}\nend`, { rowsPerBatch })
      expect(read.split('\n').sort().join('\n')).toBe(expected.join('\n'))
    }),
  )
})

test('keys that go leave nothing behind', () => {
  const operator = upsert()({ late: () => {}, bad: () => {} })
  const sizes = [1, 2, 3, 4, 5, 6].map(() => {
    for (let i = 0; i < 2000; i++) {
      const script = [`k${i}`, i]
      for (const deleted of [false, true]) {
        operator.onBatch(rowOf(script, deleted), 0, () => {})
      }
    }
    return operator.stateBytes?.()
  })
  // Six thousand keys more or less than that: dictionaries reserve a little.
  expect(sizes[5]).toBeLessThan(2 * Number(sizes[0]))
})

function rowOf([k, v]: (string | number)[], deleted: boolean) {
  return batchOfRows(input, [[k, v, deleted]])
}
