import { JSON_DEPTH_MAX } from '../batch/jsonb.ts'
import type { Arena } from './arena.ts'
import { characterLength } from './utf8.ts'

/**
 * Walks the tokens of one JSON document in bytes, strictly by RFC 8259. Every method takes the index of the first byte of what it
 * reads and answers the index after it, or −1 with `reason` set. Content that is only skipped is checked for grammar, not for UTF-8.
 */
export class JsonScanner {
  bytes: Uint8Array = new Uint8Array(0)
  /** Where the document begins: reasons count from here. */
  start = 0
  end = 0
  reason = ''
  /** The content of the string read last: in the arena when it had escapes, else in `bytes`. */
  textStart = 0
  textEnd = 0
  textInArena = false
  readonly arena: Arena
  /** 1: inside an object, 0: inside an array. */
  readonly #stack = new Uint8Array(JSON_DEPTH_MAX)

  constructor(arena: Arena) {
    this.arena = arena
  }

  fail(at: number, what: string): -1 {
    this.reason = `invalid JSON at byte ${at - this.start}: ${at >= this.end ? 'unexpected end' : what}`
    return -1
  }

  space(at: number): number {
    const { bytes, end } = this
    while (at < end && (bytes[at] === 32 || bytes[at] === 10 || bytes[at] === 13 || bytes[at] === 9)) at++
    return at
  }

  /** A string for keeping; `at` is its opening quote. */
  string(at: number): number {
    const { bytes, end } = this
    let i = at + 1
    this.textStart = i
    this.textInArena = false
    while (i < end) {
      const byte = bytes[i]
      if (byte === 34) {
        this.textEnd = i
        return i + 1
      }
      if (byte === 92) return this.#unescape(at + 1, i)
      if (byte < 32) return this.fail(i, 'control character in a string')
      if (byte < 128) i++
      else {
        const length = characterLength(bytes, i, end)
        if (length === 0) return this.fail(i, 'invalid UTF-8')
        i += length
      }
    }
    return this.fail(i, '')
  }

