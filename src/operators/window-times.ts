import { type Batch, takeRows } from '../batch/batch.ts'
import { expectStorage } from '../batch/column.ts'
import type { SideOutput } from '../dataflow/operator.ts'

/** High words of times within ±2^53 microseconds, years 1685 to 2255, less room for a window: whole doubles hold them exactly. */
const HIGH_MAX = 0x1ffffe

/**
 * The rows whose time can have a window. A row without a time, or at ±infinity, is in no window and goes where bad rows go.
 * The batch itself when all can, which is the rule.
 */
export function withWindowTimes(batch: Batch, time: number, side: SideOutput | undefined): Batch {
  const { words, valid } = expectStorage(batch.columns[time], 'int64')
  const { rowCount } = batch
  if (!valid && allUsable(words, rowCount)) return batch
  const rows = new Int32Array(rowCount)
  let count = 0
  for (let i = 0; i < rowCount; i++) {
    const isNull = valid !== undefined && valid[i] === 0
    if (!isNull && isUsable(words[2 * i + 1])) rows[count++] = i
    else
      side?.bad(
        batch,
        i,
        isNull
          ? 'the time of the row is NULL, so it is in no window'
          : 'the time of the row is out of range for a window',
      )
  }
  return count === rowCount ? batch : takeRows(batch, rows, count)
}

function allUsable(words: Int32Array, rowCount: number): boolean {
  for (let i = 0; i < rowCount; i++) if (!isUsable(words[2 * i + 1])) return false
  return true
}

function isUsable(high: number): boolean {
  return high <= HIGH_MAX && high >= -HIGH_MAX
}
