import { connect as connectTcp, type Socket, type SocketConstructorOpts } from 'node:net'
import { type ConnectionOptions, connect as connectTls, type SecureContext } from 'node:tls'
import type { Clock } from '../../src/base/clock.ts'
import { EngineError } from '../../src/base/errors.ts'
import { brokerError } from './error-codes.ts'
import { RENEWAL } from './oauth.ts'
import { authenticate, type Sasl } from './sasl.ts'
import { Reader, Writer } from './wire.ts'

/** A request type at the version this client speaks. */
export interface Api {
  readonly name: string
  readonly key: number
  readonly version: number
  /** Versions since about 2020 have compact lengths and tagged fields, also in the header. */
  readonly flexible: boolean
}

/** How to reach and talk to any broker of a cluster. */
export interface Security {
  /** Whom to trust, and what to show for oneself; undefined: no TLS. */
  readonly tls: SecureContext | undefined
  readonly sasl: Sasl | undefined
}

/** Memory for large answers, used again for each: grows to the largest, at most `RESPONSE_BYTES_MAX`. */
export class ResponseBuffer {
  bytes = new Uint8Array(0)

  atLeast(size: number): Uint8Array {
    // A quarter more, so that a slowly growing size does not allocate each time.
    if (this.bytes.length < size) this.bytes = new Uint8Array(size + (size >>> 2))
    return this.bytes
  }
}

/** What a broker offers: the newest version by request key, and the finalized feature levels by name. */
export interface BrokerAbilities {
  readonly versions: ReadonlyMap<number, { readonly min: number; readonly max: number }>
  readonly features: ReadonlyMap<string, number>
}

/** A length above this is no Kafka answer (a TLS alert read as a length, say), and nothing to allocate. */
const RESPONSE_BYTES_MAX = 256 << 20
const SCRATCH_BYTES = 64 << 10
const CONNECT_TIMEOUT_MS = 10_000
/** Longer than any wait asked of a broker. */
const REQUEST_TIMEOUT_MS = 30_000
const API_VERSIONS: Api = { name: 'ApiVersions', key: 18, version: 3, flexible: true }

interface Waiting {
  readonly api: Api
  readonly correlation: number
  readonly into: ResponseBuffer | undefined
  resolve(reader: Reader): void
  reject(error: EngineError): void
}

/** To whom a connection belongs. */
export interface ConnectionOwner {
  readonly security: Security
  readonly clientId: string
  readonly clock: Clock
}

/**
 * One connection to one broker. Requests are answered in their order, so several may be under way. The socket reads straight
 * into memory used again (`onread`): three times less work than 'data' events and joining chunks.
 */
export class Connection {
  readonly address: string
  #abilities: BrokerAbilities = { versions: new Map(), features: new Map() }
  readonly #socket: Socket
  readonly #owner: ConnectionOwner
  readonly #waiting: Waiting[] = []
  #correlation = 0
  /** Has answered more than what anybody may ask. */
  #useful = false
  #failure: EngineError | undefined
  /** When to log in again: a broker closes connections whose session has ended. */
  #loginAtMs = Number.POSITIVE_INFINITY
  /** Requests, in their order, that wait for a login which is under way. */
  #held: (() => void)[] | undefined
  /** The start of the next answer, and small answers whole. */
  readonly #scratch = new Uint8Array(SCRATCH_BYTES)
  #scratchFilled = 0
  /** A large answer under way: the rest of it is read in place. */
  #large: { readonly bytes: Uint8Array; readonly size: number; filled: number } | undefined

