import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bothWays, column } from './support.ts'

const columns = [
  column('s', 'text'),
  column('d', 'double'),
  column('b', 'boolean'),
  column('l', 'bigint'),
  column('n', 'double', { path: '$.in.n' }),
]

/** Lines that the decoder cuts itself, by its fast way where it has one, are read as lines given one by one. */
describe('lines of JSON', () => {
  const base = '{"s":"dev-1","extra":"xy","d":-23.75,"b":true,"l":123456789012,"in":{"n":1e2,"m":[1,{}]},"e":0.5}'

  it('are read alike whatever byte of one is changed', () => {
    for (let at = 0; at < base.length; at++) {
      const changed = Array.from({ length: 256 }, (_, byte) => {
        const bytes = Buffer.from(`${base}\n${base}\n`)
        bytes[at] = byte
        return bytes
      })
      const { one, lines } = bothWays(columns, Buffer.concat([Buffer.from(`${base}\n`.repeat(4)), ...changed]), 1000)
      expect({ at, ...lines }).toEqual({ at, ...one })
    }
  })

  it('are read alike with a line end put in anywhere', () => {
    for (const end of ['\n', '\r\n', '\n\n']) {
      const split = Array.from(base, (_, at) => `${base.slice(0, at)}${end}${base.slice(at)}\n${base}\n`)
      const { one, lines } = bothWays(columns, `${base}\n`.repeat(4) + split.join(''), 1000)
      expect(lines).toEqual(one)
    }
  })

  it('are read alike when cut off, doubled and joined anywhere', () => {
    const pieces = fc.array(
      fc.tuple(fc.nat(base.length), fc.nat(base.length), fc.constantFrom('', '\n', '\r\n', '\r', '\n\n')),
    )
    fc.assert(
      fc.property(pieces, fc.integer({ min: 1, max: 9 }), (cuts, rowsMax) => {
        const text = cuts.map(([from, to, end]) => `${base}\n${base.slice(from, to)}${end}`).join('')
        const { one, lines } = bothWays(columns, `${text}\n`, rowsMax)
        expect({ text, ...lines }).toEqual({ text, ...one })
      }),
      { numRuns: 1000 },
    )
  })

  it('are read alike of one shape, with values of any length', () => {
    const digits = fc.string({ unit: fc.constantFrom(...'0123456789'), maxLength: 19 })
    const word = fc.string({ unit: fc.constantFrom(...'ab"\\\n\té€😀'), maxLength: 9 })
    const value = fc.oneof(
      fc.tuple(fc.constantFrom('', '-', '0.', '1.', '-12.'), digits).map(([a, b]) => a + b),
      word.map(w => JSON.stringify(w)),
      word.map(w => `"${w}"`),
      fc.constantFrom(
        'null',
        'true',
        'false',
        'nul',
        '1e5',
        '1.5E-3',
        '1e999',
        '-1.5e-999',
        '[1]',
        '{"n":2}',
        '"2026-02-03T04:05:06.789Z"',
        ' 7 ',
      ),
    )
    const typed = [
      column('t', 'text'),
      column('d', 'double'),
      column('r', 'real'),
      column('i', 'integer'),
      column('si', 'smallint'),
      column('l', 'bigint'),
      column('b', 'boolean'),
      column('at', 'timestamptz'),
      column('ms', 'timestamptz', { timeFormat: 'epoch_ms' }),
      column('j', 'jsonb'),
    ]
    const plain = [
      '"x"',
      '1.5',
      '1.5',
      '7',
      '7',
      '7',
      'true',
      '"2026-02-03T04:05:06Z"',
      '1700000000000',
      '{"a":[1]}',
      '"s"',
      '1',
      'true',
      'null',
      '[]',
    ]
    const names = [...typed.map(c => c.name), 'k1', 'k2', 'k3', 'k4', 'k5']
    const line = (values: readonly string[]): string => `{${names.map((n, i) => `"${n}":${values[i]}`).join(',')}}`
    const changes = fc.array(fc.tuple(fc.nat(names.length - 1), value), { minLength: 1, maxLength: 30 })
    fc.assert(
      fc.property(changes, fc.constantFrom('\n', '\r\n'), fc.integer({ min: 1, max: 40 }), (list, end, rowsMax) => {
        const changed = list.map(([at, v]) => line(plain.with(at, v)))
        const text = [line(plain), line(plain), line(plain), ...changed].map(t => t + end).join('')
        const { one, lines } = bothWays(typed, text, rowsMax)
        expect({ text, ...lines }).toEqual({ text, ...one })
      }),
      { numRuns: 1000 },
    )
  })

  it('of many batches keep nothing of the one before', () => {
    const lines = Array.from({ length: 2000 }, (_, i) => `{"s":${i % 3 === 0 ? null : `"v${i}\\n"`},"d":${i / 7}}`)
    const { one, lines: read } = bothWays(columns, `${lines.join('\n')}\n`, 300)
    expect(read).toEqual(one)
    expect(read.rows.length).toBe(2000)
  })
})
