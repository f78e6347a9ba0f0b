import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { assert } from '../../src/base/assert.ts'
import { EngineError } from '../../src/base/errors.ts'
import type { Batch } from '../../src/batch/batch.ts'
import type { EncodedRecords, Prepared, Sink, SinkContext } from '../../src/connector.ts'
import { PulsarClient } from './client.ts'
import { TransactionCoordinator } from './coordinator.ts'
import { DeduplicatedDelivery } from './deduplicated-delivery.ts'
import type { Delivery } from './delivery.ts'
import type { OutgoingMessage } from './entry-writer.ts'
import { Hold } from './hold.ts'
import { hashOfKey } from './key-hash.ts'
import { type PulsarSinkOptions, pulsarSinkOptions } from './options.ts'
import { PartitionProducer, type UploadedSchema } from './partition-producer.ts'
import { PlainDelivery } from './plain-delivery.ts'
import { TopicProducer } from './producer.ts'
import { StagedFiles } from './staged-file.ts'
import { partitionsOf } from './topic-name.ts'
import { SUBSCRIPTION as LOG_SUBSCRIPTION, TransactionLog } from './transaction-log.ts'
import { TransactionalDelivery } from './transactional-delivery.ts'

const NO_BYTES = new Uint8Array(0)

/**
 * Writes to one topic of Pulsar. Exactly once by transactions, or by deduplication where the cluster has none; or at least once.
 * Keys choose partitions as Java clients do; without keys one partition after the other gets an entry. The partitions are those
 * there at opening, so a key stays where it is.
 */
