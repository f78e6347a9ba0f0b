import type { Delivery } from './delivery.ts'
import type { OutgoingMessage } from './entry-writer.ts'
import type { TopicProducer } from './producer.ts'

/** At least once: visible at once, and again after a crash. */
export class PlainDelivery implements Delivery {
  readonly #producer: TopicProducer

  constructor(producer: TopicProducer) {
    this.#producer = producer
  }

  open(): Promise<void> {
    return this.#producer.open()
  }

  async begin(): Promise<void> {}

  append(partition: number, message: OutgoingMessage): boolean {
    return this.#producer.append(partition, message)
  }

  room(): Promise<void> {
    return this.#producer.room()
  }

  async prepare(): Promise<undefined> {
    await this.#producer.flush()
  }

  async commit(): Promise<void> {}

  async close(): Promise<void> {
    this.#producer.close()
  }
}
