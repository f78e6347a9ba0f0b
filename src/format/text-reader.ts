import { EngineError } from '../base/errors.ts'
import { MICROS_PER_DAY } from '../batch/civil.ts'
import { decodeUtf8, encodeUtf8, int64AsNumber } from '../batch/column.ts'
import { parseInterval } from '../batch/interval.ts'
import { canonicalJson } from '../batch/jsonb.ts'
import { fitDecimal, parseDecimal } from '../batch/numeric.ts'
import { parseDouble, parseWholeInto, trimEnd, trimStart } from '../batch/parse-number.ts'
import { TimeReader } from '../batch/parse-time.ts'
import { type Int64, typeName } from '../batch/types.ts'
import type { Arena } from './arena.ts'
import type { Slot } from './slot.ts'
import { readInstant } from './time-format.ts'
import { characterCount } from './utf8.ts'

const LETTER_Y = 121
const scratch = new Int32Array(2)

/** Turns the text of a value (a CSV field, the content of a JSON string, a JSON number) into a value of a column. */
export class TextReader {
  /** Why `set` answered false. */
  reason = ''
  readonly #arena: Arena
  readonly #time = new TimeReader()

  constructor(arena: Arena) {
    this.#arena = arena
  }

  /**
   * bytes[start … end) is valid UTF-8 without NUL; `inArena`: bytes are the arena's. Text columns keep pointing there, everything else
   * is trimmed of blanks first. False: the column cannot hold it.
   */
  set(slot: Slot, row: number, bytes: Uint8Array, start: number, end: number, inArena: boolean): boolean {
    switch (slot.type.kind) {
      case 'text':
      case 'unknown':
        slot.setText(row, inArena ? ~start : start, end)
        return true
      case 'varchar':
        return this.#setVarchar(slot, row, bytes, start, end, inArena, slot.type.length)
      case 'jsonb':
        return this.#setJson(slot, row, bytes, start, end)
    }
    const from = trimStart(bytes, start, end)
    const to = trimEnd(bytes, from, end)
    if (from === to && slot.type.kind !== 'bytea') return this.mismatch(slot, bytes, start, end)
    const set = this.#setTrimmed(slot, row, bytes, from, to)
    return set || (this.reason !== '' ? false : this.mismatch(slot, bytes, start, end))
  }

  /** False, with a reason that names the column, its type and the value. */
  mismatch(slot: Slot, bytes: Uint8Array, start: number, end: number): false {
    const length = Math.min(end - start, 60)
    const value = decodeUtf8(bytes, start, start + length) + (start + length < end ? '…' : '')
    return this.fail(`column "${slot.name}": "${value}" is no valid ${typeName(slot.type)}`)
  }

  fail(reason: string): false {
    this.reason = reason
    return false
  }

