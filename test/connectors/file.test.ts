import { appendFileSync, existsSync, readFileSync, renameSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { file } from '../../connectors/file/file.ts'
import { datumAt } from '../../src/batch/column.ts'
import { DOUBLE, TEXT } from '../../src/batch/types.ts'
import type { Polled, Position, Source } from '../../src/connector.ts'
import { createDecoder } from '../../src/format/format.ts'
import {
  type Fixture,
  liveSourceContract,
  polledTexts,
  sinkContext,
  sinkContract,
  sourceContext,
  sourceContract,
} from '../support/connector-contract.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { textBatch, textEncoder } from '../support/text-records.ts'

/** Spread over two files, by a pattern. */
function several(extension: string, options: Readonly<Record<string, string>> = {}): Fixture {
  return {
    connector: file,
    place: async () => {
      const folder = temporaryFolder()
      return {
        options: { path: join(folder, `*${extension}`), ...options },
        dataDir: folder,
        async feed(values) {
          const half = Math.ceil(values.length / 2)
          for (const [name, some] of [
            ['a', values.slice(0, half)],
            ['b', values.slice(half)],
          ] as const) {
            const text = some.map(v => `${v}\n`).join('')
            appendFileSync(join(folder, name + extension), extension.endsWith('.gz') ? gzipSync(text) : text)
          }
        },
      }
    },
  }
}

const output: Fixture = {
  connector: file,
  place: async () => {
    const folder = temporaryFolder()
    const path = join(folder, 'new', 'out.json')
    return {
      options: { path },
      dataDir: folder,
      visible: async () => (existsSync(path) ? readFileSync(path, 'utf8').split('\n').slice(0, -1) : []),
    }
  },
}

sourceContract('file', several('.json'))
sourceContract('file.gz', several('.json.gz'))
sourceContract('file.csv', several('.csv'))
liveSourceContract('file followed', several('.json', { follow: 'true' }))
sinkContract('file', output)

const never = new AbortController().signal

async function open(options: Readonly<Record<string, string>>, bounded: boolean, position?: Position): Promise<Source> {
  const source = file.source?.(sourceContext(file, { options, dataDir: '' }, bounded))
  if (!source) throw new Error('no source')
  await source.open(position)
  return source
}

function values(polled: Polled): string[] {
  return polledTexts(polled).map(t => t.slice(t.indexOf(': ') + 2))
}

/** Rows until `count` are there. */
async function take(source: Source, count: number): Promise<string[]> {
  const seen: string[] = []
  while (seen.length < count) seen.push(...values(await source.poll(100, never)))
  return seen
}

test('any lines are read whole, with a last one that has no end, and empty ones passed over', async () => {
  const path = join(temporaryFolder(), 'lines.json')
  const line = fc.string({ maxLength: 20 }).map(t => t.replace(/[\r\n!]/g, '.'))
  await fc.assert(
    fc.asyncProperty(fc.array(line), fc.constantFrom('\n', '\r\n'), fc.boolean(), async (lines, end, ended) => {
      writeFileSync(path, lines.join(end) + (ended ? end : ''))
      const source = await open({ path }, true)
      expect(await take(source, lines.filter(l => l !== '').length)).toEqual(lines.filter(l => l !== ''))
      let last = await source.poll(10, never)
      if (last.kind === 'rows') last = await source.poll(10, never)
      expect(last.kind).toBe('end')
      await source.close()
    }),
    { numRuns: 50 },
  )
})

test('records longer than a block are joined', async () => {
  const path = join(temporaryFolder(), 'long.json')
  const lines = [700_000, 3_000_000, 5, 400_000, 1_048_575, 1].map((n, i) => String.fromCharCode(97 + i).repeat(n))
  writeFileSync(path, lines.map(l => `${l}\n`).join(''))
  expect(await take(await open({ path }, true), lines.length)).toEqual(lines)
})

test('a followed file gives lines once they are whole, and begins again when truncated or replaced', async () => {
  const folder = temporaryFolder()
  const path = join(folder, 'live.json')
  const source = await open({ path, follow: 'true' }, false)
  expect((await source.poll(10, AbortSignal.abort())).kind).toBe('idle')
  writeFileSync(path, 'one\ntw')
  expect(await take(source, 1)).toEqual(['one'])
  appendFileSync(path, 'o\nthree\n')
  expect(await take(source, 2)).toEqual(['two', 'three'])
  truncateSync(path, 0)
  appendFileSync(path, 'anew\n')
  expect(await take(source, 1)).toEqual(['anew'])
  // What a writer adds to the old file before it notices is read too.
  renameSync(path, join(folder, 'live.json.1'))
  appendFileSync(join(folder, 'live.json.1'), 'last words\n')
  expect(await take(source, 1)).toEqual(['last words'])
  writeFileSync(path, 'successor\n')
  expect(await take(source, 1)).toEqual(['successor'])
  const position = source.position()
  await source.close()
  appendFileSync(path, 'while away\n')
  const again = await open({ path, follow: 'true' }, false, position)
  expect(await take(again, 1)).toEqual(['while away'])
  await again.close()
})

test('a CSV file goes on in its middle with the names of its header, and quoted fields hold line ends', async () => {
  const path = join(temporaryFolder(), 'rooms.txt')
  writeFileSync(path, 'temperature;room\n1.5;"a\nb"\n2;plain\n3;"q""q"\n')
  const read = async (position?: Position): Promise<{ rows: unknown[]; position: Position }> => {
    const columns = [
      { name: 'room', type: TEXT },
      { name: 'temperature', type: DOUBLE },
    ]
    const decoder = createDecoder('csv', columns, { delimiter: ';' })
    const source = file.source?.({ ...sourceContext(file, { options: { path }, dataDir: '' }, true), decoder })
    if (!source) throw new Error('no source')
    await source.open(position)
    const polled = await source.poll(2, never)
    if (polled.kind !== 'rows') throw new Error('no rows')
    const { columns: read } = polled.batch
    const rows = Array.from({ length: polled.batch.rowCount }, (_, i) => read.map(c => datumAt(c, i)))
    const after = source.position()
    await source.close()
    return { rows, position: after }
  }
  const first = await read()
  expect(first.rows).toEqual([['a\nb', 1.5]])
  expect((await read(first.position)).rows).toEqual([
    ['plain', 2],
    ['q"q', 3],
  ])
})

test('what is missing or broken is said with its name', async () => {
  const folder = temporaryFolder()
  await expect(open({ path: join(folder, 'none.json') }, true)).rejects.toMatchObject({
    sqlState: '58P01',
    actor: 'external',
  })
  await expect(open({ path: join(folder, '*.json') }, true)).rejects.toThrow('no file matches')
  writeFileSync(join(folder, 'broken.gz'), gzipSync('x'.repeat(10_000)).subarray(0, 20))
  const source = await open({ path: join(folder, 'broken.gz') }, true)
  await expect(source.poll(10, never)).rejects.toThrow('broken.gz')
  await source.close()
})

test('a header is written once, at the beginning of the file', async () => {
  const path = join(temporaryFolder(), 'out.csv')
  for (const value of ['1', '2']) {
    const context = {
      ...sinkContext(file, { options: { path }, dataDir: '' }),
      encoder: textEncoder({ header: 'v\n' }),
    }
    const sink = file.sink?.(context)
    await sink?.open(undefined)
    await sink?.write(textBatch([value]))
    const prepared = await sink?.prepare(1)
    if (prepared) await sink?.commit(prepared)
    await sink?.close()
  }
  expect(readFileSync(path, 'utf8')).toBe('v\n1\n2\n')
})

test('a sample is the first records', async () => {
  const path = join(temporaryFolder(), 'some.json.gz')
  writeFileSync(path, gzipSync('{"a":1}\n\n{"a":2}\n{"a":3}'))
  const sample = await file.sample?.(sourceContext(file, { options: { path }, dataDir: '' }, true), 2)
  expect(sample?.map(bytes => Buffer.from(bytes).toString())).toEqual(['{"a":1}', '{"a":2}'])
})
