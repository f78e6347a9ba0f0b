const LF = 10
const CR = 13

/** Where reading of lines stands: the byte after the last line read, and the row the next one becomes. */
export interface LineCursor {
  at: number
  row: number
}

/** Index of the next line feed, `end` when there is none. */
export function endOfLine(bytes: Uint8Array, start: number, end: number): number {
  let at = start
  while (at < end && bytes[at] !== LF) at++
  return at
}

/** The same of a view, four bytes a step: in ((x − 1…) & ~x) the lowest high bit marks the first zero byte. */
export function endOfLineIn(view: DataView, start: number, end: number): number {
  let at = start
  for (; at + 4 <= end; at += 4) {
    const x = view.getInt32(at, true) ^ 0x0a0a0a0a
    const found = (x - 0x01010101) & ~x & 0x80808080
    if (found !== 0) return at + ((31 - Math.clz32(found & -found)) >> 3)
  }
  for (; at < end; at++) if (view.getUint8(at) === LF) return at
  return end
}

/** Where a line that ends at `end` ends without the carriage return that belongs to its line end. */
export function withoutReturn(bytes: Uint8Array, start: number, end: number): number {
  return end > start && bytes[end - 1] === CR ? end - 1 : end
}
