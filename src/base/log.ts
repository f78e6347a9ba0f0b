/** Where the program reports what happens to it. Structured: fields first, then one sentence. Never carries secrets or row contents. */
export interface Logger {
  debug(fields: Record<string, unknown>, message: string): void
  info(fields: Record<string, unknown>, message: string): void
  warn(fields: Record<string, unknown>, message: string): void
  error(fields: Record<string, unknown>, message: string): void
}

const nothing = (): void => {}
/** For tests and one-shot commands. */
export const silentLogger: Logger = { debug: nothing, info: nothing, warn: nothing, error: nothing }
