import { MessageChannel } from 'node:worker_threads'
import { expect, onTestFinished, test } from 'vitest'
import { EngineError } from '../../src/base/errors.ts'
import { type Batch, batchOfRows, rowAt } from '../../src/batch/batch.ts'
import { INTEGER, type Schema } from '../../src/batch/types.ts'
import { Channel, serveChannel } from '../../src/jobs/channel.ts'

const schema: Schema = { fields: [{ name: 'n', type: INTEGER }] }

function connect(counter: { made: number; cancelled: boolean }): Channel {
  const { port1, port2 } = new MessageChannel()
  onTestFinished(() => port1.close())
  serveChannel(port1, {
    calls: {
      add: async ({ a, b }: { a: number; b: number }) => a + b,
      fail: async () => {
        throw new EngineError('22012', 'division by zero', { hint: 'do not', position: 3 })
      },
    },
    streams: {
      async *count({ to }: { to: number }, signal: AbortSignal): AsyncGenerator<Batch> {
        signal.addEventListener('abort', () => {
          counter.cancelled = true
        })
        for (let n = 1; n <= to; n++) {
          counter.made++
          yield batchOfRows(schema, [[n]])
        }
      },
    },
  })
  return new Channel(port2)
}

test('answers calls and carries errors whole', async () => {
  const channel = connect({ made: 0, cancelled: false })
  expect(await channel.call('add', { a: 1, b: 2 })).toBe(3)
  await expect(channel.call('fail', {})).rejects.toMatchObject({ sqlState: '22012', hint: 'do not', position: 3 })
})

test('streams every batch in order', async () => {
  const channel = connect({ made: 0, cancelled: false })
  const seen: unknown[] = []
  for await (const batch of channel.stream('count', { to: 100 })) seen.push(rowAt(batch, 0)[0])
  expect(seen).toEqual(Array.from({ length: 100 }, (_, i) => i + 1))
})

test('a reader that stops holds the writer back, and leaving cancels it', async () => {
  const counter = { made: 0, cancelled: false }
  const channel = connect(counter)
  for await (const batch of channel.stream('count', { to: 1_000_000 })) {
    expect(rowAt(batch, 0)).toEqual([1])
    await channel.call('add', { a: 0, b: 0 })
    break
  }
  expect(counter.made).toBeLessThan(20)
  while (!counter.cancelled) await channel.call('add', { a: 0, b: 0 })
})

test('close fails what is under way', async () => {
  const channel = connect({ made: 0, cancelled: false })
  const call = channel.call('add', { a: 1, b: 1 })
  channel.close(new EngineError('57P01', 'worker ended'))
  await expect(call).rejects.toMatchObject({ sqlState: '57P01' })
  await expect(channel.call('add', {})).rejects.toMatchObject({ sqlState: '57P01' })
})

test('a reader that leaves by its signal while it waits cancels the work at once', async () => {
  const { port1, port2 } = new MessageChannel()
  onTestFinished(() => port1.close())
  const stopped = new Promise<void>(resolve => {
    serveChannel(port1, {
      calls: {},
      streams: {
        async *silence(_: unknown, signal: AbortSignal): AsyncGenerator<Batch> {
          await new Promise(heard => signal.addEventListener('abort', heard))
          resolve()
        },
      },
    })
  })
  const leave = new AbortController()
  const next = new Channel(port2).stream('silence', {}, leave.signal).next()
  leave.abort()
  expect(await next).toEqual({ done: true, value: undefined })
  await stopped
})
