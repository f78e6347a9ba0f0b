import type { Clock } from '../../src/base/clock.ts'
import { EngineError } from '../../src/base/errors.ts'
import type { Logger } from '../../src/base/log.ts'
import { type Api, Connection, type ConnectionOwner, type Security } from './connection.ts'
import { brokerError, Code, isRetryable } from './error-codes.ts'
import type { Reader, Writer } from './wire.ts'

/** How to reach a cluster. */
export interface ClusterOptions {
  readonly brokers: readonly { readonly host: string; readonly port: number }[]
  readonly security: Security
  readonly clientId: string
}

/** Partitions of a topic by number; `leader` −1 while none is elected. */
export interface TopicMetadata {
  readonly name: string
  readonly internal: boolean
  readonly leaders: readonly number[]
}

export interface Metadata {
  readonly controller: number
  /** Only topics that exist and may be read by this user. */
  readonly topics: ReadonlyMap<string, TopicMetadata>
}

const METADATA: Api = { name: 'Metadata', key: 3, version: 9, flexible: true }
const FIND_COORDINATOR: Api = { name: 'FindCoordinator', key: 10, version: 3, flexible: true }

const BACKOFF_FIRST_MS = 50
const BACKOFF_LAST_MS = 2_000

/** A wait that doubles with each failure in a row. */
export function backoffMs(failures: number): number {
  return Math.min(BACKOFF_LAST_MS, BACKOFF_FIRST_MS * 2 ** Math.min(failures, 10))
}

/** The brokers of one cluster, and one shared connection to each for requests that are answered at once. */
export class Cluster {
  readonly options: ClusterOptions
  readonly clock: Clock
  readonly log: Logger
  readonly #connections = new Map<string, Promise<Connection>>()
  readonly #coordinators = new Map<string, number>()
  #brokers: ReadonlyMap<number, { host: string; port: number }> = new Map()
  readonly #owner: ConnectionOwner
  #closed = false

  constructor(options: ClusterOptions, clock: Clock, log: Logger) {
    const { security, clientId } = options
    this.#owner = { security, clientId, clock }
    this.options = options
    this.clock = clock
    this.log = log
  }

  /** Where the topics' partitions are. 'all': every topic of the cluster. Asks whichever broker answers. */
  async metadata(topics: readonly string[] | 'all'): Promise<Metadata> {
    const connection = await this.any()
    const reader = await connection.request(METADATA, w => {
      if (topics === 'all') w.uvarint(0)
      else w.compactArray(topics, topic => w.compactString(topic).tags())
      w.bool(false).bool(false).bool(false).tags()
    })
    return this.#readMetadata(reader)
  }

