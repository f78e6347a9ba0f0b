import type { Polled, Position, Source, SourceContext } from '../../src/connector.ts'
import { RecordBlock } from '../../src/log/block.ts'
import { type Log, openLog } from '../../src/log/log.ts'
import type { Topic } from '../../src/log/topics.ts'
import { Wake } from '../../src/log/wake.ts'
import { type EmbeddedOptions, toEmbeddedOptions } from './options.ts'

const READ_BYTES = 1 << 20
/** How long a poll waits for rows. What is appended ends it at once, so a short wait would only cost. */
const WAIT_MS = 5000

interface Opened {
  readonly log: Log
  topic: Topic
  readonly stopListening: () => void
}

/** Reads a topic, its partitions in turn. Sleeps until something is appended. */
export class EmbeddedSource implements Source {
  readonly #context: SourceContext
  readonly #options: EmbeddedOptions
  readonly #wake = new Wake()
  readonly #block = new RecordBlock()
  #opened: Opened | undefined
  /** Offset of the next record to hand out, by partition. */
  #offsets: number[] = []
  /** Bounded: where each partition ended at open. */
  #ends: number[] = []
  #partition = 0
  /** Next row of the block to hand out, which is of #partition. */
  #row = 0

  constructor(context: SourceContext) {
    this.#context = context
    this.#options = toEmbeddedOptions(context.options)
  }

  async open(position: Position | undefined): Promise<void> {
    const { dataDir, clock, bounded } = this.#context
    const log = openLog(dataDir)
    const topic = await log.ensureTopic(this.#options.topic, this.#options.spec, clock)
    this.#opened = { log, topic, stopListening: log.listen(topic, this.#wake.raise) }
    const stored = this.#offsetsIn(position, topic)
    const described = log.describe(topic)
    this.#offsets = described.map(
      ({ partition, first, next }) => stored?.[partition] ?? this.#start(partition, first, next),
    )
    if (bounded) this.#ends = described.map(p => p.next)
  }

  async poll(rowsMax: number, signal: AbortSignal): Promise<Polled> {
    this.#wake.clear()
    const found = this.#fill()
    if (found) return this.#decode(rowsMax)
    if (this.#context.bounded) return { kind: 'end' }
    // What was appended to new ones may have been what ended the last wait.
    if (!this.#addPartitions()) await this.#wake.wait(WAIT_MS, this.#context.clock, signal)
    return this.#fill() ? this.#decode(rowsMax) : { kind: 'idle' }
  }

  position(): Position {
    const offsets = Object.fromEntries(this.#offsets.map((offset, p) => [p, offset]))
    return { topic: this.#opened?.topic.id, offsets }
  }

  partitions(): readonly string[] {
    return this.#offsets.map((_, p) => String(p))
  }

  lag(): number | undefined {
    if (!this.#opened) return undefined
    const { log, topic } = this.#opened
    return log.describe(topic).reduce((sum, { partition, next }) => sum + next - (this.#offsets[partition] ?? 0), 0)
  }

  async close(): Promise<void> {
    const opened = this.#opened
    this.#opened = undefined
    opened?.stopListening()
    await opened?.log.close()
  }

  /** Rows to hand out are in the block, of #partition. False: there are none anywhere. */
  #fill(): boolean {
    if (this.#row < this.#block.count) return true
    if (!this.#opened) return false
    const { log, topic } = this.#opened
    for (let turn = 0; turn < this.#offsets.length; turn++) {
      const p = (this.#partition + 1 + turn) % this.#offsets.length
      const offset = this.#offsets[p]
      const end = this.#context.bounded ? this.#ends[p] : Infinity
      if (offset >= end) continue
      log.read(topic, p, offset, READ_BYTES, this.#block)
      this.#row = 0
      if (this.#block.count === 0) this.#offsets[p] = this.#block.nextOffset
      else if (this.#block.offsets[0] < end) {
        this.#partition = p
        this.#warnOfLoss(topic, offset)
        return true
      }
      this.#block.clear(0)
    }
    return false
  }

  #decode(rowsMax: number): Polled {
    const { decoder, bounded } = this.#context
    const { bytes, count, starts, ends, offsets, timestampsMs, keyStarts, keyEnds, nextOffset } = this.#block
    const partition = this.#partition
    const end = bounded ? this.#ends[partition] : Infinity
    const last = Math.min(count, this.#row + rowsMax)
    decoder.begin(bytes, this.#options.topic, String(partition))
    let row = this.#row
    for (; row < last && offsets[row] < end; row++) {
      decoder.record(starts[row], ends[row], offsets[row], timestampsMs[row], keyStarts[row], keyEnds[row])
      if (decoder.wantsHeaders) decoder.headers(this.#block.headersAt(row))
    }
    const more = row < count
    this.#offsets[partition] = more ? offsets[row] : nextOffset
    // What lies beyond a bounded read's end is not looked at again.
    this.#row = more && offsets[row] >= end ? count : row
    return { kind: 'rows', partition: String(partition), ...decoder.finish() }
  }

  /** The checkpoint's offsets, unless the topic was dropped and made anew since: then all its records are new. */
  #offsetsIn(position: Position | undefined, topic: Topic): Readonly<Record<string, number>> | undefined {
    if (!position) return undefined
    if (position.topic === topic.id) return position.offsets as Record<string, number> // position() made it
    this.#context.log.warn(
      { topic: topic.name },
      'the topic was made anew since the checkpoint; it is read from its beginning',
    )
    return {}
  }

  #start(partition: number, first: number, next: number): number {
    const { start } = this.#options
    if (start === 'earliest') return first
    if (start === 'latest' || !this.#opened) return next
    return this.#opened.log.offsetForTimestamp(this.#opened.topic, partition, start.timestampMs)
  }

  /** True when the topic has more than before. */
  #addPartitions(): boolean {
    if (!this.#opened) return false
    const topic = this.#opened.log.findTopic(this.#options.topic)
    if (topic?.id !== this.#opened.topic.id) return false
    this.#opened.topic = topic
    const known = this.#offsets.length
    while (this.#offsets.length < topic.partitions) this.#offsets.push(0)
    return this.#offsets.length > known
  }

  #warnOfLoss(topic: Topic, offset: number): void {
    const lost = this.#block.offsets[0] - offset
    if (lost <= 0 || topic.cleanup === 'compact') return
    const fields = { topic: topic.name, partition: this.#partition, records: lost }
    this.#context.log.warn(fields, 'retention removed records before they were read')
  }
}