  #setTrimmed(slot: Slot, row: number, bytes: Uint8Array, start: number, end: number): boolean {
    this.reason = ''
    switch (slot.type.kind) {
      case 'boolean': {
        const value = booleanOf(decodeUtf8(bytes, start, Math.min(end, start + 6)))
        if (value === undefined) return false
        slot.setBool(row, value)
        return true
      }
      case 'smallint':
        return this.#setInt(slot, row, bytes, start, end, 0x7fff)
      case 'integer':
        return this.#setInt(slot, row, bytes, start, end, 0x7fffffff)
      case 'bigint': {
        const verdict = parseWholeInto(bytes, start, end, slot.ints, row)
        if (verdict === 'range') return this.#outOfRange(slot, bytes, start, end)
        if (verdict === 'ok') slot.valid[row] = 1
        return verdict === 'ok'
      }
      case 'real':
      case 'double':
        return this.#setDouble(slot, row, bytes, start, end)
      case 'numeric':
        return this.#setNumeric(slot, row, bytes, start, end)
      case 'date':
      case 'timestamp':
      case 'timestamptz':
        return this.#setInstant(slot, row, bytes, start, end)
      case 'time':
        return this.#setTime(slot, row, bytes, start, end)
      case 'interval':
        return this.#setInterval(slot, row, bytes, start, end)
      case 'uuid':
        return this.#setUuid(slot, row, bytes, start, end)
      case 'bytea':
        return this.#setBytea(slot, row, bytes, start, end)
      default:
        return false
    }
  }

  #outOfRange(slot: Slot, bytes: Uint8Array, start: number, end: number): false {
    const value = decodeUtf8(bytes, start, Math.min(end, start + 60))
    return this.fail(`column "${slot.name}": ${value} is out of range for type ${typeName(slot.type)}`)
  }

  #setInt(slot: Slot, row: number, bytes: Uint8Array, start: number, end: number, max: number): boolean {
    const verdict = parseWholeInto(bytes, start, end, scratch, 0)
    if (verdict === 'malformed') return false
    const value = int64AsNumber(scratch, 0)
    if (verdict === 'range' || value > max || value < -max - 1) return this.#outOfRange(slot, bytes, start, end)
    slot.setInt32(row, value)
    return true
  }

  #setDouble(slot: Slot, row: number, bytes: Uint8Array, start: number, end: number): boolean {
    const parsed = parseDouble(bytes, start, end) ?? specialDouble(decodeUtf8(bytes, start, end))
    if (parsed === undefined) return false
    const value = slot.type.kind === 'real' ? Math.fround(parsed) : parsed
    const digits = bytes[end - 1] <= 57
    if (digits && (value === Number.POSITIVE_INFINITY || value === Number.NEGATIVE_INFINITY)) {
      return this.#outOfRange(slot, bytes, start, end)
    }
    slot.setDouble(row, value)
    return true
  }

  #setNumeric(slot: Slot, row: number, bytes: Uint8Array, start: number, end: number): boolean {
    const { type } = slot
    if (type.kind !== 'numeric') return false
    const value = attempt(() => {
      const parsed = parseDecimal(decodeUtf8(bytes, start, end))
      return parsed && fitDecimal(parsed, type.precision, type.scale)
    })
    if (value === 'refused') return this.#outOfRange(slot, bytes, start, end)
    if (value === undefined) return false
    slot.boxed[row] = value
    return true
  }

  #setInterval(slot: Slot, row: number, bytes: Uint8Array, start: number, end: number): boolean {
    const value = attempt(() => parseInterval(decodeUtf8(bytes, start, end)))
    if (value === 'refused') return false
    slot.boxed[row] = value
    return true
  }

  #setInstant(slot: Slot, row: number, bytes: Uint8Array, start: number, end: number): boolean {
    const instant = readInstant(this.#time, slot.time, bytes, start, end, slot.type.kind === 'timestamptz')
    if (instant === undefined)
      return (bytes[end - 1] | 32) === LETTER_Y && setInfinity(slot, row, decodeUtf8(bytes, start, end))
    if (slot.type.kind === 'date') slot.setInt32(row, Number(dayOf(instant)))
    else slot.setInt64(row, instant)
    return true
  }

  #setTime(slot: Slot, row: number, bytes: Uint8Array, start: number, end: number): boolean {
    if (this.#time.readTime(bytes, start, end)) {
      slot.setInt64(row, this.#time.micros)
      return true
    }
    if (slot.time.kind === 'auto' && !this.#time.read(bytes, start, end)) return false
    const instant = readInstant(this.#time, slot.time, bytes, start, end, false)
    if (instant === undefined) return false
    slot.setInt64(row, BigInt(instant) - BigInt(dayOf(instant)) * BigInt(MICROS_PER_DAY))
    return true
  }

  #setVarchar(
    slot: Slot,
    row: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    inArena: boolean,
    lengthMax = Number.POSITIVE_INFINITY,
  ): boolean {
    if (end - start > lengthMax) {
      // As in SQL, only blanks may stand beyond the limit; they go.
      while (end > start && bytes[end - 1] === 32 && characterCount(bytes, start, end) > lengthMax) end--
      if (characterCount(bytes, start, end) > lengthMax) {
        return this.fail(`column "${slot.name}": value too long for type ${typeName(slot.type)}`)
      }
    }
    slot.setText(row, inArena ? ~start : start, end)
    return true
  }

  #setJson(slot: Slot, row: number, bytes: Uint8Array, start: number, end: number): boolean {
    const text = canonicalJson(decodeUtf8(bytes, start, end))
    if (text === undefined) return this.mismatch(slot, bytes, start, end)
    const made = encodeUtf8(text)
    const at = this.#arena.copy(made, 0, made.length)
    slot.setText(row, ~at, this.#arena.end)
    return true
  }

  /** 32 hex digits, hyphens after any group of four, perhaps in braces, as Postgres reads them; kept in the usual form. */
  #setUuid(slot: Slot, row: number, bytes: Uint8Array, start: number, end: number): boolean {
    const text = decodeUtf8(bytes, start, end).toLowerCase()
    const match = /^(\{?)((?:[0-9a-f]{4}-?){7}[0-9a-f]{4})(\}?)$/.exec(text)
    if (match === null || (match[1] === '') !== (match[3] === '')) return false
    const uuid = match[2].replaceAll('-', '').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
    const at = this.#arena.copy(encodeUtf8(uuid), 0, 36)
    slot.setText(row, ~at, this.#arena.end)
    return true
  }

  /** Postgres' `\x` and hex digits, else Base64. */
  #setBytea(slot: Slot, row: number, bytes: Uint8Array, start: number, end: number): boolean {
    const text = decodeUtf8(bytes, start, end)
    const hex = text.startsWith('\\x')
    if (hex ? !/^\\x([0-9a-fA-F]{2})*$/.test(text) : !isBase64(text)) return false
    const made = hex ? Buffer.from(text.slice(2), 'hex') : Buffer.from(text, 'base64')
    const at = this.#arena.copy(made, 0, made.length)
    slot.setText(row, ~at, this.#arena.end)
    return true
  }
}

