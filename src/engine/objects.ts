import type { Query } from '../../grammar/query.ts'
import type { Schema } from '../batch/types.ts'
import type { Expr } from '../expr/expr.ts'
import type { Envelope } from '../format/encoder.ts'
import type { DecodedColumn, FormatName } from '../format/format.ts'
import type { EventTime, LogicalPlan } from '../plan/logical.ts'

/** What the catalog holds. All of it is remade from `sql` when the server starts; nothing else is stored. */
export type CatalogObject = ConnectionObject | SourceObject | PlainViewObject | MaterializedView | SinkObject

interface Common {
  readonly schemaName: string
  readonly shortName: string
  /** The statement that made it, and what it was read under. */
  readonly sql: string
  readonly searchPath: readonly string[]
  readonly timeZone: string
  /** Qualified names of the objects it needs. */
  readonly dependsOn: readonly string[]
}

export interface ConnectionObject extends Common {
  readonly kind: 'connection'
  readonly type: string
  /** Secrets among them: never shown. */
  readonly options: Readonly<Record<string, string>>
}

/** A topic with columns: CREATE SOURCE, CREATE STREAM and their ksqlDB forms. */
export interface SourceObject extends Common {
  readonly kind: 'source'
  readonly flavour: 'source' | 'stream' | 'table'
  readonly schema: Schema
  readonly spec: SourceSpec
  /** CREATE TABLE: the topic that holds its rows and goes with it. */
  readonly ownTopic?: string
  /** CREATE STREAM … AS: the job that fills the topic. */
  readonly job?: JobObject
}

export interface PlainViewObject extends Common {
  readonly kind: 'view'
  readonly query: Query
  readonly columns: readonly string[]
  readonly schema: Schema
}

export interface MaterializedView extends Common {
  readonly kind: 'materialized view'
  readonly schema: Schema
  readonly job: JobObject
  readonly uniqueKey: readonly number[] | undefined
  readonly eventTime: readonly EventTime[]
  readonly changing: boolean
}

export interface SinkObject extends Common {
  readonly kind: 'sink'
  readonly schema: Schema
  readonly job: JobObject
  /** Qualified name of the source that an INSERT INTO … SELECT fills. */
  readonly target?: string
}

/** A standing job of the catalog. */
export interface JobObject {
  readonly definition: JobDefinition
  dataflow: string
  paused: boolean
}

/** Options of a format as text; `decodeOptions` and `encodeOptions` turn them into those of a direction. */
export interface FormatOptions {
  readonly header?: 'true' | 'false' | 'auto'
  readonly delimiter?: string
  readonly nullText?: string
  readonly keyFormat?: 'raw' | 'json'
  readonly schemaRegistry?: string
  readonly schemaRegistryUsername?: string
  readonly schemaRegistryPassword?: string
  readonly schemaRegistryCa?: string
  /** Name of the topic's schema in the registry; default the topic's name and `-value`. */
  readonly schemaSubject?: string
  readonly avroSchema?: string
}

/** How to read a topic: plain data that a worker can open. */
export interface SourceSpec {
  readonly relation: string
  readonly connector: string
  /** Text of each connector option, connection's options merged in. */
  readonly options: Readonly<Record<string, string>>
  readonly format: FormatName
  readonly formatOptions: FormatOptions
  /** Every column of the relation, in order; with `upsertKey` also `OP`, where records are Debezium's, and `DELETED` behind them. */
  readonly columns: readonly DecodedColumn[]
  /** Columns that no two rows share: a record replaces the row with its key, one without a value deletes it. */
  readonly upsertKey?: readonly number[]
  /** Generated columns by index, over all columns of the relation, and the time zone they are computed in. */
  readonly computed?: { readonly exprs: Readonly<Record<number, Expr>>; readonly timeZone: string }
  readonly watermark?: { readonly column: number; readonly delayMicros: number }
  readonly idleTimeoutMs: number
  readonly maxFutureMs: number
  readonly deadLetterTopic?: string
}

/** How to write a topic. */
export interface SinkSpec {
  readonly connector: string
  readonly options: Readonly<Record<string, string>>
  readonly format: FormatName
  readonly formatOptions: FormatOptions
  /** Columns of the record's key; empty: none. */
  readonly key: readonly number[]
  /** Columns of the record's time and headers. */
  readonly timestamp?: number
  readonly headers?: number
  /** How rows taken back are written; `append`: they are an error. */
  readonly envelope: Envelope
  /** See `Catalog.instance`. */
  readonly instance: string
  /** By column: the time format whose numbers are written (see `asWritten`). */
  readonly timeFormats?: readonly (string | undefined)[]
}

/** What a job runs; crosses threads as plain data. */
export interface JobDefinition {
  readonly kind: 'view' | 'sink'
  readonly plan: LogicalPlan
  readonly sources: Readonly<Record<string, SourceSpec>>
  readonly uniqueKey?: readonly number[]
  readonly eventTime?: readonly EventTime[]
  /** Of a view: rows go when event time has passed them by this much. */
  readonly retentionMs?: number
  readonly sink?: SinkSpec
  /** See `Catalog.instance`. */
  readonly instance: string
  readonly timeZone: string
}

export function qualifiedName(object: { readonly schemaName: string; readonly shortName: string }): string {
  return `${object.schemaName}.${object.shortName}`
}

export function jobOf(object: CatalogObject): JobObject | undefined {
  return 'job' in object ? object.job : undefined
}
