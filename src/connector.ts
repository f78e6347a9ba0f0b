/**
 * The contract with the outside. A connector is a folder under connectors/ that exports one `Connector`; the engine knows it
 * only through this file. The engine polls and writes at its own pace, which is the backpressure: connectors have no queues
 * without a limit and start no work of their own beyond one read ahead.
 */
import type { Clock } from './base/clock.ts'
import type { Logger } from './base/log.ts'
import type { Batch } from './batch/batch.ts'
import type { Field, Int64, Schema } from './batch/types.ts'

/** One option of a connector: help, validation and defaults all come from this declaration. */
export interface Option {
  readonly name: string
  /** One sentence for people. */
  readonly doc: string
  /** Turns the text of WITH (name = '…') into a value; throws EngineError 22023 that says what is accepted. */
  readonly parse: (text: string) => unknown
  /** Text of the default, parsed the same way. None: undefined unless required. */
  readonly default?: string
  readonly required?: boolean
  /** Never shown again after it was given. */
  readonly secret?: boolean
  /** Belongs to the connection (addresses, credentials) and may be given by CREATE CONNECTION. */
  readonly connection?: boolean
}

/** Parsed option values by name. A connector's options.ts turns it into its own typed object: the one named door. */
export type OptionValues = Readonly<Record<string, unknown>>

/** Where a source stands, as JSON: `{ "0": 4711, "1": 12 }`, say. Only its source reads it. */
export type Position = Readonly<Record<string, unknown>>

/** A record that could not be decoded, and why. */
export interface BadRecord {
  readonly partition: string
  readonly offset: Int64
  readonly reason: string
  /** The bytes as they came; cut to 64 KiB. */
  readonly raw: Uint8Array
}

/** What a poll brought: rows of one partition in its order. */
export interface PolledRows {
  readonly kind: 'rows'
  readonly partition: string
  /** May be empty when all records were bad. Good until the next poll. */
  readonly batch: Batch
  readonly bad: readonly BadRecord[]
}

/** `idle`: nothing there now, poll again. `end`: a bounded source has given everything; further polls answer the same. */
export type Polled = PolledRows | { readonly kind: 'idle' } | { readonly kind: 'end' }

/** Reads one topic, file set or generator. One poll at a time; passive in between except for one read ahead. */
export interface Source {
  /** Starts after `position`, or where the options say when there is none. Throws EngineError (actor external when the other end is at fault). */
  open(position: Position | undefined): Promise<void>
  /** At most `rowsMax` rows. Waits a while for rows (not longer than ~5 s) unless the signal aborts, then answers idle. */
  poll(rowsMax: number, signal: AbortSignal): Promise<Polled>
  /**
   * A restart from here repeats nothing and skips nothing that was polled. A new object each call. Where the other end forgets what it was
   * told of (MQTT), that holds for the position of the last acknowledged checkpoint only, and what repeats is said there.
   */
  position(): Position
  /** The partitions known now. A partition without rows holds the watermark until it counts as idle. */
  partitions(): readonly string[]
  /** A durable checkpoint holds this position: the broker may forget what is before it. Failure is logged, not fatal. */
  acknowledge?(position: Position): Promise<void>
  /** Records between the position and the present end, where that can be known cheaply: for lag displays. */
  lag?(): number | undefined
  /** True: the other end gives little or nothing more before it hears of a checkpoint, so the next one is taken early. Asked often. */
  needsCheckpoint?(): boolean
  close(): Promise<void>
}

/** What a sink stored with a checkpoint, as JSON. */
export type Prepared = Readonly<Record<string, unknown>>

/** Writes changes to the outside. Calls never overlap. */
export interface Sink {
  /** First finishes the commit of `recovered`, what the last complete checkpoint holds, idempotently; drops anything newer that was not committed; then is ready to write. */
  open(recovered: Prepared | undefined): Promise<void>
  /** The batch owns its memory, so it may be kept. */
  write(batch: Batch): Promise<void>
  /** Milliseconds until there is something to commit though nothing new came, such as a file whose time is up; Infinity: none. Asked often. */
  dueInMs?(): number
  /** Every source has ended: nothing is to wait for more rows. A checkpoint follows. */
  sourcesEnded?(): void
  /** Everything written so far is durable and not yet visible; the answer goes into the checkpoint `epoch`. Undefined: nothing was written since the last. */
  prepare(epoch: number): Promise<Prepared | undefined>
  /** Makes it visible. Runs again after a crash (through `open`), so it must be idempotent. */
  commit(prepared: Prepared): Promise<void>
  /** Without a commit: what was not committed never becomes visible. */
  close(): Promise<void>
}

