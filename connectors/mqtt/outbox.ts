import type { Clock } from '../../src/base/clock.ts'
import { RecordBlock } from '../../src/log/block.ts'
import { type Log, openLog } from '../../src/log/log.ts'
import type { Topic } from '../../src/log/topics.ts'
import type { Message } from './sender.ts'

/** How much is in memory of what waits on disk. */
const CHUNK_BYTES = 1 << 20
/** The largest message there can be, with its topic and properties. */
const MESSAGE_BYTES_MAX = 257 << 20

/** Messages that wait on disk for their broker, in an embedded topic of the sink's own: key topic, value payload, headers user properties. */
export class Outbox {
  readonly #log: Log
  readonly #topic: Topic
  readonly #clock: Clock
  readonly #block = new RecordBlock()
  /** Offsets: what was read ends before the one, what is there before the other. */
  #next: number
  #end: number
  #bytes: number

  private constructor(log: Log, topic: Topic, clock: Clock) {
    this.#log = log
    this.#topic = topic
    this.#clock = clock
    const [{ first, next, bytes }] = log.describe(topic)
    this.#next = first
    this.#end = next
    this.#bytes = first === next ? 0 : bytes
  }

  /** `fresh`: without what an earlier sink of that name left. */
  static async open(dataDir: string, name: string, fresh: boolean, clock: Clock): Promise<Outbox> {
    const log = openLog(dataDir)
    if (fresh && log.findTopic(name)) await log.dropTopic(name)
    const topic = await log.ensureTopic(name, { recordBytesMax: MESSAGE_BYTES_MAX }, clock)
    return new Outbox(log, topic, clock)
  }

  /** All was read. */
  get empty(): boolean {
    return this.#next >= this.#end
  }

  /** On disk, also what was read and not removed. */
  get bytes(): number {
    return this.#bytes
  }

  /** Durable when it resolves. */
  async append(messages: readonly Message[]): Promise<void> {
    const timestampMs = this.#clock.nowMs()
    const records = messages.map(({ topic, payload, user }) => ({
      key: Buffer.from(topic),
      value: payload,
      headers: user,
      timestampMs,
    }))
    await this.#log.append(this.#topic, 0, records)
    this.#end += records.length
    this.#measure()
  }

  /** The next messages, and the offset behind them for `remove`. */
  read(): { readonly messages: Message[]; readonly end: number } {
    const block = this.#log.read(this.#topic, 0, this.#next, CHUNK_BYTES, this.#block)
    const messages: Message[] = []
    for (let i = 0; i < block.count; i++) {
      const { key, value, headers = [] } = block.recordAt(i)
      const user = headers.map(h => ({ key: h.key, value: h.value ?? NO_BYTES }))
      messages.push({ topic: Buffer.from(key ?? NO_BYTES).toString(), payload: value ?? NO_BYTES, user, stored: true })
    }
    this.#next = block.nextOffset
    return { messages, end: block.nextOffset }
  }

  /** The broker has what is before `end`. */
  async remove(end: number): Promise<void> {
    await this.#log.removeBefore(this.#topic, 0, end)
    this.#measure()
  }

  close(): Promise<void> {
    return this.#log.close()
  }

  #measure(): void {
    const [{ first, next, bytes }] = this.#log.describe(this.#topic)
    this.#bytes = first === next ? 0 : bytes
  }
}

const NO_BYTES = new Uint8Array(0)
