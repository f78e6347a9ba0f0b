/** Length in bytes (1 … 4) of the UTF-8 character at `at`; 0 when none is complete and valid before `end`. */
export function characterLength(bytes: Uint8Array, at: number, end: number): number {
  const first = bytes[at]
  if (first < 0x80) return 1
  if (first < 0xc2 || first > 0xf4) return 0
  if (first < 0xe0) return at + 1 < end && isTail(bytes[at + 1]) ? 2 : 0
  if (first < 0xf0) {
    if (at + 2 >= end || !isTail(bytes[at + 1]) || !isTail(bytes[at + 2])) return 0
    // Overlong forms and surrogates.
    if ((first === 0xe0 && bytes[at + 1] < 0xa0) || (first === 0xed && bytes[at + 1] > 0x9f)) return 0
    return 3
  }
  if (at + 3 >= end || !isTail(bytes[at + 1]) || !isTail(bytes[at + 2]) || !isTail(bytes[at + 3])) return 0
  if ((first === 0xf0 && bytes[at + 1] < 0x90) || (first === 0xf4 && bytes[at + 1] > 0x8f)) return 0
  return 4
}

function isTail(byte: number): boolean {
  return (byte & 0xc0) === 0x80
}

/** What is wrong with bytes[start … end) as a Postgres text, undefined when nothing is: valid UTF-8 without NUL. */
export function textFault(bytes: Uint8Array, start: number, end: number): string | undefined {
  let at = start
  while (at < end) {
    if (bytes[at] === 0) return 'text cannot hold the character NUL'
    const length = characterLength(bytes, at, end)
    if (length === 0) return `invalid UTF-8 at byte ${at - start}`
    at += length
  }
  return undefined
}

/** Characters in valid UTF-8. */
export function characterCount(bytes: Uint8Array, start: number, end: number): number {
  let count = 0
  for (let i = start; i < end; i++) if (!isTail(bytes[i])) count++
  return count
}
