/** Who has to act on an error: the author of the statement or data, or whoever runs the other system. */
export type Actor = 'user' | 'external'

/** What an error may carry beyond its message. */
export interface ErrorDetails {
  /** Where in the statement, in UTF-16 units from 1, as strings here are indexed. The Postgres server makes characters of them, as its clients count. */
  readonly position?: number
  readonly detail?: string
  /** What to do about it. */
  readonly hint?: string
  readonly actor?: Actor
  /** True when trying again later, unchanged, may succeed. */
  readonly retryable?: boolean
  readonly cause?: unknown
}

/** Something that is expected to go wrong in the world: bad SQL, bad data, a broker that is away. Everything a client sees is one. */
export class EngineError extends Error {
  /** Five characters, PostgreSQL appendix A. */
  readonly sqlState: string
  readonly position: number | undefined
  readonly detail: string | undefined
  readonly hint: string | undefined
  readonly actor: Actor
  readonly retryable: boolean

  constructor(sqlState: string, message: string, details: ErrorDetails = {}) {
    super(message, { cause: details.cause })
    this.name = 'EngineError'
    this.sqlState = sqlState
    this.position = details.position
    this.detail = details.detail
    this.hint = details.hint
    this.actor = details.actor ?? 'user'
    this.retryable = details.retryable ?? false
  }

  /** The same error with a position, for callers that know where in the statement it arose; keeps an earlier one. */
  at(position: number | undefined): EngineError {
    if (this.position !== undefined || position === undefined) return this
    const { detail, hint, actor, retryable, cause } = this
    return new EngineError(this.sqlState, this.message, { position, detail, hint, actor, retryable, cause })
  }
}

/** Parsed but not run yet. Names the feature. */
export function notSupported(feature: string, position?: number, hint?: string): EngineError {
  return new EngineError('0A000', `${feature} is not supported yet`, { position, hint })
}

/** Our own bug or an unknown fault, made presentable. An EngineError passes through unchanged. */
export function toEngineError(error: unknown): EngineError {
  if (error instanceof EngineError) return error
  const message = error instanceof Error ? error.message : String(error)
  return new EngineError('XX000', `internal error: ${message}`, { cause: error })
}

/** Names near a wrong one, nearest first, for hints: at most three, within a third of its length in edits. */
export function nearest(wrong: string, known: Iterable<string>): string[] {
  const limit = Math.max(1, Math.floor(wrong.length / 3))
  const scored: { name: string; distance: number }[] = []
  for (const name of known) {
    const distance = editDistance(wrong.toLowerCase(), name.toLowerCase(), limit)
    if (distance <= limit) scored.push({ name, distance })
  }
  return scored
    .sort((a, b) => a.distance - b.distance || (a.name < b.name ? -1 : 1))
    .slice(0, 3)
    .map(s => s.name)
}

/** Optimal string alignment distance, or limit + 1 when it is larger than `limit`. */
function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) > limit) return limit + 1
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1
      let best = Math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + same)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) best = Math.min(best, beforeLast[j - 2] + 1)
      row.push(best)
    }
    beforeLast = last
    last = row
  }
  return last[b.length]
}
