import { onTestFinished } from 'vitest'
import { connectors } from '../../connectors/registry.ts'
import { systemClock } from '../../src/base/clock.ts'
import { silentLogger } from '../../src/base/log.ts'
import { rowAt } from '../../src/batch/batch.ts'
import { Engine } from '../../src/engine/engine.ts'
import { createHost } from '../../src/engine/runtime.ts'
import type { Session } from '../../src/engine/session.ts'
import { formatDatum } from '../../src/expr/text.ts'
import { temporaryFolder } from './temporary.ts'

/** An engine in this process on a data directory, and one session of it; ends with the test. */
export class TestEngine {
  readonly dataDir: string
  readonly notices: string[] = []
  #engine: Engine | undefined
  #session: Session | undefined

  constructor(dataDir = temporaryFolder()) {
    this.dataDir = dataDir
    onTestFinished(() => this.close())
  }

  async session(): Promise<Session> {
    const { dataDir } = this
    const common = { dataDir, connectors, clock: systemClock, log: silentLogger }
    this.#engine ??= await Engine.open({ ...common, hostsMax: 1, newHost: () => createHost(common) })
    if (this.#session) return this.#session
    const session = await this.#engine.connect({ user: 'tidemark', database: 'tidemark', settings: new Map() })
    session.onNotice = ({ error }) => this.notices.push(error.message)
    this.#session = session
    return session
  }

  /** Runs a script; the rows of its last statement, values as text. */
  async query(sql: string): Promise<(string | null)[][]> {
    const session = await this.session()
    let rows: (string | null)[][] = []
    for (const statement of session.parse(sql)) {
      const result = await session.execute(await session.prepare(statement, []), [])
      rows = []
      if (!('batches' in result)) continue
      for await (const batch of result.batches) {
        for (let i = 0; i < batch.rowCount; i++) {
          const timeZone = session.settings.get('TimeZone') ?? 'UTC'
          const types = batch.schema.fields.map(f => f.type)
          rows.push(rowAt(batch, i).map((v, c) => (v === null ? null : formatDatum(v, types[c], { timeZone }))))
        }
      }
    }
    return rows
  }

  /** Asks again until the answer has this many rows; the test's own time-out is the limit. */
  async until(sql: string, accept: (rows: (string | null)[][]) => boolean): Promise<(string | null)[][]> {
    for (;;) {
      const rows = await this.query(sql)
      if (accept(rows)) return rows
      await systemClock.sleep(10)
    }
  }

  /** SQLSTATE, position and message of the error a script ends with. */
  async errorOf(sql: string): Promise<string> {
    try {
      await this.query(sql)
    } catch (error) {
      const { sqlState, position, message } = error as { sqlState?: string; position?: number; message: string }
      return `${sqlState} ${position ?? '-'} ${message}`
    }
    return 'no error'
  }

  async close(): Promise<void> {
    const engine = this.#engine
    this.#engine = undefined
    this.#session = undefined
    await engine?.close()
  }
}
