import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { batchOfRows } from '../../src/batch/batch.ts'
import { canonicalInt64 } from '../../src/batch/column.ts'
import type { Datum, Schema } from '../../src/batch/types.ts'
import type { EncodedRecords } from '../../src/connector.ts'
import { createDecoder, createEncoder, type EncodeOptions } from '../../src/format/format.ts'
import { column, decode, finish } from './support.ts'

function texts({ count, bytes, offsets, deleted }: EncodedRecords): (string | null)[] {
  return Array.from({ length: count }, (_, i) =>
    deleted?.[i] === 1 ? null : Buffer.from(bytes.subarray(offsets[i], offsets[i + 1])).toString(),
  )
}

function keys({ count, keyBytes, keyOffsets }: EncodedRecords): string[] {
  return Array.from({ length: count }, (_, i) =>
    Buffer.from(keyBytes?.subarray(keyOffsets?.[i], keyOffsets?.[i + 1]) ?? []).toString(),
  )
}

function encodeOne(type: Parameters<typeof column>[1], value: Datum): string {
  const schema = { fields: [column('v', type)] }
  const [text] = texts(createEncoder('json', schema).encode(batchOfRows(schema, [[value]])))
  return String(text)
}

describe('writing JSON', () => {
  it('writes every type', () => {
    const cases: [Parameters<typeof column>[1], Datum, string][] = [
      ['boolean', true, 'true'],
      ['boolean', null, 'null'],
      ['smallint', -5, '-5'],
      ['bigint', -(2n ** 63n), '-9223372036854775808'],
      ['bigint', Number.MAX_SAFE_INTEGER, '9007199254740991'],
      ['real', Math.fround(0.1), '0.1'],
      ['double', 0.1, '0.1'],
      ['double', Number.NaN, '"NaN"'],
      ['double', Number.NEGATIVE_INFINITY, '"-Infinity"'],
      ['numeric', { unscaled: -1250n, scale: 3 }, '-1.250'],
      ['text', 'a"b\\c\n\u0001é😀', '"a\\"b\\\\c\\n\\u0001é😀"'],
      ['bytea', Uint8Array.from([0, 255, 16]), '"AP8Q"'],
      ['date', 20455, '"2026-01-02"'],
      ['date', -1, '"1969-12-31"'],
      ['time', 11045500000, '"03:04:05.500"'],
      ['timestamp', 1767323045678901, '"2026-01-02T03:04:05.678901"'],
      ['timestamptz', 1767323045678000, '"2026-01-02T03:04:05.678Z"'],
      ['timestamptz', -1, '"1969-12-31T23:59:59.999999Z"'],
      ['timestamptz', 2n ** 63n - 1n, '"infinity"'],
      ['timestamp', -(2n ** 63n), '"-infinity"'],
      ['timestamptz', 253402300799999999n, '"9999-12-31T23:59:59.999999Z"'],
      ['interval', { months: 14, days: -3, micros: 1500000 }, '"1 year 2 mons -3 days +00:00:01.5"'],
      ['jsonb', '{"a": [1, null]}', '{"a": [1, null]}'],
      [{ kind: 'array', element: { kind: 'text' } }, ['x', null], '["x",null]'],
      [
        { kind: 'row', fields: [column('a', 'integer'), column('t', 'timestamptz')] },
        [1, 0],
        '{"a":1,"t":"1970-01-01T00:00:00.000Z"}',
      ],
      [{ kind: 'map', key: { kind: 'text' }, value: { kind: 'bigint' } }, [['k', 7]], '{"k":7}'],
    ]
    for (const [type, value, expected] of cases) expect(encodeOne(type, value)).toBe(`{"v":${expected}}`)
  })

  it('writes doubles as JSON.stringify does, and instants as Date does', () => {
    const numbers = fc.oneof(
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.integer({ min: -1e9, max: 1e9 }).chain(n => fc.nat(9).map(k => n / 10 ** k)),
      fc.maxSafeInteger(),
      fc.constantFrom(0.1 + 0.2, 1e21, 1e-7, 5e-324, 1.7976931348623157e308, 123456789.125, 0.000001, 1e15, 1e15 + 2),
    )
    fc.assert(
      fc.property(fc.array(numbers, { minLength: 1 }), values => {
        const schema = { fields: [column('v', 'double')] }
        const written = texts(
          createEncoder('json', schema).encode(
            batchOfRows(
              schema,
              values.map(v => [v]),
            ),
          ),
        )
        // −0 keeps its sign here.
        expect(written).toEqual(values.map(v => `{"v":${Object.is(v, -0) ? '-0' : JSON.stringify(v)}}`))
      }),
      { numRuns: 1000 },
    )
    fc.assert(
      fc.property(
        fc.array(fc.date({ min: new Date(-6e13), max: new Date(2e14), noInvalidDate: true }), { minLength: 1 }),
        dates => {
          const schema = { fields: [column('v', 'timestamptz')] }
          const rows = dates.map(d => [canonicalInt64(BigInt(d.getTime()) * 1000n)])
          expect(texts(createEncoder('json', schema).encode(batchOfRows(schema, rows)))).toEqual(
            dates.map(d => `{"v":"${d.toISOString()}"}`),
          )
        },
      ),
      { numRuns: 300 },
    )
  })

  it('is read back as it was', () => {
    const schema: Schema = {
      fields: [
        column('a', 'text'),
        column('b', 'double'),
        column('c', 'bigint'),
        column('d', 'timestamptz'),
        column('e', 'boolean'),
        column('f', 'bytea'),
        column('g', 'numeric'),
        column('h', { kind: 'array', element: { kind: 'double' } }),
        column('i', 'real'),
        column('j', 'interval'),
        column('k', 'date'),
      ],
    }
    const micros = fc
      .integer({ min: -6e13, max: 2e14 })
      .chain(ms => fc.nat(999).map(us => canonicalInt64(BigInt(ms) * 1000n + BigInt(us))))
    const safe = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(canonicalInt64)
    const text = fc.string({ unit: 'binary' }).filter(t => !t.includes('\0'))
    const row = fc.tuple(
      fc.option(text),
      fc.option(fc.double()),
      fc.option(safe),
      fc.option(micros),
      fc.option(fc.boolean()),
      fc.option(fc.uint8Array()),
      fc.option(
        fc
          .tuple(fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }), fc.nat(20))
          .map(([unscaled, scale]) => ({ unscaled, scale })),
      ),
      fc.option(fc.array(fc.option(fc.double()))),
      fc.option(fc.float()),
      fc.option(
        fc.record({
          months: fc.integer({ min: -999, max: 999 }),
          days: fc.integer({ min: -(2 ** 31) + 1 }),
          micros: fc.maxSafeInteger(),
        }),
      ),
      fc.option(fc.integer({ min: -700000, max: 2000000 })),
    )
    const run = (format: 'json' | 'csv'): void =>
      fc.assert(
        fc.property(fc.array(row, { minLength: 1, maxLength: 12 }), rows => {
          const batch = batchOfRows(schema, rows)
          const encoder = createEncoder(format, schema)
          const { bytes, offsets, count } = encoder.encode(batch)
          const decoder = createDecoder(format, schema.fields, { header: 'false' })
          decoder.begin(bytes, 't', '0')
          for (let i = 0; i < count; i++) decoder.record(offsets[i], offsets[i + 1], i, -1, -1, -1)
          const result = finish(decoder)
          expect(result.reasons).toEqual([])
          expect(result.rows).toEqual(rows.map(r => r.map(v => (v instanceof Uint8Array ? new Uint8Array(v) : v))))
        }),
        { numRuns: 80 },
      )
    run('json')
    run('csv')
  })
})

