/**
 * Loaded into the server that is watched, in all its threads (`node --expose-gc --import`): at SIGUSR2 each collects its garbage and
 * tells what it still holds; the main thread writes the sum to the file that SOAK_PROBE names.
 */
import { renameSync, writeFileSync } from 'node:fs'
import { BroadcastChannel, isMainThread } from 'node:worker_threads'

const channel = new BroadcastChannel('soak-probe')

/** Bytes of objects and of array buffers that something still refers to. */
function heldBytes(): number {
  // The buffers of what the first one finds are freed beside it, and counted by the second.
  for (let i = 0; i < 2; i++) globalThis.gc?.()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

if (isMainThread) {
  let workers = 0
  process.on('worker', worker => {
    workers++
    worker.once('exit', () => workers--)
  })
  let held: number[] = []
  const tell = (): void => {
    const file = process.env.SOAK_PROBE
    if (file === undefined || held.length <= workers) return
    writeFileSync(`${file}.new`, String(held.reduce((sum, each) => sum + each)))
    renameSync(`${file}.new`, file)
  }
  channel.onmessage = (event: unknown) => {
    const { data } = event as { data: number } // a worker's answer
    held.push(data)
    tell()
  }
  process.on('SIGUSR2', () => {
    held = [heldBytes()]
    channel.postMessage('collect')
    tell()
  })
} else {
  channel.onmessage = (event: unknown) => {
    const { data } = event as { data: unknown } // other workers' answers come by, too
    if (data === 'collect') channel.postMessage(heldBytes())
  }
}
channel.unref()
