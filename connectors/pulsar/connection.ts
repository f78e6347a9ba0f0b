import { connect as connectTcp, type Socket, type SocketConstructorOpts } from 'node:net'
import { type ConnectionOptions, connect as connectTls } from 'node:tls'
import { EngineError } from '../../src/base/errors.ts'
import { ANSWER_ERROR_FIELDS, ANSWER_ID_FIELD, brokerError, Command, REQUEST_ID_FIELD } from './commands.ts'
import { type MessageId, NOWHERE, readMessageId } from './message-id.ts'
import { ProtoReader, ProtoWriter } from './protobuf.ts'

/** How to log in, and whom to trust. PEM texts. */
export interface Security {
  readonly token: string | undefined
  readonly ca: string | undefined
  readonly certificate: string | undefined
  readonly key: string | undefined
}

export interface Address {
  readonly host: string
  readonly port: number
  readonly tls: boolean
}

/** Takes what a broker sends to one consumer. Calls must not throw. */
export interface ConsumerInbox {
  /** Metadata and payload lie in bytes[at … end), which is the consumer's to keep. */
  entry(bytes: Uint8Array, at: number, end: number, ledger: number, entry: number): void
  /** The broker gave the consumer up, or the connection is lost: it must subscribe again. */
  lost(why: EngineError): void
}

/** Takes what a broker answers to one producer. Calls must not throw. */
export interface ProducerInbox {
  /** Everything up to this sequence id was stored, the last entry under `id`; or was dropped as stored before: then the id is below zero. */
  stored(sequenceId: number, id: MessageId): void
  refused(sequenceId: number, why: EngineError): void
  /** The broker gave the producer up, or the connection is lost: it must introduce itself again. */
  lost(why: EngineError): void
}

interface Waiting {
  readonly doing: string
  resolve(answer: ProtoReader): void
  reject(error: EngineError): void
}

/** A frame above this is no Pulsar frame. Brokers' default limit is 5 MiB. */
const FRAME_BYTES_MAX = 256 << 20
const SCRATCH_BYTES = 256 << 10
const CONNECT_TIMEOUT_MS = 10_000
/** Brokers send a PING after 30 s of silence; with ours this makes a dead link known after a minute. */
const SILENCE_MS = 30_000
/** Of Pulsar 2.11 and newer: all commands used here. */
const PROTOCOL_VERSION = 19
const CLIENT_VERSION = 'tidemark'

/**
 * One connection to one broker, shared by all consumers of topics it owns. Requests are answered by id, in any order. The
 * socket reads into memory used again; a frame is then copied once into memory of its own, because entries wait for polls.
 */
export class Connection {
  readonly #socket: Socket
  readonly #security: Security
  readonly #name: string
  readonly #waiting = new Map<number, Waiting>()
  readonly #consumers = new Map<number, ConsumerInbox>()
  readonly #producers = new Map<number, ProducerInbox>()
  /** The most that the broker takes in one message; given at login. */
  messageBytesMax = 5 << 20
  #nextRequest = 1
  #failure: EngineError | undefined
  #onConnected: (() => void) | undefined
  #onRefused: ((error: EngineError) => void) | undefined
  #pinged = false
  readonly #scratch = new Uint8Array(SCRATCH_BYTES)
  #filled = 0
  /** A frame under way that does not fit the scratch. */
  #large: { readonly bytes: Uint8Array; filled: number } | undefined

  private constructor(address: Address, security: Security, onConnect: () => void) {
    this.#name = `${address.host}:${address.port}`
    this.#security = security
    const onread = {
      buffer: () =>
        this.#large ? this.#large.bytes.subarray(this.#large.filled) : this.#scratch.subarray(this.#filled),
      callback: (count: number): boolean => this.#received(count),
    }
    const { host, port } = address
    // The types of tls.connect do not mention onread, which it takes as net.connect does.
    const tls: ConnectionOptions & Pick<SocketConstructorOpts, never> & { onread: typeof onread } = {
      host,
      port,
      onread,
    }
    const servername = /^[\d.:]+$/.test(host) ? undefined : host
    const { ca, certificate: cert, key } = security
    this.#socket = address.tls
      ? connectTls({ ...tls, servername, ca, cert, key }, onConnect)
      : connectTcp({ host, port, onread }, onConnect)
    this.#socket.setNoDelay(true)
    this.#socket.on('error', error => this.#fail(this.#lost(error.message, error)))
    this.#socket.on('close', () => this.#fail(this.#lost('closed by the broker')))
  }