  /** The rest of a string with an escape at `at`; what came before it is from `first`. */
  #unescape(first: number, at: number): number {
    const { bytes, end, arena } = this
    this.textStart = arena.copy(bytes, first, at)
    this.textInArena = true
    let i = at
    while (i < end) {
      const byte = bytes[i]
      if (byte === 34) {
        this.textEnd = arena.end
        return i + 1
      }
      if (byte === 92) {
        i = this.#escape(i)
        if (i < 0) return i
        continue
      }
      if (byte < 32) return this.fail(i, 'control character in a string')
      const length = characterLength(bytes, i, end)
      if (length === 0) return this.fail(i, 'invalid UTF-8')
      arena.copy(bytes, i, i + length)
      i += length
    }
    return this.fail(i, '')
  }

  #escape(at: number): number {
    const letter = at + 1 < this.end ? this.bytes[at + 1] : 0
    if (letter !== 117) {
      const byte = simpleEscape(letter)
      if (byte < 0) return this.fail(at + 1, 'unknown escape')
      this.#put(byte)
      return at + 2
    }
    let code = this.#hex(at + 2)
    let after = at + 6
    if (code < 0) return this.fail(at + 2, 'four hex digits expected')
    if (code === 0) {
      this.reason = 'text cannot hold the character NUL'
      return -1
    }
    if (code >= 0xd800 && code <= 0xdfff) {
      const low = this.bytes[after] === 92 && this.bytes[after + 1] === 117 ? this.#hex(after + 2) : -1
      if (code > 0xdbff || low < 0xdc00 || low > 0xdfff) return this.fail(at, 'half a surrogate pair')
      code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00)
      after += 6
    }
    if (code < 0x80) this.#put(code)
    else if (code < 0x800) this.#put(0xc0 | (code >> 6), 0x80 | (code & 63))
    else if (code < 0x10000) this.#put(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63))
    else this.#put(0xf0 | (code >> 18), 0x80 | ((code >> 12) & 63), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63))
    return after
  }

  #put(...bytes: number[]): void {
    this.arena.reserve(bytes.length)
    for (const byte of bytes) this.arena.bytes[this.arena.end++] = byte
  }

  /** Four hex digits, or −1. */
  #hex(at: number): number {
    if (at + 4 > this.end) return -1
    let value = 0
    for (let i = at; i < at + 4; i++) {
      const digit = hexDigit(this.bytes[i])
      if (digit < 0) return -1
      value = value * 16 + digit
    }
    return value
  }

  /** A string nobody keeps. */
  skipString(at: number): number {
    const { bytes, end } = this
    let i = at + 1
    while (i < end) {
      const byte = bytes[i]
      if (byte === 34) return i + 1
      if (byte < 32) return this.fail(i, 'control character in a string')
      if (byte !== 92) {
        i++
        continue
      }
      const letter = i + 1 < end ? bytes[i + 1] : 0
      if (letter === 117) {
        if (this.#hex(i + 2) < 0) return this.fail(i + 2, 'four hex digits expected')
        i += 6
      } else {
        if (simpleEscape(letter) < 0) return this.fail(i + 1, 'unknown escape')
        i += 2
      }
    }
    return this.fail(i, '')
  }

  number(at: number): number {
    const { bytes, end } = this
    const after = numberEnd(bytes, at, end)
    if (after >= 0) return after
    const first = at < end && bytes[at] === 45 ? at + 1 : at
    return this.fail(~after, ~after === first ? 'value expected' : 'digit expected')
  }

  /** true, false or null. */
  word(at: number): number {
    const { bytes, end } = this
    const first = bytes[at]
    if (first === 116 && at + 4 <= end && bytes[at + 1] === 114 && bytes[at + 2] === 117 && bytes[at + 3] === 101) {
      return at + 4
    }
    if (first === 110 && at + 4 <= end && bytes[at + 1] === 117 && bytes[at + 2] === 108 && bytes[at + 3] === 108) {
      return at + 4
    }
    const isFalse = first === 102 && at + 5 <= end && bytes[at + 1] === 97 && bytes[at + 2] === 108
    if (isFalse && bytes[at + 3] === 115 && bytes[at + 4] === 101) return at + 5
    return this.fail(at, 'value expected')
  }

  /** Any value, without recursion. */
  skip(at: number): number {
    const { bytes, end } = this
    const stack = this.#stack
    let depth = 0
    let i = at
    for (;;) {
      i = this.space(i)
      if (i >= end) return this.fail(i, '')
      const byte = bytes[i]
      if (byte === 123 || byte === 91) {
        if (depth === JSON_DEPTH_MAX) return this.tooDeep()
        const close = byte + 2
        i = this.space(i + 1)
        if (i < end && bytes[i] === close) i++
        else {
          stack[depth++] = byte === 123 ? 1 : 0
          if (byte === 123) i = this.#skipKey(i)
          if (i < 0) return i
          continue
        }
      } else if (byte === 34) i = this.skipString(i)
      else if (byte === 45 || isDigit(byte)) i = this.number(i)
      else i = this.word(i)
      if (i < 0) return i
      // After a value: close what ends here, then go on to the next value.
      for (;;) {
        if (depth === 0) return i
        i = this.space(i)
        const inObject = stack[depth - 1] === 1
        if (i < end && bytes[i] === 44) {
          i = inObject ? this.#skipKey(this.space(i + 1)) : i + 1
          if (i < 0) return i
          break
        }
        if (i >= end || bytes[i] !== (inObject ? 125 : 93)) {
          return this.fail(i, inObject ? 'comma or } expected' : 'comma or ] expected')
        }
        i++
        depth--
      }
    }
  }

  tooDeep(): -1 {
    this.reason = `JSON is nested more than ${JSON_DEPTH_MAX} deep`
    return -1
  }

  #skipKey(at: number): number {
    if (at >= this.end || this.bytes[at] !== 34) return this.fail(at, 'key expected')
    const after = this.skipString(at)
    return after < 0 ? after : this.colon(after)
  }

  colon(at: number): number {
    const i = this.space(at)
    return i < this.end && this.bytes[i] === 58 ? i + 1 : this.fail(i, 'colon expected')
  }
}

/** The index after the number at `at`; the complement of the index where a digit is missing. */
export function numberEnd(bytes: Uint8Array, at: number, end: number): number {
  let i = at
  if (i < end && bytes[i] === 45) i++
  if (i >= end || !isDigit(bytes[i])) return ~i
  if (bytes[i] === 48) i++
  else while (i < end && isDigit(bytes[i])) i++
  if (i < end && bytes[i] === 46) {
    const fraction = ++i
    while (i < end && isDigit(bytes[i])) i++
    if (i === fraction) return ~i
  }
  if (i < end && (bytes[i] | 32) === 101) {
    i++
    if (i < end && (bytes[i] === 43 || bytes[i] === 45)) i++
    const exponent = i
    while (i < end && isDigit(bytes[i])) i++
    if (i === exponent) return ~i
  }
  return i
}

function isDigit(byte: number): boolean {
  return byte >= 48 && byte <= 57
}

function hexDigit(byte: number): number {
  if (isDigit(byte)) return byte - 48
  const lower = byte | 32
  return lower >= 97 && lower <= 102 ? lower - 87 : -1
}

function simpleEscape(letter: number): number {
  switch (letter) {
    case 34:
    case 47:
    case 92:
      return letter
    case 98:
      return 8
    case 102:
      return 12
    case 110:
      return 10
    case 114:
      return 13
    case 116:
      return 9
    default:
      return -1
  }
}
