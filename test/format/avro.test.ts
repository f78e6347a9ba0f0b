/** Avro both ways, with avsc as the other end. */
import avsc from 'avsc'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { batchOfRows } from '../../src/batch/batch.ts'
import { formatDecimal } from '../../src/batch/numeric.ts'
import type { DataType, Datum, Decimal } from '../../src/batch/types.ts'
import { avroRow, avroSchemaOf } from '../../src/format/avro/encode.ts'
import { dataTypeOfAvro, parseAvroSchema } from '../../src/format/avro/schema.ts'
import { ByteWriter } from '../../src/format/byte-writer.ts'
import type { DecodedColumn } from '../../src/format/format.ts'
import { column, decode } from './support.ts'

type Fields = readonly { readonly name: string; readonly type: unknown }[]

/** avsc's longs are numbers unless told; ours are exact. */
const long = avsc.types.LongType.__with({
  fromBuffer: (b: Buffer) => b.readBigInt64LE(),
  toBuffer: (n: bigint | number) => {
    const b = Buffer.alloc(8)
    b.writeBigInt64LE(BigInt(n))
    return b
  },
  fromJSON: BigInt,
  toJSON: Number,
  isValid: (n: unknown) => typeof n === 'bigint' || (typeof n === 'number' && Number.isInteger(n)),
  compare: (a: bigint, b: bigint) => (a < b ? -1 : a > b ? 1 : 0),
})
const oracle = (schema: unknown): avsc.Type =>
  avsc.Type.forSchema(schema as avsc.Schema, {
    wrapUnions: true,
    typeHook: node => (node === 'long' || (node as { type?: unknown }).type === 'long' ? long : undefined),
  })

/** Values written by avsc with a schema, read by us into columns. */
function read(fields: Fields, columns: readonly DecodedColumn[], rows: readonly object[]) {
  const schema = { type: 'record', name: 'r', fields }
  const type = oracle(schema)
  const records = rows.map(row => type.toBuffer(row))
  return decode('avro', columns, records, { avroSchema: JSON.stringify(schema) })
}

const one = (avro: unknown, type: DataType['kind'] | DataType, ...values: unknown[]) => {
  const rows = values.map(x => ({ x }))
  const got = read([{ name: 'x', type: avro }], [column('x', type)], rows)
  return got.reasons.length > 0 ? got.reasons : got.rows.map(r => r[0])
}

