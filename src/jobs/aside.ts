import type { Clock } from '../base/clock.ts'
import { type Batch, rowAt } from '../batch/batch.ts'
import type { Datum } from '../batch/types.ts'
import type { BadRecord } from '../connector.ts'
import type { SideOutput, Watermark } from '../dataflow/operator.ts'

/** A row that took no part in an answer, as tidemark.late_rows and tidemark.bad_rows show it. */
export interface AsideRow {
  readonly kind: 'late' | 'bad'
  readonly job: string
  readonly source: string
  readonly partition: string | undefined
  readonly offset: string | undefined
  readonly reason: string
  /** The record as it came, or the row as JSON; a long one cut short. */
  readonly raw: Uint8Array
  readonly watermark: Watermark | undefined
  readonly seenMs: number
}

/** Where rows put aside are kept, by job and number: writing a number again replaces, so a replay records nothing twice. */
export interface AsideStore {
  put(job: string, rows: readonly { readonly number: number; readonly row: AsideRow }[]): Promise<void>
}

/** Formats one value of a row that is put aside. */
export type FormatRow = (names: readonly string[], row: readonly Datum[], batch: Batch) => string

/** Rows and bytes kept in memory between two flushes; beyond them the older half is only counted, so a topic of nothing but bad rows costs bounded memory. */
const WAITING_ROWS_MAX = 20_000
const WAITING_BYTES_MAX = 8 * 1024 * 1024
/** So many at once are a flood: nobody waits to see each. */
const FLOOD_ROWS_MIN = 500
/** Of one record: its beginning is enough to see what is wrong, and all rows kept of a job stay within some hundred MB of disk. */
const RAW_BYTES_MAX = 16 * 1024

/** Collects what a job's operators and sources put aside, and writes it after ticks. */
export class Aside implements SideOutput {
  /** The source whose rows are in the graph now. */
  source = ''
  lateCount = 0
  badCount = 0
  #job: string
  #store: AsideStore
  #clock: Clock
  #format: FormatRow
  #waiting: { number: number; row: AsideRow }[] = []
  #waitingBytes = 0
  #count = 0
  #nextFlushMs = 0

  constructor(job: string, store: AsideStore, clock: Clock, format: FormatRow) {
    this.#job = job
    this.#store = store
    this.#clock = clock
    this.#format = format
  }

  /** Numbers given out so far; goes into the checkpoint. */
  get count(): number {
    return this.#count
  }

  restore(count: number): void {
    this.#count = count
  }

  late(batch: Batch, rows: Int32Array, count: number, watermark: Watermark): void {
    this.lateCount += count
    for (let i = 0; i < count; i++) this.#row(batch, rows[i], 'late', 'its window had closed', watermark)
  }

  bad(batch: Batch, row: number, reason: string): void {
    this.badCount++
    this.#row(batch, row, 'bad', reason, undefined)
  }

  /** Records a source could not decode. */
  records(records: readonly BadRecord[], keep: boolean): void {
    this.badCount += records.length
    if (!keep) return
    for (const { partition, offset, reason, raw } of records) {
      this.#add({ kind: 'bad', partition, offset: String(offset), reason, raw, watermark: undefined })
    }
  }

  /** When what waits may be written, monotonic; Infinity when nothing does. */
  get dueMs(): number {
    return this.#waiting.length > 0 ? this.#nextFlushMs : Number.POSITIVE_INFINITY
  }

  /** Writes what waits: at once while there is little, in a flood so seldom that writing takes a tenth of the time. */
  async flushWhenDue(): Promise<void> {
    if (this.#clock.monotonicMs() >= this.dueMs) await this.flush()
  }

  /** Writes what waits: before a checkpoint, so that none is missed after a crash. */
  async flush(): Promise<void> {
    if (this.#waiting.length === 0) return
    const rows = this.#waiting
    this.forget()
    const startMs = this.#clock.monotonicMs()
    await this.#store.put(this.#job, rows)
    const endMs = this.#clock.monotonicMs()
    if (rows.length > FLOOD_ROWS_MIN) this.#nextFlushMs = endMs + 9 * (endMs - startMs)
  }

  /** Leaves what waits unwritten: of a subscription, which no name outlives. */
  forget(): void {
    this.#waiting = []
    this.#waitingBytes = 0
  }

  #row(batch: Batch, row: number, kind: 'late' | 'bad', reason: string, watermark: Watermark | undefined): void {
    const names = batch.schema.fields.map(f => f.name)
    const text = this.#format(names, rowAt(batch, row), batch)
    const raw = new TextEncoder().encode(text)
    this.#add({ kind, partition: undefined, offset: undefined, reason, raw, watermark })
  }

  #add(row: Omit<AsideRow, 'job' | 'source' | 'seenMs'>): void {
    const number = this.#count++
    const raw = row.raw.slice(0, RAW_BYTES_MAX)
    this.#waitingBytes += raw.length
    const whole: AsideRow = { ...row, raw, job: this.#job, source: this.source, seenMs: this.#clock.nowMs() }
    this.#waiting.push({ number, row: whole })
    if (this.#waiting.length <= WAITING_ROWS_MAX && this.#waitingBytes <= WAITING_BYTES_MAX) return
    for (const gone of this.#waiting.splice(0, Math.ceil(this.#waiting.length / 2))) {
      this.#waitingBytes -= gone.row.raw.length
    }
  }
}
