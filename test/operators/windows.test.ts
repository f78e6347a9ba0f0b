import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Operator, SideOutput } from '../../src/dataflow/operator.ts'
import { Cumulate } from '../../src/operators/cumulate.ts'
import { compileColumnReferences } from '../../src/operators/evaluate.ts'
import { Hop } from '../../src/operators/hop.ts'
import { LiveWindowAggregate } from '../../src/operators/live-window-aggregate.ts'
import { Tumble } from '../../src/operators/tumble.ts'
import { WindowAggregate } from '../../src/operators/window-aggregate.ts'
import { aggregate, call, column } from '../support/aggregate.ts'
import { play, schemaOf } from '../support/play.ts'

const input = schemaOf('device text, v double, t timestamp')
const windowed = schemaOf('device text, v double, t timestamp, ws timestamp, we timestamp')

describe('tumble and hop', () => {
  test('each row in its window, before 1970 and at an offset too', () => {
    const create = (side: SideOutput): Operator =>
      new Tumble({ schema: windowed, time: 2, sizeMicros: 10, offsetMicros: 3, side })
    expect(play(create, input, '+ a 1 3\n+ a 1 12\n+ a 1 13\n+ a 1 -8\n- b null 2')).toBe(
      '+ a 1 3 3 13\n+ a 1 12 3 13\n+ a 1 13 13 23\n+ a 1 -8 -17 -7\n- b null 2 -7 3',
    )
  })

  test('a row without a usable time is bad', () => {
    const create = (side: SideOutput): Operator =>
      new Hop({ schema: windowed, time: 2, sizeMicros: 10, slideMicros: 5, offsetMicros: 0, side })
    expect(play(create, input, '+ a 1 null\n+ b 1 9223372036854775807\n+ c 1 7')).toBe(
      'bad a 1 null : the time of the row is NULL, so it is in no window\n' +
        'bad b 1 9223372036854775807 : the time of the row is out of range for a window\n+ c 1 7 0 10\n+ c 1 7 5 15',
    )
  })

  test('hop gives exactly the windows that hold the time', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -50, max: 50 }),
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 0, max: 30 }),
        (t, size, slide, offset) => {
          const create = (side: SideOutput): Operator =>
            new Hop({ schema: windowed, time: 2, sizeMicros: size, slideMicros: slide, offsetMicros: offset, side })
          const expected: string[] = []
          for (let k = -100; k <= 100; k++) {
            const start = k * slide + offset
            if (start <= t && t < start + size) expected.push(`+ a 1 ${t} ${start} ${start + size}`)
          }
          expect(play(create, input, `+ a 1 ${t}`)).toBe(expected.join('\n'))
        },
      ),
    )
  })
})

test('cumulate gives exactly the windows of the start that end behind the time', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: -50, max: 50 }),
      fc.integer({ min: 1, max: 6 }),
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 0, max: 30 }),
      (t, stepMicros, steps, offsetMicros) => {
        const sizeMicros = stepMicros * steps
        const create = (side: SideOutput): Operator =>
          new Cumulate({ schema: windowed, time: 2, sizeMicros, stepMicros, offsetMicros, side })
        const expected: string[] = []
        for (let k = -100; k <= 100; k++) {
          const start = k * sizeMicros + offsetMicros
          for (let n = 1; n <= steps; n++) {
            const end = start + n * stepMicros
            if (start <= t && t < end) expected.push(`a 1 ${t} ${start} ${end}`)
          }
        }
        const script = `+ a 1 ${t}\n- a 1 ${t}`
        const both = [...expected.map(row => `+ ${row}`), ...expected.map(row => `- ${row}`)]
        expect(play(create, input, script)).toBe(both.join('\n'))
      },
    ),
  )
})

interface Hopping {
  readonly size: number
  readonly slide: number
  readonly offset: number
}

const calls = [
  'count',
  'sum v',
  'avg v',
  'min v',
  'max t',
  'stddev_pop v',
  'count distinct v',
  'median v',
  'array_agg v order t',
].map(text => call(windowed, text))
const outputs = schemaOf(
  `we timestamp, device text, ws timestamp, ${calls.map(c => `${c.name} ${c.type.kind}`).join(', ')}`,
)

