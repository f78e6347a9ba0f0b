import { type ChildProcess, fork } from 'node:child_process'
import { join } from 'node:path'
import { assert } from '../../base/assert.ts'
import type { Clock } from '../../base/clock.ts'
import { EngineError } from '../../base/errors.ts'
import type { Logger } from '../../base/log.ts'
import { oidOf, typeOfOid } from '../../batch/oids.ts'
import { type DataType, type Datum, type Schema, TEXT } from '../../batch/types.ts'
import { formatDatum, parseDatum } from '../../expr/text.ts'
import { adaptToCatalog } from './adapt.ts'
import type { CatalogAnswer, CatalogRequest, Numbered, ResultColumn } from './messages.ts'
import { type CatalogObject, ddlOf, type ObjectDdl, quote } from './objects.ts'

/** Answers queries on pg_catalog and information_schema as Postgres does, because Postgres answers them. */
export interface PgCatalog {
  /** Whether the process behind it runs now, with its some 400 MB. */
  readonly running: boolean
  /** What the queries shall see from now on. Cheap: carried out before the next query, for what has changed. */
  sync(objects: readonly CatalogObject[]): void
  /** Parameters' and result's types. */
  describe(sql: string, options?: CatalogQueryOptions): Promise<CatalogDescription>
  /** Runs a catalog query. */
  query(sql: string, options?: CatalogQueryOptions & CatalogParameters): Promise<CatalogRows>
  /** Ends the process behind it, if it runs. Idempotent. */
  close(): Promise<void>
}

export interface CatalogQueryOptions {
  /** Of the parameters that the client declared; undefined: inferred. */
  readonly declaredTypes?: readonly (DataType | undefined)[]
  /** Schemas that unqualified names are looked for in, as in the setting search_path. */
  readonly searchPath?: string
}

export interface CatalogParameters {
  readonly parameters?: readonly Datum[]
  /** What `describe` said. */
  readonly parameterTypes?: readonly DataType[]
}

export interface CatalogRows {
  readonly schema: Schema
  readonly rows: readonly Datum[][]
}

export interface CatalogDescription {
  readonly parameterTypes: readonly DataType[]
  /** Undefined: no rows. */
  readonly schema: Schema | undefined
}

export interface PgCatalogOptions {
  readonly clock: Clock
  readonly log: Logger
  /** Where an initialised data directory is kept between starts; without it each start takes some seconds. */
  readonly cacheDir?: string
  /** The process ends after this time without queries, and gives its memory back. */
  readonly idleMs?: number
}

const IDLE_MS = 5 * 60_000
const CACHE_FILE = 'pglite-0.5.16.tar.gz'
const SEARCH_PATH = 'public'
/** The zone of the process behind it. */
const UTC = { timeZone: 'UTC' }

export function createPgCatalog(options: PgCatalogOptions): PgCatalog {
  return new PgliteCatalog(options)
}

/** The process is started by the first query after a pause, and then made to hold the objects of the last `sync`. */
class PgliteCatalog implements PgCatalog {
  readonly #options: PgCatalogOptions
  #objects: readonly CatalogObject[] = []
  #process: CatalogProcess | undefined
  #queryCount = 0

  constructor(options: PgCatalogOptions) {
    this.#options = options
  }

  get running(): boolean {
    return this.#process?.alive ?? false
  }

  sync(objects: readonly CatalogObject[]): void {
    this.#objects = objects
  }

  async describe(sql: string, options: CatalogQueryOptions = {}): Promise<CatalogDescription> {
    const { declaredTypes = [], searchPath = SEARCH_PATH } = options
    const parameterOids = declaredTypes.map(declaredOid)
    const answer = await this.#ask({ kind: 'describe', sql: adaptToCatalog(sql), searchPath, parameterOids })
    assert(answer.kind === 'described', 'describe is answered by a description')
    const schema = answer.columns.length === 0 ? undefined : schemaOf(answer.columns)
    return { parameterTypes: answer.parameterOids.map(typeOf), schema }
  }

  async query(sql: string, options: CatalogQueryOptions & CatalogParameters = {}): Promise<CatalogRows> {
    const { parameters = [], parameterTypes = [], declaredTypes = [], searchPath = SEARCH_PATH } = options
    const answer = await this.#ask({
      kind: 'query',
      sql: adaptToCatalog(sql),
      searchPath,
      parameters: parameters.map((v, i) => (v === null ? null : formatDatum(v, parameterTypes[i], UTC))),
      parameterOids: parameters.map((_, i) => declaredOid(declaredTypes[i])),
    })
    assert(answer.kind === 'rows', 'a query is answered by rows')
    const schema = schemaOf(answer.columns)
    const datum = (text: string | null, c: number): Datum =>
      text === null ? null : parseDatum(text, schema.fields[c].type, UTC)
    return { schema, rows: answer.rows.map(row => row.map(datum)) }
  }

  async close(): Promise<void> {
    const ending = this.#process
    // Who asks meanwhile gets a new one.
    this.#process = undefined
    await ending?.close()
  }

  async #ask(request: CatalogRequest): Promise<CatalogAnswer> {
    const running = this.#running()
    running.show(this.#objects)
    const queryCount = ++this.#queryCount
    try {
      return await running.ask(request)
    } finally {
      if (queryCount === this.#queryCount) this.#endWhenIdle(running, queryCount)
    }
  }

  #running(): CatalogProcess {
    if (!this.#process?.alive) {
      const { cacheDir, log } = this.#options
      this.#process = new CatalogProcess(cacheDir === undefined ? undefined : join(cacheDir, CACHE_FILE), log)
    }
    return this.#process
  }

  #endWhenIdle(running: CatalogProcess, queryCount: number): void {
    const { clock, idleMs = IDLE_MS } = this.#options
    running.replaceIdleWait(signal => {
      void clock.sleep(idleMs, signal).then(() => {
        if (!signal.aborted && queryCount === this.#queryCount) void this.close()
      })
    })
  }
}

