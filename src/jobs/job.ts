import type { Batch } from '../batch/batch.ts'
import type { BadRecord, Position, Prepared, Sink, Source } from '../connector.ts'
import type { Graph, NodeId } from '../dataflow/graph.ts'
import type { SideOutput, StateSnapshot } from '../dataflow/operator.ts'
import type { SourceNode } from '../dataflow/source-node.ts'

/** What to run, as plain data that crosses threads: `definition` is the engine's and is read by its `BuildJob` only. */
export interface JobSpec {
  /** Qualified name, unique and stable over restarts. */
  readonly name: string
  readonly definition: unknown
  /** A subscription: lives with its reader, is in no checkpoint. */
  readonly ephemeral?: boolean
}

/** Jobs that build on one another: one graph, one thread, one checkpoint, so that a read of several sees the same instant. */
export interface DataflowSpec {
  readonly id: string
  readonly jobs: readonly JobSpec[]
  /** Where to look for state when this dataflow has no checkpoint of its own: the dataflows it was merged from. */
  readonly mergedFrom: readonly string[]
}

/** One source of a job, and where its rows enter the graph. */
export interface JobSource {
  /** Unique within the job, stable over restarts. */
  readonly id: string
  readonly source: Source
  readonly node: SourceNode
  /** Undecodable records go there; the default is tidemark.bad_rows. */
  readonly deadLetters?: (records: readonly BadRecord[]) => Promise<void>
}

/** A job made ready to run: its operators are in the graph, nothing has been opened. */
export interface BuiltJob {
  readonly sources: readonly JobSource[]
  /** The operators of the job, in the order they were added; all are named `<job>/…`. */
  readonly nodes: readonly NodeId[]
  /** Rows for the sink collect here during a tick. */
  readonly output?: { readonly sink: Sink; take(): readonly Batch[] }
  /** Brings a job that starts on running views up to date; `fresh`: with their present contents, as there is no state to go on from. */
  begin(fresh: boolean): void
  /** The job is being removed. */
  end?(): void
}

/** Adds a job's operators to a graph. The engine gives it; jobs/ knows neither plans nor connectors. */
export type BuildJob = (job: JobSpec, graph: Graph, side: SideOutput) => BuiltJob

/** What a checkpoint holds for one job. */
export interface JobSection {
  readonly positions: Readonly<Record<string, Position>>
  readonly watermarks: Readonly<Record<string, StateSnapshot>>
  readonly operators: Readonly<Record<string, StateSnapshot>>
  readonly prepared: Prepared | undefined
  /** Rows put aside so far: replayed rows take the same numbers again, so none is recorded twice. */
  readonly asideCount: number
}

/** `ended`: every bounded source has given everything. */
export type JobState = 'starting' | 'running' | 'paused' | 'failed' | 'ended'

/** What the outside may know of a running job. */
export interface JobStatus {
  readonly job: string
  readonly dataflow: string
  readonly state: JobState
  readonly error?: string
  readonly sqlState?: string
  readonly retryAtMs?: number
  readonly rowsIn: number
  readonly rowsLate: number
  readonly rowsBad: number
  readonly epoch: number
  readonly checkpointMs: number
  readonly stateBytes: number
  readonly sources: readonly SourceStatus[]
}

export interface SourceStatus {
  readonly source: string
  /** Microseconds since 1970; undefined while nothing is known. */
  readonly watermark: number | undefined
  /** Records that nobody sees in the job's answer yet, where that is known. */
  readonly lag: number | undefined
  readonly position: string
}
