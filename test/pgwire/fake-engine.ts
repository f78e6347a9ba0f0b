import { EngineError } from '../../src/base/errors.ts'
import { type Batch, batchOfRows } from '../../src/batch/batch.ts'
import type { DataType, Datum, Schema } from '../../src/batch/types.ts'
import { splitStatements } from '../../src/engine/pg-catalog/question.ts'
import type { Notice, Prepared, Result, Session, SessionFactory, Statement } from '../../src/engine/session.ts'

/** One statement that the fake knows by its text. */
export interface FakeStatement {
  readonly parameterTypes?: readonly DataType[]
  readonly schema?: Schema
  readonly run: (parameters: readonly Datum[], session: FakeSession) => Result | Promise<Result>
}

export function schemaOf(fields: Readonly<Record<string, DataType>>): Schema {
  return { fields: Object.entries(fields).map(([name, type]) => ({ name, type })) }
}

/** A statement that answers rows, in batches of `rowsPerBatch`. */
export function rows(schema: Schema, values: readonly (readonly Datum[])[], rowsPerBatch = 100): FakeStatement {
  return { schema, run: () => rowResult(schema, values, rowsPerBatch) }
}

export function rowResult(
  schema: Schema,
  values: readonly (readonly Datum[])[],
  rowsPerBatch = 100,
): Extract<Result, { kind: 'rows' }> {
  async function* batches(): AsyncGenerator<Batch> {
    for (let i = 0; i < values.length; i += rowsPerBatch) yield batchOfRows(schema, values.slice(i, i + rowsPerBatch))
  }
  return { kind: 'rows', tag: 'SELECT', schema, batches: batches() }
}

/** Data giver of the codec and protocol tests: statements by their text, transactions, and a cancel that ends waits. */
export class FakeEngine implements SessionFactory {
  readonly statements: Map<string, FakeStatement>
  readonly sessions = new Set<FakeSession>()

  constructor(statements: Readonly<Record<string, FakeStatement>>) {
    this.statements = new Map(Object.entries(statements))
  }

  async connect(options: { settings: ReadonlyMap<string, string> }): Promise<Session> {
    const session = new FakeSession(this, options.settings)
    this.sessions.add(session)
    return session
  }
}

const SETTINGS = [
  ['server_version', '15.0 (Fake)'],
  ['client_encoding', 'UTF8'],
  ['datestyle', 'ISO, MDY'],
  ['timezone', 'UTC'],
  ['search_path', 'public'],
] as const

const COMMANDS = /^(begin|commit|rollback|set)\b/i

export class FakeSession implements Session {
  readonly settings: Map<string, string>
  transaction: 'I' | 'T' | 'E' = 'I'
  onNotice: (notice: Notice) => void = () => {}
  onSetting: (name: string, value: string) => void = () => {}
  readonly #engine: FakeEngine
  #cancelled: AbortController | undefined

  constructor(engine: FakeEngine, settings: ReadonlyMap<string, string>) {
    this.#engine = engine
    this.settings = new Map([...SETTINGS, ...settings])
  }

  parse(sql: string): Statement[] {
    const bad = sql.indexOf('syntax_error')
    if (bad >= 0) throw new EngineError('42601', 'syntax error at or near "syntax_error"', { position: bad + 1 })
    return splitStatements(sql).map(piece => ({ ...piece, ast: piece.sql }))
  }

  async prepare(statement: Statement): Promise<Prepared> {
    const known = this.#engine.statements.get(statement.sql)
    if (!known) {
      if (COMMANDS.test(statement.sql)) return { statement, parameterTypes: [], schema: undefined }
      throw new EngineError('42P01', `relation "${statement.sql}" does not exist`, {
        position: statement.offset + 1,
        hint: 'The fake knows other statements.',
        detail: 'It is a fake.',
      })
    }
    return { statement, parameterTypes: known.parameterTypes ?? [], schema: known.schema }
  }

  async execute(prepared: Prepared, parameters: readonly Datum[]): Promise<Result> {
    const { sql } = prepared.statement
    const known = this.#engine.statements.get(sql)
    if (known) return known.run(parameters, this)
    const tag = sql.split(' ')[0].toUpperCase()
    if (tag !== 'SET') this.transaction = tag === 'BEGIN' ? 'T' : 'I'
    return { kind: 'command', tag }
  }

  /** Waits for a cancel, and fails as a cancelled statement does. */
  waitForCancel(): Promise<never> {
    this.#cancelled = new AbortController()
    const { signal } = this.#cancelled
    return new Promise((_, reject) =>
      signal.addEventListener('abort', () =>
        reject(new EngineError('57014', 'canceling statement due to user request')),
      ),
    )
  }

  cancel(): void {
    this.#cancelled?.abort()
  }

  async close(): Promise<void> {
    this.#engine.sessions.delete(this)
  }
}
