import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { Clock } from '../../src/base/clock.ts'
import { EngineError } from '../../src/base/errors.ts'
import { Framing } from './framing.ts'
import {
  PacketWriter,
  Property,
  propertiesAt,
  type Qos,
  readUint16,
  readVarint,
  Type,
  type Version,
} from './packets.ts'
import { ended, refused } from './reasons.ts'

export interface Address {
  readonly host: string
  readonly port: number
  readonly tls: boolean
}

/** How to log in, and whom to trust. PEM texts. */
export interface Security {
  readonly username: string | undefined
  readonly password: string | undefined
  readonly ca: string | undefined
  readonly certificate: string | undefined
  readonly key: string | undefined
}

/** What a client tells a broker of itself. */
export interface Login {
  readonly version: Version
  readonly clientId: string
  readonly keepAliveSeconds: number
  /** How long the broker keeps the session after the connection is lost; 0: not at all. Only MQTT 5 has the number. */
  readonly sessionExpirySeconds: number
  /** Messages of QoS 1 and 2 that may be on their way to us unacknowledged; MQTT 5 only. */
  readonly receiveMaximum: number
  /** Larger packets come without their end; MQTT 5 brokers are told, and drop such messages. */
  readonly packetBytesMax: number
}

/** Takes what a broker sends. Calls must not throw. */
export interface Receiver {
  /** The broker let us in. Comes before anything else it sends. */
  opened(connection: Connection): void
  /** A PUBLISH, or an answer to one. See `OnPacket`. */
  packet(first: number, bytes: Uint8Array, at: number, end: number, cut: number): void
  /** The connection is lost, once. */
  lost(why: EngineError): void
}

/** What a broker said it can do. */
export interface Limits {
  readonly receiveMaximum: number
  readonly maximumQos: number
  readonly retain: boolean
  readonly packetBytesMax: number
}

interface Waiting<T> {
  resolve(value: T): void
  reject(error: EngineError): void
}

const CONNECT_TIMEOUT_MS = 10_000
const SUBSCRIBE_ID = 1

/** One connection to a broker, logged in. Reading can be paused, which holds the broker back through TCP. */
export class Connection {
  readonly address: string
  readonly version: Version
  /** The broker still had the session of this client id. */
  sessionPresent = false
  limits: Limits = { receiveMaximum: 65_535, maximumQos: 2, retain: true, packetBytesMax: 256 << 20 }
  readonly #login: Login
  readonly #socket: Socket
  readonly #receiver: Receiver
  readonly #clock: Clock
  readonly #framing: Framing
  readonly #stop = new AbortController()
  #keepAliveMs: number
  #connack: Waiting<void> | undefined
  #suback: Waiting<Uint8Array> | undefined
  #failure: EngineError | undefined
  #heardMs: number
  #paused = false
  /** The broker let us in. */
  #entered = false

  private constructor(address: Address, security: Security, login: Login, receiver: Receiver, clock: Clock) {
    this.address = `${address.host}:${address.port}`
    this.version = login.version
    this.#login = login
    this.#receiver = receiver
    this.#clock = clock
    this.#heardMs = clock.monotonicMs()
    this.#keepAliveMs = login.keepAliveSeconds * 1000
    this.#framing = new Framing(login.packetBytesMax, (...packet) => this.#packet(...packet))
    const { host, port } = address
    const servername = /^[\d.:]+$/.test(host) ? undefined : host
    const { ca, certificate: cert, key } = security
    this.#socket = address.tls ? connectTls({ host, port, servername, ca, cert, key }) : connectTcp({ host, port })
    this.#socket.setNoDelay(true)
    this.#socket.on('data', chunk => this.#received(chunk))
    this.#socket.on('error', error => this.#fail(this.#lost(error.message, error)))
    this.#socket.on('close', () => this.#fail(this.#lost('closed by the broker')))
  }

