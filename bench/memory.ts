/**
 * Memory of a real server: idle; with a million window groups in a live view; while backlogs of two sizes are read. And the time from the
 * start of the demo to its first answer. `node bench/memory.ts [groups] [rows of the larger backlog]`. Resident memory of the process, in MB.
 */
import { closeSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { median, report } from './support/measure.ts'
import { COLUMNS, FIRST_MS, readingsFile } from './support/readings.ts'
import { ServerProcess } from './support/server-process.ts'

const groups = Number(process.argv[2] ?? 1_000_000)
const backlogRows = Number(process.argv[3] ?? 2_000_000)
const VIEW = `CREATE MATERIALIZED VIEW per_minute AS
  SELECT device_id, window_start, avg(temperature) AS avg_t, max(temperature) AS max_t
  FROM TUMBLE(readings, ts, INTERVAL '1 minute') GROUP BY device_id, window_start`

const idleMb = await withServer(async server => {
  await server.query('SELECT 1')
  return settled(server)
})
const { before, after, peak } = await manyGroups()
const small = await backlog(200_000)
const large = await backlog(backlogRows)
const starts: number[] = []
for (let i = 0; i < 3; i++) starts.push(await firstAnswerMs())

report('memory', [
  { what: 'idle', ours: idleMb, goal: '150', unit: 'MB' },
  { what: `${groups / 1e6} M window groups more`, ours: after - before, goal: '150', unit: 'MB' },
  { what: `${groups / 1e6} M window groups, most while they came`, ours: peak - before, unit: 'MB' },
  {
    what: `backlog of ${backlogRows / 1e6} M rows, most, against 0.2 M`,
    ours: large,
    other: small,
    ratio: small / large,
    unit: 'MB',
  },
  { what: 'start to first answer', ours: median(starts), goal: '3000', unit: 'ms' },
])

async function withServer<T>(work: (server: ServerProcess) => Promise<T>, ...flags: string[]): Promise<T> {
  const server = await ServerProcess.start(...flags)
  try {
    return await work(server)
  } finally {
    await server.stop()
  }
}

/** What stays when nothing more happens. */
async function settled(server: ServerProcess): Promise<number> {
  const samples: number[] = []
  for (let i = 0; i < 20; i++) {
    await new Promise(resolve => setTimeout(resolve, 100))
    samples.push(server.residentMb)
  }
  return median(samples.slice(10))
}

/** Runs the view over a file until all its rows are in; answers the most memory seen. */
async function readAll(server: ServerProcess, path: string, rows: number, view: string): Promise<number> {
  await server.query(`CREATE SOURCE readings (${COLUMNS}) WITH (connector = 'file', path = '${path}', format = 'json')`)
  await server.query(view)
  let most = 0
  await server.until('SELECT rows_in FROM tidemark.jobs', ([[rowsIn]]) => {
    most = Math.max(most, server.residentMb)
    return Number(rowsIn) === rows
  })
  return most
}

async function manyGroups(): Promise<{ before: number; after: number; peak: number }> {
  const path = join(tmpdir(), `tidemark-bench-groups-${process.pid}.ndjson`)
  const file = openSync(path, 'w')
  for (let i = 0; i < groups; i += 10_000) {
    const line = (_: unknown, j: number): string =>
      `{"device_id":"device-${i + j}","temperature":${20 + (j % 10)},"humidity":1.5,"ts":${FIRST_MS},"site":"s"}\n`
    writeSync(file, Array.from({ length: 10_000 }, line).join(''))
  }
  closeSync(file)
  try {
    return await withServer(async server => {
      const before = await settled(server)
      const peak = await readAll(server, path, groups, VIEW)
      return { before, after: await settled(server), peak }
    })
  } finally {
    rmSync(path)
  }
}

/** With the same state whatever the size: what is seen is what reading takes. */
function backlog(rows: number): Promise<number> {
  const view = `${VIEW} WITH (retention = '1 minute')`
  return withServer(server => readAll(server, readingsFile(rows), rows, view))
}

function firstAnswerMs(): Promise<number> {
  const started = performance.now()
  return withServer(async server => {
    await server.until('SELECT * FROM fleet', rows => rows.length > 0, 5)
    return performance.now() - started
  }, '--demo')
}
