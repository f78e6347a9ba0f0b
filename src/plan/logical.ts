import type { Schema } from '../batch/types.ts'
import type { AggregateCall, Expr, SortKey } from '../expr/expr.ts'

/**
 * What a query means, as relational algebra over changing relations. Read-only data that can be sent to a worker. Nothing about
 * one machine leaks in, and every node stays printable as SQL. Every node carries the schema it puts out.
 */
export type LogicalPlan =
  | Scan
  | { readonly kind: 'values'; readonly rows: readonly (readonly Expr[])[]; readonly schema: Schema }
  | { readonly kind: 'filter'; readonly input: LogicalPlan; readonly predicate: Expr; readonly schema: Schema }
  | { readonly kind: 'project'; readonly input: LogicalPlan; readonly exprs: readonly Expr[]; readonly schema: Schema }
  | Window
  | Session
  | Rank
  | Aggregate
  | Join
  /** Each row as often as its column `count`, a bigint, says: not at all below one. */
  | { readonly kind: 'repeat'; readonly input: LogicalPlan; readonly count: number; readonly schema: Schema }
  /** Input columns agree in number and type; the first input names them. */
  | { readonly kind: 'union'; readonly inputs: readonly LogicalPlan[]; readonly schema: Schema }
  /**
   * Bounded reads only; keys may be empty. Limit and offset are constants of type bigint, or parameters until
   * `substituteParameters` (`countOf` reads them then); undefined or NULL: all, none skipped.
   */
  | {
      readonly kind: 'sort'
      readonly input: LogicalPlan
      readonly keys: readonly SortKey[]
      readonly limit?: Expr
      readonly offset?: Expr
      readonly schema: Schema
    }

/** Reads a relation of the catalog: a source, a table or a view. */
export interface Scan {
  readonly kind: 'scan'
  /** Schema-qualified: `public.readings`. */
  readonly relation: string
  readonly relationKind: 'source' | 'table' | 'view' | 'system'
  /** Which columns of the relation, by index there: the others are not decoded. */
  readonly columns: readonly number[]
  /**
   * Over this scan's output. The scan puts out just the rows where it is TRUE, but the watermark has seen the others: a filter
   * must not hold windows open.
   */
  readonly predicate?: Expr
  /** Index in this scan's output of the event-time column, and how far behind it the watermark stays. Sources only. */
  readonly watermark?: { readonly column: number; readonly delayMicros: number }
  /** What its event time is otherwise: of views, as they were bound. Indexes in this scan's output. */
  readonly eventTime?: readonly EventTime[]
  /** Columns of this scan's output that no two rows share. */
  readonly uniqueKey?: readonly number[]
  /** False: only additions come out (topics). True: rows may be taken back (tables, aggregated views). */
  readonly changing: boolean
  readonly schema: Schema
}

/** Adds window_start and window_end, of the time column's type, as the last two columns. HOP and CUMULATE repeat a row once a window it is in. */
export interface Window {
  readonly kind: 'window'
  readonly input: LogicalPlan
  readonly function: 'tumble' | 'hop' | 'cumulate'
  /** Index of the time column in the input. NULL times leave the row out (as a bad row). */
  readonly time: number
  /** Of the largest window, for cumulate. */
  readonly sizeMicros: number
  /** Equal to the size for tumble; what windows of one start grow by, for cumulate, of which the size is a multiple. */
  readonly slideMicros: number
  readonly offsetMicros: number
  readonly schema: Schema
}

/**
 * Adds window_start and window_end of the session a row is in: rows whose keys are equal, each less than the gap behind the one before it;
 * it ends a gap behind its last row. NULL times leave the row out (as a bad row).
 */
export interface Session {
  readonly kind: 'session'
  readonly input: LogicalPlan
  /** Index of the time column in the input. */
  readonly time: number
  readonly gapMicros: number
  readonly keys: readonly Expr[]
  /** EMIT FINAL: a row comes out once, when its session has closed. Else at once, and is taken back when its session's bounds move. */
  readonly final: boolean
  readonly schema: Schema
}

/** The place of every row in the order of its partition, as the last column where it is `shown`. */
export interface Rank {
  readonly kind: 'rank'
  readonly input: LogicalPlan
  readonly function: 'row_number' | 'rank' | 'dense_rank'
  /** PARTITION BY. */
  readonly keys: readonly Expr[]
  readonly order: readonly SortKey[]
  /** Only rows up to this rank come out. Undefined: all. */
  readonly rankMax?: number
  readonly shown: boolean
  /** EMIT FINAL: a row comes out once, when its partition, that of a window, is final. Else every change. */
  readonly final: boolean
  readonly schema: Schema
}

/** GROUP BY keys → keys, then aggregates. No keys: always one row. */
export interface Aggregate {
  readonly kind: 'aggregate'
  readonly input: LogicalPlan
  readonly keys: readonly Expr[]
  readonly aggregates: readonly AggregateCall[]
  /**
   * Index among `keys` of window_end (a window's or one derived through it): once the watermark reaches its value the group is
   * final and its state goes. Undefined: groups live for ever.
   */
  readonly windowEnd?: number
  /** EMIT FINAL: one row a group, when it is final. Else every change. */
  readonly final: boolean
  readonly schema: Schema
}

/**
 * Pairs of rows of two inputs for which `on` is TRUE; for the outer types also rows without a partner, the other side's columns NULL.
 * `semi`: rows of the left that have a partner; `anti`: those that have none.
 */
export interface Join {
  readonly kind: 'join'
  readonly type: 'inner' | 'left' | 'right' | 'full' | 'semi' | 'anti'
  readonly left: LogicalPlan
  readonly right: LogicalPlan
  /** Over the columns of the left, then those of the right. */
  readonly on: Expr
  /** EMIT FINAL: a row without a partner comes out once, when the watermark proves that none will come. Else at once, to be taken back. */
  readonly final: boolean
  /** The left's columns, then the right's; of semi and anti joins the left's alone. */
  readonly schema: Schema
}

/**
 * An output column that still tells event time, W being the watermark that comes with the rows. `time`: no row at or before W is
 * awaited. `end`: likewise, and it is a window's end, so a group of it is final at W. `start`: of a window of this shape, whose end
 * is W at the earliest.
 */
export type EventTime =
  | { readonly kind: 'time' | 'end'; readonly column: number }
  | { readonly kind: 'start'; readonly column: number; readonly window: WindowShape }

/** The windows [offset + n · slide, offset + n · slide + size) since 1970, in microseconds. */
export type WindowShape = Pick<Window, 'sizeMicros' | 'slideMicros' | 'offsetMicros'>