describe('values', () => {
  test('integers of every length', () => {
    const values = [0, -1, 1, 63, -64, 64, 8191, 2 ** 20, -(2 ** 27), 2 ** 31 - 1, -(2 ** 31)]
    expect(one('int', 'integer', ...values)).toEqual(values)
    expect(one('int', 'bigint', ...values)).toEqual(values)
    expect(one('int', 'double', ...values)).toEqual(values)
    const longs = [0n, 2n ** 40n, -(2n ** 48n), 2n ** 53n - 1n, -(2n ** 53n), 2n ** 62n, 2n ** 63n - 1n, -(2n ** 63n)]
    expect(one('long', 'bigint', ...longs).map(v => BigInt(v as number))).toEqual(longs)
    expect(one('long', 'smallint', 32767n, -32768n)).toEqual([32767, -32768])
    expect(one('long', 'integer', 2n ** 31n)).toEqual(['column "x": 2147483648 is out of range for type integer'])
    expect(one('long', 'integer', 2n ** 62n)).toEqual([
      'column "x": 4611686018427387904 is out of range for type integer',
    ])
  })

  test('floating point, booleans, text and bytes', () => {
    expect(one('double', 'double', 0.1, -1e300, Number.NaN)).toEqual([0.1, -1e300, Number.NaN])
    expect(one('float', 'real', 0.5, 2 ** 100)).toEqual([0.5, 2 ** 100])
    expect(one('float', 'double', 0.25)).toEqual([0.25])
    expect(one('boolean', 'boolean', true, false)).toEqual([true, false])
    const texts = ['', 'abc', 'abcdefgh', 'ä', '温度 °C', 'x'.repeat(200), `${'y'.repeat(70)}é`]
    expect(one('string', 'text', ...texts)).toEqual(texts)
    expect(one('string', 'text', 'a\0b')).toEqual(['column "x": text cannot hold the character NUL'])
    expect(one('bytes', 'bytea', Buffer.from([0, 255]))).toEqual([new Uint8Array([0, 255])])
    expect(one('bytes', 'text', Buffer.from('ok'))).toEqual(['ok'])
    expect(one('string', 'bytea', 'ok')).toEqual([new Uint8Array([111, 107])])
    expect(one({ type: 'enum', name: 'e', symbols: ['LOW', 'HIGH'] }, 'text', 'HIGH', 'LOW')).toEqual(['HIGH', 'LOW'])
  })

  test('a value of another type is converted as its text would be', () => {
    expect(one('int', 'text', 42)).toEqual(['42'])
    expect(one('double', 'text', 0.5)).toEqual(['0.5'])
    expect(one('string', 'double', '2.5', ' 7 ')).toEqual([2.5, 7])
    expect(one('string', 'timestamptz', '1970-01-01T00:00:01Z')).toEqual([1_000_000])
    expect(one('boolean', 'text', true)).toEqual(['true'])
    expect(one('string', 'double', 'warm')).toEqual(['column "x": "warm" is no valid double precision'])
    expect(one('double', 'integer', 1.5)).toEqual(['column "x": "1.5" is no valid integer'])
    expect(one({ type: 'array', items: 'int' }, 'integer', [1])).toEqual(['column "x": an Avro array is no integer'])
  })

  test('logical types', () => {
    const logical = (type: unknown, logicalType: string, more = {}) => ({ type, logicalType, ...more })
    expect(one(logical('int', 'date'), 'date', 20_000)).toEqual([20_000])
    expect(one(logical('int', 'date'), 'text', 0)).toEqual(['1970-01-01'])
    expect(one(logical('int', 'time-millis'), 'time', 3_600_001)).toEqual([3_600_001_000])
    expect(one(logical('long', 'time-micros'), 'time', 3_600_001n)).toEqual([3_600_001])
    expect(one(logical('long', 'timestamp-millis'), 'timestamptz', 1_700_000_000_123n, -1n)).toEqual([
      1_700_000_000_123_000, -1000,
    ])
    expect(one(logical('long', 'timestamp-micros'), 'timestamptz', 1_700_000_000_123_456n)).toEqual([
      1_700_000_000_123_456,
    ])
    expect(one(logical('long', 'timestamp-nanos'), 'timestamptz', 1_700_000_000_123_456_789n, -1n)).toEqual([
      1_700_000_000_123_456, -1,
    ])
    expect(one(logical('long', 'local-timestamp-millis'), 'timestamp', 5n)).toEqual([5000])
    expect(one(logical('long', 'timestamp-millis'), 'bigint', 1_700_000_000_123n)).toEqual([1_700_000_000_123])
    expect(one(logical('long', 'timestamp-millis'), 'text', 0n)).toEqual(['1970-01-01T00:00:00.000Z'])
    // Without a logical type a number is what the column's FORMAT says: milliseconds where it says nothing.
    expect(one('long', 'timestamptz', 5n)).toEqual([5000])
    const seconds = column('x', 'timestamptz', { timeFormat: 'epoch_s' })
    expect(read([{ name: 'x', type: 'long' }], [seconds], [{ x: 5n }]).rows).toEqual([[5_000_000]])
    expect(one(logical('string', 'uuid'), 'uuid', 'F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6')).toEqual([
      'f81d4fae-7dec-11d0-a765-00a0c91e6bf6',
    ])
    const decimal = logical('bytes', 'decimal', { precision: 6, scale: 2 })
    const numeric: DataType = { kind: 'numeric', precision: 6, scale: 2 }
    const got = one(decimal, numeric, Buffer.from([0x30, 0x39]), Buffer.from([0xff]), Buffer.from([]))
    expect(got.map(d => formatDecimal(d as Decimal))).toEqual(['123.45', '-0.01', '0.00'])
    expect(one(decimal, 'double', Buffer.from([0x30, 0x39]))).toEqual([123.45])
    expect(one(decimal, 'text', Buffer.from([0x30, 0x39]))).toEqual(['123.45'])
    const fixed = { ...logical({ type: 'fixed', name: 'f', size: 12 }, ''), type: 'fixed', name: 'f', size: 12 }
    const duration = { ...fixed, logicalType: 'duration' }
    const value = Buffer.from([1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0])
    expect(one(duration, 'interval', value)).toEqual([{ months: 1, days: 2, micros: 3000 }])
    expect(one(duration, 'text', value)).toEqual(['1 mon 2 days 00:00:00.003'])
  })

  test('unions: NULL, one of several, and what the column cannot hold', () => {
    expect(one(['null', 'double'], 'double', null, { double: 1.5 })).toEqual([null, 1.5])
    expect(one(['double', 'null'], 'double', null, { double: 1.5 })).toEqual([null, 1.5])
    expect(one(['int', 'string', 'null'], 'text', { int: 5 }, { string: 'five' }, null)).toEqual(['5', 'five', null])
    expect(one(['int', 'string'], 'integer', { int: 5 }, { string: '6' })).toEqual([5, 6])
    expect(one('null', 'text', null)).toEqual([null])
  })

  test('nested values, as arrays, maps, rows and jsonb', () => {
    const ints: DataType = { kind: 'array', element: { kind: 'integer' } }
    expect(one({ type: 'array', items: ['null', 'int'] }, ints, [], [{ int: 1 }, null, { int: 300 }])).toEqual([
      [],
      [1, null, 300],
    ])
    const map: DataType = { kind: 'map', key: { kind: 'text' }, value: { kind: 'double' } }
    expect(one({ type: 'map', values: 'double' }, map, { a: 1, b: 2.5 })).toEqual([
      [
        ['a', 1],
        ['b', 2.5],
      ],
    ])
    const inner = {
      type: 'record',
      name: 'i',
      fields: [
        { name: 'A', type: 'int' },
        { name: 'b', type: 'string' },
      ],
    }
    const row: DataType = {
      kind: 'row',
      fields: [
        { name: 'b', type: { kind: 'text' } },
        { name: 'a', type: { kind: 'bigint' } },
      ],
    }
    expect(one(inner, row, { A: 7, b: 'x' })).toEqual([['x', 7]])
    const all = { type: 'array', items: [inner, { type: 'map', values: ['null', 'double'] }, 'bytes'] }
    expect(
      one(all, 'jsonb', [
        { i: { A: 7, b: 'q"' } },
        { map: { k: null, m: { double: 0.5 } } },
        { bytes: Buffer.from('hi') },
      ]),
    ).toEqual(['[{"A": 7, "b": "q\\""}, {"k": null, "m": 0.5}, "aGk="]'])
    expect(one('double', 'jsonb', Number.NaN, 2)).toEqual(['"NaN"', '2'])
  })

  test('fields by path, by name in another case, twice, and those that are not there', () => {
    const place = {
      type: 'record',
      name: 'p',
      fields: [
        { name: 'room', type: 'string' },
        { name: 'floor', type: 'int' },
      ],
    }
    const fields = [
      { name: 'Skipped', type: { type: 'map', values: { type: 'array', items: 'string' } } },
      { name: 'at', type: ['null', place] },
      { name: 'Temp', type: 'double' },
      { name: 'site', type: 'string' },
    ]
    const columns = [
      column('temp', 'double'),
      column('room', 'text', { path: '$.at.room' }),
      column('at', 'jsonb'),
      column('gone', 'text'),
      column('deep', 'text', { path: '$.at.room.none' }),
    ]
    const rows = [
      { Skipped: { a: ['x', 'y'] }, at: { p: { room: 'r1', floor: 2 } }, Temp: 20.5, site: 's' },
      { Skipped: {}, at: null, Temp: -1, site: '' },
    ]
    expect(read(fields, columns, rows)).toEqual({
      rows: [
        [20.5, 'r1', '{"room": "r1", "floor": 2}', null, null],
        [-1, null, null, null, null],
      ],
      reasons: [],
    })
  })

  test('a recursive schema: what is asked for is read, the rest is stepped over', () => {
    const node = {
      type: 'record',
      name: 'node',
      fields: [
        { name: 'id', type: 'int' },
        { name: 'next', type: ['null', 'node'] },
        { name: 'last', type: 'string' },
      ],
    }
    const value = { id: 1, next: { node: { id: 2, next: null, last: 'b' } }, last: 'a' }
    const record = oracle(node).toBuffer(value)
    const columns = [
      column('id', 'integer'),
      column('last', 'text'),
      column('second', 'integer', { path: '$.next.id' }),
    ]
    expect(decode('avro', columns, [record], { avroSchema: JSON.stringify(node) }).rows).toEqual([[1, 'a', 2]])
    const whole = decode('avro', [column('next', 'jsonb')], [record], { avroSchema: JSON.stringify(node) })
    expect(whole.rows).toEqual([['{"id": 2, "last": "b", "next": null}']])
  })
})