  /** Connects and logs in; `clean`: without what the broker may still have of this client id. Throws 08001 where nobody answers, 28000 for wrong credentials. */
  static async open(
    address: Address,
    security: Security,
    login: Login,
    clean: boolean,
    receiver: Receiver,
    clock: Clock,
  ): Promise<Connection> {
    const connection = new Connection(address, security, login, receiver, clock)
    const socket = connection.#socket
    socket.setTimeout(CONNECT_TIMEOUT_MS, () => void socket.destroy(new Error('no answer in time')))
    const answered = new Promise<void>((resolve, reject) => {
      connection.#connack = { resolve, reject }
    })
    connection.#socket.write(connectPacket(security, login, clean))
    try {
      await answered
    } catch (error) {
      socket.destroy()
      if (error instanceof EngineError && error.sqlState !== '08006') throw error
      throw unreachable(address, error)
    }
    socket.setTimeout(0)
    void connection.#keepAlive()
    return connection
  }

  get failed(): boolean {
    return this.#failure !== undefined
  }

  /** False: more is waiting in the socket's buffer than it likes; see `drained`. */
  write(bytes: Uint8Array): boolean {
    return this.#failure === undefined && this.#socket.write(bytes)
  }

  /** Calls back each time the socket's buffer is empty again. */
  onDrained(drained: () => void): void {
    this.#socket.on('drain', drained)
  }

