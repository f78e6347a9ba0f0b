import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Schema } from '../../src/batch/types.ts'
import type { Operator, SideOutput } from '../../src/dataflow/operator.ts'
import { type AggregateSettings, aggregate as build, call } from '../support/aggregate.ts'
import { play, schemaOf } from '../support/play.ts'

type Settings = Omit<AggregateSettings, 'calls'> & { readonly calls: readonly (readonly [string, string?])[] }

function aggregate(schema: Schema, settings: Settings): ReturnType<typeof build> {
  return build(schema, {
    ...settings,
    calls: settings.calls.map(([name, arg = '']) => call(schema, `${name} ${arg}`.trim())),
  })
}

const readings = schemaOf('device text, v double, n integer, we timestamp')

describe('live', () => {
  test('a batch emits each group it changed: old row taken back, new one behind it', () => {
    const create = aggregate(readings, { keys: ['device'], calls: [['count'], ['max', 'v']] })
    expect(play(create, readings, '+ a 1 1 10\n+ b 5 1 10\n+ a 2 1 10', { rowsPerBatch: 2 })).toBe(
      '+ a 1 1\n+ b 1 5\n- a 1 1\n+ a 2 2',
    )
  })

  test('a group whose row did not change says nothing', () => {
    const create = aggregate(readings, { keys: ['device'], calls: [['max', 'v']] })
    expect(play(create, readings, '+ a 5 1 10\n+ a 3 1 10', { rowsPerBatch: 1 })).toBe('+ a 5')
  })

  test('NULLs are one group, aggregates leave NULL arguments out', () => {
    const create = aggregate(readings, {
      keys: ['device'],
      calls: [['count'], ['count', 'v'], ['sum', 'n'], ['avg', 'v'], ['min', 'v']],
    })
    expect(play(create, readings, '+ null null null 10\n+ null 4 2 10')).toBe('+ null 2 1 2 4 4')
    expect(play(create, readings, '+ null null null 10')).toBe('+ null 1 0 null null null')
  })

  test('without keys there is one row, over no rows too', () => {
    const create = aggregate(readings, { keys: [], calls: [['count'], ['max', 'v']] })
    expect(play(create, readings, '')).toBe('+ 0 null')
    expect(play(create, readings, '+ a 1 1 10\nrestart\n+ a 7 1 10', { rowsPerBatch: 1 })).toBe(
      '+ 0 null\n- 0 null\n+ 1 1\n- 1 1\n+ 2 7',
    )
  })

  test('rows of closed windows are late, open ones go on', () => {
    const create = aggregate(readings, { keys: ['device', 'we'], calls: [['count']], windowEnd: 1 })
    expect(play(create, readings, '+ a 1 1 10\nwatermark 10\n+ a 1 1 10\n+ a 1 1 20\nrestart\n+ a 2 2 10')).toBe(
      '+ a 10 1\nlate a 1 1 10\n+ a 20 1\nlate a 2 2 10',
    )
  })

  test('a group without rows goes away', () => {
    const create = aggregate(readings, { keys: ['device'], calls: [['count'], ['sum', 'n']], retractable: true })
    expect(play(create, readings, '+ a 1 1 10\n+ a 1 2 10\n- a 1 1 10\n- a 1 2 10', { rowsPerBatch: 1 })).toBe(
      '+ a 1 1\n- a 1 1\n+ a 2 3\n- a 2 3\n+ a 1 2\n- a 1 2',
    )
  })
})

describe('EMIT FINAL', () => {
  test('a window comes out once, when the watermark reaches its end, earliest first', () => {
    const create = aggregate(readings, { keys: ['we', 'device'], calls: [['avg', 'n']], windowEnd: 0, final: true })
    const script = '+ a 1 1 20\n+ b 1 3 10\n+ a 1 2 10\n+ a 1 2 20\nwatermark 9\nwatermark 10\nrestart\nwatermark 30'
    expect(play(create, readings, script)).toBe(
      '+ 10 b 3.0000000000000000\n+ 10 a 2.0000000000000000\n+ 20 a 1.5000000000000000',
    )
  })

  test('the end of a bounded input closes everything', () => {
    const create = aggregate(readings, { keys: ['device'], calls: [['count']], final: true })
    expect(play(create, readings, '+ a 1 1 20\n+ b 1 1 30\n+ a 1 1 20\nend')).toBe('+ a 2\n+ b 1')
    const global = aggregate(readings, { keys: [], calls: [['count']], final: true })
    expect(play(global, readings, 'end')).toBe('+ 0')
  })
})

