import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { type Batch, batchOfRows } from '../../src/batch/batch.ts'
import { INTEGER, type Schema } from '../../src/batch/types.ts'
import { interruptible } from '../../src/engine/stream.ts'

const schema: Schema = { fields: [{ name: 'n', type: INTEGER }] }

test('a stream that may be interrupted keeps no batch that was taken', async () => {
  setFlagsFromString('--expose-gc')
  const collect: () => void = runInNewContext('gc')
  const given: WeakRef<Batch>[] = []
  async function* numbers(): AsyncGenerator<Batch> {
    for (let n = 0; n < 100; n++) {
      const batch = batchOfRows(schema, [[n]])
      given.push(new WeakRef(batch))
      yield batch
    }
  }
  const stream = interruptible(numbers(), new AbortController().signal, () => new Error('interrupted'))
  for (let n = 0; n < 50; n++) await stream.next()
  // A WeakRef holds its target to the end of the turn.
  await new Promise(setImmediate)
  collect()
  expect(given.filter(batch => batch.deref() !== undefined).length).toBeLessThan(5)
  await stream.return()
})

test('an interrupted stream throws the reason at once, also while it waits, and closes its source', async () => {
  let closed = (): void => {}
  const isClosed = new Promise<void>(resolve => {
    closed = resolve
  })
  let come = (): void => {}
  async function* silence(): AsyncGenerator<Batch> {
    try {
      await new Promise<void>(resolve => {
        come = resolve
      })
    } finally {
      closed()
    }
  }
  const stop = new AbortController()
  const stream = interruptible(silence(), stop.signal, () => new Error('interrupted'))
  const next = stream.next()
  stop.abort()
  await expect(next).rejects.toThrow('interrupted')
  come()
  await isClosed
})
