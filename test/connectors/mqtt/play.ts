import { onTestFinished } from 'vitest'
import { mqtt } from '../../../connectors/mqtt/mqtt.ts'
import { systemClock } from '../../../src/base/clock.ts'
import { silentLogger } from '../../../src/base/log.ts'
import type { Polled, Position, Source } from '../../../src/connector.ts'
import { optionValues, polledTexts } from '../../support/connector-contract.ts'
import { textDecoder } from '../../support/text-records.ts'

export interface Opening {
  readonly session?: string
  readonly position?: Position
  readonly bounded?: boolean
}

/** A source that ends with the test. */
export async function openSource(options: Readonly<Record<string, string>>, how: Opening = {}): Promise<Source> {
  const { session, position, bounded = false } = how
  const source = mqtt.source?.({
    ...{ options: optionValues(mqtt, options), clock: systemClock, log: silentLogger, job: 'job', dataDir: '' },
    ...{ decoder: textDecoder(), bounded, session },
  })
  if (!source) throw new Error('no source')
  onTestFinished(() => source.close())
  await source.open(position && JSON.parse(JSON.stringify(position)))
  return source
}

const never = new AbortController().signal

/** Polls until there are `count` values; gives them. */
export async function read(source: Source, count: number): Promise<string[]> {
  return (await readPolled(source, count)).flatMap(polled => polledTexts(polled).map(text => text.slice(3)))
}

/** The same, as polled. */
export async function readPolled(source: Source, count: number): Promise<Polled[]> {
  const all: Polled[] = []
  let seen = 0
  while (seen < count) {
    const polled = await source.poll(1000, never)
    seen += polledTexts(polled).length
    all.push(polled)
  }
  return all
}

/** What else comes: nothing, if the source has given all. */
export async function readRest(source: Source): Promise<string[]> {
  for (const texts: string[] = []; ; ) {
    const polled = await source.poll(1000, never)
    if (polled.kind !== 'rows') return texts
    texts.push(...polledTexts(polled).map(text => text.slice(3)))
  }
}
