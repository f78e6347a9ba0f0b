import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Logger } from '../base/log.ts'
import type { Engine } from '../engine/engine.ts'
import { type Command, readText, type Terminal } from './command.ts'
import { logLevelFlag } from './log.ts'
import { runScript } from './script.ts'
import type { OpenEngine } from './serve.ts'

type JobStatus = Awaited<ReturnType<Engine['supervisor']['status']>>[number]

/** An engine in a folder that goes with it. */
export async function withTemporaryEngine<T>(
  open: OpenEngine,
  log: Logger,
  work: (engine: Engine) => Promise<T>,
): Promise<T> {
  const dataDir = await mkdtemp(join(tmpdir(), 'tidemark-'))
  const engine = await open({ dataDir, log, workers: 1 })
  try {
    return await work(engine)
  } finally {
    await engine.close()
    await rm(dataDir, { recursive: true, force: true })
  }
}

/** `tidemark run`: the statements in this process; then waits for its jobs. */
export function runFileCommand(open: OpenEngine, makeLog: (level: string) => Logger): Command {
  return {
    name: 'run',
    synopsis: 'FILE.sql [flags]',
    doc: 'run a file in this process: until its bounded inputs end, or until Ctrl-C',
    words: [1, 1],
    flags: [
      { name: 'data', value: 'DIR', doc: 'keep state there and go on from it; else it is gone in the end' },
      { ...logLevelFlag, default: 'warn' },
    ],
    run: async ([file], flags, terminal) => {
      const sql = await readText(file)
      const log = makeLog(String(flags['log-level']))
      const work = async (engine: Engine): Promise<number> => {
        await runScript(sql, engine, terminal, { quiet: false, beforeRows: () => untilCaughtUp(engine, terminal) })
        return await untilDone(engine, terminal)
      }
      if (flags.data === undefined) return await withTemporaryEngine(open, log, work)
      const engine = await open({ dataDir: String(flags.data), log, workers: 1 })
      try {
        return await work(engine)
      } finally {
        await engine.close()
      }
    },
  }
}

/** Looks without progress after which a job on a live input counts as being at its end. */
const QUIET_LOOKS = 5
const LOOK_MS = 100

/** A read in a file wants the answer over what is there: waits until every job has read its bounded input, or comes no nearer to the end of a live one. */
async function untilCaughtUp(engine: Engine, terminal: Terminal): Promise<void> {
  const progress = new Map<string, { left: number; quietLooks: number }>()
  await look(engine, terminal, jobs =>
    jobs.every(({ job, state, rowsIn, sources }) => {
      if (state === 'ended' || state === 'failed' || state === 'paused') return true
      if (state === 'starting') return false
      const left = sources.reduce((sum, { lag }) => sum + (lag ?? 0), 0) || -rowsIn
      const known = progress.get(job)
      const nearer = known === undefined || left < known.left
      const quietLooks = nearer ? 0 : known.quietLooks + 1
      progress.set(job, { left: nearer ? left : known.left, quietLooks })
      return quietLooks >= QUIET_LOOKS
    }),
  )
}

/** Until every job has read all its bounded input, one failed, or Ctrl-C. */
async function untilDone(engine: Engine, terminal: Terminal): Promise<number> {
  const jobs = await look(engine, terminal, jobs => jobs.every(j => j.state === 'ended' || j.state === 'failed'))
  const failed = jobs.filter(j => j.state === 'failed')
  for (const { job, error } of failed) terminal.err(`error: job ${job} failed: ${error}\n`)
  return failed.length > 0 ? 1 : 0
}

/** Looks at the jobs again and again, telling a person how far they are, until `enough`, one has failed, or Ctrl-C. */
async function look(
  engine: Engine,
  terminal: Terminal,
  enough: (jobs: readonly JobStatus[]) => boolean,
): Promise<readonly JobStatus[]> {
  let told = false
  for (;;) {
    const jobs = await engine.supervisor.status()
    if (enough(jobs) || jobs.some(j => j.state === 'failed') || terminal.signal.aborted) {
      if (told) terminal.err('\r\x1b[K')
      return jobs
    }
    if (terminal.tellsPerson) {
      told = true
      terminal.err(`\r${jobs.reduce((n, j) => n + j.rowsIn, 0).toLocaleString('en')} rows read`)
    }
    await engine.options.clock.sleep(LOOK_MS, terminal.signal)
  }
}
