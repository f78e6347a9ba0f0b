/** Appends to a log until it is killed, and says on stdout what was acknowledged. For crash.test.ts. */
import { writeSync } from 'node:fs'
import { systemClock } from '../../src/base/clock.ts'
import { openLog } from '../../src/log/log.ts'

const [dataDir, run] = process.argv.slice(2)
const log = openLog(dataDir)
const plain = await log.ensureTopic('plain', { partitions: 2 }, systemClock)
const exact = await log.ensureTopic('exact', { partitions: 1 }, systemClock)

/** Numbered records; each is acknowledged by a line once it is durable. */
async function appendPlain(partition: number): Promise<void> {
  for (let i = 0; ; i++) {
    const text = `${run}/${partition}/${i}`
    const value = Buffer.from(text.padEnd(i % 50 === 0 ? 6000 : 20))
    const [{ offset }] = await log.append(plain, partition, [{ value, timestampMs: i }])
    writeSync(1, `plain ${partition} ${offset} ${text}\n`)
  }
}

/** Epochs of three records, from the one after the last that is marked. */
async function appendExactly(): Promise<void> {
  for (let epoch = (log.markedEpoch('sink') ?? 0) + 1; ; epoch++) {
    const records = [0, 1, 2].map(i => ({ value: Buffer.from(`${epoch}.${i}`), timestampMs: 0 }))
    await log.appendAtomically([{ topic: exact, partition: 0, records }], { sink: 'sink', epoch })
    writeSync(1, `exact ${epoch}\n`)
  }
}

await Promise.all([appendPlain(0), appendPlain(1), appendExactly()])
