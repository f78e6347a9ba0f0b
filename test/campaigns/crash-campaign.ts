/** Kills a server again and again while topics are being filled, and tells whether anything was lost or came twice. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { seededRandom } from '../../src/base/clock.ts'
import { KafkaBroker } from '../support/kafka.ts'
import { Server } from '../support/server.ts'

export interface CampaignResult {
  readonly kills: number
  readonly killsDuringStart: number
  readonly readings: number
  readonly windows: number
  /** What differs, empty when all is well. */
  readonly differences: readonly string[]
}

interface Reading {
  readonly topic: 'k' | 'e'
  readonly seq: number
  readonly device: string
  readonly v: number
  readonly ts: number
}

const WINDOW_MS = 2000
/** For the views to show everything after the last start. */
const CATCH_UP_MS = 60_000

const columns = `seq bigint, device text, v bigint, ts timestamptz, WATERMARK FOR ts AS ts - INTERVAL '1 second'`
const windows = (source: string): string =>
  `SELECT device, window_start, count(*) AS n, sum(v) AS s, max(seq) AS last FROM TUMBLE(${source}, ts, INTERVAL '2 seconds') GROUP BY device, window_start`

function statements(brokers: string): string[] {
  const kafka = `connector = 'kafka', brokers = '${brokers}'`
  return [
    `CREATE SOURCE k (${columns}) WITH (${kafka}, topic = 'k', idle_timeout = '10 minutes')`,
    `CREATE SOURCE e (${columns}) WITH (topic = 'e', idle_timeout = '10 minutes')`,
    `CREATE MATERIALIZED VIEW kw AS ${windows('k')}`,
    'CREATE MATERIALIZED VIEW kd AS SELECT device, count(*) AS windows, sum(n) AS n, sum(s) AS s FROM kw GROUP BY device',
    'CREATE MATERIALIZED VIEW kf AS SELECT seq, device, v FROM k WHERE v % 3 = 0',
    `CREATE MATERIALIZED VIEW ew AS ${windows('e')}`,
    'CREATE MATERIALIZED VIEW ad AS SELECT device, sum(n) AS n, sum(s) AS s FROM (SELECT device, n, s FROM kw UNION ALL SELECT device, n, s FROM ew) u GROUP BY device',
    `CREATE SINK kout AS ${windows('k')} EMIT FINAL WITH (${kafka}, topic = 'kout', key = 'device')`,
    `CREATE SINK eout AS ${windows('e')} EMIT FINAL WITH (${kafka}, topic = 'eout', key = 'device')`,
    `CREATE SINK fout FROM kf WITH (${kafka}, topic = 'fout')`,
    'CREATE STREAM even AS SELECT seq, device, v FROM e WHERE v % 2 = 0',
  ]
}

/** `say` hears of the progress. Rejects when the campaign itself cannot run. */
export async function runCrashCampaign(options: {
  readonly kills: number
  readonly seed: number
  readonly say: (line: string) => void
}): Promise<CampaignResult> {
  const { kills, seed, say } = options
  const random = seededRandom(seed)
  const dataDir = mkdtempSync(join(tmpdir(), 'tidemark-crash-'))
  const broker = await KafkaBroker.start()
  const server = new Server(dataDir)
  let producer: ChildProcess | undefined
  try {
    await server.start()
    const file = join(dataDir, 'produced.ndjson')
    producer = spawn(
      process.execPath,
      [join(import.meta.dirname, 'producer.ts'), broker.address, dataDir, file, `${seed}`],
      { stdio: ['pipe', 'pipe', 'inherit'] },
    )
    const output = producer.stdout
    await new Promise(resolve => output?.once('data', resolve))
    for (const statement of statements(broker.address)) await server.query(statement)
    await server.stop('SIGKILL')
    let killsDuringStart = 0
    for (let kill = 1; kill <= kills; kill++) {
      // A third of the kills hits the start, the others the work after it.
      const duringStart = random() < 0.33
      const start = server.start().catch(() => {}) // killed on the way
      if (!duringStart) await start
      const afterMs = random() * (duringStart ? 1500 : 3000)
      await sleep(afterMs)
      if (duringStart) killsDuringStart++
      await server.stop('SIGKILL')
      say(
        `kill ${kill} of ${kills}, ${Math.round(afterMs)} ms after ${duringStart ? 'its start' : 'the server was ready'}`,
      )
    }
    await server.start()
    const producing = producer
    if (producing.exitCode !== null) throw new Error('the producer ended before it was told to')
    const ended = new Promise(resolve => producing.once('exit', resolve))
    producing.stdin?.end()
    if ((await ended) !== 0) throw new Error('the producer failed')
    const { readings, bad } = readProduced(file)
    const differences = await compare(server, broker, readings, bad)
    const counted = new Set(readings.map(r => `${r.topic} ${r.device} ${Math.floor(r.ts / WINDOW_MS)}`)).size
    return { kills, killsDuringStart, readings: readings.length + bad.length, windows: counted, differences }
  } finally {
    producer?.kill()
    await server.stop('SIGKILL')
    await broker.stop()
    rmSync(dataDir, { recursive: true, force: true })
  }
}

