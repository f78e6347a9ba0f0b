import type { Expr, Name, TypeName } from './ast.ts'
import type { Query } from './query.ts'
import type { Delete, Insert, Option, Statement, Update } from './statements.ts'

/** SUBSCRIBE [TO] v | (query) [WITH (snapshot = …, progress = …)]. */
export interface Subscribe {
  readonly kind: 'subscribe'
  readonly from: Name | Query
  readonly options: readonly Option[]
  readonly at: number
}

/** COPY t | (query | SUBSCRIBE …) TO STDOUT | 'file'. Options in both spellings, lower case: format, header, delimiter, null … */
export interface CopyTo {
  readonly kind: 'copy-to'
  readonly from:
    | { readonly table: Name; readonly columns: readonly string[] }
    | Query
    | Subscribe
    | Insert
    | Update
    | Delete
  /** Undefined: STDOUT. */
  readonly file?: string
  readonly options: readonly Option[]
  readonly at: number
}

export interface CopyFrom {
  readonly kind: 'copy-from'
  readonly table: Name
  readonly columns: readonly string[]
  /** Undefined: STDIN. */
  readonly file?: string
  readonly options: readonly Option[]
  readonly where?: Expr
  readonly at: number
}

export interface DeclareCursor {
  readonly kind: 'declare-cursor'
  readonly name: string
  readonly binary: boolean
  /** Undefined: not said. */
  readonly scroll?: boolean
  readonly insensitive: boolean
  readonly hold: boolean
  readonly query: Query | Subscribe
  readonly at: number
}

/** FETCH and MOVE. `count` undefined: ALL. Backward is `backward`, forms without a direction `forward`. */
export interface Fetch {
  readonly kind: 'fetch'
  readonly move: boolean
  readonly cursor: string
  readonly direction: 'forward' | 'backward' | 'absolute' | 'relative'
  readonly count?: number
  /** Materialize's WITH (timeout = '1s'). */
  readonly options: readonly Option[]
  readonly at: number
}

/** `cursor` undefined: ALL. */
export interface Close {
  readonly kind: 'close'
  readonly cursor?: string
  readonly at: number
}

/** SET [SESSION | LOCAL] name = values. `values` undefined: DEFAULT. SET TIME ZONE is `timezone`, SET TRANSACTION … `transaction`. */
export interface SetParameter {
  readonly kind: 'set'
  readonly scope: 'session' | 'local'
  /** Lower case, dotted. */
  readonly name: string
  /** Text of each value, whatever its spelling. */
  readonly values?: readonly string[]
  readonly at: number
}

/** `name` undefined: ALL. */
export interface ResetParameter {
  readonly kind: 'reset'
  readonly name?: string
  readonly at: number
}

/** BEGIN and START TRANSACTION are `begin`, COMMIT and END `commit`, ROLLBACK and ABORT `rollback`. `name` is the savepoint's. */
export interface Transaction {
  readonly kind: 'transaction'
  readonly action:
    | 'begin'
    | 'commit'
    | 'rollback'
    | 'savepoint'
    | 'release'
    | 'rollback to'
    | 'prepare'
    | 'commit prepared'
    | 'rollback prepared'
  readonly name?: string
  /** `isolation level serializable`, `read only` …, lower case. */
  readonly modes: readonly string[]
  /** AND CHAIN. */
  readonly chain: boolean
  readonly at: number
}

export interface Prepare {
  readonly kind: 'prepare'
  readonly name: string
  readonly types: readonly TypeName[]
  readonly statement: Statement
  readonly at: number
}

export interface Execute {
  readonly kind: 'execute'
  readonly name: string
  readonly args: readonly Expr[]
  readonly at: number
}

/** `name` undefined: ALL. */
export interface Deallocate {
  readonly kind: 'deallocate'
  readonly name?: string
  readonly at: number
}

export interface Discard {
  readonly kind: 'discard'
  readonly what: 'all' | 'plans' | 'sequences' | 'temp'
  readonly at: number
}

/** `channel` undefined: UNLISTEN *. */
export interface Listen {
  readonly kind: 'listen' | 'unlisten' | 'notify'
  readonly channel?: string
  readonly payload?: string
  readonly at: number
}

export interface Lock {
  readonly kind: 'lock'
  readonly tables: readonly Name[]
  /** `access exclusive` …, lower case. */
  readonly mode?: string
  readonly nowait: boolean
  readonly at: number
}

/** A statement of Postgres that is known by name and not looked into: VACUUM, ANALYZE, GRANT, COMMENT, CREATE INDEX … `command` is its tag. */
export interface Utility {
  readonly kind: 'utility'
  readonly command: string
  /** As written, without the semicolon. */
  readonly text: string
  readonly at: number
}
