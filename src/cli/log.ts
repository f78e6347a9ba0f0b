import { pino } from 'pino'
import type { Logger } from '../base/log.ts'

/** Structured lines on standard error, one a message. */
export function createLogger(level: string): Logger {
  return pino(
    { level, base: undefined, timestamp: pino.stdTimeFunctions.isoTime },
    pino.destination({ dest: 2, sync: true }),
  )
}
