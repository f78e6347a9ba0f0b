import { parseScript } from '../../grammar/parse.ts'
import type { Clock } from '../base/clock.ts'
import { EngineError, nearest, toEngineError } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'
import { type Batch, createBatch } from '../batch/batch.ts'
import type { Connector } from '../connector.ts'
import type { AsideRow } from '../jobs/aside.ts'
import type { JobHost } from '../jobs/host.ts'
import { Supervisor } from '../jobs/supervisor.ts'
import { type Log, openLog } from '../log/log.ts'
import { openRowLog, type RowLog } from '../log/row-log.ts'
import type { LogicalPlan } from '../plan/logical.ts'
import { Checkpoints } from '../state/checkpoints.ts'
import { type FolderLock, lockFolder } from '../storage/folder-lock.ts'
import type { ObjectStore } from '../storage/object-store.ts'
import { claimStore, type RemoteState } from '../storage/open-store.ts'
import { Catalog, type StoredStatement } from './catalog.ts'
import { ClientSession } from './client-session.ts'
import type { ConnectorLookup } from './define-source.ts'
import { defineObject } from './definitions.ts'
import { produce } from './endpoints.ts'
import { forgetOutside } from './forget-outside.ts'
import {
  type CatalogObject,
  type ConnectionObject,
  type JobObject,
  jobOf,
  qualifiedName,
  type SourceObject,
  type SourceSpec,
} from './objects.ts'
import { createPgCatalog, type PgCatalog } from './pg-catalog/catalog.ts'
import type { ReadRequest } from './read.ts'
import { contentsOf, readPlan } from './read.ts'
import { ASIDE_ROWS_MAX } from './runtime.ts'
import { scansOf } from './scans.ts'
import type { Session, SessionFactory } from './session.ts'
import { writtenColumns } from './source-columns.ts'
import { StandingJobs } from './standing-jobs.ts'
import { collect } from './stream.ts'
import { systemRelations, systemRows } from './system.ts'
import { writtenSpec } from './written-rows.ts'

export interface EngineOptions {
  readonly dataDir: string
  /** Catalog and checkpoints elsewhere; embedded topics and rows put aside stay in the data directory. */
  readonly remote?: RemoteState
  readonly connectors: readonly Connector[]
  readonly clock: Clock
  readonly log: Logger
  readonly newHost: () => JobHost
  /** Threads for jobs; one per core is plenty. */
  readonly hostsMax: number
}

/** Between two rounds of retention and compaction. */
const MAINTENANCE_MS = 60_000

/** What a statement is read under. */
export interface StatementContext {
  readonly sql: string
  readonly searchPath: readonly string[]
  readonly timeZone: string
  /** Of a stored object whose statement does not name it. */
  readonly name?: string
}

/** The engine behind every door: holds the catalog, keeps its jobs running, answers reads. One per data directory. */
export class Engine implements SessionFactory, ConnectorLookup {
  readonly catalog: Catalog
  readonly options: EngineOptions
  readonly supervisor: Supervisor
  readonly log: Log
  readonly aside: RowLog<AsideRow>
  readonly pgCatalog: PgCatalog
  readonly #jobs: StandingJobs
  #store: ObjectStore
  readonly #lock: FolderLock
  #closing = new AbortController()
  #maintenance: Promise<void> = Promise.resolve()
  /** Changes of the catalog, one at a time. */
  #changes: Promise<unknown> = Promise.resolve()

  private constructor(options: EngineOptions, lock: FolderLock, store: ObjectStore, log: Log) {
    this.options = options
    this.#lock = lock
    this.#store = store
    this.log = log
    this.catalog = new Catalog(store, systemRelations)
    this.supervisor = new Supervisor(options)
    this.#jobs = new StandingJobs(this.catalog, this.supervisor, dataflow => this.checkpoints(dataflow))
    this.pgCatalog = createPgCatalog({ clock: options.clock, log: options.log, cacheDir: options.dataDir })
    this.aside = openRowLog(options.dataDir, 'aside', ASIDE_ROWS_MAX)
  }

  /** Opens the data directory, remakes the catalog and starts its jobs; a job that cannot start now is tried again, and does not keep the server from starting. */
  static async open(options: EngineOptions): Promise<Engine> {
    const lock = await lockFolder(options.dataDir)
    const store = await claimStore(options.dataDir, options.remote).catch(async error => {
      await lock.release()
      throw error
    })
    const engine = new Engine(options, lock, store, openLog(options.dataDir))
    for (const stored of await engine.catalog.load()) {
      const object = await redefine(stored, engine)
      const job = object && jobOf(object)
      if (job) job.paused = stored.paused ?? false
      if (object) engine.catalog.objects.set(qualifiedName(object), object)
    }
    await engine.#jobs.startAll()
    engine.#maintenance = engine.#maintain()
    return engine
  }

