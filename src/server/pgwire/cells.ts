import type { Column } from '../../batch/column.ts'
import type { ByteWriter } from './bytes.ts'

/** Appends the value of a row that is not NULL, without its length. Bound to one column of one batch. */
export type CellWriter = (out: ByteWriter, row: number) => void

/** One byte a row, 1 = present; undefined: no NULLs. Boxed columns keep NULLs among their values, so theirs is made here. */
export function validityOf(column: Column, rowCount: number): Uint8Array | undefined {
  if (column.storage !== 'boxed') return column.valid
  const valid = new Uint8Array(rowCount)
  for (let i = 0; i < rowCount; i++) valid[i] = column.values[i] === null ? 0 : 1
  return valid
}

/** The columns of a batch, ready to be written in one format each. */
export interface RowCells {
  readonly cells: readonly CellWriter[]
  readonly valids: readonly (Uint8Array | undefined)[]
}

/**
 * Appends messages of the given kind, each a row's fields, for rows [start, end), until `out` holds `bytesMax` or more; always at least one row.
 * Returns the row to go on with.
 */
export function writeRows(
  out: ByteWriter,
  kind: number,
  rows: RowCells,
  start: number,
  end: number,
  bytesMax: number,
): number {
  let row = start
  do {
    out.int8(kind)
    const at = out.beginLength()
    writeFields(out, rows, row)
    out.endLength(at, 4)
    row++
  } while (row < end && out.at < bytesMax)
  return row
}

/** The count of fields, then each with its length before it. */
function writeFields(out: ByteWriter, { cells, valids }: RowCells, row: number): void {
  const count = cells.length
  out.int16(count)
  for (let c = 0; c < count; c++) {
    const valid = valids[c]
    if (valid !== undefined && valid[row] === 0) out.int32(-1)
    else {
      const at = out.beginLength()
      cells[c](out, row)
      out.endLength(at, 0)
    }
  }
}
