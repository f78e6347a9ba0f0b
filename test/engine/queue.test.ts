import { expect, test } from 'vitest'
import { type Batch, batchOfRows } from '../../src/batch/batch.ts'
import { INTEGER, type Schema, TEXT } from '../../src/batch/types.ts'
import { BatchQueue } from '../../src/engine/queue.ts'

const schema: Schema = {
  fields: [
    { name: 'n', type: INTEGER },
    { name: 's', type: TEXT },
  ],
}

function batch(rows: number, bytes: number): Batch {
  return batchOfRows(
    schema,
    Array.from({ length: rows }, (_, n) => [n, 'x'.repeat(bytes)]),
  )
}

test('what a subscription begins with does not count as falling behind', async () => {
  const queue = new BatchQueue('fail')
  await queue.write(batch(100, 1))
  queue.limit({ rowsMax: 10, bytesMax: 1e6 })
  for (const rows of [6, 6]) await queue.write(batch(rows, 1))
  const seen: number[] = []
  for await (const { rowCount } of queue) {
    seen.push(rowCount)
    if (seen.length === 3) break
  }
  expect(seen).toEqual([100, 6, 6])
})

test('a reader that falls behind by rows or by bytes fails, and its writer hears that it has ended', async () => {
  for (const [rows, bytes] of [
    [20, 1],
    [1, 5000],
  ]) {
    const queue = new BatchQueue('fail')
    queue.limit({ rowsMax: 10, bytesMax: 4000 })
    await queue.write(batch(rows, bytes))
    await queue.write(batch(1, 1))
    await queue.ended
    await expect(queue[Symbol.asyncIterator]().next()).rejects.toMatchObject({ sqlState: '53400' })
  }
})

test('a writer that may wait waits until its rows are taken', async () => {
  const queue = new BatchQueue('wait')
  queue.limit({ rowsMax: 10, bytesMax: 1e6 })
  let written = false
  const writing = queue.write(batch(11, 1)).then(() => {
    written = true
  })
  await new Promise(setImmediate)
  expect(written).toBe(false)
  await queue[Symbol.asyncIterator]().next()
  await writing
})
