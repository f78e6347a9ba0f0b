import { expect, onTestFinished, test } from 'vitest'
import { openRowLog } from '../../src/log/row-log.ts'
import { temporaryFolder } from '../support/temporary.ts'

test('rows are kept by job and number, replaced by a replay, trimmed and listed in pieces, the newest first', async () => {
  const rows = openRowLog<{ reason: string; raw: Uint8Array }>(temporaryFolder(), 'bad', 3)
  onTestFinished(() => rows.close())
  const row = (number: number, reason: string) => ({ number, row: { reason, raw: Uint8Array.of(number) } })
  await rows.put('a', [row(0, 'zero'), row(1, 'one')])
  await rows.put('a', [row(1, 'one again'), row(2, 'two')])
  await rows.put('b/x', [row(0, 'other')])
  const all = { limit: 10 }
  expect(rows.list('a', all).map(r => r.row.reason)).toEqual(['two', 'one again', 'zero'])
  await rows.put('a', [row(3, 'three'), row(4, 'four')])
  expect(rows.list('a', all).map(r => r.number)).toEqual([4, 3, 2])
  expect(rows.list('a', { limit: 2 }).map(r => r.row.reason)).toEqual(['four', 'three'])
  expect(rows.list('a', { before: 3, limit: 2 }).map(r => [...r.row.raw])).toEqual([[2]])
  expect(rows.list('b/x', all).map(r => r.number)).toEqual([0])
  expect(rows.jobs()).toEqual(['a', 'b/x'])
  await rows.clear('a')
  expect(rows.jobs()).toEqual(['b/x'])
})
