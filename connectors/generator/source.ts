import { assert } from '../../src/base/assert.ts'
import type { Polled, Position, Source, SourceContext } from '../../src/connector.ts'
import { ByteWriter } from '../../src/format/byte-writer.ts'
import { Fleet, KEY_START } from './fleet.ts'
import { type GeneratorOptions, toGeneratorOptions } from './options.ts'

/** Readings a poll makes at most: what stays in the processor's cache. */
const ROWS_MAX = 4096
/** A live fleet is looked at this often at most, so that readings come in batches worth the trouble. */
const PAUSE_MS = 20
const WAIT_MS = 500

/** A fleet that sends by the clock keeps nothing: whoever reads what there is gets its last minute. */
const READ_BACK_MS = 60_000

/** Hands out the fleet's readings: as fast as they are read up to `rows`, else as the clock says they are sent. */
export class GeneratorSource implements Source {
  readonly #context: SourceContext
  readonly #options: GeneratorOptions
  readonly #out = new ByteWriter()
  /** Start, end and key length of each record in #out; the offset too. */
  readonly #bounds = new Int32Array(3 * ROWS_MAX)
  readonly #numbers = new Float64Array(ROWS_MAX)
  #startMs = 0
  #fleet: Fleet | undefined
  /** Next reading of each partition. */
  #next: number[] = []
  /** Where each partition ends; Infinity for ever. */
  #ends: number[] = []
  #partition = 0

  constructor(context: SourceContext) {
    this.#context = context
    this.#options = toGeneratorOptions(context.options)
  }

  async open(position: Position | undefined): Promise<void> {
    const { fleet: spec, rows, startMs } = this.#options
    const { bounded, clock } = this.#context
    const nowMs = Math.floor(clock.nowMs())
    const before = rows === undefined ? (bounded ? READ_BACK_MS : 0) : Math.floor((rows * 1000) / spec.rate)
    this.#startMs = position === undefined ? (startMs ?? nowMs - before) : Number(position.start_ms)
    const fleet = new Fleet({ ...spec, startMs: this.#startMs })
    this.#fleet = fleet
    const partitions = Array.from({ length: spec.partitions }, (_, p) => p)
    const next = position?.next as Record<string, number> | undefined // position() made it
    this.#next = partitions.map(p => next?.[p] ?? 0)
    this.#ends = partitions.map(p => {
      if (rows !== undefined) return Math.max(0, Math.ceil((rows - p) / spec.partitions))
      return bounded ? fleet.dueCount(p, nowMs) : Infinity
    })
  }

  async poll(rowsMax: number, signal: AbortSignal): Promise<Polled> {
    const { clock } = this.#context
    for (let waited = 0; ; ) {
      for (let turn = 0; turn < this.#next.length; turn++) {
        this.#partition = (this.#partition + 1) % this.#next.length
        const rows = this.#make(this.#partition, Math.min(rowsMax, ROWS_MAX), clock.nowMs())
        if (rows > 0) return this.#decode(this.#partition, rows)
      }
      if (this.#next.every((n, p) => n >= this.#ends[p])) return { kind: 'end' }
      if (waited >= WAIT_MS || signal.aborted) return { kind: 'idle' }
      const ms = Math.min(WAIT_MS - waited, Math.max(PAUSE_MS, this.#untilDue(clock.nowMs())))
      await clock.sleep(ms, signal)
      waited += ms
    }
  }

  position(): Position {
    return { start_ms: this.#startMs, next: Object.fromEntries(this.#next.map((n, p) => [p, n])) }
  }

  partitions(): readonly string[] {
    return this.#next.map((_, p) => String(p))
  }

  lag(): number | undefined {
    const nowMs = this.#context.clock.nowMs()
    return this.#next.reduce((sum, n, p) => sum + Math.max(0, this.#end(p, nowMs) - n), 0)
  }

  async close(): Promise<void> {
    this.#fleet = undefined
  }

  /** Where a partition ends now. */
  #end(partition: number, nowMs: number): number {
    const end = this.#ends[partition]
    if (this.#options.rows !== undefined || !this.#fleet) return end
    return Math.min(end, this.#fleet.dueCount(partition, nowMs))
  }

  #untilDue(nowMs: number): number {
    const due = this.#next.map((n, p) => this.#fleet?.dueMs(p, n) ?? 0)
    return Math.min(...due) - nowMs
  }

  /** Writes the next readings of a partition into #out; answers how many. Silent devices leave gaps in the offsets. */
  #make(partition: number, rowsMax: number, nowMs: number): number {
    const fleet = this.#fleet
    assert(fleet !== undefined, 'the source is open')
    const end = this.#end(partition, nowMs)
    const out = this.#out
    out.at = 0
    let rows = 0
    let n = this.#next[partition]
    for (; n < end && rows < rowsMax; n++) {
      const start = out.at
      const keyLength = fleet.write(partition, n, out)
      if (keyLength < 0) continue
      this.#numbers[rows] = n
      this.#bounds[3 * rows] = start
      this.#bounds[3 * rows + 1] = out.at
      this.#bounds[3 * rows + 2] = keyLength
      rows++
    }
    this.#next[partition] = n
    return rows
  }

  #decode(partition: number, rows: number): Polled {
    const { decoder } = this.#context
    decoder.begin(this.#out.bytes, 'fleet', String(partition))
    for (let row = 0; row < rows; row++) {
      const n = this.#numbers[row]
      const start = this.#bounds[3 * row]
      const keyLength = this.#bounds[3 * row + 2]
      const key = keyLength === 0 ? -1 : start + KEY_START
      const sentMs = this.#fleet?.dueMs(partition, n) ?? -1
      decoder.record(start, this.#bounds[3 * row + 1], n, sentMs, key, keyLength === 0 ? -1 : key + keyLength)
      if (decoder.wantsHeaders) decoder.headers([])
    }
    return { kind: 'rows', partition: String(partition), ...decoder.finish() }
  }
}
