import { createServer, type Server, type Socket } from 'node:net'
import type { Clock } from '../../base/clock.ts'
import { EngineError } from '../../base/errors.ts'
import type { Logger } from '../../base/log.ts'
import type { SessionFactory } from '../../engine/session.ts'
import { Connection, type ConnectionHost, type Wire } from './connection.ts'

/** How much a client, and all of them together, may take of the server. */
export interface PgLimits {
  /** Clients at once (max_connections); one more is refused with 53300. */
  readonly connectionsMax: number
  /** Of one message, a statement or its parameters (pg_message_bytes_max). */
  readonly messageBytesMax: number
  /** Sent but not taken by the client; beyond it the client's rows are not pulled (pg_output_bytes_max). */
  readonly outputBytesMax: number
  /** For a client to finish its start-up. */
  readonly startupTimeoutMs: number
}

export const defaultPgLimits: PgLimits = {
  connectionsMax: 200,
  messageBytesMax: 64 * 1024 * 1024,
  outputBytesMax: 16 * 1024 * 1024,
  startupTimeoutMs: 30_000,
}

export interface PgServerOptions {
  readonly host: string
  /** 0: any free one. */
  readonly port: number
  readonly sessions: SessionFactory
  readonly log: Logger
  readonly limits?: Partial<PgLimits>
  readonly clock: Clock
}

export interface PgServer {
  readonly port: number
  /** Ends every client with 57P01 and stops listening. */
  close(): Promise<void>
}

/** A quiet peer is asked for a sign of life after this time, so that half-open connections end. */
const KEEP_ALIVE_MS = 60_000
/** For a closing server's clients to take what is buffered for them. */
const CLOSE_GRACE_MS = 500
const SOCKET_HIGH_WATER_BYTES = 64 * 1024
/** Sockets that may be open besides the admitted clients: cancel requests, and those still starting. */
const SOCKETS_EXTRA = 64

/** Serves the Postgres protocol on a port. */
export async function startPgServer(options: PgServerOptions): Promise<PgServer> {
  const limits = { ...defaultPgLimits, ...options.limits }
  const clients = new Clients(options, limits)
  const server = createServer({ noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS }, socket =>
    clients.serve(socket),
  )
  server.maxConnections = limits.connectionsMax + SOCKETS_EXTRA
  const port = await listen(server, options.host, options.port)
  return {
    port,
    close: async () => {
      const closed = new Promise<void>(resolve => server.close(() => resolve()))
      await clients.close()
      await closed
    },
  }
}

function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', cause => {
      const taken = 'code' in cause && cause.code === 'EADDRINUSE'
      const why = taken ? 'the port is in use' : cause.message
      const hint = taken ? 'another server runs there; take another port, or 0 for any free one' : undefined
      reject(new EngineError('58000', `cannot listen on ${host}:${port}: ${why}`, { cause, hint }))
    })
    server.listen(port, host, () => {
      const address = server.address()
      resolve(typeof address === 'object' && address ? address.port : port)
    })
  })
}

/** The connections of a server, and the places and process ids they hold. */
class Clients implements ConnectionHost {
  readonly sessions: SessionFactory
  readonly log: Logger
  readonly clock: Clock
  readonly messageBytesMax: number
  readonly outputBytesMax: number
  readonly #limits: PgLimits
  readonly #open = new Map<Connection, Socket>()
  readonly #admitted = new Map<number, Connection>()
  #lastProcessId = 0

  constructor(options: PgServerOptions, limits: PgLimits) {
    this.sessions = options.sessions
    this.log = options.log
    this.clock = options.clock
    this.messageBytesMax = limits.messageBytesMax
    // Below its high-water mark a socket does not say when it has drained.
    this.outputBytesMax = Math.max(limits.outputBytesMax, SOCKET_HIGH_WATER_BYTES)
    this.#limits = limits
  }

  serve(socket: Socket): void {
    const connection = new Connection(this, wireOf(socket))
    this.#open.set(connection, socket)
    const closed = new AbortController()
    void this.clock.sleep(this.#limits.startupTimeoutMs, closed.signal).then(() => {
      if (!connection.started) socket.destroy()
    })
    socket.on('data', bytes => connection.receive(bytes))
    socket.on('error', error => this.log.debug({ error: error.message }, 'a client connection broke'))
    // A client that says no more listens no more: a killed one looks like this while nothing is sent to it.
    socket.on('end', () => void connection.close())
    socket.on('close', () => {
      closed.abort()
      void connection.close().finally(() => this.#forget(connection))
    })
  }

  admit(connection: Connection): number {
    if (this.#admitted.size >= this.#limits.connectionsMax) {
      throw new EngineError('53300', 'sorry, too many clients already', {
        hint: `The limit is ${this.#limits.connectionsMax} (max_connections). Close a connection, or use a pool.`,
        retryable: true,
      })
    }
    this.#lastProcessId = (this.#lastProcessId + 1) & 0x7fffffff
    this.#admitted.set(this.#lastProcessId, connection)
    return this.#lastProcessId
  }

  cancel(processId: number, secret: Uint8Array): void {
    this.#admitted.get(processId)?.cancel(secret)
  }

  async close(): Promise<void> {
    const error = new EngineError('57P01', 'terminating connection due to administrator command')
    await Promise.all(
      [...this.#open].map(async ([connection, socket]) => {
        const ended = connection.terminate(error)
        const grace = new AbortController()
        // A client that does not read would hold the server up.
        await Promise.race([ended, this.clock.sleep(CLOSE_GRACE_MS, grace.signal)])
        grace.abort()
        socket.destroy()
        await ended
      }),
    )
  }

  #forget(connection: Connection): void {
    this.#open.delete(connection)
    for (const [id, admitted] of this.#admitted) if (admitted === connection) this.#admitted.delete(id)
  }
}

function wireOf(socket: Socket): Wire {
  return {
    write: bytes => void socket.write(bytes),
    get bufferedBytes() {
      return socket.writableLength
    },
    get closed() {
      return socket.destroyed || !socket.writable
    },
    drained: () =>
      new Promise(resolve => {
        const done = (): void => {
          socket.off('drain', done)
          socket.off('close', done)
          resolve()
        }
        socket.once('drain', done)
        socket.once('close', done)
      }),
    end: () => void socket.end(),
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
  }
}
