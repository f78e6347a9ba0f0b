import { gcd } from '../base/gcd.ts'
import { type Batch, takeRows } from '../batch/batch.ts'
import { type Column, expectStorage, int64AsNumber, takeColumn } from '../batch/column.ts'
import type { SideOutput, Watermark } from '../dataflow/operator.ts'

/** Hopping windows [start, start + size) at every multiple of the slide, plus the offset. */
export interface Hopping {
  readonly sizeMicros: number
  readonly slideMicros: number
  readonly offsetMicros: number
}

/** Width of the panes that every window is made of. */
export function paneMicros({ sizeMicros, slideMicros }: Hopping): number {
  return gcd(sizeMicros, slideMicros)
}

/** See `Operator.gridMicros`. */
export function gridMicros({ sizeMicros, slideMicros, offsetMicros }: Hopping): number {
  return gcd(sizeMicros, slideMicros, offsetMicros)
}

/** The end of the first window that ends after `time`. */
export function endAfter({ sizeMicros, slideMicros, offsetMicros }: Hopping, time: number): number {
  if (time === Number.NEGATIVE_INFINITY) return time
  const phase = offsetMicros + sizeMicros
  return (Math.floor((time - phase) / slideMicros) + 1) * slideMicros + phase
}

/** The end of the last window that begins at or before `time`; itself at or before `time` where that is in a gap between windows. */
export function lastEnd({ sizeMicros, slideMicros, offsetMicros }: Hopping, time: number): number {
  return Math.floor((time - offsetMicros) / slideMicros) * slideMicros + offsetMicros + sizeMicros
}

/**
 * The rows that are in a window still open at the watermark `closed`, and their computed columns. Rows that miss a window are reported
 * late, once, also those that are in others.
 */
export function inOpenWindows(
  hopping: Hopping,
  batch: Batch,
  columns: readonly Column[],
  time: number,
  closed: Watermark,
  side: SideOutput | undefined,
): { readonly batch: Batch; readonly columns: readonly Column[] } {
  const { words } = expectStorage(batch.columns[time], 'int64')
  const { rowCount } = batch
  const gaps = hopping.slideMicros > hopping.sizeMicros
  if (!gaps && noneBefore(words, rowCount, closed)) return { batch, columns }
  const open = new Int32Array(rowCount)
  const late = new Int32Array(rowCount)
  let openCount = 0
  let lateCount = 0
  for (let i = 0; i < rowCount; i++) {
    const at = int64AsNumber(words, i)
    const last = lastEnd(hopping, at)
    if (last <= at) continue
    if (endAfter(hopping, at) <= closed) late[lateCount++] = i
    if (last > closed) open[openCount++] = i
  }
  if (lateCount > 0) side?.late(batch, late, lateCount, closed)
  if (openCount === rowCount) return { batch, columns }
  return { batch: takeRows(batch, open, openCount), columns: columns.map(c => takeColumn(c, open, openCount)) }
}

function noneBefore(words: Int32Array, rowCount: number, closed: Watermark): boolean {
  for (let i = 0; i < rowCount; i++) if (int64AsNumber(words, i) < closed) return false
  return true
}
