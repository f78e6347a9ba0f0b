import { EngineError } from '../../src/base/errors.ts'
import type { PulsarClient } from './client.ts'
import { BrokerError, Command, ServerError } from './commands.ts'
import type { Connection } from './connection.ts'
import type { TransactionId } from './entry-writer.ts'

const COORDINATORS = 'persistent://pulsar/system/transaction_coordinator_assign'
/** How long a transaction that is being ended may take until the next look. */
const SETTLE_MS = 20

export const END = { commit: 0, abort: 1 } as const

/** Begins and ends transactions. Any process that logs in as the same role may end one whose id it knows. */
export class TransactionCoordinator {
  readonly #client: PulsarClient
  readonly #timeoutMs: number
  readonly #number: number
  readonly #introduced = new WeakSet<Connection>()

  private constructor(client: PulsarClient, timeoutMs: number, number: number) {
    this.#client = client
    this.#timeoutMs = timeoutMs
    this.#number = number
  }

  /** One of the cluster's coordinators; undefined where transactions are switched off. `seed` chooses, so that many sinks share them out. */
  static async find(
    client: PulsarClient,
    timeoutMs: number,
    seed: number,
  ): Promise<TransactionCoordinator | undefined> {
    try {
      const count = await client.partitionCount(COORDINATORS)
      return count === 0 ? undefined : new TransactionCoordinator(client, timeoutMs, seed % count)
    } catch (error) {
      if (!(error instanceof EngineError)) throw error
      if (error.sqlState === '42P01') return undefined
      if (error.sqlState !== '42501') throw error
      throw new EngineError('42501', 'the role may not use transactions of Pulsar', {
        actor: 'external',
        detail: error.message,
        hint: "Grant it consume on the namespace pulsar/system; or set delivery = 'at_least_once'.",
        cause: error,
      })
    }
  }

  /** A new transaction, which is aborted by itself after `ttlMs`. */
  begin(ttlMs: number): Promise<TransactionId> {
    return this.#client.retrying(this.#timeoutMs, async () => {
      const connection = await this.#connection(this.#number)
      // The field is named txn_ttl_seconds, and holds milliseconds.
      const answer = await connection.request(Command.newTransaction, 'begin a transaction', w =>
        w.number(2, ttlMs).number(3, this.#number),
      )
      let [least, most] = [0, 0]
      for (let field = answer.next(); field; field = answer.next()) {
        if (field === 2) least = answer.value
        else if (field === 3) most = answer.value
      }
      return { least, most }
    })
  }

  /** Must be answered before anything is sent to the topics: a message of a partition unknown to its transaction would hold back all readers. */
  addPartitions(transaction: TransactionId, topics: readonly string[]): Promise<void> {
    return this.#client.retrying(this.#timeoutMs, async () => {
      const connection = await this.#connection(transaction.most)
      await connection.request(Command.addPartition, 'add partitions to a transaction', w => {
        w.number(2, transaction.least).number(3, transaction.most)
        for (const topic of topics) w.text(4, topic)
      })
    })
  }

  /** False: no such transaction is open. It was committed or aborted before, or took too long; the coordinator does not tell which. */
  end(transaction: TransactionId, action: number): Promise<boolean> {
    const doing = action === END.commit ? 'commit a transaction' : 'abort a transaction'
    const start = this.#client.clock.monotonicMs()
    return this.#client.retrying(this.#timeoutMs, async () => {
      const connection = await this.#connection(transaction.most)
      for (;;) {
        try {
          await connection.request(Command.endTransaction, doing, w =>
            w.number(2, transaction.least).number(3, transaction.most).number(4, action),
          )
          return true
        } catch (error) {
          if (!(error instanceof BrokerError)) throw error
          if (error.code === ServerError.transactionNotFound) return false
          // It is being ended at this moment; afterwards it is not found.
          if (error.code !== ServerError.invalidTransactionStatus) throw error
          if (this.#client.clock.monotonicMs() - start > this.#timeoutMs) throw error
          await this.#client.clock.sleep(SETTLE_MS)
        }
      }
    })
  }

  async #connection(number: number): Promise<Connection> {
    const connection = await this.#client.ownerOf(`${COORDINATORS}-partition-${number}`)
    if (!this.#introduced.has(connection)) {
      await connection.request(Command.coordinatorConnect, 'reach the transaction coordinator', w =>
        w.number(2, number),
      )
      this.#introduced.add(connection)
    }
    return connection
  }
}
