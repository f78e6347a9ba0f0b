/**
 * MQTT → columns on one core against mosquitto_sub, on the same private broker: `node bench/mqtt-read.ts [messages]`. Messages of 111 bytes of
 * JSON wait at QoS 1 in two sessions; each reader drains its own, one after the other, taking turns at being first. Ours decodes three
 * columns and acknowledges as after a checkpoint, theirs prints to /dev/null. Needs mosquitto and its clients.
 */
import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { mqtt } from '../connectors/mqtt/mqtt.ts'
import { systemClock } from '../src/base/clock.ts'
import { silentLogger } from '../src/base/log.ts'
import type { Position } from '../src/connector.ts'
import { createDecoder, type DecodedColumn } from '../src/format/format.ts'
import { Mosquitto, mosquittoMissing } from '../test/support/mosquitto.ts'

const run = promisify(execFile)
const messages = Number(process.argv[2] ?? 50_000)
const ROUNDS = 4
const ROWS_MAX = 8192

const columns: DecodedColumn[] = [
  { name: 'device_id', type: { kind: 'text' } },
  { name: 'ts', type: { kind: 'timestamptz' } },
  { name: 'temperature', type: { kind: 'double' } },
]

function messageText(i: number): string {
  const id = `device-${String((i * 7919) % 1000).padStart(4, '0')}`
  const temperature = (20 + ((i * 37) % 1000) / 100).toFixed(2)
  return `{"device_id":"${id}","ts":${1767323045678 + i},"temperature":${temperature},"seq":${i}}`.padEnd(111)
}

interface Drained {
  readonly seconds: number
  readonly cpuSeconds: number
}

/** Ours; `count` 0 only makes the session. */
async function ours(broker: Mosquitto, position: Position | undefined, count: number) {
  const options: Record<string, unknown> = {}
  for (const option of mqtt.options) {
    const text = { url: broker.url, topic: 'bench' }[option.name] ?? option.default
    if (text !== undefined) options[option.name] = option.parse(text)
  }
  const common = { clock: systemClock, log: silentLogger, job: 'bench', dataDir: '', bounded: false, session: 'bench' }
  const source = mqtt.source?.({ ...common, options, decoder: createDecoder('json', columns) })
  if (!source) throw new Error('no source')
  const never = new AbortController().signal
  const cpu = process.cpuUsage()
  const start = systemClock.monotonicMs()
  await source.open(position)
  for (let seen = 0; seen < count; ) {
    const polled = await source.poll(ROWS_MAX, never)
    if (polled.kind === 'rows') seen += polled.batch.rowCount
    await source.acknowledge?.(source.position())
  }
  const { user, system } = process.cpuUsage(cpu)
  const seconds = (systemClock.monotonicMs() - start) / 1000
  await source.close()
  return { seconds, cpuSeconds: (user + system) / 1e6, position: source.position() }
}

/** mosquitto_sub's own process, from its start to its end; `count` 0 only makes the session. */
async function theirs(broker: Mosquitto, count: number): Promise<Drained> {
  const flags = ['-p', broker.port, '-V', '5', '-c', '-i', 'theirs', '-x', '3600', '-q', '1', '-t', 'bench']
  const how = count === 0 ? ['-E'] : ['-C', count, '-D', 'connect', 'receive-maximum', '65535']
  const command = `TIMEFORMAT='%R %U %S'; time mosquitto_sub ${[...flags, ...how].join(' ')} > /dev/null`
  const { stderr } = await run('bash', ['-c', command])
  const [seconds, user, system] = stderr.trim().split(' ').map(Number)
  return { seconds, cpuSeconds: user + system }
}

if (!mosquittoMissing()) {
  const broker = await Mosquitto.start()
  try {
    const lines = Array.from({ length: messages }, (_, i) => `${messageText(i)}\n`)
    writeFileSync(broker.file('lines'), lines.join(''))
    let { position } = await ours(broker, undefined, 0)
    await theirs(broker, 0)
    const tell = (who: string, { seconds, cpuSeconds }: Drained): void => {
      const rate = (messages / seconds / 1000).toFixed(0)
      console.log(
        `  ${who.padEnd(14)} ${rate.padStart(5)}k messages/s, ${((cpuSeconds / messages) * 1e6).toFixed(2)} CPU-s per M`,
      )
    }
    for (let round = 1; round <= ROUNDS; round++) {
      await run('bash', ['-c', `mosquitto_pub -p ${broker.port} -V 5 -q 1 -t bench -l < ${broker.file('lines')}`])
      const read = async (): Promise<Drained> => {
        const drained = await ours(broker, position, messages)
        position = drained.position
        return drained
      }
      const first = round % 2 === 0 ? await read() : await theirs(broker, messages)
      const second = round % 2 === 0 ? await theirs(broker, messages) : await read()
      const [own, other] = round % 2 === 0 ? [first, second] : [second, first]
      console.log(`round ${round}`)
      tell('tidemark', own)
      tell('mosquitto_sub', other)
      console.log(
        `  ratio: rate ${(other.seconds / own.seconds).toFixed(2)}, CPU ${(own.cpuSeconds / other.cpuSeconds).toFixed(2)}`,
      )
    }
  } finally {
    await broker.stop()
  }
}
