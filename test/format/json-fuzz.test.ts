import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Datum } from '../../src/batch/types.ts'
import { createDecoder } from '../../src/format/format.ts'
import { column, decode, feed, finish } from './support.ts'

const columns = [
  column('s', 'text'),
  column('d', 'double'),
  column('b', 'boolean'),
  column('l', 'bigint'),
  column('n', 'double', { path: '$.in.n' }),
]

/** What JSON.parse says of a record; undefined: bad. Text columns get no numbers here. */
function oracle(text: string): Datum[] | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  const fields = new Map(Object.entries(value))
  const inner = fields.get('in')
  const nested =
    typeof inner === 'object' && inner !== null && !Array.isArray(inner) ? new Map(Object.entries(inner)) : undefined
  // A key in another case counts where there is none in the right one.
  const field = (name: string): unknown =>
    fields.has(name) ? fields.get(name) : [...fields].findLast(([key]) => key.toLowerCase() === name)?.[1]
  const row = [
    textOf(field('s')),
    numberOf(field('d')),
    boolOf(field('b')),
    bigintOf(field('l')),
    numberOf(nested?.get('n')),
  ]
  return row.includes(undefined) ? undefined : row.map(v => v ?? null)
}

function textOf(value: unknown): Datum | undefined {
  if (value === undefined || value === null) return null
  if (typeof value === 'string') return value.isWellFormed() && !value.includes('\0') ? value : undefined
  return typeof value === 'boolean' ? String(value) : typeof value === 'number' ? String(value) : undefined
}

function numberOf(value: unknown): Datum | undefined {
  if (value === undefined || value === null) return null
  const number =
    typeof value === 'string' && /^\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*$/i.test(value) ? Number(value) : value
  return typeof number === 'number' && Number.isFinite(number) ? number : undefined
}

function boolOf(value: unknown): Datum | undefined {
  if (value === undefined || value === null) return null
  if (typeof value === 'boolean') return value
  if (value === 0 || value === 1) return value === 1
  if (/^\s*(t|tr|tru|true|y|ye|yes|on|1)\s*$/i.test(String(value))) return typeof value === 'string' ? true : undefined
  if (/^\s*(f|fa|fal|fals|false|n|no|of|off|0)\s*$/i.test(String(value)))
    return typeof value === 'string' ? false : undefined
  return undefined
}

function bigintOf(value: unknown): Datum | undefined {
  const number = numberOf(value)
  return number === null ? null : Number.isSafeInteger(number) ? (number ?? null) : undefined
}

const plainText = fc.string({ unit: fc.constantFrom(...'abcXYZ 0123-_/:.') })
const anyText = fc.oneof(plainText, fc.string({ unit: 'binary' }))
const number = fc.oneof(
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.integer({ min: -99999, max: 99999 }).map(n => n / 100),
  fc.maxSafeInteger(),
)
const anything = fc.jsonValue({ maxDepth: 3 })
const values: Record<string, fc.Arbitrary<unknown>> = {
  s: fc.oneof(anyText, fc.constant(null), fc.boolean()),
  d: fc.oneof(
    number,
    fc.constant(null),
    number.map(n => ` ${n} `),
  ),
  b: fc.oneof(fc.boolean(), fc.constant(null)),
  l: fc.oneof(fc.maxSafeInteger(), fc.integer(), fc.constant(null), fc.integer().map(String)),
  in: fc.oneof(fc.record({ n: number, m: anything }, { requiredKeys: [] }), fc.constant(null), anything),
  extra: anything,
  'other "key"': anything,
}
const record = fc
  .record(values, { requiredKeys: [] })
  .chain(object => fc.shuffledSubarray(Object.entries(object), { minLength: Object.keys(object).length }))
  .map(entries => Object.fromEntries(entries))

const spaces = fc.array(fc.constantFrom('', '', '', ' ', '\n', '\t', '  '), { minLength: 1, maxLength: 5 })

