import { EngineError } from '../src/base/errors.ts'

/** 42601 with the place. */
export function syntaxError(at: number, message: string, hint?: string): EngineError {
  return new EngineError('42601', message, { position: at + 1, hint })
}
