import { EngineError } from '../../src/base/errors.ts'
import type { Prepared } from '../../src/connector.ts'
import type { Codec } from './compression.ts'
import type { Delivery } from './delivery.ts'
import { EntryWriter, type OutgoingMessage } from './entry-writer.ts'
import type { TopicProducer } from './producer.ts'
import type { StagedFiles } from './staged-file.ts'

/** Where the messages of an epoch are in each partition's sequence: [first, behind the last). */
interface Staged {
  readonly file: string
  readonly first: readonly number[]
  readonly behind: readonly number[]
}

/**
 * Exactly once where the cluster has no transactions: a broker with deduplication remembers the highest sequence id of each producer
 * name. The rows of an epoch wait in a file, as entries; after the checkpoint they are sent, and after a crash sent again from the
 * first that the broker does not have. So which message has which id must be fixed before the first is sent: that is why they wait.
 */
export class DeduplicatedDelivery implements Delivery {
  readonly #producer: TopicProducer
  readonly #files: StagedFiles
  readonly #codec: Codec
  readonly #writers: readonly EntryWriter[]
  /** Sequence id that each partition's next message gets. */
  #next: number[] = []
  #first: number[] = []
  #writing = Promise.resolve()
  #checked = false

  constructor(producer: TopicProducer, files: StagedFiles, codec: Codec) {
    this.#producer = producer
    this.#files = files
    this.#codec = codec
    this.#writers = producer.lanes.map(() => new EntryWriter())
  }

  async open(recovered: Prepared | undefined): Promise<void> {
    const staged = recovered && parsePrepared(recovered)
    await this.#files.clean(staged?.file)
    await this.#producer.open()
    if (staged) await this.#send(staged)
    this.#next = this.#producer.lanes.map(lane => lane.lastStored + 1)
    this.#first = [...this.#next]
  }

  async begin(): Promise<void> {}

  append(partition: number, message: OutgoingMessage): boolean {
    const writer = this.#writers[partition]
    if (writer.append(message)) return false
    this.#stage(partition)
    writer.append(message)
    return true
  }

  async room(): Promise<void> {
    await this.#writing
  }

  async prepare(): Promise<Prepared | undefined> {
    for (const [partition, writer] of this.#writers.entries()) if (writer.count > 0) this.#stage(partition)
    await this.#writing
    const file = await this.#files.seal()
    if (file === undefined) return undefined
    const first = this.#first
    this.#first = [...this.#next]
    return { mode: 'deduplication', file, first, behind: this.#first }
  }

  commit(prepared: Prepared): Promise<void> {
    return this.#send(parsePrepared(prepared))
  }

  async close(): Promise<void> {
    this.#producer.close()
    await this.#writing.catch(() => undefined)
    await this.#files.close()
  }

  #stage(partition: number): void {
    const entry = this.#writers[partition].seal(this.#codec, undefined)
    this.#next[partition] += entry.count
    this.#writing = this.#writing.then(() => this.#files.write(partition, entry))
    // Whoever waits next is told.
    this.#writing.catch(() => undefined)
  }

  async #send(staged: Staged): Promise<void> {
    const { lanes } = this.#producer
    const fresh = lanes.every(lane => lane.lastStored < 0)
    const all = (): boolean => staged.behind.every((behind, p) => lanes[p].lastStored >= behind - 1)
    if (all()) return await this.#files.remove(staged.file)
    for (const [p, first] of staged.first.entries()) {
      if (lanes[p].lastStored < first - 1) throw forgotten(lanes[p].topic)
      lanes[p].continueAt(first)
    }
    const entries = await this.#files.read(staged.file)
    if (!entries) throw elsewhere(staged.file)
    for await (const { partition, entry } of entries) {
      const lane = lanes[partition]
      if (lane.next + entry.count - 1 <= lane.lastStored) lane.continueAt(lane.next + entry.count)
      else {
        lane.add(entry)
        await this.#producer.room()
      }
    }
    await this.#producer.flush()
    if (fresh && !this.#checked) await this.#check()
    await this.#files.remove(staged.file)
  }

  /** Where deduplication is off, the broker says of every name that it has stored nothing; it tells in no other way. */
  async #check(): Promise<void> {
    const written = this.#producer.lanes.find(lane => lane.lastStored >= 0)
    if (!written) return
    const expected = written.lastStored
    await written.reopen()
    if (written.lastStored < expected) throw switchedOff(written.topic)
    this.#checked = true
  }
}

function parsePrepared({ mode, file, first, behind }: Prepared): Staged {
  const numbers = (value: unknown): value is number[] => Array.isArray(value) && value.every(n => typeof n === 'number')
  if (mode === 'deduplication' && typeof file === 'string' && numbers(first) && numbers(behind))
    return { file, first, behind }
  throw new EngineError('XX001', 'the checkpoint does not hold staged messages for Pulsar', {
    hint: 'If exactly_once was changed, the sink must be dropped and created again.',
  })
}

function forgotten(topic: string): EngineError {
  return new EngineError('58030', `the brokers have forgotten what this sink has written to ${topic}`, {
    actor: 'external',
    hint: 'They do after brokerDeduplicationProducerInactivityTimeoutMinutes. Whether the last rows are there is not known: drop the sink and create it again.',
  })
}

function elsewhere(file: string): EngineError {
  return new EngineError('58030', `rows that a checkpoint holds as written are not on this machine: ${file}`, {
    hint: "Bring the data directory from where the server ran, or use exactly_once = 'transactions'.",
  })
}

function switchedOff(topic: string): EngineError {
  return new EngineError('55000', `deduplication is off for ${topic}, so nothing can be written there exactly once`, {
    actor: 'external',
    hint: "Switch it on: pulsar-admin namespaces set-deduplication <tenant/namespace> --enable. Or use delivery = 'at_least_once'.",
  })
}