function readProduced(file: string): { readings: Reading[]; bad: string[] } {
  const readings: Reading[] = []
  const bad: string[] = []
  for (const line of readFileSync(file, 'utf8').trimEnd().split('\n')) {
    const [topic, text] = [line[0], line.slice(2)]
    if (!text.endsWith('}')) bad.push(line)
    else {
      const { seq, device, v, ts } = JSON.parse(text)
      readings.push({ topic: topic === 'k' ? 'k' : 'e', seq, device, v, ts: Date.parse(ts) })
    }
  }
  return { readings, bad }
}

type Row = readonly (string | number | null)[]

/** device, window, n, s, last, as the script itself adds them up. */
function windowsOf(readings: readonly Reading[]): Row[] {
  const found = new Map<string, [string, string, number, number, number]>()
  for (const { device, ts, v, seq } of readings) {
    const start = new Date(Math.floor(ts / WINDOW_MS) * WINDOW_MS).toISOString()
    const row = found.get(`${device} ${start}`) ?? [device, start, 0, 0, 0]
    row[2]++
    row[3] += v
    row[4] = Math.max(row[4], seq)
    found.set(`${device} ${start}`, row)
  }
  return [...found.values()]
}

/** Sums of columns by the first one; `windows` counts the rows themselves. */
function byDevice(rows: readonly Row[], countRows: boolean): Row[] {
  const found = new Map<string, number[]>()
  for (const [device, , n, s] of rows) {
    const sums = found.get(String(device)) ?? [0, 0, 0]
    sums[0]++
    sums[1] += Number(n)
    sums[2] += Number(s)
    found.set(String(device), sums)
  }
  return [...found].map(([device, sums]) => [device, ...(countRows ? sums : sums.slice(1))])
}

