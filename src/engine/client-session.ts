import { parseScript } from '../../grammar/parse.ts'
import type { Statement as StatementNode } from '../../grammar/statements.ts'
import { EngineError } from '../base/errors.ts'
import type { DataType, Datum } from '../batch/types.ts'
import type { EvalContext } from '../expr/expr.ts'
import type { BindOptions } from '../plan/bind/context.ts'
import { Cursors } from './cursors.ts'
import type { Engine, StatementContext } from './engine.ts'
import { type Plan, planStatement } from './execute/plan-statement.ts'
import type { CopyTarget, Notice, Prepared, Result, Session, SessionFactory, Statement } from './session.ts'
import { Settings } from './settings.ts'
import { interruptible } from './stream.ts'

/** A prepared statement of this engine: how to run it, besides what the client may know. */
interface Bound extends Prepared {
  readonly plan: Plan
}

/** See Session. Holds what belongs to one client: settings, cursors, prepared statements of SQL, the transaction block. */
export class ClientSession implements Session {
  readonly engine: Engine
  readonly user: string
  readonly database: string
  readonly options: Settings
  readonly cursors = new Cursors()
  readonly statements = new Map<string, Prepared>()
  transaction: 'I' | 'T' | 'E' = 'I'
  onNotice = (_notice: Notice): void => {}
  onSetting = (_name: string, _value: string): void => {}
  #running: AbortController | undefined

  readonly #processId: number

  constructor(engine: Engine, options: Parameters<SessionFactory['connect']>[0]) {
    this.engine = engine
    this.#processId = options.processId ?? 0
    this.user = options.user
    this.database = options.database
    this.options = new Settings(options.settings, (name, value) => this.onSetting(name, value))
  }

  get settings(): ReadonlyMap<string, string> {
    return new Map([...this.options.values, ...this.options.reported()])
  }

  notice(message: string, severity: Notice['severity'] = 'NOTICE', hint?: string): void {
    this.onNotice({ severity, error: new EngineError(severity === 'NOTICE' ? '00000' : '01000', message, { hint }) })
  }

  context(statement: Statement): StatementContext {
    return { sql: statement.sql, searchPath: this.options.searchPath, timeZone: this.options.timeZone }
  }

  /** How its queries are bound. */
  bindOptions(mode: BindOptions['mode'], parameterTypes: BindOptions['parameterTypes'] = []): BindOptions {
    const { user, database, options } = this
    const own = { user, database, backend_pid: String(this.#processId) }
    return {
      mode,
      parameterTypes,
      searchPath: options.searchPath,
      settings: new Map([...options.values, ...Object.entries(own)]),
      ...this.evalContext(),
    }
  }

  /** What expressions of the statement that runs now may know: one now() for all of it. */
  evalContext(): EvalContext {
    return { nowMicros: Math.floor(this.engine.options.clock.nowMs() * 1000), timeZone: this.options.timeZone }
  }

  parse(sql: string): Statement[] {
    try {
      return parseScript(sql)
    } catch (error) {
      this.#fail()
      throw error
    }
  }

  async prepare(statement: Statement, types: readonly (DataType | undefined)[]): Promise<Prepared> {
    try {
      const ast = statement.ast as StatementNode | undefined // only parse() makes statements
      const plan = await planStatement(ast, statement, types, this)
      const bound: Bound = { statement, parameterTypes: plan.parameterTypes, schema: plan.schema, plan }
      return bound
    } catch (error) {
      this.#fail()
      throw error
    }
  }

  async execute(prepared: Prepared, parameters: readonly Datum[]): Promise<Result> {
    const { plan } = prepared as Bound // only prepare() makes them
    if (this.transaction === 'E' && !plan.endsTransaction) {
      throw new EngineError('25P02', 'current transaction is aborted, commands ignored until end of transaction block')
    }
    const running = new AbortController()
    this.#running = running
    const ended = new AbortController()
    void this.#limit(running, ended.signal)
    let rows = false
    try {
      const result = await plan.run(parameters, running.signal)
      if (result.kind === 'command') return result
      if (result.kind === 'copy-in') return { ...result, target: this.#watchedTarget(result.target) }
      rows = true
      const batches = interruptible(result.batches, running.signal, () => running.signal.reason)
      return { ...result, batches: this.#watched(batches, ended) }
    } catch (error) {
      this.#fail()
      throw error
    } finally {
      if (!rows) ended.abort()
    }
  }

  cancel(): void {
    this.#running?.abort(cancelled('user request'))
  }

  /** statement_timeout: from the start of the statement to its last row. */
  async #limit(running: AbortController, ended: AbortSignal): Promise<void> {
    const { statementTimeoutMs } = this.options
    if (statementTimeoutMs === 0) return
    await this.engine.options.clock.sleep(statementTimeoutMs, ended)
    if (!ended.aborted) running.abort(cancelled('statement timeout'))
  }

  async close(): Promise<void> {
    this.cancel()
    this.cursors.closeAll()
  }

  async *#watched<T>(batches: AsyncIterable<T>, ended: AbortController): AsyncGenerator<T, void, undefined> {
    try {
      yield* batches
    } catch (error) {
      this.#fail()
      throw error
    } finally {
      ended.abort()
    }
  }

  #watchedTarget(target: CopyTarget): CopyTarget {
    const watched = <T>(work: Promise<T>): Promise<T> =>
      work.catch(error => {
        this.#fail()
        throw error
      })
    return {
      write: bytes => watched(target.write(bytes)),
      finish: () => watched(target.finish()),
      abandon: reason => watched(target.abandon(reason)),
    }
  }

  #fail(): void {
    if (this.transaction === 'T') this.transaction = 'E'
  }
}

function cancelled(why: string): EngineError {
  return new EngineError('57014', `canceling statement due to ${why}`)
}
