import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { openLog } from '../../src/log/log.ts'
import { Wake } from '../../src/log/wake.ts'
import { temporaryFolder } from '../support/temporary.ts'

test('threads append to one partition at once; a waiting reader sees each record once, in each thread’s order', async () => {
  const dataDir = temporaryFolder()
  const log = openLog(dataDir)
  onTestFinished(() => log.close())
  const topic = await log.createTopic('t', {}, systemClock)
  const names = ['a', 'b', 'c']
  const count = 100
  const workers = names.map(
    name => new Worker(new URL('./append-worker.ts', import.meta.url), { workerData: { dataDir, name, count } }),
  )
  const ended = Promise.all(workers.map(worker => once(worker, 'exit')))
  const wake = new Wake()
  const stop = log.listen(topic, wake.raise)
  const seen: string[] = []
  for (let offset = 0; seen.length < names.length * count; ) {
    wake.clear()
    const block = log.read(topic, 0, offset, 1 << 20)
    for (let i = 0; i < block.count; i++) {
      expect(block.offsets[i]).toBe(seen.length)
      seen.push(Buffer.from(block.recordAt(i).value ?? []).toString())
    }
    offset = block.nextOffset
    if (block.count === 0) await wake.wait(60_000, systemClock, new AbortController().signal)
  }
  stop()
  for (const name of names) {
    const own = seen.filter(text => text.startsWith(`${name}/`))
    expect(own).toEqual(Array.from({ length: count }, (_, i) => `${name}/${i}`))
  }
  expect((await ended).map(([code]) => code)).toEqual([0, 0, 0])
})
