/** The program: the only file that knows both the engine and the connectors. Run as a worker thread, it hosts jobs. */
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import packageJson from '#package' with { type: 'json' }
import { connectors } from '../connectors/registry.ts'
import { randomBytes, systemClock } from './base/clock.ts'
import type { Logger } from './base/log.ts'
import { checkCommand } from './cli/check.ts'
import { type Command, runCommand, type Terminal } from './cli/command.ts'
import { jobsCommand } from './cli/jobs.ts'
import { createLogger } from './cli/log.ts'
import { runFileCommand } from './cli/run.ts'
import { type OpenEngine, serveCommand } from './cli/serve.ts'
import { sqlCommand } from './cli/sql.ts'
import { submitCommand } from './cli/submit.ts'
import { topicsCommand } from './cli/topics.ts'
import { Engine, type EngineOptions } from './engine/engine.ts'
import { createHost } from './engine/runtime.ts'
import { newTurnMark, RemoteHost, serveHost, type TurnMark } from './jobs/host.ts'

interface WorkerData {
  readonly dataDir: string
  readonly remote: EngineOptions['remote']
  readonly logLevel: string
  readonly mark: TurnMark
}

if (isMainThread) await main()
else if (parentPort) {
  const { dataDir, remote, logLevel, mark }: WorkerData = workerData
  const host = createHost({ connectors, dataDir, remote, clock: systemClock, log: createLogger(logLevel), mark })
  serveHost(host, parentPort)
}

async function main(): Promise<void> {
  let logLevel = 'info'
  const makeLog = (level: string): Logger => {
    logLevel = level
    return createLogger(level)
  }
  const open: OpenEngine = ({ dataDir, checkpoints, log, workers, workerHeapMb }) => {
    const owner = Buffer.from(randomBytes(8)).toString('hex')
    const remote = checkpoints === undefined ? undefined : { url: checkpoints, owner }
    return Engine.open({
      dataDir,
      remote,
      log,
      connectors,
      clock: systemClock,
      hostsMax: workers,
      newHost: () => {
        const data: WorkerData = { dataDir, remote, logLevel, mark: newTurnMark() }
        const worker = new Worker(new URL('./main.js', import.meta.url), {
          workerData: data,
          resourceLimits: { maxOldGenerationSizeMb: workerHeapMb },
        })
        return new RemoteHost(worker, data.mark)
      },
    })
  }
  const commands: readonly Command[] = [
    serveCommand(open, makeLog),
    runFileCommand(open, makeLog),
    submitCommand,
    checkCommand(open, makeLog),
    jobsCommand,
    sqlCommand,
    topicsCommand,
  ]
  const stop = new AbortController()
  for (const [name, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    process.on(name, () => {
      if (stop.signal.aborted) process.exit(code) // asked twice: it takes too long
      stop.abort()
    })
  }
  // Whoever read our output has seen enough: `tidemark sql … | head`.
  process.stdout.on('error', () => process.exit(0))
  const terminal: Terminal = {
    out: text => void process.stdout.write(text),
    err: text => void process.stderr.write(text),
    asksPerson: process.stdin.isTTY === true,
    tellsPerson: process.stderr.isTTY === true,
    input: process.stdin,
    signal: stop.signal,
  }
  const code = await runCommand(commands, packageJson.version, process.argv.slice(2), terminal)
  process.exit(code)
}
