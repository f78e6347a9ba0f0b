import { describe, expect, test } from 'vitest'
import { broker, missing } from './broker.ts'
import { asMessages, inPartition0, never, numbers, open, place, readUntil } from './play.ts'

describe.skipIf(missing)('a broker that goes away and comes back', () => {
  test('a source goes on where it was', async () => {
    const topic = 'public/default/away'
    await broker().produce(topic, asMessages(numbers(0, 10)))
    const source = await open(place(topic), false)
    expect(await readUntil(source, 10)).toEqual(inPartition0(numbers(0, 10)))
    await broker().shutDown()
    expect((await source.poll(10, never)).kind).toBe('idle')
    await broker().restart()
    await broker().produce(topic, asMessages(numbers(10, 20)))
    expect(await readUntil(source, 10)).toEqual(inPartition0(numbers(10, 20)))
    expect((await source.poll(10, AbortSignal.abort())).kind).toBe('idle')
    await source.close()
  })
})
