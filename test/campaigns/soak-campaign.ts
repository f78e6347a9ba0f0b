/** Keeps a server under every kind of load at once and tells whether it grows. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { Server } from '../support/server.ts'

export interface SoakResult {
  readonly samples: readonly Sample[]
  /** What went wrong or grew, empty when all is well. */
  readonly faults: readonly string[]
}

interface Sample {
  readonly second: number
  /** Memory of the process that is not a file's: what a leak shows in. */
  readonly anonMb: number
  readonly handles: number
  readonly threads: number
  readonly checkpointMb: number
  readonly checkpointMs: number
  readonly topicsMb: number
  readonly rowsIn: number
}

/** After the warm-up the median of the last samples may be so much above that of the first ones. */
const GROWTH_MAX_MB = 48
const GROWTH_MAX_SHARE = 0.15
/** All the time. */
const ANON_MAX_MB = 600
const HANDLES_GROWTH_MAX = 10

const windows = `SELECT device_id, window_start, count(*) AS n, avg(temperature) AS t, max(equivalentco2ppm) AS c
  FROM TUMBLE(fleet, ts, INTERVAL '1 second') GROUP BY device_id, window_start`

const statements = [
  `CREATE SOURCE fleet (device_id text, site text, ts timestamptz, temperature double precision, equivalentco2ppm int,
     WATERMARK FOR ts AS ts - INTERVAL '1 second')
   WITH (connector = 'generator', rate = '20000', devices = '500', out_of_order = '0.02', late = '0.002', malformed = '0.001')`,
  `CREATE MATERIALIZED VIEW live AS ${windows} WITH (retention = '5 seconds')`,
  `CREATE MATERIALIZED VIEW hot AS SELECT device_id, ts, temperature FROM fleet WHERE temperature > 22 WITH (retention = '2 seconds')`,
  'CREATE MATERIALIZED VIEW sites AS SELECT site, count(*) AS n, avg(temperature) AS t FROM fleet GROUP BY site',
  `CREATE SINK closed AS ${windows} EMIT FINAL
   WITH (connector = 'embedded', topic = 'closed', retention = '5 seconds', retention_bytes = '10000000')`,
  `CREATE SOURCE closed_windows (device_id text, window_start timestamptz, n bigint) WITH (topic = 'closed', start = 'latest')`,
  'CREATE MATERIALIZED VIEW from_topic AS SELECT device_id, sum(n) AS n FROM closed_windows GROUP BY device_id',
]

/** Runs for so many seconds; the first third is warm-up. The server is started anew before it is watched and at the end. */
export async function runSoak({ seconds, say }: { seconds: number; say: (line: string) => void }): Promise<SoakResult> {
  const dataDir = mkdtempSync(join(tmpdir(), 'tidemark-soak-'))
  const server = new Server(dataDir)
  const faults: string[] = []
  try {
    await server.start()
    for (const sql of statements) await server.query(sql)
    await server.until('SELECT n FROM sites', rows => rows.length > 0)
    await server.stop('SIGKILL')
    await server.start()
    const stop = new AbortController()
    const loads = [reads, subscriptions, cancelledReads, jobsThatComeAndGo].map(load =>
      repeat(() => load(server), stop.signal, faults),
    )
    const samples = await watch(server, seconds, say)
    stop.abort()
    await Promise.all(loads)
    judge(samples, faults)
    const before = await server.query('SELECT sum(n) FROM sites')
    await server.stop('SIGTERM')
    await server.start()
    const after = await server.query('SELECT sum(n) FROM sites')
    if (Number(after[0][0]) < Number(before[0][0])) faults.push(`${before} rows before a restart, ${after} after it`)
    for (const [job, error] of await server.query('SELECT job, error FROM tidemark.jobs WHERE error IS NOT NULL')) {
      faults.push(`job ${job}: ${error}`)
    }
    return { samples, faults }
  } finally {
    await server.stop('SIGKILL')
    rmSync(dataDir, { recursive: true, force: true })
  }
}

async function repeat(load: () => Promise<void>, signal: AbortSignal, faults: string[]): Promise<void> {
  while (!signal.aborted) {
    try {
      await load()
    } catch (error) {
      if (faults.length < 10) faults.push(String(error))
      await sleep(200)
    }
  }
}

async function reads(server: Server): Promise<void> {
  await server.query('SELECT * FROM live')
  await server.query('SELECT count(*), max(ts) FROM hot')
  await server.query('SELECT site, t FROM sites ORDER BY site')
  await server.query('SELECT device_id, sum(n) FROM closed_windows GROUP BY device_id')
  await server.query('SELECT * FROM tidemark.jobs')
  await server.query('SELECT * FROM tidemark.late_rows LIMIT 10')
  await server.query(`SELECT relname FROM pg_catalog.pg_class WHERE relname = 'live'`)
  await sleep(100)
}

