import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../src/base/clock.ts'
import { silentLogger } from '../../src/base/log.ts'
import { DOUBLE, TEXT, TIMESTAMPTZ } from '../../src/batch/types.ts'
import { createPgCatalog, type PgCatalog } from '../../src/engine/pg-catalog/catalog.ts'
import type { SessionFactory } from '../../src/engine/session.ts'
import { type PgLimits, type PgServer, startPgServer } from '../../src/server/pgwire/server.ts'

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

/** A catalog of a few relations. */
export function testCatalog(): PgCatalog {
  const cacheDir = join(tmpdir(), 'tidemark-pg-catalog-test')
  const catalog = createPgCatalog({ clock: systemClock, log: silentLogger, cacheDir })
  const device = { name: 'device_id', type: TEXT }
  const average = { name: 'average', type: DOUBLE }
  catalog.sync([
    {
      schema: 'public',
      name: 'sensors',
      kind: 'source',
      columns: [
        device,
        { name: 'ts', type: TIMESTAMPTZ },
        { name: 'value', type: { kind: 'numeric', precision: 10, scale: 2 } },
      ],
      primaryKey: ['device_id'],
    },
    {
      schema: 'public',
      name: 'averages',
      kind: 'materialized view',
      columns: [device, average],
      primaryKey: ['device_id'],
    },
    { schema: 'public', name: 'latest', kind: 'view', columns: [device, average] },
    { schema: 'tidemark', name: 'jobs', kind: 'table', columns: [{ name: 'name', type: TEXT }] },
  ])
  return catalog
}
