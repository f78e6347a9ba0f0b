import { systemClock } from '../../src/base/clock.ts'
import { silentLogger } from '../../src/base/log.ts'
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
