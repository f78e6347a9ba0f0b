import { unreachable } from '../../base/assert.ts'
import type { Clock } from '../../base/clock.ts'
import { EngineError, notSupported, toEngineError } from '../../base/errors.ts'
import type { Logger } from '../../base/log.ts'
import { oidOf, typeOfOid } from '../../batch/oids.ts'
import type { DataType, Datum } from '../../batch/types.ts'
import type { CopyTarget, Prepared, Session, Statement } from '../../engine/session.ts'
import type { TextSettings } from '../../expr/datetime.ts'
import {
  formatAt,
  type Severity,
  writeCommandComplete,
  writeError,
  writeParameterDescription,
  writeParameterStatus,
  writePlain,
  writeReady,
  writeRowDescription,
} from './backend.ts'
import type { FrontendMessage } from './frontend.ts'
import type { Outlet } from './outlet.ts'
import { decodeParameter } from './parameter.ts'
import { Portal, timeZoneOf } from './portal.ts'
import { reportedName } from './settings.ts'

/** Prepared statements, or portals, of one client: a driver keeps some hundreds; more is a leak in the client. */
const NAMES_MAX = 10_000

interface NamedStatement {
  /** Undefined for the empty statement. */
  readonly prepared: Prepared | undefined
  readonly parameterOids: readonly number[]
  readonly sql: string
}

/**
 * What a client and the server say to each other once the session is open: messages in, messages out, no sockets. The caller
 * gives one message at a time and awaits its end. An error ends the message, never the conversation: after one in the extended
 * protocol everything up to the next Sync is skipped.
 */
export class Conversation {
  readonly #session: Session
  readonly #outlet: Outlet
  readonly #log: Logger
  readonly #clock: Clock
  readonly #statements = new Map<string, NamedStatement>()
  readonly #portals = new Map<string, Portal>()
  #skipping = false
  /** A COPY … FROM STDIN waits for the client's data; `rest` runs what follows it in a simple query. */
  #copy: { readonly target: CopyTarget; readonly rest: (() => Promise<void>) | undefined } | undefined
  /** The text that positions of errors refer to. */
  #sql = ''

  constructor(options: { session: Session; outlet: Outlet; log: Logger; clock: Clock }) {
    const { session, outlet, log, clock } = options
    this.#session = session
    this.#clock = clock
    this.#outlet = outlet
    this.#log = log
    session.onNotice = notice => {
      this.#writeError(notice.severity, notice.error)
      outlet.touch()
    }
    session.onSetting = (name, value) => {
      const reported = reportedName(name)
      if (reported) writeParameterStatus(outlet.out, reported, value)
    }
  }

  async handle(message: FrontendMessage): Promise<void> {
    if (this.#skipping && message.kind !== 'sync') return
    const copy = this.#copy
    try {
      if (copy) await this.#continueCopy(copy.target, copy.rest, message)
      else await this.#dispatch(message)
    } catch (error) {
      await this.#fail(error, copy && this.#copy === copy ? copy.rest === undefined : expectsSync(message))
    }
  }

  /** Lets everything go. */
  async close(): Promise<void> {
    await this.#closePortals()
    this.#statements.clear()
  }

  async #dispatch(message: FrontendMessage): Promise<void> {
    switch (message.kind) {
      case 'query':
        return this.#query(message.sql)
      case 'parse':
        return this.#parse(message)
      case 'bind':
        return this.#bind(message)
      case 'describe':
        return message.target === 'statement'
          ? this.#describeStatement(message.name)
          : this.#describePortal(message.name)
      case 'execute':
        return this.#execute(message.portal, message.rowsMax)
      case 'close':
        return this.#close(message.target, message.name)
      case 'flush':
        return this.#outlet.flush()
      case 'sync':
        return this.#sync()
      case 'function-call':
        throw notSupported('the function call message', undefined, 'Call the function with SELECT.')
      case 'malformed':
        throw message.error
      // Of a COPY FROM that has failed: its client has not heard of it yet.
      case 'copy-data':
      case 'copy-done':
      case 'copy-fail':
        return
      case 'password':
      case 'startup':
      case 'ssl-request':
      case 'gss-request':
      case 'cancel':
      case 'terminate':
        throw new EngineError('08P01', `unexpected ${message.kind} message`)
      default:
        return unreachable(message)
    }
  }

