import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Batch, batchOfRows, rowAt } from '../../src/batch/batch.ts'
import type { Operator } from '../../src/dataflow/operator.ts'
import { Filter } from '../../src/operators/filter.ts'
import { GroupRows } from '../../src/operators/group-rows.ts'
import { HashAggregate } from '../../src/operators/hash-aggregate.ts'
import { Project } from '../../src/operators/project.ts'
import { View } from '../../src/operators/view.ts'
import { type RowReader, rowsOf } from '../../src/state/row-store.ts'
import { aggregate, call, column } from '../support/aggregate.ts'
import { printDatum, schemaOf } from '../support/play.ts'

const readings = schemaOf('device text, v integer, we timestamp')
const grouped = schemaOf('device text, we timestamp, n bigint, top integer, isBig boolean')
const shown = schemaOf('top integer, we timestamp, device text')

/** SELECT max(v) AS top, we, device … GROUP BY device, we [HAVING max(v) >= 0]: once kept by its view, once made of the groups. */
class Pair {
  readonly #operators: Operator[]
  readonly kept = new View({ schema: shown })
  readonly made: View

  constructor(retractable: boolean, having: boolean) {
    const groups = aggregate(readings, {
      keys: ['device', 'we'],
      calls: [call(readings, 'count'), call(readings, 'max v')],
      windowEnd: 1,
      retractable,
    })({ late: () => {}, bad: () => {} })
    if (!(groups instanceof HashAggregate)) throw new Error('expected a HashAggregate')
    const filter = new Filter({
      schema: groups.schema,
      predicate: column(grouped, 'isBig'),
      compile: () => batch => [isNotNegative(batch, 3)],
      side: undefined,
    })
    const picks = [3, 1, 0]
    const project = new Project({
      schema: shown,
      exprs: picks.map(c => column(grouped, grouped.fields[c].name)),
      compile: () => batch => picks.map(c => batch.columns[c]),
      side: undefined,
    })
    const steps = having ? [filter, project] : [project]
    this.made = new View({ schema: shown, rows: new GroupRows(shown, groups, steps) })
    this.#operators = [groups, ...steps]
  }

  push(batch: Batch): void {
    this.#through(0, batch)
  }

  advance(watermark: number): void {
    this.#operators[0].onWatermark?.(watermark, batch => this.#through(1, batch))
  }

  restartOf(before: Pair): this {
    const states = structuredClone([before.#operators[0], before.kept, before.made].map(o => o.snapshot?.() ?? {}))
    ;[this.#operators[0], this.kept, this.made].forEach((operator, i) => {
      operator.restore?.(states[i])
    })
    return this
  }

  #through(from: number, batch: Batch): void {
    const next = this.#operators.at(from)
    if (next) next.onBatch(batch, 0, emitted => this.#through(from + 1, emitted))
    else for (const view of [this.kept, this.made]) view.onBatch(batch, 0, () => {})
  }
}

function isNotNegative(batch: Batch, c: number) {
  const values = Uint8Array.from({ length: batch.rowCount }, (_, i) => (Number(rowAt(batch, i)[c]) >= 0 ? 1 : 0))
  return { storage: 'bool' as const, values, valid: undefined }
}

function sorted(reader: RowReader): string[] {
  return [...rowsOf(reader)]
    .flatMap(batch => Array.from({ length: batch.rowCount }, (_, i) => rowAt(batch, i).map(printDatum).join(' ')))
    .sort()
}

const step = fc.oneof(
  fc.record({
    kind: fc.constant('rows' as const),
    rows: fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c', null), fc.integer({ min: -5, max: 5 }), fc.nat(9)), {
      maxLength: 8,
      minLength: 1,
    }),
    takesBack: fc.boolean(),
  }),
  fc.record({ kind: fc.constant('watermark' as const), to: fc.nat(9) }),
  fc.record({ kind: fc.constant('restart' as const) }),
  fc.record({ kind: fc.constant('open' as const) }),
)

