import type { Schema } from '../batch/types.ts'
import type { EventTime } from './logical.ts'

/**
 * What the planner may know of the catalog. Read-only: the engine implements it, and gives the state it had when the statement began.
 */
export interface CatalogView<Query = unknown> {
  /** The relation that a name of one or more parts means: the first match along the search path when it has no schema. */
  resolve(parts: readonly string[], searchPath: readonly string[]): Relation<Query> | undefined
  /** Names that a user may have meant, as they would be typed: for hints. */
  names(): Iterable<string>
}

/** Something that stands in FROM. `Query` is the syntax tree of a SELECT; only the binder looks inside. */
export type Relation<Query = unknown> = StoredRelation | PlainView<Query>

/** A relation with rows of its own, or that arrive. */
export interface StoredRelation {
  /** Schema-qualified: `public.readings`. */
  readonly name: string
  readonly kind: 'source' | 'table' | 'view' | 'system'
  readonly schema: Schema
  /** WATERMARK FOR column AS column − delay. Sources only. */
  readonly watermark?: { readonly column: number; readonly delayMicros: number }
  /** Of a materialized view: what `bindQuery` answered for its query. */
  readonly eventTime?: readonly EventTime[]
  /** False: rows are only added. True: rows may be taken back. */
  readonly changing: boolean
  /** Columns that no two rows share. */
  readonly uniqueKey?: readonly number[]
}

/** CREATE VIEW: a name for a query, which is bound in its place. */
export interface PlainView<Query = unknown> {
  readonly name: string
  readonly kind: 'query'
  readonly query: Query
  /** Names of its columns where the view gives some: `CREATE VIEW v (a, b) AS …`. */
  readonly columns?: readonly string[]
}