/** One run of the process, and what it has been made to hold. */
class CatalogProcess {
  readonly #child: ChildProcess
  readonly #log: Logger
  readonly #waiting = new Map<number, { resolve: (answer: CatalogAnswer) => void; reject: (error: Error) => void }>()
  readonly #held = new Map<string, ObjectDdl>()
  #shown: readonly CatalogObject[] = []
  #lastId = 0
  #idle = new AbortController()
  #alive = true
  /** A failed start or change, told to whoever asks next. */
  #ready: Promise<unknown>

  constructor(cacheFile: string | undefined, log: Logger) {
    this.#log = log
    this.#child = fork(new URL('./process.ts', import.meta.url), { serialization: 'advanced', execArgv: [] })
    // A server that ends does not wait for its catalog.
    this.#child.unref()
    this.#child.channel?.unref()
    this.#child.on('message', message => this.#answered(message as Numbered<CatalogAnswer>)) // only process.ts sends
    this.#child.on('exit', code => this.#exited(code))
    this.#child.on('error', () => this.#exited(null))
    this.#ready = this.#send({ kind: 'start', cacheFile })
    this.#ready.catch(() => {})
  }

  get alive(): boolean {
    return this.#alive
  }

  async ask(request: CatalogRequest): Promise<CatalogAnswer> {
    await this.#ready
    return this.#send(request)
  }

  /** Makes and drops what has changed since the last time; what is unchanged keeps its object identifier. */
  show(objects: readonly CatalogObject[]): void {
    if (objects === this.#shown) return
    this.#shown = objects
    const wanted = new Map(objects.map(o => [`${quote(o.schema)}.${quote(o.name)}`, ddlOf(o)]))
    const drops: string[] = []
    for (const [name, ddl] of this.#held) {
      if (wanted.get(name)?.create === ddl.create) continue
      drops.push(ddl.drop)
      this.#held.delete(name)
    }
    const creates: string[] = []
    for (const [name, ddl] of wanted) {
      if (this.#held.has(name)) continue
      creates.push(ddl.create)
      this.#held.set(name, ddl)
    }
    if (drops.length + creates.length === 0) return
    const schemas = [...new Set(objects.map(o => `CREATE SCHEMA IF NOT EXISTS ${quote(o.schema)}`))]
    const statements = [...drops, ...schemas, ...creates]
    this.#ready = this.#ready.then(() => this.#apply(statements))
    this.#ready.catch(() => {})
  }

  replaceIdleWait(wait: (signal: AbortSignal) => void): void {
    this.#idle.abort()
    this.#idle = new AbortController()
    wait(this.#idle.signal)
  }

  async close(): Promise<void> {
    this.#idle.abort()
    if (!this.#alive) return
    const exited = new Promise<void>(resolve => this.#child.once('exit', () => resolve()))
    this.#child.ref()
    this.#child.kill('SIGKILL') // it holds nothing that is not made again
    await exited
  }

  async #apply(statements: readonly string[]): Promise<void> {
    const answer = await this.#send({ kind: 'apply', statements })
    if (answer.kind !== 'done' || answer.failures.length === 0) return
    this.#log.warn({ failures: answer.failures }, 'some relations are not shown to catalog queries')
  }

  #send(request: CatalogRequest): Promise<CatalogAnswer> {
    if (!this.#alive) return Promise.reject(gone())
    const id = ++this.#lastId
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      // Referenced while an answer is awaited.
      this.#child.ref()
      this.#child.channel?.ref()
      this.#child.send({ id, body: request } satisfies Numbered<CatalogRequest>)
    })
  }

  #answered({ id, body }: Numbered<CatalogAnswer>): void {
    const waiting = this.#waiting.get(id)
    this.#waiting.delete(id)
    if (this.#waiting.size === 0) {
      this.#child.unref()
      this.#child.channel?.unref()
    }
    if (body.kind === 'failed') waiting?.reject(new EngineError(body.sqlState, body.message, body))
    else waiting?.resolve(body)
  }

  #exited(code: number | null): void {
    this.#alive = false
    this.#idle.abort()
    if (this.#waiting.size > 0) this.#log.warn({ code }, 'the process of the Postgres catalog ended')
    for (const { reject } of this.#waiting.values()) reject(gone())
    this.#waiting.clear()
  }
}

function gone(): EngineError {
  return new EngineError('58000', 'the process that answers catalog queries ended', {
    hint: 'It is started again by the next catalog query.',
    retryable: true,
  })
}

function schemaOf(columns: readonly ResultColumn[]): Schema {
  return { fields: columns.map(c => ({ name: c.name, type: typeOf(c.oid) })) }
}

/** 0: Postgres infers. */
function declaredOid(type: DataType | undefined): number {
  return type ? oidOf(type) : 0
}

/** Types that only a catalog has (regproc, aclitem, pg_node_tree …) are shown as text. */
function typeOf(oid: number): DataType {
  return typeOfOid(oid) ?? TEXT
}