test('what is made of groups is what a view would have kept, closed windows too; open readers see their instant', () => {
  fc.assert(
    fc.property(fc.boolean(), fc.boolean(), fc.array(step, { maxLength: 25 }), (retractable, having, steps) => {
      let pair = new Pair(retractable, having)
      let readers: { reader: RowReader; expected: string[] }[] = []
      let reached = 0
      const there: (string | number | null)[][] = []
      const finish = (): void => {
        for (const { reader, expected } of readers) expect(sorted(reader)).toEqual(expected)
        readers = []
      }
      for (const each of steps) {
        if (each.kind === 'watermark') {
          // The graph never lets it go back.
          reached = Math.max(reached, each.to)
          pair.advance(reached)
        } else if (each.kind === 'open') {
          for (const view of [pair.kept, pair.made])
            readers.push({ reader: view.read(), expected: sorted(view.read()) })
        } else if (each.kind === 'restart') {
          finish()
          pair = new Pair(retractable, having).restartOf(pair)
        } else {
          const back = retractable && each.takesBack && there.length > 0 ? [there.splice(0, 1)[0]] : []
          there.push(...each.rows)
          const weights = [...back.map(() => -1), ...each.rows.map(() => 1)]
          pair.push(batchOfRows(readings, [...back, ...each.rows], weights))
        }
        expect(sorted(pair.made.read())).toEqual(sorted(pair.kept.read()))
      }
      finish()
    }),
    { numRuns: 200 },
  )
})

test.each(['kept', 'made'] as const)(
  'rows %s: a reader in the middle sees its instant while groups change, close and come',
  which => {
    const pair = new Pair(false, false)
    const rows = Array.from({ length: 30_000 }, (_, i) => [`device-${i}`, 1, i % 2 === 0 ? 10 : 20])
    pair.push(batchOfRows(readings, rows))
    const reader = pair[which].read()
    const first = reader.next()
    expect(first?.rowCount).toBe(8192)
    pair.push(batchOfRows(readings, rows.map(([device, , we]) => [device, 2, we]).slice(5000, 15_000)))
    const second = reader.next()
    pair.advance(10)
    pair.push(
      batchOfRows(
        readings,
        Array.from({ length: 20_000 }, (_, i) => [`new-${i}`, 3, 30]),
      ),
    )
    pair.push(batchOfRows(readings, rows.map(([device]) => [device, 4, 30]).slice(0, 9000)))
    const rest = [...rowsOf(reader)]
    const seen = [first, second, ...rest].flatMap(batch =>
      batch ? Array.from({ length: batch.rowCount }, (_, i) => rowAt(batch, i)) : [],
    )
    expect(new Set(seen.map(([, , device]) => device)).size).toBe(30_000)
    expect(seen.length).toBe(30_000)
    expect(seen.every(([top]) => top === 1)).toBe(true)
    const now = [...rowsOf(pair[which].read())].reduce((sum, batch) => sum + batch.rowCount, 0)
    expect(now).toBe(30_000 + 20_000 + 9000)
  },
)

test('a value is looked for by its key: in groups, in closed windows, by readers of an earlier instant', () => {
  const pair = new Pair(false, false)
  const text = batchOfRows(schemaOf('x text'), [['b']]).columns[0]
  const unknown = batchOfRows(schemaOf('x text'), [['nobody']]).columns[0]
  pair.push(
    batchOfRows(readings, [
      ['a', 1, 10],
      ['b', 2, 10],
      ['b', 3, 20],
      [null, 4, 20],
    ]),
  )
  for (const view of [pair.kept, pair.made]) {
    expect(sorted(view.read(undefined, [{ column: 2, value: text }]))).toEqual(['2 10 b', '3 20 b'])
    expect(sorted(view.read(undefined, [{ column: 2, value: unknown }]))).toEqual([])
  }
  const reader = pair.made.read([0], [{ column: 2, value: text }])
  pair.push(batchOfRows(readings, [['b', 9, 20]]))
  expect(sorted(reader)).toEqual(['2', '3'])
  pair.advance(10)
  // Rows of closed windows lie in no table; whoever asks looks at them himself.
  expect(sorted(pair.made.read(undefined, [{ column: 2, value: text }]))).toEqual(['1 10 a', '2 10 b', '9 20 b'])
})
