/**
 * Produces `perMs` records a millisecond to four partitions of topic `readings`, in a process of its own so that nobody's work delays it:
 * `paced-producer.ts BROKER RECORDS PER_MS DEVICES OUT`. One request is under way at a time and takes along all that fell due meanwhile,
 * so a broker that stalls is not also buried. OUT gets, as float64, when each record fell due and when its request was answered, milliseconds since 1970.
 */
import { writeFileSync } from 'node:fs'
import { Producer, stringSerializers } from '@platformatic/kafka'

const [address, records, pace, deviceCount, out] = process.argv.slice(2)
const total = Number(records)
const perMs = Number(pace)
const devices = Number(deviceCount)

const producer = new Producer({ clientId: 'bench', bootstrapBrokers: [address], serializers: stringSerializers })
const due = new Float64Array(total)
const answered = new Float64Array(total)
const now = (): number => performance.timeOrigin + performance.now()
const started = now()
for (let next = 0; next < total; ) {
  const until = Math.min(total, Math.floor((now() - started) * perMs))
  const from = next
  const messages = []
  for (; next < until; next++) {
    due[next] = started + next / perMs
    const value = `{"device_id":${next % devices},"seq":${next},"temperature":${20 + (next % 17)}}`
    messages.push({ topic: 'readings', partition: next % 4, value })
  }
  if (messages.length === 0) {
    await new Promise(resolve => setTimeout(resolve, 1))
    continue
  }
  await producer.send({ messages, acks: 1 })
  answered.fill(now(), from, next)
}
await producer.close()
writeFileSync(out, new Uint8Array(Buffer.concat([new Uint8Array(due.buffer), new Uint8Array(answered.buffer)])))