async function compare(
  server: Server,
  broker: KafkaBroker,
  readings: readonly Reading[],
  bad: readonly string[],
): Promise<string[]> {
  const differences: string[] = []
  const check = (what: string, expected: readonly Row[], found: readonly Row[]): void => {
    const text = (row: Row): string => row.map(v => (typeof v === 'string' ? sameTime(v) : v)).join(' ')
    const difference = differenceOf(expected.map(text), found.map(text))
    if (difference) differences.push(`${what}: ${difference}`)
  }
  const of = (topic: 'k' | 'e'): Reading[] => readings.filter(r => r.topic === topic)
  const kw = windowsOf(of('k'))
  const ew = windowsOf(of('e'))
  const filtered = of('k').filter(r => r.v % 3 === 0)
  const even = of('e').filter(r => r.v % 2 === 0)
  const closed = (rows: readonly Row[]): Row[] => rows.filter(row => !String(row[0]).startsWith('end'))
  await caughtUp(server, readings.length)
  const ask = (text: string): Promise<Row[]> => server.query(text)
  check('view of windows over Kafka', kw, await ask('SELECT * FROM kw'))
  check('batch SELECT over Kafka', kw, await ask(windows('k')))
  check('view on a view', byDevice(kw, true), await ask('SELECT * FROM kd'))
  check(
    'view that filters',
    filtered.map(r => [r.seq, r.device, r.v]),
    await ask('SELECT * FROM kf'),
  )
  check('view of windows over an embedded topic', ew, await ask('SELECT * FROM ew'))
  check('batch SELECT over an embedded topic', ew, await ask(windows('e')))
  check('view on views of two dataflows', byDevice([...kw, ...ew], false), await ask('SELECT * FROM ad'))
  const stream = even.map(r => [r.seq, r.device, r.v])
  const consumed = async (topic: string, expected: readonly Row[]): Promise<Row[]> => {
    // Windows go out when they close, and become visible with the checkpoint after that.
    for (let tries = 0; ; tries++) {
      const rows = (await broker.consume(topic)).map(line => Object.values(JSON.parse(line)) as Row)
      if (rows.length >= expected.length || tries === 5) return rows
    }
  }
  check('output of windows over Kafka', closed(kw), await consumed('kout', closed(kw)))
  check('output of windows over an embedded topic', closed(ew), await consumed('eout', closed(ew)))
  const fout = filtered.map(r => [r.seq, r.device, r.v])
  check('output of the view that filters', fout, await consumed('fout', fout))
  check('stream into an embedded topic', stream, await ask('SELECT * FROM even'))
  check('late rows', [], await ask('SELECT job, row FROM tidemark.late_rows LIMIT 3'))
  for (const [job, topic] of [
    ['kf', 'k'],
    ['kout', 'k'],
    ['even', 'e'],
  ]) {
    const expected = bad.filter(line => line.startsWith(topic)).map(line => [line.slice(2)])
    check(`bad rows of ${job}`, expected, await ask(`SELECT record FROM tidemark.bad_rows WHERE job = '${job}'`))
  }
  return differences
}

/** The jobs that read topics; the others are views on these. */
const READERS = ['kw', 'kf', 'kout', 'ew', 'eout', 'even']

/** Every job has read its topic to the end. */
async function caughtUp(server: Server, readings: number): Promise<void> {
  const start = performance.now()
  for (;;) {
    const jobs = await server.query('SELECT job, state, lag, error FROM tidemark.jobs')
    const [[counted]] = await server.query('SELECT sum(n) FROM ad')
    // A job that is being started again has no lag at all.
    const done = jobs.filter(([, state, lag]) => state === 'running' && lag === '0').map(([job]) => job)
    if (Number(counted) >= readings && READERS.every(job => done.includes(job))) return
    if (performance.now() - start > CATCH_UP_MS) {
      throw new Error(`the jobs do not reach the end of the topics: ${counted} of ${readings}, ${JSON.stringify(jobs)}`)
    }
    await sleep(100)
  }
}

/** Times as one text, however they are written. */
function sameTime(text: string): string {
  return /^\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d/.test(text)
    ? new Date(text.replace(/\+00$/, 'Z').replace(' ', 'T')).toISOString()
    : text
}

function differenceOf(expected: readonly string[], found: readonly string[]): string | undefined {
  const left = new Map<string, number>()
  for (const row of expected) left.set(row, (left.get(row) ?? 0) + 1)
  for (const row of found) left.set(row, (left.get(row) ?? 0) - 1)
  const lost = [...left].filter(([, n]) => n > 0)
  const more = [...left].filter(([, n]) => n < 0)
  if (lost.length === 0 && more.length === 0) return undefined
  const some = (rows: readonly (readonly [string, number])[]): string =>
    `${rows.length} (${rows
      .slice(0, 3)
      .map(([row, n]) => `${row} ×${Math.abs(n)}`)
      .join(', ')})`
  return `missing ${some(lost)}, too many ${some(more)}`
}