/** JSON text with white space anywhere between tokens. */
function spaced(value: unknown, gaps: readonly string[]): string {
  let next = 0
  const gap = (): string => gaps[next++ % gaps.length]
  const write = (v: unknown): string => {
    if (Array.isArray(v)) return `[${gap()}${v.map(e => write(e) + gap()).join(`,${gap()}`)}]`
    if (typeof v !== 'object' || v === null) return JSON.stringify(v)
    return `{${gap()}${Object.entries(v)
      .map(([k, e]) => `${JSON.stringify(k)}${gap()}:${gap()}${write(e)}${gap()}`)
      .join(`,${gap()}`)}}`
  }
  return gap() + write(value) + gap()
}

/** Rows and verdicts of records that come one after another; each is read again as the last of several like it. */
function check(texts: readonly string[]): void {
  const decoder = createDecoder('json', columns)
  feed(decoder, texts)
  const { rows, reasons } = finish(decoder)
  const expected = texts.map(oracle)
  expect({ texts, rows }).toEqual({ texts, rows: expected.filter(r => r !== undefined) })
  expect(reasons.length).toBe(expected.filter(r => r === undefined).length)
}

describe('JSON, against JSON.parse', () => {
  it('reads random documents, alike and unlike, with any spacing', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(record, spaces, fc.nat(3)), { maxLength: 8 }), parts => {
        check(parts.flatMap(([object, gaps, times]) => new Array(times + 1).fill(spaced(object, gaps))))
      }),
      { numRuns: 500 },
    )
  })

  it('reads documents of one shape with changing values', () => {
    const shaped = fc.tuple(plainText, number, fc.boolean(), fc.maxSafeInteger(), number, anyText)
    fc.assert(
      fc.property(fc.array(shaped, { minLength: 5, maxLength: 20 }), spaces, (values, gaps) => {
        check(values.map(([s, d, b, l, n, extra]) => spaced({ s, extra, d, b, l, in: { n } }, gaps)))
      }),
      { numRuns: 500 },
    )
  })

  it('judges every prefix and every changed byte alike', () => {
    const base = '{"s":"dev-1","extra":"x\\ny","d":-23.75,"b":true,"l":123456789012,"in":{"n":1e2,"m":[1,{}]}}'
    for (let end = 0; end <= base.length; end++) check([base, base, base, base.slice(0, end), base])
    const bytes = Array.from({ length: 128 }, (_, i) => String.fromCharCode(i))
    for (let at = 0; at < base.length; at++) {
      const changed = bytes
        .map(c => base.slice(0, at) + c + base.slice(at + 1))
        .filter(t => !oddNumber(t) && !doubled(t))
      for (const text of changed) check([base, base, base, text])
    }
  })

  it('judges records with pieces cut out and doubled alike', () => {
    fc.assert(
      fc.property(record, spaces, fc.nat(), fc.nat(), fc.boolean(), (object, gaps, a, b, twice) => {
        const text = spaced(object, gaps)
        const [from, to] = [a % (text.length + 1), b % (text.length + 1)].sort((x, y) => x - y)
        const changed = twice ? text.slice(0, to) + text.slice(from) : text.slice(0, from) + text.slice(to)
        if (oddNumber(changed) || !changed.isWellFormed() || doubled(changed)) return
        check([text, text, text, changed, text])
      }),
      { numRuns: 1500 },
    )
  })
})

/** A key twice: the first of them may be what makes a record bad. */
function doubled(text: string): boolean {
  return ['s', 'd', 'b', 'l', 'in', 'n'].some(key => text.toLowerCase().split(`"${key}"`).length > 2)
}

