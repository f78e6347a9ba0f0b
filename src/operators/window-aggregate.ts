import { assert } from '../base/assert.ts'
import { growBytes, growInt32, grownCapacity } from '../base/grow.ts'
import { snapshotField } from '../base/snapshot.ts'
import { type Batch, createBatch } from '../batch/batch.ts'
import { type Column, expectStorage, int64AsNumber, setInt64 } from '../batch/column.ts'
import type { Schema } from '../batch/types.ts'
import type { Emit, Operator, SideOutput, StateSnapshot, Watermark } from '../dataflow/operator.ts'
import { AggregateSet } from '../expr/aggregate/set.ts'
import type { AggregateCall, Expr } from '../expr/expr.ts'
import { someExpr } from '../expr/walk.ts'
import { IdPool } from '../state/id-pool.ts'
import { KeyTable } from '../state/key-table.ts'
import { type Compile, type Evaluate, evaluateRows } from './evaluate.ts'
import { endAfter, gridMicros, type Hopping, inOpenWindows, lastEnd, paneMicros } from './hop-windows.ts'
import { addMember, type Pane, Panes } from './panes.ts'
import { withWindowTimes } from './window-times.ts'

export interface WindowAggregateOptions extends Hopping {
  /** Keys, then aggregates. */
  readonly schema: Schema
  /** Columns the input has: `keys` name window_start and window_end as the two columns behind them. */
  readonly inputWidth: number
  /** Index of the time column in the input. */
  readonly time: number
  readonly keys: readonly Expr[]
  readonly aggregates: readonly AggregateCall[]
  /** For the input's schema. */
  readonly compile: Compile
  readonly side: SideOutput | undefined
}

const EMIT_ROWS_MAX = 8192

/**
 * GROUP BY over hopping or tumbling windows, each answered once when it has closed. Time is cut into panes of gcd(size, slide); a row is accumulated
 * once, in its pane, and a window merges its panes when it closes, instead of every row going into size / slide windows. The input only
 * adds rows. A row is late when the first window it is in has closed; it still counts in those that are open, and is reported once.
 */
export class WindowAggregate implements Operator {
  readonly schema: Schema
  readonly gridMicros: number
  readonly #options: WindowAggregateOptions
  readonly #evaluate: Evaluate
  readonly #paneMicros: number
  /** The keys besides the window: an entity. Entity ids index `#windows` and the panes' groups. */
  readonly #entities: KeyTable
  readonly #entityKeys: readonly Expr[]
  /** Panes an entity has rows in. */
  #entityPanes = new Int32Array(16)
  readonly #panes = new Panes()
  readonly #groups = new IdPool(0)
  readonly #accumulated: AggregateSet
  /** The window that closes just now, by entity; empty otherwise. */
  readonly #windows: AggregateSet
  #inWindow = new Uint8Array(16)
  /** Windows that end at or before it have closed. */
  #closed: Watermark = Number.NEGATIVE_INFINITY

  constructor(options: WindowAggregateOptions) {
    assert(canUsePanes(options), 'aggregates over the window itself cannot use panes')
    this.schema = options.schema
    this.#options = options
    this.gridMicros = gridMicros(options)
    this.#entityKeys = options.keys.filter(key => !isWindowColumn(key, options.inputWidth))
    this.#accumulated = new AggregateSet(options.aggregates, false)
    this.#windows = new AggregateSet(options.aggregates, false)
    this.#evaluate = options.compile([...this.#entityKeys, ...this.#accumulated.inputs])
    this.#entities = new KeyTable(this.#entityKeys.map(key => key.type))
    this.#paneMicros = paneMicros(options)
  }

