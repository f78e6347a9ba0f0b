/** Appends numbered records from a worker thread. For threads.test.ts. */
import { workerData } from 'node:worker_threads'
import { openLog } from '../../src/log/log.ts'

const { dataDir, name, count } = workerData
const log = openLog(dataDir)
const topic = log.topic('t')
for (let i = 0; i < count; i++) {
  // Every fourth waits: commits of single records and of several are mixed.
  const appended = log.append(topic, 0, [{ value: Buffer.from(`${name}/${i}`), timestampMs: i }])
  if (i % 4 === 0) await appended
}
await log.close()
