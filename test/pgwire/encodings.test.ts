import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { batchOfRows } from '../../src/batch/batch.ts'
import { oidOf } from '../../src/batch/oids.ts'
import {
  BIGINT,
  BOOLEAN,
  BYTEA,
  DATE,
  type DataType,
  type Datum,
  DOUBLE,
  INTEGER,
  INTERVAL,
  JSONB,
  NUMERIC,
  REAL,
  SMALLINT,
  TEXT,
  TIME,
  TIMESTAMP,
  TIMESTAMPTZ,
  UUID,
  VARCHAR,
} from '../../src/batch/types.ts'
import { formatDatum } from '../../src/expr/text.ts'
import { binaryCells } from '../../src/server/pgwire/binary.ts'
import { ByteWriter } from '../../src/server/pgwire/bytes.ts'
import { decodeParameter } from '../../src/server/pgwire/parameter.ts'
import { textCells } from '../../src/server/pgwire/text.ts'

const settings = { timeZone: 'Europe/Berlin' }

function column(value: Datum, type: DataType) {
  return batchOfRows({ fields: [{ name: 'c', type }] }, [[value]]).columns[0]
}

function text(value: Datum, type: DataType): string {
  const out = new ByteWriter(8)
  textCells(column(value, type), type, settings)(out, 0)
  return Buffer.from(out.take()).toString()
}

function binary(value: Datum, type: DataType): Buffer {
  const out = new ByteWriter(8)
  binaryCells(column(value, type), type)(out, 0)
  return Buffer.from(out.take())
}

/** Micros as Int64: a number where it is safe. */
const int64 = (min: bigint, max: bigint) =>
  fc.bigInt({ min, max }).map(n => (Number.isSafeInteger(Number(n)) ? Number(n) : n))
const micros = int64(-210_866_803_200_000_000n, 9_223_371_331_199_999_999n)
const decimal = fc.record({ unscaled: fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n }), scale: fc.nat(30) })
const words = fc.string({ unit: 'binary', maxLength: 50 }).map(s => s.replaceAll('\0', '').toWellFormed())
const small = { min: -2147483648, max: 2147483647 }

const values: readonly (readonly [DataType, fc.Arbitrary<Datum>])[] = [
  [BOOLEAN, fc.boolean()],
  [SMALLINT, fc.integer({ min: -32768, max: 32767 })],
  [INTEGER, fc.integer(small)],
  [BIGINT, int64(-(2n ** 63n), 2n ** 63n - 1n)],
  [REAL, fc.float()],
  [
    DOUBLE,
    fc.oneof(
      fc.double(),
      fc.integer(small).map(n => n / 1000),
      fc.integer(small).map(n => n * 1e6),
    ),
  ],
  [NUMERIC, decimal],
  [TEXT, words],
  [VARCHAR, words],
  [BYTEA, fc.uint8Array({ maxLength: 100 })],
  [DATE, fc.oneof(fc.integer({ min: -2440588, max: 2_145_031_948 }), fc.constantFrom(2147483647, -2147483648))],
  [TIME, fc.integer({ min: 0, max: 86_400_000_000 })],
  [TIMESTAMP, fc.oneof(micros, fc.constantFrom(2n ** 63n - 1n, -(2n ** 63n)))],
  [TIMESTAMPTZ, fc.oneof(micros, fc.integer({ min: 0, max: 2e15 }))],
  [
    INTERVAL,
    fc.record({
      months: fc.integer({ min: -2e9, max: 2e9 }),
      days: fc.integer({ min: -2e9, max: 2e9 }),
      micros: fc.integer({ min: -1e15, max: 1e15 }),
    }),
  ],
  [UUID, fc.uuid()],
  [JSONB, fc.jsonValue().map(v => formatDatumOfJson(JSON.stringify(v)))],
  [{ kind: 'array', element: INTEGER }, fc.array(fc.option(fc.integer(small)))],
  [{ kind: 'array', element: TEXT }, fc.array(fc.option(words))],
  [
    { kind: 'array', element: { kind: 'array', element: BIGINT } },
    fc.array(fc.tuple(fc.integer(), fc.integer()), { minLength: 1 }),
  ],
]

