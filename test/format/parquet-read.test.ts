/** Files of other writers, and our own, as this program reads them. */
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { EngineError } from '../../src/base/errors.ts'
import { batchOfRows, rowAt } from '../../src/batch/batch.ts'
import { BIGINT, BYTEA, type Datum, DOUBLE, type Field, INTEGER, TEXT, TIMESTAMP } from '../../src/batch/types.ts'
import { footerBytes, type ParquetFile, readFooter } from '../../src/format/parquet/footer.ts'
import { readRowGroup } from '../../src/format/parquet/reader.ts'
import { ParquetWriter } from '../../src/format/parquet/writer.ts'
import { duckdb } from '../support/duckdb.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { COUNT, columns, isNull, rows, schema } from './parquet-samples.ts'

function open(bytes: Uint8Array): ParquetFile {
  const footer = footerBytes(bytes.subarray(-8))
  return readFooter(bytes.subarray(bytes.length - 8 - footer, bytes.length - 8))
}

async function readAll(bytes: Uint8Array, fields?: readonly Field[]): Promise<Datum[][]> {
  const file = open(bytes)
  const wanted = fields ?? file.columns.map(({ name, type }) => ({ name, type }))
  const all: Datum[][] = []
  for (const group of file.rowGroups) {
    const batch = await readRowGroup(file, group, wanted, async (start, end) => bytes.subarray(start, end))
    for (let i = 0; i < batch.rowCount; i++) all.push(rowAt(batch, i))
  }
  return all
}

async function ours(): Promise<Buffer> {
  const writer = new ParquetWriter(schema, { compression: 'snappy', rowGroupRows: 400 })
  for (let i = 0; i < COUNT; i += 100) await writer.write(batchOfRows(schema, rows.slice(i, i + 100)))
  return Buffer.concat(await writer.finish())
}

test('every type comes back from our own files', async () => {
  const read = await readAll(await ours())
  columns.forEach(({ type, value }, c) => {
    const { name } = schema.fields[c]
    const want = Array.from({ length: COUNT }, (_, i) => {
      if (isNull(i)) return null
      if (name === 'numeric') return i % 3 === 0 ? { unscaled: BigInt(i + 1) * 10n ** 17n, scale: 18 } : null
      if (name === 'interval') return i === 0 ? '1 mon' : `1 mon ${i} day${i === 1 ? '' : 's'}`
      return value(i)
    })
    expect(
      read.map(r => r[c]),
      `${name} ${type.kind}`,
    ).toEqual(want)
  })
})

test('only what is asked for, as what it is declared; missing columns are NULL', async () => {
  const bytes = await ours()
  const fields: Field[] = [
    { name: 'SMALLINT', type: BIGINT },
    { name: 'nowhere', type: TEXT },
    { name: 'numeric5', type: DOUBLE },
    { name: 'date', type: TIMESTAMP },
    { name: 'bigint', type: INTEGER },
  ]
  const read = await readAll(bytes, fields)
  expect(read.slice(0, 3)).toEqual([
    [32767, null, -3, 1_767_225_600_000_000, 5],
    [-32768, null, -2.99, 1_767_312_000_000_000, null],
    [32767, null, -2.98, 1_767_398_400_000_000, 3],
  ])
  await expect(readAll(bytes, [{ name: 'row', type: INTEGER }])).rejects.toMatchObject({ sqlState: '42804' })
})

test('files of DuckDB: nested values, encodings and codecs of its own', async () => {
  const folder = temporaryFolder()
  const query = `SELECT i::INTEGER AS i, CASE WHEN i % 3 = 0 THEN NULL ELSE i * 1000003 END AS b, 'text ' || (i % 11) AS t,
    'unique ' || i AS u, [i, NULL, i + 1]::INTEGER[] AS l, {'x': i::INTEGER, 'y': [i::VARCHAR]} AS s, i / 7.0::DOUBLE AS d,
    (i * 31)::DECIMAL(12, 3) AS n, make_timestamp(i * 1000000) AS ts, i % 2 = 0 AS f
    FROM range(5000) r(i)`
  for (const options of [
    'COMPRESSION zstd',
    'COMPRESSION gzip',
    'PARQUET_VERSION v2, ROW_GROUP_SIZE 2048',
    'COMPRESSION brotli',
  ]) {
    const path = join(folder, 'duck.parquet')
    await duckdb(`COPY (${query}) TO '${path}' (FORMAT parquet, ${options})`)
    const read = await readAll(readFileSync(path))
    expect(read).toHaveLength(5000)
    for (const i of [0, 1, 2047, 2048, 4999]) {
      expect(read[i], `${options}, row ${i}`).toEqual([
        ...[i, i % 3 === 0 ? null : i * 1_000_003, `text ${i % 11}`, `unique ${i}`, [i, null, i + 1], [i, [String(i)]]],
        ...[i / 7, { unscaled: BigInt(i) * 31_000n, scale: 3 }, i * 1_000_000, i % 2 === 0],
      ])
    }
  }
})