test('sums are exact beyond 2^53 and refuse what bigint cannot hold', () => {
  const schema = schemaOf('k integer, b bigint')
  const create = aggregate(schema, {
    keys: ['k'],
    calls: [
      ['sum', 'b'],
      ['avg', 'b'],
      ['max', 'b'],
    ],
  })
  const big = '9223372036854775807'
  expect(play(create, schema, `+ 1 ${big}\n+ 1 ${big}\n+ 1 1`)).toBe(
    `+ 1 18446744073709551615 6148914691236517205 ${big}`,
  )
})

test('what comes in and is freed leaves nothing', () => {
  const create = aggregate(readings, {
    keys: ['device', 'we'],
    calls: [
      ['avg', 'v'],
      ['max', 'v'],
    ],
    windowEnd: 1,
    final: true,
  })
  let operator: Operator | undefined
  const keep = (side: SideOutput): Operator => {
    operator = create(side)
    return operator
  }
  const sizes: (number | undefined)[] = []
  const script: string[] = []
  for (let window = 1; window <= 200; window++) {
    for (let d = 0; d < 50; d++) script.push(`+ device-${window}-${d} ${d} 1 ${window * 10}`)
    script.push(`watermark ${window * 10}`)
  }
  const count = (n: number): void => {
    play(keep, readings, script.slice(0, n * 51).join('\n'))
    sizes.push(operator?.stateBytes?.())
  }
  count(20)
  count(200)
  expect(sizes[1]).toBeLessThanOrEqual((sizes[0] ?? 0) * 1.5)
})

describe('law', () => {
  const row = fc.record({
    device: fc.constantFrom('a', 'b', 'ccccccccc', 'null', ''.padEnd(40, 'x')),
    v: fc.oneof(
      fc.integer({ min: -20, max: 20 }).map(n => n / 4),
      fc.constant(null),
    ),
    n: fc.oneof(fc.integer({ min: -5, max: 5 }), fc.constant(null)),
    we: fc.constantFrom(10, 20, 30),
  })

  test('incremental equals recompute, at any batch size, across restarts', () => {
    const create = aggregate(readings, {
      keys: ['device', 'we'],
      calls: [['count'], ['sum', 'n'], ['avg', 'v'], ['min', 'v'], ['max', 'n']],
    })
    fc.assert(
      fc.property(
        fc.array(row, { maxLength: 60 }),
        fc.integer({ min: 1, max: 20 }),
        fc.nat(60),
        (rows, rowsPerBatch, cut) => {
          const lines = rows.map(r => `+ ${r.device} ${r.v} ${r.n} ${r.we}`)
          lines.splice(Math.min(cut, lines.length), 0, 'restart')
          const expected = recompute(rows)
          expect(play(create, readings, lines.join('\n'), { rowsPerBatch, consolidate: true })).toBe(expected)
        },
      ),
      { numRuns: 150 },
    )
  })

  function recompute(rows: readonly { device: string; v: number | null; n: number | null; we: number }[]): string {
    const groups = new Map<string, typeof rows>()
    for (const r of rows) groups.set(`${r.device} ${r.we}`, [...(groups.get(`${r.device} ${r.we}`) ?? []), r])
    const lines = [...groups].map(([key, members]) => {
      const vs = members.flatMap(m => (m.v === null ? [] : [m.v]))
      const ns = members.flatMap(m => (m.n === null ? [] : [m.n]))
      const sum = (list: number[]): number => list.reduce((a, b) => a + b, 0)
      const sumN = ns.length ? sum(ns) + 0 : null
      const average = vs.length ? sum(vs) / vs.length + 0 : null
      return `+ ${key} ${members.length} ${sumN} ${average} ${vs.length ? Math.min(...vs) : null} ${ns.length ? Math.max(...ns) : null}`
    })
    return lines.sort().join('\n')
  }
})
