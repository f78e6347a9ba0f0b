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
  type Schema,
  SMALLINT,
  TEXT,
  TIME,
  TIMESTAMP,
  TIMESTAMPTZ,
  UUID,
} from '../../src/batch/types.ts'

/** A column of every type, with what DuckDB and PyArrow read of it. */
interface Sample {
  readonly type: DataType
  readonly value: (i: number) => Datum
  /** As DuckDB's JSON and PyArrow's str have it, and its type there. */
  readonly duckdb: (i: number) => unknown
  readonly duckdbType: string
  readonly pyarrow: (i: number) => unknown
  readonly pyarrowType: string
}

const two = (n: number): string => String(n).padStart(2, '0')
const clock = (i: number): string => `00:${two(Math.floor((i % 3600) / 60))}:${two(i % 60)}`
const uuid = (i: number): string => `0123e567-89ab-cdef-0123-456789ab${String(1000 + (i % 9000))}`
const numeric = (precision: number, scale: number): DataType => ({ kind: 'numeric', precision, scale })
const same = (duckdbType: string, pyarrowType: string, value: (i: number) => Datum & unknown) => ({
  duckdbType,
  pyarrowType,
  value,
  duckdb: value,
  pyarrow: value,
})
const integers: DataType = { kind: 'array', element: INTEGER }
const nested: DataType = { kind: 'array', element: { kind: 'array', element: TEXT } }
const row: DataType = {
  kind: 'row',
  fields: [
    { name: 'x', type: INTEGER },
    { name: 'y', type: integers },
  ],
}
const map: DataType = { kind: 'map', key: TEXT, value: INTEGER }