describe('damage', () => {
  const schema = {
    type: 'record',
    name: 'r',
    fields: [
      { name: 'a', type: 'string' },
      { name: 'b', type: 'double' },
    ],
  }
  const columns = [column('a', 'text'), column('b', 'double')]
  const good = oracle(schema).toBuffer({ a: 'abc', b: 1 })
  const bad = (record: Uint8Array) => decode('avro', columns, [record, good], { avroSchema: JSON.stringify(schema) })

  test('every cut, and bytes too many, make a bad row; the next one is read', () => {
    for (let length = 0; length < good.length; length++) {
      const { rows, reasons } = bad(good.subarray(0, length))
      expect(rows).toEqual([['abc', 1]])
      expect(reasons[0]).toContain('the record ends within a value')
    }
    expect(bad(Buffer.concat([good, Buffer.from([0])])).reasons).toEqual([
      '1 bytes follow the value: it was written with another schema, or is damaged',
    ])
  })

  test('claims beyond reason end at once', () => {
    const nulls = JSON.stringify({
      type: 'record',
      name: 'r',
      fields: [{ name: 'x', type: { type: 'array', items: 'null' } }],
    })
    const claim = Buffer.from('feffffffffffffffff0100', 'hex')
    const { reasons } = decode('avro', [column('x', 'jsonb')], [claim], { avroSchema: nulls })
    expect(reasons[0]).toContain('items, more than a record can hold')
    const long = JSON.stringify({ type: 'record', name: 'r', fields: [{ name: 'x', type: 'long' }] })
    const endless = decode('avro', [column('x', 'bigint')], [Buffer.alloc(20, 255)], { avroSchema: long })
    expect(endless.reasons[0]).toContain('more than ten bytes')
  })

  test('any bytes are read or refused, never thrown on', () => {
    const fields = [
      { name: 'a', type: ['null', 'string', { type: 'array', items: ['long', 'double'] }] },
      { name: 'b', type: { type: 'map', values: { type: 'enum', name: 'e', symbols: ['x'] } } },
      { name: 'c', type: { type: 'bytes', logicalType: 'decimal', precision: 5, scale: 1 } },
    ]
    const avroSchema = JSON.stringify({ type: 'record', name: 'r', fields })
    const numeric: DataType = { kind: 'numeric', precision: 5, scale: 1 }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), bytes => {
        const { rows, reasons } = decode(
          'avro',
          [column('a', 'jsonb'), column('b', 'jsonb'), column('c', numeric)],
          [bytes],
          { avroSchema },
        )
        expect(rows.length + reasons.length).toBe(1)
      }),
    )
  })
})

