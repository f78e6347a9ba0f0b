/** DELTA_BINARY_PACKED for 64-bit integers that are safe numbers, such as times: https://github.com/apache/parquet-format/blob/master/Encodings.md */
import { Bytes } from './bytes.ts'

const BLOCK = 128
const MINIBLOCK = 32
const TWO_32 = 4294967296

/** values[start … end) encoded; undefined when a difference is not a safe number. */
export function writeDelta(values: Float64Array, start: number, end: number): Uint8Array | undefined {
  const out = new Bytes(64 + (end - start) * 2)
  out.varint(BLOCK)
  out.varint(BLOCK / MINIBLOCK)
  out.varint(end - start)
  out.zigzag(start < end ? values[start] : 0)
  const deltas = new Float64Array(BLOCK)
  for (let block = start + 1; block < end; block += BLOCK) {
    const count = Math.min(BLOCK, end - block)
    let least = Number.POSITIVE_INFINITY
    let most = Number.NEGATIVE_INFINITY
    for (let i = 0; i < count; i++) {
      const delta = values[block + i] - values[block + i - 1]
      deltas[i] = delta
      if (delta < least) least = delta
      if (delta > most) most = delta
    }
    if (!(most - least < 2 ** 52 && Math.abs(least) < 2 ** 51)) return undefined
    out.zigzag(least)
    const widths = out.at
    out.append(NO_WIDTHS)
    for (let mini = 0; mini < count; mini += MINIBLOCK) {
      const end = Math.min(count, mini + MINIBLOCK)
      let highest = 0
      for (let i = mini; i < end; i++) {
        deltas[i] -= least
        if (deltas[i] > highest) highest = deltas[i]
      }
      // What the miniblock lacks is packed as zeros.
      deltas.fill(0, end, mini + MINIBLOCK)
      const width = highest < TWO_32 ? 32 - Math.clz32(highest) : 64 - Math.clz32(Math.floor(highest / TWO_32))
      out.bytes[widths + mini / MINIBLOCK] = width
      pack(deltas, mini, width, out)
    }
  }
  return out.take()
}

const NO_WIDTHS = new Uint8Array(BLOCK / MINIBLOCK)

/** One miniblock, lowest bits first. */
function pack(values: Float64Array, start: number, width: number, out: Bytes): void {
  out.reserve(width * 4 + 4)
  const { bytes } = out
  let at = out.at
  let pending = 0
  let bits = 0
  for (let i = start; i < start + MINIBLOCK; i++) {
    let rest = values[i]
    // At most 16 bits a step, so that `pending` stays within 32.
    for (let left = width; left > 0; left -= 16) {
      const step = left < 16 ? left : 16
      const low = rest % 65536
      rest = (rest - low) / 65536
      pending |= low << bits
      bits += step
      while (bits >= 8) {
        bytes[at++] = pending
        pending >>>= 8
        bits -= 8
      }
    }
  }
  out.at += width * 4
}