  onBatch(input: Batch): void {
    const { time, side } = this.#options
    const known = evaluateRows(this.#evaluate, withWindowTimes(input, time, side), side)
    const { batch, columns } = inOpenWindows(this.#options, known.batch, known.columns, time, this.#closed, side)
    if (batch.rowCount === 0) return
    const entities = this.#entities.assign(columns.slice(0, this.#entityKeys.length), batch.rowCount)
    this.#reserveEntities(this.#entities.high)
    const { words } = expectStorage(batch.columns[time], 'int64')
    const groups = this.#groupsOf(entities, words, batch.rowCount)
    this.#accumulated.update(groups, batch.rowCount, columns.slice(this.#entityKeys.length), undefined)
  }

  onWatermark(watermark: Watermark, emit: Emit): void {
    const { sizeMicros } = this.#options
    while (this.#panes.size > 0) {
      // Windows without rows are never walked through: the next that matters has the earliest pane in it.
      const earliest = this.#panes.earliest()
      const end = Math.max(endAfter(this.#options, this.#closed), endAfter(this.#options, earliest))
      if (end > watermark) break
      this.#emitWindow(end - sizeMicros, end, emit)
      this.#closed = end
      this.#freePanes(earliest)
    }
    this.#closed = Math.max(this.#closed, watermark)
  }

  onEnd(emit: Emit): void {
    this.onWatermark(Number.POSITIVE_INFINITY, emit)
  }

  snapshot(): StateSnapshot {
    return {
      closed: this.#closed,
      entities: this.#entities.snapshot(),
      panes: this.#panes.snapshot(),
      groups: this.#groups.snapshot(),
      accumulated: this.#accumulated.snapshot(this.#groups.high),
    }
  }

  restore(snapshot: StateSnapshot): void {
    this.#closed = snapshotField.number(snapshot, 'closed')
    this.#entities.restore(snapshotField.nested(snapshot, 'entities'))
    this.#reserveEntities(this.#entities.high)
    const panes = snapshotField.nestedArray(snapshot, 'panes')
    this.#panes.restore(panes)
    for (const pane of panes) for (const entity of snapshotField.int32(pane, 'entities')) this.#entityPanes[entity]++
    this.#groups.restore(snapshotField.nested(snapshot, 'groups'))
    this.#accumulated.restore(snapshotField.nested(snapshot, 'accumulated'), this.#groups.high)
  }

  stateBytes(): number {
    const { high } = this.#entities
    const aggregates = this.#accumulated.bytes(this.#groups.high) + this.#windows.bytes(high)
    return this.#entities.bytes() + 5 * high + this.#panes.bytes() + this.#groups.bytes() + aggregates
  }

  /** The group of every row, by its entity and pane. Overwrites `entities` with the groups. */
  #groupsOf(entities: Int32Array, words: Int32Array, rowCount: number): Int32Array {
    const { offsetMicros } = this.#options
    const width = this.#paneMicros
    let pane: Pane | undefined
    for (let i = 0; i < rowCount; i++) {
      const time = int64AsNumber(words, i)
      if (!pane || time < pane.start || time >= pane.start + width) {
        pane = this.#panes.at(Math.floor((time - offsetMicros) / width) * width + offsetMicros)
      }
      const entity = entities[i]
      const group = entity < pane.groups.length ? pane.groups[entity] : 0
      entities[i] = group > 0 ? group - 1 : this.#addGroup(pane, entity)
    }
    this.#accumulated.reserve(this.#groups.high)
    return entities
  }

  #addGroup(pane: Pane, entity: number): number {
    const group = this.#groups.take()
    this.#groups.retain(group)
    addMember(pane, entity, group)
    this.#entityPanes[entity]++
    return group
  }

  #emitWindow(start: number, end: number, emit: Emit): void {
    const entities = this.#mergePanes(start, end)
    for (let from = 0; from < entities.length; from += EMIT_ROWS_MAX) {
      const part = entities.subarray(from, from + EMIT_ROWS_MAX)
      const keys = this.#entities.keys(part, part.length)
      const bounds = [constantTime(start, part.length), constantTime(end, part.length)]
      const { inputWidth } = this.#options
      const columns = this.#options.keys.map(key => {
        if (key.kind === 'column' && key.index >= inputWidth) return bounds[key.index - inputWidth]
        return keys[this.#entityKeys.indexOf(key)]
      })
      emit(createBatch(this.schema, part.length, [...columns, ...this.#windows.output(part, part.length)]))
    }
    for (const entity of entities) this.#windows.free(entity)
  }

  /** Gathers the window's panes in `#windows`; answers the entities that have rows in it. */
  #mergePanes(start: number, end: number): Int32Array {
    this.#windows.reserve(this.#entities.high)
    const entities = new Int32Array(this.#entities.high)
    let count = 0
    for (let at = start; at < end; at += this.#paneMicros) {
      const pane = this.#panes.find(at)
      if (!pane) continue
      const members = pane.members.subarray(0, pane.memberCount)
      const groups = new Int32Array(members.length)
      for (let i = 0; i < members.length; i++) {
        const entity = members[i]
        groups[i] = pane.groups[entity] - 1
        if (this.#inWindow[entity] !== 0) continue
        this.#inWindow[entity] = 1
        entities[count++] = entity
      }
      this.#windows.merge(members, this.#accumulated, groups, members.length)
    }
    const found = entities.subarray(0, count)
    for (const entity of found) this.#inWindow[entity] = 0
    return found
  }

  /** Panes from `earliest` on whose last window has closed. */
  #freePanes(earliest: number): void {
    for (
      let start = earliest;
      lastEnd(this.#options, start) <= this.#closed && start < this.#closed;
      start += this.#paneMicros
    ) {
      const pane = this.#panes.find(start)
      if (!pane) continue
      this.#panes.remove(start)
      for (let i = 0; i < pane.memberCount; i++) {
        const entity = pane.members[i]
        const group = pane.groups[entity] - 1
        this.#accumulated.free(group)
        this.#groups.release(group)
        if (--this.#entityPanes[entity] === 0) this.#entities.free(entity)
      }
    }
  }

  #reserveEntities(high: number): void {
    if (this.#entityPanes.length >= high) return
    const capacity = grownCapacity(this.#entityPanes.length, high)
    this.#entityPanes = growInt32(this.#entityPanes, capacity)
    this.#inWindow = growBytes(this.#inWindow, capacity)
  }
}

/** Whether groups are of one window each, and nothing but plain keys looks at its bounds: else rows must be repeated by `Hop` first. */
export function canUsePanes({
  keys,
  aggregates,
  inputWidth,
}: Pick<WindowAggregateOptions, 'keys' | 'aggregates' | 'inputWidth'>): boolean {
  const others = keys.filter(key => !isWindowColumn(key, inputWidth))
  const inputs = new AggregateSet(aggregates, false).inputs
  return (
    others.length < keys.length &&
    [...others, ...inputs].every(expr => !someExpr(expr, part => isWindowColumn(part, inputWidth)))
  )
}

/** window_start or window_end. */
export function isWindowColumn(expr: Expr, inputWidth: number): boolean {
  return expr.kind === 'column' && expr.index >= inputWidth
}

function constantTime(value: number, count: number): Column {
  const words = new Int32Array(2 * count)
  for (let i = 0; i < count; i++) setInt64(words, i, value)
  return { storage: 'int64', words, valid: undefined }
}
