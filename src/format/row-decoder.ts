import { type Batch, createBatch } from '../batch/batch.ts'
import { encodeUtf8 } from '../batch/column.ts'
import { canonicalJson } from '../batch/jsonb.ts'
import type { Int64, Schema } from '../batch/types.ts'
import type { BadRecord, Framing, RecordDecoder, RecordHeader } from '../connector.ts'
import type { Arena } from './arena.ts'
import { endOfLine, type LineCursor, withoutReturn } from './lines.ts'
import type { Slot } from './slot.ts'
import type { TextReader } from './text-reader.ts'
import { textFault } from './utf8.ts'

/** What an INCLUDE column is filled with. */
export type Metadata = 'key' | 'partition' | 'offset' | 'timestamp' | 'headers' | 'topic' | 'deleted' | OwnMetadata
/** What only some connectors know of a record. */
export type OwnMetadata = (typeof OWN_METADATA)[number]
export const OWN_METADATA = ['message_id', 'publish_time', 'event_time', 'producer_name'] as const

/** `none`: no row, and nothing wrong (a header, an empty line). `wait`: it cannot be said before `fetch` was called. */
export type Verdict = 'row' | 'bad' | 'none' | 'wait'

/** Turns one record's value into a row of the value columns. */
export interface ValueReader {
  /** Unless the verdict is `row`, what it has set in the row does not matter. */
  read(bytes: Uint8Array, start: number, end: number, row: number): Verdict
  /**
   * The lines from the cursor to `end`, the last with its line end, into rows from the cursor's on, passing over empty ones: until `rowMax`, or
   * before a line that is bad.
   */
  lines?(bytes: Uint8Array, end: number, rowMax: number, cursor: LineCursor): void
  /** The records that follow are of this partition. */
  partition?(name: string): void
  /** Why the last record was bad. */
  readonly reason: string
  /** Gets what the last verdict `wait` was for; reading the same record again gives another one. Throws EngineError when it cannot be had now. */
  fetch?(): Promise<void>
}

/** A record that waits, with bytes of its own. */
interface WaitingRecord {
  readonly topic: string
  readonly partition: string
  /** Value, then key. */
  readonly bytes: Uint8Array
  /** −1: no value, no key. */
  readonly valueLength: number
  readonly keyLength: number
  readonly offset: Int64
  readonly timestampMs: number
  headers: readonly RecordHeader[]
}

/** A column that does not come from the record's value. */
export interface MetadataSlot {
  readonly slot: Slot
  readonly metadata: Metadata
}

const RAW_MAX = 65536
const CAPACITY_MIN = 256
const NO_BYTES = new Uint8Array(0)

/**
 * The RecordDecoder of every format: rows, metadata columns, bad records and who owns the text. Batches share the decoder's memory:
 * they are good until the next `begin`. A null value gives a row whose value columns are NULL: a deletion, where there is a key.
 */
export class RowDecoder implements RecordDecoder {
  readonly wantsHeaders: boolean
  readonly wantsMetadata: readonly string[] | undefined
  readonly framing: Framing | undefined
  readonly lines: RecordDecoder['lines']
  readonly #schema: Schema
  readonly #slots: readonly Slot[]
  readonly #valueSlots: readonly Slot[]
  readonly #textSlots: readonly Slot[]
  readonly #metadata: readonly MetadataSlot[]
  readonly #reader: ValueReader
  readonly #keyReader: ValueReader | undefined
  readonly #texts: TextReader
  readonly #arena: Arena
  readonly #cursor: LineCursor = { at: 0, row: 0 }
  #rows = 0
  #capacity = 0
  #given: Uint8Array = NO_BYTES
  /** What was given, as a plain array: code that also meets Buffers is slower, and their `slice` does not copy. */
  #bytes: Uint8Array = NO_BYTES
  #topic = ''
  #partition = ''
  #bad: BadRecord[] = []
  /** Rows before this one have their text in the arena; so has any with a start below zero. */
  #settled = 0
  #finished = false
  /** The row of the record given last; −1 when it made none. */
  #made = -1
  /** Records since the first that waits, in order. */
  #waiting: WaitingRecord[] = []

