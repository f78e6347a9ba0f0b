import { describe, expect, test } from 'vitest'
import { startServer } from '../../support/server.ts'
import { broker, missing } from './broker.ts'
import { asMessages, inPartition0, never, numbers, open, place, readUntil } from './play.ts'

/** As long as a first start may take, which is what most of it is. */
const RESTART_MS = 120_000

describe.skipIf(missing)('a broker that goes away and comes back', () => {
  test(
    'sources and jobs go on where they were',
    async () => {
      const topic = 'public/default/away'
      await broker().produce(topic, asMessages(numbers(0, 10)))
      const source = await open(place(topic), false)
      expect(await readUntil(source, 10)).toEqual(inPartition0(numbers(0, 10)))
      const server = await startServer()
      const at = `connector = 'pulsar', url = '${broker().url}', format = 'text'`
      await server.query(`CREATE SOURCE away (n text) WITH (${at}, topic = '${topic}')`)
      await server.query(`CREATE SINK copied AS SELECT n FROM away WITH (${at}, topic = 'public/default/back')`)
      const copied = async (): Promise<unknown> => (await broker().read('public/default/back')).map(m => m.value)
      await expect.poll(copied, { timeout: RESTART_MS }).toEqual(numbers(0, 10))

      await broker().shutDown()
      expect((await source.poll(10, never)).kind).toBe('idle')
      await broker().restart()
      await broker().produce(topic, asMessages(numbers(10, 20)))
      expect(await readUntil(source, 10)).toEqual(inPartition0(numbers(10, 20)))
      expect((await source.poll(10, AbortSignal.abort())).kind).toBe('idle')
      await source.close()
      await expect.poll(copied, { timeout: RESTART_MS }).toEqual(numbers(0, 20))
    },
    RESTART_MS,
  )
})
