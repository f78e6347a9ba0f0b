import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { file } from '../../../connectors/file/file.ts'
import { s3 } from '../../../connectors/s3/s3.ts'
import { systemClock } from '../../../src/base/clock.ts'
import { silentLogger } from '../../../src/base/log.ts'
import { batchOfRows, rowAt } from '../../../src/batch/batch.ts'
import { BIGINT, DATE, type Datum, type Field, INTEGER, TEXT } from '../../../src/batch/types.ts'
import type { Polled, Position, Source } from '../../../src/connector.ts'
import { createDecoder } from '../../../src/format/format.ts'
import { ParquetWriter } from '../../../src/format/parquet/writer.ts'
import { type Fixture, liveSourceContract, optionValues, sourceContract } from '../../support/connector-contract.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import { missing, server } from './server.ts'

const pack = (ending: string, text: string): Buffer =>
  ending.endsWith('.gz') ? gzipSync(text) : ending.endsWith('.zst') ? zstdCompressSync(text) : Buffer.from(text)

/** Each feeding is two new files. */
function inFolder(ending: string): Fixture {
  return {
    connector: file,
    place: async () => {
      const folder = temporaryFolder()
      let count = 0
      return {
        options: { path: `${folder}/`, follow: 'true', list_interval: '10 ms' },
        dataDir: folder,
        async feed(values) {
          const half = Math.ceil(values.length / 2)
          for (const some of [values.slice(0, half), values.slice(half)]) {
            mkdirSync(join(folder, 'sub'), { recursive: true })
            writeFileSync(join(folder, '_hidden'), pack(ending, some.map(v => `${v}\n`).join('')))
            renameSync(join(folder, '_hidden'), join(folder, 'sub', `${String(++count)}${ending}`))
          }
        },
      }
    },
  }
}

const onS3: Fixture = {
  connector: s3,
  place: async () => {
    const place = server.newPlace()
    let count = 0
    return {
      options: { ...server.options, bucket: place.s3.bucket, prefix: place.prefix, list_interval: '10 ms' },
      dataDir: temporaryFolder(),
      async feed(values) {
        const half = Math.ceil(values.length / 2)
        for (const some of [values.slice(0, half), values.slice(half)]) {
          await place.s3.put(`${place.prefix}a/${++count}.json`, Buffer.from(some.map(v => `${v}\n`).join('')))
        }
      },
    }
  },
}

for (const ending of ['.json', '.json.gz', '.json.zst']) sourceContract(`files ${ending} of a folder`, inFolder(ending))
liveSourceContract('files of a folder', inFolder('.json'))
describe.skipIf(missing)(`S3 ${missing ?? ''}`, () => {
  sourceContract('objects', onS3)
  liveSourceContract('objects', onS3)
})

const fields: readonly Field[] = [
  { name: 'id', type: BIGINT },
  { name: 'site', type: TEXT },
  { name: 'dt', type: DATE },
  { name: 'hour', type: INTEGER },
]
const never = new AbortController().signal

async function parquet(ids: readonly number[]): Promise<Buffer> {
  const schema = {
    fields: [
      { name: 'id', type: BIGINT },
      { name: 'other', type: TEXT },
    ],
  }
  const writer = new ParquetWriter(schema, { compression: 'none', rowGroupRows: 10 })
  for (const id of ids) await writer.write(batchOfRows(schema, [[id, `x${id}`]]))
  return Buffer.concat(await writer.finish())
}

async function openParquet(folder: string, position?: Position): Promise<Source> {
  const source = file.source?.({
    ...{
      options: optionValues(file, { path: folder }),
      clock: systemClock,
      log: silentLogger,
      job: 'j',
      dataDir: folder,
    },
    ...{ decoder: createDecoder('json', fields), columns: fields, filesOnly: true, bounded: true },
  })
  if (!source) throw new Error('no source')
  await source.open(position && JSON.parse(JSON.stringify(position)))
  return source
}

const rowsOf = (polled: Polled): Datum[][] =>
  polled.kind === 'rows' ? Array.from({ length: polled.batch.rowCount }, (_, i) => rowAt(polled.batch, i)) : []

test('Parquet files: folders give columns, a restart goes on in the midst of a file, a damaged one is put aside', async () => {
  const folder = temporaryFolder()
  const put = (name: string, bytes: Buffer): void => {
    mkdirSync(join(folder, name, '..'), { recursive: true })
    writeFileSync(join(folder, name), bytes)
  }
  const ids = Array.from({ length: 25 }, (_, i) => i)
  put('site=a%2Fb/dt=2026-01-01/hour=05/1.parquet', await parquet(ids))
  put('site=__HIVE_DEFAULT_PARTITION__/dt=nonsense/2.parquet', await parquet([25]))
  put('zz.parquet', Buffer.from('what is this?'))
  put('_tidemark/own.parquet', await parquet([99]))
  put('.hidden/own.parquet', await parquet([99]))
  const all: Datum[][] = [[25, null, null, null], ...ids.map(id => [id, 'a/b', 20_454, 5])]

  const whole = await openParquet(folder)
  const seen: Datum[][] = []
  const positions: Position[] = [whole.position()]
  const bad: string[] = []
  for (let polled = await whole.poll(7, never); polled.kind !== 'end'; polled = await whole.poll(7, never)) {
    seen.push(...rowsOf(polled))
    positions.push(whole.position())
    if (polled.kind === 'rows') bad.push(...polled.bad.map(b => b.reason))
  }
  await whole.close()
  expect(seen).toEqual(all)
  expect(bad).toEqual(['zz.parquet: the Parquet file is damaged: it does not end as Parquet does'])
  for (const [i, position] of positions.entries()) {
    const source = await openParquet(folder, position)
    const rest: Datum[][] = []
    for (let polled = await source.poll(1000, never); polled.kind !== 'end'; polled = await source.poll(1000, never)) {
      rest.push(...rowsOf(polled))
    }
    await source.close()
    expect(rest.length + (i === 0 ? 0 : all.length - rest.length), `position ${i}`).toBe(all.length)
    expect(rest).toEqual(all.slice(all.length - rest.length))
  }
})
