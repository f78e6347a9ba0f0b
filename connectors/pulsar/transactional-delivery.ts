import { EngineError } from '../../src/base/errors.ts'
import type { Logger } from '../../src/base/log.ts'
import type { Prepared } from '../../src/connector.ts'
import { END, type TransactionCoordinator } from './coordinator.ts'
import type { Delivery } from './delivery.ts'
import type { OutgoingMessage, TransactionId } from './entry-writer.ts'
import type { TopicProducer } from './producer.ts'
import type { TransactionLog } from './transaction-log.ts'

/**
 * Exactly once by transactions: what is written between two checkpoints is one, visible when the second is durable. A new process
 * commits what the last checkpoint holds by its id, and aborts whatever else the log names.
 */
export class TransactionalDelivery implements Delivery {
  readonly #producer: TopicProducer
  readonly #coordinator: TransactionCoordinator
  readonly #transactions: TransactionLog
  readonly #ttlMs: number
  readonly #log: Logger
  #open: TransactionId | undefined
  #committed: TransactionId | undefined

  constructor(
    producer: TopicProducer,
    coordinator: TransactionCoordinator,
    transactions: TransactionLog,
    ttlMs: number,
    log: Logger,
  ) {
    this.#producer = producer
    this.#coordinator = coordinator
    this.#transactions = transactions
    this.#ttlMs = ttlMs
    this.#log = log
  }

  async open(recovered: Prepared | undefined): Promise<void> {
    const transaction = recovered && parsePrepared(recovered)
    await this.#transactions.open()
    const ended = transaction && (await this.#coordinator.end(transaction, END.commit))
    await this.#transactions.abortOthers(transaction)
    if (transaction && !ended) await this.#requireCommitted(transaction)
    this.#committed = transaction
    await this.#producer.open()
  }

  async begin(): Promise<void> {
    if (this.#open) return
    const transaction = await this.#coordinator.begin(this.#ttlMs)
    await this.#transactions.noteBegun(transaction)
    const topics = this.#producer.lanes.map(lane => lane.topic)
    await this.#coordinator.addPartitions(transaction, [...topics, this.#transactions.topic])
    for (const lane of this.#producer.lanes) lane.transaction = transaction
    this.#open = transaction
  }

  append(partition: number, message: OutgoingMessage): boolean {
    return this.#producer.append(partition, message)
  }

  room(): Promise<void> {
    return this.#producer.room()
  }

  async prepare(epoch: number): Promise<Prepared | undefined> {
    const transaction = this.#open
    if (!transaction) return undefined
    await this.#producer.flush()
    await this.#transactions.noteDone(transaction)
    this.#open = undefined
    return { mode: 'transaction', ...transaction, log: this.#transactions.topic, checkpoint: epoch }
  }

  async commit(prepared: Prepared): Promise<void> {
    const transaction = parsePrepared(prepared)
    if (this.#committed?.most === transaction.most && this.#committed.least === transaction.least) return
    if (!(await this.#coordinator.end(transaction, END.commit))) await this.#requireCommitted(transaction)
    this.#committed = transaction
    this.#transactions.forgetOld()
  }

  /** Leaves a prepared transaction alone: a checkpoint may hold it, and then the next `open` commits it. */
  async close(): Promise<void> {
    this.#producer.close()
    const transaction = this.#open
    this.#open = undefined
    try {
      if (transaction) await this.#coordinator.end(transaction, END.abort)
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      this.#log.info({ error: message }, 'a Pulsar transaction stays open until its time-out or the next start')
    }
    this.#transactions.close()
  }

  async #requireCommitted(transaction: TransactionId): Promise<void> {
    if (await this.#transactions.wasCommitted(transaction)) return
    throw new EngineError('58030', 'Pulsar has aborted a transaction whose rows a checkpoint holds as written', {
      actor: 'external',
      hint: 'Its rows are lost: it stayed open longer than transaction_timeout_ms. Raise that, drop the sink and create it again.',
    })
  }
}

/** The ids in what `prepare` gave. Throws XX001 when it is none. */
function parsePrepared({ mode, most, least }: Prepared): TransactionId {
  if (mode === 'transaction' && typeof most === 'number' && typeof least === 'number') return { most, least }
  throw new EngineError('XX001', 'the checkpoint does not hold a transaction of Pulsar', {
    hint: 'If exactly_once was changed, the sink must be dropped and created again.',
  })
}
