import { appendBlock } from './append-block.ts'
import type { PendingBlock } from './appender.ts'
import type { Environment, LogKey } from './environment.ts'
import { partitionState, type Topic } from './topics.ts'

/**
 * What one sink has written and not made visible yet. A round is what becomes visible together; rounds of a sink only go up.
 * Committing gives the blocks their offsets and notes the round in the same transaction: that is exactly once.
 */
export class Staging {
  readonly #env: Environment
  readonly #sink: string
  #count = 0

  constructor(env: Environment, sink: string) {
    this.#env = env
    this.#sink = sink
  }

  /** The newest round made visible, or −1. */
  get committedRound(): number {
    this.#env.refresh()
    return this.#marked()
  }

  /** Durable when it resolves, and seen by nobody. */
  stage(topic: Topic, round: number, blocks: readonly PendingBlock[]): Promise<void> {
    return this.#env.commit(() => {
      for (const { partition, count, stored } of blocks) {
        this.#env.staged.putSync([this.#sink, round, this.#count++, topic.id, partition, count], stored)
      }
    })
  }

  /** Makes a round visible in `topic`. Nothing happens when it was already. Blocks for an earlier topic of that name are dropped with it. */
  commit(topic: Topic, round: number): Promise<void> {
    return this.#env.commit(() => {
      if (this.#marked() >= round) return
      partitionState(this.#env, topic, 0)
      for (const key of this.#keys([this.#sink, round], [this.#sink, round + 1])) {
        const [, , , topicId, partition, count] = key.map(Number)
        const stored = topicId === topic.id ? this.#env.staged.getBinary(key) : undefined
        if (stored) appendBlock(this.#env, topic, { partition, count, stored })
        this.#env.staged.removeSync(key)
      }
      this.#env.meta.putSync(['marker', this.#sink], round)
    })
  }

  /** Drops whatever waits: rounds no checkpoint knows of. */
  discard(): Promise<void> {
    return this.#env.commit(() => {
      for (const key of this.#keys([this.#sink], [this.#sink, Infinity])) this.#env.staged.removeSync(key)
    })
  }

  #marked(): number {
    const round = this.#env.meta.get(['marker', this.#sink])
    return typeof round === 'number' ? round : -1
  }

  #keys(start: LogKey, end: LogKey): LogKey[] {
    return [...this.#env.staged.getKeys({ start, end })]
  }
}