  /** One reason code a filter. */
  subscribe(filters: readonly string[], qos: Qos, retained: boolean): Promise<Uint8Array> {
    if (this.#failure) return Promise.reject(this.#failure)
    const writer = new PacketWriter().uint16(SUBSCRIBE_ID)
    if (this.version === 5) writer.properties(() => {})
    // Retain handling, bits 4 and 5: 2 asks for no stored messages.
    for (const filter of filters) writer.text(filter).byte(qos | (this.version === 5 && !retained ? 32 : 0))
    const answered = new Promise<Uint8Array>((resolve, reject) => {
      this.#suback = { resolve, reject }
    })
    this.write(writer.finish(Type.subscribe, 2))
    return answered
  }

  /** Stops reading, so that the broker must wait, or goes on. */
  setPaused(paused: boolean): void {
    if (paused === this.#paused) return
    this.#paused = paused
    this.#heardMs = this.#clock.monotonicMs()
    if (paused) this.#socket.pause()
    else this.#socket.resume()
  }

  /** Says goodbye; the broker keeps the session. The receiver hears nothing more. */
  close(): void {
    if (this.#failure) return
    this.write(new PacketWriter().finish(Type.disconnect))
    this.#failure = new EngineError('08003', 'the connection is closed')
    this.#settle(this.#failure)
    this.#socket.end()
    // One that is away never ends its half.
    void this.#clock.sleep(1000).then(() => this.#socket.destroy())
  }

  #accept(body: Uint8Array, connack: Waiting<void>): void {
    const { version } = this
    const code = body[1]
    const values = version === 5 ? propertiesAt(body, 2, body.length).values : new Map<number, number>()
    this.#connack = undefined
    if (code !== 0) {
      connack.reject(refused(code, version, this.address, reasonText(values.get(Property.reasonString))))
      return
    }
    this.sessionPresent = (body[0] & 1) === 1
    const number = (property: number, otherwise: number): number => {
      const value = values.get(property)
      return typeof value === 'number' ? value : otherwise
    }
    this.limits = {
      receiveMaximum: number(Property.receiveMaximum, 65_535),
      maximumQos: number(Property.maximumQos, 2),
      retain: number(Property.retainAvailable, 1) === 1,
      packetBytesMax: number(Property.maximumPacketSize, 256 << 20),
    }
    this.#keepAliveMs = 1000 * number(Property.serverKeepAlive, this.#login.keepAliveSeconds)
    this.#entered = true
    this.#receiver.opened(this)
    connack.resolve()
  }

  async #keepAlive(): Promise<void> {
    const { signal } = this.#stop
    while (this.#keepAliveMs > 0 && !signal.aborted) {
      await this.#clock.sleep(this.#keepAliveMs / 2, signal)
      if (signal.aborted) return
      const silentMs = this.#clock.monotonicMs() - this.#heardMs
      if (!this.#paused && silentMs > 1.5 * this.#keepAliveMs) this.#socket.destroy(new Error('no answer in time'))
      else this.write(new PacketWriter().finish(Type.pingreq))
    }
  }

  #received(chunk: Buffer): void {
    this.#heardMs = this.#clock.monotonicMs()
    try {
      this.#framing.push(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length))
    } catch (error) {
      const what = error instanceof Error ? error.message : String(error)
      this.#socket.destroy(new Error(`it does not speak MQTT: ${what}`))
    }
  }

  #packet(first: number, bytes: Uint8Array, at: number, end: number, cut: number): void {
    if (this.#failure) return
    const type = first >>> 4
    if (type === Type.publish || (type >= Type.puback && type <= Type.pubcomp)) {
      if (!this.#entered) throw new RangeError('a message before the login')
      this.#receiver.packet(first, bytes, at, end, cut)
    } else if (type === Type.connack && this.#connack) {
      if (end - at < 2) throw new RangeError('a CONNACK without a code')
      this.#accept(bytes.slice(at, end), this.#connack)
    } else if (type === Type.suback) {
      readUint16(bytes, at, end)
      const [length, start] = this.version === 5 ? readVarint(bytes, at + 2, end) : [0, at + 2]
      this.#suback?.resolve(bytes.slice(start + length, end))
      this.#suback = undefined
    } else if (type === Type.disconnect) {
      const code = end > at ? bytes[at] : 0
      const said = propertiesAt(bytes, at + 1, end).values.get(Property.reasonString)
      this.#fail(ended(code, this.address, reasonText(said)))
      this.#socket.destroy()
    } else if (type !== Type.pingresp) throw new RangeError(`a packet of type ${type}`)
  }

  #lost(why: string, cause?: unknown): EngineError {
    const hint = 'The job goes on by itself when the broker is back.'
    const details = { actor: 'external', retryable: true, hint, cause } as const
    return new EngineError('08006', `connection to the MQTT broker at ${this.address} lost: ${why}`, details)
  }

  #fail(error: EngineError): void {
    if (this.#failure) return
    this.#failure = error
    this.#settle(error)
    // Who waits for the login hears of it there.
    if (this.#entered) this.#receiver.lost(error)
  }

  #settle(error: EngineError): void {
    this.#stop.abort()
    this.#connack?.reject(error)
    this.#suback?.reject(error)
    this.#connack = this.#suback = undefined
  }
}

function connectPacket(security: Security, login: Login, clean: boolean): Uint8Array {
  const { username, password } = security
  const { version, clientId, keepAliveSeconds, sessionExpirySeconds, receiveMaximum, packetBytesMax } = login
  const credentials = (username === undefined ? 0 : 128) | (password === undefined ? 0 : 64)
  const writer = new PacketWriter()
    .text('MQTT')
    .byte(version)
    .byte(credentials | (clean ? 2 : 0))
    .uint16(keepAliveSeconds)
  if (version === 5) {
    writer.properties(w =>
      w
        .byte(Property.sessionExpiry)
        .uint32(sessionExpirySeconds)
        .byte(Property.receiveMaximum)
        .uint16(receiveMaximum)
        .byte(Property.maximumPacketSize)
        .uint32(packetBytesMax),
    )
  }
  writer.text(clientId)
  if (username !== undefined) writer.text(username)
  if (password !== undefined) writer.text(password)
  return writer.finish(Type.connect)
}

function reasonText(said: number | Uint8Array | undefined): string {
  return said instanceof Uint8Array && said.length > 0 ? ` (${Buffer.from(said).toString()})` : ''
}

function unreachable(address: Address, cause: unknown): EngineError {
  const why =
    cause instanceof Error ? cause.message.replace(/^connection to the MQTT broker at \S+ lost: /, '') : String(cause)
  const other = address.tls ? 'without TLS (mqtt://)' : 'with TLS (mqtts://)'
  const hint = `Check url = 'mqtt://host:1883' and that a broker runs there; the port may also want clients ${other}.`
  const details = { actor: 'external', retryable: true, hint, cause } as const
  return new EngineError(
    '08001',
    `cannot connect to the MQTT broker at ${address.host}:${address.port}: ${why}`,
    details,
  )
}
