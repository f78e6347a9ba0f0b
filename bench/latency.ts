/**
 * From a record's produce to the changed row at a subscriber: a real server, a real broker, 10,000 records a second of 1,000 devices in
 * four partitions, a view of each device's latest number, SUBSCRIBE over the Postgres protocol. `node bench/latency.ts [seconds]`.
 * A record has arrived when a row shows its device's number or a later one. Needs Java and Maven.
 */
import { Producer, stringSerializers } from '@platformatic/kafka'
import { KafkaBroker, kafkaMissing } from '../test/support/kafka.ts'
import { quantile, report } from './support/measure.ts'
import { ServerProcess } from './support/server-process.ts'

const seconds = Number(process.argv[2] ?? 8)
const PER_MS = 10
const DEVICES = 1000
/** Records of the first seconds warm up what compiles. */
const WARM_UP = 3000 * PER_MS
const total = WARM_UP + seconds * 1000 * PER_MS

const sentAt = new Float64Array(total)
const arrivedAt = new Float64Array(total)

if (!kafkaMissing()) {
  const broker = await KafkaBroker.start()
  let server: ServerProcess | undefined
  try {
    await broker.createTopic('readings', 4)
    server = await ServerProcess.start()
    await server.query(`CREATE SOURCE readings (device_id BIGINT, seq BIGINT, temperature DOUBLE PRECISION)
      WITH (connector = 'kafka', brokers = '${broker.address}', topic = 'readings', format = 'json')`)
    await server.query(`CREATE MATERIALIZED VIEW latest AS
      SELECT device_id, max(seq) AS seq, avg(temperature) AS t FROM readings GROUP BY device_id`)
    const client = await server.connect()
    const arrived = follow(client)
    const rounds = await produce(broker.address)
    await arrived
    await client.end()
    const latencies = Array.from(arrivedAt.subarray(WARM_UP), (at, i) => at - sentAt[WARM_UP + i])
    const figure = (q: number) => ({ what: `p${100 * q}`, ours: quantile(latencies, q), unit: 'ms' })
    report('latency', [
      figure(0.5),
      { ...figure(0.99), goal: '20' },
      figure(0.999),
      { what: 'p50 of the produce request alone', ours: quantile(rounds, 0.5), unit: 'ms' },
      { what: 'p99 of the produce request alone', ours: quantile(rounds, 0.99), unit: 'ms' },
    ])
  } finally {
    await server?.stop()
    await broker.stop()
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
      const now = performance.now()
      const first = seen[device] < 0 ? device : seen[device] + DEVICES
      for (let seq = first; seq <= latest; seq += DEVICES) {
        arrivedAt[seq] = now
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

/** At a steady pace; answers how long each request took. */
async function produce(address: string): Promise<number[]> {
  const producer = new Producer({ clientId: 'bench', bootstrapBrokers: [address], serializers: stringSerializers })
  const rounds: number[] = []
  const pending = new Set<Promise<unknown>>()
  const started = performance.now()
  for (let next = 0; next < total; ) {
    const due = Math.min(total, Math.floor((performance.now() - started) * PER_MS))
    const byPartition: string[][] = [[], [], [], []]
    const now = performance.now()
    for (; next < due; next++) {
      sentAt[next] = now
      byPartition[next % 4].push(`{"device_id":${next % DEVICES},"seq":${next},"temperature":${20 + (next % 17)}}`)
    }
    const messages = byPartition.flatMap((values, partition) =>
      values.map(value => ({ topic: 'readings', partition, value })),
    )
    if (messages.length > 0) {
      const request: Promise<unknown> = producer.send({ messages, acks: 1 }).then(() => {
        rounds.push(performance.now() - now)
        pending.delete(request)
      })
      pending.add(request)
    }
    await new Promise(resolve => setTimeout(resolve, 1))
  }
  await Promise.all(pending)
  await producer.close()
  return rounds
}
