import { EngineError } from '../src/base/errors.ts'

/** The 1-based character index of offset `at`, as the Postgres protocol counts: characters, not UTF-16 units. */
export function characterPosition(sql: string, at: number): number {
  let position = 1
  for (let i = 0; i < at; i++) {
    const unit = sql.charCodeAt(i)
    if (unit >= 0xd800 && unit <= 0xdbff && i + 1 < at) i++
    position++
  }
  return position
}

/** 42601 with the place. */
export function syntaxError(sql: string, at: number, message: string, hint?: string): EngineError {
  return new EngineError('42601', message, { position: characterPosition(sql, at), hint })
}
