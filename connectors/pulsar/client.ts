import type { Clock } from '../../src/base/clock.ts'
import { EngineError, toEngineError } from '../../src/base/errors.ts'
import type { Logger } from '../../src/base/log.ts'
import { BrokerError, brokerError, Command, ServerError } from './commands.ts'
import { type Address, Connection, type Security } from './connection.ts'
import type { TopicSchema } from './schema.ts'

/** How to reach a cluster. */
export interface ClientOptions {
  readonly addresses: readonly Address[]
  readonly security: Security
}

const REDIRECTS_MAX = 10
const BACKOFF_FIRST_MS = 50
const BACKOFF_LAST_MS = 5_000

/** A wait that doubles with each failure in a row. */
export function backoffMs(failures: number): number {
  return Math.min(BACKOFF_LAST_MS, BACKOFF_FIRST_MS * 2 ** Math.min(failures, 10))
}

/** 'pulsar://host:port' or 'pulsar+ssl://host:port'; undefined where it is neither. */
export function parseAddress(url: string): Address | undefined {
  const match = /^pulsar(\+ssl)?:\/\/(?:\[([^\]]+)\]|([^\s:/,]+))(?::(\d{1,5}))?\/?$/i.exec(url.trim())
  if (!match) return undefined
  const tls = match[1] !== undefined
  return { host: match[2] ?? match[3], port: Number(match[4] ?? (tls ? 6651 : 6650)), tls }
}

/** The brokers of one cluster, one connection to each. */
export class PulsarClient {
  readonly clock: Clock
  readonly log: Logger
  readonly #options: ClientOptions
  readonly #connections = new Map<string, Promise<Connection>>()
  #nextId = 1
  #closed = false

  constructor(options: ClientOptions, clock: Clock, log: Logger) {
    this.#options = options
    this.clock = clock
    this.log = log
  }

  /** An id that no other consumer or producer of any connection has. */
  newId(): number {
    return this.#nextId++
  }

  /** How many partitions a topic has; 0 for a topic without. Throws 42P01 when it does not exist, unless the broker shall make it as it likes. */
  async partitionCount(topic: string, create = false): Promise<number> {
    const doing = `find the topic ${topic}`
    const connection = await this.#any()
    const answer = await connection.request(Command.partitionedMetadata, doing, w => w.text(1, topic).flag(6, create))
    let [partitions, response, code, message] = [0, 0, 0, '']
    for (let field = answer.next(); field; field = answer.next()) {
      if (field === 1) partitions = answer.value
      else if (field === 3) response = answer.value
      else if (field === 4) code = answer.value
      else if (field === 5) message = answer.text
    }
    if (response === 1) throw brokerError(code, doing, message)
    return partitions
  }

  /** Full names of the persistent topics of 'tenant/namespace', each partition by itself. */
  async topicsOf(namespace: string): Promise<string[]> {
    const connection = await this.#any()
    const answer = await connection.request(Command.getTopics, `list the topics of ${namespace}`, w =>
      w.text(2, namespace).number(3, 0),
    )
    const topics: string[] = []
    for (let field = answer.next(); field; field = answer.next()) if (field === 2) topics.push(answer.text)
    return topics
  }

  /** The newest schema of a topic, with its version; undefined where it has none. */
  async schemaOf(topic: string): Promise<TopicSchema | undefined> {
    const connection = await this.#any()
    const doing = `find the schema of ${topic}`
    const answer = await connection
      .request(Command.getSchema, doing, w => w.text(2, topic))
      .catch((error: unknown) => {
        // So it says of a topic without a schema, too.
        if (error instanceof BrokerError && error.code === ServerError.topicNotFound) return undefined
        throw error
      })
    if (!answer) return undefined
    let [type, data, version] = [0, '', '']
    for (let field = answer.next(); field; field = answer.next()) {
      if (field === 5) version = Buffer.from(answer.bytes.subarray(answer.start, answer.end)).toString('hex')
      else if (field === 4) {
        const schema = answer.message()
        for (let inner = schema.next(); inner; inner = schema.next()) {
          if (inner === 3) data = schema.text
          else if (inner === 4) type = schema.value
        }
      }
    }
    return { type, data, version }
  }

