import { EngineError } from './errors.ts'

/** Parsers of options' texts, made for a name so that their errors (22023) can say it. */

export function wholeNumber(name: string, min: number, max = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return text => {
    const value = text.trim() === '' ? Number.NaN : Number(text)
    if (Number.isInteger(value) && value >= min && value <= max) return value
    throw invalid(name, text, `a whole number from ${min} to ${max}`)
  }
}

/** A share of 0 … 1, also as a percentage. */
export function share(name: string): (text: string) => number {
  return text => {
    const match = /^\s*(\d+(?:\.\d+)?|\.\d+)\s*(%?)\s*$/.exec(text)
    const value = match ? Number(match[1]) / (match[2] === '%' ? 100 : 1) : Number.NaN
    if (value >= 0 && value <= 1) return value
    throw invalid(name, text, "a share from 0 to 1, or a percentage such as '0.5%'")
  }
}

export function oneOf<T extends string>(name: string, words: readonly T[]): (text: string) => T {
  return text => {
    const found = words.find(word => word === text.trim().toLowerCase())
    if (found !== undefined) return found
    throw invalid(name, text, words.map(word => `'${word}'`).join(' or '))
  }
}

export function booleanWord(name: string): (text: string) => boolean {
  return text => {
    const word = text.trim().toLowerCase()
    if (['true', 'on', 'yes', '1'].includes(word)) return true
    if (['false', 'off', 'no', '0'].includes(word)) return false
    throw invalid(name, text, "'true' or 'false'")
  }
}

/** Milliseconds of `500 ms`, `5s`, `7 days`. */
export function durationMs(name: string): (text: string) => number {
  return text => {
    const match =
      /^\s*(\d+(?:\.\d+)?)\s*(ms|milliseconds?|s|sec|seconds?|m|min|minutes?|h|hours?|d|days?|w|weeks?)\s*$/i.exec(text)
    const unit = match?.[2].toLowerCase()
    const factor = unit?.startsWith('mil') ? 1 : UNITS_MS[unit === 'ms' ? 'ms' : (unit?.[0] ?? '')]
    if (match && factor !== undefined) return Number(match[1]) * factor
    throw invalid(name, text, "a duration such as '500 ms', '30 seconds' or '7 days'")
  }
}

/** Bytes of `1048576`, `64 MB`, `1 GiB`; both kinds of units are powers of 1024, as Postgres has it. */
export function byteSize(name: string): (text: string) => number {
  return text => {
    const match = /^\s*(\d+(?:\.\d+)?)\s*(?:([kmgt])?i?b?)\s*$/i.exec(text)
    if (match) return Math.floor(Number(match[1]) * 1024 ** ' kmgt'.indexOf(match[2]?.toLowerCase() ?? ' '))
    throw invalid(name, text, "a size such as '64 MB' or '1 GB'")
  }
}

/** Milliseconds since 1970 of an ISO 8601 time; UTC where it names no zone. */
export function timeMs(name: string): (text: string) => number {
  return text => {
    const trimmed = text.trim()
    const zoned = /(?:z|[+-]\d\d:?\d\d)$/i.test(trimmed) || /^\d{4}-\d\d-\d\d$/.test(trimmed)
    const ms = /^\d{4}-\d\d-\d\d/.test(trimmed) ? Date.parse(zoned ? trimmed : `${trimmed}Z`) : Number.NaN
    if (!Number.isNaN(ms)) return ms
    throw invalid(name, text, "a time such as '2026-01-01T00:00:00Z'")
  }
}

/** Where a source without a checkpoint begins. */
export type Start = 'earliest' | 'latest' | { readonly timestampMs: number }

export function startingPoint(name: string): (text: string) => Start {
  return text => {
    const word = text.trim().toLowerCase()
    if (word === 'earliest' || word === 'latest') return word
    if (!/^\d{4}-/.test(word))
      throw invalid(name, text, "'earliest', 'latest' or a time such as '2026-01-01T00:00:00Z'")
    return { timestampMs: timeMs(name)(text) }
  }
}

const UNITS_MS: Readonly<Record<string, number | undefined>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
}

function invalid(name: string, text: string, accepted: string): EngineError {
  return new EngineError('22023', `option ${name} = '${text}' must be ${accepted}`)
}