  private constructor(host: string, port: number, owner: ConnectionOwner, onConnect: () => void) {
    const { security } = owner
    this.address = `${host}:${port}`
    this.#owner = owner
    const onread = {
      buffer: () => this.#target(),
      callback: (count: number): boolean => this.#received(count),
    }
    // The types of tls.connect do not mention onread, which it takes as net.connect does.
    const tls: ConnectionOptions & Pick<SocketConstructorOpts, never> & { onread: typeof onread } = {
      host,
      port,
      onread,
    }
    const servername = /^[\d.:]+$/.test(host) ? undefined : host
    this.#socket = security.tls
      ? connectTls({ ...tls, servername, secureContext: security.tls }, onConnect)
      : connectTcp({ host, port, onread }, onConnect)
    this.#socket.setNoDelay(true)
    this.#socket.on('error', error => this.#fail(this.#lost(error.message, error)))
    this.#socket.on('close', () => this.#fail(this.#lost('closed by the broker')))
    this.#socket.on('timeout', () => {
      if (this.#waiting.length > 0) this.#socket.destroy(new Error('no answer in time'))
    })
  }

  /** Connects, asks what the broker can do, and authenticates. Throws EngineError 08001 where nobody answers. */
  static async open(host: string, port: number, owner: ConnectionOwner): Promise<Connection> {
    const opened = Promise.withResolvers<void>()
    const connection = new Connection(host, port, owner, opened.resolve)
    const socket = connection.#socket
    socket.once('close', () => opened.reject(connection.#failure))
    socket.setTimeout(CONNECT_TIMEOUT_MS)
    const onTimeout = (): void => void socket.destroy(new Error('no answer in time'))
    socket.once('timeout', onTimeout)
    try {
      await opened.promise
      socket.off('timeout', onTimeout)
      socket.setTimeout(REQUEST_TIMEOUT_MS)
      connection.#abilities = await connection.#askAbilities()
      await connection.#logIn()
    } catch (error) {
      socket.destroy()
      if (error instanceof EngineError && error.sqlState !== '08006') throw error
      throw unreachableBroker(connection.address, owner.security, error)
    }
    return connection
  }

  get abilities(): BrokerAbilities {
    return this.#abilities
  }

  get failed(): boolean {
    return this.#failure !== undefined
  }

  /** The version to use of an API that this client speaks from `min` to `api.version`. */
  negotiate(api: Api, min: number): Api {
    const range = this.#abilities.versions.get(api.key)
    const version = Math.min(api.version, range?.max ?? -1)
    if (!range || version < min || version < range.min) throw tooOld(api, this.address)
    return version === api.version ? api : { ...api, version }
  }

  /**
   * Sends one request; the answer's fields follow its header. Without `into` the answer has memory of its own; with it, the
   * memory belongs to the buffer and is good until that is used again.
   */
  request(api: Api, write: (writer: Writer) => void, into?: ResponseBuffer): Promise<Reader> {
    if (this.#owner.clock.monotonicMs() >= this.#loginAtMs) this.#logInAgain()
    if (!this.#held) return this.#send(api, write, into)
    const { promise, resolve } = Promise.withResolvers<Reader>()
    this.#held.push(() => resolve(this.#send(api, write, into)))
    return promise
  }

  close(): void {
    this.#fail(this.#lost('closed'))
    this.#socket.destroy()
  }

  #send(api: Api, write: (writer: Writer) => void, into?: ResponseBuffer): Promise<Reader> {
    if (this.#failure) return Promise.reject(this.#failure)
    const known = this.#abilities.versions.get(api.key)
    if (known && (known.max < api.version || known.min > api.version)) return Promise.reject(tooOld(api, this.address))
    const correlation = this.#correlation
    this.#correlation = (correlation + 1) & 0x7fffffff
    const body = new Writer().int16(api.key).int16(api.version).int32(correlation).string(this.#owner.clientId)
    if (api.flexible) body.tags()
    write(body)
    const length = new Writer().int32(body.length)
    const { promise, resolve, reject } = Promise.withResolvers<Reader>()
    this.#waiting.push({ api, correlation, into, resolve, reject })
    this.#socket.cork()
    for (const chunk of [...length.finish(), ...body.finish()]) this.#socket.write(chunk)
    this.#socket.uncork()
    return promise
  }

  async #logIn(): Promise<void> {
    const { clock, security } = this.#owner
    if (!security.sasl) return
    const asked = { address: this.address, request: (api: Api, write: (w: Writer) => void) => this.#send(api, write) }
    const sessionMs = await authenticate(asked, security.sasl, clock)
    this.#loginAtMs = sessionMs > 0 ? clock.monotonicMs() + sessionMs * RENEWAL : Number.POSITIVE_INFINITY
  }

  /** In place, as KIP-368 has it: what is under way is answered, what comes waits. */
  #logInAgain(): void {
    this.#loginAtMs = Number.POSITIVE_INFINITY
    const held: (() => void)[] = []
    this.#held = held
    this.#logIn()
      .catch((error: unknown) => {
        this.#fail(error instanceof EngineError ? error : this.#lost(String(error), error))
        this.#socket.destroy()
      })
      .finally(() => {
        this.#held = undefined
        for (const send of held) send()
      })
  }

  #target(): Uint8Array {
    const large = this.#large
    return large ? large.bytes.subarray(large.filled, large.size) : this.#scratch.subarray(this.#scratchFilled)
  }

  #received(count: number): boolean {
    const large = this.#large
    if (large) {
      large.filled += count
      if (large.filled === large.size) {
        this.#large = undefined
        this.#answer(large.bytes, large.size)
      }
      return true
    }
    this.#scratchFilled += count
    this.#takeAnswers()
    return true
  }

  /** Cuts the scratch into answers; the start of one that is larger moves to memory where the rest can follow it. */
  #takeAnswers(): void {
    const scratch = this.#scratch
    const end = this.#scratchFilled
    let at = 0
    while (end - at >= 4) {
      const size = ((scratch[at] << 24) | (scratch[at + 1] << 16) | (scratch[at + 2] << 8) | scratch[at + 3]) >>> 0
      if (size > RESPONSE_BYTES_MAX)
        return void this.#socket.destroy(new Error(`an answer of ${size} bytes is no Kafka answer`))
      const from = at + 4
      const next = from + size
      const into = this.#waiting[0]?.into
      if (next <= end) {
        const bytes = into ? into.atLeast(size) : new Uint8Array(size)
        bytes.set(scratch.subarray(from, next))
        this.#answer(bytes, size)
        at = next
      } else if (next - at > scratch.length || into) {
        const bytes = into ? into.atLeast(size) : new Uint8Array(size)
        bytes.set(scratch.subarray(from, end))
        this.#large = { bytes, size, filled: end - from }
        at = end
      } else break
    }
    if (at > 0) scratch.copyWithin(0, at, end)
    this.#scratchFilled = end - at
  }

  #answer(bytes: Uint8Array, size: number): void {
    const waiting = this.#waiting.shift()
    const reader = new Reader(bytes, 0, size)
    if (!waiting || reader.int32() !== waiting.correlation) {
      waiting?.reject(this.#lost('it does not speak the Kafka protocol'))
      this.#socket.destroy(new Error('an answer to no request'))
      return
    }
    this.#useful ||= waiting.api.key !== API_VERSIONS.key
    // The answer to ApiVersions never has the tags, so that clients of any age can read it.
    if (waiting.api.flexible && waiting.api.key !== API_VERSIONS.key) reader.tags()
    waiting.resolve(reader)
  }

  async #askAbilities(): Promise<BrokerAbilities> {
    const write = (w: Writer): void => void w.compactString('tidemark').compactString('1').tags()
    const reader = await this.request(API_VERSIONS, write)
    const code = reader.int16()
    if (code !== 0) throw brokerError(code, 'ask for the versions it speaks')
    const versions = new Map<number, { min: number; max: number }>()
    reader.compactArray(() => {
      const key = reader.int16()
      versions.set(key, { min: reader.int16(), max: reader.int16() })
      reader.tags()
    })
    reader.int32()
    const features = new Map<string, number>()
    reader.tags(tag => {
      if (tag !== 2) return
      reader.compactArray(() => {
        features.set(reader.compactString(), reader.int16())
        reader.int16()
        reader.tags()
      })
    })
    return { versions, features }
  }

  #lost(why: string, cause?: unknown): EngineError {
    const hint = this.#useful
      ? 'The job goes on by itself when the broker is back.'
      : 'Where it never works, the port may want TLS or a login: see security_protocol.'
    const details = { actor: 'external', retryable: true, hint, cause } as const
    return new EngineError('08006', `connection to Kafka at ${this.address} lost: ${why}`, details)
  }

  #fail(error: EngineError): void {
    this.#failure ??= error
    for (const waiting of this.#waiting.splice(0)) waiting.reject(this.#failure)
  }
}

