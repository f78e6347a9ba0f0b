import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connectors } from '../../connectors/registry.ts'
import { systemClock } from '../../src/base/clock.ts'
import { silentLogger } from '../../src/base/log.ts'
import { runScript } from '../../src/cli/script.ts'
import { Engine } from '../../src/engine/engine.ts'
import { createHost } from '../../src/engine/runtime.ts'

/** Runs the statements in an engine in this thread until their jobs have read all; `cost` measures from the first statement on. */
export async function runToEnd<T>(sql: string, cost: (work: () => Promise<void>) => Promise<T>): Promise<T> {
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
        if (jobs.every(job => job.state === 'ended')) return
        await systemClock.sleep(5)
      }
    })
  } finally {
    await engine.close()
    rmSync(dataDir, { recursive: true, force: true })
  }
}

const quiet = {
  out: () => undefined,
  err: (text: string) => void process.stderr.write(text),
  isTTY: false,
  input: process.stdin,
  signal: new AbortController().signal,
}
