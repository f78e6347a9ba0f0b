import { growInt32, grownCapacity } from '../base/grow.ts'
import { type Snapshot, snapshotField } from '../base/snapshot.ts'

/** The stretch of time between two window bounds: groups of one pane belong to the same windows. */
export interface Pane {
  readonly start: number
  /** Group + 1 by entity; 0 where the entity has no rows here. Grows as entities come. */
  groups: Int32Array<ArrayBuffer>
  /** Entities with rows here, in order of their first row. */
  members: Int32Array<ArrayBuffer>
  memberCount: number
}

/** Panes by their start. */
export class Panes {
  #panes = new Map<number, Pane>()

  get size(): number {
    return this.#panes.size
  }

  /** The pane that starts there; made when there is none. */
  at(start: number): Pane {
    const known = this.#panes.get(start)
    if (known) return known
    const pane = { start, groups: new Int32Array(16), members: new Int32Array(16), memberCount: 0 }
    this.#panes.set(start, pane)
    return pane
  }

  find(start: number): Pane | undefined {
    return this.#panes.get(start)
  }

  remove(start: number): void {
    this.#panes.delete(start)
  }

  /** The earliest start; Infinity when there is none. */
  earliest(): number {
    let earliest = Number.POSITIVE_INFINITY
    for (const start of this.#panes.keys()) if (start < earliest) earliest = start
    return earliest
  }

  bytes(): number {
    let sum = 0
    for (const pane of this.#panes.values()) sum += 8 * pane.memberCount + 64
    return sum
  }

  snapshot(): Snapshot[] {
    return [...this.#panes.values()].map(({ start, groups, members, memberCount }) => {
      const entities = members.slice(0, memberCount)
      return { start, entities, groups: entities.map(entity => groups[entity]) }
    })
  }

  restore(snapshots: readonly Snapshot[]): void {
    this.#panes.clear()
    for (const snapshot of snapshots) {
      const pane = this.at(snapshotField.number(snapshot, 'start'))
      const groups = snapshotField.int32(snapshot, 'groups')
      snapshotField.int32(snapshot, 'entities').forEach((entity, i) => {
        addMember(pane, entity, groups[i] - 1)
      })
    }
  }
}

/** The entity has rows in the pane from now on, kept in this group. */
export function addMember(pane: Pane, entity: number, group: number): void {
  if (entity >= pane.groups.length) pane.groups = growInt32(pane.groups, grownCapacity(pane.groups.length, entity + 1))
  if (pane.memberCount === pane.members.length) {
    pane.members = growInt32(pane.members, grownCapacity(pane.memberCount, pane.memberCount + 1))
  }
  pane.groups[entity] = group + 1
  pane.members[pane.memberCount++] = entity
}
