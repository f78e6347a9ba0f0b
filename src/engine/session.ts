import type { EngineError } from '../base/errors.ts'
import type { Batch } from '../batch/batch.ts'
import type { DataType, Datum, Schema } from '../batch/types.ts'
import type { CopyFormat } from './copy-options.ts'

/**
 * One client's view of the engine, without sockets: the Postgres server, the command line and tests all speak to this.
 * Statements of a session run one at a time; `cancel` may come at any moment.
 */
export interface Session {
  /** Run-time parameters (SHOW), lower-case names: search_path, timezone, client_encoding, application_name … */
  readonly settings: ReadonlyMap<string, string>
  /** 'I' idle, 'T' in a transaction block, 'E' in a failed one. Transactions are accepted and change nothing. */
  readonly transaction: 'I' | 'T' | 'E'
  /** Told of notices and changed settings that clients must hear of (ParameterStatus). */
  onNotice: (notice: Notice) => void
  onSetting: (name: string, value: string) => void
  /**
   * Splits and parses a script. Throws EngineError 42601 with a position in the whole text, 1-based in UTF-16 units; so do
   * `prepare` and `execute`.
   */
  parse(sql: string): Statement[]
  /** Binds one statement. `types[i]` undefined: infer `$i+1`. */
  prepare(statement: Statement, types: readonly (DataType | undefined)[]): Promise<Prepared>
  /**
   * Runs it. Rows come as the client takes them; closing the iterator early stops the work. A batch is good until the next one
   * is asked for. Other statements may run while the iterator is open and nobody pulls: a suspended portal.
   */
  execute(prepared: Prepared, parameters: readonly Datum[]): Promise<Result>
  /** Stops the statement that runs now, which ends with 57014. Nothing happens when none runs. */
  cancel(): void
  close(): Promise<void>
}

/** One parsed statement with its piece of the script, `offset` characters from its start. */
export interface Statement {
  readonly sql: string
  readonly offset: number
  /** The AST; only the engine looks inside. Undefined for an empty statement. */
  readonly ast: unknown
}

export interface Prepared {
  readonly statement: Statement
  readonly parameterTypes: readonly DataType[]
  /** What it returns, known before it runs. Undefined: no rows. */
  readonly schema: Schema | undefined
}

/** `tag` as in CommandComplete, without the count that rows add: `SELECT`, `INSERT 0 3`, `CREATE MATERIALIZED VIEW`. */
export type Result =
  | { readonly kind: 'command'; readonly tag: string }
  | { readonly kind: 'rows'; readonly tag: string; readonly schema: Schema; readonly batches: AsyncIterable<Batch> }
  /** COPY … TO STDOUT: rows in the given format. */
  | {
      readonly kind: 'copy'
      readonly format: CopyFormat
      readonly schema: Schema
      readonly batches: AsyncIterable<Batch>
    }
  /** COPY … FROM STDIN: the client's data is waited for. */
  | { readonly kind: 'copy-in'; readonly columnCount: number; readonly target: CopyTarget }

/** Takes the data of a COPY … FROM STDIN. A call that fails ends the COPY. */
export interface CopyTarget {
  /** The next piece, cut anywhere. Resolves when more may come. */
  write(bytes: Uint8Array): Promise<void>
  /** The data is whole. Answers how many rows it had, once they are durable. */
  finish(): Promise<number>
  /** The client gives up: throws what it is told. */
  abandon(reason: string): Promise<never>
}

export interface Notice {
  readonly severity: 'NOTICE' | 'WARNING'
  readonly error: EngineError
}

/** Opens sessions; what a server is given. */
export interface SessionFactory {
  connect(options: {
    readonly user: string
    readonly database: string
    readonly settings: ReadonlyMap<string, string>
    /** What pg_backend_pid() answers: the one that cancel requests name. */
    readonly processId?: number
  }): Promise<Session>
}
