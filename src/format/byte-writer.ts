import { dateOfDays, MICROS_PER_DAY } from '../batch/civil.ts'
import { encodeUtf8 } from '../batch/column.ts'

const TWO_32 = 4294967296
const HEX = encodeUtf8('0123456789abcdef')
/** "00" … "99". */
const PAIRS = encodeUtf8(Array.from({ length: 100 }, (_, i) => String(i).padStart(2, '0')).join(''))
/** 0: stands for itself in JSON; else the letter of its escape, or 117 (u). */
const ESCAPES = Uint8Array.from({ length: 256 }, (_, byte) => {
  const letter = { 8: 98, 9: 116, 10: 110, 12: 102, 13: 114, 34: 34, 92: 92 }[byte]
  return letter ?? (byte < 32 ? 117 : 0)
})

/** Text for `ByteWriter.fixed`: four bytes in a word, the last one filled up with zeros that the next text overwrites. */
export interface Fixed {
  readonly words: Int32Array
  readonly length: number
}

/** Prepares text that is written again and again. */
export function fixedText(text: string): Fixed {
  const { length } = encodeUtf8(text)
  const bytes = new Uint8Array((length + 3) & ~3)
  bytes.set(encodeUtf8(text))
  const view = new DataView(bytes.buffer)
  return { words: Int32Array.from({ length: bytes.length / 4 }, (_, i) => view.getInt32(4 * i, true)), length }
}

/** Writes text into bytes that grow; kept and reused from batch to batch. */
export class ByteWriter {
  bytes = new Uint8Array(4096)
  at = 0
  #view = new DataView(this.bytes.buffer)
  #day = Number.NaN
  readonly #dayText = new Uint8Array(16)
  #dayLength = 0

  reserve(count: number): void {
    if (this.at + count <= this.bytes.length) return
    const bytes = new Uint8Array(Math.max(2 * this.bytes.length, this.at + count))
    bytes.set(this.bytes.subarray(0, this.at))
    this.bytes = bytes
    this.#view = new DataView(bytes.buffer)
  }

  /** Text that is written again and again: see `Fixed`. */
  fixed(text: Fixed): void {
    const { words, length } = text
    this.reserve(length + 3)
    const view = this.#view
    let { at } = this
    for (let i = 0; i < words.length; i++) {
      view.setInt32(at, words[i], true)
      at += 4
    }
    this.at += length
  }

  byte(byte: number): void {
    if (this.at === this.bytes.length) this.reserve(1)
    this.bytes[this.at++] = byte
  }

  raw(from: Uint8Array, start: number, end: number): void {
    const length = end - start
    this.reserve(length)
    const { bytes, at } = this
    if (length < 32) for (let i = 0; i < length; i++) bytes[at + i] = from[start + i]
    else bytes.set(from.subarray(start, end), at)
    this.at = at + length
  }