function byPanes({ size, slide, offset }: Hopping): (side: SideOutput) => Operator {
  return side =>
    new WindowAggregate({
      schema: outputs,
      inputWidth: 3,
      time: 2,
      sizeMicros: size,
      slideMicros: slide,
      offsetMicros: offset,
      keys: ['we', 'device', 'ws'].map(name => column(windowed, name)),
      aggregates: calls,
      compile: compileColumnReferences,
      side,
    })
}

function liveByParts({ size, slide, offset }: Hopping): (side: SideOutput) => Operator {
  return side =>
    new LiveWindowAggregate({
      schema: { fields: outputs.fields.slice(0, -1) },
      inputWidth: 3,
      time: 2,
      sizeMicros: size,
      slideMicros: slide,
      offsetMicros: offset,
      keys: ['we', 'device', 'ws'].map(name => column(windowed, name)),
      aggregates: calls.slice(0, -1),
      windowEnd: 0,
      compile: compileColumnReferences,
      side,
    })
}

/** Hop, then an ordinary aggregate: the plain way, which panes must equal. */
function byExpansion({ size, slide, offset }: Hopping, final = true): (side: SideOutput) => Operator {
  return side => {
    const hop = new Hop({ schema: windowed, time: 2, sizeMicros: size, slideMicros: slide, offsetMicros: offset, side })
    const groups = aggregate(windowed, { keys: ['we', 'device', 'ws'], calls, windowEnd: 0, final })(side)
    return {
      schema: groups.schema,
      onBatch: (batch, _, emit) => hop.onBatch(batch, 0, out => groups.onBatch(out, 0, emit)),
      onWatermark: (watermark, emit) => groups.onWatermark?.(watermark, emit),
      onEnd: emit => groups.onEnd?.(emit),
    }
  }
}

/** Emitted rows. Doubles to 12 digits: merging panes adds in another order, which a variance shows in its last bits. */
const answers = (text: string): string[] =>
  text
    .split('\n')
    .filter(line => line.startsWith('+'))
    .map(line => line.replaceAll(/\d+\.\d{8,}/g, digits => Number(digits).toPrecision(12)))

describe('panes', () => {
  test('a window comes out when it closes; a row late for one of its windows counts in the others', () => {
    const script = '+ a 1 1\n+ a 2 6\nwatermark 10\n+ a 4 7\n+ b 8 2\nrestart\nwatermark 30'
    const create = byPanes({ size: 10, slide: 5, offset: 0 })
    const seen = play(create, input, script)
      .split('\n')
      .map(line => line.split(' ').slice(0, 6).join(' '))
    expect(seen).toEqual(['+ 5 a -5 1 1', '+ 10 a 0 2 3', 'late a 4 7', 'late b 8 2', '+ 15 a 5 2 6'])
  })

  test('equal the expansion, for any size, slide and offset, at any batch size, across restarts', () => {
    const step = fc.oneof(
      {
        weight: 5,
        arbitrary: fc.record({
          device: fc.constantFrom('a', 'b', 'c', 'null'),
          v: fc.integer({ min: -8, max: 8 }),
          t: fc.integer({ min: -20, max: 60 }),
        }),
      },
      { weight: 1, arbitrary: fc.constant('watermark' as const) },
    )
    const hopping = fc.record({
      size: fc.integer({ min: 1, max: 15 }),
      slide: fc.integer({ min: 1, max: 15 }),
      offset: fc.integer({ min: 0, max: 10 }),
    })
    fc.assert(
      fc.property(
        hopping,
        fc.array(step, { maxLength: 50 }),
        fc.integer({ min: 1, max: 10 }),
        fc.nat(50),
        (window, steps, rowsPerBatch, cut) => {
          let watermark = -25
          const lines = steps.map(s => {
            if (s === 'watermark') {
              watermark += 9
              return `watermark ${watermark}`
            }
            return `+ ${s.device} ${s.v} ${s.t}`
          })
          const expected = answers(play(byExpansion(window), input, [...lines, 'end'].join('\n')))
          lines.splice(Math.min(cut, lines.length), 0, 'restart')
          const actual = answers(play(byPanes(window), input, [...lines, 'end'].join('\n'), { rowsPerBatch }))
          expect(actual.sort()).toEqual(expected.sort())
          const live = play(liveByParts(window), input, lines.join('\n'), { rowsPerBatch, consolidate: true })
          expect(answers(live).sort()).toEqual(expected.map(row => row.slice(0, row.lastIndexOf(' '))))
        },
      ),
      { numRuns: 200 },
    )
  })
})
