import { Bell } from '../../src/base/bell.ts'
import { EngineError, toEngineError } from '../../src/base/errors.ts'
import { BatchWriter, type Beside, type ProducerIdentity, type SealedBatch, stamp } from './batch-writer.ts'
import { backoffMs, type Cluster } from './cluster.ts'
import type { Codec } from './compression.ts'
import type { Api, Connection } from './connection.ts'
import { brokerError, Code, isRetryable } from './error-codes.ts'
import { groupBy } from './offsets.ts'
import type { Reader } from './wire.ts'

/** Version 12 brings transactions that need no registration of partitions. */
export const PRODUCE: Api = { name: 'Produce', key: 0, version: 12, flexible: true }

/** The broker remembers a producer's last five batches of a partition: with more under way a repetition could not be told. */
const IN_FLIGHT_MAX = 5
const REQUEST_BYTES_MAX = 4 << 20
const ACK_TIMEOUT_MS = 20_000

export interface ProducerSettings {
  readonly topic: string
  readonly codec: Codec
  readonly transactionalId: string | undefined
  readonly bufferBytesMax: number
  readonly deliveryTimeoutMs: number
  /** For producers without transactions: a new identity when the broker has forgotten the old one. */
  readonly renew?: () => Promise<ProducerIdentity>
}

interface Lane {
  readonly partition: number
  leader: number
  readonly writer: BatchWriter
  /** Not acknowledged, in their order; the first `sent` are under way. */
  batches: SealedBatch[]
  sent: number
  /** A batch of it failed: nothing more is sent until all under way have come back, then all go again in their order. */
  failing: boolean
  sequence: number
  failures: number
  failingSinceMs: number
  retryAtMs: number
}

interface Link {
  connection: Promise<Connection>
  inFlight: number
}

/**
 * Writes record batches to the partitions of one topic, in order and each once: the broker drops what it has by producer id
 * and sequence, so whatever was not acknowledged is simply sent again. A batch leaves when it is full or when nothing is under
 * way to its broker: alone under little load, full under much, with no linger to choose.
 */
export class Producer {
  readonly #cluster: Cluster
  readonly #settings: ProducerSettings
  readonly #lanes: Lane[]
  readonly #links = new Map<number, Link>()
  readonly #bell: Bell
  readonly #spare: Uint8Array<ArrayBuffer>[] = []
  #identity: ProducerIdentity
  #identityLost = false
  #held = false
  #leadersStale = false
  #failure: EngineError | undefined
  #sealedBytes = 0

