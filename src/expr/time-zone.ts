import { EngineError } from '../base/errors.ts'
import type { Int64 } from '../batch/types.ts'
import { addMicros } from './int64.ts'

/** Offsets of IANA time zones, from the ICU data inside Node, remembered in blocks of twelve days. */
export interface TimeZone {
  /** IANA name or fixed offset as written. */
  readonly name: string
  /** Seconds to add to UTC at an instant, in seconds since 1970 UTC. */
  offsetAt(utcSeconds: number): number
}

// Twelve days: no zone has two transitions within one block, not even around Ramadan in Morocco.
const BLOCK_SECONDS = 1_048_576
const zones = new Map<string, TimeZone>()

/** Abbreviations Postgres knows by default, as offsets in hours. */
const ABBREVIATIONS: Readonly<Record<string, number>> = {
  z: 0,
  utc: 0,
  gmt: 0,
  uct: 0,
  zulu: 0,
  est: -5,
  edt: -4,
  cst: -6,
  cdt: -5,
  mst: -7,
  mdt: -6,
  pst: -8,
  pdt: -7,
  akst: -9,
  akdt: -8,
  hst: -10,
  wet: 0,
  west: 1,
  bst: 1,
  cet: 1,
  cest: 2,
  met: 1,
  mest: 2,
  eet: 2,
  eest: 3,
  msk: 3,
  jst: 9,
  kst: 9,
  aest: 10,
  aedt: 11,
  acst: 9.5,
  awst: 8,
  nzst: 12,
  nzdt: 13,
}

/** Hours east of UTC of an abbreviation such as `EST`, or undefined. */
export function abbreviatedOffset(name: string): number | undefined {
  const key = name.toLowerCase()
  return Object.hasOwn(ABBREVIATIONS, key) ? ABBREVIATIONS[key] * 3600 : undefined
}

/** The zone of that name: IANA in any case, an abbreviation, or POSIX like `+3`, whose sign means west as Postgres has it. Throws 22023. */
export function timeZone(name: string): TimeZone {
  const known = zones.get(name)
  if (known) return known
  const made = makeZone(name)
  if (zones.size > 1000) zones.clear()
  zones.set(name, made)
  return made
}

function makeZone(name: string): TimeZone {
  const fixed = abbreviatedOffset(name)
  if (fixed !== undefined) return fixedZone(name, fixed)
  const posix = /^(?:[a-z]{3,}|<[^>]+>)?([+-]?)(\d{1,2})(?::?(\d{2}))?$/i.exec(name)
  if (posix) {
    const seconds = Number(posix[2]) * 3600 + Number(posix[3] ?? 0) * 60
    return fixedZone(name, posix[1] === '-' ? seconds : seconds === 0 ? 0 : -seconds)
  }
  let format: Intl.DateTimeFormat
  try {
    format = new Intl.DateTimeFormat('en-US', { timeZone: name, timeZoneName: 'longOffset' })
  } catch (cause) {
    throw new EngineError('22023', `time zone "${name}" not recognized`, { cause })
  }
  return ianaZone(format.resolvedOptions().timeZone, format)
}

/** A zone that is always `offset` seconds east of UTC. */
export function fixedZone(name: string, offset: number): TimeZone {
  return { name, offsetAt: () => offset }
}

function ianaZone(name: string, format: Intl.DateTimeFormat): TimeZone {
  /** Per block: offset at its start, the second it changes (or the block's end), offset after. */
  const blocks = new Map<number, { readonly before: number; readonly change: number; readonly after: number }>()
  const probe = (seconds: number): number => parseOffset(format.format(seconds * 1000))
  const block = (index: number) => {
    const start = index * BLOCK_SECONDS
    const end = start + BLOCK_SECONDS
    const before = probe(start)
    const after = probe(end)
    let low = start
    let change = end
    // Transitions fall on whole seconds; the last second with `before` is below `change`.
    if (before !== after) {
      while (change - low > 1) {
        const middle = Math.floor((low + change) / 2)
        if (probe(middle) === before) low = middle
        else change = middle
      }
    }
    const made = { before, change, after }
    if (blocks.size > 10_000) blocks.clear()
    blocks.set(index, made)
    return made
  }
  return {
    name,
    offsetAt(utcSeconds) {
      const seconds = Math.max(-8e12, Math.min(8e12, utcSeconds))
      const index = Math.floor(seconds / BLOCK_SECONDS)
      const { before, change, after } = blocks.get(index) ?? block(index)
      return seconds < change ? before : after
    },
  }
}

function parseOffset(formatted: string): number {
  const match = /GMT(?:([+-])(\d{2}):(\d{2})(?::(\d{2}))?)?$/.exec(formatted)
  if (!match?.[1]) return 0
  const seconds = Number(match[2]) * 3600 + Number(match[3]) * 60 + Number(match[4] ?? 0)
  return match[1] === '-' ? -seconds : seconds
}

/** Local wall time to UTC, in microseconds. A time that a transition skips counts as before it, a doubled one as after it. */
export function localToUtc(zone: TimeZone, localMicros: Int64): Int64 {
  const local = Math.floor(Number(localMicros) / 1_000_000)
  const before = zone.offsetAt(local - 86_400)
  const after = zone.offsetAt(local + 86_400)
  // A pair of transitions within two days does not happen: between equal offsets nothing changes.
  if (before === after) return addMicros(localMicros, -before * 1_000_000)
  const afterFits = zone.offsetAt(local - after) === after
  return addMicros(localMicros, -(afterFits ? after : before) * 1_000_000)
}

/** UTC to local wall time, in microseconds. */
export function utcToLocal(zone: TimeZone, utcMicros: Int64): Int64 {
  return addMicros(utcMicros, zone.offsetAt(Math.floor(Number(utcMicros) / 1_000_000)) * 1_000_000)
}
