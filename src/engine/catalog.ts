import type { Query } from '../../grammar/query.ts'
import { randomBytes } from '../base/clock.ts'
import { EngineError, nearest } from '../base/errors.ts'
import type { Schema } from '../batch/types.ts'
import type { CatalogView, Relation } from '../plan/catalog.ts'
import type { ObjectStore } from '../storage/object-store.ts'
import { type CatalogObject, jobOf, qualifiedName } from './objects.ts'

/** A relation the program itself provides, in schema `tidemark`. */
export interface SystemRelation {
  readonly name: string
  readonly schema: Schema
}

/** One statement of the stored catalog, with what a restart needs besides its text. */
export interface StoredStatement {
  readonly sql: string
  readonly searchPath: readonly string[]
  readonly timeZone: string
  /** Of an object that its statement does not name: the job of an INSERT. */
  readonly name?: string
  readonly dataflow?: string
  readonly paused?: boolean
}

interface StoredCatalog {
  readonly version: 1
  readonly instance?: string
  readonly statements: readonly StoredStatement[]
  /** By dataflow: those it was merged from. */
  readonly merges: Readonly<Record<string, readonly string[]>>
}

const KEY = 'catalog.json'

/**
 * Names and what they mean. The stored form is the list of statements that made it, in order, replaced as a whole and
 * atomically; what a restart reads is what a user typed.
 */
export class Catalog {
  readonly objects = new Map<string, CatalogObject>()
  readonly merges = new Map<string, readonly string[]>()
  /** Tells this data directory from others, for as long as it lives: transactional ids at a broker hold it. */
  instance = Buffer.from(randomBytes(6)).toString('hex')
  /** Changes with every change: what mirrors the catalog compares it. */
  version = 0
  #store: ObjectStore
  #system: ReadonlyMap<string, SystemRelation>

  constructor(store: ObjectStore, system: readonly SystemRelation[]) {
    this.#store = store
    this.#system = new Map(system.map(s => [s.name, s]))
  }

  /** The statements to run again at start. Throws when the file is there and is not a catalog. */
  async load(): Promise<readonly StoredStatement[]> {
    const bytes = await this.#store.get(KEY)
    if (bytes === undefined) return []
    const stored = JSON.parse(new TextDecoder().decode(bytes)) as StoredCatalog // version is checked next
    if (stored.version !== 1)
      throw new EngineError('58000', `the catalog is of version ${stored.version}, which this program does not know`)
    this.instance = stored.instance ?? this.instance
    for (const [dataflow, from] of Object.entries(stored.merges)) this.merges.set(dataflow, from)
    return stored.statements
  }

  /** Makes the present state durable. */
  async save(): Promise<void> {
    this.version++
    const statements = [...this.objects.values()].map(object => {
      const job = jobOf(object)
      const { sql, searchPath, timeZone } = object
      const name = object.kind === 'sink' && object.target !== undefined ? object.shortName : undefined
      return { sql, searchPath, timeZone, name, dataflow: job?.dataflow, paused: job?.paused }
    })
    const { instance } = this
    const stored: StoredCatalog = { version: 1, instance, statements, merges: Object.fromEntries(this.merges) }
    await this.#store.put(KEY, [new TextEncoder().encode(JSON.stringify(stored, undefined, 1))])
  }

  /** The object a name means: the first along the search path when it names no schema. */
  find(parts: readonly string[], searchPath: readonly string[]): CatalogObject | undefined {
    for (const name of candidates(parts, searchPath)) {
      const object = this.objects.get(name)
      if (object) return object
    }
    return undefined
  }

  /** The same, or 42P01 with the nearest names. */
  get(parts: readonly string[], searchPath: readonly string[], at?: number): CatalogObject {
    const object = this.find(parts, searchPath)
    if (object) return object
    const near = nearest(parts.join('.'), this.names())
    throw new EngineError('42P01', `"${parts.join('.')}" does not exist`, {
      position: at === undefined ? undefined : at + 1,
      hint: near.length > 0 ? `did you mean ${near.join(' or ')}?` : undefined,
    })
  }

  /** Objects that need the one named, directly or through others, nearest first. */
  dependants(name: string): CatalogObject[] {
    const direct = [...this.objects.values()].filter(o => o.dependsOn.includes(name))
    const further = direct.flatMap(o => this.dependants(qualifiedName(o)))
    return [...new Set([...direct, ...further])]
  }

  /** What the planner sees; `extra` are relations found on the way, such as topics without DDL. Names it finds are added to `used`. */
  view(extra: ReadonlyMap<string, Relation<Query>> = new Map(), used: Set<string> = new Set()): CatalogView<Query> {
    return {
      resolve: (parts, searchPath) => {
        for (const name of candidates(parts, searchPath)) {
          const relation = this.#relation(name) ?? extra.get(name)
          if (relation) {
            used.add(name)
            return relation
          }
        }
        return extra.get(parts.join('.')) ?? this.#refuseUnreadable(parts, searchPath)
      },
      names: () => this.names(),
    }
  }

  *names(): Iterable<string> {
    for (const object of this.objects.values()) {
      yield object.schemaName === 'public' ? object.shortName : qualifiedName(object)
    }
    for (const { name } of this.#system.values()) yield name
  }

  /** Whether a query may name it. */
  isReadable(parts: readonly string[], searchPath: readonly string[]): boolean {
    return candidates(parts, searchPath).some(name => this.#relation(name) !== undefined)
  }

  #refuseUnreadable(parts: readonly string[], searchPath: readonly string[]): undefined {
    const object = this.find(parts, searchPath)
    if (!object) return undefined
    const { shortName, kind } = object
    throw new EngineError('42809', `"${shortName}" is a ${kind} and cannot be read`, {
      hint:
        kind === 'sink'
          ? 'CREATE SOURCE over the same topic reads what it writes.'
          : `SELECT … FROM ${shortName}."topic" reads one of its topics.`,
    })
  }

  #relation(name: string): Relation<Query> | undefined {
    const system = this.#system.get(name)
    if (system) return { name, kind: 'system', schema: system.schema, changing: false }
    const object = this.objects.get(name)
    if (!object) return undefined
    if (object.kind === 'connection' || object.kind === 'sink') return undefined
    if (object.kind === 'view') return { name, kind: 'query', query: object.query, columns: object.columns }
    if (object.kind === 'source') {
      const { watermark, upsertKey } = object.spec
      const { schema } = object
      return { name, kind: 'source', schema, watermark, changing: upsertKey !== undefined, uniqueKey: upsertKey }
    }
    const { schema, eventTime, changing, uniqueKey } = object
    return { name, kind: 'view', schema, eventTime, changing, uniqueKey }
  }
}

function candidates(parts: readonly string[], searchPath: readonly string[]): string[] {
  return parts.length > 1 ? [parts.slice(-2).join('.')] : searchPath.map(schema => `${schema}.${parts[0]}`)
}
