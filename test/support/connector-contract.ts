import { describe, expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { silentLogger } from '../../src/base/log.ts'
import { datumAt } from '../../src/batch/column.ts'
import type {
  Connector,
  OptionValues,
  Polled,
  Position,
  Prepared,
  Sink,
  SinkContext,
  Source,
  SourceContext,
} from '../../src/connector.ts'
import { textBatch, textDecoder, textEncoder } from './text-records.ts'

/** A place a connector reads or writes: a topic, a file. Each test gets a new one. */
export interface Place {
  /** As WITH (…) has them. */
  readonly options: Readonly<Record<string, string>>
  readonly dataDir: string
  /** Puts records there from outside, to be read in this order. Undefined: the source makes its own. */
  readonly feed?: (values: readonly string[]) => Promise<void>
  /** What a careful reader sees there, in order. */
  readonly visible?: () => Promise<string[]>
  /** For sinks that write files. */
  readonly files?: SinkContext['files']
}

export interface Fixture {
  readonly connector: Connector
  /**
   * False: the other end has no past to be read again, only what was not acknowledged comes again. Then a bounded read, and a restart from any
   * but the last acknowledged position, promise nothing; what such a source keeps instead is tested in their place.
   */
  readonly replays?: boolean
  /** Runs inside a test. */
  readonly place: () => Promise<Place>
}

/** Values by the connector's own parsers, as the engine makes them. */
export function optionValues(connector: Connector, texts: Readonly<Record<string, string>>): OptionValues {
  const values: Record<string, unknown> = {}
  for (const option of connector.options) {
    const text = texts[option.name] ?? option.default
    if (text === undefined && option.required) throw new Error(`option ${option.name} is missing`)
    if (text !== undefined) values[option.name] = option.parse(text)
  }
  return values
}

export function sourceContext(connector: Connector, place: Place, bounded: boolean): SourceContext {
  const { dataDir } = place
  const options = optionValues(connector, place.options)
  const session = bounded ? undefined : 'job-contract'
  return {
    options,
    clock: systemClock,
    log: silentLogger,
    job: 'job',
    dataDir,
    decoder: textDecoder(),
    bounded,
    session,
  }
}

export function sinkContext(connector: Connector, place: Place): SinkContext {
  const { dataDir } = place
  const options = optionValues(connector, place.options)
  const { files } = place
  return {
    options,
    clock: systemClock,
    log: silentLogger,
    job: 'job',
    instance: '1',
    dataDir,
    encoder: textEncoder(),
    files,
  }
}

/** Rows and bad records of a poll as `partition: value`; rows first. */
export function polledTexts(polled: Polled): string[] {
  if (polled.kind !== 'rows') return []
  const { batch, bad, partition } = polled
  const rows = Array.from({ length: batch.rowCount }, (_, i) => `${partition}: ${datumAt(batch.columns[1], i)}`)
  return [...rows, ...bad.map(b => `${partition}: ${Buffer.from(b.raw)}`)]
}

const never = new AbortController().signal

async function openSource(fixture: Fixture, place: Place, bounded: boolean, position?: Position): Promise<Source> {
  const source = fixture.connector.source?.(sourceContext(fixture.connector, place, bounded))
  if (!source) throw new Error('no source')
  await source.open(position)
  return source
}

/** Everything up to the end, and the position after each poll. */
async function drain(
  source: Source,
  rowsMax: number,
): Promise<{ texts: string[]; steps: { position: Position; seen: number }[] }> {
  const texts: string[] = []
  const steps = [{ position: source.position(), seen: 0 }]
  for (;;) {
    const polled = await source.poll(rowsMax, never)
    if (polled.kind === 'end') return { texts, steps }
    if (polled.kind === 'rows') {
      expect(polled.batch.rowCount + polled.bad.length).toBeLessThanOrEqual(rowsMax)
      expect(source.partitions()).toContain(polled.partition)
    }
    texts.push(...polledTexts(polled))
    steps.push({ position: source.position(), seen: texts.length })
  }
}

/** What every source keeps. `values` is what `feed` is given; several partitions are welcome. */
export function sourceContract(
  name: string,
  fixture: Fixture,
  values = Array.from({ length: 40 }, (_, i) => `v${i}`),
): void {
  const fed = async (): Promise<Place> => {
    const place = await fixture.place()
    await place.feed?.(values)
    return place
  }
  const openFed = async (): Promise<Source> => {
    if (fixture.replays !== false) return await openSource(fixture, await fed(), true)
    const place = await fixture.place()
    const source = await openSource(fixture, place, false)
    await place.feed?.(values)
    return source
  }
  if (fixture.replays === false) forgetfulSourceContract(name, fixture, values)
  const replaying = test.skipIf(fixture.replays === false)
  describe(`${name}: what every source keeps`, () => {
    replaying('a bounded read gives every record once, in its partition’s order, and stays ended', async () => {
      const place = await fed()
      const source = await openSource(fixture, place, true)
      const { texts } = await drain(source, 7)
      expect((await source.poll(7, never)).kind).toBe('end')
      await source.close()
      if (place.feed) expect(texts.map(t => t.replace(/^.*?: /, '')).sort()).toEqual([...values].sort())
      const again = await openSource(fixture, place, true)
      expect(byPartition((await drain(again, 1000)).texts)).toEqual(byPartition(texts))
      await again.close()
    })

    replaying('a restart from any position repeats nothing and skips nothing', async () => {
      const place = await fed()
      const source = await openSource(fixture, place, true)
      const { texts, steps } = await drain(source, 3)
      await source.close()
      for (const { position, seen } of steps) {
        const stored: Position = JSON.parse(JSON.stringify(position))
        const restarted = await openSource(fixture, place, true, stored)
        const rest = await drain(restarted, 5)
        await restarted.close()
        expect(byPartition([...texts.slice(0, seen), ...rest.texts]), `from ${JSON.stringify(stored)}`).toEqual(
          byPartition(texts),
        )
      }
    })

    test('a position is a new object each time', async () => {
      const source = await openFed()
      const before = source.position()
      const text = JSON.stringify(before)
      await source.poll(3, never)
      expect(JSON.stringify(before)).toBe(text)
      expect(source.position()).not.toBe(source.position())
      await source.close()
    })

    test('closing twice, or without having opened, is no error', async () => {
      const place = await fed()
      const source = await openSource(fixture, place, true)
      await source.close()
      await source.close()
      await fixture.connector.source?.(sourceContext(fixture.connector, place, true)).close()
    })
  })
}

/** Instead of reading again from any position: what no acknowledged position holds comes again, and nothing else does. */
function forgetfulSourceContract(name: string, fixture: Fixture, values: readonly string[]): void {
  describe(`${name}: what a source keeps that cannot read again`, () => {
    for (const acknowledged of [0, 1, 2]) {
      test(`a crash after ${acknowledged} checkpoints loses nothing and repeats only what they do not hold`, async () => {
        const place = await fixture.place()
        const first = await openSource(fixture, place, false)
        await place.feed?.(values)
        let saved = first.position()
        const kept: string[] = []
        for (let i = 0; i < acknowledged; i++) {
          kept.push(...(await readLive(first, 1, 7)))
          saved = JSON.parse(JSON.stringify(first.position()))
          await first.acknowledge?.(saved)
        }
        await readLive(first, values.length - kept.length, 11)
        await first.close()
        const second = await openSource(fixture, place, false, saved)
        kept.push(...(await readLive(second, values.length - kept.length, 11)))
        await place.feed?.(['last'])
        kept.push(...(await readLive(second, 1, 11)))
        await second.close()
        expect(kept).toEqual([...values, 'last'].map(v => `0: ${v}`))
      })
    }
  })
}

/** Polls until at least so many rows have come. */
async function readLive(source: Source, count: number, rowsMax: number): Promise<string[]> {
  const texts: string[] = []
  while (texts.length < count) {
    const polled = await source.poll(rowsMax, never)
    expect(polled.kind).not.toBe('end')
    texts.push(...polledTexts(polled))
  }
  return texts
}

/** What a source that can be read live keeps besides. */
export function liveSourceContract(name: string, fixture: Fixture): void {
  describe(`${name}: what every live source keeps`, () => {
    test('records that come after opening are read, and an aborted wait answers idle', async () => {
      const place = await fixture.place()
      if (fixture.replays !== false) await place.feed?.(['a', 'b'])
      const source = await openSource(fixture, place, false)
      if (fixture.replays === false) await place.feed?.(['a', 'b'])
      const seen: string[] = []
      const until = async (count: number): Promise<void> => {
        while (seen.length < count) seen.push(...polledTexts(await source.poll(10, never)))
      }
      await until(2)
      const feeding = place.feed?.(['c', 'd'])
      await until(4)
      await feeding
      expect(seen.map(t => t.replace(/^.*?: /, '')).sort()).toEqual(['a', 'b', 'c', 'd'])
      const abort = new AbortController()
      const waiting = source.poll(10, abort.signal)
      abort.abort()
      expect((await waiting).kind).toBe('idle')
      await source.close()
    })
  })
}

/** What a sink that writes exactly once keeps. The place has one partition. */
export function sinkContract(name: string, fixture: Fixture): void {
  const open = async (place: Place, recovered?: Prepared): Promise<Sink> => {
    const sink = fixture.connector.sink?.(sinkContext(fixture.connector, place))
    if (!sink) throw new Error('no sink')
    await sink.open(recovered && JSON.parse(JSON.stringify(recovered)))
    return sink
  }
  const prepared = async (sink: Sink, epoch: number): Promise<Prepared> => {
    const answer = await sink.prepare(epoch)
    if (!answer) throw new Error('nothing was prepared')
    return answer
  }
  describe(`${name}: what every sink keeps`, () => {
    test('rows are visible after the commit, once however often it runs', async () => {
      const place = await fixture.place()
      const sink = await open(place)
      await sink.write(textBatch(['a', 'b']))
      expect(await place.visible?.()).toEqual([])
      const one = await prepared(sink, 1)
      expect(await place.visible?.()).toEqual([])
      // The next epoch begins before this one is committed.
      await sink.write(textBatch(['c']))
      await sink.commit(one)
      await sink.commit(one)
      expect(await place.visible?.()).toEqual(['a', 'b'])
      await sink.commit(await prepared(sink, 2))
      expect(await place.visible?.()).toEqual(['a', 'b', 'c'])
      expect(await sink.prepare(3)).toBeUndefined()
      await sink.close()
      await (await open(place, one)).close()
    })

    // The rows of epoch 1 were committed; those of epoch 2 are under way when the crash comes.
    for (const crash of ['write', 'prepare', 'checkpoint', 'commit'] as const) {
      test(`a crash after ${crash} loses nothing and doubles nothing`, async () => {
        const place = await fixture.place()
        const sink = await open(place)
        await sink.write(textBatch(['a1', 'b1']))
        const one = await prepared(sink, 1)
        await sink.commit(one)
        await sink.write(textBatch(['a2']))
        await sink.write(textBatch(['b2']))
        const two = crash === 'write' ? undefined : await prepared(sink, 2)
        if (crash === 'commit' && two) await sink.commit(two)
        await sink.close()
        // The checkpoint of epoch 2 was complete only from `checkpoint` on.
        const complete = crash === 'checkpoint' || crash === 'commit'
        let recovered = await open(place, complete ? two : one)
        expect(await place.visible?.()).toEqual(complete ? ['a1', 'b1', 'a2', 'b2'] : ['a1', 'b1'])
        if (!complete) {
          await recovered.close()
          recovered = await open(place, one)
          await recovered.write(textBatch(['a2', 'b2']))
          await recovered.commit(await prepared(recovered, 2))
        }
        await recovered.write(textBatch(['a3']))
        await recovered.commit(await prepared(recovered, 3))
        await recovered.close()
        expect(await place.visible?.()).toEqual(['a1', 'b1', 'a2', 'b2', 'a3'])
      })
    }

    test('without a checkpoint, what a crashed run left is gone', async () => {
      const place = await fixture.place()
      const first = await open(place)
      await first.write(textBatch(['lost']))
      await first.prepare(1)
      await first.close()
      const second = await open(place)
      await second.write(textBatch(['kept']))
      await second.commit(await prepared(second, 1))
      await second.close()
      expect(await place.visible?.()).toEqual(['kept'])
    })
  })
}

function byPartition(texts: readonly string[]): Record<string, string[]> {
  const partitions: Record<string, string[]> = {}
  for (const text of texts) {
    const partition = text.slice(0, text.indexOf(': '))
    partitions[partition] ??= []
    partitions[partition].push(text)
  }
  return partitions
}