  async connect(options: Parameters<SessionFactory['connect']>[0]): Promise<Session> {
    return new ClientSession(this, options)
  }

  /** Ends; every job takes a last checkpoint first, unless `save` is false: then the next start goes on as after a crash. */
  async close({ save = true }: { readonly save?: boolean } = {}): Promise<void> {
    this.#closing.abort()
    await this.#maintenance
    await this.supervisor.stopAll({ save })
    await this.pgCatalog.close()
    await this.aside.close()
    await this.log.close()
    await this.#lock.release()
  }

  /** Retention and compaction of embedded topics. A failure is reported and tried again: topics only stay larger meanwhile. */
  async #maintain(): Promise<void> {
    const { clock, log } = this.options
    const { signal } = this.#closing
    while (!signal.aborted) {
      try {
        await this.log.maintain(clock.nowMs())
      } catch (error) {
        log.warn({ error: String(error) }, 'embedded topics could not be cleaned up')
      }
      await clock.sleep(MAINTENANCE_MS, signal)
    }
  }

  connector(name: string, at?: number): Connector {
    const found = this.options.connectors.find(c => c.name === name)
    if (found) return found
    const near = nearest(
      name,
      this.options.connectors.map(c => c.name),
    )
    throw new EngineError('42704', `there is no connector "${name}"`, {
      position: at === undefined ? undefined : at + 1,
      hint:
        near.length > 0
          ? `did you mean ${near[0]}?`
          : `there are ${this.options.connectors.map(c => c.name).join(', ')}`,
    })
  }

  connection(name: string, at?: number): ConnectionObject {
    const object = this.catalog.get([name], ['public'], at)
    if (object.kind !== 'connection') throw new EngineError('42809', `"${name}" is a ${object.kind}, not a connection`)
    return object
  }

  defaultConnection(type: string): ConnectionObject | undefined {
    const ofType = [...this.catalog.objects.values()].filter(o => o.kind === 'connection').filter(c => c.type === type)
    return ofType.find(c => c.shortName === type) ?? (ofType.length === 1 ? ofType[0] : undefined)
  }

  /** Runs one change of the catalog after the others. */
  change<T>(work: () => Promise<T>): Promise<T> {
    const change = this.#changes.then(work)
    this.#changes = change.catch(() => {})
    return change
  }

  /** Adds an object that `defineObject` made; starts its job. Nothing is left of it when that fails. */
  async create(object: CatalogObject): Promise<void> {
    const name = qualifiedName(object)
    const job = jobOf(object)
    // What an earlier table of the name left when the program died between its end and that of its topic.
    if (object.kind === 'source' && object.ownTopic !== undefined) await this.#dropTopic(object.ownTopic)
    this.catalog.objects.set(name, object)
    try {
      if (job) await this.#jobs.start(name, job, object.dependsOn)
      await this.catalog.save()
    } catch (error) {
      this.catalog.objects.delete(name)
      await this.catalog.save()
      if (job) await this.#removeJob(name, job)
      throw error
    }
  }

  /** Removes an object and those that need it; without `cascade` it must be alone. Answers the names removed. */
  async drop(name: string, cascade: boolean): Promise<string[]> {
    const dependants = this.catalog.dependants(name)
    if (dependants.length > 0 && !cascade) {
      const list = dependants.map(o => `${o.kind} ${o.shortName}`).join(', ')
      throw new EngineError(
        '2BP01',
        `cannot drop ${name.replace(/^public\./, '')} because other objects depend on it`,
        {
          detail: `${list} depend${dependants.length === 1 ? 's' : ''} on it`,
          hint: 'DROP … CASCADE drops them too',
        },
      )
    }
    const dropped = [...dependants.map(qualifiedName).reverse(), name]
    const objects = dropped.map(each => this.catalog.objects.get(each))
    const jobs = objects.map(object => object && jobOf(object))
    for (const each of dropped) this.catalog.objects.delete(each)
    // First the catalog: a job found there after a crash, its checkpoint gone already, would write all its output again.
    await this.catalog.save()
    for (const [i, job] of jobs.entries()) if (job) await this.#removeJob(dropped[i], job)
    for (const object of objects) {
      if (object?.kind === 'source' && object.ownTopic !== undefined) await this.#dropTopic(object.ownTopic)
    }
    return dropped
  }

  /** Pauses or resumes a job, and with it those that share its dataflow: their answers would no longer belong together. Answers their names. */
  async setPaused(object: CatalogObject, paused: boolean): Promise<string[]> {
    const job = jobOf(object)
    if (!job) throw new EngineError('42809', `${object.shortName} is a ${object.kind} and has no job`)
    return await this.#jobs.setPaused(job.dataflow, paused)
  }

  /** Rows of a bound read. Work on it ends with the signal. */
  async *read(request: ReadRequest, signal: AbortSignal): AsyncGenerator<Batch, void, undefined> {
    const scans = scansOf(request.plan)
    const system = scans.filter(scan => scan.relationKind === 'system').map(scan => scan.relation)
    const live = request.kind === 'changes' || scans.length > system.length
    if (!live) return yield* readPlan(request, name => systemRows(name, this), signal)
    const given: Record<string, readonly Batch[]> = {}
    for (const name of system) given[name] = await collect(systemRows(name, this), name)
    const views = new Map<string, string[]>()
    for (const { relation, relationKind } of scans) {
      if (relationKind !== 'view') continue
      const object = this.catalog.objects.get(relation)
      const dataflow = object && jobOf(object)?.dataflow
      if (dataflow === undefined) continue
      views.set(dataflow, [...(views.get(dataflow) ?? []), relation])
    }
    const [home, ...others] = views.keys()
    for (const other of others) {
      for (const name of views.get(other) ?? []) {
        const batches: Batch[] = []
        for await (const batch of this.#hostOf(other).read(other, contentsOf(name), signal)) batches.push(batch)
        given[name] = batches
      }
    }
    const whole: ReadRequest = { ...request, given }
    const host = home === undefined ? this.supervisor.leastLoaded() : this.#hostOf(home)
    yield* host.read(home, whole, signal)
  }

  async #dropTopic(name: string): Promise<void> {
    if (this.log.findTopic(name)) await this.log.dropTopic(name)
  }

  #hostOf(dataflow: string): JobHost {
    const host = this.supervisor.hostOf(dataflow)
    if (!host) throw new EngineError('55000', 'the job is not running')
    return host
  }

  async #removeJob(name: string, job: JobObject): Promise<void> {
    if (job.dataflow === '') return
    await this.#jobs.remove(name, job)
    forgetOutside(name, job.definition, this)
    await this.aside.clear(name)
  }

  checkpoints(dataflow: string): Checkpoints {
    return new Checkpoints(this.#store, dataflow, this.options.log)
  }

  /** The topics a plan reads, by relation, for a host to open. */
  sourcesOf(plan: LogicalPlan, discovered: ReadonlyMap<string, SourceSpec> = new Map()): Record<string, SourceSpec> {
    const sources: Record<string, SourceSpec> = {}
    for (const { relation } of scansOf(plan)) {
      const object = this.catalog.objects.get(relation)
      const spec = object?.kind === 'source' ? object.spec : discovered.get(relation)
      if (spec) sources[relation] = spec
    }
    return sources
  }

  /** Writes rows to a source's topic; resolves when they are durable and visible. Where it has a key, rows taken back are deletions. */
  async produce(object: SourceObject, rows: Batch): Promise<void> {
    const { spec } = object
    const { fields, timeFormats, key } = writtenSpec(object)
    const columns = writtenColumns(spec).map(i => rows.columns[i])
    const batch = createBatch({ fields }, rows.rowCount, columns, rows.weights)
    await produce({ ...spec, timeFormats, key }, batch, this.options)
  }
}

/** The object of a stored statement. Throws 58000 that names the statement: it was right once, so something around it has changed. */
async function redefine(stored: StoredStatement, engine: Engine): Promise<CatalogObject | undefined> {
  try {
    const [{ ast }] = parseScript(stored.sql)
    return await defineObject(ast, stored, engine, stored.dataflow)
  } catch (cause) {
    const { message, hint } = toEngineError(cause)
    // Options may hold secrets.
    const statement = stored.sql
      .replace(/\s+/g, ' ')
      .replace(/ with \(.*/is, ' …')
      .slice(0, 100)
    throw new EngineError('58000', `a stored statement can no longer be understood: ${message}`, {
      cause,
      detail: statement,
      hint,
    })
  }
}
