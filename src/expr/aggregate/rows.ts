import type { Column } from '../../batch/column.ts'

/** Whether the value is NULL. Small, so that it is inlined in loops. */
export function isNullRow(column: Column, row: number): boolean {
  if (column.storage === 'boxed') return column.values[row] === null
  return column.valid !== undefined && column.valid[row] === 0
}
