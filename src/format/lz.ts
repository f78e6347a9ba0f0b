/** What the two codecs of the LZ77 family share. */
import { EngineError } from '../base/errors.ts'

/** Copies `length` bytes from `distance` before `out` to `out`; the ranges may overlap, which repeats a pattern. Gives the end. */
export function copyMatch(to: Uint8Array, out: number, distance: number, length: number): number {
  const from = out - distance
  if (length > 48 && distance >= length) to.copyWithin(out, from, from + length)
  else for (let i = 0; i < length; i++) to[out + i] = to[from + i]
  return out + length
}

/** Spreads the four bytes at `at` over 32 bits; take the upper ones. */
export function hashAt(bytes: Uint8Array, at: number): number {
  const word = bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)
  return Math.imul(word, 0x9e3779b1)
}

export function corrupt(codec: string): EngineError {
  const hint = 'The checksum is right, so the producer wrote them so; start behind them to go on.'
  return new EngineError('22000', `records that are not valid ${codec}`, { actor: 'external', hint })
}