  /** Connects and logs in. `proxyTo`: the broker a proxy at the address shall pass everything on to. Throws 08001 where nobody answers. */
  static async open(address: Address, security: Security, proxyTo: string | undefined): Promise<Connection> {
    const connected = Promise.withResolvers<void>()
    const connection = new Connection(address, security, connected.resolve)
    const socket = connection.#socket
    socket.once('close', () => connected.reject(connection.#failure))
    socket.setTimeout(CONNECT_TIMEOUT_MS)
    const onTimeout = (): void => void socket.destroy(new Error('no answer in time'))
    socket.once('timeout', onTimeout)
    try {
      await connected.promise
      await connection.#login(proxyTo)
    } catch (error) {
      socket.destroy()
      if (error instanceof EngineError && error.sqlState !== '08006') throw error
      throw unreachable(address, error)
    }
    socket.off('timeout', onTimeout)
    socket.setTimeout(SILENCE_MS)
    socket.on('timeout', () => connection.#silence())
    return connection
  }

  get failed(): boolean {
    return this.#failure !== undefined
  }

  /** Sends a command and gives its answer, or throws what the broker said, which could not do `doing`. */
  request(type: number, doing: string, write: (writer: ProtoWriter) => void): Promise<ProtoReader> {
    if (this.#failure) return Promise.reject(this.#failure)
    const id = this.#nextRequest++
    const { promise, resolve, reject } = Promise.withResolvers<ProtoReader>()
    this.#waiting.set(id, { doing, resolve, reject })
    this.send(type, writer => {
      write(writer)
      writer.number(REQUEST_ID_FIELD.get(type) ?? 1, id)
    })
    return promise
  }

  /** Sends a command that has no answer. */
  send(type: number, write: (writer: ProtoWriter) => void): void {
    if (this.#failure) return
    const command = new ProtoWriter().number(1, type).message(type, write).finish()
    const frame = new Uint8Array(8 + command.length)
    const view = new DataView(frame.buffer)
    view.setUint32(0, 4 + command.length)
    view.setUint32(4, command.length)
    frame.set(command, 8)
    this.#socket.write(frame)
  }

  /** What comes for this consumer goes to `inbox` from now on. */
  attach(consumer: number, inbox: ConsumerInbox): void {
    this.#consumers.set(consumer, inbox)
  }

  detach(consumer: number): void {
    this.#consumers.delete(consumer)
  }

  attachProducer(producer: number, inbox: ProducerInbox): void {
    this.#producers.set(producer, inbox)
  }

  detachProducer(producer: number): void {
    this.#producers.delete(producer)
  }

  /** Sends a whole frame, which must stay untouched until it is answered. */
  sendFrame(frame: Uint8Array): void {
    if (!this.#failure) this.#socket.write(frame)
  }

  close(): void {
    this.#fail(this.#lost('closed'))
    this.#socket.destroy()
  }

  async #login(proxyTo: string | undefined): Promise<void> {
    const { token, certificate } = this.#security
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#onConnected = resolve
    this.#onRefused = reject
    this.send(Command.connect, w => {
      w.text(1, CLIENT_VERSION).number(4, PROTOCOL_VERSION)
      if (token !== undefined) w.text(5, 'token').text(3, token)
      else if (certificate !== undefined) w.text(5, 'tls')
      if (proxyTo !== undefined) w.text(6, proxyTo)
      // Tokens may be asked for again; the index of entries; asking for a topic without making it.
      w.message(10, flags => flags.flag(1, true).flag(2, true).flag(5, true))
    })
    await promise
    this.#onRefused = undefined
  }

  #silence(): void {
    if (this.#pinged || this.#waiting.size > 0) this.#socket.destroy(new Error('no answer in time'))
    this.#pinged = true
    this.send(Command.ping, () => undefined)
  }

  #received(count: number): boolean {
    this.#pinged = false
    const large = this.#large
    if (!large) {
      this.#filled += count
      this.#takeFrames()
      return true
    }
    large.filled += count
    if (large.filled === large.bytes.length) {
      this.#large = undefined
      this.#take(large.bytes)
    }
    return true
  }

  #takeFrames(): void {
    const scratch = this.#scratch
    const end = this.#filled
    let at = 0
    while (end - at >= 4) {
      const size = uint32(scratch, at)
      if (size > FRAME_BYTES_MAX || size < 4)
        return void this.#socket.destroy(new Error(`a frame of ${size} bytes: it does not speak Pulsar's protocol`))
      const from = at + 4
      if (from + size <= end) {
        this.#take(scratch.slice(from, from + size))
        at = from + size
      } else if (size + 4 > scratch.length) {
        const bytes = new Uint8Array(size)
        bytes.set(scratch.subarray(from, end))
        this.#large = { bytes, filled: end - from }
        at = end
      } else break
    }
    if (at > 0) scratch.copyWithin(0, at, end)
    this.#filled = end - at
  }

  #take(frame: Uint8Array): void {
    try {
      this.#dispatch(frame)
    } catch (error) {
      this.#socket.destroy(error instanceof Error ? error : new Error(String(error)))
    }
  }

  #dispatch(frame: Uint8Array): void {
    const commandEnd = 4 + uint32(frame, 0)
    if (commandEnd > frame.length) throw new RangeError('a command that is longer than its frame')
    const reader = new ProtoReader(frame, 4, commandEnd)
    let type = 0
    let body: ProtoReader | undefined
    for (let field = reader.next(); field; field = reader.next()) {
      if (field === 1) type = reader.value
      else if (field === type) body = reader.message()
    }
    if (!body) throw new RangeError('a command without content')
    if (type === Command.message) this.#entry(frame, body, commandEnd)
    else if (type === Command.ping) this.send(Command.pong, () => undefined)
    else if (type === Command.connected) this.#loggedIn(body)
    else if (type === Command.sendReceipt || type === Command.sendError) this.#sent(type, body)
    else if (type === Command.closeConsumer || type === Command.closeProducer) this.#givenUp(type, body)
    else if (type === Command.authChallenge) this.#authenticateAgain()
    else if (ANSWER_ID_FIELD.has(type)) this.#answer(type, body)
  }

  #entry(frame: Uint8Array, command: ProtoReader, at: number): void {
    let consumer = NaN
    let id = { ledger: 0, entry: 0 }
    for (let field = command.next(); field; field = command.next()) {
      if (field === 1) consumer = command.value
      else if (field === 2) id = readMessageId(command.message())
    }
    this.#consumers.get(consumer)?.entry(frame, at, frame.length, id.ledger, id.entry)
  }

