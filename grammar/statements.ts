import type { Expr, Name, TypeName } from './ast.ts'
import type {
  Close,
  CopyFrom,
  CopyTo,
  Deallocate,
  DeclareCursor,
  Discard,
  Execute,
  Fetch,
  Listen,
  Lock,
  Prepare,
  ResetParameter,
  SetParameter,
  Subscribe,
  Transaction,
  Utility,
} from './commands.ts'
import type { Query, TableRef, With } from './query.ts'

/** A whole statement; those about the session are in commands.ts. `at` is the offset of its first token, or of what an error about the node should point to. */
export type Statement =
  | Query
  | CreateConnection
  | CreateRelation
  | CreateAs
  | CreateView
  | CreateSink
  | Insert
  | Update
  | Delete
  | Show
  | Describe
  | Explain
  | AlterJob
  | Alter
  | Drop
  | Truncate
  | Subscribe
  | CopyTo
  | CopyFrom
  | DeclareCursor
  | Fetch
  | Close
  | SetParameter
  | ResetParameter
  | Transaction
  | Prepare
  | Execute
  | Deallocate
  | Discard
  | Listen
  | Lock
  | Utility

/** `name = value` of a WITH list. Unquoted names are folded, dotted ones joined. The value is text whatever its spelling; alone it is `true`. */
export interface Option {
  readonly name: string
  readonly value: string
  readonly at: number
}

interface Create {
  readonly orReplace: boolean
  readonly ifNotExists: boolean
  readonly name: Name
  readonly at: number
}

/** `type` is lower case: kafka, pulsar, mqtt, s3. */
export interface CreateConnection extends Create {
  readonly kind: 'create-connection'
  readonly type: string
  readonly options: readonly Option[]
}

/** CREATE SOURCE, TABLE or STREAM with columns of its own (or none: they come from the registry or a sample). */
export interface CreateRelation extends Create {
  readonly kind: 'create-relation'
  readonly relation: 'source' | 'table' | 'stream'
  readonly temporary: boolean
  readonly columns: readonly ColumnDef[]
  /** PRIMARY KEY (…), also written at a column. Empty: none. */
  readonly primaryKey: readonly string[]
  /** WATERMARK FOR column AS expr. */
  readonly watermarks: readonly { readonly column: string; readonly expr: Expr; readonly at: number }[]
  readonly includes: readonly Include[]
  readonly partitionBy: readonly Expr[]
  /** CHECK, UNIQUE, FOREIGN KEY …: text, for a notice that they are not enforced. */
  readonly constraints: readonly { readonly text: string; readonly at: number }[]
  readonly options: readonly Option[]
}

export interface ColumnDef {
  readonly name: string
  readonly type: TypeName
  /** JSON path inside the record; default: the column's name. */
  readonly path?: string
  /** How the value is written: `epoch_ms` … */
  readonly format?: string
  readonly notNull: boolean
  readonly default?: Expr
  /** `GENERATED ALWAYS AS (expr) STORED` and Flink's `c AS expr`. */
  readonly generated?: Expr
  /** ksqlDB's KEY and HEADER, Flink's METADATA [FROM 'key'] [VIRTUAL]. */
  readonly metadata?: { readonly from: 'key' | 'headers' | 'metadata'; readonly name?: string }
  readonly at: number
}

/** INCLUDE KEY AS c: a column from outside the value. `header` names one header. */
export interface Include {
  readonly what:
    | ('key' | 'partition' | 'offset' | 'timestamp' | 'headers' | 'topic' | 'payload')
    | ('message_id' | 'publish_time' | 'event_time' | 'producer_name')
  readonly header?: string
  readonly as?: string
  readonly at: number
}

/** CREATE TABLE AS, CREATE STREAM AS. */
export interface CreateAs extends Create {
  readonly kind: 'create-as'
  readonly relation: 'table' | 'stream'
  readonly temporary: boolean
  readonly columns: readonly string[]
  readonly options: readonly Option[]
  readonly query: Query
  /** False for WITH NO DATA. */
  readonly withData: boolean
}

export interface CreateView extends Create {
  readonly kind: 'create-view'
  readonly materialized: boolean
  readonly temporary: boolean
  readonly columns: readonly string[]
  readonly options: readonly Option[]
  readonly query: Query
}

export interface CreateSink extends Create {
  readonly kind: 'create-sink'
  /** `FROM v`, or `AS SELECT …`. */
  readonly from: Name | Query
  readonly options: readonly Option[]
}

