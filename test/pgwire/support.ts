import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { silentLogger } from '../../src/base/log.ts'
import { createPgCatalog, type PgCatalog } from '../../src/engine/pg-catalog/catalog.ts'
import type { SessionFactory } from '../../src/engine/session.ts'
import { type PgLimits, type PgServer, startPgServer } from '../../src/server/pgwire/server.ts'
import { Server } from '../support/server.ts'

/** A server on a free port of loopback. */
export function startTestServer(sessions: SessionFactory, limits?: Partial<PgLimits>): Promise<PgServer> {
  return startPgServer({ host: '127.0.0.1', port: 0, sessions, log: silentLogger, limits, clock: systemClock })
}

/** Resolves when `holds` does; looks at every turn of the event loop. Fails by the test's own time limit. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise(setImmediate)
}

/** Whether a test that needs a program of the machine runs. Says so where it does not; fails where all parts are required. */
export function required(what: string, present: boolean): boolean {
  if (present) return true
  if (process.env.TIDEMARK_REQUIRE_PARTS === '1') throw new Error(`${what} is missing`)
  console.log(`skipped: ${what} is missing`)
  return false
}

/** Kept between runs, for a start of 0.7 s and not of some. */
export const catalogCacheDir = join(tmpdir(), 'tidemark-pg-catalog-test')

/** Makes the cache if it is not there. */
async function fillCatalogCache(): Promise<void> {
  const catalog: PgCatalog = createPgCatalog({ clock: systemClock, log: silentLogger, cacheDir: catalogCacheDir })
  await catalog.query('SELECT 1 FROM pg_class LIMIT 1')
  await catalog.close()
}

/** A real server for the tests of a file: a source with four rows, a windowed view of it, and a plain view. */
export function realServer(): Server {
  const dataDir = mkdtempSync(join(tmpdir(), 'tidemark-test-'))
  const server = new Server(dataDir)
  beforeAll(async () => {
    await fillCatalogCache()
    cpSync(catalogCacheDir, dataDir, { recursive: true })
    await server.start()
    for (const statement of SETUP) await server.query(statement)
    await server.until('SELECT * FROM averages', rows => rows.length === 3)
  })
  afterAll(async () => {
    await server.stop('SIGKILL')
    rmSync(dataDir, { recursive: true, force: true })
  })
  return server
}

const SETUP = [
  `CREATE SOURCE sensors (device_id text, ts timestamptz, value numeric(10,2), WATERMARK FOR ts AS ts - INTERVAL '5 seconds')`,
  `CREATE MATERIALIZED VIEW averages AS SELECT device_id, window_start, avg(value) AS average, count(*) AS n
   FROM TUMBLE(sensors, ts, INTERVAL '1 minute') GROUP BY device_id, window_start`,
  `CREATE VIEW latest AS SELECT device_id, average FROM averages`,
  `INSERT INTO sensors VALUES ('a', '2026-01-01 00:00:01Z', 1.5), ('b', '2026-01-01 00:00:02Z', NULL),
   ('a', '2026-01-01 00:00:03Z', 4.5), ('Grüße', '2026-01-01 00:01:00Z', 20.25)`,
]