test('wrong schemas are refused with what is wrong', () => {
  const refused = (text: string) => expect(() => parseAvroSchema(text))
  refused('{').toThrow('invalid Avro schema: it is not JSON')
  refused('{"type": "record", "name": "r"}').toThrow('record r has no fields')
  refused('"thing"').toThrow('there is no type "thing"')
  refused('["null", ["int"]]').toThrow('a union holds a union')
  refused('{"type": "fixed", "name": "f"}').toThrow('f has no valid size')
  const twice = {
    type: 'record',
    name: 'r',
    fields: [
      { name: 'a', type: 'int' },
      { name: 'a', type: 'int' },
    ],
  }
  refused(JSON.stringify(twice)).toThrow('record r has two fields "a"')
})

test('columns where no DDL names any', () => {
  const type = (avro: unknown) => dataTypeOfAvro(parseAvroSchema(JSON.stringify(avro)))
  expect(type(['null', 'int'])).toEqual({ kind: 'integer' })
  expect(type(['string', 'int'])).toEqual({ kind: 'jsonb' })
  expect(type({ type: 'long', logicalType: 'timestamp-millis' })).toEqual({ kind: 'timestamptz' })
  expect(type({ type: 'bytes', logicalType: 'decimal', precision: 4, scale: 1 })).toEqual({
    kind: 'numeric',
    precision: 4,
    scale: 1,
  })
  expect(type({ type: 'array', items: ['null', 'string'] })).toEqual({ kind: 'array', element: { kind: 'text' } })
  const node = { type: 'record', name: 'n', fields: [{ name: 'next', type: ['null', 'n'] }] }
  expect(type(node)).toEqual({ kind: 'jsonb' })
})

