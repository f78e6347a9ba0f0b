import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { type Log, openLog } from '../../src/log/log.ts'
import type { Topic } from '../../src/log/topics.ts'
import { temporaryFolder } from '../support/temporary.ts'

const CHILD = fileURLToPath(new URL('./append-child.ts', import.meta.url))
const RUNS = 4

/** Starts the child, kills it once it has said `lines` lines, and answers the whole lines it said. */
async function runAndKill(dataDir: string, run: number, lines: number): Promise<string[]> {
  const child = spawn(process.execPath, [CHILD, dataDir, String(run)], { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  let text = ''
  child.stdout.setEncoding('utf8')
  child.stdout.on('data', (piece: string) => {
    text += piece
    if (text.split('\n').length > lines) child.kill('SIGKILL')
  })
  await once(child, 'close')
  return text.split('\n').slice(0, -1)
}

function values(log: Log, topic: Topic, partition: number): string[] {
  const all: string[] = []
  for (let offset = 0; ; ) {
    const block = log.read(topic, partition, offset, 1 << 20)
    for (let i = 0; i < block.count; i++) {
      const { offset: at, value } = block.recordAt(i)
      expect(at).toBe(all.length)
      all.push(
        Buffer.from(value ?? [])
          .toString()
          .trim(),
      )
    }
    if (block.count === 0) return all
    offset = block.nextOffset
  }
}

test('killed while appending, no acknowledged record is lost and none is doubled', async () => {
  const dataDir = temporaryFolder()
  const acknowledged: string[] = []
  for (let run = 0; run < RUNS; run++) {
    acknowledged.push(...(await runAndKill(dataDir, run, 40 + 37 * run)))
    const log = openLog(dataDir)
    const plain = log.topic('plain')
    const partitions = [values(log, plain, 0), values(log, plain, 1)]
    for (const line of acknowledged) {
      const [kind, partition, offset, text] = line.split(' ')
      if (kind === 'plain') expect(partitions[Number(partition)][Number(offset)]).toBe(text)
    }
    for (const partition of partitions) expect(new Set(partition).size).toBe(partition.length)
    // Epochs are whole, in order, and go up to the marker.
    const marked = log.markedEpoch('sink') ?? 0
    const epochs = Array.from({ length: marked }, (_, e) => [0, 1, 2].map(i => `${e + 1}.${i}`)).flat()
    expect(values(log, log.topic('exact'), 0)).toEqual(epochs)
    const last = acknowledged.findLast(line => line.startsWith('exact'))
    expect(marked).toBeGreaterThanOrEqual(Number(last?.split(' ')[1] ?? 0))
    await log.close()
  }
  expect(acknowledged.length).toBeGreaterThan(40 * RUNS)
})