describe('changes', () => {
  const schema: Schema = { fields: [column('id', 'integer'), column('n', 'text')] }
  const encode = (options: EncodeOptions, rows: Datum[][], weights?: number[]): EncodedRecords =>
    createEncoder('json', schema, options).encode(batchOfRows(schema, rows, weights))

  it('repeats rows by weight', () => {
    expect(texts(encode({}, [[1, 'a']], [3]))).toEqual(Array(3).fill('{"id":1,"n":"a"}'))
  })

  it('keeps the last state of each key', () => {
    const rows: Datum[][] = [
      [1, 'old'],
      [1, 'new'],
      [2, 'gone'],
      [3, 'came'],
      [4, 'flash'],
      [4, 'flash'],
    ]
    const records = encode({ envelope: 'upsert', key: [0] }, rows, [-1, 1, -1, 1, 1, -1])
    expect(keys(records).map((k, i) => [k, texts(records)[i]])).toEqual([
      ['1', '{"id":1,"n":"new"}'],
      ['2', null],
      ['3', '{"id":3,"n":"came"}'],
    ])
    expect(() => createEncoder('json', schema, { envelope: 'upsert' })).toThrow('needs a key')
  })

  it('writes changes as Debezium does', () => {
    expect(
      texts(
        encode(
          { envelope: 'debezium' },
          [
            [1, 'a'],
            [2, null],
          ],
          [-1, 1],
        ),
      ),
    ).toEqual([
      '{"before":{"id":1,"n":"a"},"after":null,"op":"d"}',
      '{"before":null,"after":{"id":2,"n":null},"op":"c"}',
    ])
  })

  it('writes keys as text or objects', () => {
    const rows: Datum[][] = [[1, 'a "b"']]
    expect(keys(encode({ key: [1] }, rows))).toEqual(['a "b"'])
    expect(keys(encode({ key: [1], keyFormat: 'json' }, rows))).toEqual(['{"n":"a \\"b\\""}'])
    expect(keys(encode({ key: [0, 1] }, rows))).toEqual(['{"id":1,"n":"a \\"b\\""}'])
  })
})