  /** The connection to the broker that serves a topic, which is that of a partition or one without. */
  async ownerOf(topic: string): Promise<Connection> {
    const doing = `find the broker of ${topic}`
    let connection = await this.#any()
    let authoritative = false
    for (let hop = 0; hop < REDIRECTS_MAX; hop++) {
      const from = connection
      const answer = await from.request(Command.lookup, doing, w => w.text(1, topic).flag(3, authoritative))
      let [url, urlTls, response, code, message, proxied] = ['', '', 2, 0, '', false]
      authoritative = false
      for (let field = answer.next(); field; field = answer.next()) {
        if (field === 1) url = answer.text
        else if (field === 2) urlTls = answer.text
        else if (field === 3) response = answer.value
        else if (field === 5) authoritative = answer.value === 1
        else if (field === 6) code = answer.value
        else if (field === 7) message = answer.text
        else if (field === 8) proxied = answer.value === 1
      }
      if (response === 2) throw brokerError(code, doing, message)
      const broker = this.#options.addresses[0].tls ? urlTls : url
      connection = proxied ? await this.#throughProxy(broker) : await this.#connection(parseBroker(broker), undefined)
      if (response === 1) return connection
    }
    throw new EngineError('58030', `Pulsar cannot ${doing}: ${REDIRECTS_MAX} redirects`, {
      actor: 'external',
      retryable: true,
    })
  }

  /** What `work` gives, tried again with growing pauses while it fails in a way that waiting may heal, for `timeoutMs` at most. */
  async retrying<T>(
    timeoutMs: number,
    work: () => Promise<T>,
    mayHeal = (error: EngineError): boolean => error.retryable,
  ): Promise<T> {
    const start = this.clock.monotonicMs()
    for (let failures = 0; ; failures++) {
      try {
        return await work()
      } catch (cause) {
        const error = toEngineError(cause)
        const pause = backoffMs(failures)
        if (!mayHeal(error) || this.#closed || this.clock.monotonicMs() + pause - start > timeoutMs) throw error
        this.log.info({ error: error.message }, 'trying again')
        await this.clock.sleep(pause)
      }
    }
  }

  close(): void {
    this.#closed = true
    for (const connection of this.#connections.values()) connection.then(c => c.close()).catch(() => undefined)
  }

  /** Any of the named brokers: one that is connected, else the first that can be reached. */
  async #any(): Promise<Connection> {
    let failure: unknown
    for (const address of this.#options.addresses) {
      try {
        return await this.#connection(address, undefined)
      } catch (error) {
        failure ??= error
        // A wrong token is wrong at every broker.
        if (error instanceof EngineError && !error.retryable) throw error
      }
    }
    throw failure
  }

  /** A broker that is only reached through the address given; a standalone broker says so of itself. */
  #throughProxy(broker: string): Promise<Connection> {
    const target = parseBroker(broker)
    const [first] = this.#options.addresses
    const itself = this.#options.addresses.find(a => a.host === target.host && a.port === target.port)
    return itself ? this.#connection(itself, undefined) : this.#connection(first, `${target.host}:${target.port}`)
  }

  async #connection(address: Address, proxyTo: string | undefined): Promise<Connection> {
    if (this.#closed) throw new EngineError('08003', 'the connection to Pulsar is closed')
    const key = `${address.host}:${address.port} ${proxyTo ?? ''}`
    const known = this.#connections.get(key)
    if (
      known &&
      !(await known.then(
        c => c.failed,
        () => true,
      ))
    )
      return known
    // Somebody else may have begun a new one while this waited.
    const begun = this.#connections.get(key)
    if (begun && begun !== known) return begun
    const opening = Connection.open(address, this.#options.security, proxyTo)
    this.#connections.set(key, opening)
    const connection = await opening
    if (this.#closed) connection.close()
    return connection
  }
}

function parseBroker(url: string): Address {
  const address = parseAddress(url)
  if (address) return address
  const hint =
    url === '' ? 'The broker offers no address for this kind of connection: try pulsar:// or pulsar+ssl://.' : undefined
  throw new EngineError('58030', `Pulsar names a broker at "${url}", which is no address`, { actor: 'external', hint })
}
