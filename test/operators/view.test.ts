import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { batchOfRows, rowAt } from '../../src/batch/batch.ts'
import { View, type ViewOptions } from '../../src/operators/view.ts'
import { rowsOf } from '../../src/state/row-store.ts'
import { play, printDatum, schemaOf } from '../support/play.ts'

const schema = schemaOf('device text, v double, t timestamp, d numeric, tags text[]')

/** The rows of the view after the script, sorted, equal ones once each. */
function contents(
  options: Omit<ViewOptions, 'schema'>,
  script: string,
  rowsPerBatch: number,
  columns?: number[],
): string[] {
  let view = new View({ schema, ...options })
  play(
    () => {
      view = new View({ schema, ...options })
      return view
    },
    schema,
    script,
    { rowsPerBatch },
  )
  return [...rowsOf(view.read(columns))]
    .flatMap(batch =>
      Array.from({ length: batch.rowCount }, (_, i) =>
        Array(batch.weights?.[i] ?? 1).fill(rowAt(batch, i).map(printDatum).join(' ')),
      ),
    )
    .flat()
    .sort()
}

const row = fc
  .record({
    device: fc.constantFrom('a', 'b', 'null'),
    v: fc.constantFrom('1', '-0', '0', 'NaN', 'null'),
    t: fc.integer({ min: 0, max: 5 }),
    d: fc.constantFrom('1.5', 'null'),
  })
  .map(r => `${r.device} ${r.v} ${r.t} ${r.d} null`)

test('a multiset: what is added and not taken back, at any batch size, across restarts', () => {
  fc.assert(
    fc.property(
      fc.array(row, { maxLength: 40 }),
      fc.array(fc.nat(), { maxLength: 30 }),
      fc.integer({ min: 1, max: 9 }),
      fc.nat(60),
      (rows, picks, rowsPerBatch, cut) => {
        const left = [...rows]
        const script = rows.map(r => `+ ${r}`)
        for (const pick of picks) if (left.length > 0) script.push(`- ${left.splice(pick % left.length, 1)[0]}`)
        script.splice(Math.min(cut, script.length), 0, 'restart')
        // −0 and 0 are one value; the first seen is kept.
        const plain = (list: string[]): string[] => list.map(r => r.replace(' -0 ', ' 0 ')).sort()
        expect(plain(contents({}, script.join('\n'), rowsPerBatch))).toEqual(plain(left))
        const added = script.filter(line => !line.startsWith('-'))
        expect(plain(contents({ appendOnly: true }, added.join('\n'), rowsPerBatch))).toEqual(plain(rows))
      },
    ),
    { numRuns: 150 },
  )
})

describe.each([{ appendOnly: false }, { appendOnly: true }])('%o', options => {
  test('rows leave by event time; those without stay', () => {
    const script =
      '+ a 1 100 null null\n+ b 1 200 null null\n+ c 1 null null null\nwatermark 310\n+ d 1 350 null null\nrestart\nwatermark 350'
    const retention = { column: 2, micros: 200 }
    expect(contents({ ...options, retention }, script, 10, [0])).toEqual(['b', 'c', 'd'])
  })

  test('a read keeps what it was given', () => {
    const view = new View({ schema, ...options })
    const add = (name: string): void => view.onBatch(batchOfRows(schema, [[name, 1, 1, null, ['x']]]), 0, () => {})
    add('a')
    const before = rowsOf(view.read([0, 4]))
    add('b')
    expect([...before].map(batch => rowAt(batch, 0))).toEqual([['a', ['x']]])
    expect([...rowsOf(view.read())].reduce((sum, batch) => sum + batch.rowCount, 0)).toBe(2)
  })
})

test('what comes in and is taken back leaves nothing', () => {
  const view = new View({ schema })
  const size = (rounds: number): number => {
    for (let round = 0; round < rounds; round++) {
      const rows = Array.from({ length: 100 }, (_, i) => [`device-${round}-${i}`, i, round * 100 + i, null, null])
      view.onBatch(batchOfRows(schema, rows), 0, () => {})
      view.onBatch(
        batchOfRows(
          schema,
          rows,
          rows.map(() => -1),
        ),
        0,
        () => {},
      )
    }
    return view.stateBytes()
  }
  const after10 = size(10)
  expect([...rowsOf(view.read())]).toEqual([])
  expect(size(300)).toBeLessThan(after10 * 1.5)
})