  constructor(cluster: Cluster, settings: ProducerSettings, leaders: readonly number[], identity: ProducerIdentity) {
    this.#cluster = cluster
    this.#settings = settings
    this.#identity = identity
    this.#bell = new Bell(cluster.clock)
    const state = { sent: 0, failing: false, sequence: 0, failures: 0, failingSinceMs: 0, retryAtMs: 0 }
    this.#lanes = leaders.map((leader, partition) => ({
      partition,
      leader,
      writer: new BatchWriter(),
      batches: [],
      ...state,
    }))
  }

  get partitionCount(): number {
    return this.#lanes.length
  }

  /** Adds a record to its partition; true when that filled a batch. */
  append(
    partition: number,
    key: Uint8Array | undefined,
    keyStart: number,
    keyEnd: number,
    value: Uint8Array,
    valueStart: number,
    valueEnd: number,
    beside?: Beside,
  ): boolean {
    const lane = this.#lanes[partition]
    if (lane.writer.append(key, keyStart, keyEnd, value, valueStart, valueEnd, beside)) return false
    this.#seal(lane)
    this.#pump()
    lane.writer.append(key, keyStart, keyEnd, value, valueStart, valueEnd, beside)
    return true
  }

  /** Sends what can be sent; waits while more than `bufferBytesMax` is not acknowledged. */
  async room(): Promise<void> {
    if (this.#held) {
      if (this.#sealedBytes < this.#settings.bufferBytesMax) return
      const hint = 'Commit the checkpoint before writing more, or raise buffer_memory.'
      throw new EngineError('53200', 'buffer_memory is full of output behind a checkpoint that is not committed', {
        hint,
      })
    }
    await this.#until(() => this.#sealedBytes < this.#settings.bufferBytesMax)
  }

  /** Waits until everything is acknowledged by all replicas in sync. */
  async flush(): Promise<void> {
    await this.#until(() => this.#lanes.every(lane => lane.batches.length === 0 && lane.writer.count === 0))
  }

  /** Keeps what is added in memory until `identify`: it belongs to the next transaction. Only after a flush. */
  hold(): void {
    this.#held = true
  }

  /** Goes on with a new identity, as whom everything not acknowledged is sent; sequences begin anew. */
  identify(identity: ProducerIdentity): void {
    this.#identity = identity
    this.#held = false
    for (const lane of this.#lanes) {
      lane.sequence = 0
      for (const batch of lane.batches) batch.sequence = -1
    }
    this.#pump()
  }

  close(): void {
    this.#failure ??= new EngineError('08006', 'the Kafka sink is closed')
    for (const link of this.#links.values())
      link.connection.then(
        connection => connection.close(),
        () => undefined, // It never opened.
      )
  }

  async #until(done: () => boolean): Promise<void> {
    for (;;) {
      if (this.#failure) throw this.#failure
      this.#pump()
      if (done()) return
      if (this.#leadersStale) await this.#findLeaders()
      if (this.#identityLost && this.#lanes.every(lane => lane.sent === 0)) await this.#renewIdentity()
      const now = this.#cluster.clock.monotonicMs()
      const retries = this.#lanes.filter(lane => lane.retryAtMs > now).map(lane => lane.retryAtMs - now)
      if (!this.#underWay() && retries.length === 0) continue
      await this.#bell.wait(Math.min(1000, ...retries))
    }
  }

  #underWay(): boolean {
    for (const link of this.#links.values()) if (link.inFlight > 0) return true
    return false
  }

  #seal(lane: Lane): void {
    const { codec, transactionalId } = this.#settings
    const now = this.#cluster.clock.nowMs()
    const batch = lane.writer.seal(codec, transactionalId !== undefined, now, this.#spare.pop())
    lane.batches.push(batch)
    this.#sealedBytes += batch.bytes.length
  }

  /** Sends one batch of each partition at a time while brokers take more. */
  #pump(): void {
    if (this.#failure || this.#identityLost || this.#held) return
    const now = this.#cluster.clock.monotonicMs()
    for (const [leader, lanes] of groupBy(this.#lanes, lane => lane.leader)) {
      if (leader < 0) {
        if (lanes.some(lane => lane.batches.length > 0 || lane.writer.count > 0)) this.#leadersStale = true
        continue
      }
      while ((this.#links.get(leader)?.inFlight ?? 0) < IN_FLIGHT_MAX && this.#sendOne(leader, lanes, now));
    }
  }

  #sendOne(leader: number, lanes: readonly Lane[], nowMs: number): boolean {
    const parts: { lane: Lane; batch: SealedBatch }[] = []
    const quiet = (this.#links.get(leader)?.inFlight ?? 0) === 0
    let bytes = 0
    for (const lane of lanes) {
      if (lane.failing || lane.retryAtMs > nowMs) continue
      if (quiet && lane.batches.length === lane.sent && lane.writer.count > 0) this.#seal(lane)
      const batch = lane.batches[lane.sent]
      if (!batch || (bytes > 0 && bytes + batch.bytes.length > REQUEST_BYTES_MAX)) continue
      if (batch.sequence < 0) {
        stamp(batch, this.#identity, lane.sequence)
        lane.sequence = (lane.sequence + batch.count) % 0x80000000
      }
      parts.push({ lane, batch })
      bytes += batch.bytes.length
      lane.sent++
    }
    if (parts.length === 0) return false
    this.#send(leader, parts)
    return true
  }

  #send(leader: number, parts: readonly { lane: Lane; batch: SealedBatch }[]): void {
    const link = this.#links.get(leader) ?? { connection: this.#cluster.dedicated(leader), inFlight: 0 }
    this.#links.set(leader, link)
    link.inFlight++
    const { topic, transactionalId } = this.#settings
    link.connection
      .then(connection =>
        connection.request(connection.negotiate(PRODUCE, transactionalId === undefined ? 9 : PRODUCE.version), w => {
          w.compactString(transactionalId ?? null)
            .int16(-1)
            .int32(ACK_TIMEOUT_MS)
          w.compactArray([topic], () => {
            w.compactString(topic)
            w.compactArray(parts, ({ lane, batch }) => w.int32(lane.partition).compactBytes(batch.bytes).tags())
            w.tags()
          })
          w.tags()
        }),
      )
      .then(
        reader => {
          link.inFlight--
          const codes = readProduced(reader)
          for (const { lane, batch } of parts) {
            const answer = codes.get(lane.partition) ?? { code: -1, message: null }
            this.#answered(lane, batch, answer.code, answer.message)
          }
        },
        (cause: unknown) => {
          link.inFlight--
          // A new connection, once: the other requests of the old one fail after this.
          if (this.#links.get(leader) === link) this.#links.delete(leader)
          link.connection.then(
            connection => connection.close(),
            () => undefined, // It never opened; that is the cause at hand.
          )
          const error = toEngineError(cause)
          if (!error.retryable) this.#failure ??= error
          for (const { lane } of parts) this.#retry(lane, error)
        },
      )
      .finally(() => {
        this.#pump()
        this.#bell.ring()
      })
  }

  #answered(lane: Lane, batch: SealedBatch, code: number, message: string | null): void {
    if (code === Code.none || code === Code.duplicateSequence) {
      lane.batches.splice(lane.batches.indexOf(batch), 1)
      lane.sent--
      lane.failures = 0
      lane.failingSinceMs = 0
      this.#sealedBytes -= batch.bytes.length
      if (this.#spare.length < 2 * IN_FLIGHT_MAX && this.#settings.codec === 'none')
        this.#spare.push(new Uint8Array(batch.bytes.buffer))
      if (lane.failing && lane.sent === 0) lane.failing = false
      return
    }
    const where = `${this.#settings.topic}/${lane.partition}`
    if (code === Code.messageTooLarge || code === Code.recordListTooLarge) {
      const large = batch.count === 1 ? 'a record' : `a batch of ${batch.count} records`
      const hint = `Raise max.message.bytes of the topic above ${batch.bytes.length}, or set compression.`
      const text = `${large} of ${batch.bytes.length} bytes is larger than topic ${this.#settings.topic} takes`
      this.#failure ??= new EngineError('54000', text, { actor: 'external', hint })
    }
    const error = brokerError(code, `write to ${where}`, message)
    // Behind a batch that failed, this one came out of order and is sent again after it.
    const follower = code === Code.outOfOrderSequence && (lane.failing || lane.batches[0] !== batch)
    const forgotten =
      code === Code.outOfOrderSequence || code === Code.unknownProducerId || code === Code.invalidProducerEpoch
    if (!follower && forgotten && this.#settings.renew) this.#identityLost = true
    else if (!follower && !isRetryable(code)) this.#failure ??= error
    this.#retry(lane, error)
  }

  #retry(lane: Lane, error: EngineError): void {
    const now = this.#cluster.clock.monotonicMs()
    if (!lane.failing && lane.failures === 0) lane.failingSinceMs = now
    lane.failing = true
    if (now - lane.failingSinceMs > this.#settings.deliveryTimeoutMs) this.#failure ??= error
    // Counted down by each of the batches that were under way.
    lane.sent--
    if (lane.sent > 0) return
    lane.failing = false
    lane.retryAtMs = now + backoffMs(lane.failures++)
    this.#leadersStale = true
    if (lane.failures === 1)
      this.#cluster.log.info({ partition: lane.partition, error: error.message }, 'writing to Kafka again')
  }

  async #findLeaders(): Promise<void> {
    this.#leadersStale = false
    try {
      const known = (await this.#cluster.metadata([this.#settings.topic])).topics.get(this.#settings.topic)
      for (const lane of this.#lanes) lane.leader = known?.leaders[lane.partition] ?? -1
    } catch (error) {
      const failure = toEngineError(error)
      if (!failure.retryable) throw failure
      await this.#cluster.clock.sleep(100)
    }
    const now = this.#cluster.clock.monotonicMs()
    for (const lane of this.#lanes) {
      if (lane.leader >= 0 || lane.retryAtMs > now) continue
      lane.failingSinceMs ||= now
      lane.retryAtMs = now + backoffMs(lane.failures++)
      if (now - lane.failingSinceMs > this.#settings.deliveryTimeoutMs) {
        throw brokerError(Code.leaderNotAvailable, `write to ${this.#settings.topic}/${lane.partition}`)
      }
    }
  }

  /** Nothing is under way: everything left gets the new identity, in its order. */
  async #renewIdentity(): Promise<void> {
    if (!this.#settings.renew) return
    const identity = await this.#settings.renew()
    this.#identityLost = false
    this.identify(identity)
  }
}

function readProduced(reader: Reader): Map<number, { code: number; message: string | null }> {
  const codes = new Map<number, { code: number; message: string | null }>()
  reader.compactArray(() => {
    reader.compactString()
    reader.compactArray(() => {
      const partition = reader.int32()
      const code = reader.int16()
      reader.at += 24 // First offset, append time, log start.
      const details = reader.compactArray(() => {
        reader.int32()
        const message = reader.compactNullableString()
        reader.tags()
        return message
      })
      codes.set(partition, { code, message: reader.compactNullableString() ?? details[0] ?? null })
      reader.tags()
    })
    reader.tags()
  })
  return codes
}