/** Some follow for a while, some are killed without a word, some listen to what never changes. */
async function subscriptions(server: Server): Promise<void> {
  const clients = await Promise.all(['live', 'sites', 'from_topic'].map(view => subscribe(server, view)))
  await sleep(300)
  for (const client of clients) destroy(client)
}

async function subscribe(server: Server, view: string): Promise<pg.Client> {
  const client = await server.connect()
  client.query(`SUBSCRIBE ${view}`).catch(() => {}) // its end is that of the connection
  return client
}

async function cancelledReads(server: Server): Promise<void> {
  const client = await server.connect()
  client.query('SELECT device_id, count(*) FROM fleet GROUP BY device_id').catch(() => {}) // likewise
  await sleep(50)
  destroy(client)
  await sleep(500)
}

async function jobsThatComeAndGo(server: Server): Promise<void> {
  await server.query(
    'CREATE MATERIALIZED VIEW passing AS SELECT device_id, max(temperature) AS t FROM fleet GROUP BY device_id',
  )
  await server.query('SELECT count(*) FROM passing')
  await server.query('DROP MATERIALIZED VIEW passing')
  await sleep(200)
}

/** As when the client's machine goes away. */
function destroy(client: pg.Client): void {
  // Not in the types, but in every version.
  const { connection } = client as unknown as { connection: { stream: { destroy(): void } } }
  connection.stream.destroy()
}

async function watch(server: Server, seconds: number, say: (line: string) => void): Promise<Sample[]> {
  const samples: Sample[] = []
  const every = Math.max(1, seconds / 30)
  say('second  anon MB  handles  threads  checkpoint MB  checkpoint ms  topics MB   rows in')
  for (let second = every; second <= seconds; second += every) {
    await sleep(every * 1000)
    const sample = await takeSample(server, Math.round(second))
    samples.push(sample)
    const { anonMb, handles, threads, checkpointMb, checkpointMs, topicsMb, rowsIn } = sample
    const cells = [sample.second, anonMb, handles, threads, checkpointMb.toFixed(2), checkpointMs, topicsMb, rowsIn]
    const widths = [6, 9, 9, 9, 15, 15, 11, 10]
    say(cells.map((cell, i) => String(cell).padStart(widths[i])).join(''))
  }
  return samples
}

async function takeSample(server: Server, second: number): Promise<Sample> {
  const status = readFileSync(`/proc/${server.pid}/status`, 'utf8')
  const field = (name: string): number => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1])
  const [[ms, rows]] = await server.query('SELECT max(checkpoint_ms), sum(rows_in) FROM tidemark.jobs')
  return {
    second,
    anonMb: Math.round(field('RssAnon') / 1024),
    threads: field('Threads'),
    handles: readdirSync(`/proc/${server.pid}/fd`).length,
    checkpointMb: bytesUnder(join(server.dataDir, 'checkpoints')) / 2 ** 20,
    checkpointMs: Math.round(Number(ms)),
    topicsMb: Math.round(bytesUnder(join(server.dataDir, 'log')) / 2 ** 20),
    rowsIn: Number(rows),
  }
}

function bytesUnder(folder: string): number {
  let sum = 0
  for (const entry of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    const stat = statSync(join(folder, entry), { throwIfNoEntry: false })
    // In blocks: LMDB's map is mostly a hole.
    if (stat?.isFile()) sum += stat.blocks * 512
  }
  return sum
}

function judge(samples: readonly Sample[], faults: string[]): void {
  const warm = samples.slice(Math.floor(samples.length / 3))
  const [first, last] = [warm.slice(0, Math.ceil(warm.length / 3)), warm.slice(-Math.ceil(warm.length / 3))]
  const grew = (of: (sample: Sample) => number): readonly [number, number] => [
    median(first.map(of)),
    median(last.map(of)),
  ]
  const [anonBefore, anonAfter] = grew(s => s.anonMb)
  if (anonAfter > anonBefore * (1 + GROWTH_MAX_SHARE) + GROWTH_MAX_MB) {
    faults.push(`memory grew from ${anonBefore} to ${anonAfter} MB`)
  }
  const most = Math.max(...samples.map(s => s.anonMb))
  if (most > ANON_MAX_MB) faults.push(`${most} MB are more than ${ANON_MAX_MB}`)
  const [handlesBefore, handlesAfter] = grew(s => s.handles)
  if (handlesAfter > handlesBefore + HANDLES_GROWTH_MAX) faults.push(`handles: ${handlesBefore}, then ${handlesAfter}`)
  if (last[last.length - 1].rowsIn <= first[0].rowsIn) faults.push('no rows came in')
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]
}
