import { connect as connectSocket } from 'node:net'
import pg from 'pg'
import { EngineError } from '../base/errors.ts'
import { type Flag, WrongUse } from './command.ts'
import { located } from './script.ts'

/** Where a server listens. */
export interface Address {
  readonly host: string
  readonly port: number
}

/** Which server a command speaks to. */
export const serverFlag: Flag = {
  name: 'to',
  value: 'HOST:PORT',
  doc: 'the server',
  default: 'localhost:7432',
  parse: parseAddress,
}

function parseAddress(text: string): Address {
  const match = /^(?:\[([^\]]+)\]|([^:]*))(?::(\d+))?$/.exec(text)
  const port = Number(match?.[3] ?? 7432)
  if (!match || port > 65535) throw new WrongUse(`--to "${text}" must be HOST:PORT, as localhost:7432 or [::1]:7432`)
  return { host: (match[1] ?? match[2]) || 'localhost', port }
}

/** What comes of a statement, as it comes; values as text. */
export interface Answer {
  fields(names: readonly string[]): void
  row(cells: readonly (string | null)[]): void
  /** COPY … TO STDOUT. */
  copied(bytes: Uint8Array): void
  /** `SELECT 3`, `CREATE SOURCE`. */
  done(tag: string): void
  /** What COPY … FROM STDIN reads. */
  readonly input?: AsyncIterable<Uint8Array>
}

/** Statements on a connection to a server, one at a time. */
export class Client {
  readonly #client: pg.Client
  readonly #address: Address
  #key: { readonly processID: number; readonly secretKey: number } | undefined
  #broken = false

  private constructor(address: Address, notice: (message: string) => void) {
    this.#address = address
    this.#client = new pg.Client({ ...address, user: 'tidemark', database: 'tidemark', application_name: 'tidemark' })
    this.#client.on('notice', ({ message = '', detail }) => notice(detail ? `${message}\ndetail: ${detail}` : message))
    // The running statement hears of it too.
    this.#client.on('error', () => {
      this.#broken = true
    })
    this.#client.on('end', () => {
      this.#broken = true
    })
    this.#client.connection.on('backendKeyData', key => {
      this.#key = key
    })
  }

  /** Connects as `tidemark`. Notices of the server go to `notice`. Throws 08001. */
  static async connect(address: Address, notice: (message: string) => void): Promise<Client> {
    const client = new Client(address, notice)
    try {
      await client.#client.connect()
    } catch (cause) {
      if (cause instanceof pg.DatabaseError) throw fromServer(cause)
      // Tried over IPv4 and IPv6, it is several errors without a message of their own.
      const [first] = cause instanceof AggregateError ? cause.errors : [cause]
      const why = first instanceof Error ? first.message || first.name : String(first)
      throw new EngineError('08001', `no server answers at ${address.host}:${address.port}: ${why}`, {
        cause,
        actor: 'external',
        retryable: true,
        hint: 'start one with: tidemark serve',
      })
    }
    return client
  }

  /** True once the server has gone: connect again. */
  get broken(): boolean {
    return this.#broken
  }

  /** Runs one statement. Its errors say line and column of `script`, where it begins at `offset`. */
  async run(sql: string, answer: Answer, script = sql, offset = 0): Promise<void> {
    try {
      if (this.#broken) throw new Error('it has been closed')
      await new Promise<void>((resolve, reject) => this.#client.query(new Running(sql, answer, resolve, reject)))
    } catch (error) {
      throw located(fromServer(error, sql), script, offset)
    }
  }

  /** Names and rows of a statement whose answer is small. */
  async rows(sql: string): Promise<{ readonly names: readonly string[]; readonly rows: readonly (string | null)[][] }> {
    let names: readonly string[] = []
    const rows: (string | null)[][] = []
    await this.run(sql, {
      fields: given => {
        names = given
      },
      row: cells => void rows.push([...cells]),
      copied: () => {},
      done: () => {},
    })
    return { names, rows }
  }

  /** Asks the server to end the statement that runs: a connection of its own, as the protocol has it. Nobody hears whether it came in time. */
  cancel(): void {
    const key = this.#key
    if (!key) return
    const request = Buffer.alloc(16)
    for (const [i, word] of [16, 80877102, key.processID, key.secretKey].entries()) request.writeInt32BE(word, 4 * i)
    connectSocket(this.#address)
      .on('error', () => {})
      .end(request)
  }

  async close(): Promise<void> {
    await this.#client.end()
  }
}

/** A statement as node-postgres runs it: it calls the `handle…` methods. Rows are handed on one by one, so an endless answer takes no memory. */
class Running implements pg.Submittable {
  readonly #sql: string
  readonly #answer: Answer
  readonly #resolve: () => void
  readonly #reject: (error: unknown) => void

  constructor(sql: string, answer: Answer, resolve: () => void, reject: (error: unknown) => void) {
    this.#sql = sql
    this.#answer = answer
    this.#resolve = resolve
    this.#reject = reject
  }

  submit(connection: pg.Connection): void {
    connection.query(this.#sql)
  }

  handleRowDescription({ fields }: { fields: readonly { name: string }[] }): void {
    this.#answer.fields(fields.map(f => f.name))
  }

  handleDataRow({ fields }: { fields: readonly (string | null)[] }): void {
    this.#answer.row(fields)
  }

  handleCopyData({ chunk }: { chunk: Uint8Array }): void {
    this.#answer.copied(chunk)
  }

  handleCopyInResponse(connection: CopyIn): void {
    const { input } = this.#answer
    if (input) void sendCopy(connection, input)
    else connection.sendCopyFail('there is no input to copy from')
  }

  handleCommandComplete({ text }: { text: string }): void {
    this.#answer.done(text)
  }

  handleEmptyQuery(): void {}

  handlePortalSuspended(): void {}

  handleError(error: unknown): void {
    this.#reject(error)
  }

  handleReadyForQuery(): void {
    this.#resolve()
  }
}

/** What node-postgres' connections can do beside what their types tell. */
interface CopyIn {
  readonly stream: NodeJS.WritableStream & { readonly destroyed?: boolean }
  sendCopyFromChunk(chunk: Uint8Array): void
  endCopyFrom(): void
  sendCopyFail(message: string): void
}

/** At the network's pace. */
async function sendCopy(connection: CopyIn, input: AsyncIterable<Uint8Array>): Promise<void> {
  const { stream } = connection
  try {
    for await (const chunk of input) {
      connection.sendCopyFromChunk(chunk)
      while ('writableNeedDrain' in stream && stream.writableNeedDrain && !stream.destroyed) {
        await new Promise(resolve => {
          stream.once('drain', resolve)
          stream.once('close', resolve)
        })
      }
      if (stream.destroyed) return
    }
    connection.endCopyFrom()
  } catch (error) {
    connection.sendCopyFail(`the input broke: ${error instanceof Error ? error.message : error}`)
  }
}

/** An error of the server or the network as one of ours, to be printed the same way. Its position counts characters of `sql`. */
function fromServer(error: unknown, sql = ''): unknown {
  if (error instanceof EngineError || !(error instanceof Error)) return error
  if (!(error instanceof pg.DatabaseError)) {
    return new EngineError('08006', `the connection to the server is gone: ${error.message}`, {
      cause: error,
      actor: 'external',
      retryable: true,
    })
  }
  const { code = 'XX000', message, detail, hint } = error
  const before = error.position === undefined ? undefined : [...sql].slice(0, Number(error.position) - 1)
  const position = before && before.join('').length + 1
  return new EngineError(code, message, { detail, hint, position })
}