export class PulsarSink implements Sink {
  readonly #options: PulsarSinkOptions
  readonly #context: SinkContext
  readonly #client: PulsarClient
  #delivery: Delivery | undefined
  #partitions = 0
  #nextPartition = 0
  #closed = false
  readonly #message: OutgoingMessage = {
    ...{ key: NO_BYTES, keyStart: -1, keyEnd: -1, keyIsBase64: false },
    ...{ value: NO_BYTES, valueStart: -1, valueEnd: -1, eventMs: -1, properties: undefined },
  }

  constructor(context: SinkContext) {
    this.#context = context
    this.#options = pulsarSinkOptions(context.options, context.jsonSchema)
    this.#client = new PulsarClient(this.#options.client, context.clock, context.log)
  }

  async open(recovered: Prepared | undefined): Promise<void> {
    try {
      await this.#start(recovered)
    } catch (error) {
      // A process that holds what only one may hold would stand in its own way at the next try.
      await this.close()
      throw error
    }
  }

  async write(batch: Batch): Promise<void> {
    const delivery = this.#opened()
    const records = this.#context.encoder.encode(batch)
    if (records.count === 0) return
    await delivery.begin()
    for (let row = 0; row < records.count; ) {
      row = this.#append(delivery, records, row)
      await delivery.room()
    }
  }

  prepare(epoch: number): Promise<Prepared | undefined> {
    return this.#opened().prepare(epoch)
  }

  commit(prepared: Prepared): Promise<void> {
    return this.#opened().commit(prepared)
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#delivery?.close()
    this.#client.close()
  }

  async #start(recovered: Prepared | undefined): Promise<void> {
    const { topic, create, partitions, admin } = this.#options
    if (create && admin && partitions !== undefined && (await admin.createTopic(topic, partitions)))
      this.#context.log.info({ topic, partitions }, 'made a Pulsar topic')
    const topics = partitionsOf(topic, await this.#client.partitionCount(topic, create))
    this.#partitions = topics.length
    await this.#probe(topics[0], this.#options.schema)
    const mode = recovered ? String(recovered.mode) : undefined
    this.#delivery = await this.#choose(topics, mode)
    await this.#delivery.open(recovered)
  }

  /** What is wrong with the output itself is told before anything is said of transactions. */
  async #probe(topic: string, schema?: UploadedSchema): Promise<void> {
    const { codec } = this.#options
    const producer = new PartitionProducer(
      topic,
      this.#client,
      { name: undefined, codec, schema, resend: true },
      () => undefined,
    )
    await producer.open()
    producer.close()
  }

  /** From `row` on, to the end of the batch or until an entry is full; the row to go on with. */
  #append(delivery: Delivery, records: EncodedRecords, row: number): number {
    const { bytes, offsets, deleted, keyBytes, keyOffsets, count, timesMs, headers } = records
    const message = this.#message
    message.value = bytes
    message.keyStart = -1
    message.keyIsBase64 = false
    for (let i = row; i < count; i++) {
      message.valueStart = deleted?.[i] === 1 ? -1 : offsets[i]
      message.valueEnd = offsets[i + 1]
      if (timesMs) message.eventMs = timesMs[i]
      if (headers) message.properties = headers[i]
      let partition = this.#nextPartition
      if (keyBytes && keyOffsets) {
        this.#setKey(keyBytes, keyOffsets[i], keyOffsets[i + 1])
        if (this.#partitions > 1)
          partition = hashOfKey(this.#options.hashing, message.key, message.keyStart, message.keyEnd) % this.#partitions
      }
      if (!delivery.append(partition, message)) continue
      if (!keyBytes) this.#nextPartition = (this.#nextPartition + 1) % this.#partitions
      return i + 1
    }
    return count
  }

  /** Keys are text in the protocol; bytes that are none travel as Base64, as Java's keyBytes do. */
  #setKey(bytes: Uint8Array, start: number, end: number): void {
    const message = this.#message
    message.keyIsBase64 = !isText(bytes, start, end)
    const key = message.keyIsBase64 ? Buffer.from(Buffer.from(bytes.subarray(start, end)).toString('base64')) : bytes
    message.key = key
    message.keyStart = message.keyIsBase64 ? 0 : start
    message.keyEnd = message.keyIsBase64 ? key.length : end
  }

  async #choose(topics: readonly string[], recovered: string | undefined): Promise<Delivery> {
    const { delivery, exactlyOnce, codec, schema, bufferBytesMax, deliveryTimeoutMs } = this.#options
    const options = { codec, schema, bufferBytesMax, deliveryTimeoutMs }
    if (delivery === 'at_least_once')
      return new PlainDelivery(new TopicProducer(topics, this.#client, { ...options, name: undefined, resend: true }))
    const name = ownName(this.#context)
    const wanted = exactlyOnce ?? (recovered === 'deduplication' ? recovered : undefined)
    const coordinator =
      wanted === 'deduplication'
        ? undefined
        : await TransactionCoordinator.find(
            this.#client,
            deliveryTimeoutMs,
            hashOfKey('java', Buffer.from(name), 0, name.length),
          )
    if (coordinator) {
      const log = await this.#logTopic(name)
      const transactions = new TransactionLog(log, this.#client, coordinator, deliveryTimeoutMs)
      const producer = new TopicProducer(topics, this.#client, { ...options, name: undefined, resend: false })
      return new TransactionalDelivery(
        producer,
        coordinator,
        transactions,
        this.#options.transactionTimeoutMs,
        this.#context.log,
      )
    }
    if (wanted === 'transactions') throw noTransactions()
    const files = new StagedFiles(stagedFolder(this.#context, name))
    const producer = new TopicProducer(topics, this.#client, { ...options, name, resend: true })
    return new DeduplicatedDelivery(producer, files, codec)
  }

  /** In the namespace of the output, where whoever may write that may write this. */
  async #logTopic(name: string): Promise<string> {
    const { topic: output, admin } = this.#options
    const topic = logTopicOf(output, name)
    await admin?.createTopic(topic, 0)
    try {
      const [only] = partitionsOf(topic, await this.#client.partitionCount(topic, true))
      await this.#probe(only)
      return only
    } catch (error) {
      if (!(error instanceof EngineError) || error.sqlState !== '42P01') throw error
      throw new EngineError(
        '42P01',
        `the topic ${topic} is not there, where the sink keeps account of its transactions`,
        {
          actor: 'external',
          hint: `Make it: pulsar-admin topics create ${topic}. Or give the connection an admin_url.`,
          cause: error,
        },
      )
    }
  }

  #opened(): Delivery {
    assert(this.#delivery !== undefined, 'the sink is open')
    return this.#delivery
  }
}

/** A sink that is gone for good: nobody will ask any more how its transactions ended, nor send the rows that wait in files. */
export async function forgetSink(context: Omit<SinkContext, 'encoder'>): Promise<void> {
  const { client: where, topic, admin } = pulsarSinkOptions({ ...context.options, schema: 'none' })
  const name = ownName(context)
  await rm(stagedFolder(context, name), { recursive: true, force: true })
  const client = new PulsarClient(where, context.clock, context.log)
  try {
    const log = logTopicOf(topic, name)
    const [only] = partitionsOf(log, await client.partitionCount(log))
    await new Hold(only, LOG_SUBSCRIPTION, client).remove()
    await admin?.deleteTopic(log)
  } catch (error) {
    // It wrote at least once, or by deduplication.
    if (!(error instanceof EngineError) || error.sqlState !== '42P01') throw error
  } finally {
    client.close()
  }
}

/** Of this sink alone, among all that write to the cluster, and the same after a restart. */
function ownName({ job, instance }: Pick<SinkContext, 'job' | 'instance'>): string {
  const parts = ['tidemark', job, instance].filter(part => part !== undefined)
  return parts.join('-').replace(/[^\w.-]/g, char => `_${char.codePointAt(0)?.toString(16)}_`)
}

function logTopicOf(output: string, name: string): string {
  return `${output.replace(/[^/]+$/, '')}__${name}`
}

function stagedFolder({ dataDir }: Pick<SinkContext, 'dataDir'>, name: string): string {
  return join(dataDir, 'pulsar-output', name)
}

function isText(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (bytes[at] > 127) return isUtf8(bytes.subarray(at, end))
  return true
}

const strict = new TextDecoder('utf-8', { fatal: true })

function isUtf8(bytes: Uint8Array): boolean {
  try {
    strict.decode(bytes)
    return true
  } catch {
    return false
  }
}

function noTransactions(): EngineError {
  return new EngineError('55000', 'the Pulsar cluster has no transactions', {
    actor: 'external',
    hint: "Set transactionCoordinatorEnabled=true for its brokers, or use exactly_once = 'deduplication' with deduplication on.",
  })
}