  /** Several statements are one implicit transaction: an error stops the rest. */
  async #query(sql: string): Promise<void> {
    this.#sql = sql
    const { out } = this.#outlet
    this.#statements.delete('')
    await this.#closePortal('')
    const statements = this.#session.parse(sql).filter(s => s.ast !== undefined)
    if (statements.length === 0) writePlain(out, 'empty-query')
    await this.#runSimple(statements)
  }

  async #runSimple(statements: readonly Statement[]): Promise<void> {
    for (const [i, statement] of statements.entries()) {
      const prepared = await this.#session.prepare(statement, [])
      const portal = new Portal(this.#session, prepared, [], [])
      try {
        const target = await portal.run(this.#outlet, { rowsMax: 0, describe: true })
        if (target) {
          this.#copy = { target, rest: () => this.#runSimple(statements.slice(i + 1)) }
          return
        }
      } finally {
        await portal.close()
      }
    }
    await this.#ready()
  }

  /** One message of a client that copies in. Throws what ends the COPY. */
  async #continueCopy(
    target: CopyTarget,
    rest: (() => Promise<void>) | undefined,
    message: FrontendMessage,
  ): Promise<void> {
    switch (message.kind) {
      case 'copy-data':
        return target.write(message.bytes)
      case 'copy-done': {
        writeCommandComplete(this.#outlet.out, `COPY ${await target.finish()}`)
        this.#copy = undefined
        return rest?.()
      }
      case 'copy-fail':
        return target.abandon(message.reason)
      // Sent ahead by clients that do not wait for the answer; Postgres passes over them too.
      case 'flush':
      case 'sync':
        return
      default:
        return target.abandon(`unexpected ${message.kind} message`)
    }
  }

  async #parse(message: Extract<FrontendMessage, { kind: 'parse' }>): Promise<void> {
    const { name, sql, typeOids } = message
    this.#sql = sql
    if (name !== '' && this.#statements.has(name))
      throw new EngineError('42P05', `prepared statement "${name}" already exists`)
    if (this.#statements.size >= NAMES_MAX) throw tooMany('prepared statements')
    this.#statements.delete(name)
    const statements = this.#session.parse(sql).filter(s => s.ast !== undefined)
    if (statements.length > 1)
      throw new EngineError('42601', 'cannot insert multiple commands into a prepared statement')
    const types = typeOids.map(declaredType)
    const prepared = statements.length === 0 ? undefined : await this.#session.prepare(statements[0], types)
    const parameterOids = prepared ? prepared.parameterTypes.map((type, i) => typeOids[i] || oidOf(type)) : []
    this.#statements.set(name, { prepared, parameterOids, sql })
    writePlain(this.#outlet.out, 'parse-complete')
  }

  async #bind(message: Extract<FrontendMessage, { kind: 'bind' }>): Promise<void> {
    const statement = this.#statement(message.statement)
    this.#sql = statement.sql
    if (message.portal !== '' && this.#portals.has(message.portal))
      throw new EngineError('42P03', `portal "${message.portal}" already exists`)
    if (this.#portals.size >= NAMES_MAX) throw tooMany('portals')
    await this.#closePortal(message.portal)
    const settings = { timeZone: timeZoneOf(this.#session), nowMicros: Math.floor(this.#clock.nowMs() * 1000) }
    const parameters = readParameters(message, statement, settings)
    const columnCount = statement.prepared?.schema?.fields.length ?? 0
    checkFormats(message.resultFormats, columnCount, 'result formats', 'columns')
    const portal = new Portal(this.#session, statement.prepared, parameters, message.resultFormats, statement.sql)
    this.#portals.set(message.portal, portal)
    writePlain(this.#outlet.out, 'bind-complete')
  }

  #describeStatement(name: string): void {
    const { prepared, parameterOids } = this.#statement(name)
    writeParameterDescription(this.#outlet.out, parameterOids)
    this.#writeDescription(prepared, [])
  }

  #describePortal(name: string): void {
    const portal = this.#portal(name)
    this.#writeDescription(portal.prepared, portal.formats)
  }

  #writeDescription(prepared: Prepared | undefined, formats: readonly number[]): void {
    if (prepared?.schema) writeRowDescription(this.#outlet.out, prepared.schema, formats)
    else writePlain(this.#outlet.out, 'no-data')
  }

  async #execute(name: string, rowsMax: number): Promise<void> {
    const portal = this.#portal(name)
    this.#sql = portal.sql
    const target = await portal.run(this.#outlet, { rowsMax, describe: false })
    if (target) this.#copy = { target, rest: undefined }
  }

  async #close(target: 'statement' | 'portal', name: string): Promise<void> {
    if (target === 'statement') this.#statements.delete(name)
    else await this.#closePortal(name)
    writePlain(this.#outlet.out, 'close-complete')
  }

  async #sync(): Promise<void> {
    this.#skipping = false
    await this.#ready()
    this.#outlet.flush()
  }

  /** Portals live as long as the transaction they were made in. */
  async #ready(): Promise<void> {
    if (this.#session.transaction === 'I') await this.#closePortals()
    writeReady(this.#outlet.out, this.#session.transaction)
  }

  async #fail(error: unknown, untilSync: boolean): Promise<void> {
    this.#copy = undefined
    const known = toEngineError(error)
    if (known.sqlState === 'XX000') this.#log.error({ error: known.cause ?? known }, 'a statement failed unexpectedly')
    this.#writeError('ERROR', known)
    if (untilSync) this.#skipping = true
    else await this.#ready()
  }

  #writeError(severity: Severity, error: EngineError): void {
    writeError(this.#outlet.out, severity, error, characterPosition(this.#sql, error.position))
  }

  #statement(name: string): NamedStatement {
    const statement = this.#statements.get(name)
    if (statement) return statement
    const which = name === '' ? 'unnamed prepared statement' : `prepared statement "${name}"`
    throw new EngineError('26000', `${which} does not exist`)
  }

  #portal(name: string): Portal {
    const portal = this.#portals.get(name)
    if (!portal) throw new EngineError('34000', `portal "${name}" does not exist`)
    return portal
  }

  async #closePortal(name: string): Promise<void> {
    const portal = this.#portals.get(name)
    this.#portals.delete(name)
    await portal?.close()
  }

  async #closePortals(): Promise<void> {
    for (const name of [...this.#portals.keys()]) await this.#closePortal(name)
  }
}

function expectsSync(message: FrontendMessage): boolean {
  switch (message.kind) {
    case 'parse':
    case 'bind':
    case 'describe':
    case 'execute':
    case 'close':
    case 'flush':
      return true
    case 'malformed':
      return message.after === 'skip'
    default:
      return false
  }
}

function tooMany(what: string): EngineError {
  return new EngineError('53400', `more than ${NAMES_MAX} ${what}`, { hint: 'Close those that are no longer used.' })
}

function declaredType(oid: number): DataType | undefined {
  // 0 and 705 (unknown): the engine infers.
  if (oid === 0 || oid === 705) return undefined
  const type = typeOfOid(oid)
  if (type) return type
  throw new EngineError('42704', `type with OID ${oid} does not exist`, {
    hint: 'Leave the type of the parameter open, and cast it in the statement.',
  })
}

function readParameters(
  message: Extract<FrontendMessage, { kind: 'bind' }>,
  statement: NamedStatement,
  settings: TextSettings,
): Datum[] {
  const { parameters, parameterFormats } = message
  const expected = statement.parameterOids.length
  if (parameters.length !== expected) {
    const name = message.statement
    throw new EngineError(
      '08P01',
      `bind message supplies ${parameters.length} parameters, but prepared statement "${name}" requires ${expected}`,
    )
  }
  checkFormats(parameterFormats, expected, 'parameter formats', 'parameters')
  return parameters.map((bytes, i) => {
    if (bytes === null) return null
    const type = statement.prepared?.parameterTypes[i] ?? unreachable(bytes as never) // as many as there are OIDs
    const oid = statement.parameterOids[i]
    return decodeParameter(bytes, formatAt(parameterFormats, i), type, { oid, settings })
  })
}

function checkFormats(formats: readonly number[], count: number, what: string, things: string): void {
  if (formats.length <= 1 || formats.length === count) return
  throw new EngineError('08P01', `bind message has ${formats.length} ${what} but ${count} ${things}`)
}

/** The engine counts UTF-16 units from 1, clients count characters. */
function characterPosition(sql: string, position: number | undefined): number | undefined {
  if (position === undefined) return undefined
  let characters = 0
  for (const character of sql.slice(0, position - 1)) characters += character === '' ? 0 : 1
  return characters + 1
}
