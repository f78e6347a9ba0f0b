import type { Batch } from '../batch/batch.ts'
import type { Schema } from '../batch/types.ts'

/** Event time up to which everything is known, microseconds since 1970 UTC: no row at or before it is awaited. −Infinity: nothing known. */
export type Watermark = number

/** Hands a batch to whatever follows; runs it to completion before returning. */
export type Emit = (batch: Batch) => void

/**
 * An operator's state as structured data (typed arrays, strings, numbers, plain objects): what `structuredClone` and
 * `v8.serialize` take. It may share memory with the operator: whoever keeps it past the current tick copies or writes it first.
 */
export type StateSnapshot = Readonly<Record<string, unknown>>

/**
 * One step of a dataflow. Synchronous: nobody sees it halfway through a batch. The runtime merges the watermarks of several
 * inputs, takes checkpoints between ticks, when no batch is under way, and forwards watermarks after `onWatermark` returned.
 */
export interface Operator {
  /** Of what it emits. */
  readonly schema: Schema
  /** All windows it makes begin and end at multiples of this time since 1970. Undefined: it makes none. */
  readonly gridMicros?: number
  /** Rows it puts out may be this much behind the watermark it was told: what follows is told one that much behind. Undefined: 0. */
  readonly watermarkDelayMicros?: number
  /** True: further rows would change nothing of what it emits, so a bounded read may end its inputs. */
  readonly full?: boolean
  /** Once, before anything else, in a dataflow that starts without a snapshot: what the operator says of no rows at all. */
  onStart?(emit: Emit): void
  onBatch(batch: Batch, input: number, emit: Emit): void
  /** The merged watermark of all inputs has advanced to `watermark`. */
  onWatermark?(watermark: Watermark, emit: Emit): void
  /** Every input of a bounded dataflow has ended; emits what is left (a sort, a global aggregate). */
  onEnd?(emit: Emit): void
  snapshot?(): StateSnapshot
  /** Before the first batch. Throws when the snapshot is not of this operator. */
  restore?(snapshot: StateSnapshot): void
  /** Approximate memory held, for metrics and limits. */
  stateBytes?(): number
}

/** Where operators report rows they cannot use; a job writes them to tidemark.late_rows and tidemark.bad_rows. */
export interface SideOutput {
  /** Rows of `batch` whose window had closed at `watermark`. */
  late(batch: Batch, rows: Int32Array, count: number, watermark: Watermark): void
  /** A row an expression failed on (division by zero, bad cast). */
  bad(batch: Batch, row: number, reason: string): void
}