  string(text: string): void {
    this.reserve(3 * text.length)
    const { bytes } = this
    let { at } = this
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i)
      if (code > 127) {
        const encoded = encodeUtf8(text.slice(i))
        bytes.set(encoded, at)
        this.at = at + encoded.length
        return
      }
      bytes[at++] = code
    }
    this.at = at
  }

  /** Valid UTF-8 as a JSON string, quotes included. */
  jsonString(from: Uint8Array, start: number, end: number): void {
    this.reserve(6 * (end - start) + 2)
    const { bytes } = this
    let { at } = this
    bytes[at++] = 34
    for (let i = start; i < end; i++) {
      const byte = from[i]
      const letter = ESCAPES[byte]
      if (letter === 0) bytes[at++] = byte
      else {
        bytes[at++] = 92
        bytes[at++] = letter
        if (letter === 117) {
          bytes[at++] = 48
          bytes[at++] = 48
          bytes[at++] = HEX[byte >> 4]
          bytes[at++] = HEX[byte & 15]
        }
      }
    }
    bytes[at++] = 34
    this.at = at
  }

  /** A whole number within ±2^53. */
  integer(value: number): void {
    this.reserve(24)
    if (value < 0) {
      this.bytes[this.at++] = 45
      value = -value
    }
    if (value < 1e9) this.#digits(value)
    else {
      const high = Math.floor(value / 1e8)
      if (high < 1e8) this.#digits(high)
      else {
        this.#digits(Math.floor(high / 1e8))
        this.#eight(high % 1e8)
      }
      this.#eight(value - high * 1e8)
    }
  }

  /** 64 bits from halves. */
  int64(low: number, high: number): void {
    const unsigned = low >>> 0
    if (high <= 0x1fffff && high > -0x200000) this.integer(high * TWO_32 + unsigned)
    else this.string(((BigInt(high) << 32n) | BigInt(unsigned)).toString())
  }

  /** The shortest decimal that reads back as the same double; `NaN`, `Infinity` as words. */
  double(value: number): void {
    if (Math.abs(value) < 1e15) {
      if (Math.trunc(value) === value) {
        if (value === 0 && 1 / value < 0) this.byte(45)
        this.integer(value)
        return
      }
      if (this.#shortDecimal(value)) return
    }
    this.string(String(value))
  }

  /**
   * scaled / 10^6 is one correctly rounded operation, so if it gives the value back its digits, without the zeros at the end, are a
   * text that reads back the same; with at most 15 of them it is the shortest.
   */
  #shortDecimal(value: number): boolean {
    const magnitude = Math.abs(value)
    if (magnitude < 1e-5 || magnitude >= 1e9) return false
    const scaled = Math.round(magnitude * 1e6)
    if (scaled / 1e6 !== magnitude) return false
    this.reserve(32)
    const whole = Math.floor(magnitude)
    let rest = (scaled - whole * 1e6) | 0
    let decimals = 6
    while (rest % 10 === 0) {
      rest = (rest / 10) | 0
      decimals--
    }
    if (value < 0) this.bytes[this.at++] = 45
    this.#digits(whole)
    this.bytes[this.at++] = 46
    for (let i = this.at + decimals - 1; i >= this.at; i--) {
      const next = (rest / 10) | 0
      this.bytes[i] = 48 + rest - 10 * next
      rest = next
    }
    this.at += decimals
    return true
  }

  /** Shortest decimal that reads back as the same 4-byte float. */
  real(value: number): void {
    if (Math.trunc(value) === value || !Number.isFinite(value)) {
      this.double(value)
      return
    }
    for (let precision = 1; precision <= 9; precision++) {
      const short = Number(value.toPrecision(precision))
      if (Math.fround(short) !== value) continue
      this.double(short)
      return
    }
  }

  /** 0 … 2^30. */
  #digits(value: number): void {
    const { bytes } = this
    let n = value | 0
    const length = digitCount(n)
    let i = this.at + length
    this.at = i
    while (n >= 100) {
      const next = (n / 100) | 0
      const pair = 2 * (n - 100 * next)
      bytes[--i] = PAIRS[pair + 1]
      bytes[--i] = PAIRS[pair]
      n = next
    }
    if (n >= 10) {
      bytes[--i] = PAIRS[2 * n + 1]
      bytes[--i] = PAIRS[2 * n]
    } else bytes[--i] = 48 + n
  }

  #eight(value: number): void {
    const high = (value / 10000) | 0
    this.#four(high)
    this.#four(value - 10000 * high)
  }

  #four(value: number): void {
    const high = (value / 100) | 0
    this.pair(high)
    this.pair(value - 100 * high)
  }

  /** 0 … 99 in two digits; room is reserved. */
  pair(value: number): void {
    this.bytes[this.at] = PAIRS[2 * value]
    this.bytes[this.at + 1] = PAIRS[2 * value + 1]
    this.at += 2
  }

  /** `2026-02-03`; years beyond 0 … 9999 have a sign and six digits (ISO 8601); or `infinity`. */
  date(days: number): void {
    if (days === 0x7fffffff || days === -0x80000000) {
      this.string(days > 0 ? 'infinity' : '-infinity')
      return
    }
    if (days !== this.#day) {
      const { year, month, day } = dateOfDays(days)
      const sign = year < 0 ? '-' : year > 9999 ? '+' : ''
      const digits = String(Math.abs(year)).padStart(sign === '' ? 4 : 6, '0')
      const text = encodeUtf8(`${sign}${digits}-${String(month).padStart(2, '0')}-${String(day).padStart(2, '0')}`)
      this.#dayText.set(text)
      this.#dayLength = text.length
      this.#day = days
    }
    this.raw(this.#dayText, 0, this.#dayLength)
  }

  /** `04:05:06.789`, or with six digits where the microseconds need them. */
  time(micros: number): void {
    this.reserve(16)
    const seconds = Math.floor(micros / 1_000_000)
    const fraction = micros - seconds * 1_000_000
    const minutes = (seconds / 60) | 0
    const hours = (minutes / 60) | 0
    this.pair(hours)
    this.bytes[this.at++] = 58
    this.pair(minutes - 60 * hours)
    this.bytes[this.at++] = 58
    this.pair(seconds - 60 * minutes)
    this.bytes[this.at++] = 46
    const millis = (fraction / 1000) | 0
    this.#three(millis)
    const rest = fraction - 1000 * millis
    if (rest !== 0) this.#three(rest)
  }

  #three(value: number): void {
    const tens = (value / 10) | 0
    this.pair(tens)
    this.bytes[this.at++] = 48 + value - 10 * tens
  }

  /** `2026-02-03T04:05:06.789`, or `infinity`, from the halves of microseconds since 1970. */
  timestamp(low: number, high: number): void {
    const micros = high * TWO_32 + (low >>> 0)
    if (Number.isSafeInteger(micros)) {
      const days = Math.floor(micros / MICROS_PER_DAY)
      this.date(days)
      this.byte(84)
      this.time(micros - days * MICROS_PER_DAY)
    } else if (high === 0x7fffffff && low === -1) this.string('infinity')
    else if (high === -0x80000000 && low === 0) this.string('-infinity')
    else {
      const exact = (BigInt(high) << 32n) | BigInt(low >>> 0)
      const day = BigInt(MICROS_PER_DAY)
      const rest = ((exact % day) + day) % day
      this.date(Number((exact - rest) / day))
      this.byte(84)
      this.time(Number(rest))
    }
  }
}

function digitCount(n: number): number {
  if (n < 10000) return n < 100 ? (n < 10 ? 1 : 2) : n < 1000 ? 3 : 4
  if (n < 1000000) return n < 100000 ? 5 : 6
  return n < 10000000 ? 7 : n < 100000000 ? 8 : n < 1000000000 ? 9 : 10
}
