/** Files as others read them: DuckDB and PyArrow, column by column. */
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { batchOfRows } from '../../src/batch/batch.ts'
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
import type { Compression } from '../../src/format/parquet/codec.ts'
import { ParquetWriter } from '../../src/format/parquet/writer.ts'
import { duckdb } from '../support/duckdb.ts'
import { runs } from '../support/kafka.ts'
import { temporaryFolder } from '../support/temporary.ts'

const COMPRESSIONS: readonly Compression[] = ['none', 'snappy', 'zstd']

/** The rows in batches of `batchRows`, in row groups of `rowGroupRows`; answers the file's path. */
async function write(
  schema: Schema,
  rows: readonly (readonly Datum[])[],
  { compression = 'snappy' as Compression, rowGroupRows = 400, batchRows = 100 } = {},
): Promise<string> {
  const writer = new ParquetWriter(schema, { compression, rowGroupRows })
  for (let i = 0; i < rows.length; i += batchRows) await writer.write(batchOfRows(schema, rows.slice(i, i + batchRows)))
  const path = join(temporaryFolder(), 'a.parquet')
  writeFileSync(path, Buffer.concat(await writer.finish()))
  return path
}

function pyarrowMissing(): string | undefined {
  try {
    execFileSync('python3', ['-c', 'import pyarrow'], { stdio: 'ignore' })
    return undefined
  } catch {
    const message = 'PyArrow is not there: pip install pyarrow'
    if (process.env.TIDEMARK_REQUIRE_PARTS === '1') throw new Error(message)
    return message
  }
}
const noPyarrow = runs('python3', '--version') ? pyarrowMissing() : 'no python3'

/** PyArrow's schema as `name: type` lines, its rows as JSON, and of each row group and column [min, max, nulls]. */
function pyarrow(path: string): { schema: string[]; rows: unknown[][]; statistics: unknown[][][] } {
  const script = `
import json, sys, pyarrow.parquet as pq
t = pq.read_table(sys.argv[1])
m = pq.ParquetFile(sys.argv[1]).metadata
def stats(c): s = c.statistics; return [s.min, s.max, s.null_count] if s.has_min_max else [None, None, s.null_count]
print(json.dumps({
  'schema': [f'{f.name}: {f.type}' for f in t.schema],
  'rows': [list(r.values()) for r in t.to_pylist()],
  'statistics': [[stats(m.row_group(g).column(c)) for c in range(m.num_columns)] for g in range(m.num_row_groups)],
}, default=lambda v: list(v) if isinstance(v, bytes) else str(v)))`
  return JSON.parse(execFileSync('python3', ['-c', script, path], { encoding: 'utf8', maxBuffer: 1 << 26 }))
}

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

