import { type Clock, randomBytes } from '../../base/clock.ts'
import { EngineError, toEngineError } from '../../base/errors.ts'
import type { Logger } from '../../base/log.ts'
import type { Session, SessionFactory } from '../../engine/session.ts'
import {
  writeAuthenticationOk,
  writeBackendKey,
  writeError,
  writeNegotiateVersion,
  writeParameterStatus,
  writeReady,
} from './backend.ts'
import { Conversation } from './conversation.ts'
import { FrontendDecoder, type FrontendMessage } from './frontend.ts'
import { type ByteSink, Outlet } from './outlet.ts'
import { initialSettings, readStartup } from './settings.ts'

/** The newest protocol spoken is 3.2, whose cancel keys may be longer than four bytes. */
const MINOR_MAX = 2
const SECRET_BYTES = 4
const SECRET_BYTES_3_2 = 32
/** Unread input beyond which the client is not read from, while a statement of it runs. */
const INPUT_BYTES_MAX = 1024 * 1024

/** What a connection needs from its server. */
export interface ConnectionHost {
  readonly sessions: SessionFactory
  readonly log: Logger
  readonly clock: Clock
  readonly messageBytesMax: number
  readonly outputBytesMax: number
  /** Takes one of the places for clients, or throws 53300. Gives the process id that cancel requests will name. */
  admit(connection: Connection): number
  /** A cancel request came: whoever has this id and secret stops its statement. */
  cancel(processId: number, secret: Uint8Array): void
}

/** The socket as a connection sees it. */
export interface Wire extends ByteSink {
  /** Sends what is buffered, then closes. */
  end(): void
  /** Stops and resumes the arrival of bytes. */
  pause(): void
  resume(): void
}

/** One client from its first byte to its last: start-up, then a conversation. Bytes come in by `receive`, in order. */
export class Connection {
  readonly #host: ConnectionHost
  readonly #wire: Wire
  readonly #outlet: Outlet
  readonly #decoder: FrontendDecoder
  #session: Session | undefined
  #conversation: Conversation | undefined
  #secret: Uint8Array = new Uint8Array(0)
  /** The pump that runs, or ran last. */
  #pumping: Promise<void> = Promise.resolve()
  #busy = false
  #paused = false
  #ended = false

  constructor(host: ConnectionHost, wire: Wire) {
    this.#host = host
    this.#wire = wire
    this.#outlet = new Outlet(wire, host.outputBytesMax)
    this.#decoder = new FrontendDecoder(host.messageBytesMax)
  }

  /** True once the start-up is over. */
  get started(): boolean {
    return this.#conversation !== undefined
  }

  receive(bytes: Uint8Array): void {
    if (this.#ended) return
    this.#decoder.push(bytes)
    if (!this.#busy) this.#pumping = this.#pump()
    else if (!this.#paused && this.#decoder.pendingBytes > INPUT_BYTES_MAX) {
      this.#paused = true
      this.#wire.pause()
    }
  }

  /** The client has gone, or shall go: stops the running statement and closes the session. Resolves when all is closed. */
  async close(): Promise<void> {
    this.#ended = true
    this.#session?.cancel()
    await this.#pumping
    await this.#closeSession()
  }

  /** Says why, then closes: the server stops, say. */
  terminate(error: EngineError): Promise<void> {
    if (!this.#ended) this.#end(error)
    return this.close()
  }

  /** Stops the running statement if the secret is ours. */
  cancel(secret: Uint8Array): void {
    if (equalSecrets(secret, this.#secret)) this.#session?.cancel()
  }

  /** Handles message after message until no whole one is left. */
  async #pump(): Promise<void> {
    this.#busy = true
    for (;;) {
      const message = this.#ended ? undefined : this.#decoder.next()
      if (!message) break
      try {
        await this.#handle(message)
      } catch (error) {
        // Only a fault of ours gets here: the client's errors are answered where they arise.
        this.#host.log.error({ error }, 'a connection ends by an unexpected error')
        this.#end(toEngineError(error))
      }
    }
    this.#outlet.flush()
    this.#busy = false
    if (this.#paused) {
      this.#paused = false
      this.#wire.resume()
    }
  }

  async #handle(message: FrontendMessage): Promise<void> {
    if (message.kind === 'malformed' && message.after === 'end') return this.#end(message.error)
    if (message.kind === 'terminate') return this.#end()
    if (this.#conversation) return this.#conversation.handle(message)
    switch (message.kind) {
      case 'ssl-request':
      case 'gss-request':
        // N: not spoken here; go on in plain text or go away.
        this.#outlet.out.text('N')
        return this.#outlet.flush()
      case 'cancel':
        this.#host.cancel(message.processId, message.secret)
        return this.#end()
      case 'startup':
        return this.#start(message)
      default:
        return this.#end(new EngineError('08P01', `unexpected ${message.kind} message during start-up`))
    }
  }

  async #start(message: Extract<FrontendMessage, { kind: 'startup' }>): Promise<void> {
    try {
      const request = readStartup(message.parameters)
      if (request.user === '') throw new EngineError('28000', 'no user name in the start-up packet')
      if (/^(true|on|yes|1|database)$/i.test(message.parameters.get('replication') ?? ''))
        throw new EngineError('0A000', 'replication connections are not supported', {
          hint: 'Use SUBSCRIBE to follow changes.',
        })
      const processId = this.#host.admit(this)
      const session = await this.#host.sessions.connect({ ...request, processId })
      this.#session = session
      this.#conversation = new Conversation({
        session,
        outlet: this.#outlet,
        log: this.#host.log,
        clock: this.#host.clock,
      })
      const minor = Math.min(message.minor, MINOR_MAX)
      this.#secret = randomBytes(minor >= 2 ? SECRET_BYTES_3_2 : SECRET_BYTES)
      const { out } = this.#outlet
      if (message.minor > MINOR_MAX || request.unknownOptions.length > 0)
        writeNegotiateVersion(out, minor, request.unknownOptions)
      writeAuthenticationOk(out)
      for (const [name, value] of initialSettings(session.settings)) writeParameterStatus(out, name, value)
      writeBackendKey(out, processId, this.#secret)
      writeReady(out, session.transaction)
      this.#outlet.flush()
    } catch (error) {
      this.#end(toEngineError(error))
    }
  }

  #end(error?: EngineError): void {
    this.#ended = true
    if (error) writeError(this.#outlet.out, 'FATAL', error, undefined)
    this.#outlet.flush()
    this.#wire.end()
  }

  async #closeSession(): Promise<void> {
    const session = this.#session
    this.#session = undefined
    try {
      await this.#conversation?.close()
      await session?.close()
    } catch (error) {
      this.#host.log.error({ error }, 'a session did not close')
    }
  }
}

/** In a time that does not tell how much of a guess was right. */
function equalSecrets(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length || b.length === 0) return false
  let difference = 0
  for (let i = 0; i < a.length; i++) difference |= a[i] ^ b[i]
  return difference === 0
}