function isBase64(text: string): boolean {
  return text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text)
}

function dayOf(instant: Int64): Int64 {
  if (typeof instant === 'number') return Math.floor(instant / MICROS_PER_DAY)
  const day = instant / BigInt(MICROS_PER_DAY)
  return instant < 0n && instant % BigInt(MICROS_PER_DAY) !== 0n ? day - 1n : day
}

/** Postgres' input of booleans: any unambiguous beginning of true, false, yes, no, on, off, 1, 0. */
function booleanOf(text: string): boolean | undefined {
  const word = text.toLowerCase()
  if (word === '1' || word === 'on' || 'true'.startsWith(word) || 'yes'.startsWith(word)) return true
  if (word === '0' || word === 'of' || word === 'off' || 'false'.startsWith(word) || 'no'.startsWith(word)) return false
  return undefined
}

function specialDouble(text: string): number | undefined {
  const match = /^(nan)$|^([+-]?)inf(inity)?$/i.exec(text)
  if (match === null) return undefined
  return match[1] !== undefined ? Number.NaN : match[2] === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
}

/** SQL's infinite dates and timestamps: the ends of their storage. */
function setInfinity(slot: Slot, row: number, text: string): boolean {
  const negative = /^-infinity$/i.test(text)
  if (!negative && !/^\+?infinity$/i.test(text)) return false
  if (slot.type.kind === 'date') slot.setInt32(row, negative ? -0x80000000 : 0x7fffffff)
  else slot.setInt64(row, negative ? -(2n ** 63n) : 2n ** 63n - 1n)
  return true
}

/** What SQL's own readers make of a text; `refused` where they throw. */
function attempt<T>(read: () => T): T | 'refused' {
  try {
    return read()
  } catch (error) {
    if (error instanceof EngineError) return 'refused'
    throw error
  }
}
