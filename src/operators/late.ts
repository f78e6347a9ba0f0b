import { type Column, expectStorage, int64AsNumber } from '../batch/column.ts'
import type { Watermark } from '../dataflow/operator.ts'

/** Rows by whether their window has closed: its end is at or before the watermark. NULL ends never close. Undefined: none has. */
export function splitLate(
  windowEnd: Column,
  rowCount: number,
  watermark: Watermark,
): { readonly late: Int32Array; readonly open: Int32Array } | undefined {
  const { words, valid } = expectStorage(windowEnd, 'int64')
  let row = 0
  while (row < rowCount && int64AsNumber(words, row) > watermark) row++
  if (row === rowCount) return undefined
  const late = new Int32Array(rowCount)
  const open = new Int32Array(rowCount)
  let lateCount = 0
  let openCount = 0
  for (let i = 0; i < rowCount; i++) {
    const isOpen = int64AsNumber(words, i) > watermark || (valid !== undefined && valid[i] === 0)
    if (isOpen) open[openCount++] = i
    else late[lateCount++] = i
  }
  if (lateCount === 0) return undefined
  return { late: late.subarray(0, lateCount), open: open.subarray(0, openCount) }
}