  #loggedIn(body: ProtoReader): void {
    for (let field = body.next(); field; field = body.next())
      if (field === 3 && body.value > 0) this.messageBytesMax = body.value
    this.#onConnected?.()
  }

  #sent(type: number, body: ProtoReader): void {
    let [producer, sequenceId, highest, code, message, id] = [NaN, NaN, 0, 0, '', NOWHERE]
    for (let field = body.next(); field; field = body.next()) {
      if (field === 1) producer = body.value
      else if (field === 2) sequenceId = body.value
      else if (field === 3 && type === Command.sendError) code = body.value
      else if (field === 4 && type === Command.sendError) message = body.text
      else if (field === 3) id = readMessageId(body.message())
      else if (field === 4) highest = body.value
    }
    const inbox = this.#producers.get(producer)
    if (type === Command.sendReceipt) inbox?.stored(Math.max(sequenceId, highest), id)
    else inbox?.refused(sequenceId, brokerError(code, 'store messages', message))
  }

  #givenUp(type: number, command: ProtoReader): void {
    let id = NaN
    for (let field = command.next(); field; field = command.next()) if (field === 1) id = command.value
    const all: Map<number, ConsumerInbox | ProducerInbox> =
      type === Command.closeConsumer ? this.#consumers : this.#producers
    const inbox = all.get(id)
    all.delete(id)
    inbox?.lost(this.#lost('the broker gave the topic away'))
  }

  #authenticateAgain(): void {
    const { token } = this.#security
    this.send(Command.authResponse, w =>
      w
        .text(1, CLIENT_VERSION)
        .message(2, data => data.text(1, token === undefined ? 'tls' : 'token').text(2, token ?? ''))
        .number(3, PROTOCOL_VERSION),
    )
  }

  #answer(type: number, body: ProtoReader): void {
    const start = body.at
    let [id, code, message, ready] = [-1, -1, '', true]
    const idField = ANSWER_ID_FIELD.get(type)
    const [codeField, messageField] = ANSWER_ERROR_FIELDS.get(type) ?? []
    for (let field = body.next(); field; field = body.next()) {
      if (field === idField) id = body.value
      else if (field === codeField) code = body.value
      else if (field === messageField) message = body.text
      else if (field === 6 && type === Command.producerSuccess) ready = body.value === 1
    }
    const end = body.at
    if (type === Command.error && this.#onRefused) {
      this.#onRefused(brokerError(code, 'log in', message))
      return
    }
    // A producer that waits for its turn is answered a second time.
    if (!ready) return
    const waiting = this.#waiting.get(id)
    this.#waiting.delete(id)
    if (code >= 0) waiting?.reject(brokerError(code, waiting.doing, message))
    else waiting?.resolve(new ProtoReader(body.bytes, start, end))
  }

  #lost(why: string, cause?: unknown): EngineError {
    const details = {
      actor: 'external',
      retryable: true,
      hint: 'The job goes on by itself when the broker is back.',
      cause,
    } as const
    return new EngineError('08006', `connection to Pulsar at ${this.#name} lost: ${why}`, details)
  }

  #fail(error: EngineError): void {
    if (this.#failure) return
    this.#failure = error
    this.#onRefused?.(error)
    for (const waiting of this.#waiting.values()) waiting.reject(error)
    this.#waiting.clear()
    for (const inbox of [...this.#consumers.values(), ...this.#producers.values()]) inbox.lost(error)
    this.#consumers.clear()
    this.#producers.clear()
  }
}

function uint32(bytes: Uint8Array, at: number): number {
  return ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0
}

function unreachable(address: Address, cause: unknown): EngineError {
  const why = cause instanceof Error ? cause.message.replace(/^connection to Pulsar at \S+ lost: /, '') : String(cause)
  const other = address.tls ? 'without TLS (pulsar://)' : 'with TLS (pulsar+ssl://)'
  const hint = `Check url = 'pulsar://host:6650' and that a broker runs there; the port may also want clients ${other}.`
  const details = { actor: 'external', retryable: true, hint, cause } as const
  return new EngineError('08001', `cannot connect to Pulsar at ${address.host}:${address.port}: ${why}`, details)
}
