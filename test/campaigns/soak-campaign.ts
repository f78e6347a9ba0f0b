/** Keeps a server under every kind of load at once and tells whether it grows. */
import assert from 'node:assert'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
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
  /** Objects and buffers, reserved ones too, that all threads hold after a forced collection: now and then only, as that makes the rest look better. */
  readonly heldMb: number | undefined
  /** Pages of files that are mapped: the kernel's cache, which it takes back when it needs it. */
  readonly fileMb: number
  readonly handles: number
  readonly threads: number
  readonly checkpointMb: number
  readonly checkpointMs: number
  readonly topicsMb: number
  readonly rowsIn: number
}

/**
 * After the warm-up the median of the last third may be so much above that of the middle third. What is held after a collection stands
 * still to a few megabytes, however the machine is loaded, so that a leak of 1 MB a second shows in 40 seconds; in the process's memory
 * is also what garbage collection and malloc have not given back, which comes and goes by tens of megabytes.
 */
const HELD_GROWTH_MAX_MB = 8
const ANON_GROWTH_MAX_MB = 64
/**
 * All the time. Three threads of 75 MB at most (16 of young objects, an old generation that V8 lets grow to some four times the 15 in use,
 * code), 70 MB of buffers in use, and half as much that malloc keeps for the next ones make 330. After a minute it is some 210.
 */
const ANON_MAX_MB = 350
const HANDLES_GROWTH_MAX = 10
const THREADS_GROWTH_MAX = 2
/** Every so many samples a collection is forced. */
const HELD_EVERY = 3

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
  const held = join(dataDir, 'soak-held')
  const probe = new URL('soak-probe.ts', import.meta.url)
  const server = new Server(dataDir, [], { flags: ['--expose-gc', '--import', probe.href], env: { SOAK_PROBE: held } })
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
    const samples = await watch(server, held, seconds, say)
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

async function watch(
  server: Server,
  heldFile: string,
  seconds: number,
  say: (line: string) => void,
): Promise<Sample[]> {
  const samples: Sample[] = []
  const every = Math.max(1, seconds / 30)
  say('second  anon MB  held MB  file MB  handles  threads  checkpoint MB  checkpoint ms  topics MB   rows in')
  for (let second = every; second <= seconds; second += every) {
    await sleep(every * 1000)
    const held = samples.length % HELD_EVERY === 0 ? heldFile : undefined
    const sample = await takeSample(server, Math.round(second), held)
    samples.push(sample)
    const { anonMb, heldMb, fileMb, handles, threads, checkpointMb, checkpointMs, topicsMb, rowsIn } = sample
    const cells = [
      sample.second,
      anonMb,
      heldMb?.toFixed(1) ?? '',
      fileMb,
      handles,
      threads,
      checkpointMb.toFixed(2),
      checkpointMs,
      topicsMb,
      rowsIn,
    ]
    const widths = [6, 9, 9, 9, 9, 9, 15, 15, 11, 10]
    say(cells.map((cell, i) => String(cell).padStart(widths[i])).join(''))
  }
  return samples
}

async function takeSample(server: Server, second: number, heldFile: string | undefined): Promise<Sample> {
  const status = readFileSync(`/proc/${server.pid}/status`, 'utf8')
  const field = (name: string): number => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1])
  const [[ms, rows]] = await server.query('SELECT max(checkpoint_ms), sum(rows_in) FROM tidemark.jobs')
  return {
    second,
    anonMb: Math.round(field('RssAnon') / 1024),
    fileMb: Math.round(field('RssFile') / 1024),
    heldMb: heldFile === undefined ? undefined : await heldMegabytes(server, heldFile),
    threads: field('Threads'),
    handles: readdirSync(`/proc/${server.pid}/fd`).length,
    checkpointMb: bytesUnder(join(server.dataDir, 'checkpoints')) / 2 ** 20,
    checkpointMs: Math.round(Number(ms)),
    topicsMb: Math.round(bytesUnder(join(server.dataDir, 'log')) / 2 ** 20),
    rowsIn: Number(rows),
  }
}

/** See soak-probe.ts. */
async function heldMegabytes(server: Server, file: string): Promise<number> {
  rmSync(file, { force: true })
  assert(server.pid !== undefined)
  process.kill(server.pid, 'SIGUSR2')
  while (!existsSync(file)) await sleep(20)
  return Number(readFileSync(file, 'utf8')) / 2 ** 20
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
  const third = Math.floor(samples.length / 3)
  const [middle, last] = [samples.slice(third, 2 * third), samples.slice(2 * third)]
  const grows = (what: string, growthMax: number, of: (sample: Sample) => number | undefined): void => {
    const [before, after] = [middle, last].map(part => median(part.map(of).filter(value => value !== undefined)))
    if (after > before + growthMax) faults.push(`${what} grew from ${before.toFixed(1)} to ${after.toFixed(1)}`)
  }
  grows('memory held, MB,', HELD_GROWTH_MAX_MB, s => s.heldMb)
  grows('memory, MB,', ANON_GROWTH_MAX_MB, s => s.anonMb)
  grows('handles', HANDLES_GROWTH_MAX, s => s.handles)
  grows('threads', THREADS_GROWTH_MAX, s => s.threads)
  const most = Math.max(...samples.map(s => s.anonMb))
  if (most > ANON_MAX_MB) faults.push(`${most} MB are more than ${ANON_MAX_MB}`)
  if (last[last.length - 1].rowsIn <= middle[0].rowsIn) faults.push('no rows came in')
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]
}