function tooOld(api: Api, address: string): EngineError {
  const hint = `It needs ${api.name} version ${api.version}: Kafka 2.8 or newer, Kafka 4.0 for exactly-once sinks.`
  return new EngineError('0A000', `Kafka at ${address} is too old or too new for this program`, {
    actor: 'external',
    hint,
  })
}

function unreachableBroker(address: string, security: Security, cause: unknown): EngineError {
  const why = cause instanceof Error ? cause.message.replace(/^connection to Kafka at \S+ lost: /, '') : String(cause)
  const known = security.tls && tlsHint(cause)
  const other = security.tls ? 'without TLS (security_protocol)' : 'with TLS or a login (security_protocol)'
  const hint =
    known ?? `Check brokers = 'host:port' and that Kafka runs there; the port may also want clients ${other}.`
  const details = { actor: 'external', retryable: true, hint, cause } as const
  return new EngineError('08001', `cannot connect to Kafka at ${address}: ${why}`, details)
}

/** What to do about a handshake that one of the two sides gave up. */
function tlsHint(error: unknown): string | undefined {
  const code = causesOf(error).find(each => TLS_CODES.test(each)) ?? ''
  if (/ALTNAME/.test(code)) return 'Name the broker in brokers, and in advertised.listeners, as its certificate does.'
  if (/ALERT_(UNKNOWN_CA|BAD_CERT|CERTIFICATE|.*CERT)/.test(code))
    return 'The broker asks for a certificate that it trusts: see ssl_certificate and ssl_key.'
  if (/^CERT_(HAS_EXPIRED|NOT_YET_VALID)/.test(code)) return "Renew the broker's certificate, or set the clock right."
  if (/SELF_SIGNED|UNABLE_TO/.test(code))
    return "Give ssl_ca the certificate of the authority that signed the broker's, if that is to be trusted."
  return undefined
}

const TLS_CODES = /ALTNAME|ALERT_|^CERT_|SELF_SIGNED|UNABLE_TO/

/** Codes of an error and of what caused it. */
function causesOf(error: unknown): string[] {
  if (!(error instanceof Error)) return []
  return ['code' in error ? String(error.code) : '', ...causesOf(error.cause)]
}
