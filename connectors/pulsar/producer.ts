import { Bell } from '../../src/base/bell.ts'
import { EngineError } from '../../src/base/errors.ts'
import type { PulsarClient } from './client.ts'
import { BrokerError, ServerError } from './commands.ts'
import type { OutgoingMessage } from './entry-writer.ts'
import { lostConnection, PartitionProducer, type ProducerOptions } from './partition-producer.ts'

export interface TopicProducerOptions extends ProducerOptions {
  /** Bytes written and not yet stored; more waits. */
  readonly bufferBytesMax: number
  readonly deliveryTimeoutMs: number
}

/** Writes to all partitions of a topic. */
export class TopicProducer {
  readonly lanes: readonly PartitionProducer[]
  readonly #client: PulsarClient
  readonly #options: TopicProducerOptions
  readonly #bell: Bell

  /** `topics`: the full names of the partitions. */
  constructor(topics: readonly string[], client: PulsarClient, options: TopicProducerOptions) {
    this.#client = client
    this.#options = options
    this.#bell = new Bell(client.clock)
    this.lanes = topics.map(topic => new PartitionProducer(topic, client, options, () => this.#bell.ring()))
  }

  /** Introduces itself to the brokers of all partitions. They may still know the process that was killed a moment ago: that heals. */
  async open(): Promise<void> {
    const { deliveryTimeoutMs } = this.#options
    const busy = (error: EngineError): boolean =>
      error instanceof BrokerError && error.code === ServerError.producerBusy
    await Promise.all(this.lanes.map(lane => this.#client.retrying(deliveryTimeoutMs, () => lane.open(), busy)))
  }

  /** Adds a message to its partition; true when that filled an entry. */
  append(partition: number, message: OutgoingMessage): boolean {
    return this.lanes[partition].append(message)
  }

  /** Sends what can be sent; waits while more than `bufferBytesMax` is not stored. */
  async room(): Promise<void> {
    await this.#until(() => {
      let bytes = 0
      for (const lane of this.lanes) bytes += lane.pendingBytes
      return bytes < this.#options.bufferBytesMax
    })
  }

  /** Waits until everything is stored. */
  async flush(): Promise<void> {
    await this.#until(() => this.lanes.every(lane => lane.idle))
  }

  close(): void {
    for (const lane of this.lanes) lane.close()
  }

  async #until(done: () => boolean): Promise<void> {
    for (;;) {
      const now = this.#client.clock.monotonicMs()
      let wakeMs = 1000
      for (const lane of this.lanes) {
        lane.tend(now)
        if (lane.failure) throw lane.failure
        if (lane.stuckSinceMs > 0 && now - lane.stuckSinceMs > this.#options.deliveryTimeoutMs)
          throw late(lane.topic, this.#options.deliveryTimeoutMs)
        wakeMs = Math.min(wakeMs, Math.max(1, lane.retryAtMs - now))
      }
      if (done()) return
      await this.#bell.wait(wakeMs)
    }
  }
}

function late(topic: string, timeoutMs: number): EngineError {
  const details = { actor: 'external', retryable: true, cause: lostConnection() } as const
  return new EngineError('08006', `Pulsar took nothing for ${topic} in ${timeoutMs} ms (delivery_timeout_ms)`, details)
}