/**
 * Turns records into batches; made by the engine from the DDL, used by a source. Per batch: `begin`, any number of `record`,
 * then `finish`. Text columns may point into the bytes given, so these must stay untouched until the next poll.
 */
export interface RecordDecoder {
  /** Names where the next records come from. May be called again with other bytes of the same partition before `finish`. */
  begin(bytes: Uint8Array, topic: string, partition: string): void
  /**
   * One record, value at bytes[start … end), start −1 for a null value. Key likewise. `timestampMs` −1 when there is none.
   * A record that cannot be decoded adds a bad record, never throws.
   */
  record(start: number, end: number, offset: Int64, timestampMs: number, keyStart: number, keyEnd: number): void
  /**
   * As `record` of each line from `start` on; bytes[start … end) are whole lines, the last with its line end. Passes over empty ones, stops after
   * `rowsMax` rows and bad records, and answers where the next line begins. A record's offset is `base` + its start. Undefined: the source cuts lines.
   */
  readonly lines?: ((start: number, end: number, base: number, rowsMax: number) => number) | undefined
  /** Headers of the record just given; only needed when `wantsHeaders`. */
  headers(headers: readonly RecordHeader[]): void
  /** False lets the source skip parsing headers. */
  readonly wantsHeaders: boolean
  /** A record that the connector itself cannot read, in place of `record`: bytes[start … end) as they came. */
  reject(start: number, end: number, offset: Int64, reason: string): void
  /** Of the connector's `metadata`, what the columns want. Undefined: nothing. */
  readonly wantsMetadata?: readonly string[]
  /** Of the record just given; only for names of `wantsMetadata`. Text, or milliseconds since 1970 for times. */
  metadata?(name: string, value: string | number | null): void
  /** Rows so far in this batch. */
  readonly rowCount: number
  /** How a file of such records is cut: CSV's quoted fields hold line ends. Undefined: at line ends. */
  readonly framing?: Framing
  finish(): { readonly batch: Batch; readonly bad: readonly BadRecord[] }
  /**
   * After `finish`, when records of the batch need something from elsewhere (a schema of an id that is new): gives the batch with all of
   * them. The engine calls it before it takes the batch. Rejects with an EngineError when that cannot be had now, and may be
   * called again.
   */
  readonly complete?: () => Promise<{ readonly batch: Batch; readonly bad: readonly BadRecord[] }>
}

/** `csv`: whoever starts in the middle of a file gives its first record again, which may name the fields. */
export interface Framing {
  readonly mode: 'lines' | 'csv'
  /** The byte between fields. */
  readonly delimiter: number
}

export interface RecordHeader {
  readonly key: string
  readonly value: Uint8Array | null
}

/** Values and keys of encoded rows; row i is bytes[offsets[i] … offsets[i + 1]). Reused by the next encode. */
export interface EncodedRecords {
  readonly count: number
  readonly bytes: Uint8Array
  readonly offsets: Int32Array
  /** 1 where the row is taken back: upsert topics write a null value for it. Undefined: none. */
  readonly deleted: Uint8Array | undefined
  /** Undefined: records without keys. */
  readonly keyBytes: Uint8Array | undefined
  readonly keyOffsets: Int32Array | undefined
  /** When each happened, in milliseconds since 1970; −1 where that is not known. Undefined: the moment of writing. */
  readonly timesMs?: Float64Array
  /** Of each record. Undefined: none. */
  readonly headers?: readonly (readonly RecordHeader[])[]
}

/** Turns rows into records; made by the engine from the DDL, used by a sink. */
export interface RecordEncoder {
  encode(batch: Batch): EncodedRecords
  /** Before the first and after the last record of a file: CSV's header line, say. */
  readonly header?: Uint8Array
  /** What ends a record in a file; topics do not write it. */
  readonly terminator: Uint8Array
  /** Before the first `encode`: agrees with others on how records look (registers a schema). The engine calls it before the sink's `open`. */
  open?(): Promise<void>
}

/** Rows as whole files; made by the engine from the DDL, used by a sink that writes many. */
export interface FileFormat {
  /** What their names end with: `.parquet`, `.json.gz`. */
  readonly extension: string
  create(schema: Schema): FileWriter
}

/** One file under way. */
export interface FileWriter {
  /** Rows so far. */
  readonly rows: number
  /** About what the file and what waits for it take, in memory and in the end. */
  readonly bytes: number
  /** Keeps the batch, which owns its memory, until it is encoded. No weights. */
  write(batch: Batch): Promise<void>
  /** The whole file, one part after another. The writer must not be used afterwards. */
  finish(): Promise<readonly Uint8Array[]>
}

