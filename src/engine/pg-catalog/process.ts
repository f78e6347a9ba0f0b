/**
 * The process that holds Postgres' catalog: PGlite in memory, asked by messages. A process and not a thread, because what a
 * thread leaves behind of compiled WebAssembly stays with the server (170 MB), while an ended process leaves nothing.
 */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import type { CatalogAnswer, CatalogRequest, Numbered } from './messages.ts'

const NAME = 'tidemark'
/** A catalog needs no caches worth speaking of. */
const SMALL = ['shared_buffers=1MB', 'wal_buffers=64kB', 'work_mem=1MB', 'maintenance_work_mem=1MB']

/** Tools choose their next queries by the version they find: it must be the one that the server gave them. */
const OUR_VERSION = [
  `CREATE OR REPLACE FUNCTION pg_catalog.version() RETURNS text LANGUAGE sql STABLE
   AS $$ SELECT 'PostgreSQL 15.0 (Tidemark)'::text $$`,
  `CREATE OR REPLACE VIEW pg_catalog.pg_settings AS
   SELECT name, CASE name WHEN 'server_version' THEN '15.0 (Tidemark)' WHEN 'server_version_num' THEN '150000' ELSE setting END
     AS setting, unit, category, short_desc, extra_desc, context, vartype, source, min_val, max_val, enumvals, boot_val,
     reset_val, sourcefile, sourceline, pending_restart
   FROM pg_show_all_settings()`,
]

let database: PGlite | undefined

/** Requests are carried out one after the other. */
let last: Promise<void> = Promise.resolve()
process.on('message', (message: Numbered<CatalogRequest>) => {
  last = last.then(async () => {
    const body = await answer(message.body).catch(failed)
    process.send?.({ id: message.id, body } satisfies Numbered<CatalogAnswer>)
  })
})
// The server is gone, however it ended.
process.on('disconnect', () => process.exit(0))

async function answer(request: CatalogRequest): Promise<CatalogAnswer> {
  if (request.kind === 'start') {
    database = await start(request.cacheFile)
    return { kind: 'done', failures: [] }
  }
  if (!database) throw new Error('not started')
  switch (request.kind) {
    case 'apply':
      return apply(database, request.statements)
    case 'query':
      await useSearchPath(database, request.searchPath)
      return query(database, request)
    case 'describe': {
      await useSearchPath(database, request.searchPath)
      const { queryParams, resultFields } = await database.describeQuery(request.sql, {
        paramTypes: [...request.parameterOids],
      })
      return {
        kind: 'described',
        parameterOids: queryParams.map(p => p.dataTypeID),
        columns: resultFields.map(f => ({ name: f.name, oid: f.dataTypeID })),
      }
    }
    default:
      return request satisfies never
  }
}

/** One relation that cannot be mirrored must not hide the others. */
async function apply(db: PGlite, statements: readonly string[]): Promise<CatalogAnswer> {
  const failures: string[] = []
  for (const statement of statements) {
    await db.exec(statement).catch((error: unknown) => failures.push(`${statement}: ${String(error)}`))
  }
  return { kind: 'done', failures }
}

async function query(db: PGlite, request: Extract<CatalogRequest, { kind: 'query' }>): Promise<CatalogAnswer> {
  const { fields, rows } = await db.query<(string | null)[]>(request.sql, [...request.parameters], {
    rowMode: 'array',
    paramTypes: [...request.parameterOids],
    parsers: asText(db.parsers),
    serializers: asText(db.serializers),
  })
  return { kind: 'rows', columns: fields.map(f => ({ name: f.name, oid: f.dataTypeID })), rows }
}

let searchPath = ''
async function useSearchPath(db: PGlite, wanted: string): Promise<void> {
  if (wanted === searchPath) return
  await db.query("SELECT set_config('search_path', $1, false)", [wanted])
  searchPath = wanted
}

/** PGlite turns values into JavaScript's; both ways they pass as text here. */
function asText(known: Readonly<Record<number | string, unknown>>): Record<number, (value: string) => string> {
  return Object.fromEntries(Object.keys(known).map(oid => [oid, (value: string) => value]))
}

/** From the cached data directory in 0.7 s, or by initdb in 2.5 s, and then the cache is made. */
async function start(cacheFile: string | undefined): Promise<PGlite> {
  const cached = cacheFile === undefined ? undefined : await readFile(cacheFile).catch(() => undefined)
  if (cached) {
    const opened = await open(new Blob([cached])).catch(() => undefined)
    if (opened) return opened
  }
  const first = await PGlite.create()
  await first.exec(`CREATE ROLE ${NAME} SUPERUSER LOGIN`)
  await first.exec(`CREATE DATABASE ${NAME} OWNER ${NAME}`)
  const dump = await first.dumpDataDir('gzip')
  await first.close()
  if (cacheFile !== undefined)
    await writeWhole(cacheFile, new Uint8Array(await dump.arrayBuffer())).catch(() => undefined)
  return open(dump)
}

async function open(dump: Blob): Promise<PGlite> {
  const db = await PGlite.create({
    loadDataDir: dump,
    username: NAME,
    database: NAME,
    startParams: [...PGlite.defaultStartParams, ...SMALL.flatMap(s => ['-c', s])],
  })
  await db.exec('CREATE SCHEMA IF NOT EXISTS tidemark')
  for (const statement of OUR_VERSION) await db.exec(statement)
  return db
}

/** Never half a file, whenever the process ends. */
async function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  const temporary = `${path}.${process.pid}`
  await writeFile(temporary, bytes)
  await rename(temporary, path)
}

function failed(error: unknown): CatalogAnswer {
  const fields = typeof error === 'object' && error !== null ? (error as Readonly<Record<string, unknown>>) : {} // a DatabaseError of PGlite
  const text = (name: string): string | undefined => (typeof fields[name] === 'string' ? fields[name] : undefined)
  const position = text('position')
  return {
    kind: 'failed',
    sqlState: text('code') ?? 'XX000',
    message: error instanceof Error ? error.message : String(error),
    detail: text('detail'),
    hint: text('hint'),
    position: position === undefined ? undefined : Number(position),
  }
}