/** jsonb is kept in canonical text: what a text parameter of it becomes. */
function formatDatumOfJson(json: string): Datum {
  return decodeParameter(Buffer.from(json), 0, JSONB, { oid: 3802, settings })
}

test.each(values.map(([type, value]) => ({ name: JSON.stringify(type), type, value })))(
  '$name: text is what the expressions print; text and binary come back as they were',
  ({ type, value }) => {
    const oid = oidOf(type)
    fc.assert(
      fc.property(value, v => {
        const printed = text(v, type)
        expect(printed).toBe(formatDatum(v, type, settings))
        expect(decodeParameter(Buffer.from(printed), 0, type, { oid, settings })).toEqual(v)
        expect(decodeParameter(binary(v, type), 1, type, { oid, settings })).toEqual(v)
      }),
      { numRuns: 200 },
    )
  },
)

// Bytes of Postgres' send functions, from `SELECT encode(…_send(…), 'hex')`.
test.each<[Datum, DataType, string]>([
  [{ unscaled: 1234567n, scale: 2 }, NUMERIC, '0003000100000002000109291a2c'],
  [{ unscaled: -1n, scale: 4 }, NUMERIC, '0001ffff400000040001'],
  [{ unscaled: 0n, scale: 0 }, NUMERIC, '0000000000000000'],
  [{ unscaled: 100_000_000n, scale: 0 }, NUMERIC, '00010002000000000001'],
  [{ unscaled: 0n, scale: 0, special: 'NaN' }, NUMERIC, '00000000c0000000'],
  [0, DATE, 'ffffd533'],
  [946_684_800_000_000, TIMESTAMP, '0000000000000000'],
  [946_684_799_999_999, TIMESTAMPTZ, 'ffffffffffffffff'],
  [2n ** 63n - 1n, TIMESTAMP, '7fffffffffffffff'],
  [{ months: 14, days: -3, micros: 1_000_000 }, INTERVAL, '00000000000f4240fffffffd0000000e'],
  ['123e4567-e89b-12d3-a456-426614174000', UUID, '123e4567e89b12d3a456426614174000'],
  ['{"a": 1}', JSONB, '017b2261223a20317d'],
  [[1, null], { kind: 'array', element: INTEGER }, '00000001000000010000001700000002000000010000000400000001ffffffff'],
  [[], { kind: 'array', element: TEXT }, '000000000000000000000019'],
  [
    [7, 'x'],
    {
      kind: 'row',
      fields: [
        { name: 'a', type: INTEGER },
        { name: 'b', type: TEXT },
      ],
    },
    '000000020000001700000004000000070000001900000001' + '78',
  ],
])('binary of %s', (value, type, hex) => expect(binary(value, type).toString('hex')).toBe(hex))

test.each<[Datum, DataType, string]>([
  [1e15, DOUBLE, '1e+15'],
  [100000000000000, DOUBLE, '100000000000000'],
  [0.00001, DOUBLE, '1e-05'],
  [-0, DOUBLE, '-0'],
  [20.875, DOUBLE, '20.875'],
  [Math.fround(0.1), REAL, '0.1'],
  [1e6, REAL, '1e+06'],
  [0, TIMESTAMPTZ, '1970-01-01 01:00:00+01'],
  [1_783_512_000_123_000, TIMESTAMPTZ, '2026-07-08 14:00:00.123+02'],
  [-62_135_596_800_000_001n, TIMESTAMP, '0001-12-31 23:59:59.999999 BC'],
  [
    [
      ['a', 1.5],
      ['b"', null],
    ],
    { kind: 'map', key: TEXT, value: DOUBLE },
    '{"a": 1.5, "b\\"": null}',
  ],
])('text of %s', (value, type, printed) => expect(text(value, type)).toBe(printed))

test('random bytes as binary parameters are refused or read, never more', () => {
  fc.assert(
    fc.property(fc.constantFrom(...values.map(([type]) => type)), fc.uint8Array({ maxLength: 60 }), (type, bytes) => {
      try {
        decodeParameter(bytes, 1, type, { oid: oidOf(type), settings })
      } catch (error) {
        expect(error).toHaveProperty('sqlState', expect.stringMatching(/^(22|08P01|42804)/))
      }
    }),
    { numRuns: 2000 },
  )
})
