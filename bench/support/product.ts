import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connectors } from '../../connectors/registry.ts'
import { systemClock } from '../../src/base/clock.ts'
import { silentLogger } from '../../src/base/log.ts'
import { runScript } from '../../src/cli/script.ts'
import { Engine } from '../../src/engine/engine.ts'
import { createHost } from '../../src/engine/runtime.ts'
import type { JobStatus } from '../../src/jobs/job.ts'

/** Runs the statements in an engine in this thread until `finished` says so; `cost` measures from the first statement on. */
export async function runUntil<T>(
  sql: string,
  finished: (jobs: readonly JobStatus[]) => boolean | Promise<boolean>,
  cost: (work: () => Promise<void>) => Promise<T>,
): Promise<T> {
  const dataDir = mkdtempSync(join(tmpdir(), 'tidemark-bench-'))
  const common = { dataDir, connectors, clock: systemClock, log: silentLogger }
  const engine = await Engine.open({ ...common, hostsMax: 1, newHost: () => createHost(common) })
  try {
    return await cost(async () => {
      await runScript(sql, engine, quiet, { quiet: true })
      for (;;) {
        const jobs = await engine.supervisor.status()
        const failed = jobs.find(job => job.state === 'failed')
        if (failed) throw new Error(failed.error)
        if (await finished(jobs)) return
        await systemClock.sleep(5)
      }
    })
  } finally {
    await engine.close()
    rmSync(dataDir, { recursive: true, force: true })
  }
}

/** Runs the statements until their jobs have read all of their bounded inputs. */
export function runToEnd<T>(sql: string, cost: (work: () => Promise<void>) => Promise<T>): Promise<T> {
  return runUntil(sql, jobs => jobs.every(job => job.state === 'ended'), cost)
}

const quiet = {
  out: () => undefined,
  err: (text: string) => void process.stderr.write(text),
  asksPerson: false,
  tellsPerson: false,
  input: process.stdin,
  signal: new AbortController().signal,
}
