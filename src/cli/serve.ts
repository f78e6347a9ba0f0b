import { flushCompileCache } from 'node:module'
import { systemClock } from '../base/clock.ts'
import type { Logger } from '../base/log.ts'
import { wholeNumber } from '../base/option-parsers.ts'
import type { Engine } from '../engine/engine.ts'
import { startPgServer } from '../server/pgwire/server.ts'
import { type Command, configFlag } from './command.ts'
import { logLevelFlag } from './log.ts'
import { runScript } from './script.ts'

/** Opens the engine of a data directory; given by main, which knows the connectors. */
export type OpenEngine = (options: {
  readonly dataDir: string
  /** `s3://…`: catalog and checkpoints there. */
  readonly checkpoints?: string
  readonly log: Logger
  readonly workers: number
  /** Heap of one thread, megabytes; undefined: what Node gives it. */
  readonly workerHeapMb?: number
}) => Promise<Engine>

/** Says where the fleet is simulated and what is kept of it; every statement leaves an existing object alone. */
const DEMO = `
CREATE SOURCE IF NOT EXISTS readings (
  device_id TEXT, site TEXT, ts TIMESTAMPTZ, temperature DOUBLE PRECISION, humidity DOUBLE PRECISION,
  equivalentco2ppm DOUBLE PRECISION, totalvocppb DOUBLE PRECISION, battery DOUBLE PRECISION,
  WATERMARK FOR ts AS ts - INTERVAL '5 seconds'
) WITH (connector = 'generator', devices = '1000', rate = '1000', out_of_order = '0.05', late = '0.002',
        duplicated = '0.01', malformed = '0.001', wrong_clock = '0.001', silent = '0.01');
CREATE MATERIALIZED VIEW IF NOT EXISTS air AS
  SELECT device_id, window_start, window_end, avg(temperature) AS avg_temperature, max(equivalentco2ppm) AS max_co2, count(*) AS readings
  FROM TUMBLE(readings, ts, INTERVAL '10 seconds') GROUP BY device_id, window_start, window_end
  WITH (retention = '10 minutes');
CREATE MATERIALIZED VIEW IF NOT EXISTS fleet AS
  SELECT site, count(*) AS readings, avg(temperature) AS avg_temperature, max(equivalentco2ppm) AS max_co2
  FROM readings GROUP BY site;
`

export function serveCommand(open: OpenEngine, makeLog: (level: string) => Logger): Command {
  return {
    name: 'serve',
    synopsis: '[flags]',
    doc: 'run the server: jobs, and the Postgres port to speak to them',
    examples: [
      'tidemark serve --demo',
      'tidemark serve --config /etc/tidemark.conf',
      'psql -h localhost -p 7432 -c "SELECT * FROM tidemark.jobs"',
    ],
    words: [0, 0],
    flags: [
      { name: 'data', value: 'DIR', doc: 'where everything is kept', default: './tidemark-data' },
      {
        name: 'checkpoints',
        value: 'URL',
        doc: "s3://bucket/prefix for jobs and checkpoints, to go on from on any machine; credentials as AWS' tools find them",
      },
      { name: 'host', value: 'ADDRESS', doc: 'address to listen on', default: '127.0.0.1' },
      {
        name: 'pg-port',
        value: 'PORT',
        doc: 'port of the Postgres protocol',
        default: '7432',
        parse: wholeNumber('--pg-port', 0, 65535),
      },
      { name: 'demo', doc: 'with a simulated fleet of devices and views over it' },
      { name: 'workers', value: 'N', doc: 'threads for jobs', default: '2', parse: wholeNumber('--workers', 1, 256) },
      {
        name: 'worker-heap',
        value: 'MB',
        doc: 'heap of one such thread; one that needs more ends, and its jobs go on from their checkpoints in another',
        parse: wholeNumber('--worker-heap', 16),
      },
      {
        name: 'max-connections',
        value: 'N',
        doc: 'clients at once',
        default: '200',
        parse: wholeNumber('--max-connections', 1),
      },
      logLevelFlag,
      configFlag,
    ],
    run: async (_, flags, terminal) => {
      const host = String(flags.host)
      if (!isLoopback(host)) {
        terminal.err(`warning: ${host} is reachable from outside, and clients are trusted without a password\n`)
      }
      const log = makeLog(String(flags['log-level']))
      const heap = flags['worker-heap']
      const engine = await open({
        dataDir: String(flags.data),
        checkpoints: flags.checkpoints === undefined ? undefined : String(flags.checkpoints),
        log,
        workers: Number(flags.workers),
        workerHeapMb: heap === undefined ? undefined : Number(heap),
      })
      const limits = { connectionsMax: Number(flags['max-connections']) }
      const server = await startPgServer({
        host,
        port: Number(flags['pg-port']),
        sessions: engine,
        log,
        limits,
        clock: systemClock,
      }).catch(async error => {
        await engine.close() // its jobs have begun
        throw error
      })
      if (flags.demo) await runScript(DEMO, engine, terminal, { quiet: true })
      terminal.out(`tidemark is ready: psql -h ${host} -p ${server.port}\n`)
      if (flags.demo) {
        terminal.out(
          '  SELECT * FROM fleet;                                      -- ask again: it changes as you look\n',
        )
        terminal.out('  SELECT * FROM air ORDER BY window_start DESC, device_id LIMIT 10;\n')
        terminal.out('  SELECT * FROM tidemark.late_rows LIMIT 5;   SELECT * FROM tidemark.bad_rows LIMIT 5;\n')
      }
      // Node would write it when the process ends, and a server is often killed.
      flushCompileCache()
      if (!terminal.signal.aborted)
        await new Promise<void>(resolve => terminal.signal.addEventListener('abort', () => resolve(), { once: true }))
      terminal.err('saving the jobs and ending\n')
      await server.close()
      await engine.close()
      return 0
    },
  }
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.')
}