const python = (script: string, ...args: string[]): void => {
  execFileSync('python3', ['-c', `import sys, pyarrow as pa, pyarrow.parquet as pq\n${script}`, ...args])
}
const noPyarrow = ((): boolean => {
  try {
    python('')
    return false
  } catch (error) {
    if (process.env.TIDEMARK_REQUIRE_PARTS === '1') throw error
    console.warn('SKIPPED: PyArrow is not there: pip install pyarrow')
    return true
  }
})()

test.skipIf(noPyarrow)('files of PyArrow: every encoding, both page versions, old times and lists', async () => {
  const folder = temporaryFolder()
  const path = join(folder, 'arrow.parquet')
  for (const [encoding, version] of [
    [
      '{"i": "DELTA_BINARY_PACKED", "b": "DELTA_BINARY_PACKED", "t": "DELTA_BYTE_ARRAY", "u": "DELTA_LENGTH_BYTE_ARRAY", "d": "BYTE_STREAM_SPLIT"}',
      '2.0',
    ],
    [
      '{"i": "PLAIN", "b": "BYTE_STREAM_SPLIT", "t": "DELTA_LENGTH_BYTE_ARRAY", "u": "PLAIN", "d": "PLAIN", "f": "RLE"}',
      '1.0',
    ],
  ]) {
    python(
      `n = 3000
t = pa.table({
  'i': pa.array([None if k % 5 == 0 else k * 7 - 100 for k in range(n)], pa.int32()),
  'b': pa.array([(-1) ** k * (k << 50) for k in range(n)], pa.int64()),
  't': [f'prefix {k // 10} {k}' for k in range(n)],
  'u': [None if k % 7 == 0 else 'x' * (k % 40) for k in range(n)],
  'd': [k * 1.5 for k in range(n)],
  'f': [k % 3 == 0 for k in range(n)],
  'ms': pa.array([k * 1000 for k in range(n)], pa.timestamp('ms', 'UTC')),
  'ns': pa.array([k * 1000 + 500 for k in range(n)], pa.timestamp('ns')),
  'tm': pa.array([k for k in range(n)], pa.time32('ms')),
  'un': pa.array([2**32 - 1 - k for k in range(n)], pa.uint32()),
  'l': [[k, None] if k % 2 else [] for k in range(n)],
})
pq.write_table(t, sys.argv[1], use_dictionary=False, column_encoding=${encoding}, data_page_version='${version}', data_page_size=4096, compression='${version === '1.0' ? 'lz4' : 'snappy'}', use_compliant_nested_type=${version === '1.0' ? 'False' : 'True'})`,
      path,
    )
    const read = await readAll(readFileSync(path))
    expect(read).toHaveLength(3000)
    const big = (k: number): Datum => {
      const value = (BigInt(k) << 50n) * (k % 2 ? -1n : 1n)
      return Number.isSafeInteger(Number(value)) ? Number(value) : value
    }
    read.forEach((row, k) => {
      expect(row).toEqual([
        ...[
          k % 5 === 0 ? null : k * 7 - 100,
          big(k),
          `prefix ${Math.floor(k / 10)} ${k}`,
          k % 7 === 0 ? null : 'x'.repeat(k % 40),
        ],
        ...[k * 1.5, k % 3 === 0, k * 1_000_000, k, k * 1000, 2 ** 32 - 1 - k, k % 2 ? [k, null] : []],
      ])
    })
  }
  python(
    `t = pa.table({'ts': pa.array([1767225600000000, None], pa.timestamp('us')), 'm': pa.array([[('k', 1)], None], pa.map_(pa.string(), pa.int32()))})
pq.write_table(t, sys.argv[1], use_deprecated_int96_timestamps=True)`,
    path,
  )
  expect(await readAll(readFileSync(path))).toEqual([
    [1_767_225_600_000_000, [['k', 1]]],
    [null, null],
  ])
})

test('a damaged file is told as such, whatever is wrong with it', async () => {
  const whole = await ours()
  writeFileSync(join(temporaryFolder(), 'x'), whole)
  await fc.assert(
    fc.asyncProperty(
      fc.nat(whole.length - 1),
      fc.integer({ min: 1, max: 255 }),
      fc.boolean(),
      async (at, flip, cut) => {
        const bytes = cut ? whole.subarray(0, at) : Buffer.from(whole)
        if (!cut) bytes[at] ^= flip
        try {
          await readAll(bytes)
        } catch (error) {
          if (!(error instanceof EngineError)) throw error
        }
      },
    ),
    { numRuns: 150 },
  )
  await expect(readAll(Buffer.from('not parquet at all'))).rejects.toMatchObject({ sqlState: '22000' })
  expect(BYTEA.kind).toBe('bytea')
})
