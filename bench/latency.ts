/**
 * From a record's produce to the changed row at a subscriber: a real server, a real broker, 10,000 records a second of 1,000 devices in
 * four partitions, a view of each device's latest number, SUBSCRIBE over the Postgres protocol. `node bench/latency.ts [seconds]`.
 * A record has arrived when a row shows its device's number or a later one. Needs Java and Maven.
 *
 * Told twice: from when the record fell due, the producer's and the broker's waits included, and from the broker's answer, which is what is
 * left for us (and may be negative: a row can be here before the answer). Slow records are told by what was going on while they were under way.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { KafkaBroker, kafkaMissing } from '../test/support/kafka.ts'
import { quantile, report } from './support/measure.ts'
import { ServerProcess } from './support/server-process.ts'

const seconds = Number(process.argv[2] ?? 10)
const PER_MS = 10
const DEVICES = 1000
/** Records of the first seconds warm up what compiles, the broker's Java not least. */
const WARM_UP = 6000 * PER_MS
const total = WARM_UP + seconds * 1000 * PER_MS
const SLOW_MS = 20

const arrivedAt = new Float64Array(total)
const now = (): number => performance.timeOrigin + performance.now()

if (!kafkaMissing()) {
  const broker = await KafkaBroker.start()
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-latency-'))
  const [stallsFile, logFile, timesFile] = ['stalls', 'log', 'times'].map(name => join(folder, name))
  let server: ServerProcess | undefined
  try {
    await broker.createTopic('readings', 4)
    server = await ServerProcess.startWatched(stallsFile, logFile)
    await server.query(`CREATE SOURCE readings (device_id BIGINT, seq BIGINT, temperature DOUBLE PRECISION)
      WITH (connector = 'kafka', brokers = '${broker.address}', topic = 'readings', format = 'json')`)
    await server.query(`CREATE MATERIALIZED VIEW latest AS
      SELECT device_id, max(seq) AS seq, avg(temperature) AS t FROM readings GROUP BY device_id`)
    const client = await server.connect()
    const arrived = follow(client)
    const [due, answered] = await produce(broker.address, timesFile)
    await arrived
    await client.end()
    const since = (from: Float64Array): number[] =>
      Array.from(from.subarray(WARM_UP), (t, i) => arrivedAt[WARM_UP + i] - t)
    const figures = (what: string, values: readonly number[]) =>
      [0.5, 0.99, 0.999].map(q => ({ what: `${what}, p${100 * q}`, ours: quantile(values, q), unit: 'ms' }))
    const round = Array.from(answered.subarray(WARM_UP), (at, i) => at - due[WARM_UP + i])
    tellSlow(due, answered, [...stalls(stallsFile), ...checkpoints(logFile)])
    report('latency', [
      ...figures('from the produce call', since(due)),
      ...figures("from the broker's answer", since(answered)),
      ...figures('the produce request alone', round),
    ])
  } finally {
    await server?.stop()
    await broker.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

interface Pause {
  readonly what: string
  readonly start: number
  readonly end: number
}

function stalls(file: string): Pause[] {
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n')
  return lines.map(line => {
    const [what, thread, start, end] = line.split(' ')
    const where = thread === '0' ? 'main thread' : 'worker'
    return {
      what: `${what === 'gc' ? 'garbage collection' : 'busy or not scheduled'}, ${where}`,
      start: Number(start),
      end: Number(end),
    }
  })
}

function checkpoints(file: string): Pause[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .flatMap(line => {
      if (!line.includes('"checkpoint"')) return []
      const { time, ms } = JSON.parse(line)
      return { what: 'checkpoint', start: Date.parse(time) - ms, end: Date.parse(time) }
    })
}

/** Of the records that took long, how many had each of these between their produce and their arrival; one may have several. */
function tellSlow(due: Float64Array, answered: Float64Array, pauses: readonly Pause[]): void {
  const counts = new Map<string, number>()
  const add = (what: string): void => void counts.set(what, (counts.get(what) ?? 0) + 1)
  let slow = 0
  for (let i = WARM_UP; i < total; i++) {
    if (arrivedAt[i] - due[i] < SLOW_MS) continue
    slow++
    const during = new Set(pauses.filter(p => p.start < arrivedAt[i] && p.end > due[i]).map(p => p.what))
    if (answered[i] - due[i] > SLOW_MS / 2) during.add('waited for the broker')
    if (during.size === 0) during.add('nothing known')
    for (const what of during) add(what)
  }
  console.log(`${slow} of ${total - WARM_UP} records took more than ${SLOW_MS} ms:`)
  for (const [what, count] of counts) console.log(`  ${String(count).padStart(7)} ${what}`)
  const by = Map.groupBy(
    pauses.filter(p => p.end > due[WARM_UP]),
    p => p.what,
  )
  for (const [what, list] of by) {
    const lengths = list.map(p => p.end - p.start)
    console.log(`  ${String(list.length).padStart(7)} times: ${what}, longest ${Math.max(...lengths).toFixed(0)} ms`)
  }
}

/** Notes when each record's row came; resolves when the last has. */
function follow(client: Awaited<ReturnType<ServerProcess['connect']>>): Promise<void> {
  const seen = new Float64Array(DEVICES).fill(-1)
  let missing = total
  return new Promise((resolve, reject) => {
    client.on('error', () => undefined)
    const onRow = (values: readonly string[]): void => {
      const device = Number(values[2])
      const latest = Number(values[3])
      if (Number(values[1]) < 0) return
      const at = now()
      const first = seen[device] < 0 ? device : seen[device] + DEVICES
      for (let seq = first; seq <= latest; seq += DEVICES) {
        arrivedAt[seq] = at
        missing--
      }
      seen[device] = latest
      if (missing === 0) resolve()
    }
    subscribe(client, 'SUBSCRIBE latest', onRow).catch(reject)
  })
}

/** node-postgres gives the rows of a simple query only at its end; its connection gives them as they come. */
async function subscribe(
  client: Awaited<ReturnType<ServerProcess['connect']>>,
  text: string,
  onRow: (values: readonly string[]) => void,
): Promise<void> {
  const connection: unknown = Reflect.get(client, 'connection')
  if (!isConnection(connection)) throw new Error('node-postgres has changed')
  connection.removeAllListeners('dataRow')
  connection.removeAllListeners('rowDescription')
  connection.on('rowDescription', () => undefined)
  connection.on('dataRow', message => onRow(message.fields))
  connection.query(text)
}

interface Connection {
  query(text: string): void
  on(event: string, listener: (message: { fields: string[] }) => void): void
  removeAllListeners(event: string): void
}

function isConnection(value: unknown): value is Connection {
  return typeof value === 'object' && value !== null && 'query' in value && 'removeAllListeners' in value
}

/** By the producer's process: when each record fell due, and when its request was answered. */
async function produce(address: string, out: string): Promise<[Float64Array, Float64Array]> {
  const script = join(import.meta.dirname, 'support/paced-producer.ts')
  const args = [script, address, String(total), String(PER_MS), String(DEVICES), out]
  const child = spawn(process.execPath, args, { stdio: 'inherit' })
  const code = await new Promise(resolve => child.once('exit', resolve))
  if (code !== 0) throw new Error('the producer failed')
  const { buffer, byteOffset } = readFileSync(out)
  return [new Float64Array(buffer, byteOffset, total), new Float64Array(buffer, byteOffset + 8 * total, total)]
}
