import { assert } from '../../src/base/assert.ts'
import { EngineError } from '../../src/base/errors.ts'
import type { Batch } from '../../src/batch/batch.ts'
import type { EncodedRecords, Prepared, Sink, SinkContext } from '../../src/connector.ts'
import type { ProducerIdentity } from './batch-writer.ts'
import { Cluster } from './cluster.ts'
import { ensureTopic } from './create-topic.ts'
import { type KafkaSinkOptions, kafkaSinkOptions } from './options.ts'
import { partitionOfKey } from './partitioner.ts'
import { Producer } from './producer.ts'
import {
  abortTransaction,
  commitTransaction,
  initProducer,
  markTransaction,
  type PreparedTransaction,
  parsePrepared,
  requireCommitted,
  requireTransactions,
} from './transaction.ts'

/**
 * Writes to one topic of Kafka. Exactly once: what is written between two checkpoints is one transaction, visible to
 * read_committed readers when the second is durable. One transactional id suffices: the engine normally writes nothing between
 * `prepare` and `commit`, and what it does write waits in memory. At least once: visible at once, repeated after a crash. Keys choose partitions as Java clients do;
 * without keys one partition after the other is filled. The partitions are those there at opening, so a key stays where it is.
 */
export class KafkaSink implements Sink {
  readonly #options: KafkaSinkOptions
  readonly #context: SinkContext
  readonly #cluster: Cluster
  readonly #transactionalId: string
  #identity: ProducerIdentity = { producerId: -1, epoch: -1 }
  #producer: Producer | undefined
  #nextPartition = 0
  /** Something is in the open transaction. */
  #dirty = false
  #closed = false
  #prepared: PreparedTransaction | undefined
  #committed: PreparedTransaction | undefined

  constructor(context: SinkContext) {
    this.#context = context
    this.#options = kafkaSinkOptions(context.options, context.job, context.upsert === true)
    this.#cluster = new Cluster(this.#options.cluster, context.clock, context.log)
    const { job, instance } = context
    this.#transactionalId = ['tidemark', job, instance].filter(part => part !== undefined).join('-')
  }