  constructor(parts: {
    readonly slots: readonly Slot[]
    readonly metadata: readonly MetadataSlot[]
    readonly reader: ValueReader
    /** Sets columns from the record's key, where it has one. */
    readonly keyReader?: ValueReader
    readonly texts: TextReader
    readonly arena: Arena
    readonly framing?: Framing
  }) {
    const { slots, metadata } = parts
    this.#slots = slots
    this.#metadata = metadata
    this.#reader = parts.reader
    this.#keyReader = parts.keyReader
    this.#texts = parts.texts
    this.#arena = parts.arena
    this.framing = parts.framing
    this.#valueSlots = slots.filter(s => !metadata.some(m => m.slot === s))
    this.#textSlots = slots.filter(s => s.storage === 'utf8')
    this.#schema = { fields: slots.map(s => ({ name: s.name, type: s.type })) }
    this.wantsHeaders = metadata.some(m => m.metadata === 'headers')
    const own = metadata.map(m => m.metadata).filter(isOwn)
    this.wantsMetadata = own.length === 0 ? undefined : own
    this.#grow(CAPACITY_MIN)
    const { reader } = parts
    const readLines = reader.lines?.bind(reader)
    if (readLines && metadata.length === 0) {
      this.lines = (start, end, base, rowsMax) => this.#lines(readLines, start, end, base, rowsMax)
    }
  }

  get rowCount(): number {
    return this.#finished ? 0 : this.#rows + this.#waiting.length
  }