  /** The shared connection to any broker: one that is open, else the first that can be reached. */
  async any(): Promise<Connection> {
    const known = [...this.#brokers.values(), ...this.options.brokers]
    let failure: unknown
    const tried = new Set<string>()
    for (const { host, port } of known) {
      const address = `${host}:${port}`
      if (tried.has(address)) continue
      tried.add(address)
      try {
        return await this.#shared(host, port)
      } catch (error) {
        failure ??= error
        // A wrong password is wrong at every broker, and trying all may lock the account.
        if (error instanceof EngineError && !error.retryable) throw error
      }
    }
    throw failure
  }

  async broker(id: number): Promise<Connection> {
    const { host, port } = this.#addressOf(id)
    return this.#shared(host, port)
  }

  /** A connection of the caller's own, for long polls: a broker serves one request of a connection at a time. */
  async dedicated(id: number): Promise<Connection> {
    const { host, port } = this.#addressOf(id)
    const connection = await Connection.open(host, port, this.#owner)
    if (this.#closed) connection.close()
    return connection
  }

  /** The broker that keeps a group's offsets or a transactional id's state. Throws retryable errors until one is there. */
  async coordinator(kind: 'group' | 'transaction', key: string): Promise<Connection> {
    const known = this.#coordinators.get(`${kind} ${key}`)
    if (known !== undefined) return this.broker(known)
    const connection = await this.any()
    const reader = await connection.request(FIND_COORDINATOR, w =>
      w
        .compactString(key)
        .int8(kind === 'group' ? 0 : 1)
        .tags(),
    )
    reader.int32()
    const code = reader.int16()
    const message = reader.compactNullableString()
    if (code !== Code.none) throw brokerError(code, `find the coordinator of ${kind} ${key}`, message)
    const id = reader.int32()
    const [host, port] = [reader.compactString(), reader.int32()]
    this.#brokers = new Map([...this.#brokers, [id, { host, port }]])
    this.#coordinators.set(`${kind} ${key}`, id)
    return this.broker(id)
  }

  /**
   * One request to a coordinator, whose answer `read` turns into a value or an error code in `code`. Repeats while waiting may
   * help, at most `timeoutMs`; then throws that error.
   */
  async askCoordinator<T>(
    kind: 'group' | 'transaction',
    key: string,
    api: Api,
    doing: string,
    timeoutMs: number,
    write: (writer: Writer) => void,
    read: (reader: Reader) => { readonly code: number; readonly value: T },
  ): Promise<{ readonly code: number; readonly value: T }> {
    return this.retrying(timeoutMs, async () => {
      try {
        const connection = await this.coordinator(kind, key)
        const answer = read(await connection.request(api, write))
        if (isRetryable(answer.code)) throw brokerError(answer.code, doing)
        return answer
      } catch (error) {
        this.#coordinators.delete(`${kind} ${key}`)
        throw error
      }
    })
  }

  /** Coordinators may have moved: ask again. */
  forgetCoordinators(): void {
    this.#coordinators.clear()
  }

  /** Runs `attempt` again, with growing waits, while it throws retryable errors and `timeoutMs` has not passed. */
  async retrying<T>(timeoutMs: number, attempt: () => Promise<T>): Promise<T> {
    const start = this.clock.monotonicMs()
    for (let failures = 0; ; failures++) {
      try {
        return await attempt()
      } catch (error) {
        const late = this.clock.monotonicMs() - start > timeoutMs
        if (this.#closed || late || !(error instanceof EngineError && error.retryable)) throw error
        if (failures === 4) this.log.warn({ error: error.message }, 'Kafka does not answer as hoped; trying on')
        await this.clock.sleep(backoffMs(Math.min(failures, 4)))
      }
    }
  }

  close(): void {
    this.#closed = true
    for (const opening of this.#connections.values())
      opening.then(
        connection => connection.close(),
        () => undefined, // It never opened.
      )
    this.#connections.clear()
  }

  async #shared(host: string, port: number): Promise<Connection> {
    const address = `${host}:${port}`
    const before = this.#connections.get(address)
    if (before) {
      const connection = await before
      if (!connection.failed) return connection
    }
    if (this.#connections.get(address) === before) {
      const opening = Connection.open(host, port, this.#owner)
      this.#connections.set(address, opening)
      opening.then(
        connection => this.#closed && connection.close(),
        () => this.#connections.get(address) === opening && this.#connections.delete(address),
      )
    }
    return this.#connections.get(address) ?? this.#shared(host, port)
  }

  #addressOf(id: number): { host: string; port: number } {
    const address = this.#brokers.get(id)
    if (address) return address
    const details = { actor: 'external', retryable: true } as const
    throw new EngineError('08006', `Kafka broker ${id} is not there now`, details)
  }

  #readMetadata(reader: Reader): Metadata {
    reader.int32()
    const brokers = reader.compactArray(() => {
      const id = reader.int32()
      const address = { host: reader.compactString(), port: reader.int32() }
      reader.compactNullableString()
      reader.tags()
      return [id, address] as const
    })
    this.#brokers = new Map(brokers)
    reader.compactNullableString()
    const controller = reader.int32()
    const topics = new Map<string, TopicMetadata>()
    reader.compactArray(() => {
      const code = reader.int16()
      const name = reader.compactString()
      const internal = reader.bool()
      const leaders: number[] = []
      reader.compactArray(() => {
        reader.int16()
        const partition = reader.int32()
        leaders[partition] = reader.int32()
        reader.int32()
        for (let list = 0; list < 3; list++) reader.compactArray(() => reader.int32())
        reader.tags()
      })
      reader.int32()
      reader.tags()
      if (code === Code.none || code === Code.leaderNotAvailable) topics.set(name, { name, internal, leaders })
      else if (code !== Code.unknownTopicOrPartition) throw brokerError(code, `read where topic ${name} is`)
    })
    return { controller, topics }
  }
}
