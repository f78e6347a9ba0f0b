import { assert } from '../../src/base/assert.ts'
import type { Batch } from '../../src/batch/batch.ts'
import type { EncodedRecords, Prepared, Sink, SinkContext } from '../../src/connector.ts'
import { Appender } from '../../src/log/appender.ts'
import { type Log, openLog } from '../../src/log/log.ts'
import type { Staging } from '../../src/log/staging.ts'
import type { Topic } from '../../src/log/topics.ts'
import { type EmbeddedOptions, toEmbeddedOptions } from './options.ts'

/** Rows are put on disk from this size on, so that memory stays bounded however long an epoch is. */
const FLUSH_BYTES = 4 << 20

interface Opened {
  readonly log: Log
  readonly topic: Topic
  readonly staging: Staging
  readonly appender: Appender
}

/**
 * Writes a topic. Exactly once: rows are staged on disk as they come, in a round of the sink's own counting, and a commit
 * gives the round its place in the topic and marks it done, in one transaction. A job has one sink for a topic.
 */
export class EmbeddedSink implements Sink {
  readonly #context: SinkContext
  readonly #options: EmbeddedOptions
  #opened: Opened | undefined
  #round = 0
  #wrote = false

  constructor(context: SinkContext) {
    this.#context = context
    this.#options = toEmbeddedOptions(context.options)
  }

  async open(recovered: Prepared | undefined): Promise<void> {
    const { dataDir, job, clock } = this.#context
    const { topic: name, spec } = this.#options
    const log = openLog(dataDir)
    const topic = await log.ensureTopic(name, spec, clock)
    const staging = log.staging(`${job}/${name}`)
    this.#opened = { log, topic, staging, appender: new Appender(topic) }
    const round = recovered === undefined ? -1 : roundOf(recovered)
    if (round >= 0) await staging.commit(topic, round)
    await staging.discard()
    this.#round = Math.max(round, staging.committedRound) + 1
  }

  async write(batch: Batch): Promise<void> {
    const { appender } = this.#expectOpened()
    addRecords(appender, this.#context.encoder.encode(batch), this.#context.clock.nowMs())
    if (appender.byteCount >= FLUSH_BYTES || this.#options.delivery === 'at_least_once') await this.#flush()
  }

  async prepare(): Promise<Prepared | undefined> {
    await this.#flush()
    if (!this.#wrote) return undefined
    this.#wrote = false
    return { round: this.#round++ }
  }

  async commit(prepared: Prepared): Promise<void> {
    const { staging, topic } = this.#expectOpened()
    await staging.commit(topic, roundOf(prepared))
  }

  async close(): Promise<void> {
    const opened = this.#opened
    this.#opened = undefined
    await opened?.log.close()
  }

  async #flush(): Promise<void> {
    const { appender, staging, topic, log } = this.#expectOpened()
    const blocks = appender.take()
    if (blocks.length === 0) return
    if (this.#options.delivery === 'at_least_once') return await log.appendBlocks(topic, blocks)
    await staging.stage(topic, this.#round, blocks)
    this.#wrote = true
  }

  #expectOpened(): Opened {
    assert(this.#opened !== undefined, 'the sink is open')
    return this.#opened
  }
}

function roundOf(prepared: Prepared): number {
  assert(typeof prepared.round === 'number', 'prepared by this sink')
  return prepared.round
}

function addRecords(appender: Appender, records: EncodedRecords, nowMs: number): void {
  const { count, bytes, offsets, deleted, keyBytes = bytes, keyOffsets } = records
  for (let i = 0; i < count; i++) {
    const gone = deleted !== undefined && deleted[i] === 1
    const keyStart = keyOffsets ? keyOffsets[i] : -1
    const keyEnd = keyOffsets ? keyOffsets[i + 1] : -1
    appender.add(nowMs, keyBytes, keyStart, keyEnd, bytes, gone ? -1 : offsets[i], gone ? -1 : offsets[i + 1])
  }
}