interface Context {
  readonly options: OptionValues
  readonly clock: Clock
  readonly log: Logger
  /** The job's name, stable over restarts: names consumer groups and transactional ids. */
  readonly job: string
  /** Where embedded topics and the program's own files live. */
  readonly dataDir: string
}

export interface SourceContext extends Context {
  /** Decodes nothing where the format has no records. */
  readonly decoder: RecordDecoder
  /** What the decoder's batches have, for formats and connectors that give columns themselves. */
  readonly columns?: readonly Field[]
  /** The format has files only: Parquet. */
  readonly filesOnly?: boolean
  /** Read to the end that is there at open, then answer `end`. */
  readonly bounded: boolean
  /**
   * Names what the other end keeps for this source while it is away: of the data directory, the job and the source in it, the same after a
   * restart and nobody else's. Undefined where no checkpoint is taken, as in reads and subscriptions: `acknowledge` never comes.
   */
  readonly session?: string
}

export interface SinkContext extends Context {
  /** Encodes nothing where the format has no records. */
  readonly encoder: RecordEncoder
  /** Rows as files in the format of the DDL. Throws 22023 for a compression the format does not have; undefined: its usual one. */
  readonly files?: (compression: string | undefined) => FileFormat
  /** The format has files only: Parquet. */
  readonly filesOnly?: boolean
  /** Rows change by key: the last record of a key is its state. */
  readonly upsert?: boolean
  /** Of the rows to come, for options that name columns. */
  readonly schema?: Schema
  /** Of the values, where they are JSON: a system with a registry may be told. */
  readonly jsonSchema?: Schema
  /**
   * Of the data directory: two servers may run jobs of one name on one broker. Goes into names that only one of them may use, such as
   * transactional ids. None where nothing is committed.
   */
  readonly instance?: string
}

/** What the other end itself knows of the records of a topic. */
export interface KnownRecords {
  readonly format: 'json' | 'avro' | 'text'
  /** Of JSON and Avro: their fields, as a schema of Avro. */
  readonly avroSchema?: string
  /** More options that a source of such records needs. */
  readonly options?: Readonly<Record<string, string>>
}

/** A topic as SHOW TOPICS lists it. */
export interface TopicInfo {
  readonly name: string
  /** 1 for a topic without partitions. */
  readonly partitions: number
  /** Bytes stored. */
  readonly bytes?: number
  /** By subscription or group: what it has not read, in the other system's own measure. */
  readonly backlog?: Readonly<Record<string, number>>
}

export interface Connector {
  readonly name: string
  /** One sentence for people. */
  readonly doc: string
  readonly options: readonly Option[]
  source?(context: SourceContext): Source
  sink?(context: SinkContext): Sink
  /** True: its topics have no past and no present end. A SELECT gives rows as they come, until it is cancelled or has enough. */
  readonly endless?: boolean
  /** It has files, so it is one for formats without records: Parquet. Its sinks write them by `SinkContext.files`. */
  readonly files?: boolean
  /** True: a source of it delivers records with keys, null values and changes as upserts need them. */
  readonly keyed?: boolean
  /** What a sink of it writes of `EncodedRecords` besides values and keys: the options `timestamp` and `headers` name columns for it. */
  readonly writes?: readonly ('timestamp' | 'headers')[]
  /** What INCLUDE may name besides what records of every connector have, and its type. */
  readonly metadata?: Readonly<Record<string, 'text' | 'timestamptz'>>
  /** How the records of a topic look, where the other end keeps that. Undefined: it does not know. */
  describe?(context: Omit<SourceContext, 'decoder' | 'bounded' | 'session'>): Promise<KnownRecords | undefined>
  /** Topics there are, by the names that SELECT … FROM connection."…" takes; for SHOW TOPICS FROM. Only connection options are given. */
  topics?(context: Omit<SinkContext, 'encoder' | 'instance'>): Promise<readonly TopicInfo[]>
  /** Deletes a topic by such a name, for DROP TOPIC; throws 42P01 when there is none. Only connection options are given. */
  dropTopic?(context: Omit<SinkContext, 'encoder' | 'instance'>, name: string): Promise<void>
  /** A job that read or wrote with these options is gone for good: lets go of what the other end keeps for it. */
  forget?(context: Omit<SinkContext, 'encoder'>, role: 'source' | 'sink'): Promise<void>
  /** The columns of the files that are there, where a format says them; undefined: there is no file. */
  fileColumns?(context: Omit<SourceContext, 'decoder' | 'bounded' | 'session'>): Promise<readonly Field[] | undefined>
  /** First records of a topic, for columns by sample and for error messages. At most `max`, no waiting for new ones. */
  sample?(context: Omit<SourceContext, 'decoder' | 'bounded' | 'session'>, max: number): Promise<readonly Uint8Array[]>
}
