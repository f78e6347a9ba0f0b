import { setImmediate as turn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { EngineError } from '../../src/base/errors.ts'
import { silentLogger } from '../../src/base/log.ts'
import { type Batch, batchOfRows, ownedCopy, rowAt } from '../../src/batch/batch.ts'
import { INTEGER, type Schema } from '../../src/batch/types.ts'
import type { Polled, Prepared, Sink, Source } from '../../src/connector.ts'
import type { NodeId } from '../../src/dataflow/graph.ts'
import { SourceNode } from '../../src/dataflow/source-node.ts'
import { Aside } from '../../src/jobs/aside.ts'
import { Dataflow, defaultSettings } from '../../src/jobs/dataflow.ts'
import type { BuildJob } from '../../src/jobs/job.ts'
import { Checkpoints } from '../../src/state/checkpoints.ts'
import { openLocalStore } from '../../src/storage/local-store.ts'
import { temporaryFolder } from '../support/temporary.ts'

const schema: Schema = { fields: [{ name: 'n', type: INTEGER }] }

/** The machine may be busy with other things. */
const PATIENT = { timeout: 20_000 }

/** 0, 1, 2 …, one a poll. */
class Numbers implements Source {
  next = 0
  async open(position: { readonly next?: unknown } | undefined): Promise<void> {
    this.next = Number(position?.next ?? 0)
  }
  async poll(): Promise<Polled> {
    await turn()
    return { kind: 'rows', partition: '0', batch: batchOfRows(schema, [[this.next++]]), bad: [] }
  }
  position() {
    return { next: this.next }
  }
  partitions() {
    return ['0']
  }
  async close(): Promise<void> {}
}

class Numbered implements Sink {
  readonly calls: string[] = []
  failAt = Number.POSITIVE_INFINITY
  opening: Promise<void> = Promise.resolve()
  writing: Promise<void> = Promise.resolve()
  committing: Promise<void> = Promise.resolve()
  #wrote = false
  async open(): Promise<void> {
    this.calls.push('open')
    await this.opening
    this.calls.push('opened')
  }
  async write(batch: Batch): Promise<void> {
    const n = Number(rowAt(batch, 0)[0])
    if (n >= this.failAt) throw new EngineError('58030', 'the disk is gone')
    this.calls.push(`write ${n}`)
    await this.writing
    this.#wrote = true
  }
  async prepare(epoch: number): Promise<Prepared | undefined> {
    if (!this.#wrote) return undefined
    this.#wrote = false
    this.calls.push('prepare')
    return { epoch }
  }
  async commit(): Promise<void> {
    this.calls.push('commit')
    await this.committing
    this.calls.push('committed')
  }
  async close(): Promise<void> {
    this.calls.push('close')
  }
}

/** Job `numbers` reads, job `sink` writes what passes through it. */
function create(sink: Sink, source: Source = new Numbers(), beside?: Source) {
  let input: NodeId | undefined
  const build: BuildJob = (job, graph, side) => {
    if (job.name === 'numbers') {
      input = graph.addInput(schema, 'numbers/0')
      const node = new SourceNode({ graph, input, side })
      const sources = [{ id: 's', source, node }]
      const nodes = [input]
      if (beside) {
        nodes.push(graph.addInput(schema, 'numbers/1'))
        sources.push({ id: 't', source: beside, node: new SourceNode({ graph, input: nodes[1], side }) })
      }
      return { sources, nodes, begin: () => {} }
    }
    const taken: Batch[] = []
    const output = { schema, onBatch: (batch: Batch) => void taken.push(ownedCopy(batch)) }
    const node = graph.add(output, input === undefined ? [] : [input], `${job.name}/0`)
    return { sources: [], nodes: [node], begin: () => {}, output: { sink, take: () => taken.splice(0) } }
  }
  const store = openLocalStore(temporaryFolder())
  const checkpoints = (dataflow: string): Checkpoints => new Checkpoints(store, dataflow, silentLogger)
  const dataflow = new Dataflow('d', {
    clock: systemClock,
    log: silentLogger,
    build,
    checkpoints,
    aside: job => new Aside(job, { put: async () => {} }, systemClock, () => ''),
    settings: { ...defaultSettings, checkpointIntervalMs: 0, sleepMsMax: 1 },
  })
  const jobs = [
    { name: 'numbers', definition: undefined },
    { name: 'sink', definition: undefined },
  ]
  return { dataflow, checkpoints: checkpoints('d'), spec: { id: 'd', jobs, mergedFrom: [] } }
}

test('no row reaches a sink that is still opening', async () => {
  const sink = new Numbered()
  let open = (): void => {}
  sink.opening = new Promise(resolve => {
    open = resolve
  })
  const { dataflow, spec } = create(sink)
  const started = dataflow.start(spec)
  await expect.poll(() => sink.calls, PATIENT).toContain('open')
  for (let i = 0; i < 20; i++) await turn()
  open()
  await started
  await expect.poll(() => sink.calls, PATIENT).toContain('write 3')
  expect(sink.calls.slice(0, 3)).toEqual(['open', 'opened', 'write 0'])
  await dataflow.close(false)
})

test('rows that a poll has brought and that wait for their tick are still behind', async () => {
  const sink = new Numbered()
  let write = (): void => {}
  sink.writing = new Promise(resolve => {
    write = resolve
  })
  const beside = Object.assign(new Numbers(), { lag: () => 0 })
  const { dataflow, spec } = create(sink, new Numbers(), beside)
  const lag = () => dataflow.status()[0].sources[1].lag
  await dataflow.start(spec)
  // The tick of the first source is not over while the sink writes, so the other's rows wait.
  await expect.poll(() => beside.next, PATIENT).toBeGreaterThan(0)
  await expect.poll(() => [sink.calls.includes('write 0'), lag()], PATIENT).toEqual([true, 1])
  write()
  await dataflow.close(false)
})

test('a tick that failed halfway is in no checkpoint, whoever asks for one', async () => {
  const sink = new Numbered()
  sink.failAt = 5
  const { dataflow, spec, checkpoints } = create(sink)
  await dataflow.start(spec)
  await expect(dataflow.done).rejects.toThrow('the disk is gone')
  await expect(dataflow.exclusively(async () => {})).rejects.toThrow('the disk is gone')
  await dataflow.close(true)
  const saved = await checkpoints.latest()
  const next = Number(/"next":(\d+)/.exec(JSON.stringify(saved))?.[1])
  expect(next).toBeLessThanOrEqual(5)
})

// A sink that was closed between the two left its output out for ever: the next checkpoint no longer knew of it.
test('a job that is dropped during a checkpoint is closed when its output is committed, and is in no later one', async () => {
  const sink = new Numbered()
  const commit = Promise.withResolvers<void>()
  const { dataflow, spec, checkpoints } = create(sink)
  await dataflow.start(spec)
  sink.committing = commit.promise
  await expect.poll(() => sink.calls.at(-1), PATIENT).toBe('commit')
  const removed = dataflow.removeJob('sink')
  for (let i = 0; i < 20; i++) await turn()
  expect(sink.calls.at(-1)).toBe('commit')
  commit.resolve()
  await removed
  const calls = [...sink.calls]
  expect(calls.at(-1)).toBe('close')
  expect(calls.filter(call => call === 'committed').length).toBe(calls.filter(call => call === 'prepare').length)
  expect(Object.keys((await checkpoints.latest())?.sections ?? {})).toEqual(['numbers'])
  await expect.poll(() => dataflow.status()[0].rowsIn, PATIENT).toBeGreaterThan(calls.length)
  expect(sink.calls).toEqual(calls)
  await dataflow.close(false)
})

// A pause that ended the tick, or threw away what its poll had brought, left a row out.
test('a pause in the middle of a tick or a poll lets it finish, then nothing moves, and the next row follows', async () => {
  const sink = new Numbered()
  const write = Promise.withResolvers<void>()
  const { dataflow, spec } = create(sink)
  await dataflow.start(spec)
  sink.writing = write.promise
  const written = (): number[] =>
    sink.calls.filter(call => call.startsWith('write')).map(call => Number(call.slice('write '.length)))
  const before = written().length
  await expect.poll(() => written().length, PATIENT).toBeGreaterThan(before)
  dataflow.setPaused(true)
  write.resolve()
  await dataflow.exclusively(async () => {})
  for (let i = 0; i < 20; i++) await turn()
  await dataflow.exclusively(async () => {})
  const still = written()
  for (let i = 0; i < 50; i++) await turn()
  expect(written()).toEqual(still)
  dataflow.setPaused(false)
  await expect.poll(() => written().length, PATIENT).toBeGreaterThan(still.length + 3)
  for (let turns = 0; turns < 40; turns++) {
    dataflow.setPaused(turns % 2 === 0)
    for (let i = 0; i <= 3 + (turns % 7); i++) await turn()
  }
  await dataflow.close(false)
  expect(written()).toEqual(Array.from(written(), (_, n) => n))
})

// It held the next checkpoint, and with it the ticks, for as long as the broker took.
test('a source that does not answer an acknowledgement holds up neither ticks nor checkpoints, and is told the newest', async () => {
  const source = new Numbers()
  const told: number[] = []
  const answer = Promise.withResolvers<void>()
  const acknowledge = async ({ next }: { readonly next?: unknown }): Promise<void> => {
    told.push(Number(next))
    await answer.promise
  }
  const { dataflow, spec, checkpoints } = create(new Numbered(), Object.assign(source, { acknowledge }))
  await dataflow.start(spec)
  await expect.poll(() => told.length, PATIENT).toBe(1)
  const epoch = dataflow.status()[0].epoch
  await expect.poll(() => dataflow.status()[0].epoch, PATIENT).toBeGreaterThan(epoch + 1)
  expect(told.length).toBe(1)
  answer.resolve()
  await dataflow.close(true)
  const saved = JSON.stringify((await checkpoints.latest())?.sections)
  expect(told.at(-1)).toBe(Number(/"next":(\d+)/.exec(saved)?.[1]))
})

test('where a job begins is durable before its start is answered', async () => {
  const { dataflow, spec, checkpoints } = create(new Numbered())
  await dataflow.start(spec)
  expect((await checkpoints.latest())?.epoch).toBeGreaterThanOrEqual(1)
  await dataflow.close(false)
})

test('stopped while it starts, it leaves nothing running', async () => {
  const sink = new Numbered()
  let closed = (): void => {}
  sink.opening = new Promise((_, reject) => {
    closed = () => reject(new EngineError('57P01', 'closed'))
  })
  sink.close = async () => closed()
  const { dataflow, spec, checkpoints } = create(sink)
  const started = dataflow.start(spec)
  started.catch(() => {})
  await expect.poll(() => sink.calls, PATIENT).toContain('open')
  await dataflow.close(true)
  await expect(started).rejects.toThrow()
  for (let i = 0; i < 20; i++) await turn()
  expect(sink.calls).toEqual(['open'])
  expect(await checkpoints.latest()).toBeUndefined()
})
