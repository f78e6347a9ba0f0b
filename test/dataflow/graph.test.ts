import { expect, test } from 'vitest'
import { type Batch, batchOfRows, rowAt } from '../../src/batch/batch.ts'
import { Graph } from '../../src/dataflow/graph.ts'
import type { Emit, Operator } from '../../src/dataflow/operator.ts'
import { View } from '../../src/operators/view.ts'
import { rowsOf } from '../../src/state/row-store.ts'
import { schemaOf } from '../support/play.ts'

const numbers = schemaOf('n integer')
const batch = (...values: number[]): Batch =>
  batchOfRows(
    numbers,
    values.map(v => [v]),
  )

function recorder(log: string[], name: string): Operator {
  return {
    schema: numbers,
    onBatch: (input: Batch, at: number, emit: Emit) => {
      for (let i = 0; i < input.rowCount; i++) log.push(`${name}${at}:${rowAt(input, i)[0]}`)
      emit(input)
    },
    onWatermark: w => {
      log.push(`${name}@${w}`)
    },
    onEnd: emit => {
      log.push(`${name} end`)
      emit(batch(99))
    },
  }
}

test('watermarks merge by minimum, batches run depth first', () => {
  const graph = new Graph()
  const log: string[] = []
  const [a, b] = [graph.addInput(numbers), graph.addInput(numbers)]
  const union = graph.add(recorder(log, 'u'), [a, b])
  graph.add(recorder(log, 'x'), [union])
  graph.add(recorder(log, 'y'), [union])
  graph.push(b, batch(1))
  graph.advance(a, 10)
  graph.advance(b, 5)
  graph.advance(b, 4)
  expect(log.splice(0)).toEqual(['u1:1', 'x0:1', 'y0:1', 'u@5', 'x@5', 'y@5'])
  graph.end(b)
  expect(log.splice(0)).toEqual(['u@10', 'x@10', 'y@10'])
  graph.end(a)
  expect(log).toEqual(['u end', 'x0:99', 'y0:99', 'x end', 'y end'])
})

test('a node attached later starts at the watermark of its input, and can be removed', () => {
  const graph = new Graph()
  const log: string[] = []
  const input = graph.addInput(numbers)
  graph.advance(input, 7)
  const node = graph.add(recorder(log, 'late'), [input])
  expect(graph.watermark(node)).toBe(7)
  graph.push(input, batch(1))
  graph.remove(node)
  graph.push(input, batch(2))
  expect(log).toEqual(['late@7', 'late0:1'])
})

test('state goes out by name and comes back into a graph built the same way', () => {
  const build = (): { graph: Graph; input: ReturnType<Graph['addInput']>; view: View } => {
    const graph = new Graph()
    const input = graph.addInput(numbers)
    const view = new View({ schema: numbers })
    graph.add(view, [input], 'view')
    return { graph, input, view }
  }
  const before = build()
  before.graph.start()
  before.graph.push(before.input, batch(1, 2, 2))
  const after = build()
  after.graph.restore(structuredClone(before.graph.snapshot()))
  after.graph.push(after.input, batch(3))
  const rows = [...rowsOf(after.view.read())].flatMap(b =>
    Array.from({ length: b.rowCount }, (_, i) => [rowAt(b, i)[0], b.weights?.[i] ?? 1]),
  )
  expect(rows).toEqual([
    [1, 1],
    [2, 2],
    [3, 1],
  ])
  expect(() => build().graph.restore({})).toThrow('no state of view')
})