describe('whole values and record metadata', () => {
  it('reads text and bytes', () => {
    expect(decode('text', [column('line', 'text')], ['héllo', Buffer.from([0xff])])).toEqual({
      rows: [['héllo']],
      reasons: ['column "line": invalid UTF-8 at byte 0'],
    })
    expect(decode('bytes', [column('raw', 'bytea')], [Buffer.from([0, 255])]).rows).toEqual([
      [Uint8Array.from([0, 255])],
    ])
    expect(() => createDecoder('bytes', [column('raw', 'text')])).toThrow('one column of type bytea')
  })

  it('fills INCLUDE columns, also of records without a value', () => {
    const decoder = createDecoder('json', [
      column('k', 'text', { metadata: 'key' }),
      column('v', 'integer'),
      column('p', 'integer', { metadata: 'partition' }),
      column('o', 'bigint', { metadata: 'offset' }),
      column('at', 'timestamptz', { metadata: 'timestamp' }),
      column('h', 'jsonb', { metadata: 'headers' }),
      column('t', 'text', { metadata: 'topic' }),
    ])
    expect(decoder.wantsHeaders).toBe(true)
    const bytes = Buffer.from('key1{"v":7}')
    decoder.begin(bytes, 'orders', '3')
    decoder.record(4, 11, 2n ** 53n, 1500, 0, 4)
    decoder.headers([
      { key: 'b', value: Buffer.from('x') },
      { key: 'a', value: null },
    ])
    decoder.record(-1, -1, 9, -1, 0, 4)
    expect(finish(decoder).rows).toEqual([
      ['key1', 7, 3, 2n ** 53n, 1500000, '{"a": null, "b": "x"}', 'orders'],
      ['key1', null, 3, 9, null, null, 'orders'],
    ])
  })

  it('gives headers only to the row of their record', () => {
    const decoder = createDecoder('json', [column('v', 'integer'), column('h', 'jsonb', { metadata: 'headers' })])
    const bytes = Buffer.from('{"v":7}{"v":x}')
    decoder.begin(bytes, 't', '0')
    decoder.record(0, 7, 0, -1, -1, -1)
    decoder.record(7, 14, 1, -1, -1, -1)
    decoder.headers([{ key: 'of', value: Buffer.from('the bad one') }])
    expect(finish(decoder)).toEqual({ rows: [[7, null]], reasons: ['invalid JSON at byte 5: value expected'] })
    expect(decoder.rowCount).toBe(0)
  })

  it('reads the infinities that it writes', () => {
    const schema: Schema = { fields: [column('d', 'date'), column('t', 'timestamptz')] }
    const rows: Datum[][] = [
      [2147483647, 2n ** 63n - 1n],
      [-2147483648, -(2n ** 63n)],
    ]
    const written = texts(createEncoder('json', schema).encode(batchOfRows(schema, rows)))
    expect(written).toEqual(['{"d":"infinity","t":"infinity"}', '{"d":"-infinity","t":"-infinity"}'])
    expect(decode('json', schema.fields, [...written].map(String)).rows).toEqual(rows)
  })

  it('reports bad records with partition, offset and bytes', () => {
    const decoder = createDecoder('json', [column('v', 'integer')])
    const bytes = Buffer.from('{"v":"x"}')
    decoder.begin(bytes, 't', '5')
    decoder.record(0, 9, 42, -1, -1, -1)
    expect(decoder.finish().bad).toEqual([
      { partition: '5', offset: 42, reason: 'column "v": "x" is no valid integer', raw: new Uint8Array(bytes) },
    ])
  })
})