  begin(bytes: Uint8Array, topic: string, partition: string): void {
    if (this.#finished) this.#clear()
    if (bytes !== this.#given) {
      if (this.#rows > this.#settled) this.#settle()
      this.#given = bytes
      this.#bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
    }
    if (partition !== this.#partition || topic !== this.#topic) this.#reader.partition?.(`${topic}/${partition}`)
    this.#topic = topic
    this.#partition = partition
  }

  record(start: number, end: number, offset: Int64, timestampMs: number, keyStart: number, keyEnd: number): void {
    if (this.#finished) this.#clear()
    const row = this.#rows
    this.#made = -1
    if (this.#waiting.length > 0) {
      this.#wait(start, end, offset, timestampMs, keyStart, keyEnd)
      return
    }
    if (row === this.#capacity) this.#grow(2 * row)
    if (start < 0) for (const slot of this.#valueSlots) slot.setNull(row)
    else {
      const verdict = this.#reader.read(this.#bytes, start, end, row)
      if (verdict === 'bad') this.#reject(start, end, offset, this.#reader.reason)
      if (verdict === 'wait') this.#wait(start, end, offset, timestampMs, keyStart, keyEnd)
      if (verdict !== 'row') return
    }
    if (this.#keyReader && keyStart >= 0 && this.#keyReader.read(this.#bytes, keyStart, keyEnd, row) === 'bad') {
      this.#reject(start, end, offset, this.#keyReader.reason)
      return
    }
    if (this.#metadata.length > 0) {
      for (const { slot, metadata } of this.#metadata) if (metadata === 'deleted') slot.setBool(row, start < 0)
      const reason = this.#setMetadata(row, offset, timestampMs, keyStart, keyEnd)
      if (reason !== undefined) {
        this.#reject(start, end, offset, reason)
        return
      }
    }
    this.#made = row
    this.#rows = row + 1
  }

  #lines(
    readLines: NonNullable<ValueReader['lines']>,
    start: number,
    end: number,
    base: number,
    rowsMax: number,
  ): number {
    if (this.#finished) this.#clear()
    const bytes = this.#bytes
    const cursor = this.#cursor
    cursor.at = start
    for (let left = rowsMax; cursor.at < end && left > 0; ) {
      const first = this.#rows
      if (first === this.#capacity) this.#grow(2 * first)
      cursor.row = first
      readLines(bytes, end, Math.min(this.#capacity, first + left), cursor)
      this.#rows = cursor.row
      left -= cursor.row - first
      if (cursor.at === end || left === 0 || cursor.row === this.#capacity) continue
      const lineEnd = endOfLine(bytes, cursor.at, end)
      this.#reject(cursor.at, withoutReturn(bytes, cursor.at, lineEnd), base + cursor.at, this.#reader.reason)
      cursor.at = lineEnd + 1
      left--
    }
    return cursor.at
  }

  headers(headers: readonly RecordHeader[]): void {
    const waiting = this.#waiting.at(-1)
    if (waiting !== undefined) {
      waiting.headers = headers
      return
    }
    const row = this.#made
    if (row < 0) return
    for (const { slot, metadata } of this.#metadata) if (metadata === 'headers') this.#setHeaders(slot, row, headers)
  }

  metadata(name: string, value: string | number | null): void {
    const row = this.#made
    if (row < 0) return
    for (const { slot, metadata } of this.#metadata) {
      if (metadata !== name) continue
      if (typeof value === 'string') this.#setOwnText(slot, row, value)
      else if (value === null || slot.storage !== 'int64') slot.setNull(row)
      else slot.setInt64(row, value * 1000)
    }
  }

  reject(start: number, end: number, offset: Int64, reason: string): void {
    if (this.#finished) this.#clear()
    if (this.#rows === this.#capacity) this.#grow(2 * this.#rows)
    this.#made = -1
    this.#reject(start, end, offset, reason)
  }

  finish(): { readonly batch: Batch; readonly bad: readonly BadRecord[] } {
    // After the first settling everything goes to the arena: a column has one buffer.
    const settle = this.#settled > 0 || (this.#arena.end > 0 && this.#textSlots.some(s => this.#hasArenaText(s)))
    if (settle) this.#settle()
    const bytes = settle ? this.#arena.bytes : this.#bytes
    const batch = createBatch(
      this.#schema,
      this.#rows,
      this.#slots.map(s => s.column(bytes)),
    )
    const bad = this.#bad
    this.#finished = true
    return { batch, bad }
  }

  get complete(): RecordDecoder['complete'] {
    return this.#waiting.length === 0 ? undefined : () => this.#complete()
  }

  async #complete(): Promise<{ readonly batch: Batch; readonly bad: readonly BadRecord[] }> {
    while (this.#waiting.length > 0) {
      await this.#reader.fetch?.()
      const waiting = this.#waiting
      this.#waiting = []
      this.#finished = false
      for (const each of waiting) {
        const { bytes, valueLength, keyLength } = each
        const keyStart = Math.max(valueLength, 0)
        this.begin(bytes, each.topic, each.partition)
        this.record(
          valueLength < 0 ? -1 : 0,
          valueLength,
          each.offset,
          each.timestampMs,
          keyLength < 0 ? -1 : keyStart,
          keyStart + keyLength,
        )
        this.headers(each.headers)
      }
    }
    return this.finish()
  }

  #wait(start: number, end: number, offset: Int64, timestampMs: number, keyStart: number, keyEnd: number): void {
    const valueLength = start < 0 ? -1 : end - start
    const keyLength = keyStart < 0 ? -1 : keyEnd - keyStart
    const bytes = new Uint8Array(Math.max(valueLength, 0) + Math.max(keyLength, 0))
    if (valueLength > 0) bytes.set(this.#bytes.subarray(start, end))
    if (keyLength > 0) bytes.set(this.#bytes.subarray(keyStart, keyEnd), Math.max(valueLength, 0))
    const { topic, partition } = { topic: this.#topic, partition: this.#partition }
    this.#waiting.push({ topic, partition, bytes, valueLength, keyLength, offset, timestampMs, headers: [] })
  }

  #hasArenaText(slot: Slot): boolean {
    for (let row = this.#settled; row < this.#rows; row++) if (slot.starts[row] < 0) return true
    return false
  }

  #clear(): void {
    for (const slot of this.#slots) slot.clear()
    this.#rows = this.#settled = this.#arena.end = 0
    this.#bad = []
    this.#waiting = []
    this.#finished = false
  }

  /** Brings the text of all rows since the last settling into the arena. */
  #settle(): void {
    for (const slot of this.#textSlots) {
      const { starts, ends, valid } = slot
      for (let row = this.#settled; row < this.#rows; row++) {
        if (starts[row] < 0) starts[row] = ~starts[row]
        else if (valid[row] === 1) {
          starts[row] = this.#arena.copy(this.#bytes, starts[row], ends[row])
          ends[row] = this.#arena.end
        }
      }
    }
    this.#settled = this.#rows
  }

  #grow(capacity: number): void {
    this.#capacity = capacity
    for (const slot of this.#slots) slot.resize(capacity)
  }

  #reject(start: number, end: number, offset: Int64, reason: string): void {
    const row = this.#rows
    for (const slot of this.#slots) if (slot.storage !== 'boxed') slot.valid[row] = 1
    const raw = start < 0 ? NO_BYTES : this.#bytes.slice(start, Math.min(end, start + RAW_MAX))
    this.#bad.push({ partition: this.#partition, offset, reason, raw })
  }

  #setMetadata(row: number, offset: Int64, timestampMs: number, keyStart: number, keyEnd: number): string | undefined {
    for (const { slot, metadata } of this.#metadata) {
      if (metadata === 'timestamp') {
        if (timestampMs < 0) slot.setNull(row)
        else if (slot.storage === 'int64') slot.setInt64(row, timestampMs * (slot.type.kind === 'bigint' ? 1 : 1000))
      } else if (metadata === 'deleted') continue
      else if (metadata === 'offset') slot.setInt64(row, offset)
      else if (metadata === 'topic') this.#setOwnText(slot, row, this.#topic)
      else if (metadata === 'headers' || isOwn(metadata)) slot.setNull(row)
      else if (metadata === 'partition') {
        if (slot.storage === 'int32') slot.setInt32(row, Number(this.#partition))
        else this.#setOwnText(slot, row, this.#partition)
      } else if (keyStart < 0) slot.setNull(row)
      else {
        const fault = slot.type.kind === 'bytea' ? undefined : textFault(this.#bytes, keyStart, keyEnd)
        if (fault !== undefined) return `key: ${fault}`
        if (slot.type.kind === 'bytea') slot.setText(row, keyStart, keyEnd)
        else if (!this.#texts.set(slot, row, this.#bytes, keyStart, keyEnd, false)) return this.#texts.reason
      }
    }
    return undefined
  }

  #setOwnText(slot: Slot, row: number, text: string): void {
    const bytes = encodeUtf8(text)
    const at = this.#arena.copy(bytes, 0, bytes.length)
    slot.setText(row, ~at, this.#arena.end)
  }

  /** As map(text, bytea or text) or jsonb (the last of equal keys), by the column's type. */
  #setHeaders(slot: Slot, row: number, headers: readonly RecordHeader[]): void {
    if (slot.storage === 'boxed') {
      const asText = slot.type.kind === 'map' && slot.type.value.kind !== 'bytea'
      slot.boxed[row] = headers.map(h => [h.key, h.value && (asText ? headerText(h.value) : h.value.slice())])
    } else {
      const values = Object.fromEntries(headers.map(h => [h.key, h.value && headerText(h.value)]))
      this.#setOwnText(slot, row, canonicalJson(JSON.stringify(values)) ?? '{}')
    }
  }
}

function isOwn(metadata: Metadata): metadata is OwnMetadata {
  return OWN_METADATA.some(own => own === metadata)
}

/** Bytes that are no text are shown in Postgres' hex form. */
function headerText(bytes: Uint8Array): string {
  const fault = textFault(bytes, 0, bytes.length)
  return fault === undefined ? Buffer.from(bytes).toString() : `\\x${Buffer.from(bytes).toString('hex')}`
}
