/** Sources of the connector over plain strings, as the tests of this folder play them. */
import { pulsar } from '../../../connectors/pulsar/pulsar.ts'
import { datumAt } from '../../../src/batch/column.ts'
import type { Polled, Position, Source } from '../../../src/connector.ts'
import { type Fixture, type Place, polledTexts, sourceContext } from '../../support/connector-contract.ts'
import { broker } from './broker.ts'

export const never = new AbortController().signal
let next = 0

export const placeOf = (partitions: number): Fixture => ({
  connector: pulsar,
  place: async (): Promise<Place> => {
    const topic = `public/default/place-${next++}`
    await broker().createTopic(topic, partitions)
    return {
      options: { url: broker().url, topic },
      dataDir: '/nonexistent',
      feed: async values =>
        void (await broker().produce(
          topic,
          values.map(value => ({ value })),
        )),
    }
  },
})

export const place = (topic: string, more: Record<string, string> = {}): Place => ({
  options: { url: broker().url, topic, ...more },
  dataDir: '/nonexistent',
})

export async function open(at: Place, bounded: boolean, position?: Position): Promise<Source> {
  const source = pulsar.source?.(sourceContext(pulsar, at, bounded))
  if (!source) throw new Error('no source')
  await source.open(position)
  return source
}

/** Columns of TEXT_RECORDS, joined by `|`, without the offset. */
export function lines(polled: Polled): string[] {
  if (polled.kind !== 'rows') return []
  const { batch } = polled
  return Array.from({ length: batch.rowCount }, (_, i) => [0, 1, 3, 4].map(c => datumAt(batch.columns[c], i)).join('|'))
}

export async function readAll(at: Place, rowsMax = 1000, read = polledTexts): Promise<string[]> {
  const source = await open(at, true)
  const texts: string[] = []
  for (;;) {
    const polled = await source.poll(rowsMax, never)
    if (polled.kind === 'end') break
    texts.push(...read(polled))
  }
  await source.close()
  return texts
}

export async function readUntil(source: Source, count: number): Promise<string[]> {
  const texts: string[] = []
  while (texts.length < count) texts.push(...polledTexts(await source.poll(100, never)))
  return texts
}

export const numbers = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, i) => String(from + i))
export const asMessages = (values: readonly string[]): { value: string }[] => values.map(value => ({ value }))
export const inPartition0 = (values: readonly string[]): string[] => values.map(value => `0: ${value}`)