  async open(recovered: Prepared | undefined): Promise<void> {
    const { topic, create, codec, delivery, bufferBytesMax, deliveryTimeoutMs } = this.#options
    const leaders = await ensureTopic(this.#cluster, topic, create)
    const exactlyOnce = delivery === 'exactly_once'
    if (exactlyOnce) await requireTransactions(this.#cluster)
    const prepared = recovered && parsePrepared(recovered)
    const committed = prepared && (await commitTransaction(this.#cluster, prepared, deliveryTimeoutMs))
    // Not the identity that the commit gave: a process of the past may hold the same.
    this.#identity = await this.#init()
    if (prepared && !committed) await requireCommitted(this.#cluster, prepared, deliveryTimeoutMs)
    const transactionalId = exactlyOnce ? this.#transactionalId : undefined
    const renew = exactlyOnce ? undefined : () => this.#init()
    const settings = { topic, codec, transactionalId, bufferBytesMax, deliveryTimeoutMs, renew }
    this.#producer = new Producer(this.#cluster, settings, leaders, this.#identity)
  }

  async write(batch: Batch): Promise<void> {
    const producer = this.#opened()
    const records = this.#context.encoder.encode(batch)
    if (records.count === 0) return
    this.#dirty = true
    for (let row = 0; row < records.count; ) {
      row = this.#append(producer, records, row)
      await producer.room()
    }
  }

  async prepare(epoch: number): Promise<Prepared | undefined> {
    assert(this.#prepared === undefined, 'the last epoch was committed')
    if (!this.#dirty) return undefined
    const producer = this.#opened()
    await producer.flush()
    if (this.#options.delivery === 'at_least_once') {
      this.#dirty = false
      return undefined
    }
    const { topic, deliveryTimeoutMs } = this.#options
    const transactionalId = this.#transactionalId
    const prepared = { ...this.#identity, transactionalId, group: `${transactionalId}-sink`, topic, checkpoint: epoch }
    await markTransaction(this.#cluster, prepared, deliveryTimeoutMs)
    this.#prepared = prepared
    this.#dirty = false
    producer.hold()
    return { ...prepared }
  }

  async commit(prepared: Prepared): Promise<void> {
    const { deliveryTimeoutMs } = this.#options
    const transaction = parsePrepared(prepared)
    const { producerId, epoch } = transaction
    if (this.#committed?.producerId === producerId && this.#committed.epoch === epoch) return
    const next = await commitTransaction(this.#cluster, transaction, deliveryTimeoutMs)
    if (!next) {
      await requireCommitted(this.#cluster, transaction, deliveryTimeoutMs)
      // Going on would take the id back from whoever has it now, and so on in turns.
      const hint = 'Stop the other process: it runs on a copy of this data directory.'
      throw new EngineError('58030', `another process writes as ${this.#transactionalId}`, { actor: 'external', hint })
    }
    this.#prepared = undefined
    this.#committed = transaction
    this.#identity = next
    this.#opened().identify(next)
  }

  /** Leaves a prepared transaction alone: a checkpoint may hold it, and then the next `open` commits it. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#producer?.close()
    if (this.#dirty && !this.#prepared && this.#options.delivery === 'exactly_once') {
      try {
        await abortTransaction(this.#cluster, this.#transactionalId, this.#identity)
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error)
        this.#context.log.info(
          { error: message },
          'a Kafka transaction stays open until its time-out or the next start',
        )
      }
    }
    this.#cluster.close()
  }

  /** From `row` on, to the end of the batch or until a record batch is full; the row to go on with. */
  #append(producer: Producer, records: EncodedRecords, row: number): number {
    const { bytes, offsets, deleted, keyBytes, keyOffsets, timesMs, headers, count } = records
    const partitions = producer.partitionCount
    const nowMs = this.#context.clock.nowMs()
    for (let i = row; i < count; i++) {
      const valueStart = deleted?.[i] === 1 ? -1 : offsets[i]
      const valueEnd = offsets[i + 1]
      const timeMs = timesMs ? acceptable(timesMs[i], nowMs) : nowMs
      const beside = timesMs || headers ? { timeMs, headers: headers?.[i] } : undefined
      let full: boolean
      if (keyBytes && keyOffsets) {
        const [keyStart, keyEnd] = [keyOffsets[i], keyOffsets[i + 1]]
        const partition = partitionOfKey(keyBytes, keyStart, keyEnd, partitions)
        full = producer.append(partition, keyBytes, keyStart, keyEnd, bytes, valueStart, valueEnd, beside)
      } else {
        full = producer.append(this.#nextPartition, undefined, -1, -1, bytes, valueStart, valueEnd, beside)
        if (full) this.#nextPartition = (this.#nextPartition + 1) % partitions
      }
      if (full) return i + 1
    }
    return count
  }

  #init(): Promise<ProducerIdentity> {
    const { delivery, transactionTimeoutMs, deliveryTimeoutMs } = this.#options
    const id = delivery === 'exactly_once' ? this.#transactionalId : undefined
    return initProducer(this.#cluster, id, transactionTimeoutMs, deliveryTimeoutMs)
  }

  #opened(): Producer {
    assert(this.#producer !== undefined, 'the sink is open')
    return this.#producer
  }
}

/** Brokers refuse a whole batch for one time that is far ahead, and a device with a wrong clock must not stop the job. */
function acceptable(timeMs: number, nowMs: number): number {
  return timeMs >= 0 && timeMs <= nowMs + AHEAD_MAX_MS ? timeMs : nowMs
}

/** Kafka's message.timestamp.after.max.ms where nobody set it. */
const AHEAD_MAX_MS = 3_600_000
