import type { Clock } from '../../src/base/clock.ts'
import { type EngineError, toEngineError } from '../../src/base/errors.ts'
import type { Logger } from '../../src/base/log.ts'
import { type Address, Connection, type Login, type Receiver, type Security } from './connection.ts'

/** Who uses a link. Calls must not throw. */
export interface LinkUser extends Receiver {
  /** After `opened`: subscribes, say. What it throws counts as if the broker had not let us in. */
  ready(connection: Connection): Promise<void>
  /** The broker cannot be had, and waiting does not help: nothing more comes. */
  failed(error: EngineError): void
}

export interface LinkOptions {
  readonly addresses: readonly Address[]
  readonly security: Security
  readonly login: Login
  /** The broker keeps the session while we are away. */
  readonly durable: boolean
}

const BACKOFF_FIRST_MS = 100
const BACKOFF_LAST_MS = 10_000

const NOBODY: Receiver = { opened: () => {}, packet: () => {}, lost: () => {} }

/** A connection that comes back: when it is lost, the addresses are tried in turn, with growing pauses. */
export class Link {
  readonly #options: LinkOptions
  readonly #user: LinkUser
  readonly #clock: Clock
  readonly #log: Logger
  readonly #stop = new AbortController()
  #connection: Connection | undefined
  #addressTurn = 0

  constructor(options: LinkOptions, user: LinkUser, context: { readonly clock: Clock; readonly log: Logger }) {
    this.#options = options
    this.#user = user
    this.#clock = context.clock
    this.#log = context.log
  }

  /** Undefined while there is none. */
  get connection(): Connection | undefined {
    return this.#connection
  }

  /** The first connection; throws where no address can be had. `fresh`: nothing of an earlier session is wanted. */
  async open(fresh: boolean): Promise<void> {
    let failure: unknown
    for (const _ of this.#options.addresses) {
      try {
        return await this.#connect(fresh)
      } catch (error) {
        failure = error
      }
    }
    throw failure
  }

  /** Connects as soon as it can be. */
  openLater(): void {
    void this.#reconnect()
  }

  close(): void {
    this.#stop.abort()
    this.#connection?.close()
    this.#connection = undefined
  }

  async #connect(fresh: boolean): Promise<void> {
    const { addresses, security, login, durable } = this.#options
    const address = addresses[this.#addressTurn++ % addresses.length]
    // MQTT 3.1.1 can only forget a session by opening one that is not to be kept; and a session that began clean mosquitto 2.0
    // never stores, whatever expiry MQTT 5 gave it.
    if (fresh && durable) {
      const passing = { ...login, sessionExpirySeconds: 0 }
      const before = await Connection.open(address, security, passing, true, NOBODY, this.#clock)
      before.close()
    }
    let ready = false
    const receiver: Receiver = {
      opened: connection => this.#user.opened(connection),
      packet: (...packet) => this.#user.packet(...packet),
      lost: why => {
        this.#user.lost(why)
        if (ready) this.#lost(why)
      },
    }
    const connection = await Connection.open(address, security, login, !durable, receiver, this.#clock)
    try {
      await this.#user.ready(connection)
      ready = true
    } finally {
      if (!ready || this.#stop.signal.aborted) connection.close()
    }
    if (!this.#stop.signal.aborted) this.#connection = connection
  }

  #lost(why: EngineError): void {
    this.#connection = undefined
    if (this.#stop.signal.aborted) return
    if (why.retryable) {
      this.#log.warn({ error: why.message }, 'connecting to the MQTT broker again')
      void this.#reconnect()
    } else this.#user.failed(why)
  }

  async #reconnect(): Promise<void> {
    const { signal } = this.#stop
    for (let failures = 0; !signal.aborted; failures++) {
      try {
        await this.#connect(false)
        if (failures > 0) this.#log.info({}, 'the MQTT broker is back')
        return
      } catch (cause) {
        const error = toEngineError(cause)
        if (!error.retryable) return this.#user.failed(error)
        if (failures === 0) this.#log.warn({ error: error.message }, 'the MQTT broker is away; trying again')
      }
      await this.#clock.sleep(Math.min(BACKOFF_LAST_MS, BACKOFF_FIRST_MS * 2 ** Math.min(failures, 10)), signal)
    }
  }
}