/** SQL types, each with values that it can hold and what avsc reads of them. */
const written: readonly (readonly [DataType, readonly (readonly [Datum, unknown])[]])[] = [
  [{ kind: 'boolean' }, [[true, true]]],
  [
    { kind: 'integer' },
    [
      [-5, -5],
      [2 ** 31 - 1, 2 ** 31 - 1],
    ],
  ],
  [
    { kind: 'bigint' },
    [
      [300, 300n],
      [-(2 ** 52), -(2n ** 52n)],
      [2n ** 63n - 1n, 2n ** 63n - 1n],
      [-(2n ** 63n), -(2n ** 63n)],
    ],
  ],
  [{ kind: 'real' }, [[0.5, 0.5]]],
  [{ kind: 'double' }, [[0.1, 0.1]]],
  [
    { kind: 'text' },
    [
      ['ä', 'ä'],
      ['', ''],
    ],
  ],
  [{ kind: 'jsonb' }, [['{"a": 1}', '{"a": 1}']]],
  [{ kind: 'date' }, [[20_000, 20_000]]],
  [{ kind: 'timestamptz' }, [[1_700_000_000_123_456, 1_700_000_000_123_456n]]],
  [{ kind: 'interval' }, [[{ months: 0, days: 1, micros: 0 }, '1 day']]],
  [
    { kind: 'numeric', precision: 8, scale: 2 },
    [
      [{ unscaled: -32768n, scale: 2 }, Buffer.from([0x80, 0])],
      [{ unscaled: 5n, scale: 1 }, Buffer.from([50])],
    ],
  ],
  [{ kind: 'numeric' }, [[{ unscaled: 15n, scale: 1 }, '1.5']]],
  [
    { kind: 'array', element: { kind: 'integer' } },
    [
      [
        [1, null],
        [{ int: 1 }, null],
      ],
      [[], []],
    ],
  ],
  [{ kind: 'map', key: { kind: 'text' }, value: { kind: 'double' } }, [[[['k', 1]], { k: { double: 1 } }]]],
  [{ kind: 'row', fields: [{ name: 'p', type: { kind: 'text' } }] }, [[['x'], { p: { string: 'x' } }]]],
]

test('what we write, avsc reads', () => {
  for (const [type, values] of written) {
    const schema = { fields: [{ name: 'x', type }] }
    const reader = oracle(JSON.parse(avroSchemaOf(schema, 'a.topic-1')))
    const write = avroRow(schema, () => new Uint8Array(0))
    const batch = batchOfRows(schema, [[null], ...values.map(([value]) => [value])])
    const got = Array.from({ length: batch.rowCount }, (_, row) => {
      const out = new ByteWriter()
      write(batch, row, out)
      const { x } = reader.fromBuffer(Buffer.from(out.bytes.subarray(0, out.at))) as { x: object | null }
      return x === null ? null : Object.values(x)[0]
    })
    const shown = (value: unknown) => JSON.parse(JSON.stringify(value, (_, v) => (typeof v === 'bigint' ? `${v}n` : v)))
    expect(shown(got)).toEqual(shown([null, ...values.map(([, expected]) => expected)]))
  }
  expect(() => avroSchemaOf({ fields: [{ name: '?column?', type: { kind: 'text' } }] }, 't')).toThrow(
    'Avro has no field names like "?column?"',
  )
})
