import type { EngineError } from '../../src/base/errors.ts'
import { toEngineError } from '../../src/base/errors.ts'
import { backoffMs, type Cluster } from './cluster.ts'
import { type Connection, ResponseBuffer } from './connection.ts'
import { brokerError, Code } from './error-codes.ts'
import { FETCH, type FetchedPartition, type FetchLimits, readFetch, writeFetch } from './fetch.ts'
import type { PartitionReader, PartitionState } from './partition-reader.ts'

/**
 * Fetches from one broker over a connection of its own: one request under way while the answer before it is read, so two
 * answers are in memory at most, each in a buffer used again.
 */
export class BrokerFetcher {
  readonly id: number
  /** Parts of the answer being read, first to last. */
  readonly reading: PartitionReader[] = []
  readonly #cluster: Cluster
  readonly #limits: FetchLimits
  readonly #wake: (failure: EngineError | undefined) => void
  readonly #buffers = [new ResponseBuffer(), new ResponseBuffer()] as const
  #turn = 0
  #connection: Connection | undefined
  #underWay = false
  #arrived: readonly FetchedPartition[] | undefined
  #failures = 0
  #retryAtMs = 0
  #closed = false

  /** `wake` is called whenever an answer has arrived or a request has failed. */
  constructor(id: number, cluster: Cluster, limits: FetchLimits, wake: (failure: EngineError | undefined) => void) {
    this.id = id
    this.#cluster = cluster
    this.#limits = limits
    this.#wake = wake
  }

  /** When it may be asked again; Infinity while a request is under way or an answer waits. */
  get readyAtMs(): number {
    return this.#underWay || this.#arrived ? Number.POSITIVE_INFINITY : this.#retryAtMs
  }

  /** Sends one request for these partitions, in this order, and marks them busy until its answer is taken or lost. */
  ask(partitions: readonly PartitionState[]): void {
    this.#underWay = true
    for (const state of partitions) state.busy = true
    this.#fetch(partitions).then(
      arrived => {
        this.#underWay = false
        this.#failures = 0
        this.#retryAtMs = 0
        this.#arrived = arrived
        this.#wake(undefined)
      },
      (cause: unknown) => {
        this.#underWay = false
        for (const state of partitions) state.busy = false
        this.#connection?.close()
        this.#connection = undefined
        this.#retryAtMs = this.#cluster.clock.monotonicMs() + backoffMs(this.#failures++)
        if (!this.#closed) this.#wake(toEngineError(cause))
      },
    )
  }

  /** The answer that has arrived, once. Only when `reading` is empty and its last batch is no longer used. */
  take(): readonly FetchedPartition[] | undefined {
    const arrived = this.#arrived
    this.#arrived = undefined
    return arrived
  }

  close(): void {
    this.#closed = true
    this.#connection?.close()
  }

  async #fetch(partitions: readonly PartitionState[]): Promise<readonly FetchedPartition[]> {
    this.#connection ??= await this.#cluster.dedicated(this.id)
    if (this.#closed) this.#connection.close()
    const buffer = this.#buffers[this.#turn]
    this.#turn = 1 - this.#turn
    const reader = await this.#connection.request(FETCH, w => writeFetch(w, this.#limits, partitions), buffer)
    const answer = readFetch(reader)
    if (answer.code !== Code.none) throw brokerError(answer.code, 'fetch records')
    return answer.partitions
  }
}
