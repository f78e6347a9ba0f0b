import { existsSync, globSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { file } from '../../../connectors/file/file.ts'
import { s3 } from '../../../connectors/s3/s3.ts'
import { silentLogger } from '../../../src/base/log.ts'
import { type Batch, batchOfRows } from '../../../src/batch/batch.ts'
import { BIGINT, type Datum, type Schema, TEXT, TIMESTAMPTZ } from '../../../src/batch/types.ts'
import type { Connector, Prepared, Sink } from '../../../src/connector.ts'
import { fileFormat } from '../../../src/format/files.ts'
import type { FormatName } from '../../../src/format/format.ts'
import { optionValues, type Place, sinkContract } from '../../support/connector-contract.ts'
import { download, duckdb } from '../../support/duckdb.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import { textEncoder } from '../../support/text-records.ts'
import { missing, server } from './server.ts'

/** A place to write to, and a folder with what is to be seen there. */
interface Target {
  readonly connector: Connector
  readonly options: Readonly<Record<string, string>>
  /** Resolves when nothing of a sink's own is left. */
  readonly look: () => Promise<{ readonly folder: string; readonly own: string[] }>
}

async function folderTarget(): Promise<Target> {
  const folder = join(temporaryFolder(), 'lake')
  const look = async () => ({
    folder,
    own: globSync('_tidemark/**/*', { cwd: folder, withFileTypes: true })
      .filter(f => f.isFile())
      .map(f => f.name),
  })
  return { connector: file, options: { path: `${folder}/` }, look }
}

async function s3Target(): Promise<Target> {
  const { s3: bucket, prefix } = server.newPlace()
  const look = async () => {
    const keys: string[] = []
    for await (const page of bucket.list(`${prefix}_tidemark/`)) keys.push(...page.map(o => o.key))
    const uploads = await bucket.uploads(prefix)
    return { folder: await download(bucket, prefix), own: [...keys, ...uploads.map(u => u.key)] }
  }
  return { connector: s3, options: { ...server.options, path: `s3://${bucket.bucket}/${prefix}` }, look }
}

/** Every value, in the order of the files' names. */
async function values(folder: string, ending: string): Promise<string[]> {
  if (globSync(`${folder}/**/*.${ending}`).length === 0) return []
  const read = ending === 'parquet' ? 'read_parquet' : 'read_json'
  const rows = await duckdb(`SELECT value FROM ${read}('${folder}/**/*.${ending}', filename = true) ORDER BY filename`)
  return rows.map(([value]) => String(value))
}

const formats: readonly FormatName[] = ['parquet', 'json']
for (const format of formats) {
  const fixture = (target: () => Promise<Target>, connector: Connector) => ({
    connector,
    place: async (): Promise<Place> => {
      const { options, look } = await target()
      return {
        options: { ...options, roll_interval: '0 s' },
        dataDir: temporaryFolder(),
        files: compression => fileFormat(format, {}, compression),
        visible: async () => values((await look()).folder, format),
      }
    },
  })
  sinkContract(`${format} files in folders`, fixture(folderTarget, file))
  describe.skipIf(missing)(`S3 ${missing ?? ''}`, () => sinkContract(`${format} files on S3`, fixture(s3Target, s3)))
}

const schema: Schema = {
  fields: [
    { name: 'value', type: BIGINT },
    { name: 'site', type: TEXT },
    { name: 'ts', type: TIMESTAMPTZ },
  ],
}
const hour = 3_600_000_000
const rows = (from: number, to: number, site: Datum = 'a', ts = 1767225600e6): Batch =>
  batchOfRows(
    schema,
    Array.from({ length: to - from }, (_, i) => [from + i, site, ts]),
  )
const upTo = (end: number): string[] => Array.from({ length: end }, (_, i) => String(i))

/** A sink as the engine runs it: what a checkpoint holds decides where the next run goes on. */
class Run {
  readonly clock = new ManualClock('2026-01-01T00:00:00Z')
  readonly #target: Target
  readonly #options: Readonly<Record<string, string>>
  #epoch = 0
  last: Prepared | undefined
  sink: Sink | undefined

  constructor(target: Target, options: Readonly<Record<string, string>> = {}) {
    this.#target = target
    this.#options = options
  }

  async start(): Promise<Sink> {
    const { connector, options } = this.#target
    const sink = connector.sink?.({
      options: optionValues(connector, { ...options, ...this.#options }),
      clock: this.clock,
      log: silentLogger,
      job: 'sink.of "ours"',
      instance: 'a1b2',
      dataDir: temporaryFolder(),
      encoder: textEncoder(),
      files: compression => fileFormat('parquet', {}, compression),
      filesOnly: true,
    })
    if (!sink) throw new Error('no sink')
    await sink.open(this.last && JSON.parse(JSON.stringify(this.last)))
    this.sink = sink
    return sink
  }

  /** `commit` false: it crashes before. */
  async checkpoint(commit = true): Promise<void> {
    const prepared = await this.sink?.prepare(++this.#epoch)
    this.last = prepared && JSON.parse(JSON.stringify(prepared))
    if (prepared && commit) await this.sink?.commit(prepared)
  }

  async seen(): Promise<string[]> {
    const all = await values((await this.#target.look()).folder, 'parquet')
    return all.sort((a, b) => Number(a) - Number(b))
  }

  async fileNames(): Promise<string[]> {
    const { folder } = await this.#target.look()
    return globSync('**/*.parquet', { cwd: folder }).sort()
  }

  async own(): Promise<string[]> {
    return (await this.#target.look()).own
  }
}

for (const [name, target] of [
  ['folders', folderTarget],
  ['S3', s3Target],
] as const) {
  describe.skipIf(name === 'S3' && missing)(`files under way in ${name}`, () => {
    test('outlive checkpoints and crashes, and become one file', async () => {
      const run = new Run(await target(), { roll_interval: '1 hour' })
      const first = await run.start()
      await first.write(rows(0, 10))
      await run.checkpoint()
      await first.write(rows(10, 20))
      await run.checkpoint()
      await first.write(rows(20, 25)) // in no checkpoint: comes again
      await first.close()
      expect(await run.seen()).toEqual([])

      const second = await run.start()
      await second.write(rows(20, 30))
      await run.checkpoint(false)
      await second.close()
      const third = await run.start()
      await run.checkpoint()
      expect(await run.seen()).toEqual([])
      expect(third.dueInMs?.()).toBe(3_600_000)
      run.clock.wallMs += 3_600_000
      expect(third.dueInMs?.()).toBe(0)
      await run.checkpoint(false)
      await third.close()
      expect(await run.seen()).toEqual([])

      const fourth = await run.start()
      expect(await run.seen()).toEqual(upTo(30))
      await run.checkpoint()
      await fourth.close()
      expect(await run.fileNames()).toHaveLength(1)
      expect(await (await run.start()).prepare(9)).toBeUndefined()
      expect(await run.own()).toEqual([])
    })

    test('are finished by rows and by size, and when the sources end', async () => {
      const run = new Run(await target(), { roll_rows: '15' })
      const sink = await run.start()
      for (let i = 0; i < 4; i++) await sink.write(rows(10 * i, 10 * i + 10))
      await run.checkpoint()
      expect(await run.seen()).toEqual(upTo(40))
      expect(await run.fileNames()).toHaveLength(2)
      await sink.write(rows(40, 41))
      await run.checkpoint()
      expect(await run.seen()).toEqual(upTo(40))
      sink.sourcesEnded?.()
      await run.checkpoint()
      expect(await run.seen()).toEqual(upTo(41))
      await sink.close()

      const bySize = new Run(await target(), { roll_bytes: '1 kB' })
      const small = await bySize.start()
      for (let i = 0; i < 10; i++) await small.write(rows(20 * i, 20 * i + 20))
      await bySize.checkpoint()
      expect((await bySize.fileNames()).length).toBeGreaterThan(2)
      await small.close()
    })

    test('are bounded in number and in memory', async () => {
      const run = new Run(await target(), { roll_interval: '1 hour', open_files: '2', partition_by: 'site' })
      const sink = await run.start()
      await sink.write(rows(0, 1, 'a'))
      await sink.write(rows(1, 2, 'b'))
      await sink.write(rows(2, 3, 'a'))
      await sink.write(rows(3, 4, 'c'))
      await run.checkpoint()
      expect((await run.fileNames()).map(f => f.split('/')[0])).toEqual(['site=b'])
      await sink.close()
      const again = await run.start()
      again.sourcesEnded?.()
      await run.checkpoint()
      await again.close()
      expect(await run.seen()).toEqual(upTo(4))

      const tight = new Run(await target(), { roll_interval: '1 hour', buffer_bytes: '4 kB', partition_by: 'site' })
      const full = await tight.start()
      await full.write(rows(0, 10, 'small'))
      await full.write(rows(10, 500, 'large'))
      await tight.checkpoint()
      expect((await tight.fileNames()).map(f => f.split('/')[0])).toEqual(['site=large'])
      await full.close()
    })

    test('lie in folders by columns and times', async () => {
      const target_ = await target()
      const run = new Run(target_, { roll_interval: '0 s', partition_by: 'day(ts), hour(ts), site' })
      const sink = await run.start()
      await sink.write(rows(0, 1, 'north/east=1', 1767225600e6 + 5 * hour))
      await sink.write(rows(1, 2, null, 1767225600e6 - 1))
      await sink.write(rows(2, 3, 'ü b', 1767225600e6 + 29 * hour))
      await run.checkpoint()
      await sink.close()
      const folders = (await run.fileNames()).map(f => f.slice(0, f.lastIndexOf('/')))
      expect(folders).toEqual([
        'dt=2025-12-31/hour=23/site=__HIVE_DEFAULT_PARTITION__',
        'dt=2026-01-01/hour=05/site=north%2Feast%3D1',
        'dt=2026-01-02/hour=05/site=ü b',
      ])
      const { folder } = await target_.look()
      const read = await duckdb(
        `SELECT value, site, dt::text, hour FROM read_parquet('${folder}/*/*/*/*.parquet', hive_partitioning = true) ORDER BY value`,
      )
      expect(read).toEqual(
        [
          ['0', 'north/east=1', '2026-01-01', '5'],
          ['1', null, '2025-12-31', '23'],
          ['2', 'ü b', '2026-01-02', '5'],
        ].map(([value, site, dt, h]) => [value, site, dt, expect.stringMatching(new RegExp(`^0?${h}$`))]),
      )
    })
  })
}

test('partitions that cannot be are refused', async () => {
  const target = await folderTarget()
  const started = async (partitionBy: string) => {
    const sink = await new Run(target, { partition_by: partitionBy }).start()
    await sink.write(rows(0, 1))
  }
  await expect(started('nowhere')).rejects.toMatchObject({ sqlState: '42703', hint: 'value, site, ts' })
  await expect(started('day(site)')).rejects.toMatchObject({ sqlState: '42804' })
  await expect(started('value, site, ts')).rejects.toMatchObject({ sqlState: '42804' })
  await expect(started('site; drop')).rejects.toMatchObject({ sqlState: '22023' })
  expect(existsSync(join(target.options.path, 'site=a'))).toBe(false)
})
