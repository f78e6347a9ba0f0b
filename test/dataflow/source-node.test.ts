import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { batchOfRows, rowAt } from '../../src/batch/batch.ts'
import { BIGINT, TIMESTAMP } from '../../src/batch/types.ts'
import { Graph } from '../../src/dataflow/graph.ts'
import { SourceNode } from '../../src/dataflow/source-node.ts'
import { SourceWatermarks } from '../../src/dataflow/watermarks.ts'
import { compileColumnReferences } from '../../src/operators/evaluate.ts'
import { HashAggregate } from '../../src/operators/hash-aggregate.ts'
import { Tumble } from '../../src/operators/tumble.ts'
import { schemaOf } from '../support/play.ts'

describe('watermarks', () => {
  const options = { delayMicros: 5_000_000, idleTimeoutMs: 10_000, maxFutureMicros: 300_000_000 }
  const seconds = (n: number): number => n * 1_000_000

  test('the slowest partition counts, one never heard of holds, an idle one lets go', () => {
    const w = new SourceWatermarks(options)
    w.setPartitions(['a', 'b'], 0)
    expect(w.observe('a', seconds(100), 0)).toBe(Number.NEGATIVE_INFINITY)
    expect(w.observe('b', seconds(50), 1000)).toBe(seconds(45))
    expect(w.observe('a', seconds(200), 9000)).toBe(seconds(45))
    expect(w.observe('a', seconds(201), 11_000)).toBe(seconds(196))
    expect(w.observe('b', seconds(60), 12_000)).toBe(seconds(196))
  })

  test('a quiet source moves on at the wall clock’s pace, after the idle time, counted from a resume; before its first row it does not', () => {
    const w = new SourceWatermarks(options)
    w.setPartitions(['a'], 100_000)
    w.observe('a', seconds(40), 100_000)
    expect(w.tick(109_999)).toBe(seconds(35))
    // 40 s seen, quiet for 10 s, less 5 s of delay.
    expect(w.tick(110_000)).toBe(seconds(45))
    const restored = new SourceWatermarks(options)
    restored.restore(structuredClone(w.snapshot()), 500_000)
    expect(restored.tick(505_000)).toBe(seconds(45))
    expect(restored.tick(520_000)).toBe(seconds(55))
    const empty = new SourceWatermarks(options)
    empty.setPartitions(['a'], 0)
    expect(empty.tick(1_000_000)).toBe(Number.NEGATIVE_INFINITY)
  })
})

const schema = schemaOf('t timestamp, id integer')
const windowed = { fields: [...schema.fields, { name: 'ws', type: TIMESTAMP }, { name: 'we', type: TIMESTAMP }] }

/** Window counts and late and bad ids that come out when the rows are cut at these places. */
function run(
  rows: readonly (readonly [number | null, number])[],
  cuts: readonly number[],
  delay: number,
  grid?: number,
): string[] {
  const out: string[] = []
  const side = {
    late: (batch: Parameters<typeof rowAt>[0], late: Int32Array, count: number) => {
      for (let i = 0; i < count; i++) out.push(`late ${rowAt(batch, late[i])[1]}`)
    },
    bad: (batch: Parameters<typeof rowAt>[0], row: number, reason: string) => {
      out.push(`bad ${rowAt(batch, row)[1]} ${reason}`)
    },
  }
  const graph = new Graph()
  const input = graph.addInput(schema)
  const tumble = new Tumble({ schema: windowed, time: 0, sizeMicros: 10, offsetMicros: 0, side })
  const count = new HashAggregate({
    schema: { fields: [windowed.fields[3], { name: 'count', type: BIGINT }] },
    keys: [{ kind: 'column', index: 3, name: 'we', type: TIMESTAMP }],
    aggregates: [{ id: 'count', name: 'count', args: [], distinct: false, orderBy: [], type: BIGINT }],
    windowEnd: 0,
    final: true,
    retractable: false,
    compile: compileColumnReferences,
    side,
  })
  graph.add(
    {
      schema: count.schema,
      onBatch: batch => {
        for (let i = 0; i < batch.rowCount; i++) out.push(`window ${rowAt(batch, i).join(' ')}`)
      },
    },
    [graph.add(count, [graph.add(tumble, [input])])],
  )
  // A second reader with narrower windows: batches are cut for those too.
  if (grid !== undefined) graph.add({ schema, gridMicros: grid, onBatch: () => {} }, [input])
  expect(graph.gridMicros(input)).toBe(grid ?? 10)
  const source = new SourceNode({
    graph,
    input,
    side,
    watermark: { column: 0, delayMicros: delay, idleTimeoutMs: 1e9, maxFutureMicros: 1000 },
  })
  source.setPartitions(['p'], 0)
  const edges = [...new Set([0, ...cuts.filter(c => c < rows.length), rows.length])].sort((a, b) => a - b)
  for (let i = 1; i < edges.length; i++) source.push('p', batchOfRows(schema, rows.slice(edges[i - 1], edges[i])), 0)
  source.end()
  return out
}

test('rows without a time and from the future are bad and move nothing', () => {
  expect(
    run(
      [
        [5, 1],
        [null, 2],
        [2000, 3],
        [1, 4],
      ],
      [],
      0,
    ),
  ).toEqual([
    'bad 2 the event time is NULL',
    'bad 3 the event time is further ahead of the clock than max_future allows',
    'window 10 2',
  ])
})

test('a row is late after a row before it in the same batch', () => {
  expect(
    run(
      [
        [5, 1],
        [25, 2],
        [6, 3],
        [24, 4],
      ],
      [],
      0,
    ),
  ).toEqual(['window 10 1', 'late 3', 'window 30 2'])
})

test('where polls cut the stream changes nothing', () => {
  const time = fc.integer({ min: 0, max: 100 })
  fc.assert(
    fc.property(
      fc.array(time, { maxLength: 60 }),
      fc.array(fc.nat(60), { maxLength: 8 }),
      fc.constantFrom(0, 3, 15),
      fc.boolean(),
      (times, cuts, delay, grid) => {
        const rows = times.map((t, i): [number, number] => [t, i])
        const oneByOne = run(
          rows,
          rows.map((_, i) => i),
          delay,
        )
        expect(run(rows, cuts, delay, grid ? 2 : undefined).sort()).toEqual(oneByOne.sort())
      },
    ),
    { numRuns: 200 },
  )
})