/** Cases in which the oracle knows less: a text column's number is kept as written, a long one is rounded before it is a bigint. */
function oddNumber(text: string): boolean {
  if (/"l"\s*:\s*"?\s*[-+\d]*[.eE]|"l"\s*:\D*\d{16}/i.test(text)) return true
  try {
    return Object.entries(JSON.parse(text)).some(
      ([key, value]) => key.toLowerCase() === 's' && typeof value === 'number',
    )
  } catch {
    return false
  }
}

describe('numbers', () => {
  it('rounds decimals between two doubles to the even one, and near it to the nearer', () => {
    const doubles = fc.bigInt({ min: 2n ** 52n, max: 2n ** 53n - 1n })
    fc.assert(
      fc.property(fc.array(doubles, { minLength: 4, maxLength: 8 }), mantissas => {
        const texts = mantissas.flatMap(m => {
          const middle = (2n * m + 1n) * 25n
          return [middle - 1n, middle, middle + 1n].map(n => `${n / 100n}.${String(n % 100n).padStart(2, '0')}`)
        })
        const { rows } = decode(
          'json',
          [column('d', 'double')],
          texts.map(t => `{"d":${t}}`),
        )
        expect(rows).toEqual(texts.map(t => [Number(t)]))
      }),
      { numRuns: 300 },
    )
  })

  it('reads every double as Number does', () => {
    const texts = fc.oneof(
      fc.double({ noNaN: true, noDefaultInfinity: true }).map(d => JSON.stringify(d)),
      fc.double({ noNaN: true, noDefaultInfinity: true }).map(d => d.toExponential()),
      fc.tuple(fc.integer(), fc.nat(), fc.integer({ min: -330, max: 290 })).map(([a, b, e]) => `${a}.${b}e${e}`),
      fc.tuple(fc.nat(999999), fc.nat(999999)).map(([a, b]) => `${a}.${b}`),
      fc
        .tuple(fc.bigInt({ min: 0n, max: 10n ** 30n }), fc.bigInt({ min: 0n, max: 10n ** 25n }))
        .map(([a, b]) => `${a}.${b}`),
    )
    fc.assert(
      fc.property(fc.array(texts, { minLength: 4, maxLength: 12 }), values => {
        const { rows } = decode(
          'json',
          [column('d', 'double')],
          values.map(v => `{"d":${v}}`),
        )
        expect(rows).toEqual(values.map(v => [Number(v)]))
      }),
      { numRuns: 2000 },
    )
  })

  it('reads 64-bit integers exactly and refuses longer ones', () => {
    const edges = [
      0n,
      1n,
      999999999n,
      1000000000n,
      2n ** 31n,
      2n ** 32n,
      2n ** 53n,
      10n ** 15n,
      10n ** 16n,
      2n ** 63n - 1n,
    ]
    const values = edges.flatMap(e => [e, -e, e - 1n, 1n - e]).concat([-(2n ** 63n)])
    const repeated = values.flatMap(v => [v, v])
    const { rows, reasons } = decode(
      'json',
      [column('l', 'bigint')],
      [...repeated.map(v => `{"l":${v}}`), '{"l":9223372036854775808}', '{"l":-9223372036854775809}', '{"l":1e30}'],
    )
    expect(rows.map(r => BigInt(String(r[0])))).toEqual(repeated)
    expect(reasons).toHaveLength(3)
  })

  it('refuses a record that ends where a number begins', () => {
    const good = '{"d": 1 } '
    const { rows, reasons } = decode('json', [column('d', 'double')], [good, good, good, '{"d": '])
    expect(rows.length).toBe(3)
    expect(reasons).toEqual(['invalid JSON at byte 6: unexpected end'])
  })

  it('refuses what JSON does not write', () => {
    for (const type of ['double', 'integer', 'bigint', 'timestamp', 'numeric', 'text'] as const) {
      for (const bad of [
        '01',
        '-',
        '+1',
        '.5',
        '5.',
        '1e',
        '1e+',
        '-01',
        '0x10',
        '1_000',
        'Infinity',
        '--1',
        '1.2.3',
        '00.5',
      ]) {
        const good = '{"v":1}'
        const { rows, reasons } = decode(
          'json',
          [column('v', type)],
          [good, good, good, `{"v":${bad}}`, `{"v":${bad},"w":1}`],
        )
        expect([type, bad, rows.length, reasons.length]).toEqual([type, bad, 3, 2])
      }
    }
  })
})
