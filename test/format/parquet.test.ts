/** Files as others read them: DuckDB and PyArrow, column by column. */
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { batchOfRows } from '../../src/batch/batch.ts'
import { BIGINT, type Datum, DOUBLE, INTEGER, type Schema, TEXT } from '../../src/batch/types.ts'
import type { Compression } from '../../src/format/parquet/codec.ts'
import { ParquetWriter } from '../../src/format/parquet/writer.ts'
import { duckdb } from '../support/duckdb.ts'
import { runs } from '../support/kafka.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { columns, expected, isNull, rows, schema } from './parquet-samples.ts'

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
