import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Operator, SideOutput } from '../../src/dataflow/operator.ts'
import { compileColumnReferences } from '../../src/operators/evaluate.ts'
import { Session } from '../../src/operators/session.ts'
import { consolidate, play, schemaOf } from '../support/play.ts'

const input = schemaOf('k text, v integer, t timestamp')
const schema = schemaOf('k text, v integer, t timestamp, ws timestamp, we timestamp')
const GAP = 5

function session({ final = false, watched = (_: Session) => {} } = {}): (side: SideOutput) => Operator {
  return side => {
    const keys = [{ kind: 'column' as const, index: 0, ...input.fields[0] }]
    const operator = new Session({
      schema,
      input,
      time: 2,
      gapMicros: GAP,
      keys,
      final,
      compile: compileColumnReferences,
      side,
    })
    watched(operator)
    return operator
  }
}

test('a row lengthens its session, and one a whole gap later begins another', () => {
  expect(play(session(), input, '+ a 1 10\n+ a 2 14\n+ b 3 14\n+ a 4 19', { rowsPerBatch: 1 })).toBe(
    '+ a 1 10 10 15\n- a 1 10 10 15\n+ a 1 10 10 19\n+ a 2 14 10 19\n+ b 3 14 14 19\n+ a 4 19 19 24',
  )
})

test('a row between two sessions joins them, and parts them when it is taken back', () => {
  const script = '+ a 1 10\n+ a 2 18\nrestart\n+ a 3 14\n- a 3 14'
  expect(play(session(), input, script, { rowsPerBatch: 1, consolidate: true })).toBe('+ a 1 10 10 15\n+ a 2 18 18 23')
  expect(play(session(), input, '+ a 1 10\n+ a 2 18\n+ a 3 14', { consolidate: true })).toBe(
    '+ a 1 10 10 23\n+ a 2 18 10 23\n+ a 3 14 10 23',
  )
})

test('final rows come when the watermark reaches the end of their session', () => {
  const script = '+ a 1 10\n+ a 2 14\n+ b 3 11\nwatermark 16\nrestart\nwatermark 18\nwatermark 19\n+ a 4 20\nend'
  expect(play(session({ final: true }), input, script)).toBe(
    '+ b 3 11 11 16\n+ a 1 10 10 19\n+ a 2 14 10 19\n+ a 4 20 20 25',
  )
})

test('a row behind the watermark counts where its session is open, and is late otherwise', () => {
  // 12 ends a session at 17; 7 is within the gap of 10, which is open; 2 is in none, and one of its own would have ended at 7.
  expect(play(session({ final: true }), input, '+ a 1 10\nwatermark 12\n+ a 2 12\n+ a 3 7\n+ a 4 2\nend')).toBe(
    'late a 4 2\n+ a 3 7 7 17\n+ a 1 10 7 17\n+ a 2 12 7 17',
  )
  // What would be left of the session may have closed.
  expect(play(session(), input, '+ a 1 10\nwatermark 12\n- a 1 10')).toBe('+ a 1 10 10 15\nlate a 1 10')
})

interface Step {
  readonly k: string
  readonly v: number
  readonly t: number
}

/** Sessions of all rows, by their definition. */
function recomputed(rows: readonly Step[]): string[] {
  return rows
    .map(({ k, v, t }) => {
      const times = rows.filter(row => row.k === k).map(row => row.t)
      let [start, last] = [t, t]
      for (;;) {
        const earlier = times.find(other => other < start && start - other < GAP)
        const later = times.find(other => other > last && other - last < GAP)
        if (earlier === undefined && later === undefined) break
        start = earlier ?? start
        last = later ?? last
      }
      return `+ ${k} ${v} ${t} ${start} ${last + GAP}`
    })
    .sort()
}

const step = fc.record({
  k: fc.constantFrom('a', 'b', 'null'),
  v: fc.integer({ min: 0, max: 1 }),
  t: fc.integer({ min: 0, max: 60 }),
})

test('incremental equals recomputed, at any batch size, across restarts; what is taken back leaves nothing', () => {
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 40 }),
      fc.nat(40),
      fc.nat(40),
      fc.integer({ min: 1, max: 9 }),
      (rows, cut, back, rowsPerBatch) => {
        const add = rows.map(({ k, v, t }) => `+ ${k} ${v} ${t}`)
        const remove = add.slice(0, back).map(line => `-${line.slice(1)}`)
        const lines = [...add, ...remove]
        lines.splice(Math.min(cut, lines.length), 0, 'restart')
        const kept = recomputed(rows.slice(back)).join('\n')
        expect(play(session(), input, lines.join('\n'), { rowsPerBatch, consolidate: true })).toBe(kept)
        const final = play(session({ final: true }), input, [...lines, 'end'].join('\n'), {
          rowsPerBatch,
          consolidate: true,
        })
        expect(final).toBe(kept)
      },
    ),
    { numRuns: 200 },
  )
})

test('in order of time, live sessions after the watermark and final ones are the same, each once', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), fc.integer({ min: 1, max: 9 }), (unordered, rowsPerBatch) => {
      const rows = unordered.toSorted((a, b) => a.t - b.t)
      const lines = rows.flatMap(({ k, v, t }) => [`watermark ${t - 1}`, `+ ${k} ${v} ${t}`])
      lines.push('watermark 100')
      const final = play(session({ final: true }), input, lines.join('\n'), { rowsPerBatch })
      expect(
        final
          .split('\n')
          .filter(line => line !== '')
          .sort(),
      ).toEqual(recomputed(rows))
      const live = play(session(), input, lines.join('\n'), { rowsPerBatch })
      expect(consolidate(live.split('\n').filter(line => line !== ''))).toEqual(recomputed(rows))
    }),
  )
})

test('state is that of the open sessions, however much has passed', () => {
  const bytesAfter = (sessions: number): number => {
    let last: Session | undefined
    const script = Array.from(
      { length: sessions },
      (_, n) => `+ a ${n} ${10 * n}\n+ b${n % 7} 0 ${10 * n}\nwatermark ${10 * n + 6}`,
    )
    play(session({ watched: operator => (last = operator) }), input, script.join('\n'))
    return last?.stateBytes() ?? 0
  }
  // What is free is kept for a while, as text is.
  expect(bytesAfter(2000)).toBeLessThan(2 * bytesAfter(200))
})