export interface Insert {
  readonly kind: 'insert'
  readonly with?: With
  readonly table: Name
  readonly alias?: string
  readonly columns: readonly { readonly name: string; readonly at: number }[]
  /** Undefined: DEFAULT VALUES. */
  readonly query?: Query
  readonly overriding?: 'system' | 'user'
  readonly onConflict?: OnConflict
  /** Empty: no RETURNING. */
  readonly returning: readonly ReturningItem[]
  readonly at: number
}

export interface ReturningItem {
  readonly expr: Expr
  readonly alias?: string
  readonly at: number
}

export interface OnConflict {
  /** Columns or expressions of the conflict target; empty: any, or the named constraint. */
  readonly target: readonly Expr[]
  readonly targetWhere?: Expr
  readonly constraint?: string
  /** Empty: DO NOTHING. */
  readonly set: readonly Assignment[]
  readonly where?: Expr
  readonly at: number
}

/** `a = 1`; `(a, b) = (1, 2)` or a query has several targets. A target may be a field or element: then it is an expression over the column. */
export interface Assignment {
  readonly targets: readonly Expr[]
  readonly value: Expr
  readonly at: number
}

export interface Update {
  readonly kind: 'update'
  readonly with?: With
  readonly table: Name
  readonly only: boolean
  readonly alias?: string
  readonly set: readonly Assignment[]
  readonly from: readonly TableRef[]
  readonly where?: Expr
  readonly returning: readonly ReturningItem[]
  readonly at: number
}

export interface Delete {
  readonly kind: 'delete'
  readonly with?: With
  readonly table: Name
  readonly only: boolean
  readonly alias?: string
  readonly using: readonly TableRef[]
  readonly where?: Expr
  readonly returning: readonly ReturningItem[]
  readonly at: number
}

/**
 * SHOW. `what` is `setting` (with its name, `timezone` for TIME ZONE), `all` (settings), `create` (object is its kind, name given),
 * `columns` (name given), or a plural, lower case: tables, sources, sinks, views, `materialized views`, streams, topics, jobs,
 * connections, schemas, databases, functions, queries, properties …
 */
export interface Show {
  readonly kind: 'show'
  readonly what: string
  readonly object?: string
  readonly name: Name
  /** FROM schema of a plural. */
  readonly from: Name
  readonly like?: string
  readonly at: number
}

export interface Describe {
  readonly kind: 'describe'
  readonly name: Name
  readonly extended: boolean
  readonly at: number
}

export interface Explain {
  readonly kind: 'explain'
  readonly analyze: boolean
  readonly verbose: boolean
  /** The others of EXPLAIN (…). */
  readonly options: readonly Option[]
  readonly statement: Statement
  readonly at: number
}

export interface AlterJob {
  readonly kind: 'alter-job'
  readonly name: Name
  readonly action: 'pause' | 'resume'
  readonly at: number
}

/** What CREATE makes and ALTER and DROP name. */
export type ObjectKind =
  | 'connection'
  | 'source'
  | 'table'
  | 'stream'
  | 'materialized view'
  | 'view'
  | 'sink'
  | 'topic'
  | 'job'
  | 'schema'
  | 'database'
  | 'role'
  | 'index'
  | 'sequence'
  | 'type'
  | 'function'
  | 'extension'

export interface Alter {
  readonly kind: 'alter'
  readonly object: ObjectKind
  readonly ifExists: boolean
  readonly name: Name
  readonly action:
    | { readonly kind: 'rename'; readonly to: string }
    | { readonly kind: 'rename-column'; readonly column: string; readonly to: string }
    | { readonly kind: 'set'; readonly options: readonly Option[] }
    | { readonly kind: 'reset'; readonly names: readonly string[] }
    | { readonly kind: 'add-column'; readonly column: ColumnDef; readonly ifNotExists: boolean }
    | { readonly kind: 'drop-column'; readonly column: string; readonly ifExists: boolean; readonly cascade: boolean }
    /** Anything else of Postgres: OWNER TO …, text as written. */
    | { readonly kind: 'other'; readonly text: string }
  readonly at: number
}

export interface Drop {
  readonly kind: 'drop'
  readonly object: ObjectKind
  readonly ifExists: boolean
  readonly names: readonly { readonly name: Name; readonly at: number }[]
  readonly cascade: boolean
  readonly at: number
}

export interface Truncate {
  readonly kind: 'truncate'
  readonly names: readonly Name[]
  readonly cascade: boolean
  readonly at: number
}
