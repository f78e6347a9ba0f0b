import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connectors } from '../../connectors/registry.ts'
import { silentLogger } from '../../src/base/log.ts'
import { type Batch, rowAt } from '../../src/batch/batch.ts'
import type { DataType, Datum, Schema } from '../../src/batch/types.ts'
import { Engine } from '../../src/engine/engine.ts'
import { createHost } from '../../src/engine/runtime.ts'
import type { Session } from '../../src/engine/session.ts'
import { formatDatum } from '../../src/expr/text.ts'
import { ManualClock, yieldTurn } from './manual-clock.ts'
import { Watch } from './watched.ts'

/** Noon of the day whose morning the records of tests are of. */
const START = '2026-01-01T12:00:00Z'
const CHECKPOINT_MS = 1000
/** Jobs look at the wall clock so often; a round of `settle` is longer. */
const SLEEP_MS = 50
/** Rounds of the event loop after which jobs that have not come to rest never will. */
const TURNS_MAX = 20_000

/** What a statement, or the last of several, came to: values as text, NULL as null. */
export interface Answer {
  readonly schema: Schema | undefined
  readonly rows: (string | null)[][]
  readonly notices: readonly string[]
}

/** A record for an embedded topic. */
export interface Fed {
  readonly value: Uint8Array | string | null
  readonly key?: string
  readonly timestampMs?: number
}

/**
 * A real engine in this process over a data directory of its own, under a clock that only the test moves. What the test awaits are
 * conditions, so a run is the same on a fast machine and on a slow one.
 */
export class SqlEngine {
  readonly clock = new ManualClock(START)
  readonly dir = mkdtempSync(join(tmpdir(), 'tidemark-sql-'))
  readonly #watch = new Watch()
  readonly #rowsMax: number
  #opened: { readonly engine: Engine; readonly session: Session } | undefined
  #notices: string[] = []

  private constructor(rowsMax: number) {
    this.#rowsMax = rowsMax
  }

  /** `rowsMax`: rows a poll may bring. */
  static async open(rowsMax: number): Promise<SqlEngine> {
    const engine = new SqlEngine(rowsMax)
    await engine.#start()
    return engine
  }

  get engine(): Engine {
    return this.#expectOpened().engine
  }

  get session(): Session {
    return this.#expectOpened().session
  }

  async close(): Promise<void> {
    await this.#end(false)
    rmSync(this.dir, { recursive: true, force: true })
  }

  /** Closes and opens it on the same data; without `save` it goes on from whatever the last checkpoint holds, as after a crash. */
  async restart({ save }: { readonly save: boolean }): Promise<void> {
    await this.#end(save)
    await this.#start()
  }

  /** Lets jobs take a checkpoint, as they would once a second. */
  async checkpoint(): Promise<void> {
    this.clock.pass(CHECKPOINT_MS + 1)
    await this.settle()
  }

  /** Until every job has consumed everything there is, its timers have run and what it wrote is visible. */
  async settle(): Promise<void> {
    let left = TURNS_MAX
    for (let round = 0; round < 3; ) {
      const statuses = await this.engine.supervisor.status()
      // Sources know their job by the name that people see.
      const resting = statuses.filter(s => s.state === 'paused' || s.state === 'failed')
      this.#watch.paused = new Set(resting.map(s => s.job.replace(/^public\./, '')))
      const calm = this.#watch.quiet && this.clock.asleep && statuses.every(s => s.state !== 'starting')
      round = calm ? round + 1 : 0
      if (left-- === 0)
        throw new Error(`jobs do not come to rest: ${this.#watch.unrest.join(', ')} ${JSON.stringify(statuses)}`)
      if (this.clock.asleep) this.clock.pass(60)
      // While the disk works, as long as it really takes: a checkpoint that seems to take minutes is not repeated for hours.
      if (calm) await yieldTurn()
      else await new Promise(resolve => setTimeout(resolve, 1))
    }
  }

  async feed(topicName: string, records: readonly Fed[], partition?: number): Promise<void> {
    const { log } = this.engine
    const topic = await log.ensureTopic(topicName, {}, this.clock)
    const made = records.map(({ value, key, timestampMs = this.clock.wallMs }) => ({
      value: typeof value === 'string' ? Buffer.from(value) : value,
      key: key === undefined ? undefined : Buffer.from(key),
      timestampMs,
    }))
    await log.append(topic, partition, made)
  }

  /** Runs statements; throws the error of the first that fails. */
  async run(sql: string): Promise<Answer> {
    const { session } = this
    this.#notices = []
    const answer = async (): Promise<Answer> => {
      let schema: Schema | undefined
      let rows: (string | null)[][] = []
      for (const statement of session.parse(sql)) {
        const result = await session.execute(await session.prepare(statement, []), [])
        rows = []
        schema = 'batches' in result ? result.schema : undefined
        if (!('batches' in result)) continue
        for await (const batch of result.batches) rows.push(...this.textsOf(batch, result.schema))
      }
      return { schema, rows, notices: [...this.#notices] }
    }
    let done = false
    const running = answer().finally(() => {
      done = true
    })
    running.catch(() => {}) // awaited below
    // A FETCH waits by the clock.
    while (!done) {
      await yieldTurn()
      if (this.clock.asleep) this.clock.pass(1)
    }
    return await running
  }

  textsOf(batch: Batch, schema: Schema): (string | null)[][] {
    const timeZone = this.session.settings.get('timezone') ?? 'UTC'
    const text = (value: Datum, type: DataType): string | null =>
      value === null ? null : formatDatum(value, type, { timeZone })
    return Array.from({ length: batch.rowCount }, (_, i) =>
      rowAt(batch, i).map((value, c) => text(value, schema.fields[c].type)),
    )
  }

  async #start(): Promise<void> {
    const common = { dataDir: this.dir, clock: this.clock, log: silentLogger }
    const watched = connectors.map(c => this.#watch.watched(c))
    const settings = { rowsMax: this.#rowsMax, checkpointIntervalMs: CHECKPOINT_MS, sleepMsMax: SLEEP_MS }
    const newHost = () => createHost({ ...common, connectors: watched, settings })
    const engine = await Engine.open({ ...common, connectors: watched, hostsMax: 2, newHost })
    const session = await engine.connect({ user: 'tidemark', database: 'tidemark', settings: new Map() })
    session.onNotice = ({ error }) => this.#notices.push(error.message)
    this.#opened = { engine, session }
  }

  async #end(save: boolean): Promise<void> {
    const { engine, session } = this.#expectOpened()
    await session.close()
    await engine.close({ save })
    this.#opened = undefined
  }

  #expectOpened() {
    if (!this.#opened) throw new Error('the engine is closed')
    return this.#opened
  }
}
