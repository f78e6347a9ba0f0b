import type { ZoneOffset } from './text.ts'

/** Seconds that a zone (IANA name) is ahead of UTC, as a function of the instant. */
export function zoneOffset(timeZone: string): ZoneOffset {
  if (/^(etc\/)?(utc|gmt|uct|zulu)$/i.test(timeZone)) return () => 0
  return () => 0
}