const samples: Readonly<Record<string, Sample>> = {
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

const schema: Schema = { fields: Object.entries(samples).map(([name, { type }]) => ({ name, type })) }
const columns = Object.values(samples)
const COUNT = 1000
const isNull = (i: number): boolean => i % 7 === 6
const expected = (reader: 'value' | 'duckdb' | 'pyarrow'): unknown[][] =>
  Array.from({ length: COUNT }, (_, i) => columns.map(c => (isNull(i) ? null : c[reader](i))))
const rows = expected('value') as Datum[][] // what `value` gives

describe('all types', () => {
  for (const compression of COMPRESSIONS) {
    test(`as DuckDB reads them, ${compression}`, async () => {
      const path = await write(schema, rows, { compression })
      const types = await duckdb(`SELECT column_type FROM (DESCRIBE SELECT * FROM '${path}')`)
      expect(types.map(([type]) => type)).toEqual(columns.map(c => c.duckdbType))
      // Times with a zone need an extension to be shown: their instants are UTC.
      const read = await duckdb(`SELECT * REPLACE (epoch_us(timestamptz)::BIGINT AS timestamptz) FROM '${path}'`)
      const theirs = expected('duckdb')
      columns.forEach((_, c) => {
        const name = schema.fields[c].name
        const want = theirs.map((each, i) =>
          name === 'timestamptz' ? (isNull(i) ? null : String(rows[i][c])) : each[c],
        )
        expect(
          read.map(each => each[c]),
          name,
        ).toEqual(want)
      })
    })
  }

  test.skipIf(noPyarrow)(`as PyArrow reads them ${noPyarrow ?? ''}`, async () => {
    const path = await write(schema, rows)
    const read = pyarrow(path)
    expect(read.schema).toEqual(columns.map((c, i) => `${schema.fields[i].name}: ${c.pyarrowType}`))
    const theirs = expected('pyarrow')
    columns.forEach((_, c) => {
      expect(
        read.rows.map(each => each[c]),
        schema.fields[c].name,
      ).toEqual(theirs.map(each => each[c]))
    })
    // Row groups of 400 rows; leaves of nested columns come last.
    const integer = schema.fields.findIndex(f => f.name === 'integer')
    const numeric5 = schema.fields.findIndex(f => f.name === 'numeric5')
    const text = schema.fields.findIndex(f => f.name === 'text')
    const numeric30 = schema.fields.findIndex(f => f.name === 'numeric30')
    const at = (c: number, i: number): unknown => theirs[i][c]
    const nulls = (from: number, to: number): number =>
      Array.from({ length: to - from }, (_, i) => from + i).filter(isNull).length
    expect(read.statistics.map(group => group[integer])).toEqual([
      [at(integer, 0), at(integer, 399), nulls(0, 400)],
      [at(integer, 400), at(integer, 799), nulls(400, 800)],
      [at(integer, 800), at(integer, 999), nulls(800, 1000)],
    ])
    expect(read.statistics[0][numeric5].slice(0, 2)).toEqual(['-3.00', '0.99'])
    expect(read.statistics[0][numeric30].slice(0, 2)).toEqual([at(numeric30, 399), at(numeric30, 0)])
    expect(read.statistics[0][text].slice(0, 2)).toEqual(['tëxt 0', 'tëxt 9'])
  })
})

test('readers skip by statistics, and find what is at their edges', async () => {
  const path = await write(
    {
      fields: [
        { name: 'd', type: DOUBLE },
        { name: 't', type: TEXT },
      ],
    },
    Array.from({ length: 1200 }, (_, i) => [i % 400 === 0 ? Number.NaN : i - 600, `k${String(i).padStart(5, '0')}`]),
  )
  const one = async (where: string) => (await duckdb(`SELECT count(*) FROM '${path}' WHERE ${where}`))[0][0]
  expect(await one('d = 0')).toBe('1')
  expect(await one('d = -599')).toBe('1')
  expect(await one("d = 'NaN'::DOUBLE")).toBe('3')
  expect(await one('d > 598')).toBe('4') // NaN is above all
  expect(await one("t >= 'k01199'")).toBe('1')
  expect(await one("t < 'k00001'")).toBe('1')
})

test('a file without rows has a schema', async () => {
  const path = await write(schema, [])
  expect(await duckdb(`SELECT count(*) FROM '${path}'`)).toEqual([['0']])
})

/** Few and many different values, runs, nulls, and lengths around every block. */
test('any numbers and texts come back', async () => {
  const value = fc.record({
    small: fc.option(fc.integer({ min: -3, max: 3 })),
    int: fc.option(fc.integer()),
    big: fc.option(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })),
    time: fc.option(fc.integer({ min: -(2 ** 50), max: 2 ** 50 })),
    double: fc.option(fc.double({ noNaN: true, noDefaultInfinity: true })),
    text: fc.option(fc.string({ unit: 'binary', maxLength: 40 }).map(t => t.replaceAll('\0', ''))),
  })
  const fields = [
    { name: 'small', type: INTEGER },
    { name: 'int', type: INTEGER },
    { name: 'big', type: BIGINT },
    { name: 'time', type: BIGINT },
    { name: 'double', type: DOUBLE },
    { name: 'text', type: TEXT },
  ]
  const many = fc.array(value, { minLength: 1, maxLength: 400 })
  await fc.assert(
    fc.asyncProperty(
      many,
      fc.integer({ min: 1, max: 20 }),
      fc.integer({ min: 1, max: 900 }),
      async (some, times, group) => {
        const all = Array.from({ length: times }, () => some).flat()
        const canonical = (n: bigint | null) => (n !== null && Number.isSafeInteger(Number(n)) ? Number(n) : n)
        const data = all.map(v => [v.small, v.int, canonical(v.big), v.time, v.double, v.text])
        const path = await write({ fields }, data, { rowGroupRows: group })
        const read = await duckdb(`SELECT small, int, big::TEXT, time::TEXT, double, text FROM '${path}'`)
        const text = (v: unknown) => (v === null ? null : String(v))
        expect(read).toEqual(all.map(v => [v.small, v.int, text(v.big), text(v.time), v.double, v.text]))
      },
    ),
    { numRuns: 25 },
  )
})
