import type { Batch } from '../batch/batch.ts'
import type { KeyMatch } from './key-columns.ts'
import type { KeyTable } from './key-table.ts'
import { CONTENTS_ROWS_MAX, type RowReader } from './row-store.ts'

/** Groups looked at in one go, found or not: less than a millisecond. */
const LOOKED_AT_MAX = 1 << 18

/**
 * The groups of a key table as rows of one instant, while the table goes on changing: copy on write. Whoever changes groups gives
 * them to `keep` of every open reader first, and what has not been read yet is read then and there. So an instant costs nothing to
 * take, and in the end at most one copy of the rows that changed while they were read.
 */
export class InstantReader implements RowReader {
  readonly #table: KeyTable
  readonly #matches: readonly KeyMatch[]
  readonly #rowsOf: (groups: Int32Array) => Batch
  readonly #open: Set<InstantReader>
  readonly #high: number
  /** 1 where no row of the instant is left to be read: there was none, or it is in `#kept` or gone to the reader from there. */
  readonly #settled: Uint8Array
  /** Groups below it have been read. */
  #at = 0
  #kept: Batch[] = []

  /** `rowsOf` makes rows of groups, as they are now. The reader is in `open` until it is closed. */
  constructor(options: {
    readonly table: KeyTable
    readonly matches: readonly KeyMatch[]
    readonly rowsOf: (groups: Int32Array) => Batch
    readonly open: Set<InstantReader>
  }) {
    this.#table = options.table
    this.#matches = options.matches
    this.#rowsOf = options.rowsOf
    this.#open = options.open
    this.#high = options.table.high
    this.#settled = options.table.freeFlags()
    this.#open.add(this)
  }

  next(): Batch | undefined {
    const kept = this.#kept.shift()
    if (kept) return kept
    if (this.#at >= this.#high) return undefined
    const groups = new Int32Array(CONTENTS_ROWS_MAX)
    const end = Math.min(this.#high, this.#at + LOOKED_AT_MAX)
    let count = 0
    let group = this.#at
    for (; group < end && count < groups.length; group++) if (this.#isWanted(group)) groups[count++] = group
    this.#at = group
    return this.#rowsOf(groups.subarray(0, count))
  }

  /** These groups, some perhaps twice, are about to change or to go. */
  keep(groups: Int32Array): void {
    const wanted = groups.filter(group => {
      if (group < this.#at || group >= this.#high || !this.#isWanted(group)) return false
      this.#settled[group] = 1
      return true
    })
    if (wanted.length > 0) this.#kept.push(this.#rowsOf(wanted))
  }

  close(): void {
    this.#open.delete(this)
    this.#at = this.#high
    this.#kept = []
  }

  #isWanted(group: number): boolean {
    if (this.#settled[group] !== 0) return false
    for (const match of this.#matches) if (!this.#table.matches(group, match)) return false
    return true
  }
}
