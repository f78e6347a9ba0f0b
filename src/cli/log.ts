import { pino } from 'pino'
import type { Logger } from '../base/log.ts'
import { oneOf } from '../base/option-parsers.ts'
import type { Flag } from './command.ts'

/** How much is told on standard error. */
export const logLevelFlag: Flag = {
  name: 'log-level',
  value: 'LEVEL',
  doc: 'debug, info, warn or error',
  default: 'info',
  parse: oneOf('--log-level', ['debug', 'info', 'warn', 'error']),
}

/** Structured lines on standard error, one a message. */
export function createLogger(level: string): Logger {
  return pino(
    { level, base: undefined, timestamp: pino.stdTimeFunctions.isoTime },
    pino.destination({ dest: 2, sync: true }),
  )
}
