import type { Snapshot } from '../../base/snapshot.ts'
import type { Column } from '../../batch/column.ts'

/**
 * One aggregate of many groups at once: arrays indexed by group id. A group that was never updated, or was freed, is empty: it
 * answers what the aggregate says of no rows. NULL arguments are left out as each aggregate defines.
 */
export interface Accumulator {
  /** Makes room for groups below `capacity`. Called before any group at or above the former capacity is used. */
  reserve(capacity: number): void
  /** Row i belongs to groups[i] and counts weights[i] times (once without weights), negative: is taken back. */
  update(groups: Int32Array, rowCount: number, args: readonly Column[], weights: Int32Array | undefined): void
  /** Adds group fromGroups[i] of another accumulator made by the same call to groups[i]; the other stays as it is. */
  merge(groups: Int32Array, from: Accumulator, fromGroups: Int32Array, count: number): void
  /** The values of the groups, as a column that owns its memory. */
  output(groups: Int32Array, count: number): Column
  /** The group is empty again. */
  free(group: number): void
  /** State of groups below `high`. */
  snapshot(high: number): Snapshot
  restore(snapshot: Snapshot, high: number): void
  /** Approximate memory held. */
  bytes(): number
}