export const samples: Readonly<Record<string, Sample>> = {
  boolean: { type: BOOLEAN, ...same('BOOLEAN', 'bool', i => i % 3 === 0) },
  smallint: { type: SMALLINT, ...same('SMALLINT', 'int16', i => (i % 2 ? -32768 : 32767)) },
  integer: { type: INTEGER, ...same('INTEGER', 'int32', i => i * 1_000_003 - 500_000_000) },
  bigint: {
    type: BIGINT,
    duckdbType: 'BIGINT',
    pyarrowType: 'int64',
    value: i => (i % 2 ? 9007199254740993n + BigInt(i) : 5 - i),
    duckdb: i => (i % 2 ? String(9007199254740993n + BigInt(i)) : String(5 - i)),
    pyarrow: i => (i % 2 ? Number(9007199254740993n + BigInt(i)) : 5 - i),
  },
  real: { type: REAL, ...same('FLOAT', 'float', i => i / 4) },
  double: { type: DOUBLE, ...same('DOUBLE', 'double', i => i * 1.1 - 300) },
  numeric5: {
    type: numeric(5, 2),
    duckdbType: 'DECIMAL(5,2)',
    pyarrowType: 'decimal128(5, 2)',
    value: i => ({ unscaled: BigInt(i - 300), scale: 2 }),
    duckdb: i => ((i - 300) / 100).toFixed(2),
    pyarrow: i => ((i - 300) / 100).toFixed(2),
  },
  numeric15: {
    type: numeric(15, 3),
    duckdbType: 'DECIMAL(15,3)',
    pyarrowType: 'decimal128(15, 3)',
    value: i => ({ unscaled: BigInt(i) * 12_345n, scale: 3 }),
    duckdb: i => ((i * 12_345) / 1000).toFixed(3),
    pyarrow: i => ((i * 12_345) / 1000).toFixed(3),
  },
  numeric30: {
    type: numeric(30, 2),
    duckdbType: 'DECIMAL(30,2)',
    pyarrowType: 'decimal128(30, 2)',
    value: i => ({ unscaled: -(10n ** 25n) - BigInt(i), scale: 2 }),
    duckdb: i => `-100000000000000000000${two(Math.floor(i / 100)).padStart(3, '0')}.${two(i % 100)}`,
    pyarrow: i => `-100000000000000000000${two(Math.floor(i / 100)).padStart(3, '0')}.${two(i % 100)}`,
  },
  // Without a precision: 20 digits before the point, 18 behind it. One with more does not fit, nor does what is no number.
  numeric: {
    type: NUMERIC,
    duckdbType: 'DECIMAL(38,18)',
    pyarrowType: 'decimal128(38, 18)',
    value: i =>
      i % 3 === 0
        ? { unscaled: BigInt(i + 1), scale: 1 }
        : i % 3 === 1
          ? { unscaled: 0n, scale: 0, special: 'NaN' }
          : { unscaled: 10n ** 20n, scale: 0 },
    duckdb: i => (i % 3 === 0 ? `${((i + 1) / 10).toFixed(1)}${'0'.repeat(17)}` : null),
    pyarrow: i => (i % 3 === 0 ? `${((i + 1) / 10).toFixed(1)}${'0'.repeat(17)}` : null),
  },
  text: { type: TEXT, ...same('VARCHAR', 'string', i => `tëxt ${i % 50}`) },
  bytea: {
    type: BYTEA,
    duckdbType: 'BLOB',
    pyarrowType: 'binary',
    value: i => Uint8Array.of(i & 255, 0, 65),
    duckdb: i => {
      const c = i & 255
      const shown = c >= 32 && c < 127 && ![34, 39].includes(c)
      return `${shown ? String.fromCharCode(c) : `\\x${c.toString(16).padStart(2, '0').toUpperCase()}`}\\x00A`
    },
    pyarrow: i => [i & 255, 0, 65],
  },
  date: {
    type: DATE,
    ...same('DATE', 'date32[day]', () => null),
    value: i => 20_454 + (i % 28), // 2026-01-01
    duckdb: i => `2026-01-${two(1 + (i % 28))}`,
    pyarrow: i => `2026-01-${two(1 + (i % 28))}`,
  },
  time: {
    type: TIME,
    duckdbType: 'TIME',
    pyarrowType: 'time64[us]',
    value: i => (i % 3600) * 1_000_000 + 1,
    duckdb: i => `${clock(i)}.000001`,
    pyarrow: i => `${clock(i)}.000001`,
  },
  timestamp: {
    type: TIMESTAMP,
    duckdbType: 'TIMESTAMP',
    pyarrowType: 'timestamp[us]',
    value: i => 1_767_225_600_000_000 + (i % 3600) * 1_000_000 + 7,
    duckdb: i => `2026-01-01 ${clock(i)}.000007`,
    pyarrow: i => `2026-01-01 ${clock(i)}.000007`,
  },
  timestamptz: {
    type: TIMESTAMPTZ,
    duckdbType: 'TIMESTAMP WITH TIME ZONE',
    pyarrowType: 'timestamp[us, tz=UTC]',
    value: i => 1_767_225_600_000_000 + (i % 3600) * 1_000_000 + 7,
    duckdb: i => `2026-01-01 ${clock(i)}.000007`,
    pyarrow: i => `2026-01-01 ${clock(i)}.000007+00:00`,
  },
  uuid: {
    type: UUID,
    ...same('UUID', 'extension<arrow.uuid>', uuid),
  },
  jsonb: { type: JSONB, ...same('JSON', 'extension<arrow.json>', i => `{"a": ${i}}`) },
  interval: {
    type: INTERVAL,
    duckdbType: 'VARCHAR',
    pyarrowType: 'string',
    value: i => ({ months: 1, days: i, micros: 0 }),
    duckdb: i => (i === 0 ? '1 mon' : `1 mon ${i} day${i === 1 ? '' : 's'}`),
    pyarrow: i => (i === 0 ? '1 mon' : `1 mon ${i} day${i === 1 ? '' : 's'}`),
  },
  array: { type: integers, ...same('INTEGER[]', 'list<element: int32>', i => (i % 4 ? [i, null, i + 1] : [])) },
  nested: {
    type: nested,
    ...same('VARCHAR[][]', 'list<element: list<element: string>>', i =>
      i % 2 ? [] : [['a', null], [], null, [`b${i}`]],
    ),
  },
  row: {
    type: row,
    duckdbType: 'STRUCT(x INTEGER, y INTEGER[])',
    pyarrowType: 'struct<x: int32, y: list<element: int32>>',
    value: i => [i, i % 2 ? null : [i, null]],
    duckdb: i => ({ x: i, y: i % 2 ? null : [i, null] }),
    pyarrow: i => ({ x: i, y: i % 2 ? null : [i, null] }),
  },
  map: {
    type: map,
    duckdbType: 'MAP(VARCHAR, INTEGER)',
    pyarrowType: "map<string, int32 ('map')>",
    value: i => [
      ['k', i],
      ['l', null],
    ],
    duckdb: i => [
      { key: 'k', value: i },
      { key: 'l', value: null },
    ],
    pyarrow: i => [
      ['k', i],
      ['l', null],
    ],
  },
}

export const schema: Schema = { fields: Object.entries(samples).map(([name, { type }]) => ({ name, type })) }
export const columns = Object.values(samples)
export const COUNT = 1000
export const isNull = (i: number): boolean => i % 7 === 6
export const expected = (reader: 'value' | 'duckdb' | 'pyarrow'): unknown[][] =>
  Array.from({ length: COUNT }, (_, i) => columns.map(c => (isNull(i) ? null : c[reader](i))))
export const rows = expected('value') as Datum[][] // what `value` gives
