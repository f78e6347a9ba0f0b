import type { Expr, Name, OrderItem, TypeName, WindowSpec } from './ast.ts'
import type { Delete, Insert, Update } from './statements.ts'

/** A SELECT, VALUES or set operation with the clauses around it. `(SELECT …)` in parentheses is the same query. */
export interface Query {
  readonly kind: 'query'
  readonly with?: With
  readonly body: Select | Values | SetOperation | Modify
  readonly orderBy: readonly OrderItem[]
  /** LIMIT and FETCH FIRST; undefined for LIMIT ALL. */
  readonly limit?: Expr
  readonly withTies: boolean
  readonly offset?: Expr
  /** FOR UPDATE OF t … */
  readonly locking: readonly Locking[]
  /** EMIT CHANGES: changes as they happen. EMIT FINAL and EMIT ON WINDOW CLOSE: each window once. */
  readonly emit?: 'changes' | 'final'
  /** ksqlDB's PARTITION BY: the key of the stream made from the query. */
  readonly partitionBy?: readonly Expr[]
  readonly at: number
}

/** A statement with RETURNING where a query stands: only in WITH. */
export interface Modify {
  readonly kind: 'modify'
  readonly statement: Insert | Update | Delete
  readonly at: number
}

export interface With {
  readonly recursive: boolean
  readonly tables: readonly CommonTable[]
}

export interface CommonTable {
  readonly name: string
  readonly columns: readonly string[]
  readonly materialized?: boolean
  readonly query: Query
  readonly at: number
}

export interface Locking {
  readonly strength: 'update' | 'no key update' | 'share' | 'key share'
  readonly of: readonly Name[]
  readonly wait?: 'nowait' | 'skip locked'
}

export interface Select {
  readonly kind: 'select'
  /** DISTINCT, or DISTINCT ON when `on` is not empty. */
  readonly distinct?: { readonly on: readonly Expr[] }
  readonly items: readonly SelectItem[]
  /** SELECT … INTO table. */
  readonly into?: Name
  /** Comma-separated items. */
  readonly from: readonly TableRef[]
  readonly where?: Expr
  readonly groupBy?: GroupBy
  readonly having?: Expr
  /** WINDOW w AS (…). */
  readonly windows: readonly { readonly name: string; readonly spec: WindowSpec; readonly at: number }[]
  readonly at: number
}

export interface SelectItem {
  readonly expr: Expr
  readonly alias?: string
  readonly at: number
}

export interface GroupBy {
  readonly distinct: boolean
  readonly items: readonly GroupItem[]
}

export type GroupItem =
  | { readonly kind: 'expr'; readonly expr: Expr }
  /** `()`: the whole input. */
  | { readonly kind: 'empty' }
  | { readonly kind: 'rollup' | 'cube'; readonly exprs: readonly Expr[]; readonly at: number }
  | { readonly kind: 'sets'; readonly items: readonly GroupItem[]; readonly at: number }

export interface Values {
  readonly kind: 'values'
  readonly rows: readonly (readonly Expr[])[]
  readonly at: number
}

/** `first op query op query …`, left to right, so that a chain of any length is one node. INTERSECT binds tighter: a nested one. */
export interface SetOperation {
  readonly kind: 'set-operation'
  readonly first: Query
  readonly rest: readonly {
    readonly op: 'union' | 'intersect' | 'except'
    readonly all: boolean
    readonly query: Query
    readonly at: number
  }[]
  readonly at: number
}

/** What stands in FROM. */
export type TableRef =
  | {
      readonly kind: 'table'
      readonly name: Name
      readonly only: boolean
      readonly alias?: Alias
      /** FOR SYSTEM_TIME AS OF expr. */
      readonly asOf?: Expr
      readonly sample?: TableSample
      readonly at: number
    }
  | {
      readonly kind: 'subquery'
      readonly query: Query
      readonly lateral: boolean
      readonly alias?: Alias
      readonly at: number
    }
  | TableFunction
  | WindowTable
  | Join

/** `AS name (columns)`. For functions that return records, with types: `AS t(a int)`. */
export interface Alias {
  readonly name?: string
  readonly columns: readonly string[]
  readonly types?: readonly TypeName[]
}

export interface TableSample {
  readonly method: string
  readonly args: readonly Expr[]
  readonly seed?: Expr
}

/** A function as a table: generate_series(…), unnest(…), subscribe('v'); several under ROWS FROM. */
export interface TableFunction {
  readonly kind: 'table-function'
  readonly calls: readonly Expr[]
  readonly ordinality: boolean
  readonly lateral: boolean
  readonly alias?: Alias
  readonly at: number
}

/**
 * Adds window_start and window_end to its input, in every spelling: TUMBLE(t, ts, size [, offset]), HOP(t, ts, slide, size [, offset]),
 * CUMULATE(t, ts, step, size [, offset]), SESSION(t [PARTITION BY …], ts, gap), Flink's TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), …)) also
 * with named arguments, ksqlDB's WINDOW TUMBLING (SIZE 5 MINUTES) and Spark's GROUP BY window(ts, '5 minutes'). The last two group
 * by the window by themselves: the parser adds window_start and window_end to GROUP BY.
 */
export interface WindowTable {
  readonly kind: 'window'
  readonly function: 'tumble' | 'hop' | 'session' | 'cumulate'
  /** A table, subquery or, in parentheses, a join. Its names stay visible unless `alias` is given. */
  readonly input: TableRef
  /** Undefined: the input's event time (ksqlDB). */
  readonly time?: Expr
  /** The largest size for cumulate; undefined for session. */
  readonly size?: Expr
  /** How far apart windows begin (hop), or the step they grow by (cumulate). */
  readonly slide?: Expr
  /** Session only. */
  readonly gap?: Expr
  readonly offset?: Expr
  /** Session only. */
  readonly partitionBy: readonly Expr[]
  /** ksqlDB's GRACE PERIOD: how long after its end a window takes late rows. */
  readonly grace?: Expr
  /** ksqlDB's RETENTION. */
  readonly retention?: Expr
  readonly alias?: Alias
  readonly at: number
}

export interface Join {
  readonly kind: 'join'
  readonly type: 'inner' | 'left' | 'right' | 'full' | 'cross'
  readonly natural: boolean
  /** ASOF JOIN: the latest right row not after the left one. */
  readonly asof: boolean
  readonly left: TableRef
  readonly right: TableRef
  readonly on?: Expr
  readonly using?: { readonly columns: readonly string[]; readonly alias?: string }
  /** ksqlDB's WITHIN: how far apart in time two stream rows may be. */
  readonly within?: Expr
  /** `(a JOIN b) AS x`. */
  readonly alias?: Alias
  readonly at: number
}
